"""Refuses what cannot be copied exactly or safely, with the name of the file."""

import re
from typing import NoReturn

from sync.errors import SelectionError
from sync.ids import Mode, ObjectId
from sync.limits import OWN_FILE_BYTES
from sync.model.mirrors import Holding, Mirror
from sync.model.values import Entry
from sync.objects.portable import (
    COLLIDES,
    TRAILING,
    WINDOWS_CHARACTER,
    WINDOWS_RESERVED,
    Misnamed,
    looks_like,
    misnamed,
)
from sync.objects.tree import escapes
from sync.quoting import quote_path
from sync.selection.object_reader import ObjectReader
from sync.selection.renamed_tag import TAG_RENAMED
from sync.selection.submodules import SUBMODULE
from sync.selection.windows_length import MOST, TOO_LONG, windows_length
from sync.wording import upstream_line

_LFS_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n")
_GITMODULES = ".gitmodules"
_MAX_TARGET_BYTES = 4095  # PATH_MAX without its NUL
_LFS_POINTER_MAX_BYTES = 1024  # by the specification of Git LFS pointers

ALLOWABLE = frozenset(
    {
        "name-not-utf8",
        WINDOWS_RESERVED,
        WINDOWS_CHARACTER,
        TRAILING,
        COLLIDES,
        TOO_LONG,
        TAG_RENAMED,
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
    "submodule": SUBMODULE,
    "symlink-escapes": "it is a symlink that points out of the mirror",
    "lfs-pointer": "it is a Git LFS pointer, and its content is not in this repository",
}


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
    length = max(windows_length(place, path) for place in mirror.places)
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
        _refuse_depth(mirror, entry)
        size = reader.size(entry.blob) if entry.mode != Mode.GITLINK else 0
        _refuse_size(mirror, entry, size)
        total += size
    if total > budget.total_bytes:
        _refuse_all(
            mirror,
            "too-many-bytes",
            f"it has {total:,} bytes, more than {budget.total_bytes:,}",
            f"max-bytes = {total}",
        )


def _refuse_depth(mirror: Mirror, entry: Entry) -> None:
    depth = entry.path.count(b"/")
    if depth > mirror.budget.depth:
        reason = f"it is {depth} directories deep"
        _refuse(mirror, entry.path, "too-deep", reason, f"max-depth = {depth}")


def _refuse_size(mirror: Mirror, entry: Entry, size: int) -> None:
    if entry.mode == Mode.SYMLINK and size > _MAX_TARGET_BYTES:
        reason = f"its target has {size:,} bytes, which no system takes"
        _refuse(mirror, entry.path, "symlink-too-long", reason)
    if size > mirror.budget.file_bytes:
        reason = f"it has {size:,} bytes"
        _refuse(mirror, entry.path, "file-too-large", reason, f"max-file-bytes = {size}")


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
        [f"{reason} [{reference}]", upstream_line(mirror.url, mirror.pin)],
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
        [f"{reason or _REASONS[reference]} [{reference}]", upstream_line(mirror.url, mirror.pin)],
        hint="; ".join(ways) or None,
        reference=reference,
    )
