"""A case as a value, and the way tables of them are written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.harnesses.badinput.scene import Scene

ACCEPTED = "accepted"
FINDING = "finding"
Build = Callable[[Scene], object]


@dataclass(frozen=True)
class Case:
    """What is wrong, and what has to come of it."""

    name: str
    expected: str
    """`accepted`, `finding`, or the reference of the one error."""
    build: Build
    status: int = 2
    """The exit status of a refusal."""
    finding: str | None = None
    """The rule by which `verify` finds it before anything is synced."""
    path: bytes | None = None
    """What of the upstream is refused: the error names it, its mirror and its reference."""
    hint: bool = True
    """Whether the error has a hint: there is something that a user can do."""
    command: tuple[str, ...] = ("sync",)
    environment: Mapping[str, str] = field(default_factory=dict)
    """What is set beside the rest; `{top}` stands for the scene's top."""
    directory: str = "host"
    """Where the program is started, below the scene's top."""
    umask: int = 0o022
    in_host: bool = True
    """Whether it lies in the host, where every command reads it, and not only upstream."""
    anew: bool = False
    """Whether Python is started anew, because it is its start that matters."""

    @property
    def is_accepted(self) -> bool:
        return self.expected == ACCEPTED
