"""Commands and groups that pass text parameters on without pydantic.

Typer converts text to text with pydantic, whose import takes 40 ms: half of the time of a command
that has nothing to do.
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
    """Return the value of a parameter.

    Typer's own way is used if the value has to be converted or may be missing.
    """
    described = getattr(parameter, "type_descriptor", None)  # exists only if typer uses pydantic
    annotation = getattr(described, "annotation", None)
    is_as_typed = annotation in _TEXT or value is None or value == parameter.default
    if annotation is None or parameter.required or not is_as_typed:
        return type(parameter).process_value(parameter, context, value)
    taken = [] if value is None and annotation == list[str] else value
    return parameter.callback(context, parameter, taken) if parameter.callback else taken
