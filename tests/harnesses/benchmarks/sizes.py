"""How much is measured, and how far from the server."""

from dataclasses import dataclass, field

from tests.harnesses.benchmarks.upstreams import Forge


@dataclass(frozen=True, slots=True)
class Line:
    """What lies between a client and a server."""

    round_trip: int = 0
    """In milliseconds, half of them each way."""
    megabits: int | None = None
    """That come down in a second, where that is limited."""

    def __str__(self) -> str:
        return f"{self.round_trip} ms" + (f", {self.megabits} Mbit/s" if self.megabits else "")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the stand-ins, and how many rounds count."""

    rounds: int = 5
    distances: tuple[Line, ...] = (Line(0), Line(50), Line(150))
    narrow: tuple[Line, ...] = (Line(50, megabits=20),)
    """What a large upstream is fetched over, besides."""
    forge: Forge = field(default_factory=Forge)
    history: float = 1
    """Share of the usual number of commits."""
    large_files: int = 50_000
    mirrors: int = 20
    """Of the host whose commits are judged, with `mirror_files` files each."""
    mirror_files: int = 50
    releases: int = 11
    """The tags that each of these mirrors moves through, one commit a step."""
    range_commits: int = 20_000
    long_history: int = 100_000
    reported_mirrors: int = 100
    """Of the host of which all reports are written, with 200 files each."""
    packages: int = 13
    """The WIT packages of which four forms each are made."""
    is_quick: bool = False
    """Whether it is only to be seen that the benchmarks work: no peers, no warming up."""


QUICK = Sizes(
    rounds=1,
    distances=(Line(50),),
    forge=Forge(files=200, directories=20, commits=310, refs=600, mirrored_files=12),
    history=0.05,
    large_files=200,
    mirrors=3,
    releases=4,
    range_commits=300,
    long_history=600,
    reported_mirrors=4,
    packages=4,
    is_quick=True,
)
