"""Which commits can be against the policy, by git's own walk; and commits as values."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.git.changes import POLICED_PATHS
from sync.errors import CouldNotCheckError, HostError
from sync.git.process import NOT_THERE, last_lines, run_git, stream_git
from sync.ids import ObjectId
from sync.limits import COMMIT_BYTES

if TYPE_CHECKING:  # what only walks needs no libgit2
    from sync.git.repository import Repository

_HEADER = re.compile(rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)")
_MORE_PARENTS = re.compile(rb"^parent ", re.MULTILINE | re.IGNORECASE)
_TAG_TARGET = re.compile(rb"object ([0-9a-f]{40})\n")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as its object says it, whatever grafts or replacement refs make of it."""

    id: ObjectId
    tree: ObjectId
    parents: tuple[ObjectId, ...]
    message: bytes

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.lstrip().partition(b"\n")[0].decode("utf-8", "replace")[:100]


def read_commit(repository: "Repository", commit: ObjectId) -> Commit:
    """The commit of this id; HostError for an object that is none, CouldNotCheckError for one that is not there."""
    raw = repository.read_within(commit, COMMIT_BYTES)
    header, _, message = raw.partition(b"\n\n")
    match = _HEADER.match(header + b"\n")
    if match is None or _MORE_PARENTS.search(header, match.end()):
        raise HostError(f"object {commit} is no commit", reference="object-malformed")
    parents = tuple(ObjectId(line[len(b"parent ") :].decode()) for line in match[2].splitlines())
    return Commit(commit, ObjectId(match[1].decode()), parents, message)


def peel(repository: "Repository", object_id: ObjectId) -> ObjectId | None:
    """The commit that an object is or, through tags, leads to; None if that is a tree or a blob.

    CouldNotCheckError for one that is not there.
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
    reached: Iterable[str], unreached: Iterable[str] = (), known_to: Iterable[str] = ()
) -> Iterator[ObjectId]:
    """The commits that have something in third_party/, or as the root's attributes, which none of their parents has; and some more.

    Of the commits that `reached` lead to, and neither `unreached` nor the refs that `known_to` names (as options of
    `git rev-list`) do; newest first.
    """
    yield from _walk(["--full-history"], ["--", *POLICED_PATHS], reached, unreached, known_to)


def cut_off_commits(
    repository: "Repository", reached: Iterable[str], unreached: Iterable[str]
) -> list[tuple[ObjectId, int]]:
    """Where a shallow clone hides commits that `reached` lead to and `unreached` do not; with how many commits are before each."""
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
    known_to: Iterable[str],
) -> Iterator[ObjectId]:
    named = "".join(
        [*(f"{revision}\n" for revision in reached), *(f"^{revision}\n" for revision in unreached)]
    )
    known = list(known_to)
    for line in stream_git(
        "rev-list",
        *options,
        "--stdin",
        *(["--not"] if known else []),
        *known,
        *paths,
        stdin=named.encode(),
    ):
        yield ObjectId(line.decode())


def merge_bases(commit: ObjectId, others: Sequence[ObjectId]) -> list[ObjectId]:
    """The best common ancestors of a commit and all of the others taken together (git-merge-base, as of a merge of those)."""
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
    """The commits that refs name, which `known_to` means (options of `git rev-list`)."""
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
    """The commits that are being merged into HEAD, by MERGE_HEAD."""
    written = repository.git_directory / "MERGE_HEAD"
    return [ObjectId(commit) for commit in written.read_text().split()] if written.is_file() else []


def announced_merge_heads() -> list[ObjectId]:
    """Likewise for pre-merge-commit, which git runs before it writes MERGE_HEAD: then its environment alone names them."""
    return [
        ObjectId(key.removeprefix("GITHEAD_")) for key in os.environ if key.startswith("GITHEAD_")
    ]
