"""Plans what has to change: manifest, records and disk become a plan; pure."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from sync.change.left import Left
from sync.change.seen import (
    LeavingForm,
    LeavingMirror,
    Looked,
    LookedForms,
    WantedForm,
    WantedMirror,
)
from sync.derived.ingredients import Made
from sync.derived.record import DerivedRecord
from sync.ids import ObjectId, RepoPath
from sync.layout import derived_record_path, license_directory, record_path
from sync.manifest.read import Manifest
from sync.model.mirrors import Copy, Form, Mirror
from sync.model.values import Entry, FileFact, Pin, path_at
from sync.quoting import quote_path
from sync.record.places import Place, Present, places_of
from sync.record.record import Record
from sync.selection.license_files import is_license_name

if TYPE_CHECKING:
    from sync.git.repository import Repository


@dataclass(frozen=True, slots=True)
class FileChanges:
    """The files that change in one directory; paths are relative to it."""

    added: tuple[RepoPath, ...] = ()
    changed: tuple[RepoPath, ...] = ()
    removed: tuple[RepoPath, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class PlaceChange:
    """What happens in one directory of the host, or to one file whose path is empty in it."""

    directory: str
    present: Sequence[FileFact] | None
    """What lies there; None if there is no such directory."""
    recorded: Sequence[FileFact]
    """The files that lie there according to the record."""
    wanted: Place[Entry] | None
    """What it becomes; None if it goes away."""
    is_file: bool = False
    shared_place: str | None = None
    """The place that the file is a part of, where others have files that stay."""

    @property
    def target(self) -> str:
        """The directory or file that is touched, or of which a part is."""
        return self.shared_place or self.directory

    def below(self, path: RepoPath) -> RepoPath:
        """The path of a file in the directory, from the host's root."""
        return path_at(self.directory, path)

    @property
    def files(self) -> FileChanges:
        return _changes(self.wanted.files if self.wanted else (), self.present)

    @property
    def upstreams(self) -> set[Entry]:
        """The entries of the record and of the new copy: no other file is upstream's."""
        return {
            *(fact.entry for fact in self.recorded),
            *(self.wanted.files if self.wanted else ()),
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one mirror; without `copy` it is removed."""

    name: str
    copies: tuple[str, ...]
    """The directories that hold its copies, or held them if it is removed."""
    mirror: Mirror | None
    before: Record | None
    copy: Copy | None
    places: tuple[PlaceChange, ...]
    """In the order in which they change; a directory that is another mirror's is none of them."""
    moved_from: tuple[str, ...] = ()
    """The places that it leaves."""
    objects: "Repository | None" = None
    """Where the copy's objects are read."""

    @property
    def directories(self) -> list[str]:
        """The directories in which files are written or removed."""
        return list(dict.fromkeys(place.target for place in self.places))

    @property
    def files(self) -> FileChanges:
        """What changes in the copies; a file that is new in one and changes in another changes."""
        each = [self._in(directory) for directory in self.copies]
        added, changed, removed = (
            {path for files in each for path in getattr(files, kind)}
            for kind in ("added", "changed", "removed")
        )
        return FileChanges(*map(_sorted, (added - changed, changed, removed)))

    @property
    def licenses(self) -> FileChanges:
        """What changes among the licence files beside the copy."""
        return self._in(license_directory(self.name))

    def _in(self, directory: str) -> FileChanges:
        parts = [one for one in self.places if one.shared_place == directory and one.present]
        below = len(os.fsencode(f"{directory}/"))
        removed = (RepoPath(os.fsencode(one.directory)[below:]) for one in parts)
        whole = (one.files for one in self.places if one.directory == directory)
        return FileChanges(removed=_sorted(removed)) if parts else next(whole, FileChanges())

    @property
    def old_pin(self) -> Pin | None:
        return self.before.pin if self.before else None

    @property
    def new_pin(self) -> Pin | None:
        return self.mirror.pin if self.mirror else None

    @property
    def changed_licenses(self) -> tuple[str, ...]:
        """The paths, from the host's root, of licence texts that are not as the record has them.

        Those inside the mirror count, and those that are kept beside it.
        """
        if self.before is None or self.copy is None:
            return ()
        before, after = (
            {*_texts(places_of(self.copies, self.name, holding))}
            for holding in (self.before.copy.holding, self.copy.holding)
        )
        return tuple(sorted({path for path, _ in before ^ after}))


def _texts(places: Iterable[Place[Entry]]) -> Iterator[tuple[str, ObjectId]]:
    for place in places:
        for entry in place.files:
            if is_license_name(entry.path.rpartition(b"/")[2]):
                yield f"{place.directory}/{quote_path(entry.path)}", entry.blob


@dataclass(frozen=True, slots=True)
class FormChange:
    """What happens to one derived form; without `made` it is removed."""

    name: str
    copies: tuple[str, ...]
    """The places that hold it, or held it if it is removed."""
    form: Form | None
    before: DerivedRecord | None
    record: DerivedRecord | None
    made: Made | None
    places: tuple[PlaceChange, ...]
    """In the order in which they change."""
    moved_from: tuple[str, ...] = ()
    """The places that it leaves."""
    diff: tuple[str, ...] = ()
    """What changes in it as text, line by line, as a unified diff; empty if it is new."""

    @property
    def files(self) -> FileChanges:
        """What changes in the first place."""
        here = (place.files for place in self.places if place.directory in self.copies[:1])
        return next(here, FileChanges())


class Touching(Protocol):
    """What happens to a mirror or to a form, as far as it touches files."""

    @property
    def places(self) -> tuple[PlaceChange, ...]: ...

    @property
    def copies(self) -> tuple[str, ...]: ...

    @property
    def moved_from(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run changes, in the manifest's order."""

    changes: tuple[Change, ...]
    satisfied: tuple[str, ...] = ()
    """Mirrors whose files and record are as they should be."""
    unstaged: tuple[str, ...] = ()
    """The satisfied mirrors that the index does not have as they are on disk."""
    forms: tuple[FormChange, ...] = ()
    """What happens to derived forms."""
    satisfied_forms: tuple[str, ...] = ()
    unstaged_forms: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.unstaged or self.forms or self.unstaged_forms)

    @property
    def all_changes(self) -> tuple[Touching, ...]:
        """What happens to mirrors, then what happens to forms."""
        return *self.changes, *self.forms

    def directories(self, manifest: Manifest) -> list[str]:
        """The directories that it replaces, removes or stages."""
        every = (
            *(
                directory
                for name in self.unstaged
                for directory in (*manifest.mirrors[name].places, license_directory(name))
            ),
            *self._changing(are_files=False),
            *self._unstaged_places_of_forms(manifest, are_files=False),
        )
        return list(dict.fromkeys(every))

    def files(self, manifest: Manifest) -> list[str]:
        """The files that it replaces, removes or stages: records, and forms that are files."""
        names = dict.fromkeys([*self.unstaged, *(change.name for change in self.changes)])
        forms = dict.fromkeys([*self.unstaged_forms, *(change.name for change in self.forms)])
        return [
            *map(record_path, names),
            *map(derived_record_path, forms),
            *self._changing(are_files=True),
            *self._unstaged_places_of_forms(manifest, are_files=True),
        ]

    def _changing(self, *, are_files: bool) -> Iterator[str]:
        for change in self.all_changes:
            for one in change.places:
                if (one.is_file and one.shared_place is None) is are_files:
                    yield one.target

    def _unstaged_places_of_forms(self, manifest: Manifest, *, are_files: bool) -> Iterator[str]:
        for form in map(manifest.forms.__getitem__, self.unstaged_forms):
            if form.kind.is_directory is not are_files:
                yield from form.places


def is_satisfied(mirror: Mirror, record: Record | None, present: Present) -> bool:
    """Whether a mirror needs nothing: the record matches the manifest, and the disk the record."""
    return (
        record is not None
        and not record.differences(mirror)
        and all(
            list(place.files) == list(present[place.directory] or ()) for place in record.places
        )
    )


def make_plan(looked: Looked, forms: LookedForms | None = None) -> Plan:
    """Plan what has to change: first what the manifest wants, then what goes."""
    changes = [*map(plan_mirror, looked.wanted), *map(plan_removal, looked.leaving)]
    satisfied = tuple(one.mirror.name for one in looked.satisfied)
    plan = Plan(tuple(changes), satisfied, looked.unstaged)
    if forms is None:
        return plan
    of_forms = [*map(plan_form, forms.wanted), *map(plan_form_removal, forms.leaving)]
    return replace(
        plan,
        forms=tuple(of_forms),
        satisfied_forms=forms.satisfied,
        unstaged_forms=forms.unstaged,
    )


def plan_form(wanted: WantedForm) -> FormChange:
    """Plan what has to change for one form to be what was made."""
    seen, record, made = wanted.seen, wanted.record, wanted.made
    form, entries = seen.form, tuple(fact.entry for fact in record.outputs)
    is_file = not form.kind.is_directory
    places = (
        PlaceChange(
            one, seen.present[one], seen.recorded[one], Place(one, record.id, entries), is_file
        )
        for one in form.places
    )
    every, moved_from = (*_leaving(seen.left), *places), tuple(seen.left)
    return FormChange(
        form.name, form.places, form, seen.before, record, made, every, moved_from, wanted.diff
    )


def plan_form_removal(leaving: LeavingForm) -> FormChange:
    """Plan what has to change for a form to be removed."""
    places, copies = tuple(_leaving(leaving.left)), tuple(leaving.left)
    return FormChange(leaving.name, copies, None, leaving.before, None, None, places)


def _leaving(left: Mapping[str, Left]) -> Iterator[PlaceChange]:
    """What goes in places that are left: all, or file by file where others have files too."""
    for place, there in left.items():
        if not there.is_shared:
            yield PlaceChange(place, there.present, there.recorded, None, there.is_file)
            continue
        present, recorded = (_by_path(facts) for facts in (there.present or (), there.recorded))
        for path in sorted(present.keys() | recorded.keys()):
            file = os.fsdecode(path_at(place, path))
            here = present.get(path)
            yield PlaceChange(
                file, here, recorded.get(path, ()), None, is_file=True, shared_place=place
            )


def _by_path(facts: Sequence[FileFact]) -> Mapping[RepoPath, list[FileFact]]:
    """The facts at each path, as those of a place that is this file."""
    found: dict[RepoPath, list[FileFact]] = {}
    for fact in facts:
        found.setdefault(fact.path, []).append(fact._replace(path=RepoPath(b"")))
    return found


def plan_mirror(wanted: WantedMirror) -> Change:
    """Plan what has to change for one mirror to be the copy."""
    seen, mirror = wanted.seen, wanted.seen.mirror
    present, recorded = seen.present, seen.recorded
    places = (
        PlaceChange(place.directory, present[place.directory], recorded[place.directory], place)
        for place in places_of(mirror.places, mirror.name, wanted.copy.holding)
    )
    return Change(
        mirror.name,
        mirror.places,
        mirror,
        seen.before,
        wanted.copy,
        (*_leaving(seen.left), *places),
        tuple(seen.left),
        wanted.objects,
    )


def plan_removal(leaving: LeavingMirror) -> Change:
    """Plan what has to change for a mirror to be removed."""
    places = tuple(_leaving(leaving.left))
    return Change(leaving.name, leaving.places, None, leaving.before, None, places)


def _sorted(paths: Iterable[RepoPath]) -> tuple[RepoPath, ...]:
    return tuple(sorted(paths))


def _changes(wanted: Sequence[Entry], present: Sequence[FileFact] | None) -> FileChanges:
    goal: Mapping[RepoPath, Entry] = {entry.path: entry for entry in wanted}
    there = {fact.path: fact.entry for fact in present or ()}
    return FileChanges(
        added=tuple(sorted(goal.keys() - there.keys())),
        changed=tuple(
            sorted(path for path in goal.keys() & there.keys() if goal[path] != there[path])
        ),
        removed=tuple(sorted(there.keys() - goal.keys())),
    )
