"""Inflates loose objects without libgit2, which never returns from one that is cut off."""

import os
import zlib
from functools import cache
from pathlib import Path

_READING = os.O_RDONLY | os.O_CLOEXEC
_PIECE_BYTES = 1 << 16


class LooseObjects:
    """The loose objects of one `objects` directory, as they were when they were first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._listed = cache(self._list)

    def inflate(self, object_id: str, most: int = 0) -> bytes | None:
        """A loose object with its header (gitformat-loose); None if it is not loose.

        The header has the kind and the size. A `most` other than 0 limits the bytes that are
        returned. Raises OSError or zlib.error for a file that cannot be read.
        """
        if object_id[2:] not in self._listed(object_id[:2]):
            return None
        try:
            file = os.open(f"{self._directory}/{object_id[:2]}/{object_id[2:]}", _READING)
        except FileNotFoundError:
            return None  # it was packed in the meantime
        # A file object would take as long as all the rest: most objects are small.
        try:
            pieces = []
            while piece := os.read(file, _PIECE_BYTES):
                pieces.append(piece)
        finally:
            os.close(file)
        return zlib.decompressobj().decompress(b"".join(pieces), most)

    def _list(self, beginning: str) -> frozenset[str]:
        """The rest of each id of a loose object that begins with these two digits."""
        try:
            return frozenset(os.listdir(f"{self._directory}/{beginning}"))
        except FileNotFoundError:
            return frozenset()
