"""Finds what goes where a mirror or form lay: what a record lists there, and nothing of others."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from sync.git.listing import committed_files
from sync.git.operation import commits_at_work
from sync.git.repository import Repository
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId, RepoPath
from sync.layout import lies_in
from sync.manifest.host_table import named_path
from sync.manifest.paths import overlaps
from sync.manifest.read import Manifest
from sync.model import Entry, FileFact, path_at
from sync.record.places import Recorded


class Others:
    """Whose paths are not a mirror's or form's to touch, though it lay there."""

    def __init__(self, manifest: Manifest) -> None:
        of_mirrors = {name: one.places for name, one in manifest.mirrors.items()}
        of_forms = {name: one.places for name, one in manifest.forms.items()}
        self._places = {**of_mirrors, **of_forms}
        named = map(named_path, manifest.own)
        # One with wildcards had no effect while the mirror lay there, and says nothing of it now.
        self._own = [path for path in named if path is not None]

    def have(self, path: str, name: str) -> bool:
        """Whether a path lies in a place of another than `name`, or is named as the host's own."""
        others = chain.from_iterable(of for one, of in self._places.items() if one != name)
        return lies_in(path, self._own) or any(overlaps(path, other) for other in others)


@dataclass(frozen=True, slots=True)
class Left:
    """A place that a mirror or form leaves."""

    present: Sequence[FileFact] | None
    """What lies there and is nobody else's; None if there is nothing."""
    recorded: Sequence[FileFact]
    is_shared: bool
    """Whether something lies there, or may, that is somebody else's and stays."""


@dataclass
class LeftPlaces:
    """Looks at places that are left, as the manifest will be."""

    state: WorkTree
    repository: Repository
    manifest: Manifest

    @cached_property
    def others(self) -> Others:
        return Others(self.manifest)

    @cached_property
    def at_work(self) -> list[ObjectId]:
        return commits_at_work(self.repository)

    def look(
        self, name: str, known: Sequence[Recorded], stays_in: Collection[str]
    ) -> Mapping[str, Left]:
        """The places that `name` leaves, since it `stays_in` others only.

        `known` has what records say of its places. The first is the one by which it lies where it
        does; the others are of commits that git is bringing together: where only these have a
        place, what HEAD has there is HEAD's.
        """
        looked = {
            place: self._look_at(place, name, known)
            for place in dict.fromkeys(chain.from_iterable(known))
            if place not in stays_in
        }
        return {
            place: left
            for place, left in looked.items()
            if left.present or (place in known[0] and (left.recorded or not left.is_shared))
        }

    def _look_at(self, place: str, name: str, known: Sequence[Recorded]) -> Left:
        said = [one[place] for one in known if place in one]
        recorded = list(dict.fromkeys(chain.from_iterable(said)))
        there = self.state.files(place, said[0], whole=True)
        brought = chain.from_iterable(self._committed(place, commit) for commit in self.at_work)
        staying = {*brought} - {fact.entry for fact in recorded}
        if place not in known[0]:
            staying |= {*self._committed(place, self.repository.commit_of("HEAD"))}

        def goes(fact: FileFact) -> bool:
            path = os.fsdecode(path_at(place, fact.path))
            return fact.entry not in staying and not self.others.have(path, name)

        going = None if there is None else [fact for fact in there if goes(fact)]
        ours = [fact for fact in recorded if goes(fact)]
        is_shared = len(ours) < len(recorded) or (there or []) != (going or [])
        return Left(going, ours, is_shared)

    def _committed(self, place: str, commit: ObjectId | None) -> Iterator[Entry]:
        """A commit's files in a place, by their paths in it."""
        below = os.fsencode(f"{place}/")
        for path, entry in committed_files(self.repository, commit, [place]).items():
            yield entry._replace(path=RepoPath(path[len(below) :]))
