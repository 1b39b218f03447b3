"""Judges the table `[host]`: patterns of own files, and sealed directories."""

import re
from collections.abc import Iterable, Mapping

from sync.layout import THIRD_PARTY, above, is_in_third_party, lies_in
from sync.manifest.invalid import invalid_at
from sync.manifest.paths import path_problem, place_problem
from sync.manifest.tables import HostTable
from sync.model.mirrors import Form, Mirror
from sync.selection.patterns import excess, parse_pattern, without_blanks

_GLOB = re.compile(r"[*?\[\\]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def own_patterns(
    text: str, table: HostTable, mirrors: Mapping[str, Mirror], forms: Mapping[str, Form]
) -> tuple[str, ...]:
    """The patterns of own files; ManifestError for one that is none or that reaches into a place.

    Only one that is anchored and names a path without wildcards is refused for its reach: any other
    has no effect there.
    """
    location = ("host", "own")
    if problem := excess(table.own):
        raise invalid_at(text, location, f"`own`: {problem}", None)
    places = {place: f"mirror {name}" for name, it in mirrors.items() for place in it.places}
    places |= {place: f"form {name}" for name, it in forms.items() for place in it.places}
    for pattern in table.own:
        if parse_pattern(pattern) is None:
            message = f"`own` has `{pattern}`, which is no pattern, but a comment or blank"
            raise invalid_at(text, location, message, None)
        place = reached_place(pattern, places)
        if place is not None:
            message = f"`own` has `{pattern}`, which reaches into a place of {places[place]}"
            hint = f"what lies at {place} is written by sync: name what lies beside it"
            raise invalid_at(text, location, message, hint)
    return table.own


def reached_place(pattern: str, places: Iterable[str]) -> str | None:
    """The place that a pattern without wildcards names, lies in or lies above; None if none."""
    named = named_path(pattern)
    if named is None:
        return None
    for place in places:
        if lies_in(place, (named,)) or lies_in(named, (place,)):
            return place
    return None


def named_path(pattern: str) -> str | None:
    """The one path, from the host's root, that a pattern names; None if it may match others."""
    plain = without_blanks(pattern).rstrip("/")
    if "/" not in plain or plain.startswith(("!", "#")) or _GLOB.search(_ESCAPED.sub("", plain)):
        return None
    return _ESCAPED.sub(r"\1", plain).removeprefix("/")


def sealed_directories(
    text: str, table: HostTable, mirrors: Mapping[str, Mirror], forms: Mapping[str, Form]
) -> tuple[str, ...]:
    """The sealed directories, sorted; ManifestError for a path that cannot be one."""
    each: list[Mirror | Form] = [*mirrors.values(), *forms.values()]
    places = {place for one in each for place in one.places}
    sealed: set[str] = set()
    for written in table.sealed:
        plain = written.strip("/")
        if problem := _sealed_problem(written, plain) or (
            "is there twice"
            if plain in sealed
            else "is in a place, and so sealed already"
            if places.intersection([*above(plain), plain])
            else None
        ):
            message = f"`sealed` has `{written}`, which {problem}"
            hint = "write a directory from the host's root, such as /crates/wasi/wit/deps"
            raise invalid_at(text, ("host", "sealed"), message, hint)
        sealed.add(plain)
    return tuple(sorted(sealed))


def _sealed_problem(written: str, plain: str) -> str | None:
    if not written.startswith("/"):
        return "does not begin with a slash"
    if not plain:
        return "is the host's root"
    if is_in_third_party(plain):
        return f"is sealed already, as all of {THIRD_PARTY}/"
    return path_problem(plain) or place_problem(plain)
