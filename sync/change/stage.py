"""Builds the next state in `third_party/.git-verbatim/`, beside the present one, and hashes it."""

import errno
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal

from sync.change.replace import edit_index, finish, holding_index
from sync.change.workspace import discard_unfinished, id_of, remove_workspace
from sync.errors import HostError
from sync.git.index import LockedIndex
from sync.git.repository import Repository
from sync.host.attributes_and_ignores import Edit, of_version
from sync.host.directory import Directory, explaining, make_durable, split
from sync.host.journal import Journal, Kind, Outcome, OwnEdit, Replacement, write_journal
from sync.host.scan import scan_directory
from sync.ids import Mode, ObjectId
from sync.layout import THIRD_PARTY, WORKSPACE
from sync.model.values import Entry, FileFact
from sync.objects.tree import object_id
from sync.record.places import Place
from sync.signals import signals_held

Index = Literal["same", "nothing", "apart"]
"""What the index gets, as in a `Replacement`."""
ReadContents = Callable[[Sequence[ObjectId]], Generator[bytes, None, None]]
"""Gives the contents of blobs, in the order of the ids that it is called with."""


@dataclass
class Staging:
    """Builds the next state of some directories and files beside the present one."""

    root: Path
    own: Mapping[str, Edit]
    """The edits to files that people edit too, by path; they are made on disk and in the index."""
    replacements: list[Replacement] = field(default_factory=list)
    _known: dict[str, Sequence[Entry]] = field(default_factory=dict)
    _contents: list[bytes] = field(default_factory=list)
    """The contents of single files as the index gets them, even if the files change meanwhile."""
    _begun: bool = False
    """Whether a journal may exist: from then on, this run or the next one finishes the work."""

    def __post_init__(self) -> None:
        try:
            self._make_workspace()
        except BaseException:
            self.abandon()
            raise

    def _make_workspace(self) -> None:
        with (
            explaining(f"write to {THIRD_PARTY}/"),
            Directory.open(self.root) as top,
            top.descend(THIRD_PARTY.encode(), create=True) as third_party,
            top.descend(WORKSPACE.encode(), create=True) as workspace,
        ):
            discard_unfinished(workspace)
            if _device(workspace) != _device(third_party):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), WORKSPACE)
            if not workspace.exists(b".gitignore"):
                workspace.write(b".gitignore", Mode.FILE, b"*\n")

    def directory(
        self,
        wanted: Place[Entry],
        present: Sequence[FileFact] | None,
        read: ReadContents,
        *,
        checked_in: bool,
    ) -> list[FileFact]:
        """Stage what a directory becomes; return its facts as read back from disk.

        A file that `present` already has as wanted gets a second name, so it keeps its inode and
        mtime. Raises HostError if what was written reads back differently.
        """
        target, entries = wanted.directory, wanted.files
        if [fact.entry for fact in present or ()] == list(entries):
            self.follow(wanted, checked_in=checked_in)
            return list(present or ())
        if not entries:
            self.remove(target, present)
            return []
        self._known[target] = entries
        slot = self._add(
            target,
            "directory",
            wanted.tree,
            id_of(present, "directory"),
            "same" if checked_in else "nothing",
        )
        with (
            explaining(f"write below {target}"),
            self._workspace() as workspace,
            workspace.descend(b"%d" % slot, create=True) as staged,
        ):
            linked = self._link_present(target, staged, entries, present or ())
            missing = [entry for entry in entries if entry not in linked]
            with closing(read([entry.blob for entry in missing])) as contents:
                _write(staged, missing, contents)
        facts = scan_directory(self.root, *WORKSPACE.split("/"), str(slot)) or []
        if [fact.entry for fact in facts] != list(entries):
            raise HostError(
                f"what was written for {target} reads back differently",
                ["the disk is faulty, or another program changed the files meanwhile"],
                hint="run the command again",
                reference="staged-differs",
            )
        return facts

    def file(
        self,
        target: str,
        content: bytes | None,
        present: bytes | None,
        *,
        checked_in: bool = True,
        is_executable: bool = False,
    ) -> None:
        """Stage what a single file becomes; without `content` it is removed.

        A file that does not change is staged in the index all the same, unless it is not
        `checked_in`. A file that is right but executable loses only that, and does so at once.
        """
        new, old = (None if c is None else object_id("blob", c) for c in (content, present))
        index: Index = "same" if checked_in else "nothing"
        slot = self._add(target, "file", new, old, "apart" if target in self.own else index)
        if content is None:
            return
        if target not in self.own and checked_in:
            self._contents.append(content)
        if content == present and is_executable:
            parent, name = split(target.encode())
            with (
                explaining(f"write {target}"),
                Directory.open(self.root) as top,
                top.descend(parent) as directory,
            ):
                directory.set_mode(name, Mode.FILE)
        if content != present:
            with explaining(f"write {target}"), self._workspace() as workspace:
                workspace.write(b"%d" % slot, Mode.FILE, content)

    def remove(
        self, target: str, present: Sequence[FileFact] | None, is_file: bool = False
    ) -> None:
        """Stage the removal of a directory or file, of which `present` is what lies there."""
        kind: Kind = "file" if is_file else "directory"
        self._add(target, kind, None, id_of(present, kind), "nothing")

    def follow(self, present: Place[Entry], *, checked_in: bool) -> None:
        """Leave a directory as it is, and bring only the index up to date with it."""
        target, tree = present.directory, present.tree
        self._known[target] = present.files
        self._add(target, "directory", tree, tree, "same" if checked_in else "nothing")

    def apply(self, repository: Repository, *, stage: bool) -> Outcome:
        """Put all that was staged in place, in one run that can be resumed.

        If git refuses to change the index, it does so before anything else is changed.
        """
        try:
            with holding_index(repository, stage) as index:
                return self._apply(repository, index)
        except BaseException:
            if not self._begun:
                self.abandon()
            raise

    def _apply(self, repository: Repository, index: LockedIndex | None) -> Outcome:
        own = self._edit_own(repository, index) if index else ()
        if not self.replacements and not own:
            return self._tidy()
        journal = Journal(tuple(self.replacements), own, stage=index is not None)
        if index:
            for content in self._contents:
                repository.write_blob(content)
            edit_index(index, journal, self._known.__getitem__)
        with explaining(f"write to {THIRD_PARTY}/"), self._workspace() as workspace, signals_held():
            make_durable(workspace)
            self._begun = True
            write_journal(repository.git_directory, journal)
            return finish(self.root, repository, journal, index)

    def _edit_own(self, repository: Repository, index: LockedIndex) -> tuple[OwnEdit, ...]:
        """The edits, in the index, of the files that people edit too.

        A file with a merge conflict, or a symlink in its place, is left alone.
        """
        edits = []
        there = index.copy.staged(path.encode() for path in self.own)
        for path, edit in self.own.items():
            sides = there.get(path.encode(), ())
            if any(stage or mode == Mode.SYMLINK for mode, _, stage in sides):
                continue
            before = next((blob for _, blob, _ in sides), None)
            content = None if before is None else repository.read(before)
            with of_version(path, "the index", f"`git add {path}`"):
                edited = edit(content)
            if edited != content:
                edits.append(
                    OwnEdit(path, before, None if edited is None else repository.write_blob(edited))
                )
        return tuple(edits)

    def abandon(self) -> None:
        """Discard what was staged, and leave everything as it was."""
        with suppress(OSError):
            self._tidy()

    def _tidy(self) -> Outcome:
        with Directory.open(self.root) as top:
            remove_workspace(top)
        return Outcome()

    def _workspace(self) -> Directory:
        with Directory.open(self.root) as top:
            return top.descend(WORKSPACE.encode())

    def _link_present(
        self, target: str, staged: Directory, entries: Sequence[Entry], present: Sequence[FileFact]
    ) -> set[Entry]:
        kept = {fact.entry for fact in present}.intersection(entries)
        if not kept:
            return set()
        with Directory.open(self.root) as top, top.descend(target.encode()) as source:
            return _link(source, staged, sorted(kept))

    def _add(
        self,
        target: str,
        kind: Kind,
        new: ObjectId | None,
        old: ObjectId | None,
        index: Index,
    ) -> int:
        slot = len(self.replacements)
        self.replacements.append(Replacement(target, kind, slot, new, old, index))
        if new is None and old is None:
            return slot  # only the index may have something there
        # What lies in the way is refused here, before a journal is written.
        parent, name = split(os.fsencode(target))
        with explaining(f"write {target}"), Directory.open(self.root) as top:
            if new != old:
                _refuse_protected(top, os.fsencode(target), kind)
            with suppress(FileNotFoundError), top.descend(parent) as directory:
                if old is None and new is not None and directory.exists(name):
                    raise NotADirectoryError(
                        errno.ENOTDIR, f"something lies where the {kind} has to be", name
                    )
                with top.descend(WORKSPACE.encode()) as workspace:
                    _refuse_mounted(workspace, directory, name, kind)
        return slot


def _refuse_protected(top: Directory, target: bytes, kind: str) -> None:
    """OSError if permissions keep the target from being replaced.

    Its nearest existing parent has to be writable, and so has the target itself if it is a
    directory, which is moved.
    """
    path = split(target)[0] if kind == "file" else target
    while True:
        with suppress(FileNotFoundError, NotADirectoryError), top.descend(path) as directory:
            if not directory.is_writable():
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            if path != target:
                return
        if not path:
            return
        path = split(path)[0]


def _refuse_mounted(workspace: Directory, directory: Directory, name: bytes, kind: str) -> None:
    """OSError if a mount keeps the target from being replaced.

    This may be a read-only file system, a mount at a directory, or another file system than that
    of the workspace at its parent.
    """
    if _is_read_only(directory):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)
    if _device(directory) != _device(workspace):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), name)
    if kind == "directory" and directory.exists(name):
        with directory.descend(name) as target:
            if _is_read_only(target):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), name)
            if _device(target) != _device(directory):
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)


def _device(directory: Directory) -> int:
    return os.fstat(directory.descriptor).st_dev


def _is_read_only(directory: Directory) -> bool:
    return bool(os.fstatvfs(directory.descriptor).f_flag & os.ST_RDONLY)


def _link(source: Directory, staged: Directory, entries: Iterable[Entry]) -> set[Entry]:
    """Give files a second name in `staged`; return the entries for which this was possible."""
    linked: set[Entry] = set()
    for directory, files in _by_directory(entries):
        try:
            there = source.descend(directory)
        except OSError:
            continue  # changed meanwhile: a file that is not linked is written instead
        with there, staged.descend(directory, create=True) as here:
            linked.update(
                entry
                for entry in files
                if there.link(split(entry.path)[1], here, split(entry.path)[1])
            )
    return linked


def _write(staged: Directory, entries: Iterable[Entry], contents: Iterator[bytes]) -> None:
    for directory, files in _by_directory(entries):
        with staged.descend(directory, create=True) as here:
            for entry in files:
                here.write(split(entry.path)[1], entry.mode, next(contents))


def _by_directory(entries: Iterable[Entry]) -> Iterator[tuple[bytes, Iterator[Entry]]]:
    return groupby(entries, key=lambda entry: split(entry.path)[0])
