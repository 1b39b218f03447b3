"""Parse git's raw trees strictly, judge their names, build and hash trees; without libgit2."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from sync.ids import BLOB_MODES, Mode, ObjectId, RepoPath
from sync.limits import DEPTH, DIRECTORIES_BYTES, ENTRIES
from sync.model.values import Entry

_MODES = {b"40000": Mode.TREE} | {b"%o" % mode: mode for mode in (*BLOB_MODES, Mode.GITLINK)}
_ID_BYTES = 20
_MAX_NAME_BYTES = 255
_NO_COMPONENT = frozenset({b"", b".", b".."})
# NTFS and HFS+ take these for .git: its 8.3 short names, its streams, and trailing dots and blanks.
_DOT_GIT = re.compile(r"(?:\.git|git~[1-9])(?:[ .]*(?::.*)?)", re.IGNORECASE | re.DOTALL)
# No rule below refuses such a name, and nearly every name is one.
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,99})*")
_DRIVE = re.compile(rb"[A-Za-z]:")
_BIDI_AND_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})


class TreeEntry(NamedTuple):
    """One entry of a tree object."""

    name: bytes
    mode: int
    id: ObjectId


class MalformedObjectError(ValueError):
    """A raw object is one that git would not have written, or that no directory could show.

    `reference` is the kebab-case reference of the rule that it breaks, `path` the directory in
    which it does.
    """

    def __init__(self, reference: str, message: str, path: bytes = b"") -> None:
        super().__init__(message)
        self.reference = reference
        self.path = path


def object_id(kind: str, data: bytes) -> ObjectId:
    """Return the id of a git object: the SHA-1 of its header and content.

    See gitformat-loose(5), "object header".
    """
    return ObjectId(
        hashlib.sha1(
            b"%s %d\0%s" % (kind.encode(), len(data), data), usedforsecurity=False
        ).hexdigest()
    )


def parse_tree(data: bytes) -> list[TreeEntry]:
    """Return the entries of a raw tree object, in its order.

    Raises MalformedObjectError for whatever git would not have written: truncation, modes that it
    does not use, duplicate or unsorted names. libgit2 lets all of these pass.
    """
    entries: list[TreeEntry] = []
    at = 0
    while at < len(data):
        blank = data.find(b" ", at)
        nul = data.find(b"\0", blank)
        if blank < 0 or nul < 0 or nul + _ID_BYTES >= len(data):
            raise MalformedObjectError("tree-truncated", "the tree object is truncated")
        mode = _MODES.get(data[at:blank])
        name = data[blank + 1 : nul]
        if mode is None:
            raise MalformedObjectError(
                "mode-unknown", f"mode {data[at:blank]!r} of {name!r} is none that git writes"
            )
        if name in _NO_COMPONENT or b"/" in name:
            raise MalformedObjectError(
                "name-not-a-component", f"the tree object has an entry named {name!r}"
            )
        if len(entries) == ENTRIES:
            raise MalformedObjectError("tree-too-large", f"it has more than {ENTRIES} entries")
        at = nul + 1 + _ID_BYTES
        entries.append(TreeEntry(name, mode, ObjectId(data[nul + 1 : at].hex())))
    _refuse_disorder(entries)
    return entries


def _refuse_disorder(entries: list[TreeEntry]) -> None:
    if len({entry.name for entry in entries}) != len(entries):
        raise MalformedObjectError("tree-duplicate-name", "the tree object names an entry twice")
    keys = [name + b"/" if mode == Mode.TREE else name for name, mode, _ in entries]
    if keys != sorted(keys):
        raise MalformedObjectError(
            "tree-unsorted", "the entries of the tree object are not in git's order"
        )


def _sort_key(name: bytes, mode: int) -> bytes:
    return name + b"/" if mode == Mode.TREE else name


def dump_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Return the raw tree object of the entries, which it holds in git's order."""
    ordered = sorted(entries, key=lambda e: _sort_key(e.name, e.mode))
    return b"".join(b"%o %s\0%s" % (e.mode, e.name, bytes.fromhex(e.id)) for e in ordered)


class Directories:
    """The directories that files lie in, found path by path and within bounds.

    Without bounds, a few long paths could name more directories than memory holds.
    """

    def __init__(self) -> None:
        self.found: set[bytes] = set()
        self._left = DIRECTORIES_BYTES

    def above(self, path: bytes) -> list[bytes]:
        """Return the directories above a path that no earlier path had, innermost first.

        Raises MalformedObjectError if there are too many directories, or they are too deep.
        """
        if path.count(b"/") > DEPTH:
            raise MalformedObjectError("tree-too-deep", f"it is deeper than {DEPTH} directories")
        new: list[bytes] = []
        directory = path.rpartition(b"/")[0]
        while directory and directory not in self.found:
            self.found.add(directory)
            new.append(directory)
            directory = directory.rpartition(b"/")[0]
        self._left -= sum(map(len, new)) + 64 * len(new)
        if self._left < 0:
            raise MalformedObjectError(
                "tree-too-large", "it has too many directories, or too long paths of them"
            )
        return new


class Tree(NamedTuple):
    """A tree object: its id and its raw content."""

    id: ObjectId
    raw: bytes


def build_trees(entries: Iterable[tuple[RepoPath, int, ObjectId]]) -> dict[bytes, Tree]:
    """Return the tree objects of all directories that the files lie in, by path; b"" is the root.

    No path may be both a file and a directory, which scans, records and git guarantee. Raises
    MalformedObjectError if there are too many directories, or they are too deep.
    """
    children: dict[bytes, list[TreeEntry]] = {b"": []}
    directories = Directories()
    for path, mode, blob in entries:
        parent, _, name = path.rpartition(b"/")
        if parent not in children:
            children |= {directory: [] for directory in directories.above(path)}
        children[parent].append(TreeEntry(name, mode, blob))
    trees: dict[bytes, Tree] = {}
    for directory in sorted(children, key=_depth, reverse=True):
        raw = dump_tree(children[directory])
        trees[directory] = Tree(object_id("tree", raw), raw)
        if directory:
            parent, _, name = directory.rpartition(b"/")
            children[parent].append(TreeEntry(name, Mode.TREE, trees[directory].id))
    return trees


def _depth(directory: bytes) -> int:
    return directory.count(b"/") + 1 if directory else 0


def hash_tree(entries: Iterable[Entry]) -> ObjectId:
    """Return the git tree id of a set of files, which is the identity of a copy."""
    return build_trees(entries)[b""].id


def judge_name(name: bytes) -> str | None:
    """Return the kebab-case reference of the rule that a name breaks, or None."""
    if _PLAIN_NAME.fullmatch(name):
        return None
    if name in _NO_COMPONENT or b"/" in name or b"\0" in name:
        return "name-not-a-component"
    if len(name) > _MAX_NAME_BYTES:
        return "name-too-long"
    if b"\\" in name:
        return "name-backslash"
    text = name.decode("utf-8", "replace")
    if _DOT_GIT.fullmatch("".join(c for c in text if unicodedata.category(c) != "Cf")):
        return "name-dot-git"
    if any(unicodedata.category(c) in _BIDI_AND_INVISIBLE for c in text):
        return "name-unprintable"
    return None if _is_utf8(name) else "name-not-utf8"


def judge_path(path: bytes) -> str | None:
    """Return the reference of the rule that the first bad component of a path breaks, or None."""
    if _PLAIN_PATH.fullmatch(path):
        return None
    return next(filter(None, map(judge_name, path.split(b"/"))), None)


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def escapes(link: RepoPath, target: bytes) -> bool:
    """Whether a symlink may lead outside of its mirror on some system, Windows included.

    `link` is its path inside the mirror. `..` is allowed only at the beginning of the target, where
    it leaves directories of the mirror. A name before it could be a symlink itself, and `..` would
    lead to the parent of that link's target.
    """
    target = target.replace(b"\\", b"/")
    if not target or target.startswith(b"/") or b"\0" in target or _DRIVE.match(target):
        return True
    components = [component for component in target.split(b"/") if component not in {b".", b""}]
    rises = components.count(b"..")
    return rises > link.count(b"/") or components[:rises] != [b".."] * rises


def parse_tree_at(raw: bytes, path: RepoPath) -> list[TreeEntry]:
    """`parse_tree`, whose error says at which path the tree lies."""
    try:
        return parse_tree(raw)
    except MalformedObjectError as error:
        raise MalformedObjectError(error.reference, str(error), path) from error


def join(directory: bytes, name: bytes) -> RepoPath:
    """The path of `name` in `directory`; b"" is the root."""
    return RepoPath(directory + b"/" + name if directory else name)
