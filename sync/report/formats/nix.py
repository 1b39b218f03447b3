"""The hashes by which Nix and Guix identify trees and files, as an attribute set that Nix reads."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sync.quoting import printable, quote_path
from sync.report.facts import Component, Derived, Facts, Nested
from sync.report.form_text import forms_not_here_shown
from sync.report.nar import base32, sri
from sync.report.text import headline, not_here_shown

Value: TypeAlias = "str | Mapping[str, Value] | Sequence[Value] | None"

_PREAMBLE = """\
narHash and sha256 are one hash of each directory of `places` as a Nix archive: of names, \
contents, executable bits and symlinks.
Redo it on an unpacked release (an empty directory counts here, though git knows none):
  nix hash path DIR                       is narHash
  nix-hash --type sha256 --base32 DIR     is sha256
  guix hash -rx DIR                       is sha256, too
`tree` is git's id of that directory, `upstreamTree` that of `directory` at `rev`; \
where they differ, something was left out.
`fetchgit` is there if a mirror is the whole of its commit and has no .gitattributes, \
by which git may convert a checkout
and leave files out of an archive: then this is the hash of what fetchgit, fetchFromGitHub \
and Guix' git-fetch get.
"""
_OF_FORMS = """\
What has `form` is derived, and no copy: it is made of `madeOf`. narHash and sha256 are those of \
each of its `places`, a file or a directory.
"""


def render(facts: Facts) -> bytes:
    """Write one attribute for each mirror and form that is here; comments name the others."""
    comments = [headline(facts), "", *_PREAMBLE.splitlines()]
    comments += _OF_FORMS.splitlines() if facts.forms else []
    comments += [*not_here_shown(facts), *forms_not_here_shown(facts)]
    head = "".join(f"# {printable(comment)}".rstrip() + "\n" for comment in comments)
    values = {_string(c.name): _mirror(c) for c in facts.present}
    values |= {_string(form.name): _form(form) for form in facts.forms_here}
    return f"{head}{_attributes(values)}\n".encode()


def _mirror(component: Component) -> Mapping[str, Value]:
    nar = component.required_content().nar_sha256
    fetched: Mapping[str, Value] = {
        "url": component.record.url,
        "rev": component.record.upstream.commit,
        "hash": sri(nar),
    }
    return {
        "places": component.here,
        "version": component.version,
        "url": component.record.url,
        "rev": component.record.upstream.commit,
        "tag": component.record.pin.value if component.record.pin.ref else None,
        "directory": _text(component.record.source),
        "tree": component.record.holding.tree,
        "upstreamTree": component.record.holding.upstream_tree,
        "narHash": sri(nar),
        "sha256": base32(nar),
        **(
            {"nested": [_nested(nested) for nested in component.nested]} if component.nested else {}
        ),
        **({"fetchgit": fetched} if _is_what_fetchers_get(component) else {}),
    }


def _form(form: Derived) -> Mapping[str, Value]:
    record, nar = form.record, form.required_content().nar_sha256
    tool = {"name": record.tool.name, "version": record.tool.version} if record.tool else None
    return {
        "places": form.here,
        "form": record.kind.value,
        "of": record.of,
        "madeOf": {
            _string(one.name): {"tree" if one.is_tree else "blob": one.id} for one in record.inputs
        },
        "tool": tool,
        "patches": [patch.file.path for patch in form.patches],
        "tree" if record.is_directory else "blob": record.id,
        "narHash": sri(nar),
        "sha256": base32(nar),
    }


def _is_what_fetchers_get(component: Component) -> bool:
    """Whether a checkout or an archive of the commit is always the mirror, whatever git fetches it.

    It is not if there is any .gitattributes: line endings, keywords, encodings and filters may
    change a checkout, export-subst and export-ignore may change an archive.
    """
    return component.is_root and not any(
        fact.path.rpartition(b"/")[2] == b".gitattributes" for fact in component.record.files
    )


def _nested(nested: Nested) -> Mapping[str, Value]:
    """Describe a copy inside a mirror; `origin` is null if none was found."""
    origin = nested.origin
    found = (
        None
        if origin is None
        else {"mirror": origin.mirror, "url": origin.url, "rev": origin.commit}
    )
    kind = "blob" if nested.files == (nested.path,) else "tree"
    return {"path": _text(nested.path), kind: nested.tree, "origin": found}


def _text(path: bytes) -> str:
    """Return the path itself if it is UTF-8, else as git quotes it."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return quote_path(path)


def _attributes(values: Mapping[str, Value], indent: str = "") -> str:
    inner = f"{indent}  "
    lines = "".join(
        f"{inner}{name} = {_expression(value, inner)};\n" for name, value in values.items()
    )
    return f"{{\n{lines}{indent}}}"


def _expression(value: Value, indent: str) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        return _attributes(value, indent)
    inner = f"{indent}  "
    return "[\n" + "".join(f"{inner}{_expression(item, inner)}\n" for item in value) + f"{indent}]"


def _string(text: str) -> str:
    """Write a string literal of Nix.

    Nix has no escapes for characters that could act on a terminal: such a string is written as
    JSON.
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    if printable(text) == text:
        return f'"{escaped}"'
    return f"(builtins.fromJSON {_string(json.dumps(text))})"
