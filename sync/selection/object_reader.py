"""Reads upstream's objects: what selecting and judging need of a repository."""

from typing import Protocol

from sync.ids import ObjectId


class ObjectReader(Protocol):
    """Reads upstream's objects; each method raises CouldNotCheckError for a missing object."""

    def read(self, object_id: ObjectId) -> bytes:
        """The raw content of an object."""
        ...

    def size(self, object_id: ObjectId) -> int:
        """The size in bytes of an object's content, without reading it."""
        ...
