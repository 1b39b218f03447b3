"""Walk with git over the commits that may be against the policy, and read commits."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.git.changes import POLICED_PATHS, literally
from sync.errors import CouldNotCheckError, HostError
from sync.git.process import NOT_THERE, git_meanwhile, last_lines, run_git, stream_git
from sync.ids import ObjectId
from sync.layout import ATTRIBUTES_FILE, THIRD_PARTY
from sync.limits import COMMIT_BYTES

if TYPE_CHECKING:  # A mere walk needs no libgit2.
    from sync.git.repository import Repository

_HEADER = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)")
_MORE_PARENTS = re.compile(rb"^parent ", re.MULTILINE | re.IGNORECASE)
_TAG_TARGET = re.compile(rb"object ([0-9a-f]{40})\n")
_TOPS = (THIRD_PARTY, ATTRIBUTES_FILE)
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


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk over the commits that may bring something new to third_party/ or the attributes.

    A commit does if it differs there from all of its parents; some more commits are among them. All
    of them are reachable from `reached`, but neither from `unreached` nor from the refs that
    `known_to` names as options of `git rev-list`. The newest comes first.
    """

    reached: Collection[str]
    unreached: Collection[str] = ()
    known_to: Collection[str] = ()

    def commits(self, outside: Collection[str]) -> list[ObjectId]:
        """The commits, where the paths `outside` third_party/ count too."""
        few = literally(cut_paths(outside, _MOST_PATHS))
        return [*self.over(*POLICED_PATHS, *few)]

    @contextmanager
    def roughly(self) -> Iterator["RoughWalk"]:
        """Begin a walk that soon gives most of the commits."""
        with self._meanwhile(*POLICED_PATHS) as lookalikes:
            yield RoughWalk(self, lookalikes)

    def over(self, *paths: str) -> Iterator[ObjectId]:
        """The commits that change something at these paths."""
        return _walk(["--full-history"], ["--", *paths], *self._ends)

    def _meanwhile(self, *paths: str) -> AbstractContextManager[Callable[[], list[bytes]]]:
        arguments, named = _rev_list(["--full-history"], ["--", *paths], *self._ends)
        return git_meanwhile(*arguments, stdin=named)

    @property
    def _ends(self) -> tuple[Collection[str], Collection[str], Collection[str]]:
        return self.reached, self.unreached, self.known_to


class RoughWalk:
    """A walk that rules out look-alikes while its commits are judged already.

    git compares each entry of a root with each path, so that look-alikes, which are seldom there,
    take longer to be ruled out than all else takes to be found.
    """

    def __init__(self, walk: Walk, lookalikes: Callable[[], list[bytes]]) -> None:
        self._walk = walk
        self._lookalikes = lookalikes
        self._found: set[ObjectId] | None = None

    def commits(self, outside: Collection[str]) -> list[ObjectId]:
        """The commits; all count that change something at the top of a path outside."""
        found = [*self._walk.over(*literally([*_TOPS, *cut_paths(outside, 1)]))]
        if len(found) > _MANY:
            return self._walk.commits(outside)
        self._found = {*found}
        return found

    def are_all(self) -> bool:
        """Whether the commits that were given are all, which git may take a while to say."""
        return self._found is None or {*map(_id, self._lookalikes())} <= self._found


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
    arguments, named = _rev_list(options, paths, reached, unreached, known_to)
    return map(_id, stream_git(*arguments, stdin=named))


def _rev_list(
    options: list[str],
    paths: list[str],
    reached: Iterable[str],
    unreached: Iterable[str],
    known_to: Collection[str],
) -> tuple[list[str], bytes]:
    """The arguments of git for a walk, and what it reads."""
    ends = [*reached, *(f"^{revision}" for revision in unreached)]
    negated = ["--not", *known_to] if known_to else []
    arguments = ["rev-list", *options, "--stdin", *negated, *paths]
    return arguments, "".join(f"{end}\n" for end in ends).encode()


def _id(line: bytes) -> ObjectId:
    return ObjectId(line.decode())


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
