"""What policies ask git itself of index, commits and refs, so that most hooks need no libgit2."""

from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from sync.errors import CouldNotCheckError, HostError
from sync.git.process import NOT_THERE, judging_environment, run_git, stream_git
from sync.ids import EMPTY_TREE, ObjectId
from sync.layout import THIRD_PARTY
from sync.limits import ENTRIES
from sync.quoting import quote_path

# third_party/, the root's attributes and what some systems take for them: in other case and with something behind, with invisible
# characters (whose UTF-8 begins with E2 or EF), by a short name of Windows; also malformed entries of a root tree such as
# `third_party/…`, which git's plain paths never match and its checkout writes. Each costs time at every commit of a walk, least
# where it begins with a plain letter.
_BEGINNINGS = (
    "third_*",
    ".gita*",
    "t*[~\udce2\udcef]*",
    ".*[\udce2\udcef]*",
    "g*~*",
    "\udce2*",
    "\udcef*",
)
POLICED_PATHS = tuple(f":(top,icase){beginning}" for beginning in _BEGINNINGS)
"""What policies depend on, and some more, as git's pathspecs."""

_SECONDS = 30
"""How long git may compare an index with HEAD, which is never that large unless somebody has made it so."""

StagedChange = tuple[bytes, int, ObjectId]
"""Path, mode (0: removed) and blob id of a file that a commit would change."""


def staged_changes() -> list[StagedChange]:
    """What a commit of the index would change of what policies depend on: third_party/ and the root's attributes.

    Of the index that GIT_INDEX_FILE names, so that `commit -a` and `commit PATH` are seen as they will be.
    """
    changes = _staged_changes("HEAD")
    if changes is None:
        changes = _staged_changes(EMPTY_TREE)  # there is no commit yet
    if changes is None:
        raise HostError(
            "git finds no repository here", [f"directory: {Path.cwd()}"], reference="host-not-git"
        )
    return changes


def _staged_changes(base: str) -> list[StagedChange] | None:
    """Likewise against a tree-ish; None if there is none."""
    command = (
        "diff-index",
        "--cached",
        "-z",
        "--no-renames",
        "--ita-invisible-in-index",
        "--ignore-submodules=none",
        base,
        "--",
        *POLICED_PATHS,
    )
    try:
        # a tree can name few others so often that git would never come to an end
        with closing(stream_git(*command, end=b"\0", seconds=_SECONDS)) as listed:
            fields = list(islice(listed, 2 * ENTRIES + 1))
    except CouldNotCheckError as error:
        if (
            run_git(None, "rev-parse", "--verify", "--quiet", base, check=False).returncode
            == NOT_THERE
        ):
            return None
        raise HostError(
            "cannot read the index", error.context, reference="index-unreadable"
        ) from error
    if len(fields) > 2 * ENTRIES:
        raise HostError(
            f"a commit would change more than {ENTRIES:,} files of {THIRD_PARTY}/",
            hint=f"look at what lies in {THIRD_PARTY}/ of HEAD, and what is staged there",
            reference="index-too-large",
        )
    return _parsed(fields)


def _parsed(fields: Sequence[bytes]) -> list[StagedChange]:
    changes = []
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        _, mode, _, blob, status = meta.split(b" ")
        if status == b"U":
            raise HostError(
                "the index holds unresolved conflicts",
                [quote_path(path)],
                hint="resolve them first",
                reference="index-conflict",
            )
        changes.append((path, int(mode, 8), ObjectId(blob.decode())))
    return changes


def changes_nothing(old: str, new: str) -> bool:
    """Whether two commits have the same of what policies depend on; False also if git cannot tell."""
    command = [
        "--no-replace-objects",
        "diff-tree",
        "--quiet",
        "--ignore-submodules=none",
        old,
        new,
        "--",
        *POLICED_PATHS,
    ]
    return run_git(None, *command, environment=judging_environment(), check=False).returncode == 0


def has_refs(prefix: str) -> bool:
    """Whether there is a ref whose name begins so."""
    return bool(run_git(None, "for-each-ref", "--count=1", prefix).stdout)
