"""The patterns that say where mirrors may come from: `[policy] upstreams`; pure."""

import re
from collections.abc import Sequence
from functools import lru_cache

from sync.urls import url_problem

_HOST = re.compile(r"[A-Za-z0-9+.-]+://[^/*]+(?=/|$)|[^/*:]+:(?!//)")


def pattern_problem(pattern: str) -> str | None:
    """Why a text is no pattern of URLs, as a phrase that follows it; None if it is one.

    Scheme and host are literal, and the rest would be a URL if each `*` were a name.
    """
    if not _HOST.match(pattern):
        return "does not begin with a scheme and a host without `*`"
    return url_problem(pattern.replace("*", "x"), local=False)


def is_allowed(url: str, patterns: Sequence[str] | None) -> bool:
    """Whether a mirror may have this URL, as the manifest writes it; without patterns any may."""
    if patterns is None:
        return True
    # A server may take `..` and what is escaped for a way to another repository.
    if {".", ".."} & set(re.split("[/:]", url)):
        return False
    return any(_compiled(one).fullmatch(url) for one in patterns)


@lru_cache(1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """A `*` stands for anything but a slash, also one that is escaped or a backslash."""
    return re.compile(r"[^/%\\]*".join(map(re.escape, pattern.split("*"))))
