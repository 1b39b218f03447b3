"""Annotations for REUSE.toml (REUSE 3.3): licence and copyright of the files that are here.

All functions are pure.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

from sync.quoting import printable
from sync.report.facts import Component, Facts, Licensing
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
    """Write an annotation for each mirror whose licence is known.

    Comments before it say what else REUSE requires.
    """
    blocks = [_comments([*_HEAD.splitlines(), f"{headline(facts)}."])]
    if wanted := list(_wanted(facts.present)):
        blocks.append(_comments(["LICENSES/ has to hold:", *wanted]))
    blocks += [_annotation(component) for component in facts.present]
    if facts.elsewhere:
        blocks.append(_comments(["Recorded, but not here:", *_elsewhere(facts.elsewhere)]))
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
    return _comments([about, *because, *missing]) + "".join(
        [
            "[[annotations]]\n",
            f"path = {_array([_glob(one) for one in (*component.here, *beside)])}\n",
            'precedence = "closest"\n',
            f"SPDX-FileCopyrightText = {_array(_copyright(component))}\n",
            f"SPDX-License-Identifier = {_string(licensing.effective)}\n",
        ]
    )


def _copyright(component: Component) -> list[str]:
    """Return the copyright lines of the licence texts; no holder is invented."""
    return [printable(line) for line in component.licensing.copyright] or ["NOASSERTION"]


def _glob(directory: str) -> str:
    """Return the pattern that matches all files below a directory.

    Asterisks and backslashes in its name are escaped.
    """
    return re.sub(r"([*\\])", r"\\\1", directory) + "/**"


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


def _wanted(here: Sequence[Component]) -> Iterator[str]:
    """Name each licence and exception once, with the file of this project that has its text."""
    sources: dict[str, str] = {}
    for component in here:
        for license_id in _LICENSE.findall(component.licensing.effective or ""):
            sources[license_id] = sources.get(license_id) or _source(
                component.licensing, license_id
            )
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


def _elsewhere(components: Sequence[Component]) -> Iterator[str]:
    for component in components:
        yield f"  {elsewhere_shown(component)}, {places_shown(component)}"
