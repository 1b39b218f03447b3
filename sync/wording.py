"""The wording of messages: nearest names, numbers with their nouns, short pins and short names."""

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
    from difflib import get_close_matches  # needed only after a typing error

    matches = get_close_matches(word, _comparable(word, list(folded)), n=limit, cutoff=0.6)
    return [candidate for match in matches for candidate in folded[match]][:limit]


def _comparable(word: str, candidates: list[str]) -> list[str]:
    """The candidates that there is time to compare.

    If there are too many, only some are compared: those that begin like the word, the ones of about
    the same length first.
    """

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
    """A name as a message shows it: only the beginning of a very long one."""
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def count(number: int, noun: str) -> str:
    """`1 mirror`, `2 mirrors`, `2 copies`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def short_pin(pin: str) -> str:
    """The text of a pin for people: the first twelve digits of a full commit id, or the whole tag.

    The text of a tag never reads as an id.
    """
    return pin[:12] if re.fullmatch("[0-9a-f]{40}", pin) else pin


def upstream_line(url: str, pin: object) -> str:
    """The line of an error that names a mirror's upstream and pin."""
    return f"upstream: {url} at {pin}"
