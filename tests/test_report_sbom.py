"""`report spdx` and `report cyclonedx`, and what others say of them.

They are judged by the tools of SPDX, NTIA, CycloneDX and Software Heritage, and by the files
themselves.
"""

import hashlib
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from ntia_conformance_checker import SbomChecker
from packageurl import PackageURL
from spdx_tools.spdx.model.actor import Actor
from spdx_tools.spdx.parser.error import SPDXParsingError
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from swh.model.from_disk import Content, Directory
from swh.model.swhids import CoreSWHID, QualifiedSWHID

from sync.quoting import quote_path, unquote_path
from tests.support.bundles import LICENSE, Bundle
from tests.support.hosts import Host, mirror
from tests.support.torture import ALLOW
from tests.support.upstreams import Upstream


def written(bundle: Bundle, name: str, tmp_path: Path) -> Path:
    """A report in a file that is called as the referees want it."""
    path = tmp_path / f"{name}.spdx.json"
    bundle.report(name, "-o", str(path))
    return path


TORTURE = "/crates/it's here/torture"
"""The first place of that mirror."""


# the referees: each gives what it objects to


def spdx_tools(path: Path) -> list[str]:
    """The complaints of the reference implementation.

    It parses the document, and validates it against what the specification says in prose.
    """
    try:
        return [
            message.validation_message
            for message in validate_full_spdx_document(parse_file(str(path)))
        ]
    except SPDXParsingError as error:
        return error.get_messages()  # type: ignore[no-untyped-call]


@cache
def _schema() -> jsonschema.Draft7Validator:
    # SPDX 2.3's own, which this package ships as it is
    schema = json.loads((files("lib4sbom") / "schemas/spdx/2.3-schema.json").read_text("utf-8"))
    assert schema["$id"] == "http://spdx.org/rdf/terms/2.3"
    return jsonschema.Draft7Validator(schema)


def spdx_schema(path: Path) -> list[str]:
    return [error.message for error in _schema().iter_errors(json.loads(path.read_bytes()))]


def ntia(path: Path) -> list[str]:
    """The minimum elements that a component of the bill lacks: element, component."""
    checker = SbomChecker(str(path), compliance="ntia")
    missing = [f"{element}: {name}" for element, listed in _lacking(checker) for name, _ in listed]
    assert checker.compliant or missing
    return missing


def _lacking(checker: SbomChecker) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        ("name", checker.components_without_names),
        ("version", checker.components_without_versions),
        ("identifier", checker.components_without_identifiers),
        ("supplier", checker.components_without_suppliers),
    ]


@cache
def _strict() -> JsonStrictValidator:
    return JsonStrictValidator(SchemaVersion.V1_6)


def cyclonedx_schema(path: Path) -> list[str]:
    error = _strict().validate_str(path.read_text("utf-8"))
    return [] if error is None else [error.data.message]


# reading


Read = Callable[[Bundle, str], dict]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Reads a report of a release in which nothing was changed, each report once.

    A release is known by its manifest.
    """
    reports: dict[tuple[bytes, str], bytes] = {}

    def read(bundle: Bundle, name: str) -> dict:
        key = (bundle.third_party / "mirrors.toml").read_bytes(), name
        if key not in reports:
            reports[key] = written(bundle, name, tmp_path_factory.mktemp(name)).read_bytes()
        return json.loads(reports[key])

    return read


@pytest.fixture
def spdx(bundle: Bundle, read: Read) -> dict:
    return read(bundle, "spdx")


@pytest.fixture
def cyclonedx(bundle: Bundle, read: Read) -> dict:
    return read(bundle, "cyclonedx")


def walk(components: list[dict]) -> Iterator[dict]:
    """All components, also those inside others."""
    for component in components:
        yield component
        yield from walk(component.get("components", []))


def libraries(document: dict) -> list[dict]:
    return [
        component for component in walk(document["components"]) if component["type"] == "library"
    ]


def related(document: dict, kind: str) -> list[tuple[str, str]]:
    return [
        (r["spdxElementId"], r["relatedSpdxElement"])
        for r in document["relationships"]
        if r["relationshipType"] == kind
    ]


def from_root(place: str) -> str:
    """A path from the host's root; without a slash in front the place is in third_party/."""
    return place.removeprefix("/") if place.startswith("/") else f"third_party/{place}"


def package(document: dict, place: str) -> dict:
    """The package with this first place."""
    (found,) = (
        package
        for package in document["packages"]
        if package["packageFileName"] == f"./{from_root(place)}"
    )
    return found


def library(document: dict, place: str) -> dict:
    """The component with this first place."""
    (found,) = (
        c
        for c in libraries(document)
        if c["evidence"]["occurrences"][0] == {"location": from_root(place)}
    )
    return found


def on_disk(bundle: Bundle, components: list[dict]) -> dict[str, Path]:
    """Every file of mirrors and every licence file beside them.

    Its key is its path from the root as git quotes it.
    """
    root = os.fsencode(bundle.path)
    directories = [
        d for c in components for d in (*c["places"], f"third_party/licenses/{c['name']}")
    ]
    found = {}
    for directory in directories:
        for parent, names, leaves in os.walk(os.path.join(root, directory.encode())):
            links = [name for name in names if os.path.islink(os.path.join(parent, name))]
            for name in leaves + links:
                path = os.path.join(parent, name)
                found[quote_path(os.path.relpath(path, root))] = Path(os.fsdecode(path))
    return found


def hashes(path: Path) -> tuple[str, str]:
    content = path.read_bytes()
    return hashlib.sha1(content).hexdigest(), hashlib.sha256(content).hexdigest()


def unquoted(spdx: dict) -> list[bytes]:
    """The names of all files as bytes."""
    return sorted(unquote_path(file["fileName"]) for file in spdx["files"])


def with_dot(path: str) -> str:
    """A path as SPDX has it: relative to `.`, inside the quotes if there are some."""
    return f'"./{path[1:]}' if path.startswith('"') else f"./{path}"


# the referees' verdicts


def test_spdx_own_library_and_schema_object_to_nothing(bundle: Bundle, tmp_path: Path) -> None:
    path = written(bundle, "spdx", tmp_path)
    assert (spdx_tools(path), spdx_schema(path)) == ([], [])


def test_cyclonedx_own_strict_schema_objects_to_nothing(bundle: Bundle, tmp_path: Path) -> None:
    assert cyclonedx_schema(written(bundle, "cyclonedx", tmp_path)) == []


def test_no_minimum_element_is_missing_where_each_origin_and_supplier_is_known(
    bundle: Bundle, tmp_path: Path, read: Read
) -> None:
    """Otherwise exactly those are missing: nobody is named as supplier, no version is made up."""
    missing = ntia(written(bundle, "spdx", tmp_path))
    components = read(bundle, "json")["components"]
    unknown = [
        n["path"].rpartition("/")[2] for c in components for n in c["nested"] if n["origin"] is None
    ]
    unsaid = [c["name"] for c in components if c["supplier"] is None]
    assert sorted(missing) == sorted(
        [f"{e}: {n}" for n in unknown for e in ("supplier", "version")]
        + [f"supplier: {n}" for n in unsaid]
    )


def test_the_nested_bundle_without_the_copy_of_unknown_origin_is_conformant(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    shutil.rmtree(nested_bundle.third_party / "wit/http")
    assert ntia(written(nested_bundle, "spdx", tmp_path)) == []


Mutation = Callable[[dict], None]
SPDX_MUTATIONS: dict[str, tuple[Callable[[Path], list[str]], Mutation]] = {
    "a file without SHA-1": (spdx_tools, lambda d: d["files"][0]["checksums"].pop(0)),
    "a relationship to nothing": (
        spdx_tools,
        lambda d: d["relationships"][-1].update(relatedSpdxElement="SPDXRef-Nothing"),
    ),
    "an undefined LicenseRef": (
        spdx_tools,
        lambda d: d["packages"][0].update(licenseDeclared="LicenseRef-undefined"),
    ),
    "a bad SWHID": (
        spdx_tools,
        lambda d: d["packages"][0]["externalRefs"][1].update(referenceLocator="swh:1:dir:00"),
    ),
    "one id twice": (spdx_tools, lambda d: d["files"][0].update(SPDXID=d["files"][1]["SPDXID"])),
    "nothing described": (spdx_tools, lambda d: d["relationships"].clear()),
    "a key of our own": (spdx_schema, lambda d: d["packages"][0].update(unmodified=True)),
    "a made-up relationship": (
        spdx_schema,
        lambda d: d["relationships"][0].update(relationshipType="MIRROR_OF"),
    ),
    "a package without supplier": (ntia, lambda d: d["packages"][0].update(supplier="NOASSERTION")),
    "a package without version": (ntia, lambda d: d["packages"][0].pop("versionInfo")),
}
CYCLONEDX_MUTATIONS: dict[str, Mutation] = {
    "a LicenseRef as a licence's id": lambda d: d["components"][0].update(
        licenses=[{"license": {"id": "LicenseRef-x"}}]
    ),
    "a key of our own": lambda d: d["components"][0].update(unmodified=True),
    "a made-up hash": lambda d: d["components"][0]["components"][0]["hashes"][0].update(alg="git"),
    "a time that is none": lambda d: d["metadata"].update(timestamp="yesterday"),
    "a URL that is none": lambda d: d["components"][0]["externalReferences"][0].update(
        url="https://a b"
    ),
    "a serial number that is none": lambda d: d.update(serialNumber="1"),
}


def mutated(path: Path, mutate: Mutation) -> Path:
    document = json.loads(path.read_bytes())
    mutate(document)
    other = path.with_name("mutated.spdx.json")
    other.write_text(json.dumps(document))
    return other


def test_the_referees_object_to_mutated_reports(nested_bundle: Bundle, tmp_path: Path) -> None:
    """So they are really asked, and a report that they pass means something."""
    spdx, cyclonedx = (
        written(nested_bundle, "spdx", tmp_path),
        written(nested_bundle, "cyclonedx", tmp_path),
    )
    blind = [
        name
        for name, (referee, mutate) in SPDX_MUTATIONS.items()
        if referee(mutated(spdx, mutate)) == referee(spdx)
    ]
    blind += [
        name
        for name, mutate in CYCLONEDX_MUTATIONS.items()
        if not cyclonedx_schema(mutated(cyclonedx, mutate))
    ]
    assert blind == []


# files and their hashes


def test_every_file_on_disk_is_listed_once_with_its_hashes(
    bundle: Bundle, spdx: dict, cyclonedx: dict, read: Read
) -> None:
    disk = on_disk(bundle, read(bundle, "json")["components"])
    plain = {name: hashes(path) for name, path in disk.items() if not path.is_symlink()}
    in_spdx = [
        (f["fileName"], tuple(c["checksumValue"] for c in f["checksums"])) for f in spdx["files"]
    ]
    assert {tuple(c["algorithm"] for c in f["checksums"]) for f in spdx["files"]} == {
        ("SHA1", "SHA256")
    }
    assert sorted(in_spdx) == sorted((with_dot(name), both) for name, both in plain.items())
    listed = [c for c in walk(cyclonedx["components"]) if c["type"] == "file"]
    assert sorted(c["name"] for c in listed) == sorted(disk)
    assert {
        c["name"]: tuple(h["content"] for h in c["hashes"]) for c in listed if "hashes" in c
    } == plain
    assert {tuple(h["alg"] for h in c["hashes"]) for c in listed if "hashes" in c} == {
        ("SHA-1", "SHA-256")
    }


def test_symlinks_are_named_but_have_no_hashes_of_what_they_lead_to(
    torture_bundle: Bundle, read: Read
) -> None:
    spdx = read(torture_bundle, "spdx")
    links = ["link", "link-to-nothing", "link-with-newline"]
    code = package(spdx, TORTURE)["packageVerificationCode"]
    assert code["packageVerificationCodeExcludedFiles"] == [
        f"./{place}/{name}"
        for place in ("crates/it's here/torture", "third_party/torture")
        for name in links
    ]
    cyclonedx = read(torture_bundle, "cyclonedx")
    files = {c["name"]: c for c in library(cyclonedx, TORTURE)["components"]}
    properties = [
        {p["name"]: p["value"] for p in files[f"third_party/torture/{name}"]["properties"]}
        for name in links
    ]
    assert [p["git-verbatim:link-target"] for p in properties] == [
        "deep/er/file",
        "nowhere",
        '"a\\nb"',
    ]
    assert {p["git-verbatim:mode"] for p in properties} == {"120000"}
    assert files["third_party/torture/script.sh"]["properties"] == [
        {"name": "git-verbatim:mode", "value": "100755"}
    ]


def test_verification_codes_are_those_of_the_files_that_a_package_contains(spdx: dict) -> None:
    """SPDX 2.3, 7.9, says what the code is.

    Each file is contained in one package, and each package in the document or in one other package.
    """
    sha1 = {f["SPDXID"]: f["checksums"][0]["checksumValue"] for f in spdx["files"]}
    contains = related(spdx, "CONTAINS")
    for listed in spdx["packages"]:
        own = sorted(
            sha1[inner] for outer, inner in contains if outer == listed["SPDXID"] and inner in sha1
        )
        code = hashlib.sha1("".join(own).encode()).hexdigest()
        assert listed["packageVerificationCode"]["packageVerificationCodeValue"] == code
    contained = [inner for _, inner in contains + related(spdx, "DESCRIBES")]
    assert sorted(contained) == sorted([*sha1, *(p["SPDXID"] for p in spdx["packages"])])


def test_ids_are_unique_and_lead_somewhere(spdx: dict, cyclonedx: dict) -> None:
    ids = [element["SPDXID"] for element in (spdx, *spdx["packages"], *spdx["files"])]
    assert len(set(ids)) == len(ids)
    assert {
        id_
        for pair in ((r["spdxElementId"], r["relatedSpdxElement"]) for r in spdx["relationships"])
        for id_ in pair
    } == set(ids)
    refs = [component["bom-ref"] for component in walk(cyclonedx["components"])]
    assert len(set(refs)) == len(refs)
    complete, unknown = cyclonedx["compositions"]
    every = [component["bom-ref"] for component in libraries(cyclonedx)]
    assert complete == {"aggregate": "complete", "assemblies": every}
    assert unknown == {"aggregate": "unknown", "dependencies": every}


# identifiers


def purls(spdx: dict, cyclonedx: dict) -> set[str]:
    references = [
        r for p in spdx["packages"] for r in p["externalRefs"] if r["referenceType"] == "purl"
    ]
    assert {r["referenceCategory"] for r in references} == {"PACKAGE-MANAGER"}
    in_spdx = {r["referenceLocator"] for r in references}
    assert in_spdx == {c["purl"] for c in libraries(cyclonedx) if "purl" in c}
    return in_spdx


def test_purls_are_canonical(spdx: dict, cyclonedx: dict) -> None:
    for purl in purls(spdx, cyclonedx):
        assert PackageURL.from_string(purl).to_string() == purl


def swhids_on_disk(path: Path) -> str:
    raw = os.fsencode(path)
    if path.is_dir() and not path.is_symlink():
        return str(Directory.from_disk(path=raw, max_content_length=None).swhid())
    return str(Content.from_file(path=raw, max_content_length=None).swhid())


def test_swhids_are_what_software_heritage_computes_from_the_files_here(
    bundle: Bundle, spdx: dict, cyclonedx: dict, read: Read
) -> None:
    for component in libraries(cyclonedx):
        occurrences = [one["location"] for one in component["evidence"]["occurrences"]]
        swhid, *others = {swhids_on_disk(bundle.path / location) for location in occurrences}
        assert (component["swhid"][0], others) == (swhid, [])
        assert [i["concludedValue"] for i in component["evidence"]["identity"]] == [swhid]
        references = package(spdx, f"/{occurrences[0]}")["externalRefs"]
        assert (
            next(r["referenceLocator"] for r in references if r["referenceType"] == "swh") == swhid
        )
    disk = on_disk(bundle, read(bundle, "json")["components"])
    for file in (c for c in walk(cyclonedx["components"]) if c["type"] == "file"):
        swhid = swhids_on_disk(disk[file["name"]])
        assert file["swhid"] == [swhid]
        assert file["omniborId"] == [f"gitoid:blob:sha1:{swhid.removeprefix('swh:1:cnt:')}"]


def test_swhids_keep_to_their_grammar(spdx: dict, cyclonedx: dict) -> None:
    references = [r for p in spdx["packages"] for r in p["externalRefs"]]
    core = [r["referenceLocator"] for r in references if r["referenceCategory"] == "PERSISTENT-ID"]
    assert [str(CoreSWHID.from_string(swhid)) for swhid in core] == core
    qualified = [r["referenceLocator"] for r in references if r["referenceCategory"] == "OTHER"]
    qualified += [swhid for c in libraries(cyclonedx) for swhid in c["swhid"] if ";" in swhid]
    assert qualified
    for swhid in qualified:
        parsed = QualifiedSWHID.from_string(swhid)
        assert str(parsed.origin).startswith("https://github.com/")
        assert parsed.anchor is not None


def test_the_commit_and_the_annotated_tag_are_identified_too(
    torture_bundle: Bundle, read: Read
) -> None:
    spdx = read(torture_bundle, "spdx")
    (component,) = (c for c in read(torture_bundle, "json")["components"] if c["name"] == "torture")
    references = [
        r["referenceLocator"]
        for r in package(spdx, TORTURE)["externalRefs"]
        if r["referenceType"] == "swh"
    ]
    upstream = component["upstream"]
    assert references == [
        f"swh:1:dir:{component['tree']}",
        f"swh:1:rev:{upstream['commit']}",
        f"swh:1:rel:{upstream['tag']}",
    ]


def test_ids_of_the_document_come_from_its_content(nested_bundle: Bundle) -> None:
    def ids(**environment: str) -> tuple[str, str]:
        spdx = nested_bundle.report("spdx", **environment).json
        cyclonedx = nested_bundle.report("cyclonedx", **environment).json
        assert spdx["creationInfo"]["created"] == cyclonedx["metadata"]["timestamp"]
        return spdx["documentNamespace"], cyclonedx["serialNumber"]

    first = ids()
    assert ids(TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7") == first
    assert not set(ids(SOURCE_DATE_EPOCH="0")) & set(first)
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(f"https://spdx.org/spdxdocs/third-party-{uuid}", first[0])
    assert re.fullmatch(f"urn:uuid:{uuid}", first[1])


# licences


def test_all_expressions_are_valid_and_every_licenseref_is_defined(
    spdx: dict, cyclonedx: dict
) -> None:
    licensing = get_spdx_licensing()
    said = [p[key] for p in spdx["packages"] for key in ("licenseDeclared", "licenseConcluded")]
    said += [e for p in spdx["packages"] for e in p["licenseInfoFromFiles"]]
    said += [e for f in spdx["files"] for e in f.get("licenseInfoInFiles", [])]
    said += [
        choice["expression"]
        for c in libraries(cyclonedx)
        for place in (c, c["evidence"])
        for choice in place.get("licenses", [])
    ]
    expressions = set(said) - {"NONE", "NOASSERTION"}
    keys = {
        key for e in expressions for key in licensing.license_keys(licensing.parse(e, strict=True))
    }
    unlisted = {
        key for e in expressions for key in licensing.unknown_license_keys(licensing.parse(e))
    }
    used = {key for key in keys if key.startswith("LicenseRef-")} | unlisted
    assert used == {info["licenseId"] for info in spdx["hasExtractedLicensingInfos"]}
    assert all(re.fullmatch("LicenseRef-[A-Za-z0-9.-]+", key) for key in used)


def test_declared_and_concluded_are_separate_in_both(
    bundle: Bundle, spdx: dict, cyclonedx: dict, read: Read
) -> None:
    """What upstream ships: known, unknown, nothing; and what the host's owner decided."""
    for component in read(bundle, "json")["components"]:
        licensing = component["licensing"]
        declared, concluded = licensing["declared"], licensing["concluded"]
        place = f"/{component['places'][0]}"
        found = package(spdx, place)
        assert found["licenseDeclared"] == (
            declared or ("NOASSERTION" if licensing["texts"] else "NONE")
        )
        assert found["licenseConcluded"] == (concluded or "NOASSERTION")
        assert licensing["declared_comment"] in found["licenseComments"]
        acknowledgement = "concluded" if concluded else "declared"
        holds = (
            [{"expression": concluded or declared, "acknowledgement": acknowledgement}]
            if concluded or declared
            else None
        )
        listed = library(cyclonedx, place)
        assert listed.get("licenses") == holds
        evidence = [{"expression": declared, "acknowledgement": "declared"}] if declared else None
        assert listed["evidence"].get("licenses") == evidence


def test_the_text_of_a_licenseref_is_upstreams_or_said_to_be_unknown(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", {"a": b"a"})
    host.manifest(
        mirror(
            "up", upstream.url, tag="v1", local=True, license="LicenseRef-ours OR LicenseRef-theirs"
        )
    )
    host.sync()
    path = written(Bundle(host.path), "spdx", tmp_path)
    infos = json.loads(path.read_bytes())["hasExtractedLicensingInfos"]
    assert [info["licenseId"] for info in infos] == ["LicenseRef-ours", "LicenseRef-theirs"]
    assert [info["extractedText"] for info in infos] == [
        f"The text of {name} is not known here: no licence file of a mirror that is here is known to be it."
        for name in ("LicenseRef-ours", "LicenseRef-theirs")
    ]
    assert spdx_tools(path) == []


@pytest.mark.parametrize("bundle", ["wasi"], indirect=True)
def test_the_text_of_wasis_licence_is_its_notice_and_the_other_wordings_are_named(
    bundle: Bundle, read: Read
) -> None:
    (info,) = read(bundle, "spdx")["hasExtractedLicensingInfos"]
    notice = bundle.third_party / "licenses/wasi-0.2-cli/proposals/cli/LICENSE.md"
    assert info["licenseId"] == "LicenseRef-scancode-w3c-community-cla"
    assert info["extractedText"].encode() == notice.read_bytes()
    wordings = {
        p.read_bytes()
        for p in (bundle.third_party / "licenses").rglob("LICENSE.md")
        if b"W3C Community" in p.read_bytes()
    }
    assert info["comment"].count("LICENSE.md") == len(wordings) + 1


# one mirror, word for word


def test_a_mirror_as_an_spdx_package(nested_bundle: Bundle, read: Read) -> None:
    (io, *_) = read(nested_bundle, "json")["components"]
    commit, tree = io["upstream"]["commit"], io["tree"]
    document = read(nested_bundle, "spdx")
    assert document["comment"].endswith(": all 3 are unmodified copies, as recorded")
    assert {
        key: value
        for key, value in document.items()
        if key in {"spdxVersion", "dataLicense", "SPDXID", "name", "creationInfo"}
    } == {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "third-party",
        "creationInfo": {"created": "2026-01-02T03:04:05Z", "creators": ["Tool: git-verbatim"]},
    }
    found = package(document, "wit/io")
    assert re.fullmatch(
        "[0-9a-f]{40}", found.pop("packageVerificationCode")["packageVerificationCodeValue"]
    )
    assert found == {
        "SPDXID": "SPDXRef-Mirror-io",
        "name": "io",
        "versionInfo": "0.2.0",
        "packageFileName": "./third_party/wit/io",
        "supplier": "Organization: WebAssembly Community Group",
        "downloadLocation": f"git+https://github.com/WebAssembly/wasi-io@{commit}#wit",
        "filesAnalyzed": True,
        "sourceInfo": f"unmodified copy of wit of https://github.com/WebAssembly/wasi-io at commit {commit}, tag v0.2.0: "
        f"git tree {tree}, nothing left out, nothing added; by the manifest the same tree is at https://github.com/WebAssembly/WASI",
        "licenseDeclared": "Apache-2.0 WITH LLVM-exception",
        "licenseConcluded": "NOASSERTION",
        "licenseComments": "declared: third_party/licenses/io/LICENSE.md, known by its blob id "
        "1e5baaeae4c96e0783778482b4056b51e23dcc14\nconcluded: nothing",
        "licenseInfoFromFiles": ["Apache-2.0 WITH LLVM-exception"],
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": "pkg:github/webassembly/wasi-io@v0.2.0#wit",
            },
            {
                "referenceCategory": "PERSISTENT-ID",
                "referenceType": "swh",
                "referenceLocator": f"swh:1:dir:{tree}",
                "comment": "the directory",
            },
            {
                "referenceCategory": "PERSISTENT-ID",
                "referenceType": "swh",
                "referenceLocator": f"swh:1:rev:{commit}",
                "comment": "a commit that has these files",
            },
            {
                "referenceCategory": "OTHER",
                "referenceType": "swhid",
                "referenceLocator": f"swh:1:dir:{tree};origin=https://github.com/WebAssembly/wasi-io;anchor=swh:1:rev:{commit};path=/wit",
                "comment": "upstream's directory",
            },
        ],
        "primaryPackagePurpose": "SOURCE",
    }
    path = nested_bundle.third_party / "licenses/io/LICENSE.md"
    (license_file,) = (
        file
        for file in document["files"]
        if file["fileName"] == "./third_party/licenses/io/LICENSE.md"
    )
    assert re.fullmatch("SPDXRef-File-[0-9a-f]{32}", license_file.pop("SPDXID"))
    assert license_file == {
        "fileName": "./third_party/licenses/io/LICENSE.md",
        "checksums": [
            dict(zip(("algorithm", "checksumValue"), c, strict=True))
            for c in zip(("SHA1", "SHA256"), hashes(path), strict=True)
        ],
        "licenseInfoInFiles": ["Apache-2.0 WITH LLVM-exception"],
    }


def test_a_mirror_as_a_cyclonedx_component(nested_bundle: Bundle, read: Read) -> None:
    _, clocks, _ = read(nested_bundle, "json")["components"]
    commit, tree = clocks["upstream"]["commit"], clocks["tree"]
    document = read(nested_bundle, "cyclonedx")
    assert (document["bomFormat"], document["specVersion"], document["version"]) == (
        "CycloneDX",
        "1.6",
        1,
    )
    (headline,) = document["metadata"].pop("properties")
    assert headline["name"] == "git-verbatim:headline"
    assert headline["value"].endswith(": all 3 are unmodified copies, as recorded")
    assert document["metadata"] == {
        "timestamp": "2026-01-02T03:04:05Z",
        "lifecycles": [{"phase": "pre-build"}],
        "tools": {"components": [{"type": "application", "name": "git-verbatim"}]},
    }
    found = library(document, "wit/clocks")
    assert [c["bom-ref"] for c in found.pop("components")] == [
        "file:third_party/wit/clocks/clock.wit",
        "file:third_party/licenses/clocks/COPYING",
        "copy:third_party/wit/clocks/deps/io",
    ]
    notice = "Copyright © 2024 the Contributors to Nowhere"
    page = f"https://github.com/WebAssembly/wasi-clocks/tree/{commit}/wit"
    properties = [
        ("path", "third_party/wit/clocks"),
        ("state", "unmodified"),
        ("tree", tree),
        ("upstream-tree", tree),
        ("commit", commit),
        ("ref", "refs/tags/v0.2.0"),
        ("from", "wit"),
        ("license", "declared: the text of third_party/licenses/clocks/COPYING is not known"),
        ("license", "concluded: by the manifest"),
    ]
    assert found == {
        "type": "library",
        "bom-ref": "mirror:clocks",
        "name": "clocks",
        "supplier": {"name": "WebAssembly Community Group"},
        "version": "0.2.0",
        "licenses": [{"expression": "Apache-2.0 OR MIT", "acknowledgement": "concluded"}],
        "copyright": notice,
        "purl": "pkg:github/webassembly/wasi-clocks@v0.2.0#wit",
        "swhid": [
            f"swh:1:dir:{tree}",
            f"swh:1:dir:{tree};origin=https://github.com/WebAssembly/wasi-clocks;anchor=swh:1:rev:{commit};path=/wit",
        ],
        "pedigree": {
            "commits": [
                {"uid": commit, "url": page, "committer": {"timestamp": "2026-01-02T03:04:05Z"}}
            ],
            "notes": f"unmodified copy of wit of https://github.com/WebAssembly/wasi-clocks at commit {commit}, tag v0.2.0: "
            f"git tree {tree}, nothing left out, nothing added",
        },
        "externalReferences": [
            {
                "type": "vcs",
                "url": "https://github.com/WebAssembly/wasi-clocks",
                "comment": f"at commit {commit}",
            },
            {
                "type": "license",
                "url": f"https://github.com/WebAssembly/wasi-clocks/blob/{commit}/COPYING",
                "comment": f"unknown; git blob id {clocks['licensing']['texts'][0]['blob']}",
            },
        ],
        "evidence": {
            "identity": [
                {
                    "field": "swhid",
                    "confidence": 1,
                    "concludedValue": f"swh:1:dir:{tree}",
                    "methods": [
                        {
                            "technique": "hash-comparison",
                            "confidence": 1,
                            "value": "every file hashed as git does, up to the tree id",
                        }
                    ],
                }
            ],
            "occurrences": [{"location": "third_party/wit/clocks"}],
            "copyright": [{"text": notice}],
        },
        "properties": [
            {"name": f"git-verbatim:{name}", "value": value} for name, value in properties
        ],
    }


# parts


def test_of_a_part_it_is_said_of_what_and_by_which_patterns(
    torture_bundle: Bundle, read: Read
) -> None:
    spdx = read(torture_bundle, "spdx")
    part = next(c for c in read(torture_bundle, "json")["components"] if c["name"] == "part")
    upstream = part["upstream"]
    found = package(spdx, "/crates/part")
    said = (
        f"unmodified copy of a part of https://github.com/Example/torture at commit {upstream['commit']}, tag v1.0-rc.1: "
        f"git tree {part['tree']}, what include /deep/, /script.sh leaves of upstream's git tree {upstream['tree']}, nothing added"
    )
    assert found["sourceInfo"] == said
    comments = {
        r["referenceLocator"].partition(";")[0]: r.get("comment") for r in found["externalRefs"]
    }
    assert (
        comments[f"swh:1:dir:{part['tree']}"]
        == "the directory; no archive knows this id, since something is left out"
    )
    assert (
        comments[f"swh:1:dir:{upstream['tree']}"] == "upstream's directory, of which this is a part"
    )
    listed = library(read(torture_bundle, "cyclonedx"), "/crates/part")
    assert listed["swhid"] == [f"swh:1:dir:{part['tree']}"]
    assert listed["pedigree"]["notes"] == said
    assert [p["value"] for p in listed["properties"] if p["name"] == "git-verbatim:include"] == [
        "/deep/",
        "/script.sh",
    ]


# copies inside mirrors


def test_copies_are_packages_of_their_own_that_name_their_origin(
    nested_bundle: Bundle, read: Read
) -> None:
    spdx = read(nested_bundle, "spdx")
    ids = {
        p["SPDXID"]: p["packageFileName"].removeprefix("./third_party/wit/")
        for p in spdx["packages"]
    }
    described = [ids[inner] for _, inner in related(spdx, "DESCRIBES")]
    assert described == ["io", "clocks", "http"]
    assert [
        (ids[outer], ids[inner]) for outer, inner in related(spdx, "CONTAINS") if inner in ids
    ] == [
        ("clocks", "clocks/deps/io"),
        ("http", "http/deps/clocks"),
        ("http", "http/deps/io"),
        ("http", "http/deps/random"),
    ]
    assert [(ids[copy], ids[origin]) for copy, origin in related(spdx, "COPY_OF")] == [
        ("http/deps/io", "io")
    ]
    commented = [
        (ids[r["spdxElementId"]], r["comment"])
        for r in spdx["relationships"]
        if r["relationshipType"] == "OTHER"
    ]
    (io, clocks, _) = (
        c["upstream"]["commit"][:12] for c in read(nested_bundle, "json")["components"]
    )
    assert commented == [
        ("clocks/deps/io", f"copy of io v0.2.0 at {io}, file by file"),
        ("http/deps/clocks", f"copy of clocks v0.2.0 at {clocks}, file by file"),
    ]


def test_a_copy_has_version_supplier_and_declared_licence_of_its_origin_but_is_from_where_it_lies(
    nested_bundle: Bundle, read: Read
) -> None:
    copy = package(read(nested_bundle, "spdx"), "wit/http/deps/io")
    _, _, http = read(nested_bundle, "json")["components"]
    assert (copy["name"], copy["versionInfo"], copy["supplier"]) == (
        "io",
        "0.2.0",
        "Organization: WebAssembly Community Group",
    )
    assert (copy["licenseDeclared"], copy["licenseConcluded"]) == (
        "Apache-2.0 WITH LLVM-exception",
        "NOASSERTION",
    )
    assert (
        copy["downloadLocation"]
        == f"git+https://github.com/WebAssembly/wasi-http@{http['upstream']['commit']}#wit/deps/io"
    )
    assert (
        copy["externalRefs"][0]["referenceLocator"] == "pkg:github/webassembly/wasi-io@v0.2.0#wit"
    )
    listed = library(read(nested_bundle, "cyclonedx"), "wit/http/deps/io")
    assert (listed["name"], listed["version"], listed["purl"]) == (
        "io",
        "0.2.0",
        "pkg:github/webassembly/wasi-io@v0.2.0#wit",
    )
    assert listed["licenses"] == [
        {"expression": "Apache-2.0 WITH LLVM-exception", "acknowledgement": "declared"}
    ]
    assert [f["name"] for f in listed["components"]] == [
        f"third_party/wit/http/deps/io/{name}.wit" for name in ("poll", "streams")
    ]


def test_a_copy_of_a_part_of_its_origin_has_the_identifier_of_the_whole_only_in_context(
    nested_bundle: Bundle, read: Read
) -> None:
    tree = read(nested_bundle, "json")["components"][0]["tree"]
    *_, context = package(read(nested_bundle, "spdx"), "wit/clocks/deps/io")["externalRefs"]
    assert context["referenceLocator"].startswith(
        f"swh:1:dir:{tree};origin=https://github.com/WebAssembly/wasi-io;"
    )
    assert context["comment"] == "upstream's directory, of which this is a part"
    (own,) = library(read(nested_bundle, "cyclonedx"), "wit/clocks/deps/io")["swhid"]
    assert own == swhids_on_disk(nested_bundle.third_party / "wit/clocks/deps/io")


def test_a_copy_of_unknown_origin_is_given_neither_version_nor_supplier_nor_licence(
    nested_bundle: Bundle, read: Read
) -> None:
    copy = package(read(nested_bundle, "spdx"), "wit/http/deps/random")
    _, _, http = read(nested_bundle, "json")["components"]
    assert copy["comment"] == "a copy inside the mirror http: no origin found"
    where = f"deps/random in the mirror http, as https://github.com/WebAssembly/wasi-http has it at commit {http['upstream']['commit']}"
    assert copy["sourceInfo"] == f"no origin found for {where}"
    assert "versionInfo" not in copy
    assert (copy["supplier"], copy["licenseDeclared"], copy["licenseConcluded"]) == (
        "NOASSERTION",
    ) * 3
    listed = library(read(nested_bundle, "cyclonedx"), "wit/http/deps/random")
    assert not {"version", "supplier", "licenses", "purl"} & set(listed)
    assert {"name": "git-verbatim:origin", "value": "no origin found"} in listed["properties"]


def test_copies_of_single_files_and_copies_inside_copies(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """The identifier of a file is one of content; a file belongs to the innermost copy."""
    upstream.release(
        "v1",
        {
            "wit/io.wit": b"package x:io;",
            "wit/deps/only.wit": b"package x:only;",
            "wit/deps/a/deps/b/b.wit": b"b",
            "wit/deps/a-b/c": b"c",
        },
    )
    other = Upstream.create(tmp_path / "other")
    other.release("v1", {"io.wit": b"x", "deps/io.wit": b"package x:io;"})
    manifest = mirror("up", upstream.url, tag="v1", local=True, from_="wit") + mirror(
        "other", other.url, tag="v1", local=True
    )
    host.manifest(manifest)
    host.sync()
    bundle = Bundle(host.path)
    path = written(bundle, "cyclonedx", tmp_path)
    assert cyclonedx_schema(path) == []
    document = json.loads(path.read_bytes())
    for name in (
        "up",
        "up/deps/only.wit",
        "up/deps/a",
        "up/deps/a/deps/b",
        "other",
        "other/deps/io.wit",
    ):
        assert library(document, name)["swhid"] == [swhids_on_disk(host.third_party / name)]
    assert [c["bom-ref"] for c in library(document, "up")["components"]] == [
        "file:third_party/up/io.wit",
        "copy:third_party/up/deps/a",
        "copy:third_party/up/deps/a-b",
        "copy:third_party/up/deps/only.wit",
    ]
    assert [c["bom-ref"] for c in library(document, "up/deps/a")["components"]] == [
        "copy:third_party/up/deps/a/deps/b"
    ]
    assert library(document, "other/deps/io.wit")["pedigree"]["commits"][0][
        "uid"
    ] == upstream.resolve("v1")
    spdx = written(bundle, "spdx", tmp_path)
    assert (spdx_tools(spdx), spdx_schema(spdx)) == ([], [])
    nothing = package(json.loads(spdx.read_bytes()), "up/deps/a")["packageVerificationCode"]
    assert nothing == {"packageVerificationCodeValue": hashlib.sha1(b"").hexdigest()}


def test_the_same_tree_at_several_places_is_one_component_with_the_files_of_each(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """So it is for a copy inside it, and the licence inside is found in each place."""
    files: dict[str, bytes] = {"LICENSE": LICENSE, "io.wit": b"package x:io;"}
    upstream.release("v1", {**files, "deps/a/a.wit": b"package x:a;"})
    places = ["/crates/deep/up", "up", "/deps/up"]
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, into=places))
    host.sync()
    bundle = Bundle(host.path)
    path = written(bundle, "spdx", tmp_path)
    assert (spdx_tools(path), spdx_schema(path)) == ([], [])
    spdx = json.loads(path.read_bytes())
    own, inner = spdx["packages"]
    places = ["crates/deep/up", "deps/up", "third_party/up"]
    listed = ", ".join(f"./{place}" for place in places)
    assert own["comment"] == f"the same at 3 places: {listed}"
    assert inner["comment"].splitlines() == [
        "a copy inside the mirror up: no origin found",
        f"the same at 3 places: {', '.join(f'./{place}/deps/a' for place in places)}",
    ]
    names = {file["SPDXID"]: file["fileName"] for file in spdx["files"]}
    contained = related(spdx, "CONTAINS")
    assert [names[b] for a, b in contained if a == own["SPDXID"] and b in names] == [
        f"./{place}/{name}" for place in places for name in files
    ]
    assert [names[b] for a, b in contained if a == inner["SPDXID"]] == [
        f"./{place}/deps/a/a.wit" for place in places
    ]
    expression = "Apache-2.0 WITH LLVM-exception"
    assert own["licenseDeclared"] == expression
    assert [
        f["fileName"] for f in spdx["files"] if f.get("licenseInfoInFiles") == [expression]
    ] == [f"./{place}/LICENSE" for place in places]
    other = written(bundle, "cyclonedx", tmp_path)
    assert cyclonedx_schema(other) == []
    found, copy = libraries(json.loads(other.read_bytes()))
    assert found["evidence"]["occurrences"] == [{"location": place} for place in places]
    assert copy["evidence"]["occurrences"] == [{"location": f"{place}/deps/a"} for place in places]
    assert [c["name"] for c in copy["components"]] == [f"{place}/deps/a/a.wit" for place in places]


# what is not here


def test_a_place_that_is_not_here_is_named_and_its_files_are_not_listed(
    torture_bundle: Bundle, tmp_path: Path
) -> None:
    shutil.rmtree(torture_bundle.path / "crates/part")
    path = written(torture_bundle, "spdx", tmp_path)
    assert (spdx_tools(path), spdx_schema(path)) == ([], [])
    spdx = json.loads(path.read_bytes())
    assert spdx["comment"].endswith("; 1 place removed")
    assert package(spdx, "deep/part")["comment"] == "removed: ./crates/part"
    assert not [file for file in spdx["files"] if "crates/part/" in file["fileName"]]
    other = written(torture_bundle, "cyclonedx", tmp_path)
    assert cyclonedx_schema(other) == []
    found = library(json.loads(other.read_bytes()), "deep/part")
    assert [
        (p["name"], p["value"])
        for p in found["properties"]
        if p["name"] in {"git-verbatim:path", "git-verbatim:removed"}
    ] == [
        ("git-verbatim:path", "third_party/deep/part"),
        ("git-verbatim:removed", "crates/part"),
    ]
    assert found["evidence"]["occurrences"] == [{"location": "third_party/deep/part"}]


def test_what_is_not_here_is_named_and_not_listed(nested_bundle: Bundle, tmp_path: Path) -> None:
    """A distribution removed one, and one is not checked in.

    What is copied from them still says so.
    """
    for gone in ("wit/io", "wit/clocks", "licenses/clocks"):
        shutil.rmtree(nested_bundle.third_party / gone)
    nested_bundle.write_manifest(
        lambda text: text.replace(
            '[mirrors."clocks"]\n', '[mirrors."clocks"]\nchecked-in = false\n'
        )
    )
    path = written(nested_bundle, "spdx", tmp_path)
    assert (spdx_tools(path), spdx_schema(path)) == ([], [])
    spdx = json.loads(path.read_bytes())
    assert spdx["comment"].splitlines()[1:] == ["removed: io (0.2.0)", "absent: clocks (0.2.0)"]
    assert [p["name"] for p in spdx["packages"]] == ["http", "clocks", "io", "random"]
    assert related(spdx, "COPY_OF") == related(spdx, "OTHER") == []
    assert package(spdx, "wit/http/deps/io")["comment"].startswith(
        "a copy inside the mirror http: io v0.2.0 at "
    )
    other = written(nested_bundle, "cyclonedx", tmp_path)
    assert cyclonedx_schema(other) == []
    assert [
        (p["name"], p["value"]) for p in json.loads(other.read_bytes())["metadata"]["properties"]
    ][1:] == [
        ("git-verbatim:removed", "io 0.2.0"),
        ("git-verbatim:absent", "clocks 0.2.0"),
    ]


# hostile words

HOSTILE = 'ev\u202eil "q" \\ </script> \u2028 \x9b2J ®'


def test_hostile_words_are_kept_and_act_on_no_terminal(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    files: dict[str | bytes, bytes] = {
        'deps/"q" & <\'s/®.wit': b"x",
        "LICENSE": "Copyright © 2020 \x1b[31m\u202eX\f\x00".encode(),
        b"deps/\xff/x": b"y",
    }
    upstream.release("v1", files)
    words = {
        "supplier": f"{HOSTILE} (EU)",
        "description": HOSTILE,
        "license": "MIT",
        "license_comment": HOSTILE,
    }
    names = [
        mirror(name, upstream.url, tag="v1", local=True, allow=["name-not-utf8", *ALLOW], **words)
        for name in ("a_b", "a@b", "a-b")
    ]
    host.manifest("\n".join(names))
    host.sync()
    bundle = Bundle(host.path)
    paths = [written(bundle, name, tmp_path) for name in ("spdx", "cyclonedx")]
    for path in paths:
        text = path.read_text("utf-8")
        acting = [
            c
            for c in text
            if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and c != "\n"
        ]
        assert acting == []
        assert "®" in text
    assert (spdx_tools(paths[0]), spdx_schema(paths[0]), cyclonedx_schema(paths[1])) == ([], [], [])
    spdx, cyclonedx = (json.loads(path.read_bytes()) for path in paths)
    assert len({p["SPDXID"] for p in spdx["packages"]}) == 9
    found = package(spdx, "a_b")
    assert (found["description"], found["supplier"]) == (
        HOSTILE,
        f"Organization: {HOSTILE} (EU) ()",
    )
    assert found["licenseComments"].endswith(f"\nconcluded: {HOSTILE}")
    assert found["downloadLocation"] == "NOASSERTION"
    assert library(cyclonedx, "a_b")["supplier"] == {"name": f"{HOSTILE} (EU)"}
    assert unquoted(spdx) == sorted(
        b"./third_party/" + name + b"/" + path
        for name in (b"a_b", b"a@b", b"a-b")
        for path in map(os.fsencode, files)
    )


def test_a_supplier_keeps_its_parentheses_and_its_address(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """In SPDX what stands in parentheses at the end is an e-mail address."""
    upstream.release("v1", {"a": b"a"})
    suppliers = {"one": "Example (EU)", "two": "Example (a@example.org)", "three": "Example"}
    host.manifest(
        "\n".join(
            mirror(n, upstream.url, tag="v1", local=True, supplier=s) for n, s in suppliers.items()
        )
    )
    host.sync()
    parsed = parse_file(str(written(Bundle(host.path), "spdx", tmp_path))).packages
    assert [
        (p.supplier.name, p.supplier.email) for p in parsed if isinstance(p.supplier, Actor)
    ] == [
        ("Example (EU)", None),
        ("Example", "a@example.org"),
        ("Example", None),
    ]


def test_a_copy_of_what_lies_beside_a_mirror_in_its_upstream_is_not_declared_to_be_under_the_mirrors_licence(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """The licence text that covers a directory says nothing of the directory beside it."""
    upstream.release(
        "v1",
        {
            "cli/wit/cli.wit": b"a",
            "cli/LICENSE": LICENSE,
            "http/wit/http.wit": b"b",
            "http/COPYING": b"c",
        },
    )
    other = Upstream.create(tmp_path / "other")
    other.release(
        "v1", {"deps/http/wit/http.wit": b"b", "deps/http/COPYING": b"c", "deps/cli/cli.wit": b"a"}
    )
    manifest = mirror("cli", upstream.url, tag="v1", local=True, from_="cli/wit") + mirror(
        "other", other.url, tag="v1", local=True
    )
    host.manifest(manifest)
    host.sync()
    spdx = json.loads(written(Bundle(host.path), "spdx", tmp_path).read_bytes())
    beside, inside = package(spdx, "other/deps/http"), package(spdx, "other/deps/cli")
    assert beside["sourceInfo"].startswith(
        f"copy of http of {upstream.url} at commit {upstream.resolve('v1')}, by the record of the mirror cli"
    )
    assert (beside["versionInfo"], beside["licenseDeclared"]) == ("1", "NOASSERTION")
    assert beside["licenseComments"].startswith("declared: no licence text is known to cover it\n")
    assert (inside["versionInfo"], inside["licenseDeclared"]) == (
        "1",
        "Apache-2.0 WITH LLVM-exception",
    )
