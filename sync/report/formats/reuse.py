"""Annotations for REUSE.toml (REUSE 3.3): licence and copyright of the files that are here.

All functions are pure.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

from sync.quoting import printable
from sync.report.facts import Component, Derived, Facts, Licensing
from sync.report.form_text import (
    form_elsewhere_shown,
    form_places_shown,
    form_state_shown,
    made_shown,
    patch_shown,
)
from sync.report.text import elsewhere_shown, headline, license_shown, places_shown, version_shown

_HEAD = """\
For REUSE.toml in the root of the project, after its `version = 1`; \
by third_party/provenance, verified.
Precedence is `closest`: what an upstream file says of itself is more exact \
than what is said of all.\
"""
_ESCAPED = frozenset({"Cc", "Cf", "Zl", "Zp"})
_LICENSE = re.compile(r"(?<![^\s(])(?!(?:AND|OR|WITH)(?: |$))[^\s()]+")


def render(facts: Facts) -> bytes:
    """Write an annotation for each mirror and form whose licence is known.

    Comments before it say what else REUSE requires.
    """
    blocks = [_comments([*_HEAD.splitlines(), f"{headline(facts)}."])]
    if wanted := list(_wanted(facts.here)):
        blocks.append(_comments(["LICENSES/ has to hold:", *wanted]))
    blocks += [_annotation(component) for component in facts.present]
    blocks += [_annotation_of_form(form) for form in facts.forms_here]
    if facts.elsewhere or facts.forms_elsewhere:
        blocks.append(_comments(["Recorded, but not here:", *_elsewhere(facts)]))
    return "\n".join(blocks).encode()


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"# {printable(line)}\n" for line in lines)


def _annotation(component: Component) -> str:
    licensing = component.licensing
    about = (
        f"{component.name} {version_shown(component)}, unmodified; "
        f"licence: {license_shown(component)}"
    )
    if licensing.effective is None:
        return _comments(
            [about, f"  {licensing.declared_comment}; not annotated: {places_shown(component)}"]
        )
    because = (
        [f"  concluded: {licensing.concluded_comment}"]
        if licensing.concluded and licensing.concluded_comment
        else []
    )
    missing = [f"  removed: {', '.join(component.not_here)}"] if component.not_here else []
    beside = [component.license_directory] if component.record.licenses else []
    paths = [_glob(one) for one in (*component.here, *beside)]
    return _comments([about, *because, *missing]) + _table(paths, licensing, licensing.effective)


def _annotation_of_form(form: Derived) -> str:
    """Write the annotation of what is made of mirrors: their licences hold for it."""
    licensing = form.licensing
    about = (
        f"{form.name}, {form_state_shown(form)}: {made_shown(form)}; licence: {license_shown(form)}"
    )
    patches = [f"  patch {patch_shown(patch)}" for patch in form.patches]
    if licensing.effective is None:
        why = f"  {licensing.declared_comment}; not annotated: {form_places_shown(form)}"
        return _comments([about, *patches, why])
    missing = [f"  removed: {', '.join(form.not_here)}"] if form.not_here else []
    path = _glob if form.record.is_directory else _literal
    paths = [path(one) for one in form.here]
    return _comments([about, *patches, *missing]) + _table(paths, licensing, licensing.effective)


def _table(paths: Sequence[str], licensing: Licensing, expression: str) -> str:
    return "".join(
        [
            "[[annotations]]\n",
            f"path = {_array(paths)}\n",
            'precedence = "closest"\n',
            f"SPDX-FileCopyrightText = {_array(_copyright(licensing))}\n",
            f"SPDX-License-Identifier = {_string(expression)}\n",
        ]
    )


def _copyright(licensing: Licensing) -> list[str]:
    """Return the copyright lines of the licence texts; no holder is invented."""
    return [printable(line) for line in licensing.copyright] or ["NOASSERTION"]


def _glob(directory: str) -> str:
    """Return the pattern that matches all files below a directory."""
    return _literal(directory) + "/**"


def _literal(path: str) -> str:
    """Return the pattern that matches a path: asterisks and backslashes are escaped."""
    return re.sub(r"([*\\])", r"\\\1", path)


def _array(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_string, values))}]"


def _string(value: str) -> str:
    """Write a basic string of TOML 1.0 in which no character is invisible."""
    quoted = json.dumps(value, ensure_ascii=False)  # TOML has the same escapes
    return "".join(_escape(c) if unicodedata.category(c) in _ESCAPED else c for c in quoted)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004


# licence texts


def _wanted(here: Sequence[Component | Derived]) -> Iterator[str]:
    """Name each licence and exception once, with the file of this project that has its text."""
    sources: dict[str, str] = {}
    for licensing in (one.licensing for one in here):
        for license_id in _LICENSE.findall(licensing.effective or ""):
            sources[license_id] = sources.get(license_id) or _source(licensing, license_id)
    for license_id, source in sources.items():
        yield f"  {license_id}.txt: {source or _elsewhere_text(license_id)}"


def _source(licensing: Licensing, license_id: str) -> str:
    """Say which file has the text of this licence; empty if none has.

    The text is known to be this licence's, or covers files for which exactly this licence was
    concluded.
    """
    for text in licensing.texts:
        if licensing.is_text_of(text, license_id):
            return (
                f"copy {text.path}"
                if not text.is_notice
                else f"its text is not here; {text.path} only names it"
            )
        if text.expression and license_id in _LICENSE.findall(text.expression):
            return f"in {text.path}, with the text of {text.expression}"
    return ""


def _elsewhere_text(license_id: str) -> str:
    if license_id.startswith("LicenseRef-"):
        return "no text of it is here"
    return f"no text of it is here; `reuse download {license_id}` gets it"


def _elsewhere(facts: Facts) -> Iterator[str]:
    for component in facts.elsewhere:
        yield f"  {elsewhere_shown(component)}, {places_shown(component)}"
    for form in facts.forms_elsewhere:
        yield f"  {form_elsewhere_shown(form)}, {form_places_shown(form)}"
