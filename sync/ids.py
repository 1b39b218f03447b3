"""What git's objects are named by, and the modes of their entries."""

from typing import NewType

ObjectId = NewType("ObjectId", str)
"""A git object id: 40 lower-case hexadecimal digits."""

RepoPath = NewType("RepoPath", bytes)
"""A path inside a tree: `/`-separated components, none of them empty, `.` or `..`; bytes, not always UTF-8."""

ROOT = RepoPath(b"")
"""The top of a tree."""

EMPTY_TREE = ObjectId("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
NO_COMMIT = "0" * 40
"""What git writes for a ref that is not there."""


class Mode:
    """The modes of tree entries, as in git's object format."""

    TREE = 0o040000
    FILE = 0o100644
    EXECUTABLE = 0o100755
    SYMLINK = 0o120000
    GITLINK = 0o160000


BLOB_MODES = frozenset({Mode.FILE, Mode.EXECUTABLE, Mode.SYMLINK})
