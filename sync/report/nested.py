"""Finds copies inside a mirror, such as WIT's `deps/*`.

They are found by comparing tree and blob ids with all records of the host. All functions are pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync.ids import Mode, ObjectId, RepoPath
from sync.objects.commits import commit_tree
from sync.objects.tree import build_trees, join, object_id, parse_tree
from sync.record.record import Record
from sync.report.facts import Nested, Origin
from sync.report.records_inside import NOTHING_INSIDE, Inner
from sync.selection.license_files import is_license_name

# Directories in which projects keep copies of others. Each entry directly below is a copy, even if
# its origin is not known.
_PLACES = frozenset({b"deps", b"vendor", b"third_party", b"third-party", b"external"})
_EMPTY_BLOB = object_id("blob", b"")


@dataclass(frozen=True, slots=True)
class Known:
    """An index of the trees and files in the records of a host, to find copies with."""

    by_tree: Mapping[ObjectId, tuple[Record, RepoPath]]
    """Tree id → the record that contains it, and its path in the upstream's tree."""
    by_file: Mapping[tuple[RepoPath, ObjectId], Sequence[Record]]
    """Path inside a mirror and blob id → the records with exactly this file."""
    by_blob: Mapping[ObjectId, Sequence[tuple[Record, RepoPath]]]
    """Blob id → the records with such a file that is not itself inside a nested copy.

    With each record comes the first path of the file in the upstream's tree.
    """


def known_by(records: Sequence[Record]) -> Known:
    """Index the records.

    If several have the same tree, a whole mirror comes before a part of one, then the manifest's
    order decides.
    """
    by_tree: dict[ObjectId, tuple[Record, RepoPath]] = {}
    for trees in (_own_trees, _inner_trees, _proven_trees):
        for record in records:
            for tree, path in trees(record):
                by_tree.setdefault(tree, (record, path))
    by_file: dict[tuple[RepoPath, ObjectId], list[Record]] = {}
    by_blob: dict[ObjectId, list[tuple[Record, RepoPath]]] = {}
    for record in records:
        for fact in record.files:
            by_file.setdefault((fact.path, fact.blob), []).append(record)
            if _PLACES.isdisjoint(fact.path.split(b"/")):
                found = by_blob.setdefault(fact.blob, [])
                if not found or found[-1][0] is not record:
                    found.append((record, join(record.source, fact.path)))
    return Known(by_tree, by_file, by_blob)


def _own_trees(record: Record) -> Iterator[tuple[ObjectId, RepoPath]]:
    yield record.holding.tree, record.source
    yield record.holding.upstream_tree, record.source


def _inner_trees(record: Record) -> Iterator[tuple[ObjectId, RepoPath]]:
    """Yield the directories of a mirror that are not themselves copies of something else."""
    for path, tree in build_trees(fact.entry for fact in record.files).items():
        if path and not _PLACES.intersection(path.split(b"/")):
            yield tree.id, join(record.source, path)


def _proven_trees(record: Record) -> Iterator[tuple[ObjectId, RepoPath]]:
    """Yield the directories above the mirror and those beside them.

    The record's proof names them on its way down from the root of the commit.
    """
    raw_trees = {object_id("tree", raw): raw for raw in record.holding.proof_trees}
    tree, path = commit_tree(record.upstream.commit_object), RepoPath(b"")
    yield tree, path
    for name in record.source.split(b"/") if record.source else ():
        below = {
            e.name: e.id
            for e in parse_tree(raw_trees[tree])
            if e.mode == Mode.TREE and e.name not in _PLACES
        }
        yield from ((other, join(path, beside)) for beside, other in below.items())
        if name not in below:
            return  # what lies below is itself a copy
        tree, path = below[name], join(path, name)


def nested_copies(
    record: Record, known: Known, inner: Inner = NOTHING_INSIDE
) -> tuple[Nested, ...]:
    """Return the copies inside a mirror sorted by path, including copies inside other copies.

    A directory is a copy if it is the tree of another mirror, if the mirrored project has recorded
    it, or if it lies where projects keep copies of others.
    """
    trees = {
        path: tree.id for path, tree in build_trees(fact.entry for fact in record.files).items()
    }
    files = {fact.path: fact.blob for fact in record.files}
    found: dict[bytes, Origin | None] = {}
    for path in sorted(trees):
        origin = _origin_by_tree(record, path, trees[path], known) if path else None
        if origin is not None or path in inner.copies or _is_in_place(path):
            found[path] = origin
    for path, blob in files.items():
        if _is_in_place(path) and path.endswith(b".wit"):
            found[path] = _origin_by_blob(record, path, blob, known)
    inside: dict[bytes, dict[RepoPath, ObjectId]] = {path: {} for path in found}
    for path, blob in files.items():
        if (owner := _owner(path, found)) is not None:
            inside[owner][path] = blob
    return tuple(
        Nested(
            path=RepoPath(path),
            tree=trees.get(path) or files[RepoPath(path)],
            files=tuple(inside[path]),
            origin=origin
            or (_origin_by_files(record, path, inside[path], known) if path in trees else None),
            recorded=inner.copies.get(RepoPath(path)),
        )
        for path, origin in sorted(found.items())
        if origin is not None
        or path in inner.copies
        or not _is_accounted(path, inside[path], inner)
    )


def _is_accounted(path: bytes, own: Mapping[RepoPath, ObjectId], inner: Inner) -> bool:
    """Whether the mirrored project's own records explain a directory.

    Such a directory contains records, the licence files beside them, and recorded copies, and
    nothing else.
    """
    holds_some = any(one.startswith(path + b"/") for one in (*inner.copies, *inner.accounted))
    return holds_some and own.keys() <= inner.accounted


def _is_in_place(path: bytes) -> bool:
    return path.rpartition(b"/")[0].rpartition(b"/")[2] in _PLACES


def _owner(file: bytes, copies: Mapping[bytes, object]) -> bytes | None:
    """Return the innermost copy that contains a file."""
    path = file
    while path and path not in copies:
        path = path.rpartition(b"/")[0]
    return path or None


def _origin_by_tree(record: Record, path: bytes, tree: ObjectId, known: Known) -> Origin | None:
    found = known.by_tree.get(tree)
    if found is None or _is_same_place(record, path, *found):
        return None
    other, source = found
    is_whole_mirror = tree in {other.holding.tree, other.holding.upstream_tree}
    return _origin(other, source, same_tree=True) if is_whole_mirror or _is_in_place(path) else None


def _origin_by_files(
    record: Record, path: bytes, inside: Mapping[RepoPath, ObjectId], known: Known
) -> Origin | None:
    """Find the first record that lists each of these files at the same path below its root."""
    if not inside:
        return None
    wanted = [(RepoPath(file[len(path) + 1 :]), blob) for file, blob in inside.items()]
    if not any(_is_evidence(file, blob) for file, blob in wanted):
        return None
    for other in known.by_file.get(wanted[0], ()):
        if not _is_same_place(record, path, other, other.source) and all(
            other in known.by_file.get(file, ()) for file in wanted
        ):
            return _origin(other, other.source, same_tree=False)
    return None


def _is_evidence(path: RepoPath, blob: ObjectId) -> bool:
    """Whether a file distinguishes projects.

    Empty files and licence texts are the same everywhere.
    """
    return blob != _EMPTY_BLOB and not is_license_name(path.rpartition(b"/")[2])


def _origin_by_blob(record: Record, path: bytes, blob: ObjectId, known: Known) -> Origin | None:
    for other, place in known.by_blob.get(blob, ()):
        if not _is_same_place(record, path, other, place):
            return _origin(other, place, same_tree=True)
    return None


def _is_same_place(record: Record, path: bytes, other: Record, source: RepoPath) -> bool:
    """Whether both are the same directory of the same upstream.

    Then it is not a copy of something else, whatever the commits are.
    """
    return record is other or (record.url == other.url and join(record.source, path) == source)


def _origin(record: Record, source: RepoPath, *, same_tree: bool) -> Origin:
    return Origin(record.mirror, record.url, record.pin, record.upstream.commit, source, same_tree)
