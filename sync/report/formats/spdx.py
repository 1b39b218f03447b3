"""The report as SPDX 2.3 JSON.

All functions are pure.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote_from_bytes

from sync.quoting import quote_path
from sync.report.facts import Component, Facts, LicenseText
from sync.report.formats.sbom import TOOL, File, Part, content_uuid, json_bytes, parts
from sync.report.links import repository_uri, swhid_release, swhid_revision
from sync.report.text import headline, iso_time, origin_shown

_DOCUMENT = "SPDXRef-DOCUMENT"
_UNKNOWN = "NOASSERTION"
_NONE = "NONE"
_SAFE_ID = re.compile(r"[A-Za-z0-9.-]+")
_LICENSE_REF = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_EMAIL = re.compile(r".*\([^()]*@[^()]*\)")


def render(facts: Facts) -> bytes:
    """Write an SPDX document of the mirrors that are here."""
    top = parts(facts)
    every = [part for mirror in top for part in mirror.all()]
    document: dict[str, object] = {
        "name": "third-party",
        "comment": "\n".join([headline(facts), *map(_elsewhere, facts.elsewhere)]),
        "creationInfo": {"created": iso_time(facts.timestamp), "creators": [f"Tool: {TOOL}"]},
        "packages": [_package(part) for part in every],
        "files": [_spdx_file(file) for part in every for file in _listed(part)],
        "relationships": [
            *_described(top),
            *(relation for part in every for relation in _relations(part, top)),
        ],
        "hasExtractedLicensingInfos": _extracted(every),
    }
    head = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "documentNamespace": f"https://spdx.org/spdxdocs/third-party-{content_uuid(document)}",
    }
    return json_bytes(head | document)


def _elsewhere(component: Component) -> str:
    """Name a mirror that the inventory leaves out because it is not here."""
    version = component.version or component.record.upstream.commit
    return f"{component.presence.value}: {component.name} ({version})"


def _package(part: Part) -> dict[str, object]:
    description = part.component.mirror.description if part.nested is None else None
    comment = "\n".join(_comments(part))
    optional = {"versionInfo": part.version, "description": description, "comment": comment}
    return {
        "SPDXID": _package_id(part),
        "name": part.name,
        **{key: value for key, value in optional.items() if value},
        "packageFileName": _file_name(part.directory),
        "supplier": _supplier(part.supplier),
        "downloadLocation": _download_location(part) or _UNKNOWN,
        "filesAnalyzed": True,
        "packageVerificationCode": _verification_code(part),
        "sourceInfo": part.provenance,
        "licenseDeclared": part.statement.declared
        or (_NONE if part.statement.is_unlicensed else _UNKNOWN),
        "licenseConcluded": part.statement.concluded or _UNKNOWN,
        "licenseComments": "\n".join(part.statement.comments),
        "licenseInfoFromFiles": sorted(_license_expressions([part])) or [_UNKNOWN],
        "copyrightText": "\n".join(part.statement.copyright) or _UNKNOWN,
        "externalRefs": list(_references(part)),
        "primaryPackagePurpose": "SOURCE",
    }


def _comments(part: Part) -> Iterator[str]:
    if part.nested:
        yield f"a copy inside the mirror {part.component.name}: {origin_shown(part.nested)}"
    if len(part.directories) > 1:
        where = ", ".join(map(_file_name, part.directories))
        yield f"the same at {len(part.directories)} places: {where}"
    if part.nested is None:
        yield from (f"removed: {_file_name(one.encode())}" for one in part.component.not_here)


def _download_location(part: Part) -> str | None:
    """Write directory and commit as pip and SPDX do: `git+https://…@<commit>#<directory>`."""
    upstream = part.component.record.upstream
    uri = repository_uri(upstream.url)
    where = f"#{quote_from_bytes(part.source)}" if part.source else ""
    return uri and f"git+{uri}@{upstream.commit}{where}"


def _package_id(part: Part) -> str:
    return (
        _mirror_id(part.component)
        if part.nested is None
        else f"SPDXRef-Copy-{_digest(part.directory)}"
    )


def _mirror_id(component: Component) -> str:
    name = component.name
    return (
        f"SPDXRef-Mirror-{name}"
        if _SAFE_ID.fullmatch(name)
        else f"SPDXRef-Mirror--{_digest(name.encode())}"
    )


def _file_id(file: File) -> str:
    return f"SPDXRef-File-{_digest(file.path)}"


def _digest(path: bytes) -> str:
    return hashlib.sha256(path).hexdigest()[:32]


def _file_name(path: bytes) -> str:
    return quote_path(b"./" + path)


def _supplier(name: str | None) -> str:
    """Write the supplier.

    If the name ends with a parenthesis that is not an e-mail address, empty parentheses follow it:
    they stand where the address would.
    """
    if name is None:
        return _UNKNOWN
    return (
        f"Organization: {name}"
        if not name.endswith(")") or _EMAIL.fullmatch(name)
        else f"Organization: {name} ()"
    )


def _listed(part: Part) -> list[File]:
    """Return the files of a part without symlinks, which have no content."""
    return [file for file in part.files if file.target is None]


def _verification_code(part: Part) -> dict[str, object]:
    """Compute the package verification code (SPDX 2.3, 7.9).

    It is the SHA-1 of the sorted SHA-1s of the package's files.
    """
    hashes = "".join(sorted(file.sha1 for file in _listed(part)))
    value = hashlib.sha1(hashes.encode(), usedforsecurity=False).hexdigest()
    excluded = [_file_name(file.path) for file in part.files if file.target is not None]
    names = {"packageVerificationCodeExcludedFiles": excluded} if excluded else {}
    return {**names, "packageVerificationCodeValue": value}


def _references(part: Part) -> Iterator[dict[str, object]]:
    if part.purl:
        yield _reference("PACKAGE-MANAGER", "purl", part.purl, None)
    yield _reference("PERSISTENT-ID", "swh", part.swhid, _identity(part))
    if part.copied is None:
        return
    upstream = part.copied.mirror.record.upstream
    revision = swhid_revision(upstream.commit)
    yield _reference("PERSISTENT-ID", "swh", revision, "a commit that has these files")
    if upstream.tag:
        release = swhid_release(upstream.tag)
        yield _reference("PERSISTENT-ID", "swh", release, "the annotated tag of that commit")
    if part.swhid_in_context:
        is_whole = part.copied.is_whole
        what = "upstream's directory" + ("" if is_whole else ", of which this is a part")
        yield _reference("OTHER", "swhid", part.swhid_in_context, what)


def _identity(part: Part) -> str:
    if part.is_file:
        return "the file"
    is_whole = part.nested is not None or part.component.is_whole
    return (
        "the directory"
        if is_whole
        else "the directory; no archive knows this id, since something is left out"
    )


def _reference(category: str, kind: str, locator: str, comment: str | None) -> dict[str, object]:
    said = {"comment": comment} if comment else {}
    return {
        "referenceCategory": category,
        "referenceType": kind,
        "referenceLocator": locator,
        **said,
    }


def _spdx_file(file: File) -> dict[str, object]:
    return {
        "SPDXID": _file_id(file),
        "fileName": _file_name(file.path),
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": file.sha1},
            {"algorithm": "SHA256", "checksumValue": file.fact.sha256},
        ],
        **(
            {"licenseInfoInFiles": [file.license.expression]}
            if file.license and file.license.expression
            else {}
        ),
    }


def _described(mirrors: Sequence[Part]) -> list[dict[str, object]]:
    return [_relation(_DOCUMENT, "DESCRIBES", _package_id(part)) for part in mirrors]


def _relations(part: Part, mirrors: Sequence[Part]) -> Iterator[dict[str, object]]:
    """Yield what a part contains and, for a copy, what it is a copy of."""
    for file in _listed(part):
        yield _relation(_package_id(part), "CONTAINS", _file_id(file))
    for inner in part.inside:
        yield _relation(_package_id(part), "CONTAINS", _package_id(inner))
    origin = part.nested.origin if part.nested else None
    for mirror in mirrors:
        if part.nested and origin and mirror.name == origin.mirror:
            is_exact = part.nested.tree == mirror.component.record.holding.tree
            yield _relation(
                _package_id(part),
                "COPY_OF" if is_exact else "OTHER",
                _package_id(mirror),
                f"copy of {origin_shown(part.nested)}",
            )


def _relation(
    element: str, kind: str, related: str, comment: str | None = None
) -> dict[str, object]:
    said = {"comment": comment} if comment else {}
    return {
        "spdxElementId": element,
        "relationshipType": kind,
        "relatedSpdxElement": related,
        **said,
    }


def _license_expressions(every: Sequence[Part]) -> set[str]:
    """Return the expressions of licence files that are known; no other files are read for them."""
    return {
        file.license.expression
        for part in every
        for file in part.files
        if file.license and file.license.expression
    }


def _extracted(every: Sequence[Part]) -> list[dict[str, object]]:
    """List every LicenseRef that the document uses, with its text."""
    stated = {
        said
        for part in every
        for said in (part.statement.declared, part.statement.concluded)
        if said
    }
    texts = [file.license for part in every for file in part.files if file.license]
    references = set(_LICENSE_REF.findall(" ".join(stated | _license_expressions(every))))
    return [
        _extracted_text(ref, [text for text in texts if text.expression == ref])
        for ref in sorted(references)
    ]


def _extracted_text(ref: str, texts: Sequence[LicenseText]) -> dict[str, object]:
    if not texts:
        unknown = (
            f"The text of {ref} is not known here: "
            "no licence file of a mirror that is here is known to be it."
        )
        return {"licenseId": ref, "extractedText": unknown}
    first = {text.blob: text for text in reversed(texts)}
    listed = sorted(text.path for text in first.values())
    is_notice = "; it names the licence and is not its text" if texts[0].is_notice else ""
    comment = (
        f"known by {texts[0].known_by}; wordings of it: {', '.join(listed)}; "
        f"the text here is that of {texts[0].path}{is_notice}"
    )
    return {"licenseId": ref, "extractedText": texts[0].text, "comment": comment}
