"""Finds what goes where a mirror or form lay: what a record lists there, and nothing of others."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from sync.git.listing import committed_files
from sync.git.operation import commits_at_work
from sync.git.repository import Repository
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId, RepoPath
from sync.layout import LICENSES, PROVENANCE, lies_in
from sync.manifest.host_table import named_path
from sync.manifest.read import Manifest
from sync.model.mirrors import Form, Mirror
from sync.model.values import FileFact, path_at
from sync.objects.portable import folded
from sync.record.places import Recorded


class Others:
    """The paths that stay where they are, although a mirror or form lay there that leaves."""

    def __init__(self, manifest: Manifest, root: Path) -> None:
        each: list[Mirror | Form] = [*manifest.mirrors.values(), *manifest.forms.values()]
        self._places = {place: _folded(place) for one in each for place in one.places}
        named = map(named_path, manifest.own)
        # One with wildcards had no effect while the mirror lay there, and says nothing of it now.
        self._own = [path for path in named if path is not None]
        self._own_alike = list(map(_folded, self._own))
        self._root = root

    def have(self, path: str) -> bool:
        """Whether a path lies in a place of the manifest, or is named as the host's own."""
        if lies_in(path, self._own) and not lies_in(path, (LICENSES, PROVENANCE)):
            return True
        alike = _folded(path)
        around = (place for place, beginning in self._places.items() if alike.startswith(beginning))
        return any(self._is_in(path, place) for place in around)

    def reach_into(self, place: str) -> bool:
        """Whether a place, or a path that is named as the host's own, may lie in this place."""
        ours = _folded(place)
        return any(alike.startswith(ours) for alike in (*self._places.values(), *self._own_alike))

    def _is_in(self, path: str, place: str) -> bool:
        """Whether a path lies in a place; `WASI` and `wasi` are one where the disk says so."""
        if lies_in(path, (place,)):
            return True
        head = "/".join(path.split("/")[: place.count("/") + 1])
        try:
            return (self._root / head).samefile(self._root / place)
        except OSError:
            return False


def _folded(path: str) -> str:
    return folded(os.fsencode(f"{path}/"))


@dataclass(frozen=True, slots=True)
class Left:
    """A place that a mirror or form leaves."""

    present: Sequence[FileFact] | None
    """What lies there and is nobody else's; None if there is nothing."""
    recorded: Sequence[FileFact]
    is_shared: bool
    """Whether something lies there, or will, that is somebody else's."""

    @property
    def is_file(self) -> bool:
        return any(not fact.path for fact in self.recorded or self.present or ())


@dataclass
class LeftPlaces:
    """Looks at places that are left, as the manifest will be."""

    root: Path
    state: WorkTree
    repository: Repository
    manifest: Manifest

    @cached_property
    def others(self) -> Others:
        return Others(self.manifest, self.root)

    @cached_property
    def at_work(self) -> list[ObjectId]:
        """The commits that git is bringing together, HEAD first; none if it does not."""
        return commits_at_work(self.repository)

    def look(
        self,
        said: Recorded,
        sides: Mapping[ObjectId, Recorded],
        stays_in: Collection[str] = (),
    ) -> Mapping[str, Left]:
        """The places that something leaves, since it `stays_in` others only.

        `said` is what its record says, and `sides` what the records of commits say: of those
        `at_work`, or else of HEAD.
        """
        places = dict.fromkeys(chain(said, *sides.values()))
        looked = {
            place: self._look_at(place, said, sides) for place in places if place not in stays_in
        }
        return {
            place: left
            for place, left in looked.items()
            if left.present or left.recorded or (place in said and not left.is_shared)
        }

    def _look_at(self, place: str, said: Recorded, sides: Mapping[ObjectId, Recorded]) -> Left:
        listed = [one[place] for one in (said, *sides.values()) if place in one]
        there = self.state.files(place, listed[0], whole=True)
        recorded = list(dict.fromkeys(chain.from_iterable(listed)))
        known = {fact.entry for fact in recorded}
        staying = {*self._brought(place, sides)}

        def goes(fact: FileFact) -> bool:
            return (
                fact.path not in staying
                and (place in said or fact.entry in known)
                and not self.others.have(_path(place, fact.path))
            )

        going = None if there is None else [fact for fact in there if goes(fact)]
        ours = list(filter(goes, recorded))
        staged = {*self.repository.index.staged_by_path([os.fsencode(place)])}
        is_shared = (
            len(ours) < len(recorded)
            or (there or []) != (going or [])
            or not staged <= {path_at(place, fact.path) for fact in ours}
            or self.others.reach_into(place)
        )
        if is_shared or place not in said:
            here = staged | {path_at(place, fact.path) for fact in going or ()}
            ours = [fact for fact in ours if path_at(place, fact.path) in here]
        return Left(going, ours, is_shared)

    def _brought(self, place: str, sides: Mapping[ObjectId, Recorded]) -> Iterator[RepoPath]:
        """The paths that a commit has in a place, and that its own record does not list there."""
        below = len(os.fsencode(f"{place}/"))
        for commit in self.at_work:
            listed = {fact.path for fact in sides.get(commit, {}).get(place, ())}
            for path in committed_files(self.repository, commit, [place]):
                if (inside := RepoPath(path[below:])) not in listed:
                    yield inside


def _path(place: str, path: RepoPath) -> str:
    return os.fsdecode(path_at(place, path))
