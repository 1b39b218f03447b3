"""Commands that take text as it is typed: typer turns text into text by pydantic.

That takes 40 ms, half of what a command takes that has nothing to do.
"""

from collections.abc import Iterable
from functools import partial

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

Parameter = TyperArgument | TyperOption
_TEXT = (str, list[str])


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: typer.Context) -> list[Parameter]:  # type: ignore[override]
        return _as_typed(super().get_params(ctx))  # type: ignore[arg-type]


class Group(TyperGroup):
    """The program, whose own options come before a command."""

    def get_params(self, ctx: typer.Context) -> list[Parameter]:  # type: ignore[override]
        return _as_typed(super().get_params(ctx))  # type: ignore[arg-type]


def _as_typed(parameters: Iterable[Parameter]) -> list[Parameter]:
    found = list(parameters)
    for parameter in found:
        parameter.process_value = partial(_take, parameter)  # type: ignore[method-assign]
    return found


def _take(parameter: Parameter, context: typer.Context, value: object) -> object:
    """The value of a parameter; typer's own way where it is to be converted, or may be missing."""
    described = getattr(parameter, "type_descriptor", None)  # only where typer uses pydantic
    annotation = getattr(described, "annotation", None)
    is_as_typed = annotation in _TEXT or value is None or value == parameter.default
    if annotation is None or parameter.required or not is_as_typed:
        return type(parameter).process_value(parameter, context, value)
    taken = [] if value is None and annotation == list[str] else value
    return parameter.callback(context, parameter, taken) if parameter.callback else taken
