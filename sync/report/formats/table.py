"""The report for a terminal: mirrors in columns and colour, then what is derived from them.

If the terminal is too narrow, each row becomes a block.
"""

from collections.abc import Iterator, Sequence

from sync.paint import Paint
from sync.quoting import printable
from sync.report.facts import Component, Derived, Facts
from sync.report.form_text import form_places_shown, form_state_shown, made_shown, patch_shown
from sync.report.text import (
    headline,
    known_shown,
    license_shown,
    nested_shown,
    origin_shown,
    places_shown,
    state_shown,
    upstream_shown,
    version_shown,
)

_HEADER = ("MIRROR", "VERSION", "STATE", "UPSTREAM", "LICENCE")


def render_table(facts: Facts, paint: Paint, columns: int) -> str:
    """Write the headline, then lines for each mirror, its places, and each nested copy.

    If these lines would be longer than `columns`, each mirror becomes a block. Derived forms are
    below them, under a heading of their own.
    """
    rows = [_row(component) for component in facts.components]
    widths = [max(len(row[at]) for row in [_HEADER, *rows]) for at in range(len(_HEADER))]
    is_wide = sum(widths) + 2 * (len(widths) - 1) <= columns
    lines = [paint.strong(printable(headline(facts))), ""]
    lines += [paint.faint(_line(_HEADER, widths))] if is_wide else []
    for component, row in zip(facts.components, rows, strict=True):
        shown = (
            [_line(row, widths)]
            if is_wide
            else [_line(row[:3], widths), *(f"  {cell}" for cell in row[3:])]
        )
        lines += shown if component.is_present else map(paint.faint, shown)
        lines.append(paint.faint(printable(f"  in {places_shown(component)}")))
        lines += map(paint.faint, _nested(component))
    if facts.forms:
        lines += ["", paint.faint("DERIVED")]
    for form in facts.forms:
        lines += [printable(line) for line in _form(form)]
    return "\n".join(lines) + "\n"


def _row(component: Component) -> tuple[str, ...]:
    cells = (
        component.name,
        version_shown(component),
        state_shown(component),
        upstream_shown(component) + (f" ({known_shown(component)})" if component.asked else ""),
        license_shown(component),
    )
    return tuple(printable(cell) for cell in cells)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(
        f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)
    ).rstrip()


def _nested(component: Component) -> Iterator[str]:
    for nested in component.nested:
        yield f"  {printable(nested_shown(nested))}: {printable(origin_shown(nested))}"


def _form(form: Derived) -> Iterator[str]:
    yield f"{form.name}  {form_state_shown(form)}: {made_shown(form)}"
    yield f"  in {form_places_shown(form)}"
    yield from (f"  {patch_shown(patch)}" for patch in form.patches)
