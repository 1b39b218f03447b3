"""Ask the git program about changes in index and commits, so that most hooks need no libgit2."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from sync.errors import CouldNotCheckError, HostError
from sync.git.process import NOT_THERE, judging_environment, run_git, stream_git
from sync.ids import EMPTY_TREE, ObjectId
from sync.layout import MANIFEST_PATH, THIRD_PARTY
from sync.limits import ENTRIES
from sync.manifest.outside import paths_outside, with_attributes_above
from sync.quoting import quote_path

# These match third_party/, the root's attributes, and names that some systems take for them: names
# in other case, with something behind, with invisible characters (whose UTF-8 begins with E2 or EF)
# and short names of Windows. They also match malformed entries of a root tree such as
# `third_party/…`: git's plain paths never match these, but its checkout writes them. Each pattern
# costs time at every commit of a walk, and least if it begins with a plain letter.
POLICED_PATHS = tuple(
    f":(top,icase){beginning}"
    for beginning in (
        "third_*",
        ".gita*",
        "t*[~\udce2\udcef]*",
        ".*[\udce2\udcef]*",
        "g*~*",
        "\udce2*",
        "\udcef*",
    )
)
"""The pathspecs of all that policies depend on, and of some more."""

_PATHSPECS_BYTES = 100_000
"""How long all pathspecs together may be: a command line has a limit, of which this is a part."""

_SECONDS = 30
"""How many seconds git may take to compare an index with HEAD.

It takes longer only if somebody has made a tree or an index for that purpose.
"""

StagedChange = tuple[bytes, int, ObjectId]
"""The path, mode (0: removed) and blob id of a file that a commit would change."""


def staged_changes() -> list[StagedChange]:
    """Return what a commit of the index would change of all that policies depend on.

    That is third_party/, the root's attributes, and what the manifest of the index or of HEAD names
    outside third_party/.

    The index is the one that GIT_INDEX_FILE names, so that `commit -a` and `commit PATH` are judged
    by what they will commit. Raises HostError if there is no repository, or if the index is
    unreadable, unmerged or too large.
    """
    base = "HEAD"
    changes = _staged_changes(base, POLICED_PATHS)
    if changes is None:
        base = EMPTY_TREE  # There is no commit yet.
        changes = _staged_changes(base, POLICED_PATHS)
    if changes is None:
        raise HostError(
            "git finds no repository here", [f"directory: {Path.cwd()}"], reference="host-not-git"
        )
    manifests = {f":{MANIFEST_PATH}"}
    if any(path == MANIFEST_PATH.encode() for path, _, _ in changes):
        manifests.add(f"{base}:{MANIFEST_PATH}")
    if outside := _outside(manifests):
        changes += staged_changes_at(base, outside)
    return changes


def staged_changes_at(base: str, paths: Iterable[str]) -> list[StagedChange]:
    """Return what a commit of the index would change against a tree-ish at just these paths."""
    return _staged_changes(base, literally(paths)) or []


def _outside(manifests: Iterable[str]) -> tuple[str, ...]:
    """Return the paths outside third_party/ that these manifests name, and what decides there."""
    named = {path for one in manifests for path in paths_outside(_blob(one))}
    return with_attributes_above(tuple(sorted(named)))


def _blob(name: str) -> bytes:
    """Return the content of the blob with a name that git understands; empty if there is none."""
    told = run_git(None, "--no-replace-objects", "cat-file", "blob", name, check=False)
    return told.stdout if told.returncode == 0 else b""


def literally(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the pathspecs of just these paths, from the top; of too many, that of all paths."""
    pathspecs = tuple(f":(top,literal){path}" for path in paths)
    return pathspecs if sum(map(len, pathspecs)) < _PATHSPECS_BYTES else (":(top)",)


def _staged_changes(base: str, pathspecs: Sequence[str]) -> list[StagedChange] | None:
    """Return what the index changes against a tree-ish, or None if there is no such tree-ish."""
    command = (
        "diff-index",
        "--cached",
        "-z",
        "--no-renames",
        "--ita-invisible-in-index",
        "--ignore-submodules=none",
        base,
        "--",
        *pathspecs,
    )
    try:
        # A tree can name few others so often that git would never come to an end.
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


def outside_of(commit: str) -> tuple[str, ...]:
    """Return the paths outside third_party/ on which policies depend by a commit's manifest."""
    return _outside([f"{commit}:{MANIFEST_PATH}"])


def changes_nothing(old: str, new: str, outside: Iterable[str]) -> bool:
    """Whether two commits do not differ in what policies depend on; False if git cannot tell.

    `outside` are the paths outside third_party/ that count too.
    """
    command = [
        "--no-replace-objects",
        "diff-tree",
        "--quiet",
        "--ignore-submodules=none",
        old,
        new,
        "--",
        *POLICED_PATHS,
        *literally(outside),
    ]
    return run_git(None, *command, environment=judging_environment(), check=False).returncode == 0


def has_refs(prefix: str) -> bool:
    """Whether there is a ref below a prefix such as `refs/remotes/origin/`."""
    return bool(run_git(None, "for-each-ref", "--count=1", prefix).stdout)
