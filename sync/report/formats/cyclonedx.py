"""The report as CycloneDX 1.6 JSON.

All functions are pure.
"""

from collections.abc import Iterator

from sync.quoting import quote_path
from sync.report.facts import Component, Derived, Facts
from sync.report.form_text import made_shown
from sync.report.formats.cyclonedx_elements import (
    file_component,
    licence_choice,
    mirror_ref,
    prop,
)
from sync.report.formats.cyclonedx_forms import (
    form_component,
    form_ref,
    formulation,
)
from sync.report.formats.sbom import TOOL, Part, content_uuid, json_bytes, parts
from sync.report.links import (
    directory_page,
    file_page,
    repository_uri,
    swhid_qualified,
)
from sync.report.text import headline, iso_time, origin_shown, state_shown
from sync.signature.signed import signature_shown


def render(facts: Facts) -> bytes:
    """Write a bill of materials of the mirrors that are here, and of what is derived from them."""
    mirrors = parts(facts)
    document: dict[str, object] = {
        "version": 1,
        "metadata": {
            "timestamp": iso_time(facts.timestamp),
            "lifecycles": [{"phase": "pre-build"}],
            "tools": {"components": [{"type": "application", "name": TOOL}]},
            "properties": [
                prop("headline", headline(facts)),
                *map(_elsewhere, facts.elsewhere),
                *map(_form_elsewhere, facts.forms_elsewhere),
            ],
        },
        "components": [*map(_library, mirrors), *map(form_component, facts.forms_here)],
        "compositions": _compositions(
            [
                *(_ref(part) for mirror in mirrors for part in mirror.all()),
                *map(form_ref, facts.forms_here),
            ]
        ),
        **({"formulation": formulation(facts)} if facts.forms_here else {}),
    }
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{content_uuid(document)}",
    }
    return json_bytes(head | document)


def _elsewhere(component: Component) -> dict[str, object]:
    return prop(
        component.presence.value,
        f"{component.name} {component.version or component.record.upstream.commit}",
    )


def _form_elsewhere(form: Derived) -> dict[str, object]:
    return prop(form.presence.value, f"{form.name}: {made_shown(form)}")


def _compositions(references: list[str]) -> list[dict[str, object]]:
    """Declare the list of files complete, and that of dependencies unknown.

    Nobody has asked what the mirrors depend on.
    """
    return [
        {"aggregate": "complete", "assemblies": references},
        {"aggregate": "unknown", "dependencies": references},
    ]


def _ref(part: Part) -> str:
    return mirror_ref(part.name) if part.nested is None else f"copy:{quote_path(part.directory)}"


def _library(part: Part) -> dict[str, object]:
    statement = part.statement
    holds = statement.concluded or statement.declared
    optional: dict[str, object] = {
        "supplier": {"name": part.supplier} if part.supplier else None,
        "version": part.version,
        "description": part.component.mirror.description if part.nested is None else None,
        "licenses": licence_choice(holds, "concluded" if statement.concluded else "declared"),
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
        "components": [*map(file_component, part.files), *map(_library, part.inside)],
        "evidence": _evidence(part),
        "properties": list(_properties(part)),
    }


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


def _evidence(part: Part) -> dict[str, object]:
    declared = licence_choice(part.statement.declared, "declared")
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
    yield from (prop("path", quote_path(one)) for one in part.directories)
    if part.nested is None:
        yield from (prop("removed", one) for one in part.component.not_here)
        yield from _mirror_properties(part.component)
    else:
        yield prop("state", "copy inside a mirror")
        yield prop("tree", part.nested.tree)
        yield prop(
            "origin", part.nested.origin.mirror if part.nested.origin else origin_shown(part.nested)
        )
    for comment in part.statement.comments:
        yield prop("license", comment)


def _mirror_properties(component: Component) -> Iterator[dict[str, object]]:
    yield prop("state", state_shown(component))
    yield prop("tree", component.record.holding.tree)
    yield prop("upstream-tree", component.record.holding.upstream_tree)
    if not component.is_whole:
        yield prop("upstream-swhid", swhid_qualified(component.upstream_directory))
    yield prop("commit", component.record.upstream.commit)
    if component.record.pin.ref:
        yield prop("ref", component.record.pin.ref)
    if component.record.upstream.tag:
        yield prop("tag-object", component.record.upstream.tag)
    if component.record.signature:
        yield prop("signature", signature_shown(component.record.signature))
    if component.asked:
        yield prop("upstream-asked", component.asked.date)
        yield prop("upstream-said", ", ".join(component.asked.found) or "agrees")
    yield prop("from", quote_path(component.record.source) or ".")
    for name, patterns in (
        ("include", component.record.selection.include),
        ("exclude", component.record.selection.exclude),
    ):
        yield from (prop(name, pattern) for pattern in patterns)
