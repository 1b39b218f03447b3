"""Makes the copy that a mirror has to be, or refuses it with the name of the file."""

import re
from collections.abc import Sequence
from typing import NoReturn, Protocol

from sync.errors import CouldNotCheckError, SelectionError
from sync.ids import Mode, ObjectId
from sync.limits import OWN_FILE_BYTES, TREE_BYTES
from sync.model import Copy, Entry, Holding, Mirror, PinKind, UpstreamCommit
from sync.objects.commits import commit_tree, tag_name
from sync.objects.portable import (
    COLLIDES,
    TRAILING,
    WINDOWS_CHARACTER,
    WINDOWS_RESERVED,
    Misnamed,
    looks_like,
    misnamed,
)
from sync.objects.tree import MalformedObjectError, escapes, parse_tree
from sync.quoting import quote_path
from sync.selection.select import Selected, SourceError, select
from sync.selection.submodules import describe, excluding, submodule_urls
from sync.selection.windows_length import MOST, TOO_LONG, windows_length
from sync.wording import did_you_mean

_LFS_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n")
_GITMODULES = ".gitmodules"
_MAX_TARGET_BYTES = 4095  # PATH_MAX without its NUL
_MAX_GITMODULES_BYTES = 1 << 20
_LFS_POINTER_MAX_BYTES = 1024  # by the specification of Git LFS pointers

_TAG_RENAMED = "tag-renamed"

ALLOWABLE = frozenset(
    {
        "name-not-utf8",
        WINDOWS_RESERVED,
        WINDOWS_CHARACTER,
        TRAILING,
        COLLIDES,
        TOO_LONG,
        _TAG_RENAMED,
    }
)
"""The references that a mirror's `allow` may name."""

_PATTERN_FILES = frozenset({b".gitattributes", b".gitignore"})
# Git's wildmatch tries every way to cut a path at each `**`.
_MOST_DOUBLE_STARS, _MOST_STARS = 4, 20

_REASONS = {
    "patterns-too-costly": "git would take far too long to match its patterns, "
    "wherever the host is cloned",
    "name-not-a-component": "its name is no name of a file",
    "name-too-long": "its name is longer than file systems allow",
    "name-backslash": "its name holds a backslash, which Windows takes for a directory separator",
    "name-dot-git": "some systems take its name for .git",
    "name-unprintable": "its name holds control or invisible characters",
    "name-not-utf8": "its name is not UTF-8",
    WINDOWS_RESERVED: "Windows takes its name for a device",
    WINDOWS_CHARACTER: 'its name holds one of <>:"|?*, which Windows allows in none',
    TRAILING: "its name ends with a dot or a blank, which Windows drops",
    "gitmodules-symlink": "git's own check of what is pushed refuses a symlink of this name",
    "submodule": "it is a submodule, and its content is not in this tree",
    "symlink-escapes": "it is a symlink that points out of the mirror",
    "lfs-pointer": "it is a Git LFS pointer, and its content is not in this repository",
}


_LEAVE_OUT = "leave the directory out with `exclude`, or report it to the upstream's maintainers"
_MALFORMED_HINTS = {
    "patterns-too-many": "name directories instead of files in `include` and `exclude`, "
    "or a `from` further down"
}


class ObjectReader(Protocol):
    """Reads upstream's objects; each method raises CouldNotCheckError for a missing object."""

    def read(self, object_id: ObjectId) -> bytes:
        """The raw content of an object."""
        ...

    def size(self, object_id: ObjectId) -> int:
        """The size in bytes of an object's content, without reading it."""
        ...


def copy_of(mirror: Mirror, upstream: UpstreamCommit, reader: ObjectReader) -> Copy:
    """What `mirror` has to be at this upstream commit.

    Raises SelectionError if the selection does not exist, is empty, or holds a submodule or a tree
    that cannot be copied; if a pattern matches nothing; or if the tag object has another name.
    """
    _refuse_renamed_tag(mirror, upstream)
    selected = _select(mirror, upstream, reader)
    _refuse_useless(mirror, selected)
    _refuse_submodules(mirror, upstream, selected, reader)
    return Copy(upstream, selected.holding)


def blobs_of(mirror: Mirror, upstream: UpstreamCommit, reader: ObjectReader) -> list[ObjectId]:
    """The blobs that `mirror` needs of this upstream commit; to find them, only trees are read."""
    wanted = _select(mirror, upstream, reader).holding
    return [entry.blob for entry in (*wanted.files, *wanted.licenses) if entry.mode != Mode.GITLINK]


def other_name(mirror: Mirror, tag_objects: Sequence[bytes]) -> str | None:
    """The name, made printable, that the pinned tag's object has instead of the pin's.

    None if the names agree, if no annotated tag is pinned, or if the mirror allows another name.
    """
    if not tag_objects or mirror.pin.kind is not PinKind.TAG or _TAG_RENAMED in mirror.allow:
        return None
    named = tag_name(tag_objects[0])
    return None if named == mirror.pin.value.encode() else quote_path(named or b"nothing")


def _refuse_renamed_tag(mirror: Mirror, upstream: UpstreamCommit) -> None:
    """SelectionError if the tag object has another name than the pin.

    Then somebody has renamed the tag, or passes an old release off as a new one.
    """
    named = other_name(mirror, upstream.tag_objects)
    if named is None:
        return
    raise SelectionError(
        f"the tag {mirror.pin} of mirror {mirror.name} is another one under this name",
        [f"its object calls itself {named} [{_TAG_RENAMED}]", *_where(mirror)],
        hint=f'ask upstream why; to take it all the same: allow = ["{_TAG_RENAMED}"]',
        reference=_TAG_RENAMED,
    )


def _select(mirror: Mirror, upstream: UpstreamCommit, reader: ObjectReader) -> Selected:
    def read_tree(tree: ObjectId) -> bytes:
        if (size := reader.size(tree)) > TREE_BYTES:
            raise MalformedObjectError(
                "tree-too-large", f"the tree object {tree} has {size:,} bytes"
            )
        return reader.read(tree)

    try:
        return select(commit_tree(upstream.commit_object), mirror.selection, read_tree)
    except SourceError as error:
        raise _source_error(mirror, error) from error
    except MalformedObjectError as error:
        raise SelectionError(
            f"mirror {mirror.name} cannot copy "
            f"the directory {quote_path(error.path) or '/'} exactly",
            [f"{error} [{error.reference}]", *_where(mirror)],
            hint=_MALFORMED_HINTS.get(error.reference, _LEAVE_OUT),
            reference=error.reference,
        ) from error


def _source_error(mirror: Mirror, error: SourceError) -> SelectionError:
    what = "is a file, not a directory" if error.is_file else "does not exist"
    directories = [quote_path(e.name) for e in error.siblings if e.mode == Mode.TREE]
    parent, _, missing = error.path.rpartition(b"/")
    hint = did_you_mean(quote_path(missing), directories)
    if hint is not None and parent:
        hint = f"{hint} (in {quote_path(parent)})"
    return SelectionError(
        f"`from` of mirror {mirror.name} {what} at {mirror.pin}",
        [f"path: {quote_path(error.path)}", *_where(mirror)],
        hint=hint or f"directories there: {', '.join(directories[:12]) or 'none'}",
        reference="from-is-a-file" if error.is_file else "from-missing",
    )


def _refuse_useless(mirror: Mirror, selected: Selected) -> None:
    for key, pattern in selected.unused:
        raise SelectionError(
            f"the pattern `{pattern}` in `{key}` of mirror {mirror.name} matches nothing",
            _where(mirror),
            hint=f"correct the pattern, or remove it from `{key}`",
            reference="pattern-unused",
        )
    if not selected.holding.files:
        raise SelectionError(
            f"the selection of mirror {mirror.name} is empty",
            _where(mirror),
            hint="look at `from`, `include` and `exclude` of the mirror",
            reference="selection-empty",
        )


def _refuse_submodules(
    mirror: Mirror, upstream: UpstreamCommit, selected: Selected, reader: ObjectReader
) -> None:
    links = [entry for entry in selected.holding.files if entry.mode == Mode.GITLINK]
    if not links:
        return
    urls = submodule_urls(_gitmodules(upstream, reader), mirror.url)
    raise SelectionError(
        f"mirror {mirror.name} cannot copy {quote_path(links[0].path)} exactly",
        [f"{_REASONS['submodule']} [submodule]", *_where(mirror), *describe(mirror, links, urls)],
        hint=f"leave {'it' if len(links) == 1 else 'them'} out with `exclude`: "
        f"{excluding(mirror, links)}",
        reference="submodule",
    )


def _gitmodules(upstream: UpstreamCommit, reader: ObjectReader) -> bytes:
    """Upstream's .gitmodules, which only an error's words need; empty if it cannot be read."""
    try:
        entries = parse_tree(reader.read(commit_tree(upstream.commit_object)))
        found = next(
            (
                e.id
                for e in entries
                if e.name == b".gitmodules" and e.mode in {Mode.FILE, Mode.EXECUTABLE}
            ),
            None,
        )
        return (
            b""
            if found is None or reader.size(found) > _MAX_GITMODULES_BYTES
            else reader.read(found)
        )
    except CouldNotCheckError:
        return b""


def refuse_inexact(mirror: Mirror, wanted: Holding[Entry], reader: ObjectReader) -> None:
    """SelectionError for what cannot be copied exactly or safely.

    It is called before a byte is written, wherever the entries come from.
    """
    _refuse_excess(mirror, wanted.files, reader)
    for found in misnamed((entry.path for entry in wanted.files), mirror.allow):
        _refuse(mirror, found.path, found.reference, _reason(found))
    for found in misnamed((entry.path for entry in wanted.licenses), mirror.allow):
        _refuse(mirror, found.path, found.reference, _reason(found), is_license=True)
    for entry in wanted.files:
        if (reference := _judge_content(entry, reader)) is not None:
            _refuse(mirror, entry.path, reference)
        _refuse_long(mirror, entry.path)


def _reason(found: Misnamed) -> str:
    if found.other is not None:
        return f"on Windows and macOS it is one with {quote_path(found.other)}"
    return _REASONS[found.reference]


def _refuse_long(mirror: Mirror, path: bytes) -> None:
    length = windows_length(mirror.into, path)
    if length > MOST and TOO_LONG not in mirror.allow:
        reason = (
            f"its path in the host has {length} characters, and a clone on Windows holds {MOST}"
        )
        _refuse(mirror, path, TOO_LONG, reason)


def _refuse_excess(mirror: Mirror, entries: tuple[Entry, ...], reader: ObjectReader) -> None:
    """SelectionError if the mirror exceeds its budget, or if the target of a symlink is too long.

    Only trees and object headers are read for this, and no content.
    """
    budget = mirror.budget
    if len(entries) > budget.files:
        _refuse_all(
            mirror,
            "too-many-files",
            f"it has {len(entries):,} files, more than {budget.files:,}",
            f"max-files = {len(entries)}",
        )
    total = 0
    for entry in entries:
        if (depth := entry.path.count(b"/")) > budget.depth:
            _refuse(
                mirror,
                entry.path,
                "too-deep",
                f"it is {depth} directories deep",
                f"max-depth = {depth}",
            )
        size = reader.size(entry.blob) if entry.mode != Mode.GITLINK else 0
        if entry.mode == Mode.SYMLINK and size > _MAX_TARGET_BYTES:
            _refuse(
                mirror,
                entry.path,
                "symlink-too-long",
                f"its target has {size:,} bytes, which no system takes",
            )
        if size > budget.file_bytes:
            _refuse(
                mirror,
                entry.path,
                "file-too-large",
                f"it has {size:,} bytes",
                f"max-file-bytes = {size}",
            )
        total += size
    if total > budget.total_bytes:
        _refuse_all(
            mirror,
            "too-many-bytes",
            f"it has {total:,} bytes, more than {budget.total_bytes:,}",
            f"max-bytes = {total}",
        )


def _judge_content(entry: Entry, reader: ObjectReader) -> str | None:
    if entry.mode == Mode.GITLINK:
        return "submodule"
    if entry.mode == Mode.SYMLINK and looks_like(entry.path.rpartition(b"/")[2], _GITMODULES):
        return "gitmodules-symlink"
    if entry.mode == Mode.SYMLINK:
        return "symlink-escapes" if escapes(entry.path, reader.read(entry.blob)) else None
    if reader.size(entry.blob) <= _LFS_POINTER_MAX_BYTES and _LFS_POINTER.match(
        reader.read(entry.blob)
    ):
        return "lfs-pointer"
    if entry.path.rpartition(b"/")[2].lower() in _PATTERN_FILES and _is_costly(entry.blob, reader):
        return "patterns-too-costly"
    return None


def _is_costly(blob: ObjectId, reader: ObjectReader) -> bool:
    """Whether git would take years to match a pattern of this attributes or ignore file.

    Every clone of the host would suffer from it. A file that is too large to be read counts too.
    """
    if reader.size(blob) > OWN_FILE_BYTES:
        return True
    lines = (line for line in reader.read(blob).splitlines() if not line.startswith(b"#"))
    return any(
        line.count(b"**") > _MOST_DOUBLE_STARS or line.count(b"*") > _MOST_STARS for line in lines
    )


def _refuse_all(mirror: Mirror, reference: str, reason: str, key: str) -> NoReturn:
    raise SelectionError(
        f"mirror {mirror.name} is larger than its budget",
        [f"{reason} [{reference}]", *_where(mirror)],
        hint=f"leave something out with `exclude`; to copy it all the same: {key}",
        reference=reference,
    )


def _refuse(
    mirror: Mirror,
    path: bytes,
    reference: str,
    reason: str | None = None,
    key: str | None = None,
    *,
    is_license: bool = False,
) -> NoReturn:
    key = f'allow = ["{reference}"]' if reference in ALLOWABLE else key
    ways = ["leave it out with `exclude`"] if not is_license else []
    ways += [f"to copy it all the same: {key}"] if key else []
    raise SelectionError(
        f"mirror {mirror.name} cannot copy "
        f"{'the licence file ' if is_license else ''}{quote_path(path)} exactly",
        [f"{reason or _REASONS[reference]} [{reference}]", *_where(mirror)],
        hint="; ".join(ways) or None,
        reference=reference,
    )


def _where(mirror: Mirror) -> list[str]:
    return [f"upstream: {mirror.url} at {mirror.pin}"]
