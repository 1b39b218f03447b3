"""How messages put things: nearest names, numbers with their nouns, pins and long names in short."""

import re
from collections.abc import Iterable
from itertools import accumulate, takewhile

from sync.limits import COMPARED_LETTERS

_LONG = 100


def nearest(word: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates that a typist most likely meant, best first."""
    folded: dict[str, list[str]] = {}
    for candidate in sorted(set(candidates)):
        folded.setdefault(candidate.casefold(), []).append(candidate)
    word = word.casefold()
    from difflib import get_close_matches  # only who has erred needs it

    matches = get_close_matches(word, _comparable(word, list(folded)), n=limit, cutoff=0.6)
    return [candidate for match in matches for candidate in folded[match]][:limit]


def _comparable(word: str, candidates: list[str]) -> list[str]:
    """Those candidates that there is time to compare: all, or of too many some that begin alike, of about the same length."""

    def affordable(among: list[str]) -> int:
        costs = accumulate((len(word) + len(candidate)) ** 2 // 4 for candidate in among)
        return sum(1 for _ in takewhile(lambda cost: cost <= COMPARED_LETTERS, costs))

    if affordable(candidates) == len(candidates):
        return candidates
    alike = [candidate for candidate in candidates if candidate.startswith(word[: len(word) // 2])]
    alike.sort(key=lambda candidate: abs(len(candidate) - len(word)))
    return alike[: affordable(alike)]


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """A hint naming the nearest candidates, or None."""
    found = nearest(word, candidates)
    return f"did you mean {' or '.join(map(shortened, found))}?" if found else None


def shortened(text: str) -> str:
    """A name for a message: of a very long one the beginning."""
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def count(number: int, noun: str) -> str:
    """`1 mirror`, `2 mirrors`, `2 copies`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def short_pin(pin: str) -> str:
    """A pin, as its text, for people: of a full commit id the first twelve digits, a tag as it is (which never reads as an id)."""
    return pin[:12] if re.fullmatch("[0-9a-f]{40}", pin) else pin
