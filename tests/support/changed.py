"""A record or a component of a report with other facts, wherever in it they are."""

from dataclasses import fields, replace
from typing import Any

from sync.record.record import Record
from sync.report.facts import Component

_OF_SELECTION = frozenset({"source", "include", "exclude"})


def changed_record(record: Record, **changes: Any) -> Record:
    """Each change is of the record, its upstream commit, its selection or what it holds."""
    upstream = _taken(changes, {field.name for field in fields(record.upstream)})
    holding = _taken(changes, {field.name for field in fields(record.holding)})
    selection = _taken(changes, _OF_SELECTION)
    return replace(
        record,
        upstream=replace(record.upstream, **upstream),
        holding=replace(record.holding, **holding),
        selection=replace(record.selection, **selection),
        **changes,
    )


def changed(component: Component, **changes: Any) -> Component:
    """Each change is of the component, its record or its mirror; of both, where both say it."""
    if "name" in changes:
        changes["mirror"] = changes["name"]
    own = _taken(changes, {"presence", "licensing", "nested", "content", "not_here"})
    of_mirror = {field.name for field in fields(component.mirror)}
    mirror = {key: value for key, value in changes.items() if key in of_mirror}
    only = of_mirror - {"url", "pin", "selection"}
    record = {key: value for key, value in changes.items() if key not in only}
    if "places" in changes:
        record["copies"] = changes["places"]
    return replace(
        component,
        mirror=replace(component.mirror, **mirror),
        record=changed_record(component.record, **record),
        **own,
    )


def _taken(changes: dict[str, Any], names: set[str] | frozenset[str]) -> dict[str, Any]:
    return {key: changes.pop(key) for key in [*changes] if key in names}
