"""The report as SPDX 2.3 JSON.

All functions are pure.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote_from_bytes

from sync.report.facts import Component, Derived, Facts, LicenseText
from sync.report.form_text import form_elsewhere_shown
from sync.report.formats.sbom import TOOL, Part, content_uuid, json_bytes, parts
from sync.report.formats.spdx_elements import (
    UNKNOWN,
    digest,
    file_id,
    file_name,
    listed_files,
    mirror_id,
    reference,
    relation,
    spdx_file,
    verification_code,
)
from sync.report.formats.spdx_forms import (
    form_files,
    form_id,
    form_packages,
    form_relations,
)
from sync.report.links import repository_uri, swhid_release, swhid_revision
from sync.report.text import headline, iso_time, origin_shown

_DOCUMENT = "SPDXRef-DOCUMENT"
_NONE = "NONE"
_LICENSE_REF = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_EMAIL = re.compile(r".*\([^()]*@[^()]*\)")


def render(facts: Facts) -> bytes:
    """Write an SPDX document of the mirrors that are here, and of what is derived from them."""
    top = parts(facts)
    every = [part for mirror in top for part in mirror.all()]
    document: dict[str, object] = {
        "name": "third-party",
        "comment": "\n".join(
            [
                headline(facts),
                *map(_elsewhere, facts.elsewhere),
                *map(form_elsewhere_shown, facts.forms_elsewhere),
            ]
        ),
        "creationInfo": {"created": iso_time(facts.timestamp), "creators": [f"Tool: {TOOL}"]},
        "packages": [*map(_package, every), *form_packages(facts)],
        "files": [
            *(spdx_file(file) for part in every for file in listed_files(part.files)),
            *form_files(facts),
        ],
        "relationships": [
            *_described([*map(_package_id, top), *map(form_id, facts.forms_here)]),
            *(related for part in every for related in _relations(part, top)),
            *form_relations(facts),
        ],
        "hasExtractedLicensingInfos": _extracted(every, facts.forms_here),
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
        "packageFileName": file_name(part.directory),
        "supplier": _supplier(part.supplier),
        "downloadLocation": _download_location(part) or UNKNOWN,
        "filesAnalyzed": True,
        "packageVerificationCode": verification_code(part.files),
        "sourceInfo": part.provenance,
        "licenseDeclared": part.statement.declared
        or (_NONE if part.statement.is_unlicensed else UNKNOWN),
        "licenseConcluded": part.statement.concluded or UNKNOWN,
        "licenseComments": "\n".join(part.statement.comments),
        "licenseInfoFromFiles": sorted(_license_expressions([part])) or [UNKNOWN],
        "copyrightText": "\n".join(part.statement.copyright) or UNKNOWN,
        "externalRefs": list(_references(part)),
        "primaryPackagePurpose": "SOURCE",
    }


def _comments(part: Part) -> Iterator[str]:
    if part.nested:
        yield f"a copy inside the mirror {part.component.name}: {origin_shown(part.nested)}"
    if len(part.directories) > 1:
        where = ", ".join(map(file_name, part.directories))
        yield f"the same at {len(part.directories)} places: {where}"
    if part.nested is None:
        yield from (f"removed: {file_name(one.encode())}" for one in part.component.not_here)


def _download_location(part: Part) -> str | None:
    """Write directory and commit as pip and SPDX do: `git+https://…@<commit>#<directory>`."""
    upstream = part.component.record.upstream
    uri = repository_uri(upstream.url)
    where = f"#{quote_from_bytes(part.source)}" if part.source else ""
    return uri and f"git+{uri}@{upstream.commit}{where}"


def _package_id(part: Part) -> str:
    return (
        mirror_id(part.component)
        if part.nested is None
        else f"SPDXRef-Copy-{digest(part.directory)}"
    )


def _supplier(name: str | None) -> str:
    """Write the supplier.

    If the name ends with a parenthesis that is not an e-mail address, empty parentheses follow it:
    they stand where the address would.
    """
    if name is None:
        return UNKNOWN
    return (
        f"Organization: {name}"
        if not name.endswith(")") or _EMAIL.fullmatch(name)
        else f"Organization: {name} ()"
    )


def _references(part: Part) -> Iterator[dict[str, object]]:
    if part.purl:
        yield reference("PACKAGE-MANAGER", "purl", part.purl, None)
    yield reference("PERSISTENT-ID", "swh", part.swhid, _identity(part))
    if part.copied is None:
        return
    upstream = part.copied.mirror.record.upstream
    revision = swhid_revision(upstream.commit)
    yield reference("PERSISTENT-ID", "swh", revision, "a commit that has these files")
    if upstream.tag:
        release = swhid_release(upstream.tag)
        yield reference("PERSISTENT-ID", "swh", release, "the annotated tag of that commit")
    if part.swhid_in_context:
        is_whole = part.copied.is_whole
        what = "upstream's directory" + ("" if is_whole else ", of which this is a part")
        yield reference("OTHER", "swhid", part.swhid_in_context, what)


def _identity(part: Part) -> str:
    if part.is_file:
        return "the file"
    is_whole = part.nested is not None or part.component.is_whole
    return (
        "the directory"
        if is_whole
        else "the directory; no archive knows this id, since something is left out"
    )


def _described(elements: Sequence[str]) -> list[dict[str, object]]:
    return [relation(_DOCUMENT, "DESCRIBES", element) for element in elements]


def _relations(part: Part, mirrors: Sequence[Part]) -> Iterator[dict[str, object]]:
    """Yield what a part contains and, for a copy, what it is a copy of."""
    for file in listed_files(part.files):
        yield relation(_package_id(part), "CONTAINS", file_id(file.path))
    for inner in part.inside:
        yield relation(_package_id(part), "CONTAINS", _package_id(inner))
    origin = part.nested.origin if part.nested else None
    for mirror in mirrors:
        if part.nested and origin and mirror.name == origin.mirror:
            is_exact = part.nested.tree == mirror.component.record.holding.tree
            yield relation(
                _package_id(part),
                "COPY_OF" if is_exact else "OTHER",
                _package_id(mirror),
                f"copy of {origin_shown(part.nested)}",
            )


def _license_expressions(every: Sequence[Part]) -> set[str]:
    """Return the expressions of licence files that are known; no other files are read for them."""
    return {
        file.license.expression
        for part in every
        for file in part.files
        if file.license and file.license.expression
    }


def _extracted(every: Sequence[Part], forms: Sequence[Derived]) -> list[dict[str, object]]:
    """List every LicenseRef that the document uses, with its text."""
    said = [(part.statement.declared, part.statement.concluded) for part in every]
    said += [(form.licensing.declared, form.licensing.concluded) for form in forms]
    stated = {expression for both in said for expression in both if expression}
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
