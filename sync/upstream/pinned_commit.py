"""Reads the commit that a pin names, or says which tag or commit the upstream lacks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sync.errors import CouldNotCheckError, ManifestError, SelectionError
from sync.ids import ObjectId
from sync.model.mirrors import UpstreamCommit
from sync.model.values import Pin, PinKind
from sync.objects.commits import commit_time, commit_tree, tag_target
from sync.wording import did_you_mean, shortened

if TYPE_CHECKING:
    from sync.git.repository import Repository

_MAX_TAG_CHAIN = 50
_MAX_COMMIT_BYTES = 1 << 20  # also of a tag: both go into the record
GONE = "the commit may be a fork's, or gone from every branch and tag; look for one that is there"


def read_commit(objects: "Repository", target: ObjectId, pin: Pin, url: str) -> UpstreamCommit:
    """Peel what a pin names to its commit, keeping the annotated tags on the way."""
    tags: list[bytes] = []
    current = target
    while len(tags) <= _MAX_TAG_CHAIN:
        if (size := objects.size(current)) > _MAX_COMMIT_BYTES:
            raise SelectionError(
                f"{pin.kind} {pin} names an object that is too large for a commit or a tag",
                [f"url: {url}", f"{current} has {size:,} bytes"],
                hint="pin another one, and tell the upstream's maintainers",
                reference="commit-too-large",
            )
        kind, raw = objects.read_typed(current)
        if kind == "commit":
            try:
                commit_tree(raw)
                time = commit_time(raw)
            except ValueError as error:
                raise SelectionError(
                    f"{pin.kind} {pin} names a malformed commit",
                    [f"url: {url}", str(error)],
                    reference="commit-malformed",
                ) from error
            tag = target if tags else None
            return UpstreamCommit(url, pin, current, time, tag, raw, tuple(tags))
        if kind != "tag" or pin.kind is PinKind.COMMIT:
            break
        tags.append(raw)
        try:
            current = tag_target(raw)
        except ValueError:
            break
    raise ManifestError(
        f"{pin.kind} {pin} does not lead to a commit",
        [f"url: {url}", f"it names {target}"],
        hint="pin a tag of a commit",
        reference="pin-not-a-commit",
    )


def has_tree_of(objects: "Repository", commit: ObjectId) -> bool:
    """Whether a commit was fetched together with its tree.

    A commit that a server merely sent along has no tree, and counts as not fetched.
    """
    try:
        return objects.has(commit) and objects.has(commit_tree(objects.read(commit)))
    except (ValueError, CouldNotCheckError):
        return False


def no_such_commit(url: str, pin: Pin, hint: str) -> CouldNotCheckError:
    return CouldNotCheckError(
        f"the upstream has no commit {pin}", [f"url: {url}"], hint=hint, reference="commit-missing"
    )


def no_such_tag(url: str, pin: Pin, refs: Mapping[str, ObjectId]) -> ManifestError:
    tags = [name.removeprefix("refs/tags/") for name in refs if name.startswith("refs/tags/")]
    newest = ", ".join(map(shortened, sorted(tags)[-8:])) or "none that could be listed"
    branch = refs.get(f"refs/heads/{pin}")
    return ManifestError(
        f"the upstream has no tag {pin}",
        [f"url: {url}"],
        hint=f'{pin} is a branch, which moves; pin its commit: commit = "{branch}"'
        if branch
        else did_you_mean(pin.value, tags) or f"tags there: {newest}",
        reference="tag-missing",
    )
