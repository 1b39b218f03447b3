"""Refuses mirrors that lie in one another, or that some system takes for one."""

from collections.abc import Iterator, Mapping

from sync.ids import RepoPath
from sync.layout import above as directories_above
from sync.manifest.invalid import invalid_at
from sync.manifest.paths import as_written
from sync.model import Mirror, Upstream
from sync.objects.portable import COLLIDES, collisions, folded
from sync.quoting import quote_path


def refuse_same_names(
    text: str, mirrors: Mapping[str, Mirror], upstreams: Mapping[str, Upstream]
) -> None:
    """Refuse two upstreams, or an upstream and a mirror, of one name; case makes no difference."""
    names = {name.casefold(): f"mirror {name}" for name in mirrors}
    for name in upstreams:
        if other := names.get(name.casefold()):
            message = f"upstream {name} has the name of {other}"
            raise invalid_at(text, ("upstreams", name), message, "call one of them otherwise")
        names[name.casefold()] = f"upstream {name}"


def refuse_overlaps(text: str, mirrors: Mapping[str, Mirror]) -> None:
    """Refuse mirrors if one lies in another, or if their names or places collide.

    A key file may not lie in a mirror either. Raises ManifestError.
    """
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    above: dict[str, str] = {}
    for name, mirror in mirrors.items():
        if other := names.get(name.casefold()):
            raise invalid_at(
                text, ("mirrors", name), f"mirrors {other} and {name} differ only in case", None
            )
        names[name.casefold()] = name
        for path in mirror.places:
            place = folded(path.encode())
            if other := _lying_there(place, places, above):
                raise invalid_at(
                    text, ("mirrors", name, "into"), *_overlapping(name, other, as_written(path))
                )
            places[place] = name
            above |= dict.fromkeys(directories_above(place), name)
    for name, key, path in _key_files(mirrors):
        if other := _lying_there(folded(path.encode()), places, above):
            hint = (
                "only what is upstream's lies in a mirror: put the keys elsewhere, such as in keys/"
            )
            raise invalid_at(
                text,
                ("mirrors", name, key),
                f"`{key}` overlaps mirror {other}: `{as_written(path)}`",
                hint,
            )
    _refuse_collisions(text, mirrors)


def _overlapping(name: str, other: str, path: str) -> tuple[str, str]:
    if name == other:
        message = f"two places of mirror {name} overlap: `{path}` and another one"
        return message, "no place lies in another one"
    message = f"mirror {name} overlaps mirror {other}: both lie in `{path}`"
    return message, "give each mirror its own `into`"


def _key_files(mirrors: Mapping[str, Mirror]) -> Iterator[tuple[str, str, str]]:
    """The mirror, the manifest's key and the path of each file of accepted keys."""
    for name, mirror in mirrors.items():
        for key, path in (("allowed-signers", mirror.allowed_signers), ("keyring", mirror.keyring)):
            if path is not None:
                yield name, key, path


def _refuse_collisions(text: str, mirrors: Mapping[str, Mirror]) -> None:
    """Refuse places and key files if some system takes two of them for one.

    The directories above them are judged too.
    """
    named = {
        path: (name, "into")
        for name, mirror in mirrors.items()
        if COLLIDES not in mirror.allow
        for path in mirror.places
    }
    named |= {path: (name, key) for name, key, path in _key_files(mirrors)}
    for one, other in collisions(RepoPath(path.encode()) for path in named):
        path = next(path for path in named if f"{path}/".encode().startswith(other + b"/"))
        name, key = named[path]
        message = (
            f"`{key}` of mirror {name} collides: "
            f"on Windows and macOS {_shown(other)} is one with {_shown(one)}"
        )
        raise invalid_at(
            text, ("mirrors", name, key), message, "spell both alike, or call one otherwise"
        )


def _shown(path: bytes) -> str:
    return quote_path(as_written(path.decode()).encode())


def _lying_there(place: str, places: Mapping[str, str], above: Mapping[str, str]) -> str | None:
    """Return the name of the mirror that lies at a place, above it or below it, or None."""
    return next(filter(None, map(places.get, [*directories_above(place), place])), above.get(place))
