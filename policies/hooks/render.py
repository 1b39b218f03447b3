"""Render as text for people how hooks stand; pure."""

from collections.abc import Sequence

from policies.hooks.install import HookStatus
from policies.hooks.script import Kind
from sync.paint import Paint
from sync.quoting import shown


def render_hooks(statuses: Sequence[HookStatus], paint: Paint) -> str:
    """Return a line for each hook."""
    width = max(len(status.name) for status in statuses)
    return "".join(f"{status.name:<{width}}  {_standing(status, paint)}\n" for status in statuses)


def _standing(status: HookStatus, paint: Paint) -> str:
    if status.kind is Kind.ABSENT:
        return paint.bad("absent") if status.runs_before else paint.faint("absent")
    if status.kind is Kind.FOREIGN:
        return paint.bad(f"another program's: {shown(str(status.path))}")
    if status.kind is Kind.CALLED:
        return paint.good("called") + f" by {shown(str(status.path))}"
    if not status.finds_program:
        return paint.bad("installed, but its interpreter is gone: install it again")
    if not status.is_executable:
        return paint.bad("installed, but git cannot execute it: install it again")
    before = f", runs {shown(status.runs_before.name)} first" if status.runs_before else ""
    return (paint.good if status.is_well else paint.bad)(status.kind.value) + before
