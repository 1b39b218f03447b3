"""Lead from mirrored files to upstream's commit id by hashing alone, with no network or libgit2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sync.ids import ObjectId, RepoPath
from sync.model import Entry, Selection
from sync.objects.commits import commit_time, commit_tree, tag_target
from sync.objects.tree import Tree, build_trees, object_id
from sync.quoting import quote_path
from sync.selection.select import Selected, SourceError, select


@dataclass(frozen=True, slots=True)
class Claim:
    """The part of a record that its proof can show."""

    commit: ObjectId
    commit_time: str
    tag: ObjectId | None
    selection: Selection
    upstream_tree: ObjectId
    tree: ObjectId
    entries: tuple[Entry, ...]
    """The copied files, sorted by path; none is also a directory.

    The reader of records ensures both, for `licenses` too.
    """
    licenses: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Raw git objects; the id that an object hashes to tells what it is for."""

    commit: bytes
    tags: tuple[bytes, ...]
    trees: tuple[bytes, ...]


def check_proof(claim: Claim, proof: Proof) -> list[str]:
    """Return where the proof fails to show the claim, as phrases; none if all hangs together.

    The copy is derived anew from the proof's objects and the trees that the claimed files rebuild.
    Each object is looked up by the id that it hashes to, so a false one is never found.
    """
    try:
        return [*_commit_problems(claim, proof), *_tree_problems(claim, proof)]
    except ValueError as error:
        return [str(error)]


def _commit_problems(claim: Claim, proof: Proof) -> Iterator[str]:
    expected = claim.tag or claim.commit
    for raw in proof.tags:
        if object_id("tag", raw) != expected:
            yield (
                f"a tag object of the proof hashes to {object_id('tag', raw)}, expected {expected}"
            )
        expected = tag_target(raw)
    if expected != claim.commit or (claim.tag is None) != (not proof.tags):
        yield f"the tag does not lead to commit {claim.commit}"
    if object_id("commit", proof.commit) != claim.commit:
        yield (
            f"the commit object hashes to {object_id('commit', proof.commit)}, "
            f"the record says {claim.commit}"
        )
    if commit_time(proof.commit) != claim.commit_time:
        yield (
            f"the commit's time is {commit_time(proof.commit)}, the record says {claim.commit_time}"
        )


def proven_entries(
    claim: Claim, proof: Proof
) -> tuple[tuple[Entry, ...], tuple[Entry, ...]] | None:
    """Return the selected files and licence files of the claimed commit, by hashing alone.

    None if the proof does not show them.
    """
    if object_id("commit", proof.commit) != claim.commit:
        return None
    try:
        selected = _select(claim, proof, build_trees(claim.entries))
    except (KeyError, SourceError, ValueError):
        return None
    return selected.entries, selected.licenses


def _select(claim: Claim, proof: Proof, rebuilt: Mapping[bytes, Tree]) -> Selected:
    """Return what the claim's selection takes from the commit.

    Raises KeyError for a tree that neither the proof has nor the files rebuild, and SourceError if
    the commit does not have the directory that is selected.
    """
    known = {tree.id: tree.raw for tree in rebuilt.values()}
    known |= {object_id("tree", raw): raw for raw in proof.trees}
    whole = (rebuilt[b""].id, claim.entries)
    return select(commit_tree(proof.commit), claim.selection, known.__getitem__, whole)


def _tree_problems(claim: Claim, proof: Proof) -> Iterator[str]:
    rebuilt = build_trees(claim.entries)
    if rebuilt[b""].id != claim.tree:
        yield f"the files hash to tree {rebuilt[b''].id}, the record says {claim.tree}"
    try:
        selected = _select(claim, proof, rebuilt)
    except KeyError as error:
        yield f"neither the proof nor the files have the tree object {error.args[0]}"
        return
    except SourceError as error:
        yield f"the commit has no directory {quote_path(error.path)}"
        return
    if selected.upstream_tree != claim.upstream_tree:
        yield (
            f"the commit has tree {selected.upstream_tree} there, "
            f"the record says {claim.upstream_tree}"
        )
    for path in _differing(selected.entries, claim.entries):
        yield f"upstream's tree does not have {quote_path(path)} as recorded"
    for path in _differing(selected.licenses, claim.licenses):
        yield f"upstream's tree does not have the licence file {quote_path(path)} as recorded"
    if selected.proof_trees != proof.trees:
        yield "the proof holds tree objects that it does not need"


def _differing(one: tuple[Entry, ...], other: tuple[Entry, ...]) -> list[RepoPath]:
    return sorted({entry.path for entry in set(one) ^ set(other)})
