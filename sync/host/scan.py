"""Reads what is on disk in a host: follows no link, and hashes as git does."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sync.errors import HostError
from sync.ids import Mode, ObjectId, RepoPath
from sync.limits import (
    DEPTH,
    ENTRIES,
    LARGEST_READ,
    MORE_THAN_RECORDED,
    PATHS_BYTES,
    UNEXPECTED_BYTES,
)
from sync.model.values import Entry, FileFact
from sync.quoting import quote_path

_CHUNK = 1 << 16
# Opening or reading a link, a socket or a directory fails with one of these.
_IRREGULAR = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR})
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# These bits act on whoever runs a file, and no tree can hold them. The permissions of group and
# others come from a umask: they say nothing about content.
SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX


NOT_READ = ObjectId("")
"""Stands for the blob id of a large file that has not the size that its record says."""


Stat = tuple[int, int, int, int, int]
"""Mode, size, mtime and ctime in nanoseconds, inode."""


@dataclass(slots=True)
class Seen:
    """What an earlier read found out about a directory's files; unchanged files are not read."""

    known: Mapping[RepoPath, tuple[Stat, FileFact]]
    before: int
    """In nanoseconds; a file that changed then or later may have changed again after its read."""
    now: dict[RepoPath, tuple[Stat, FileFact]] = field(default_factory=dict)
    """What is known after this read."""
    all_known: bool = True
    """Whether nothing had to be read."""

    def fact(self, path: RepoPath, status: os.stat_result) -> FileFact | None:
        """What is known of a file; None if it has to be read."""
        found = self.known.get(path)
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        if found is None or found[0] != _stat_of(status) or changed >= self.before:
            self.all_known = False
            return None
        self.now[path] = found
        return found[1]

    def note(self, path: RepoPath, status: os.stat_result, fact: FileFact) -> FileFact:
        self.now[path] = _stat_of(status), fact
        return fact


def _stat_of(status: os.stat_result) -> Stat:
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


@dataclass(slots=True)
class ScanBudget:
    """How much one scan may still find, and which large files it reads."""

    entries: int = ENTRIES
    path_bytes: int = PATHS_BYTES
    sizes: Mapping[RepoPath, int] | None = None
    """The recorded size of each file; None if every file is to be read."""
    seen: Seen | None = None
    """Which files need not be read."""

    @classmethod
    def of(cls, recorded: Sequence[FileFact] | None) -> "ScanBudget":
        """The budget for a directory by its recorded files; a larger one if there is no record."""
        if recorded is None:
            return cls()
        # Directories count too; twice as many entries leave room for one directory a file.
        return cls(
            2 * len(recorded) + MORE_THAN_RECORDED,
            sizes={fact.path: fact.size for fact in recorded},
        )

    def take(self, path: bytes) -> None:
        self.entries -= 1
        self.path_bytes -= len(path)
        if self.entries < 0 or self.path_bytes < 0:
            raise _TooMuchError

    def is_to_be_read(self, path: RepoPath, size: int) -> bool:
        return self.sizes is None or size <= UNEXPECTED_BYTES or self.sizes.get(path) == size


class _TooMuchError(Exception):
    """There is more than the budget allows."""


class _AtPathError(Exception):
    """Something went wrong at a path.

    Without a cause there is a FIFO, a socket or a device, which no git tree can hold.
    """

    def __init__(self, path: RepoPath, cause: OSError | None = None) -> None:
        super().__init__(path)
        self.path = path
        self.cause = cause


def scan_directory(
    root: Path,
    *parts: str,
    wanted: Callable[[bytes], bool] | None = None,
    budget: ScanBudget | None = None,
) -> list[FileFact] | None:
    """Every file below `root/parts…` as facts, sorted by path; None if there is nothing.

    Links are not followed: a link or a file that lies there, or in place of a directory above, is
    the only fact and has an empty path. Empty directories are passed over, as git does. With
    `wanted`, only what lies under such names of the directory itself is read, so that two processes
    can share the work. With a budget that knows sizes, a large file of another size is not read and
    has the blob id `NOT_READ`.

    Raises HostError for what cannot be read, for what is no file, and for more than the budget
    allows.
    """
    budget = budget or ScanBudget()
    where = "/".join(parts)
    try:
        directory = _open_below(root, parts)
        if directory is None or isinstance(directory, FileFact):
            return None if directory is None else [directory]
        try:
            return sorted(_scan(directory, b"", budget, wanted))
        finally:
            os.close(directory)
    except _AtPathError as error:
        name = f"{where}/{quote_path(error.path)}" if error.path else where
        raise (
            _unreadable(error.cause, name) if isinstance(error.cause, OSError) else _irregular(name)
        ) from error
    except _TooMuchError as error:
        raise _too_much(where, budget) from error
    except OSError as error:
        raise _unreadable(error, where) from error


def _open_below(root: Path, parts: Sequence[str]) -> int | FileFact | None:
    """A descriptor of the directory, or the fact of what is in its place; None if nothing is."""
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    for part in parts:
        parent = descriptor
        try:
            descriptor = os.open(part, _OPEN_DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                raise
            return _fact_at(parent, part)
        finally:
            os.close(parent)
    return descriptor


def _fact_at(directory: int, name: str) -> FileFact:
    if stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        return _fact(RepoPath(b""), Mode.SYMLINK, os.fsencode(os.readlink(name, dir_fd=directory)))
    return _read_file(directory, name, RepoPath(b""), ScanBudget(sizes={}))


def read_file(root: Path, path: str, limit: int | None = None) -> bytes | None:
    """The content of a regular file below `root`; None if there is none.

    Links are not followed, and FIFOs are not waited for. At most `limit` + 1 bytes are returned.
    Without a limit, a file of more than `LARGEST_READ` bytes is a HostError: nobody writes such a
    file.
    """
    *parents, name = path.split("/")
    try:
        directory = open_directory(root, *parents)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(error, path) from error
    try:
        descriptor = os.open(name, _OPEN_FILE, dir_fd=directory)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise _irregular(path)
            if limit is None and status.st_size > LARGEST_READ:
                raise _too_large(path, status.st_size)
            return file.read(LARGEST_READ if limit is None else limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise (
            _irregular(path) if error.errno in _IRREGULAR else _unreadable(error, path)
        ) from error
    finally:
        os.close(directory)


def open_directory(root: Path, *parts: str) -> int:
    """A descriptor of the directory; none of its components below `root` may be a link."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        parent = descriptor
        try:
            descriptor = os.open(part, _OPEN_DIRECTORY, dir_fd=parent)
        finally:
            os.close(parent)
    return descriptor


def read_content(root: Path, directory: str, fact: FileFact) -> bytes:
    """The content of a file that was scanned, or the target of a symlink.

    A disk without symlinks has the target in a plain file.
    """
    path = root / directory / os.fsdecode(fact.path)
    return os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()


def _scan(
    directory: int, prefix: bytes, budget: ScanBudget, wanted: Callable[[bytes], bool] | None = None
) -> Iterator[FileFact]:
    if prefix.count(b"/") > DEPTH:
        raise _AtPathError(
            RepoPath(prefix[:-1]),
            OSError(errno.ENAMETOOLONG, f"it is deeper than {DEPTH} directories"),
        )
    with os.scandir(directory) as listing:
        entries = list(islice(listing, budget.entries + 1))
    for entry in entries:
        name = os.fsencode(entry.name)
        if wanted is not None and not wanted(name):
            continue
        path = RepoPath(prefix + name)
        budget.take(path)
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _scan_below(directory, entry.name, path, budget)
            elif entry.is_symlink():
                yield _fact(
                    path, Mode.SYMLINK, os.fsencode(os.readlink(entry.name, dir_fd=directory))
                )
            else:
                yield _read_file(directory, entry.name, path, budget)
        except FileNotFoundError:
            continue  # deleted since it was listed
        except OSError as error:
            raise _AtPathError(path, error) from error


def _scan_below(
    directory: int, name: str, path: RepoPath, budget: ScanBudget
) -> Iterator[FileFact]:
    below = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
    try:
        yield from _scan(below, path + b"/", budget)
    finally:
        os.close(below)


def _read_file(directory: int, name: str, path: RepoPath, budget: ScanBudget) -> FileFact:
    seen = budget.seen
    if seen is None:
        return _read_anew(directory, name, path, budget)[1]
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return seen.fact(path, status) or seen.note(path, *_read_anew(directory, name, path, budget))


def _read_anew(
    directory: int,
    name: str,
    path: RepoPath,
    budget: ScanBudget,
) -> tuple[os.stat_result, FileFact]:
    """The status of a file from before it was read, and its fact."""
    try:
        descriptor = os.open(name, _OPEN_FILE, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise _AtPathError(path) from None  # a socket
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _AtPathError(path)
        mode = (Mode.EXECUTABLE if status.st_mode & stat.S_IXUSR else Mode.FILE) | (
            status.st_mode & SPECIAL_BITS
        )
        if status.st_size < _CHUNK:
            content = os.read(descriptor, _CHUNK)
            if len(content) == status.st_size:
                return status, _fact(path, mode, content)
            os.lseek(descriptor, 0, os.SEEK_SET)
        if not budget.is_to_be_read(path, status.st_size):
            return status, FileFact.unread(Entry(path, mode, NOT_READ), status.st_size)
        return status, _read_large(descriptor, path, mode)
    finally:
        os.close(descriptor)


def _fact(path: RepoPath, mode: int, content: bytes) -> FileFact:
    size = len(content)
    blob = hashlib.sha1(b"blob %d\0" % size + content, usedforsecurity=False).hexdigest()
    return FileFact(path, mode, ObjectId(blob), size, hashlib.sha256(content).hexdigest())


def _read_large(descriptor: int, path: RepoPath, mode: int) -> FileFact:
    size = os.fstat(descriptor).st_size
    sha1 = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    sha256 = hashlib.sha256()
    read = 0
    while chunk := os.read(descriptor, 1 << 20):
        sha1.update(chunk)
        sha256.update(chunk)
        read += len(chunk)
    if read != size:
        raise HostError(
            f"{quote_path(path)} changed while it was read",
            hint="run the command again",
            reference="file-changing",
        )
    return FileFact(path, mode, ObjectId(sha1.hexdigest()), size, sha256.hexdigest())


def _unreadable(error: OSError, name: str) -> HostError:
    return HostError(
        f"cannot read {name}",
        [(error.strerror or str(error)).lower()],
        hint="look at what lies there, and at its permissions",
        reference="file-unreadable",
    )


def _too_large(name: str, size: int) -> HostError:
    return HostError(
        f"{name} is too large to be read",
        [f"it has {size:,} bytes"],
        hint="look at what lies there: nothing that git-verbatim reads is as large",
        reference="file-too-large",
    )


def _too_much(where: str, budget: ScanBudget) -> HostError:
    more = (
        "any mirror" if budget.sizes is None else f"its record, by {MORE_THAN_RECORDED:,} or more"
    )
    return HostError(
        f"{where} holds more files and directories than {more}",
        hint="look at what lies there that is not upstream's, and move it away",
        reference="tree-too-large",
    )


def _irregular(name: str) -> HostError:
    return HostError(
        f"{name} is not a plain file",
        ["it is a link, a directory, a FIFO, a socket or a device"],
        hint="move it away",
        reference="irregular-file",
    )
