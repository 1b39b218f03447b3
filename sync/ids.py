"""The names of git's objects and paths, and the modes of tree entries."""

from typing import NewType

ObjectId = NewType("ObjectId", str)
"""A git object id: 40 lower-case hexadecimal digits."""

RepoPath = NewType("RepoPath", bytes)
"""A path inside a tree, as bytes that need not be UTF-8.

Its components are separated by `/`; none of them is empty, `.` or `..`.
"""

ROOT = RepoPath(b"")
"""The top of a tree."""

EMPTY_TREE = ObjectId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
NO_COMMIT = "0" * 40
"""The id that git writes for a ref that does not exist."""


class Mode:
    """The modes of tree entries, as in git's object format."""

    TREE = 0o040000
    FILE = 0o100644
    EXECUTABLE = 0o100755
    SYMLINK = 0o120000
    GITLINK = 0o160000


BLOB_MODES = frozenset({Mode.FILE, Mode.EXECUTABLE, Mode.SYMLINK})
