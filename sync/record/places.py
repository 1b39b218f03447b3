"""What a mirror holds: the directories of its copies and of its licences, with their files."""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from sync.ids import ObjectId
from sync.layout import license_directory
from sync.model.mirrors import Holding
from sync.model.values import Entry, FileFact
from sync.objects.tree import hash_tree

_F = TypeVar("_F", Entry, FileFact)

Present = Mapping[str, Sequence[FileFact] | None]
"""What lies in each place, by its directory; None where there is no such directory."""

Recorded = Mapping[str, Sequence[FileFact]]
"""What lies in each place according to records, by its directory."""


class Place(NamedTuple, Generic[_F]):
    """A directory, from the host's root, and what a mirror holds in it."""

    directory: str
    tree: ObjectId
    """The id of the tree of its files."""
    files: tuple[_F, ...]
    """Sorted by path; the paths are relative to the directory."""


def places_of(copies: Sequence[str], name: str, holding: Holding[_F]) -> tuple[Place[_F], ...]:
    """The places of the mirror `name`: the directories of its `copies`, last that of licences."""
    places = [Place(directory, holding.tree, holding.files) for directory in copies]
    places.append(Place(license_directory(name), _tree_of(holding.licenses), holding.licenses))
    return tuple(places)


def _tree_of(files: Sequence[Entry | FileFact]) -> ObjectId:
    return hash_tree(f.entry if isinstance(f, FileFact) else f for f in files)
