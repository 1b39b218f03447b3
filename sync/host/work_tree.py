"""Reads a host on disk, and from git what the disk cannot show."""

import os
import shlex
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

from sync.errors import CouldNotCheckError, HostError
from sync.git.listing import Listed, core_switches, ignored_paths, is_tracked, list_index
from sync.git.repository import Repository
from sync.host.inputs import Inputs
from sync.host.listing import Children, among, on_disk
from sync.host.reading_ahead import ReadAhead
from sync.host.scan import NOT_READ, ScanBudget, read_file, scan_directory
from sync.host.sparse_and_modes import Disk, Unseen, with_hidden, with_told_modes
from sync.ids import RepoPath
from sync.layout import DERIVED, MANIFEST_PATH, PROVENANCE, THIRD_PARTY, is_in_third_party, lies_in
from sync.model.values import Entry, FileFact, path_at
from sync.quoting import quote_path

_PROBES = 8


class WorkTree:
    """A host on disk, inside git or not.

    What git hides, or keeps in the index alone, is read as git has it.
    """

    label = "the working tree"
    is_work_tree = True

    def __init__(
        self,
        root: Path,
        repository: Repository | None = None,
        inputs: Inputs | None = None,
        ahead: ReadAhead | None = None,
    ) -> None:
        self.inputs = inputs
        """Where all that is read is noted; None if nobody needs that."""
        self._root = root
        self._repository = repository
        self._ahead = ahead if ahead and ahead.root == root else None
        self._listed = cache(self._read_listed)
        self._hidden = cache(self._read_hidden)
        self.hidden: set[str] = set()
        """The files that were read from the index, since git hides them."""
        self.unjudged_modes: set[str] = set()
        """The files whose modes nothing here can tell."""
        self.takes_modes = False
        """Whether modes were taken from elsewhere than the disk."""

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        content = read_file(self._root, path, limit)
        if self.inputs is not None:
            self.inputs.note_file(path, content)
        if content is not None or path == MANIFEST_PATH or self._repository is None:
            return content
        if not is_tracked(self._repository, path):
            return None
        entry = self._hidden(_area(path)).get(RepoPath(os.fsencode(path)))
        return (
            None
            if entry is None
            else self._hidden_content(self._repository, entry)[
                : None if limit is None else limit + 1
            ]
        )

    def _hidden_content(self, repository: Repository, entry: Entry) -> bytes:
        path = os.fsdecode(entry.path)
        self._note_git()
        if not repository.has(entry.blob):
            error = self.hidden_error(path)
            raise CouldNotCheckError(
                error.message, ["its content is not here"], error.hint, error.reference
            )
        self.hidden.add(path)
        return repository.read(entry.blob)

    @property
    def is_in_git(self) -> bool:
        return self._repository is not None

    def blob(self, path: str) -> bytes | None:
        """As `State.blob`."""
        there = self._root / path
        if there.is_symlink():
            self._note_git()
            return os.fsencode(os.readlink(there))
        if there.exists() and not there.is_file():
            return None
        known = path in self.hidden
        content = self.read(path)
        if not known:
            self.hidden.discard(path)  # no file of a mirror is judged by it
        return content

    def root(self) -> Iterable[tuple[bytes, int]]:
        """What lies in the host's root: each name, with git's mode of it."""
        return on_disk(self._root)(b"")

    def children(self, directories: Iterable[bytes]) -> Children:
        """Gives what lies in each directory at or below these; in a sparse checkout also hidden."""
        disk = on_disk(self._root)
        repository = self._repository
        if repository is None or not (repository.git_directory / "info/sparse-checkout").exists():
            return disk
        self._note_git()
        areas = {_area(os.fsdecode(directory)) for directory in directories}
        hidden = among((path, e.mode) for area in areas for path, e in self._hidden(area).items())
        return lambda directory: {*disk(directory), *hidden(directory)}

    def tracks(self, path: str) -> bool:
        """Whether git tracks a file; never outside of git."""
        return self._repository is not None and is_tracked(self._repository, path)

    def ignored(self, paths: Sequence[bytes]) -> frozenset[bytes]:
        """Those of these paths that git does not track and ignores; none outside of git."""
        if not paths or self._repository is None:
            return frozenset()
        return ignored_paths(self._root, paths)

    def record_names(self) -> list[str]:
        names = self._names_in(PROVENANCE)
        if self.inputs is not None:
            self.inputs.records = names
        return names

    def form_names(self) -> list[str]:
        names = self._names_in(DERIVED)
        if self.inputs is not None:
            self.inputs.forms = names
        return names

    def _names_in(self, directory: str) -> list[str]:
        there = self._root / directory
        hidden = map(os.fsdecode, () if there.is_dir() else self._hidden(THIRD_PARTY))
        names = {*(path.stem for path in there.glob("*.json")), *names_in(directory, hidden)}
        return sorted(names)

    def files(
        self, directory: str, recorded: Sequence[FileFact] | None = None, *, whole: bool = False
    ) -> list[FileFact] | None:
        """As `State.files`; with `whole` every file is read, for a caller that replaces them."""
        facts = self._read_files(directory, None if whole else recorded)
        if is_one_file(recorded) and not os.path.lexists(self._root / directory):
            facts = None  # what was read is in place of a directory above
        if self.inputs is not None:
            self.inputs.note_directory(directory, facts)
        if not recorded or facts == list(recorded) or _is_in_its_place(facts, recorded):
            return facts
        there = {fact.path: fact.mode for fact in facts or ()}
        missing = [fact.path for fact in recorded if fact.path not in there]
        if missing and self._may_be_hidden(directory, missing[:_PROBES]):
            facts = self._with_hidden(directory, facts, recorded)
        if facts and any(there.get(fact.path, fact.mode) != fact.mode for fact in recorded):
            facts = self._with_told_modes(directory, facts, recorded)
        return facts

    def _may_be_hidden(self, directory: str, missing: Sequence[RepoPath]) -> bool:
        """Whether git tracks a missing file; of a mirror that is not checked in it tracks none."""
        paths = (os.fsdecode(path_at(directory, path)) for path in missing)
        return self._repository is not None and any(
            is_tracked(self._repository, path) for path in paths
        )

    def _with_hidden(
        self, directory: str, facts: list[FileFact] | None, recorded: Sequence[FileFact]
    ) -> list[FileFact] | None:
        self._note_git()
        there = {fact.path for fact in facts or ()}
        hidden = [
            entry
            for entry in _below(directory, self._hidden(_area(directory)).values())
            if entry.path not in there
        ]
        self.hidden.update(os.fsdecode(path_at(directory, entry.path)) for entry in hidden)
        return with_hidden(facts or (), recorded, hidden) if hidden else facts

    def _with_told_modes(
        self, directory: str, facts: list[FileFact], recorded: Sequence[FileFact]
    ) -> list[FileFact]:
        self._note_git()
        disk = self._disk(directory)
        if disk == Disk():
            return facts
        listed = (entry for entry, _ in self._listed(_area(directory)))
        staged = {entry.path: entry.mode for entry in _below(directory, listed)}
        told, unjudged = with_told_modes(facts, recorded, staged, disk)
        self.takes_modes |= told != facts
        self.unjudged_modes.update(os.fsdecode(path_at(directory, path)) for path in unjudged)
        return told

    def _note_git(self) -> None:
        """Note that what is there was not read from the disk alone."""
        if self.inputs is not None:
            self.inputs.is_plain = False

    def _disk(self, directory: str) -> Disk:
        if self._repository is None:
            return _modes_that_are_there(self._root / _area(directory))
        return Disk(self._switches.get("filemode", True), self._switches.get("symlinks", True))

    def _read_listed(self, area: str) -> list[Listed]:
        """The entries of the index at or below a path."""
        return [] if self._repository is None else list_index(self._repository, area)

    def _read_hidden(self, area: str) -> Mapping[RepoPath, Entry]:
        """The entries that git leaves out of the working tree, and that are indeed not there."""
        top = os.fsencode(self._root)
        hidden = (entry for entry, is_hidden in self._listed(area) if is_hidden)
        return {
            entry.path: entry
            for entry in hidden
            if not os.path.lexists(os.path.join(top, entry.path))
        }

    def unseen(self, *places: str) -> Unseen:
        """What the disk did not show of these files and directories, as far as they were read."""
        hidden, modes = (
            [path for path in paths if lies_in(path, places)]
            for paths in (self.hidden, self.unjudged_modes)
        )
        return Unseen(len(hidden), len(modes), self._way_back(min(hidden)) if hidden else None)

    def is_hidden(self, path: str) -> bool:
        """Whether git tracks a file that it leaves out of the working tree."""
        return os.fsencode(path) in self._hidden(_area(path))

    def refuse_hidden(self, *places: str) -> None:
        """HostError if anything at or below these places is hidden: it would be replaced unseen."""
        for area in dict.fromkeys(map(_area, places)):
            for path in sorted(map(os.fsdecode, self._hidden(area))):
                if lies_in(path, places):
                    raise self.hidden_error(path)

    def hidden_error(self, path: str) -> HostError:
        """The error for a hidden file, with the way to bring the file back."""
        where = quote_path(os.fsencode(path))
        how = "a sparse checkout" if self._switches.get("sparsecheckout") else "git's skip-worktree"
        hint = f"bring it back with `{self._way_back(path)}`"
        return HostError(f"{where} is hidden by {how}", hint=hint, reference="hidden")

    def _way_back(self, path: str) -> str:
        git, file = _git_in(self._root), shlex.quote(path)
        if not self._switches.get("sparsecheckout"):
            return f"{git} update-index --no-skip-worktree {file} && {git} restore {file}"
        # Without cones, a later pattern for a directory does not undo an earlier one for its files.
        area = THIRD_PARTY if is_in_third_party(path) else path.rpartition("/")[0]
        is_cone = self._switches.get("sparsecheckoutcone")
        return f"{git} sparse-checkout add " + (
            shlex.quote(area) if is_cone else shlex.quote(f"/{area}/**" if area else f"/{path}")
        )

    @cached_property
    def _switches(self) -> Mapping[str, bool]:
        return core_switches(self._root)

    def deleted_error(self, path: str) -> HostError | None:
        """The error for a hidden file, or one deleted here but tracked; None if it is neither.

        It says how to have the file back. If third_party is no directory, the error says that.
        """
        top = self._root / THIRD_PARTY
        if os.path.lexists(top) and (top.is_symlink() or not top.is_dir()):
            return HostError(
                f"{THIRD_PARTY} is {'a symlink' if top.is_symlink() else 'no directory'}",
                hint=f"move it away: `mv {THIRD_PARTY} {THIRD_PARTY}.old`",
                reference="place-foreign",
            )
        if self.is_hidden(path):
            return self.hidden_error(path)
        if not any(entry.path == os.fsencode(path) for entry, _ in self._listed(_area(path))):
            return None
        return HostError(
            f"{path} is deleted here, but not in the index",
            hint=f"put it back with `{_git_in(self._root)} restore {path}`",
            reference="tracked-deleted",
        )

    def _read_files(
        self, directory: str, recorded: Sequence[FileFact] | None
    ) -> list[FileFact] | None:
        if self._ahead is not None and directory in self._ahead:
            facts = self._ahead.take(directory)
            if not any(fact.blob == NOT_READ and _may_be(fact, recorded) for fact in facts or ()):
                return facts
        budget = ScanBudget.of(recorded)
        return scan_directory(self._root, *directory.split("/"), budget=budget)


def _may_be(fact: FileFact, recorded: Sequence[FileFact] | None) -> bool:
    """Whether a large file that was left unread may be as recorded."""
    return recorded is None or any(
        fact.path == one.path and fact.size == one.size for one in recorded
    )


def _is_in_its_place(facts: Sequence[FileFact] | None, recorded: Sequence[FileFact]) -> bool:
    """Whether a file or link lies where a directory is recorded."""
    return bool(facts and not facts[0].path and not is_one_file(recorded))


def is_one_file(recorded: Sequence[FileFact] | None) -> bool:
    """Whether a record is of a place that is a file."""
    return bool(recorded and not recorded[0].path)


def names_in(records: str, paths: Iterable[str]) -> Iterator[str]:
    """The names of those of these paths that are record files in the directory `records`."""
    for path in paths:
        directory, _, name = path.rpartition("/")
        if directory == records and name.endswith(".json"):
            yield name.removesuffix(".json")


def _area(path: str) -> str:
    """What is listed at once: all of third_party/, or anywhere else just this path."""
    return THIRD_PARTY if is_in_third_party(path) else path


def _below(directory: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries at or below a path, with paths relative to it."""
    place = os.fsencode(directory)
    return (
        e._replace(path=RepoPath(e.path[len(place) + 1 :]))
        for e in entries
        if e.path == place or e.path.startswith(place + b"/")
    )


def _git_in(top: Path) -> str:
    """The command that starts git in the directory `top` from where the user is."""
    where = os.path.relpath(top)
    return "git" if where == os.curdir else f"git -C {shlex.quote(where)}"


def _modes_that_are_there(top: Path) -> Disk:
    """What the modes of an unpacked archive can tell, by all files below a directory.

    They tell nothing about executables if all files are executable or none is, and nothing about
    links if there is no link.
    """
    executable: set[bool] = set()
    links = False
    for directory, directories, files in os.walk(top):
        for name in (*directories, *files):
            mode = os.lstat(os.path.join(directory, name)).st_mode
            links |= stat.S_ISLNK(mode)
            executable |= {bool(mode & stat.S_IXUSR)} if stat.S_ISREG(mode) else set()
    return Disk(tells_executable=len(executable) > 1, tells_links=links)
