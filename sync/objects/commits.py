"""Read git's raw commits and annotated tags: what they name, and when a commit was made."""

import re
from datetime import UTC, datetime

from sync.ids import ObjectId

_COMMIT_TREE = re.compile(rb"tree ([0-9a-f]{40})\n")
_COMMITTER = re.compile(rb"committer .*> (-?\d{1,18}) [+-]\d{4}")
_TAG_NAME = re.compile(rb"object [0-9a-f]{40}\ntype [a-z]+\ntag ([^\n]+)\n")
_TAG_TARGET = re.compile(rb"object ([0-9a-f]{40})\ntype (commit|tag)\n")


def commit_tree(commit: bytes) -> ObjectId:
    """Return the id of the tree that a raw commit object names; ValueError if it names none."""
    match = _COMMIT_TREE.match(commit)
    if match is None:
        msg = "not a commit object: it names no tree"
        raise ValueError(msg)
    return ObjectId(match[1].decode())


def commit_time(commit: bytes) -> str:
    """Return the committer's time of a raw commit object as `YYYY-MM-DDThh:mm:ssZ`.

    Raises ValueError if the object has none, or one that this format cannot express.
    """
    header, _, _ = commit.partition(b"\n\n")
    for line in header.split(b"\n"):
        if match := _COMMITTER.fullmatch(line):
            try:
                moment = datetime.fromtimestamp(int(match[1]), tz=UTC)
            except (OverflowError, OSError) as error:
                raise ValueError(str(error)) from error
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year >= 1000 else _no_time()  # noqa: PLR2004
    return _no_time()


def _no_time() -> str:
    msg = "not a commit object: it has no time"
    raise ValueError(msg)


def tag_target(tag: bytes) -> ObjectId:
    """Return the id of the object that a raw annotated tag object names.

    Raises ValueError unless that is a commit or another tag.
    """
    match = _TAG_TARGET.match(tag)
    if match is None:
        msg = "not a tag object that leads to a commit"
        raise ValueError(msg)
    return ObjectId(match[1].decode())


def tag_name(tag: bytes) -> bytes | None:
    """Return the name that a raw annotated tag object gives itself, or None."""
    match = _TAG_NAME.match(tag)
    return match[1] if match else None
