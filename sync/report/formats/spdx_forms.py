"""Derived forms in SPDX: packages that are generated from mirrors, by a tool, with patches.

A form is a package of its own, GENERATED_FROM the packages of what it is made of. What of these is
not here is named as a package whose files were not analysed, and so is the tool. A patch was
applied to the form, and not to the mirror, which stays as it is: each file of a patched copy says
what it was modified from. All functions are pure.
"""

import hashlib
from collections.abc import Iterator

from sync.derived.record import Tool
from sync.model.values import path_at
from sync.report.facts import Component, Derived, Facts, Patch
from sync.report.form_text import form_places_shown, named, patch_shown
from sync.report.formats.sbom import (
    made_files,
    made_licence_comments,
    made_of_shown,
    missing_sources,
    source_version,
)
from sync.report.formats.spdx_elements import (
    UNKNOWN,
    element_id,
    file_id,
    file_name,
    listed_files,
    mirror_id,
    reference,
    relation,
    spdx_file,
    verification_code,
)
from sync.report.links import swhid_content, swhid_directory


def form_id(form: Derived) -> str:
    return element_id("Form", form.name)


def form_packages(facts: Facts) -> Iterator[dict[str, object]]:
    """Yield the forms that are here, what they are made of and is not here, and the tools."""
    yield from map(_package, facts.forms_here)
    yield from map(_missing, missing_sources(facts))
    for tool in sorted({form.record.tool for form in facts.forms_here if form.record.tool}):
        yield {
            "SPDXID": _tool_id(tool),
            **_not_analysed(tool.name, tool.version),
            "comment": "the program that made derived forms; it is not here",
            "primaryPackagePurpose": "APPLICATION",
        }


def _package(form: Derived) -> dict[str, object]:
    record, files = form.record, made_files(form)
    identity = swhid_directory if record.is_directory else swhid_content
    what = "the directory" if record.is_directory else "the file"
    return {
        "SPDXID": form_id(form),
        "name": form.name,
        "versionInfo": source_version(form),
        "comment": f"derived from {named(form.source)}; in {form_places_shown(form)}",
        "packageFileName": file_name(form.here[0].encode()),
        "supplier": UNKNOWN,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": True,
        "packageVerificationCode": verification_code(files),
        "sourceInfo": made_of_shown(form),
        "licenseDeclared": form.licensing.declared or UNKNOWN,
        "licenseConcluded": form.licensing.concluded or UNKNOWN,
        "licenseComments": "\n".join(made_licence_comments(form)),
        "licenseInfoFromFiles": [UNKNOWN],
        "copyrightText": "\n".join(form.licensing.copyright) or UNKNOWN,
        "externalRefs": [reference("PERSISTENT-ID", "swh", identity(record.id), what)],
        "primaryPackagePurpose": "SOURCE" if form.is_patched else "FILE",
    }


def _missing(source: Component | Derived) -> dict[str, object]:
    return {
        "SPDXID": _source_id(source),
        **_not_analysed(source.name, source_version(source)),
        "comment": f"{source.presence.value}: it is not here, and something here is made of it",
    }


def _not_analysed(name: str, version: str) -> dict[str, object]:
    return {
        "name": name,
        "versionInfo": version,
        "supplier": UNKNOWN,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseDeclared": UNKNOWN,
        "licenseConcluded": UNKNOWN,
        "copyrightText": UNKNOWN,
    }


def _tool_id(tool: Tool) -> str:
    return element_id("Tool", f"{tool.name}-{tool.version}")


def form_files(facts: Facts) -> Iterator[dict[str, object]]:
    """Yield the files of the forms that are here, and their patches."""
    for form in facts.forms_here:
        yield from map(spdx_file, listed_files(made_files(form)))
    patches = {patch.file.path: patch for form in facts.forms_here for patch in form.patches}
    yield from map(_patch, patches.values())


def _patch(patch: Patch) -> dict[str, object]:
    sha1 = hashlib.sha1(patch.content, usedforsecurity=False).hexdigest()
    path = patch.file.path.encode()
    return {
        "SPDXID": file_id(path),
        "fileName": file_name(path),
        "fileTypes": ["SOURCE"],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": sha1},
            {"algorithm": "SHA256", "checksumValue": patch.file.sha256},
        ],
        "comment": f"patch {patch_shown(patch)}",
    }


def form_relations(facts: Facts) -> Iterator[dict[str, object]]:
    """Yield what forms hold, of what they were generated, with which tool and patches."""
    for form in facts.forms_here:
        yield from _relations(form)
    for source in missing_sources(facts):
        if isinstance(source, Derived):
            yield from _generated(source)


def _relations(form: Derived) -> Iterator[dict[str, object]]:
    for file in listed_files(made_files(form)):
        yield relation(form_id(form), "CONTAINS", file_id(file.path))
    yield from _generated(form)
    if form.record.tool:
        yield relation(_tool_id(form.record.tool), "BUILD_TOOL_OF", form_id(form))
    for patch in form.patches:
        applied = file_id(patch.file.path.encode())
        yield relation(applied, "PATCH_APPLIED", form_id(form), patch_shown(patch))
    if form.is_patched and form.main_mirror.is_present:
        yield from _changes(form, form.main_mirror)


def _generated(form: Derived) -> Iterator[dict[str, object]]:
    for source in form.made_of:
        yield relation(form_id(form), "GENERATED_FROM", _source_id(source))


def _changes(form: Derived, mirror: Component) -> Iterator[dict[str, object]]:
    """Yield which files of a patched copy differ from those of the mirror, file by file."""
    before = {
        fact.path: (file_id(path_at(mirror.here[0], fact.path)), fact.blob)
        for fact in mirror.record.files
        if fact.path not in mirror.required_content().links
    }
    files = [file for file in made_files(form) if file.target is None]
    for file in files:
        old = before.get(file.fact.path)
        if old is None:
            yield relation(file_id(file.path), "FILE_ADDED", mirror_id(mirror))
        elif old[1] != file.fact.blob:
            yield relation(file_id(file.path), "FILE_MODIFIED", old[0])
    kept = {file.fact.path for file in files}
    for path, (old_id, _) in before.items():
        if path not in kept:
            yield relation(old_id, "FILE_DELETED", form_id(form))


def _source_id(source: Component | Derived) -> str:
    return form_id(source) if isinstance(source, Derived) else mirror_id(source)
