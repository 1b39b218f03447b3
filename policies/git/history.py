"""Walk with git over the commits that may be against the policy, and read commits."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from policies.git.changes import LOOKALIKE_PATHS, NAMED_PATHS, POLICED_PATHS, literally
from sync.beside import Begun
from sync.errors import CouldNotCheckError, HostError
from sync.git.process import NOT_THERE, last_lines, run_git, stream_git
from sync.ids import ObjectId
from sync.limits import COMMIT_BYTES

if TYPE_CHECKING:  # A mere walk needs no libgit2.
    from sync.git.repository import Repository

_HEADER = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)")
_MORE_PARENTS = re.compile(rb"^parent ", re.MULTILINE | re.IGNORECASE)
_TAG_TARGET = re.compile(rb"object ([0-9a-f]{40})\n")
_MOST_PATHS = 24
_MANY = 2000
"""So many commits take about as long to judge as git takes to tell those that matter."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as its object says it, without regard to grafts and replacement refs."""

    id: ObjectId
    tree: ObjectId
    parents: tuple[ObjectId, ...]
    message: bytes

    @property
    def subject(self) -> str:
        """The first line of the message, at most 100 characters of it."""
        return self.message.lstrip().partition(b"\n")[0].decode("utf-8", "replace")[:100]


def read_commit(repository: "Repository", commit: ObjectId) -> Commit:
    """Return the commit with an id.

    Raises HostError if the object is no commit, and CouldNotCheckError if it is not there.
    """
    raw = repository.read_within(commit, COMMIT_BYTES)
    header, _, message = raw.partition(b"\n\n")
    match = _HEADER.match(header + b"\n")
    if match is None or _MORE_PARENTS.search(header, match.end()):
        raise HostError(f"object {commit} is no commit", reference="object-malformed")
    parents = tuple(ObjectId(line[len(b"parent ") :].decode()) for line in match[2].splitlines())
    return Commit(commit, ObjectId(match[1].decode()), parents, message)


def peel(repository: "Repository", object_id: ObjectId) -> ObjectId | None:
    """Return the commit that an object is or peels to; None if it peels to a tree or a blob.

    Raises CouldNotCheckError if an object is not there, and HostError if a tag is malformed.
    """
    while True:
        kind, _ = repository.header(object_id)
        if kind != "tag":
            return object_id if kind == "commit" else None
        target = _TAG_TARGET.match(repository.read_within(object_id, COMMIT_BYTES))
        if target is None:
            raise HostError(f"object {object_id} is no tag", reference="object-malformed")
        object_id = ObjectId(target[1].decode())


def commits_of_interest(
    reached: Collection[str],
    unreached: Collection[str] = (),
    known_to: Collection[str] = (),
    outside: Collection[str] = (),
    *,
    roughly: bool = True,
) -> list[ObjectId]:
    """The commits that may bring something new to third_party/ or the root's attributes.

    The paths `outside` count too.

    A commit does if it differs there from all of its parents; some more commits are among them. All
    of them are reachable from `reached`, but neither from `unreached` nor from the refs that
    `known_to` names as options of `git rev-list`. The newest comes first. With `roughly`, all count
    that change something at the top of a path outside: a long walk takes half the time, and there
    are somewhat more commits.
    """

    def walk(*paths: str) -> list[ObjectId]:
        return [*_walk(["--full-history"], ["--", *paths], reached, unreached, known_to)]

    few = literally(cut_paths(outside, _MOST_PATHS))
    if not roughly:
        return walk(*POLICED_PATHS, *few)
    # git compares each entry of a root with each path. It seldom finds a look-alike, and side by
    # side two walks take less time.
    begun = Begun(partial(walk, *LOOKALIKE_PATHS))
    found = walk(*NAMED_PATHS, *literally(cut_paths(outside, 1)))
    others = begun.result()
    if len(found) > _MANY or others is None or not {*others} <= {*found}:
        return walk(*POLICED_PATHS, *few)
    return found


def cut_paths(paths: Collection[str], most: int) -> Collection[str]:
    """At most so many paths in which all of these lie, if directories at the top are no more.

    git compares each entry of each tree with each path. For many paths that takes longer than to
    read the commits that change something beside them.
    """
    cuts = (sorted({"/".join(path.split("/")[:depth]) for path in paths}) for depth in (3, 2, 1))
    *_, top = few = paths, *cuts
    return next((one for one in few if len(one) <= most), top)


def cut_off_commits(
    repository: "Repository", reached: Iterable[str], unreached: Iterable[str]
) -> list[tuple[ObjectId, int]]:
    """Return the commits whose parents a shallow clone hides, each with its number in the walk.

    The walk is over the commits that are reachable from `reached` but not from `unreached`, newest
    first, and the first commit has number 1. Hidden parents that `unreached` reaches do not count.
    """
    shallow = repository.common_directory / "shallow"
    roots = set(shallow.read_text().split()) if repository.is_shallow else set()
    if not roots:
        return []
    cut: list[tuple[ObjectId, int]] = []
    for number, commit in enumerate(_walk([], [], reached, unreached, ())):
        if commit in roots and any(
            not _is_reached(parent, unreached, repository)
            for parent in read_commit(repository, commit).parents
        ):
            cut.append((commit, number + 1))
    return cut


def _is_reached(commit: ObjectId, tips: Iterable[str], repository: "Repository") -> bool:
    return repository.has(commit) and any(
        run_git(
            None, "--no-replace-objects", "merge-base", "--is-ancestor", commit, tip, check=False
        ).returncode
        == 0
        for tip in tips
    )


def _walk(
    options: list[str],
    paths: list[str],
    reached: Iterable[str],
    unreached: Iterable[str],
    known_to: Collection[str],
) -> Iterator[ObjectId]:
    named = "".join(
        [*(f"{revision}\n" for revision in reached), *(f"^{revision}\n" for revision in unreached)]
    )
    for line in stream_git(
        "rev-list",
        *options,
        "--stdin",
        *(["--not"] if known_to else []),
        *known_to,
        *paths,
        stdin=named.encode(),
    ):
        yield ObjectId(line.decode())


def merge_bases(commit: ObjectId, others: Sequence[ObjectId]) -> list[ObjectId]:
    """Return the best common ancestors of a commit and a merge of all the others.

    See git-merge-base(1). Raises CouldNotCheckError if git fails.
    """
    done = run_git(
        None, "--no-replace-objects", "merge-base", "--all", commit, *others, check=False
    )
    if done.returncode not in {0, NOT_THERE}:
        raise CouldNotCheckError(
            "git merge-base failed",
            last_lines(done.stderr) or ["it was killed"],
            reference="git-failed",
        )
    return [ObjectId(line) for line in done.stdout.decode().split()]


def commits_of_refs(repository: "Repository", known_to: Iterable[str]) -> list[ObjectId]:
    """Return the commits of the refs that `known_to` names as options of `git rev-list`."""
    named = (
        run_git(None, "--no-replace-objects", "rev-parse", *known_to, check=False)
        if known_to
        else None
    )
    ids = named.stdout.decode().split() if named else []
    return [
        commit
        for name in dict.fromkeys(ids)
        if (commit := peel(repository, ObjectId(name))) is not None
    ]


def merge_heads(repository: "Repository") -> list[ObjectId]:
    """Return the commits that are being merged into HEAD according to MERGE_HEAD."""
    written = repository.git_directory / "MERGE_HEAD"
    return [ObjectId(commit) for commit in written.read_text().split()] if written.is_file() else []


def announced_merge_heads() -> list[ObjectId]:
    """Return the commits that are being merged into HEAD according to the environment.

    git runs pre-merge-commit before it writes MERGE_HEAD, so only the environment names them then.
    """
    return [
        ObjectId(key.removeprefix("GITHEAD_")) for key in os.environ if key.startswith("GITHEAD_")
    ]
