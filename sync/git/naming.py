"""Resolves a revision that somebody wrote, where whoever pushes can choose the names of refs."""

import re
from collections.abc import Sequence

from sync.errors import UsageError
from sync.git.process import run_git
from sync.git.repository import Repository
from sync.ids import ObjectId

_NAME = re.compile(r"(?:(?!@\{)[^~^:])*")
_WHOLE_ID = re.compile("[0-9a-fA-F]{40}")
_PART_OF_ID = re.compile("[0-9a-fA-F]{4,39}")
# HEAD, FETCH_HEAD and the like are files that no push makes.
_OF_THE_REPOSITORY = re.compile("@|[A-Z_]+")
# git looks for a name in these places, in this order (gitrevisions(7)).
_PLACES = ("refs/{}", "refs/tags/{}", "refs/heads/{}", "refs/remotes/{}", "refs/remotes/{}/HEAD")


def named_commit(repository: Repository, revision: str) -> ObjectId | None:
    """The commit that a revision, in git's syntax, names; None if there is none.

    Raises UsageError if the name stands for several refs, of which git would take one, or if the
    revision searches commit messages. A name that begins with `refs/` stands for that ref only.
    """
    if revision.startswith(":/") or "^{/" in revision:
        raise UsageError(
            f"`{revision}` takes whichever commit says so",
            hint="write the name of a ref, or a commit id",
            reference="revision-ambiguous",
        )
    found = _NAME.match(revision)
    name = found[0] if found else ""
    if not name or _WHOLE_ID.fullmatch(name) or _is_of_the_repository(repository, name):
        return repository.commit_of(revision)
    refs = _existing(
        [name] if name.startswith("refs/") else [place.format(name) for place in _PLACES]
    )
    if name.startswith("refs/") and not refs:
        return None
    _refuse_several(name, refs)
    return repository.commit_of((refs[0] if refs else name) + revision[len(name) :])


def _is_of_the_repository(repository: Repository, name: str) -> bool:
    found = _OF_THE_REPOSITORY.fullmatch(name) is not None
    return found and (name in {"@", "HEAD"} or (repository.git_directory / name).is_file())


def _existing(refs: Sequence[str]) -> list[str]:
    """Those of the refs that exist; for git a ref is also a pattern for what lies below it."""
    said = run_git(None, "for-each-ref", "--format=%(refname)", "--", *refs, check=False).stdout
    there = set(said.decode("utf-8", "surrogateescape").splitlines())
    return [ref for ref in refs if ref in there]


def _refuse_several(name: str, refs: Sequence[str]) -> None:
    ids = (
        run_git(None, "rev-parse", f"--disambiguate={name}").stdout
        if refs and _PART_OF_ID.fullmatch(name)
        else b""
    )
    meant = [*refs, *(f"object {object_id}" for object_id in ids.decode().split())]
    if len(meant) > 1:
        raise UsageError(
            f"`{name}` is ambiguous: a branch or tag may be called like another",
            [f"it could be {one}" for one in meant],
            hint=f"write the full name, such as {refs[-1]}",
            reference="revision-ambiguous",
        )
