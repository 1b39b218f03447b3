"""The report for people as Markdown.

A sentence answers what packagers ask first. A table with one row per mirror follows, and one with a
row per derived form, if there are any.
"""

import re
from collections.abc import Iterator

from sync.judgement.findings import Presence
from sync.quoting import printable, quote_path
from sync.report.facts import Component, Derived, Facts
from sync.report.form_text import NOT_MADE_AGAIN, form_state_shown, made_shown, patch_shown
from sync.report.links import directory_page
from sync.report.text import (
    headline,
    iso_time,
    known_shown,
    license_shown,
    nested_places_shown,
    origin_shown,
    shell_word,
    upstream_shown,
    version_shown,
)
from sync.signature.signed import signature_shown

# Characters that begin markup anywhere in a line, and those at its start (CommonMark, GFM).
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~&])")
_AT_START = re.compile(r"^(\d*)((?<=\d)[.)](?=\s|$)|(?<!\d)[-+=#])")


def render(facts: Facts) -> bytes:
    """Write headline, tables, nested copies, licences, and how to check the report."""
    lines = [
        f"**{_plain(_capital(headline(facts)))}.**",
        "",
        *_table(facts),
        *_nested(facts),
        *_derived(facts),
        *_licenses(facts),
        *_check(facts),
    ]
    return ("\n".join(lines) + "\n").encode()


def _table(facts: Facts) -> Iterator[str]:
    yield "| what | version | upstream | unmodified | licence declared | licence concluded |"
    yield "|---|---|---|---|---|---|"
    for component in facts.components:
        cells = (
            _what(component),
            _plain(version_shown(component)),
            _upstream(component),
            {Presence.PRESENT: "yes", Presence.ABSENT: "not here", Presence.REMOVED: "removed"}[
                component.presence
            ]
            + ("" if component.is_whole or not component.is_present else " (a selection)"),
            _plain(component.licensing.declared or "unknown"),
            _plain(component.licensing.concluded or "—"),
        )
        yield f"| {' | '.join(cells)} |"


def _what(component: Component) -> str:
    described = [_plain(component.mirror.description)] if component.mirror.description else []
    places = map(_code, component.directories)
    missing = (f"{_code(place)} removed" for place in component.not_here)
    return "<br>".join([_plain(component.name), *described, *places, *missing])


def _upstream(component: Component) -> str:
    what = upstream_shown(component)
    page = directory_page(
        component.record.url, component.record.upstream.commit, component.record.source
    )
    homes = [f"the same tree at {_plain(other)}" for other in component.mirror.also_at]
    signed = (
        [_plain(signature_shown(component.record.signature))] if component.record.signature else []
    )
    asked = [_plain(known_shown(component))] if component.asked else []
    link = f"[{_plain(what)}]({page})" if page else _plain(what)
    return "<br>".join([link, *homes, *signed, *asked])


def _nested(facts: Facts) -> Iterator[str]:
    copies = [(component, nested) for component in facts.components for nested in component.nested]
    if not copies:
        return
    yield from ("", "## Copies inside copies", "", "| where | files | what |", "|---|---|---|")
    for component, nested in copies:
        yield (
            f"| {'<br>'.join(map(_code, nested_places_shown(component, nested)))} "
            f"| {len(nested.files)} | {_plain(origin_shown(nested))} |"
        )


def _derived(facts: Facts) -> Iterator[str]:
    """Say what each derived form is made of; none is a copy of anything."""
    if not facts.forms:
        return
    yield from ("", "## Derived from mirrors", "", "| what | state | made of | licence of that |")
    yield "|---|---|---|---|"
    for form in facts.forms:
        cells = (
            _what_is_made(form),
            _plain(form_state_shown(form)),
            "<br>".join(_plain(one) for one in (made_shown(form), *map(patch_shown, form.patches))),
            _plain(license_shown(form)),
        )
        yield f"| {' | '.join(cells)} |"


def _what_is_made(form: Derived) -> str:
    missing = (f"{_code(place)} removed" for place in form.not_here)
    return "<br>".join([_plain(form.name), *map(_code, form.places), *missing])


def _licenses(facts: Facts) -> Iterator[str]:
    """Say how each licence is known; mirrors with the same statements are grouped."""
    said: dict[tuple[str, ...], list[str]] = {}
    for component in facts.components:
        licensing = component.licensing
        lines = [
            (
                f"Declared: {licensing.declared or 'unknown'}: "
                f"{_without(component, licensing.declared_comment)}."
            )
        ]
        if licensing.concluded:
            comment = f": {licensing.concluded_comment}" if licensing.concluded_comment else ""
            lines.append(f"Concluded by this project: {licensing.concluded}{comment}.")
        lines += [f"{line}." for line in licensing.copyright]
        said.setdefault(tuple(lines), []).append(component.name)
    yield from ("", "## Licences", "")
    for statements, names in said.items():
        yield f"- {', '.join(map(_code, names))}"
        yield from (f"  - {_plain(statement)}" for statement in statements)


def _without(component: Component, comment: str) -> str:
    """Reduce paths in the comment to file names, so that mirrors with the same text are grouped."""
    for text in component.licensing.texts:
        comment = comment.replace(text.path, quote_path(text.upstream_path.rpartition(b"/")[2]))
    return comment


def _check(facts: Facts) -> Iterator[str]:
    yield from ("", "## How to check", "")
    yield (
        "`git verbatim verify` holds every file against its record, "
        "and the record against upstream's commit id, without network. "
        "`git verbatim verify --upstream` asks upstream whether it published that."
    )
    if facts.forms:
        yield NOT_MADE_AGAIN
    example = next(iter(facts.present), None)
    if example is not None and example.is_whole:
        yield (
            "By hand, in a clone of this project and in one of the upstream, "
            "these print the same line:"
        )
        yield from ("", "```sh")
        where = b":" + example.record.source if example.record.source else b"^{tree}"
        yield f"git rev-parse {shell_word(f'HEAD:{example.here[0]}'.encode())}"
        original = shell_word(example.record.upstream.commit.encode() + where)
        yield f"git rev-parse {original}    # {example.record.holding.tree}"
        yield "```"
    yield ""
    yield f"Date: {iso_time(facts.timestamp)}."


def _plain(text: str) -> str:
    """Escape text so that nothing in it is markup in a paragraph, a cell or a list item."""
    return _AT_START.sub(r"\1\\\2", _MARKUP.sub(r"\\\1", printable(text)))


def _code(text: str) -> str:
    """Show text literally, in a fence of more backticks than it contains.

    A `|` is escaped because it would end a table cell.
    """
    shown = printable(text).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    blank = " " if longest else ""
    return f"{fence}{blank}{shown}{blank}{fence}"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:] if sentence.startswith("nothing ") else sentence
