"""The report as CycloneDX 1.6 JSON.

All functions are pure.
"""

from collections.abc import Iterator

from sync.ids import Mode
from sync.quoting import quote_path
from sync.report.facts import Component, Facts
from sync.report.formats.sbom import TOOL, File, Part, content_uuid, json_bytes, parts
from sync.report.links import (
    directory_page,
    file_page,
    gitoid,
    repository_uri,
    swhid_content,
    swhid_qualified,
)
from sync.report.text import headline, iso_time, origin_shown, state_shown
from sync.signature.signed import signature_shown


def render(facts: Facts) -> bytes:
    """Write a bill of materials of the mirrors that are here."""
    mirrors = parts(facts)
    document: dict[str, object] = {
        "version": 1,
        "metadata": {
            "timestamp": iso_time(facts.timestamp),
            "lifecycles": [{"phase": "pre-build"}],
            "tools": {"components": [{"type": "application", "name": TOOL}]},
            "properties": [
                _property("headline", headline(facts)),
                *map(_elsewhere, facts.elsewhere),
            ],
        },
        "components": [_library(part) for part in mirrors],
        "compositions": _compositions([_ref(part) for mirror in mirrors for part in mirror.all()]),
    }
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{content_uuid(document)}",
    }
    return json_bytes(head | document)


def _property(name: str, value: str) -> dict[str, object]:
    return {"name": f"{TOOL}:{name}", "value": value}


def _elsewhere(component: Component) -> dict[str, object]:
    return _property(
        component.presence.value,
        f"{component.name} {component.version or component.record.upstream.commit}",
    )


def _compositions(references: list[str]) -> list[dict[str, object]]:
    """Declare the list of files complete, and that of dependencies unknown.

    Nobody has asked what the mirrors depend on.
    """
    return [
        {"aggregate": "complete", "assemblies": references},
        {"aggregate": "unknown", "dependencies": references},
    ]


def _ref(part: Part) -> str:
    return f"mirror:{part.name}" if part.nested is None else f"copy:{quote_path(part.directory)}"


def _library(part: Part) -> dict[str, object]:
    statement = part.statement
    holds = statement.concluded or statement.declared
    optional: dict[str, object] = {
        "supplier": {"name": part.supplier} if part.supplier else None,
        "version": part.version,
        "description": part.component.mirror.description if part.nested is None else None,
        "licenses": _licenses(holds, "concluded" if statement.concluded else "declared"),
        "copyright": "\n".join(statement.copyright) or None,
        "purl": part.purl,
    }
    return {
        "type": "library",
        "bom-ref": _ref(part),
        "name": part.name,
        **{key: value for key, value in optional.items() if value is not None},
        "swhid": list(_swhids(part)),
        "pedigree": _pedigree(part),
        "externalReferences": list(_references(part)),
        "components": [*map(_file, part.files), *map(_library, part.inside)],
        "evidence": _evidence(part),
        "properties": list(_properties(part)),
    }


def _licenses(expression: str | None, acknowledgement: str) -> list[dict[str, object]] | None:
    return [{"expression": expression, "acknowledgement": acknowledgement}] if expression else None


def _swhids(part: Part) -> Iterator[str]:
    """Yield the SWHID of a part, then the qualified one unless the part is a selection.

    An archive that has the repository can resolve the qualified one.
    """
    yield part.swhid
    if part.copied is not None and part.copied.is_whole and part.swhid_in_context:
        yield part.swhid_in_context


def _pedigree(part: Part) -> dict[str, object]:
    notes: dict[str, object] = {"notes": part.provenance}
    if part.copied is None:
        return notes
    upstream = part.copied.mirror.record.upstream
    page = (file_page if part.is_file else directory_page)(
        upstream.url, upstream.commit, part.copied.path
    )
    url = {"url": page} if page else {}
    committer = {"timestamp": upstream.commit_time}
    return {"commits": [{"uid": upstream.commit, **url, "committer": committer}], **notes}


def _references(part: Part) -> Iterator[dict[str, object]]:
    if part.upstream is None:
        return
    upstream = part.upstream.record.upstream
    if uri := repository_uri(upstream.url):
        yield {"type": "vcs", "url": uri, "comment": f"at commit {upstream.commit}"}
    for other in filter(None, map(repository_uri, part.upstream.mirror.also_at)):
        yield {"type": "vcs", "url": other, "comment": "by the manifest it has the same tree"}
    for text in part.upstream.licensing.texts:
        if page := file_page(upstream.url, upstream.commit, text.upstream_path):
            yield {
                "type": "license",
                "url": page,
                "comment": f"{text.expression or 'unknown'}; git blob id {text.blob}",
            }


def _file(file: File) -> dict[str, object]:
    """Describe a file.

    A symlink has no hashes: the hash of the target's path would be taken for that of the file that
    it leads to.
    """
    hashes = [
        {"alg": "SHA-1", "content": file.sha1},
        {"alg": "SHA-256", "content": file.fact.sha256},
    ]
    properties = list(_file_properties(file))
    return {
        "type": "file",
        "bom-ref": f"file:{file.name}",
        "name": file.name,
        **({"hashes": hashes} if file.target is None else {}),
        "omniborId": [gitoid(file.fact.blob)],
        "swhid": [swhid_content(file.fact.blob)],
        **({"properties": properties} if properties else {}),
    }


def _file_properties(file: File) -> Iterator[dict[str, object]]:
    if file.fact.mode != Mode.FILE:
        yield _property("mode", f"{file.fact.mode:o}")
    if file.target:
        yield _property("link-target", quote_path(file.target))


def _evidence(part: Part) -> dict[str, object]:
    declared = _licenses(part.statement.declared, "declared")
    method = {
        "technique": "hash-comparison",
        "confidence": 1,
        "value": "every file hashed as git does, up to the tree id",
    }
    identity = {
        "field": "swhid",
        "confidence": 1,
        "concludedValue": part.swhid,
        "methods": [method],
    }
    return {
        "identity": [identity],
        "occurrences": [{"location": quote_path(one)} for one in part.directories],
        **({"licenses": declared} if declared else {}),
        **(
            {"copyright": [{"text": line} for line in part.statement.copyright]}
            if part.statement.copyright
            else {}
        ),
    }


def _properties(part: Part) -> Iterator[dict[str, object]]:
    yield from (_property("path", quote_path(one)) for one in part.directories)
    if part.nested is None:
        yield from (_property("removed", one) for one in part.component.not_here)
        yield from _mirror_properties(part.component)
    else:
        yield _property("state", "copy inside a mirror")
        yield _property("tree", part.nested.tree)
        yield _property(
            "origin", part.nested.origin.mirror if part.nested.origin else origin_shown(part.nested)
        )
    for comment in part.statement.comments:
        yield _property("license", comment)


def _mirror_properties(component: Component) -> Iterator[dict[str, object]]:
    yield _property("state", state_shown(component))
    yield _property("tree", component.record.holding.tree)
    yield _property("upstream-tree", component.record.holding.upstream_tree)
    if not component.is_whole:
        yield _property("upstream-swhid", swhid_qualified(component.upstream_directory))
    yield _property("commit", component.record.upstream.commit)
    if component.record.pin.ref:
        yield _property("ref", component.record.pin.ref)
    if component.record.upstream.tag:
        yield _property("tag-object", component.record.upstream.tag)
    if component.record.signature:
        yield _property("signature", signature_shown(component.record.signature))
    if component.asked:
        yield _property("upstream-asked", component.asked.date)
        yield _property("upstream-said", ", ".join(component.asked.found) or "agrees")
    yield _property("from", quote_path(component.record.source) or ".")
    for name, patterns in (
        ("include", component.record.selection.include),
        ("exclude", component.record.selection.exclude),
    ):
        yield from (_property(name, pattern) for pattern in patterns)
