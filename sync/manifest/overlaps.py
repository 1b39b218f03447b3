"""Refuses mirrors and derived forms that lie in one another, or that some system takes for one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from sync.ids import RepoPath
from sync.layout import above as directories_above
from sync.manifest.invalid import invalid_at
from sync.manifest.paths import as_written
from sync.model.mirrors import Form, Mirror
from sync.objects.portable import COLLIDES, collisions, folded
from sync.quoting import quote_path

_KEPT = 8


class _Owner(NamedTuple):
    """A table of the manifest that names places."""

    table: Literal["mirrors", "derived"]
    name: str

    def __str__(self) -> str:
        return f"mirror {self.name}" if self.table == "mirrors" else f"form {self.name}"


def refuse_same_names(
    text: str,
    mirrors: Collection[str],
    upstreams: Collection[str],
    forms: Collection[str],
) -> None:
    """Refuse two tables of one name; case makes no difference."""
    names: dict[str, tuple[str, str]] = {}
    for table, what, called in (
        ("mirrors", "mirror", mirrors),
        ("upstreams", "upstream", upstreams),
        ("derived", "form", forms),
    ):
        for name in called:
            if other := names.get(name.casefold()):
                message = (
                    f"{what}s {other[1]} and {name} differ only in case"
                    if other[0] == what
                    else f"{what} {name} has the name of {' '.join(other)}"
                )
                raise invalid_at(text, (table, name), message, "call one of them otherwise")
            names[name.casefold()] = what, name


class _Claim(NamedTuple):
    """A path that a table of the manifest names: a place, or a file of the host's own."""

    owner: _Owner
    key: str
    path: str
    may_collide: bool


_Problem = tuple[tuple[str, ...], str, str]
"""The key that is wrong, what is wrong with it, and what to do."""


def refuse_overlaps(text: str, mirrors: Mapping[str, Mirror], forms: Mapping[str, Form]) -> None:
    """Refuse mirrors and forms if one lies in another, or if their places collide.

    A key file or a patch may not lie in one of them either. Raises ManifestError.
    """
    places = tuple(
        _Claim(owner, "into", path, isinstance(each, Mirror) and COLLIDES in each.allow)
        for owner, each in _owners(mirrors, forms)
        for path in each.places
    )
    named = tuple(
        _Claim(owner, key, path, may_collide=False)
        for owner, key, path in named_files(mirrors, forms)
    )
    if problem := _first_problem(places, named):
        raise invalid_at(text, *problem)


# Most commits of a range have the same places.
@lru_cache(_KEPT)
def _first_problem(places: tuple[_Claim, ...], named: tuple[_Claim, ...]) -> _Problem | None:
    return _overlap(places, named) or _collision(places + named)


def _overlap(places: Iterable[_Claim], named: Iterable[_Claim]) -> _Problem | None:
    at: dict[str, _Owner] = {}
    above: dict[str, _Owner] = {}
    for owner, key, path, _ in places:
        place = folded(path.encode())
        if other := _lying_there(place, at, above):
            return (*owner, key), *_overlapping(owner, other, path)
        at[place] = owner
        above |= dict.fromkeys(directories_above(place), owner)
    for owner, key, path, _ in named:
        if other := _lying_there(folded(path.encode()), at, above):
            message = f"`{key}` overlaps {other}: `{as_written(path)}`"
            hint = (
                "only what a sync writes lies in such a place: put the file elsewhere, "
                f"such as in {'patches/' if key == 'patches' else 'keys/'}"
            )
            return (*owner, key), message, hint
    return None


def _owners(
    mirrors: Mapping[str, Mirror], forms: Mapping[str, Form]
) -> Iterator[tuple[_Owner, Mirror | Form]]:
    for name, mirror in mirrors.items():
        yield _Owner("mirrors", name), mirror
    for name, form in forms.items():
        yield _Owner("derived", name), form


def _overlapping(owner: _Owner, other: _Owner, path: str) -> tuple[str, str]:
    shown = as_written(path)
    if owner == other:
        message = f"two places of {owner} overlap: `{shown}` and another one"
        return message, "no place lies in another one"
    return f"{owner} overlaps {other}: both lie in `{shown}`", "give each its own `into`"


def named_files(
    mirrors: Mapping[str, Mirror], forms: Mapping[str, Form]
) -> Iterator[tuple[_Owner, str, str]]:
    """The table, the key and the path of each file of the host's own that the manifest names."""
    for name, mirror in mirrors.items():
        for key, path in (("allowed-signers", mirror.allowed_signers), ("keyring", mirror.keyring)):
            if path is not None:
                yield _Owner("mirrors", name), key, path
    for name, form in forms.items():
        for path in form.patches:
            yield _Owner("derived", name), "patches", path


def _collision(claims: Iterable[_Claim]) -> _Problem | None:
    """Find two paths that some system takes for one, among them the directories above."""
    judged = {claim.path: claim for claim in claims if not claim.may_collide}
    for one, other in collisions(RepoPath(path.encode()) for path in judged):
        path = next(path for path in judged if f"{path}/".encode().startswith(other + b"/"))
        owner, key, _, _ = judged[path]
        message = (
            f"`{key}` of {owner} collides: "
            f"on Windows and macOS {_shown(other)} is one with {_shown(one)}"
        )
        return (*owner, key), message, "spell both alike, or call one otherwise"
    return None


def _shown(path: bytes) -> str:
    return quote_path(as_written(path.decode()).encode())


def _lying_there(
    place: str, places: Mapping[str, _Owner], above: Mapping[str, _Owner]
) -> _Owner | None:
    """Return the owner of what lies at a place, above it or below it, or None."""
    return next(filter(None, map(places.get, [*directories_above(place), place])), above.get(place))
