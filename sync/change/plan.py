"""Plans what has to change: manifest, records and disk become a plan; pure."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync.errors import LocalChangesError
from sync.ids import ObjectId, RepoPath
from sync.layout import THIRD_PARTY, license_directory, record_path
from sync.model import Copy, Entry, FileFact, Mirror, Pin
from sync.quoting import quote_path
from sync.record.record import Record
from sync.selection.license_files import is_license_name


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What lies where a mirror's files belong; None where there is no directory."""

    files: Sequence[FileFact] | None
    licenses: Sequence[FileFact] | None


@dataclass(frozen=True, slots=True)
class FileChanges:
    """The files that change in one directory; paths are relative to it."""

    added: tuple[RepoPath, ...] = ()
    changed: tuple[RepoPath, ...] = ()
    removed: tuple[RepoPath, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one mirror; without `copy` it is removed."""

    name: str
    into: str
    """The directory of the files, below third_party/."""
    mirror: Mirror | None
    before: Record | None
    copy: Copy | None
    files: FileChanges
    licenses: FileChanges
    present: OnDisk
    moved_from: str | None = None
    """The record's `into`, if it is not the manifest's."""
    present_there: Sequence[FileFact] | None = None
    """What lies at `moved_from`."""
    keeps_files: bool = False
    """Whether the mirror is removed but not its files, because `into` is another mirror's."""

    @property
    def places(self) -> tuple[str, ...]:
        """The directories below third_party/ in which files are written or removed."""
        places = (None if self.keeps_files else self.into, self.moved_from)
        return tuple(place for place in places if place is not None)

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
        before = {
            *_texts(self.into, (f.entry for f in self.before.files)),
            *_texts(self._beside, (f.entry for f in self.before.licenses)),
        }
        after = {
            *_texts(self.into, self.copy.holding.files),
            *_texts(self._beside, self.copy.holding.licenses),
        }
        return tuple(sorted({path for path, _ in before ^ after}))

    @property
    def _beside(self) -> str:
        return license_directory(self.name)


def _texts(directory: str, entries: Iterable[Entry]) -> Iterator[tuple[str, ObjectId]]:
    for entry in entries:
        if is_license_name(entry.path.rpartition(b"/")[2]):
            yield f"{THIRD_PARTY}/{directory}/{quote_path(entry.path)}", entry.blob


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run changes, in the manifest's order."""

    changes: tuple[Change, ...]
    satisfied: tuple[str, ...] = ()
    """Mirrors whose files and record are as they should be."""
    unstaged: tuple[str, ...] = ()
    """The satisfied mirrors that the index does not have as they are on disk."""

    def __bool__(self) -> bool:
        return bool(self.changes or self.unstaged)

    def directories(self, mirrors: Mapping[str, Mirror]) -> list[str]:
        """The directories below third_party/ that it replaces, removes or stages.

        `mirrors` are the manifest's.
        """
        places = [mirrors[name].into for name in self.unstaged]
        places += [place for change in self.changes for place in change.places]
        return [*places, *(license_directory(name) for name in self._names)]

    @property
    def records(self) -> list[str]:
        """The record files below third_party/ that it replaces, removes or stages."""
        return [record_path(name) for name in self._names]

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys([*self.unstaged, *(change.name for change in self.changes)]))


def is_satisfied(mirror: Mirror, record: Record | None, present: OnDisk) -> bool:
    """Whether a mirror needs nothing: the record matches the manifest, and the disk the record."""
    return (
        record is not None
        and not record.differences(mirror)
        and list(record.files) == list(present.files or ())
        and list(record.licenses) == list(present.licenses or ())
    )


def plan_mirror(
    mirror: Mirror,
    record: Record | None,
    copy: Copy,
    present: OnDisk,
    moved_from: str | None,
    files_at: Callable[[str], Sequence[FileFact] | None],
) -> Change:
    """Plan what has to change for one mirror to be the copy.

    `moved_from` is the directory that its record names, if the mirror moves away from it.
    """
    return Change(
        name=mirror.name,
        into=mirror.into,
        mirror=mirror,
        before=record,
        copy=copy,
        files=_changes(copy.holding.files, present.files),
        licenses=_changes(copy.holding.licenses, present.licenses),
        present=present,
        moved_from=moved_from,
        present_there=files_at(moved_from) if moved_from else None,
    )


def plan_removal(
    name: str, into: str, record: Record | None, present: OnDisk, *, keeps_files: bool
) -> Change:
    """Plan what has to change for a mirror to be removed."""
    return Change(
        name=name,
        into=into,
        mirror=None,
        before=record,
        copy=None,
        files=_changes((), present.files),
        licenses=_changes((), present.licenses),
        present=present,
        keeps_files=keeps_files,
    )


def refuse_local_changes(changes: Sequence[Change]) -> None:
    """LocalChangesError that lists each file that is neither as recorded nor as it will be."""
    local = [path for change in changes for path in local_changes(change)]
    if local:
        raise LocalChangesError(
            f"local changes in {THIRD_PARTY}/ would be lost",
            local,
            hint="keep them elsewhere, or give them up by repeating the command "
            "with `--discard-local`",
            reference="local-changes",
        )


def local_changes(change: Change) -> list[str]:
    """The files on disk, from the host's root, that are neither recorded nor upstream's."""
    before, copy = change.before, change.copy
    recorded = before.files if before else ()
    licenses = before.licenses if before else ()
    wanted = copy.holding.files if copy else ()
    return [
        *_local(change.into, change.present.files, recorded, wanted),
        *_local(
            license_directory(change.name),
            change.present.licenses,
            licenses,
            copy.holding.licenses if copy else (),
        ),
        *(
            _local(change.moved_from, change.present_there, recorded, ())
            if change.moved_from
            else ()
        ),
    ]


def refuse_staged_changes(
    known: Mapping[str, Collection[Entry]],
    staged: Iterable[Entry],
    committed: Mapping[RepoPath, Entry],
) -> None:
    """LocalChangesError that lists what is staged, would be lost, and is nowhere else.

    `known` has the files that may lie in each directory, by their path in it. What counts is staged
    at, below or on the way to one of these directories. `staged` and `committed` have paths below
    third_party/.
    """
    new = [entry for entry in staged if committed.get(entry.path) != entry]
    lost = [
        entry.path
        for entry in new
        if any(_is_lost(entry, directory.encode(), files) for directory, files in known.items())
    ]
    if lost:
        raise LocalChangesError(
            f"what is staged in {THIRD_PARTY}/ and is neither committed nor on disk would be lost",
            [f"{THIRD_PARTY}/{quote_path(path)}" for path in lost],
            hint="commit it, or give it up by repeating the command with `--discard-local`",
            reference="local-changes",
        )


def _is_lost(entry: Entry, directory: bytes, files: Collection[Entry]) -> bool:
    if entry.path.startswith(directory + b"/"):
        return entry._replace(path=RepoPath(entry.path[len(directory) + 1 :])) not in files
    return f"{os.fsdecode(directory)}/".startswith(f"{os.fsdecode(entry.path)}/")


def upstreams_files(change: Change) -> dict[str, set[Entry]]:
    """The entries of the record and of the new copy, for each directory that a change touches."""
    before, copy = change.before, change.copy
    files = {fact.entry for fact in (before.files if before else ())} | set(
        copy.holding.files if copy else ()
    )
    licenses = {fact.entry for fact in (before.licenses if before else ())} | set(
        copy.holding.licenses if copy else ()
    )
    return {**dict.fromkeys(change.places, files), license_directory(change.name): licenses}


def _local(
    directory: str,
    present: Sequence[FileFact] | None,
    recorded: Sequence[FileFact],
    wanted: Sequence[Entry],
) -> list[str]:
    upstreams = {fact.entry for fact in recorded} | set(wanted)
    return [
        f"{THIRD_PARTY}/{directory}/{quote_path(fact.path)}"
        for fact in present or ()
        if fact.entry not in upstreams
    ]


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
