"""Works on open directories: follows no link, renames atomically, syncs to disk."""

import ctypes
import errno
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from sync.errors import HostError
from sync.ids import Mode

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2  # renameat2(2)
_RENAME_SWAP, _RENAME_EXCL = 2, 4  # renameatx_np(2) on macOS
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EPERM, errno.ENOTSUP})

PERMISSIONS = {Mode.FILE: 0o644, Mode.EXECUTABLE: 0o755}


class Directory:
    """An open directory; `descend` opens each component of a path without following links."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def open(cls, path: Path) -> Self:
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self.descriptor)

    def descend(self, path: bytes, *, create: bool = False) -> Self:
        """Open the directory at `path` below this one; with `create`, make missing directories."""
        descriptor = os.dup(self.descriptor)
        for component in path.split(b"/") if path else ():
            parent = descriptor
            try:
                if component in {b"", b".", b".."}:
                    raise NotADirectoryError(errno.ENOTDIR, "leaves its directory", path)
                if create:
                    _make_directory(parent, component)
                descriptor = os.open(component, _OPEN_DIRECTORY, dir_fd=parent)
            finally:
                os.close(parent)
        return type(self)(descriptor)

    def exists(self, name: bytes) -> bool:
        try:
            os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def write(self, name: bytes, mode: int, content: bytes, *, durable: bool = False) -> None:
        """Make a new file, or a symlink whose target is `content`.

        Raises FileExistsError if something is there.
        """
        if mode == Mode.SYMLINK:
            os.symlink(content, name, dir_fd=self.descriptor)
            return
        permissions = PERMISSIONS[mode]
        descriptor = os.open(name, _CREATE, permissions, dir_fd=self.descriptor)
        try:
            os.fchmod(descriptor, permissions)  # independent of the umask
            write_all(descriptor, content)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def set_mode(self, name: bytes, mode: int) -> None:
        """Give a file the permissions of git's mode; OSError if it is no file."""
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.descriptor)
        try:
            os.fchmod(descriptor, PERMISSIONS[mode])
        finally:
            os.close(descriptor)

    def replace(self, name: bytes, content: bytes) -> None:
        """Make or replace a file in one step, and sync it to disk.

        A symlink that lies there is replaced, and never written through.
        """
        draft = name + b".draft"
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=self.descriptor)
        self.write(draft, Mode.FILE, content, durable=True)
        os.rename(draft, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        self.sync()

    def link(self, name: bytes, target: "Directory", target_name: bytes) -> bool:
        """Give a file a second name in `target`; False if no hard link can be made there."""
        try:
            os.link(
                name,
                target_name,
                src_dir_fd=self.descriptor,
                dst_dir_fd=target.descriptor,
                follow_symlinks=False,
            )
        except OSError as error:
            if error.errno in _UNSUPPORTED or error.errno == errno.EMLINK:
                return False
            raise
        return True

    def read(self, name: bytes, mode: int) -> bytes:
        """A file's content, or a symlink's target."""
        if mode == Mode.SYMLINK:
            return os.readlink(name, dir_fd=self.descriptor)
        with open(
            os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.descriptor), "rb"
        ) as file:
            return file.read()

    def names(self) -> list[bytes]:
        return sorted(os.fsencode(name) for name in os.listdir(self.descriptor))

    def delete(self, name: bytes) -> None:
        """Delete a file or a whole directory, even a write-protected one; follow no link."""
        status = os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=self.descriptor)
            return
        try:
            shutil.rmtree(name, dir_fd=self.descriptor)
        except PermissionError:
            with self.descend(name) as directory:
                directory.make_writable()
            shutil.rmtree(name, dir_fd=self.descriptor)

    def make_writable(self) -> None:
        """Let the owner change this directory and all directories below it."""
        os.fchmod(self.descriptor, stat.S_IMODE(os.fstat(self.descriptor).st_mode) | stat.S_IRWXU)
        for name in self.names():
            if stat.S_ISDIR(os.stat(name, dir_fd=self.descriptor, follow_symlinks=False).st_mode):
                with self.descend(name) as below:
                    below.make_writable()

    def is_writable(self) -> bool:
        """Whether files can be made and deleted in this directory."""
        return os.access(".", os.W_OK | os.X_OK, dir_fd=self.descriptor)

    def remove_empty_directories(self) -> None:
        """Remove the directories below this one that hold no file."""
        for name in self.names():
            try:
                below = self.descend(name)
            except OSError:
                continue  # not a directory
            with below:
                below.remove_empty_directories()
            with suppress(OSError):
                os.rmdir(name, dir_fd=self.descriptor)

    def sync(self) -> None:
        os.fsync(self.descriptor)


def _make_directory(parent: int, name: bytes) -> None:
    try:
        os.mkdir(name, 0o777, dir_fd=parent)
    except FileExistsError:
        return


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`, in as many calls as it takes.

    On a full disk `os.write` returns a short count, and only the next call raises the error.
    """
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def split(path: bytes) -> tuple[bytes, bytes]:
    """A path's directory and last component."""
    directory, _, name = path.rpartition(b"/")
    return directory, name


def exchange(one: Directory, one_name: bytes, other: Directory, other_name: bytes) -> bool:
    """Swap two names atomically; False if the kernel or the file system cannot do that."""
    return _rename(
        one,
        one_name,
        other,
        other_name,
        _RENAME_EXCHANGE if sys.platform == "linux" else _RENAME_SWAP,
    )


def rename_new(one: Directory, one_name: bytes, other: Directory, other_name: bytes) -> bool:
    """Rename to a free name atomically; False if the kernel or the file system cannot do that.

    Raises FileExistsError if the name is taken.
    """
    return _rename(
        one,
        one_name,
        other,
        other_name,
        _RENAME_NOREPLACE if sys.platform == "linux" else _RENAME_EXCL,
    )


def _rename(
    one: Directory, one_name: bytes, other: Directory, other_name: bytes, flags: int
) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    function = getattr(libc, "renameat2" if sys.platform == "linux" else "renameatx_np", None)
    if function is None:
        return False
    if function(one.descriptor, one_name, other.descriptor, other_name, flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), os.fsdecode(other_name))


def mount_points() -> list[bytes]:
    """The paths of all mount points; none on systems other than Linux.

    Among them are mounts of a directory of the same file system, which no device number shows.
    """
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return []
    # The fifth field is the mount point; blanks, line breaks and backslashes are octal (proc(5)).
    fields = (line.split(b" ")[4] for line in lines)
    return [
        re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field) for field in fields
    ]


def make_durable(directory: Directory) -> None:
    """Sync this file system to disk: one call, however many files were written."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(directory.descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    else:
        os.sync()


@contextmanager
def explaining(what: str) -> Iterator[None]:
    """Turn an OSError into one clear HostError; its message is `cannot` and then `what`."""
    try:
        yield
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        name = os.fsdecode(error.filename) if error.filename else None
        hints = {
            errno.ENOSPC: "free some space, then run the command again",
            errno.EDQUOT: "free some of your quota, then run the command again",
            errno.EROFS: "make the file system writable, then run the command again",
            errno.EXDEV: "something is mounted there; unmount it, then run the command again",
            errno.EBUSY: "something is mounted there; unmount it, then run the command again",
            errno.EACCES: "look at the permissions of third_party/, then run the command again",
            errno.ENOTDIR: "something that is no directory lies where a directory has to be; "
            "move it away",
            errno.ELOOP: "a symlink lies where a directory has to be; move it away",
            errno.EEXIST: "something lies where a new file has to be; move it away",
        }
        raise HostError(
            f"cannot {what}",
            [f"{name}: {words}" if name else words],
            hint=hints.get(error.errno or 0),
            reference=f"file-system-{errno.errorcode.get(error.errno or 0, 'error').lower()}",
        ) from error
