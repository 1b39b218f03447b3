"""Copies objects from one repository to another, as they are."""

from collections.abc import Iterable

from sync.git.bulk import Packing, pack_objects
from sync.git.libgit2 import ObjectType, attempting
from sync.git.repository import UNPACK_LIMIT, Repository
from sync.ids import ObjectId

_PROBES = 64
_LARGE_BYTES = 1 << 20


class Copying:
    """Objects on their way into a repository."""

    def __init__(self, packing: Packing | None) -> None:
        self._packing = packing

    def finish(self) -> None:
        """Wait until the objects are there; HostError if they could not be copied."""
        if self._packing is not None:
            self._packing.finish()


def copy_objects(source: Repository, target: Repository, objects: Iterable[ObjectId]) -> Copying:
    """Begin to copy the objects that `target` lacks from `source`.

    If they are many or large, a process of its own writes them as one pack.
    """
    lacking = _lacking(target, list(dict.fromkeys(objects)))
    if len(lacking) >= UNPACK_LIMIT or any(
        source.size(object_id) > _LARGE_BYTES for object_id in lacking
    ):
        return Copying(pack_objects(source.git_directory, target.common_directory, lacking))
    for object_id in lacking:
        kind, content = source.read_typed(object_id)
        with attempting("write to the object database"):
            target.raw.odb.write(ObjectType[kind.upper()], content)
    return Copying(None)


def _lacking(target: Repository, objects: list[ObjectId]) -> list[ObjectId]:
    # Asking libgit2 for an object that is not there is slow. A repository that has none of the
    # first objects most likely has none of the others, and an object that is packed twice does no
    # harm.
    if len(objects) > UNPACK_LIMIT and not any(map(target.has, objects[:_PROBES])):
        return objects
    return [object_id for object_id in objects if not target.has(object_id)]
