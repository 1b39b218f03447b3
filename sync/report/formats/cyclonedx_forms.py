"""Derived forms in CycloneDX: components with a pedigree, and how they were made as a formulation.

CycloneDX wants to know of each patch whether it resolves a defect, a security issue, or is an
enhancement, "a new feature or behavior". The header of a patch does not say which; the last is true
of each of them. All functions are pure.
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

from sync.derived.record import Tool
from sync.quoting import quote_path
from sync.report.facts import Component, Derived, Facts, Patch
from sync.report.form_text import form_state_shown, patch_shown, tool_shown
from sync.report.formats.cyclonedx_elements import (
    file_component,
    licence_choice,
    mirror_ref,
    prop,
)
from sync.report.formats.sbom import (
    TOOL,
    made_files,
    made_licence_comments,
    made_of_shown,
    missing_sources,
    source_version,
)
from sync.report.links import gitoid, purl, swhid_content, swhid_directory
from sync.report.text import shell_word

_URL = re.compile(r"https?://[A-Za-z0-9%/:=&?~+!$,;@()*._#-]+")


def form_ref(form: Derived) -> str:
    return f"form:{form.name}"


def form_component(form: Derived) -> dict[str, object]:
    """Describe a form; one that is a directory has its files as components."""
    licensing = form.licensing
    holds = licensing.concluded or licensing.declared
    optional: dict[str, object] = {
        "licenses": licence_choice(holds, "concluded" if licensing.concluded else "declared"),
        "copyright": "\n".join(licensing.copyright) or None,
    }
    files = [file_component(file) for file in made_files(form)]
    return {
        "type": "library" if form.record.is_directory else "file",
        "bom-ref": form_ref(form),
        "name": form.name,
        "version": source_version(form),
        **({} if form.record.is_directory else {"hashes": files[0]["hashes"]}),
        **{key: value for key, value in optional.items() if value is not None},
        **_ids(form),
        "pedigree": _pedigree(form),
        **({"components": files} if form.record.is_directory else {}),
        "evidence": {"occurrences": [{"location": quote_path(p.encode())} for p in form.here]},
        "properties": list(_properties(form)),
    }


def _ids(form: Derived) -> dict[str, object]:
    if form.record.is_directory:
        return {"swhid": [swhid_directory(form.record.id)]}
    return {"omniborId": [gitoid(form.record.id)], "swhid": [swhid_content(form.record.id)]}


def _properties(form: Derived) -> Iterator[dict[str, object]]:
    yield from (prop("path", quote_path(one.encode())) for one in form.here)
    yield from (prop("removed", one) for one in form.not_here)
    yield prop("state", form_state_shown(form))
    yield prop("form", form.record.kind)
    yield prop("form-version", str(form.record.version))
    if form.record.tool:
        yield prop("tool", tool_shown(form.record.tool))
    yield from (prop("feature", one) for one in form.record.features or ())
    yield prop("tree" if form.record.is_directory else "blob", form.record.id)
    yield from (prop("license", comment) for comment in made_licence_comments(form))


def _pedigree(form: Derived) -> dict[str, object]:
    notes = [made_of_shown(form), *(f"patch {patch_shown(patch)}" for patch in form.patches)]
    return {
        "ancestors": [_source(source) for source in form.made_of],
        **({"patches": [_patch(patch) for patch in form.patches]} if form.patches else {}),
        "notes": "\n".join(notes),
    }


def _source(source: Component | Derived) -> dict[str, object]:
    named: dict[str, object] = {"name": source.name, "version": source_version(source)}
    if isinstance(source, Derived):
        kind = "library" if source.record.is_directory else "file"
        return {"type": kind, **named, **_ids(source)}
    swhid = swhid_directory(source.record.holding.tree)
    return {"type": "library", **named, "purl": purl(source.upstream_directory), "swhid": [swhid]}


def _patch(patch: Patch) -> dict[str, object]:
    forwarded = patch.story.forwarded if patch.story else None
    is_url = forwarded is not None and _URL.fullmatch(forwarded)
    resolves = {
        "type": "enhancement",
        "description": patch.story.why if patch.story else "not said",
        **({"references": [forwarded]} if is_url else {}),
    }
    return {
        "type": "unofficial",
        "diff": {"text": _text(patch.content), "url": quote(patch.file.path)},
        "resolves": [resolves],
    }


def _text(content: bytes) -> dict[str, object]:
    try:
        return {"contentType": "text/x-diff", "content": content.decode()}
    except UnicodeDecodeError:
        encoded = b64encode(content).decode()
        return {"contentType": "text/x-diff", "encoding": "base64", "content": encoded}


# how they were made


def formulation(facts: Facts) -> list[dict[str, object]]:
    """Describe how the forms that are here were made, with the tools and with what is not here."""
    tools = sorted({form.record.tool for form in facts.forms_here if form.record.tool})
    missing = missing_sources(facts)
    return [
        {
            "bom-ref": "forms",
            "components": [
                *map(_tool, tools),
                *({"bom-ref": _source_ref(one), **_source(one)} for one in missing),
            ],
            "workflows": [_workflow(form) for form in facts.forms_here],
        }
    ]


def _tool(tool: Tool) -> dict[str, object]:
    return {
        "type": "application",
        "bom-ref": _tool_ref(tool),
        "name": tool.name,
        "version": tool.version,
    }


def _tool_ref(tool: Tool) -> str:
    return f"tool:{tool.name}@{tool.version}"


def _source_ref(source: Component | Derived) -> str:
    return form_ref(source) if isinstance(source, Derived) else mirror_ref(source.name)


def _workflow(form: Derived) -> dict[str, object]:
    """Describe how one form was made; the command makes it again."""
    record = form.record
    command = f"git verbatim sync {shell_word(form.name.encode())}"
    tool = {"resourceReferences": [{"ref": _tool_ref(record.tool)}]} if record.tool else {}
    return {
        "bom-ref": f"made:{form.name}",
        "uid": f"{TOOL}:{form.name}",
        "name": f"{record.kind} of {record.of}, version {record.version} of the recipe",
        **tool,
        "taskTypes": ["merge" if form.is_patched else "build"],
        "steps": [{"name": record.kind, "commands": [{"executed": command}]}],
        "inputs": [
            *({"resource": {"ref": _source_ref(source)}} for source in form.made_of),
            *map(_patch_input, form.patches),
        ],
        "outputs": [{"type": "artifact", "resource": {"ref": form_ref(form)}}],
    }


def _patch_input(patch: Patch) -> dict[str, object]:
    reference = {
        "type": "other",
        "url": quote(patch.file.path),
        "hashes": [{"alg": "SHA-256", "content": patch.file.sha256}],
        "comment": "a patch of this project",
    }
    return {"resource": {"externalReference": reference}}
