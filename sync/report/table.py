"""The report for a terminal: the same rows as the Markdown one, in columns and colour."""

from collections.abc import Sequence

from sync.names import printable
from sync.paint import Paint
from sync.report.facts import Component, Facts
from sync.report.text import headline, license_shown, nested_shown, origin_shown, state_shown, upstream_shown, version_shown

_HEADER = ("MIRROR", "VERSION", "UPSTREAM", "STATE", "LICENCE")


def render_table(facts: Facts, paint: Paint) -> str:
    """The headline, then a line a mirror and one for each nested copy."""
    rows = [_row(component) for component in facts.components]
    widths = [max(len(row[at]) for row in [_HEADER, *rows]) for at in range(len(_HEADER))]
    lines = [paint.strong(printable(headline(facts))), "", paint.faint(_line(_HEADER, widths))]
    for component, row in zip(facts.components, rows, strict=True):
        line = _line(row, widths)
        lines.append(line if component.is_present else paint.faint(line))
        lines += [
            paint.faint(f"  {printable(nested_shown(nested))}: {printable(origin_shown(nested))}") for nested in component.nested
        ]
    return "\n".join(lines) + "\n"


def _row(component: Component) -> tuple[str, ...]:
    cells = (component.name, version_shown(component), upstream_shown(component), state_shown(component), license_shown(component))
    return tuple(printable(cell) for cell in cells)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
