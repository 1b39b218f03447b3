"""Reports name derived forms: from what, by what, with which tool; and never as unmodified copies.

The host is a release with two mirrors, each kind of form made of them, and a patched copy.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from debian.copyright import Copyright
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from jsonschema import Draft202012Validator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from sync.host.find import find_host
from sync.paint import Paint
from sync.report.formats.table import render_table
from sync.report.gather import gather
from tests.support.bundles import Bundle
from tests.support.git import git
from tests.support.project import ROOT
from tests.support.wit import PATCH, TOOL
from tests.test_report_html import vnu

LICENSED = "Apache-2.0 WITH LLVM-exception"
FILES = [
    "crates/y/cli.wasm",
    "third_party/wit/cli.wat",
    "crates/y/cli.wit",
    "third_party/wit/cli.wit",
    "crates/y/io.wit",
    "third_party/wit/io.wit.gz",
    "crates/z/README.md",
    "crates/z/streams.wit",
    "third_party/wit/patched/README.md",
    "third_party/wit/patched/streams.wit",
    "third_party/p.wit",
]
"""All files of all forms."""
FORMATS = [
    "markdown",
    "html",
    "json",
    "spdx",
    "cyclonedx",
    "debian",
    "rpm",
    "nix",
    "intoto",
    "sha256sums",
    "verify-sh",
    "reuse",
]


@pytest.fixture(scope="module")
def packed(released: Callable[[str], Path]) -> Path:
    """The release, in which nothing may be changed."""
    return released("forms")


@pytest.fixture
def bundle(form_bundle: Bundle) -> Bundle:
    """A copy of the release."""
    return form_bundle


Read = Callable[[str], bytes]


@pytest.fixture(scope="module")
def read(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Reads a report of the release in which nothing was changed, each report once."""
    directory = tmp_path_factory.mktemp("reports")
    Bundle(packed).report("--all", "-o", str(directory))
    found = {path.name.removeprefix("third-party."): path for path in directory.iterdir()}
    suffixes = {
        "markdown": "md",
        "spdx": "spdx.json",
        "cyclonedx": "cdx.json",
        "debian": "debian-copyright",
        "rpm": "spec",
        "intoto": "intoto.json",
        "verify-sh": "verify.sh",
        "reuse": "reuse.toml",
    }
    return lambda name: found[suffixes.get(name, name)].read_bytes()


def digests(path: Path) -> dict[str, str]:
    content = path.read_bytes()
    blob = b"blob %d\0" % len(content) + content
    return {
        "sha1": hashlib.sha1(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "gitBlob": hashlib.sha1(blob).hexdigest(),
    }


# What is a copy, and what is derived.


def test_the_first_line_says_how_many_are_copies_and_how_many_are_derived(read: Read) -> None:
    first = read("markdown").decode().splitlines()[0]
    assert first == (
        "**upstream 1: both are unmodified copies, as recorded; "
        "7 forms are derived from mirrors, 2 with patches.**"
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_names_every_form_and_the_tool(read: Read, name: str) -> None:
    text = read(name).decode()
    if name == "sha256sums":
        assert all(f"  {path}\n" in text for path in FILES)
        return
    for one in ("cli.wasm", "cli.wat", "cli.wit", "io.wit", "io.wit.gz", "io-patched", "p.wit"):
        assert one in text, one
    assert TOOL in text
    assert name == "verify-sh" or PATCH in text.replace("\\_", "_")


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_calls_a_form_unmodified(read: Read, name: str) -> None:
    lines = read(name).decode().splitlines()
    for line in lines:
        if "nmodified" in line and "derived from mirrors" not in line:
            assert not any(one in line for one in ("cli.w", "io.wit", "patched", "p.wit")), line


@pytest.mark.parametrize("name", FORMATS)
def test_it_is_the_same_wherever_it_is_written(bundle: Bundle, read: Read, name: str) -> None:
    other = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    ran = bundle.report(name, **other)
    assert ran.out == read(name).decode()


def test_a_form_that_was_edited_stops_every_report(bundle: Bundle) -> None:
    (bundle.path / "crates/y/cli.wasm").write_bytes(b"mine")
    ran = bundle.run("report")
    assert ran.status == 1 and not ran.out
    assert "crates/y/cli.wasm: content differs" in ran.err


def test_no_report_is_written_over_a_form_or_into_a_patched_copy(bundle: Bundle) -> None:
    for place in ("crates/y/cli.wasm", "crates/z/report.md"):
        ran = bundle.run("report", "markdown", "-o", place)
        assert ran.status == 2
        assert "it is a place of the form " in ran.err


# What is not here.


@pytest.mark.parametrize("name", FORMATS)
def test_a_form_that_was_removed_is_named_as_removed(
    bundle: Bundle, tmp_path: Path, name: str
) -> None:
    (bundle.path / "crates/y/cli.wasm").unlink()
    text = bundle.write(name, tmp_path).read_text()
    if name == "sha256sums":
        assert "cli.wasm" not in text
        return
    assert "cli.wasm" in text
    assert "6 forms are derived from mirrors, 2 with patches; 1 form not here" in text or name in {
        "json",
        "debian",
        "intoto",
    }
    assert "removed" in text


def test_a_patched_form_can_be_removed_with_its_patch(bundle: Bundle) -> None:
    for place in ("crates/z", "third_party/wit/patched", PATCH):
        path = bundle.path / place
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert bundle.run("verify").status == 0
    assert bundle.run("status").status == 0
    (one,) = (f for f in bundle.report("json").json["forms"] if f["name"] == "io-patched")
    assert one["presence"] == "removed"


def test_a_patch_of_a_form_that_is_here_cannot_be_removed(bundle: Bundle) -> None:
    (bundle.path / PATCH).unlink()
    assert "its patch third_party/patches/io.patch is missing" in bundle.run("verify").out


def test_a_place_of_a_form_that_was_removed_is_named(bundle: Bundle) -> None:
    (bundle.path / "crates/y/cli.wit").unlink()
    assert "derived from mirrors, 2 with patches; 1 place removed" in bundle.report().out
    (one,) = (f for f in bundle.report("json").json["forms"] if f["name"] == "cli.wit")
    assert one["not_here"] == ["crates/y/cli.wit"]
    assert one["files"][0]["paths"] == ["third_party/wit/cli.wit"]
    assert "crates/y/cli.wit" not in bundle.report("sha256sums").out


def test_where_only_forms_are_here_they_are_listed_and_their_source_is_asked_for(
    bundle: Bundle,
) -> None:
    for name in ("io", "cli"):
        bundle.remove(name)
        shutil.rmtree(bundle.third_party / "licenses" / name)
    first = bundle.report().out.splitlines()[0]
    assert first == (
        "**Nothing of 2 mirrors is here; 7 forms are derived from mirrors, 2 with patches; "
        "2 removed.**"
    )
    assert " To do: its source is not here:\n   cli 1: /" in bundle.report("debian").out
    assert "of which is not here: cli 1, io 1" in bundle.report("rpm").out
    for name in FORMATS:
        assert "io.wit.gz" in bundle.report(name).out, name


def test_a_form_in_between_that_is_not_here_is_named_as_what_another_is_made_of(
    bundle: Bundle, tmp_path: Path
) -> None:
    (bundle.path / "crates/y/io.wit").unlink()
    path = tmp_path / "third-party.spdx.json"
    bundle.report("spdx", "-o", str(path))
    assert spdx_complaints(path) == []
    generated = related(json.loads(path.read_bytes()), "GENERATED_FROM")
    assert {("io.wit.gz", "io.wit"), ("io.wit", "io")} < generated
    page = bundle.write("cyclonedx", tmp_path)
    assert cyclonedx_complaint(page) is None
    (formula,) = json.loads(page.read_bytes())["formulation"]
    assert "form:io.wit" in {one["bom-ref"] for one in formula["components"]}
    statement = statement_of(bundle.report("intoto").out.encode())
    assert "io.wit" not in statement["predicate"]["buildDefinition"]["externalParameters"]["forms"]


# Scripts.


def test_the_json_answers_its_shipped_schema_and_says_all(read: Read, packed: Path) -> None:
    report = json.loads(read("json"))
    schema = json.loads((ROOT / "sync/schemas/report.schema.json").read_text())
    Draft202012Validator(schema).validate(report)
    forms = {one["name"]: one for one in report["forms"]}
    trees = {one["name"]: one["tree"] for one in report["components"]}
    binary = forms["cli.wasm"]
    assert (binary["form"], binary["form_version"], binary["of"]) == ("wit-binary", 1, "cli")
    assert binary["tool"] == {"name": "wasm-tools", "version": TOOL}
    assert binary["inputs"] == [
        {"name": name, "tree": trees[name], "blob": None} for name in ("cli", "io")
    ]
    (file,) = binary["files"]
    found = digests(packed / "crates/y/cli.wasm")
    assert (file["sha256"], file["blob"]) == (found["sha256"], found["gitBlob"])
    assert binary["licensing"]["declared"] == LICENSED
    patched = forms["io-patched"]
    assert patched["patches"] == [
        {
            "path": PATCH,
            "blob": digests(packed / PATCH)["gitBlob"],
            "sha256": digests(packed / PATCH)["sha256"],
            "why": "sizes have 64 bits",
            "whose": "A. Maintainer <a@example.org>",
            "forwarded": None,
        }
    ]
    assert forms["p.wit"]["mirrors"] == ["io"]
    assert all(one["presence"] == "present" for one in report["forms"])


def test_a_host_without_forms_has_no_word_of_them(nested_bundle: Bundle) -> None:
    assert "forms" not in nested_bundle.report("json").json
    for name in FORMATS:
        text = nested_bundle.report(name).out
        assert "derived from mirrors" not in text.lower() and "<forms>" not in text, name


# The page.


def test_the_page_has_a_section_of_its_own_that_leads_to_the_mirrors(read: Read) -> None:
    page = read("html").decode()
    section = page[page.index('<h2 id="derived">') :]
    section = section[: section.index("</section>")]
    assert "These are made of mirrors by a recipe, and are no copies." in section
    row = section[section.index("<td>cli.wasm") :].partition("\n")[0]
    assert f"wit-binary of cli 1 with io 1, by wasm-tools {TOOL}" in row
    assert '<a href="#mirror-cli">cli</a>, <a href="#mirror-io">io</a>' in row
    assert LICENSED in row
    for name in ("io", "cli"):
        assert f'id="mirror-{name}"' in page


def test_the_validator_has_nothing_to_say_about_the_page(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.path / "crates/y/cli.wit").unlink()
    bundle.report("html", "-o", str(tmp_path / "page.html"))
    assert vnu(tmp_path / "page.html") == []


# Checksums.


def test_sha256sum_checks_every_file_of_every_form(bundle: Bundle, tmp_path: Path) -> None:
    sums = bundle.write("sha256sums", tmp_path)
    command = ["sha256sum", "-c", "--strict", str(sums)]
    ran = subprocess.run(command, cwd=bundle.path, capture_output=True, text=True, check=True)
    assert {f"{path}: OK" for path in FILES} < set(ran.stdout.splitlines())


def verified(bundle: Bundle, script: Path, *arguments: str) -> tuple[int, list[str]]:
    command = ["sh", str(script), *arguments]
    ran = subprocess.run(command, cwd=bundle.path, capture_output=True, text=True, check=False)
    assert not ran.stderr
    return ran.returncode, ran.stdout.splitlines()


def test_the_script_checks_forms_too(bundle: Bundle, tmp_path: Path) -> None:
    script = bundle.write("verify-sh", tmp_path)
    status, (line,) = verified(bundle, script)
    assert (status, line.partition(":")[2].partition(":")[0]) == (
        0,
        " 2 mirrors and 7 derived forms",
    )
    (bundle.path / "crates/z/.added").touch()
    (bundle.path / "crates/y/cli.wasm").write_bytes(b"mine")
    (bundle.path / "crates/y/io.wit").chmod(0o755)
    status, lines = verified(bundle, script)
    assert (status, lines) == (
        1,
        [
            "crates/y/io.wit: mode differs: is executable",
            "crates/z/.added: added",
            "crates/y/cli.wasm: content differs",
            "3 findings in 2 mirrors and 7 derived forms",
        ],
    )


def test_the_script_allows_that_forms_are_removed(bundle: Bundle, tmp_path: Path) -> None:
    script = bundle.write("verify-sh", tmp_path)
    (bundle.path / "crates/y/cli.wasm").unlink()
    shutil.rmtree(bundle.path / "crates/z")
    status, lines = verified(bundle, script)
    assert (status, lines[:-1]) == (
        1,
        ["crates/y/cli.wasm: missing altogether", "crates/z: missing altogether"],
    )
    status, (line,) = verified(bundle, script, "--allow-removed")
    assert status == 0
    assert "2 mirrors and 6 derived forms, 1 removed, 1 place removed" in line


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_shellcheck_has_nothing_to_say_about_it(bundle: Bundle, tmp_path: Path) -> None:
    script = bundle.write("verify-sh", tmp_path)
    subprocess.run(["shellcheck", "--shell", "sh", str(script)], check=True, capture_output=True)


@pytest.mark.skipif(
    shutil.which("nix-hash") is None or shutil.which("nix-instantiate") is None, reason="needs nix"
)
def test_nix_hash_gives_the_hash_of_each_place(bundle: Bundle, tmp_path: Path) -> None:
    report = bundle.write("nix", tmp_path)
    command = ["nix-instantiate", "--eval", "--strict", "--json", "--store", "dummy://"]
    ran = subprocess.run([*command, str(report)], capture_output=True, check=True)
    for name, values in json.loads(ran.stdout).items():
        for place in values["places"]:
            command = ["nix-hash", "--type", "sha256", "--base32", place]
            ran = subprocess.run(command, cwd=bundle.path, capture_output=True, check=True)
            assert ran.stdout.decode().strip() == values["sha256"], (name, place)


@pytest.mark.parametrize("columns", [40, 200])
def test_a_person_on_a_terminal_gets_them_below_the_mirrors(bundle: Bundle, columns: int) -> None:
    facts = gather(find_host(bundle.path), with_content=False, advance=lambda *_: None).facts
    assert facts
    shown = render_table(facts, Paint(), columns)
    assert (
        "\nDERIVED\n"
        f"cli.wasm  derived: wit-binary of cli 1 with io 1, by wasm-tools {TOOL}\n"
        "  in crates/y/cli.wasm\n"
    ) in shown
    assert "  in crates/z, third_party/wit/patched\n  third_party/patches/io.patch: sizes" in shown


# Distributions.

HEADER = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"


def test_debian_has_a_paragraph_for_every_form_under_the_licence_of_its_mirrors(
    read: Read, packed: Path
) -> None:
    text = HEADER + "Files: *\nCopyright: me\nLicense: CC0-1.0\n\n" + read("debian").decode()
    document = Copyright(text.splitlines(keepends=True), strict=True)

    def paragraph(path: str) -> Any:
        return document.find_files_paragraph(path)

    for path in FILES:
        assert paragraph(path).license.synopsis == "Apache-2.0 with LLVM exception", path
        assert "unmodified" not in paragraph(path).comment.lower()
    for path in ("crates/y/cli.wasm", "third_party/wit/cli.wat"):
        comment = paragraph(path).comment
        assert f"Made of cli 1, io 1 by wasm-tools {TOOL}, and no copy:" in comment
        assert "its source here: cli in third_party/wit/cli" in comment
    comment = paragraph("crates/z/streams.wit").comment
    assert f"A patched copy of io 1, patches: {PATCH}" in comment
    assert (
        f"patch {PATCH}: sizes have 64 bits; by A. Maintainer <a@example.org>; forwarded: unknown"
        in comment
    )
    assert (packed / "third_party/wit/io").is_dir()


def test_rpm_is_provided_what_is_bundled_with_patches_and_told_of_the_rest(read: Read) -> None:
    lines = read("rpm").decode().splitlines()
    provided = [line for line in lines if not line.startswith("#") and line]
    assert provided == ["Provides: bundled(io) = 1", "Provides: bundled(cli) = 1"]
    assert "# io-patched: patched copy of io 1, in crates/z, third_party/wit/patched" in lines
    binary = (
        f"#   cli.wasm: wit-binary of cli 1 with io 1, by wasm-tools {TOOL}, in crates/y/cli.wasm"
    )
    assert binary in lines


@pytest.mark.skipif(
    not Path(sys.executable).with_name("reuse").exists(), reason="needs the Python package reuse"
)
def test_reuse_accepts_a_repository_with_the_annotations(bundle: Bundle) -> None:
    annotations = bundle.report("reuse").out
    assert "patched copy of io 1" in annotations
    own = (
        'version = 1\n\n[[annotations]]\npath = "**"\nprecedence = "closest"\n'
        'SPDX-FileCopyrightText = "me"\nSPDX-License-Identifier = "CC0-1.0"\n\n'
    )
    (bundle.path / "REUSE.toml").write_text(own + annotations)
    (bundle.path / "LICENSES").mkdir()
    for name in ("CC0-1.0", "Apache-2.0", "LLVM-exception"):
        (bundle.path / "LICENSES" / f"{name}.txt").write_text(name)
    git(bundle.path, "init", "--quiet")
    git(bundle.path, "add", "--all", "--force")
    program = Path(sys.executable).with_name("reuse")
    ran = subprocess.run(
        [program, "--root", ".", "lint", "--json"],
        cwd=bundle.path,
        capture_output=True,
        check=False,
    )
    said = json.loads(ran.stdout)
    assert said["summary"]["compliant"], said["non_compliant"]
    licences = {
        os.path.normpath(file["path"]): {e["value"] for e in file["spdx_expressions"]}
        for file in said["files"]
    }
    assert all(licences[path] == {LICENSED} for path in FILES)


# SPDX.


def spdx_complaints(path: Path) -> list[str]:
    document = parse_file(str(path))
    return [message.validation_message for message in validate_full_spdx_document(document)]


def related(document: dict, kind: str) -> set[tuple[str, str]]:
    """The names of packages and files that are related so."""
    names = {one["SPDXID"]: one["name"] for one in document["packages"]}
    names |= {one["SPDXID"]: one["fileName"].removeprefix("./") for one in document["files"]}
    return {
        (names[one["spdxElementId"]], names[one["relatedSpdxElement"]])
        for one in document["relationships"]
        if one["relationshipType"] == kind
    }


def test_spdx_own_library_objects_to_nothing(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "third-party.spdx.json"
    bundle.report("spdx", "-o", str(path))
    assert spdx_complaints(path) == []
    for name in ("io", "cli"):
        bundle.remove(name)
    bundle.report("spdx", "-o", str(path))
    assert spdx_complaints(path) == []
    document = json.loads(path.read_bytes())
    missing = {one["name"] for one in document["packages"] if not one["filesAnalyzed"]}
    assert missing == {"io", "cli", "wasm-tools"}
    assert ("cli.wasm", "cli") in related(document, "GENERATED_FROM")


def test_spdx_says_what_was_generated_from_what_by_which_tool(read: Read, packed: Path) -> None:
    document = json.loads(read("spdx"))
    assert related(document, "GENERATED_FROM") == {
        *(
            (made, source)
            for made in ("cli.wasm", "cli.wat", "cli.wit")
            for source in ("cli", "io")
        ),
        ("io.wit", "io"),
        ("io.wit.gz", "io.wit"),
        ("io-patched", "io"),
        ("p.wit", "io-patched"),
    }
    assert related(document, "BUILD_TOOL_OF") == {
        ("wasm-tools", made) for made in ("cli.wasm", "cli.wat", "cli.wit", "io.wit", "p.wit")
    }
    packages = {one["name"]: one for one in document["packages"]}
    assert packages["wasm-tools"]["versionInfo"] == TOOL
    binary = packages["cli.wasm"]
    assert binary["sourceInfo"].startswith("derived: wit-binary of cli 1 with io 1")
    assert binary["licenseDeclared"] == LICENSED
    assert binary["packageFileName"] == "./crates/y/cli.wasm"
    contained = {path for made, path in related(document, "CONTAINS") if made not in {"io", "cli"}}
    assert contained == set(FILES)
    files = {one["fileName"].removeprefix("./"): one for one in document["files"]}
    for path in (*FILES, PATCH):
        found = {one["algorithm"]: one["checksumValue"] for one in files[path]["checksums"]}
        hashed = digests(packed / path)
        assert found == {"SHA1": hashed["sha1"], "SHA256": hashed["sha256"]}, path


def test_spdx_says_which_file_was_modified_by_which_patch_and_that_the_mirror_was_not(
    read: Read,
) -> None:
    document = json.loads(read("spdx"))
    original = "third_party/wit/io/streams.wit"
    assert related(document, "FILE_MODIFIED") == {
        (f"{place}/streams.wit", original) for place in ("crates/z", "third_party/wit/patched")
    }
    assert related(document, "PATCH_APPLIED") == {(PATCH, "io-patched")}
    (mirror,) = (one for one in document["packages"] if one["name"] == "io")
    assert mirror["sourceInfo"].startswith("unmodified copy of io of ")


# CycloneDX.


def cyclonedx_complaint(path: Path) -> str | None:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text())
    return None if error is None else error.data.message


def bom_refs(document: Any) -> list[str]:
    """All references that something in a document has."""
    if isinstance(document, list):
        return [ref for one in document for ref in bom_refs(one)]
    if not isinstance(document, dict):
        return []
    own = [document["bom-ref"]] if "bom-ref" in document else []
    return own + [ref for one in document.values() for ref in bom_refs(one)]


def test_cyclonedx_own_strict_schema_objects_to_nothing(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.write("cyclonedx", tmp_path)
    assert cyclonedx_complaint(path) is None
    for name in ("io", "cli"):
        bundle.remove(name)
    bundle.write("cyclonedx", tmp_path)
    assert cyclonedx_complaint(path) is None
    refs = bom_refs(json.loads(path.read_bytes()))
    assert len(set(refs)) == len(refs)
    assert {"mirror:io", "mirror:cli"} < set(refs), "what they are made of is named all the same"


def test_cyclonedx_has_a_pedigree_for_every_form(read: Read, packed: Path) -> None:
    document = json.loads(read("cyclonedx"))
    forms = {one["name"]: one for one in document["components"] if "form:" in one["bom-ref"]}
    assert {
        name: [one["name"] for one in form["pedigree"]["ancestors"]] for name, form in forms.items()
    } == {
        "cli.wasm": ["cli", "io"],
        "cli.wat": ["cli", "io"],
        "cli.wit": ["cli", "io"],
        "io.wit": ["io"],
        "io.wit.gz": ["io.wit"],
        "io-patched": ["io"],
        "p.wit": ["io-patched"],
    }
    hashed = digests(packed / "crates/y/cli.wasm")
    assert forms["cli.wasm"]["hashes"] == [
        {"alg": "SHA-1", "content": hashed["sha1"]},
        {"alg": "SHA-256", "content": hashed["sha256"]},
    ]
    assert forms["cli.wasm"]["type"] == "file"
    assert [one["location"] for one in forms["cli.wit"]["evidence"]["occurrences"]] == [
        "crates/y/cli.wit",
        "third_party/wit/cli.wit",
    ]
    (patch,) = forms["io-patched"]["pedigree"]["patches"]
    assert (patch["type"], patch["diff"]["url"]) == ("unofficial", PATCH)
    assert patch["diff"]["text"]["content"].encode() == (packed / PATCH).read_bytes()
    assert patch["resolves"] == [{"type": "enhancement", "description": "sizes have 64 bits"}]
    assert (
        "by A. Maintainer <a@example.org>; forwarded: unknown"
        in (forms["io-patched"]["pedigree"]["notes"])
    )
    mirrors = [one for one in document["components"] if "mirror:" in one["bom-ref"]]
    assert not any("patches" in one["pedigree"] for one in mirrors)


def test_cyclonedx_says_how_and_with_which_tool_each_was_made(read: Read) -> None:
    document = json.loads(read("cyclonedx"))
    refs = bom_refs(document)
    assert len(set(refs)) == len(refs)
    (formula,) = document["formulation"]
    assert [(one["name"], one["version"]) for one in formula["components"]] == [
        ("wasm-tools", TOOL)
    ]
    flows = {one["bom-ref"]: one for one in formula["workflows"]}
    binary = flows["made:cli.wasm"]
    assert binary["resourceReferences"] == [{"ref": f"tool:wasm-tools@{TOOL}"}]
    assert binary["steps"][0]["commands"] == [{"executed": "git verbatim sync cli.wasm"}]
    assert binary["inputs"] == [{"resource": {"ref": f"mirror:{one}"}} for one in ("cli", "io")]
    assert "resourceReferences" not in flows["made:io-patched"]
    for flow in flows.values():
        used = [one["resource"] for one in flow["inputs"] + flow["outputs"]]
        assert {one["ref"] for one in used if "ref" in one} < set(refs)


# in-toto.


def statement_of(content: bytes) -> dict:
    """The statement, after in-toto's own parser has accepted it, with all its descriptors."""
    message = json_format.Parse(content, StatementMessage())
    Statement.copy_from_pb(message).validate()
    statement = json.loads(content)
    provenance = json_format.ParseDict(statement["predicate"], Provenance())
    for dependency in provenance.build_definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(dependency).validate()
    return statement


def test_every_output_is_a_subject_by_what_git_and_sha256sum_say(read: Read, packed: Path) -> None:
    statement = statement_of(read("intoto"))
    made = {s["name"]: s for s in statement["subject"] if "form" in s["annotations"]}
    assert set(made) == {
        path for path in FILES if "streams" not in path and "README" not in path
    } | {
        "crates/z",
        "third_party/wit/patched",
    }
    patched = json.loads((packed / "third_party/provenance/derived/io-patched.json").read_bytes())
    for path, subject in made.items():
        if (packed / path).is_dir():
            assert subject["digest"]["gitTree"] == patched["tree"]
        else:
            hashed = digests(packed / path)
            assert subject["digest"] == {one: hashed[one] for one in ("gitBlob", "sha256")}
    notes = made["crates/y/cli.wasm"]["annotations"]
    assert notes["buildType"] == "git-verbatim:wit-binary/v1"
    assert [one["name"] for one in notes["madeOf"]] == ["cli", "io"]


def test_its_provenance_says_of_what_by_what_and_with_which_tool(read: Read, packed: Path) -> None:
    predicate = statement_of(read("intoto"))["predicate"]
    build = predicate["buildDefinition"]
    assert build["buildType"] == "git-verbatim:sync-with-forms/v1"
    forms = build["externalParameters"]["forms"]
    assert forms["cli.wasm"] == {
        "form": "wit-binary",
        "formVersion": "1",
        "of": "cli",
        "ofPath": None,
        "with": ["io"],
        "features": None,
        "patches": [],
        "places": ["crates/y/cli.wasm"],
        "tool": f"wasm-tools {TOOL}",
    }
    assert forms["io-patched"]["patches"] == [PATCH]
    commit, cli, io, patch, tool = build["resolvedDependencies"]
    trees = {c["name"]: c["tree"] for c in json.loads(read("json"))["components"]}
    for name, mirror in (("cli", cli), ("io", io)):
        assert mirror["uri"] == commit["uri"]
        assert mirror["digest"] == {**commit["digest"], "gitTree": trees[name]}
    hashed = digests(packed / PATCH)
    assert patch == {"name": PATCH, "digest": {one: hashed[one] for one in ("gitBlob", "sha256")}}
    assert (tool["name"], tool["annotations"]) == ("wasm-tools", {"version": TOOL})
    assert predicate["runDetails"]["builder"]["version"] == {
        "wasm-tools": TOOL,
        **dict.fromkeys(("wit-binary", "wat", "wit-single", "wit-package", "gzip", "patched"), "1"),
    }


def test_where_mirrors_are_not_here_they_are_dependencies_all_the_same(bundle: Bundle) -> None:
    for name in ("io", "cli"):
        bundle.remove(name)
    statement = statement_of(bundle.report("intoto").out.encode())
    build = statement["predicate"]["buildDefinition"]
    assert [one["name"] for one in build["resolvedDependencies"]] == [
        "cli",
        "io",
        PATCH,
        "wasm-tools",
    ]
    assert all("form" in one["annotations"] for one in statement["subject"])
