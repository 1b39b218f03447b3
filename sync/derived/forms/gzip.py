"""Compresses one file into one gzip member that says nothing of its maker or of the time."""

import hashlib
import zlib

from sync.derived.ingredients import THE_FILE, Ingredients, Made, one_file
from sync.derived.record import Content
from sync.errors import SelectionError
from sync.ids import Mode
from sync.objects.tree import object_id
from sync.quoting import quote_path

VERSION = 1
HEADER = bytes.fromhex("1f8b08000000000002ff")
"""No name, no time, the best compression, an unknown system (RFC 1952)."""
_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})
_LEVEL = 9
_WINDOW_BITS = 15


def make(given: Ingredients) -> Made:
    data = source_of(given)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS)
    body = packer.compress(data) + packer.flush()
    return one_file(HEADER + body + _end(data), content(data))


def content(data: bytes) -> Content:
    """What the record of a compressed file says of its content."""
    return Content(object_id("blob", data), hashlib.sha256(data).hexdigest())


def _end(data: bytes) -> bytes:
    return b"".join(one.to_bytes(4, "little") for one in (zlib.crc32(data), len(data) % (1 << 32)))


def source_of(given: Ingredients) -> bytes:
    """The content that is compressed; SelectionError if there is no such file."""
    path = THE_FILE if given.form.of_path is None else given.form.of_path
    for entry in given.of.files:
        if entry.path == path and entry.mode in _FILES:
            return given.of.read(entry.blob)
    raise SelectionError(
        f"form {given.form.name} would compress {quote_path(path)}, which {given.of.name} lacks",
        [f"{given.of.name} has {len(given.of.files)} files"],
        hint="name a file of it in `of`",
        reference="of-missing",
    )


def content_of(data: bytes, most: int) -> bytes | None:
    """What a file holds that is exactly one such member; None if it is anything else.

    `most` is the size in bytes of what it may hold.
    """
    if not data.startswith(HEADER):
        return None
    unpacker = zlib.decompressobj(-_WINDOW_BITS)
    try:
        found = unpacker.decompress(data[len(HEADER) :], most + 1)
    except zlib.error:
        return None
    if not unpacker.eof or len(found) > most:
        return None
    return found if unpacker.unused_data == _end(found) else None
