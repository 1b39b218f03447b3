"""The places of a mirror: the directories of its copy and its licences, and their files."""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from sync.ids import ObjectId
from sync.layout import license_directory
from sync.model import Entry, FileFact, Holding
from sync.objects.tree import hash_tree

_F = TypeVar("_F", Entry, FileFact)

Present = Mapping[str, Sequence[FileFact] | None]
"""What lies in each place, by its directory; None where there is no such directory."""


class Place(NamedTuple, Generic[_F]):
    """A directory below third_party/, and what a mirror holds in it."""

    directory: str
    tree: ObjectId
    """The id of the tree of its files."""
    files: tuple[_F, ...]
    """Sorted by path; the paths are relative to the directory."""


def places_of(into: str, name: str, holding: Holding[_F]) -> tuple[Place[_F], ...]:
    """The places of the mirror `name` that lies in `into`: first of the copy, last of licences."""
    licenses = tuple(holding.licenses)
    return (
        Place(into, holding.tree, holding.files),
        Place(license_directory(name), _tree_of(licenses), licenses),
    )


def _tree_of(files: Sequence[Entry | FileFact]) -> ObjectId:
    return hash_tree(f.entry if isinstance(f, FileFact) else f for f in files)
