"""Lead from mirrored files to upstream's commit id by hashing alone, with no network or libgit2."""

from collections.abc import Iterator, Mapping

from sync.ids import RepoPath
from sync.model.mirrors import Holding, Selection, UpstreamCommit
from sync.model.values import Entry
from sync.objects.commits import commit_time, commit_tree, tag_target
from sync.objects.tree import Tree, build_trees, object_id
from sync.quoting import quote_path
from sync.selection.select import SourceError, select


def proof_problems(
    upstream: UpstreamCommit, selection: Selection, holding: Holding[Entry]
) -> list[str]:
    """Where the raw objects fail to show what is said beside them, as phrases; none if they do.

    The holding is derived anew from the commit, the raw trees, and the trees that the files
    rebuild. Each object is looked up by the id that it hashes to, so a false one is never found.
    """
    try:
        return [*_commit_problems(upstream), *_tree_problems(upstream, selection, holding)]
    except ValueError as error:
        return [str(error)]


def _commit_problems(said: UpstreamCommit) -> Iterator[str]:
    expected = said.tag or said.commit
    for raw in said.tag_objects:
        if object_id("tag", raw) != expected:
            yield (
                f"a tag object of the proof hashes to {object_id('tag', raw)}, expected {expected}"
            )
        expected = tag_target(raw)
    if expected != said.commit or (said.tag is None) != (not said.tag_objects):
        yield f"the tag does not lead to commit {said.commit}"
    if (found := object_id("commit", said.commit_object)) != said.commit:
        yield f"the commit object hashes to {found}, the record says {said.commit}"
    if (time := commit_time(said.commit_object)) != said.commit_time:
        yield f"the commit's time is {time}, the record says {said.commit_time}"


def proven_holding(
    upstream: UpstreamCommit, selection: Selection, holding: Holding[Entry]
) -> Holding[Entry] | None:
    """What the selection takes from the commit, by hashing alone.

    None if the raw objects do not show it.
    """
    if object_id("commit", upstream.commit_object) != upstream.commit:
        return None
    try:
        return _select(upstream, selection, holding, build_trees(holding.files))
    except (KeyError, SourceError, ValueError):
        return None


def _select(
    upstream: UpstreamCommit,
    selection: Selection,
    holding: Holding[Entry],
    rebuilt: Mapping[bytes, Tree],
) -> Holding[Entry]:
    """What the selection takes from the commit.

    Raises KeyError for a tree that neither the proof has nor the files rebuild, and SourceError if
    the commit does not have the directory that is selected.
    """
    known = {tree.id: tree.raw for tree in rebuilt.values()}
    known |= {object_id("tree", raw): raw for raw in holding.proof_trees}
    whole = (rebuilt[b""].id, holding.files)
    root = commit_tree(upstream.commit_object)
    return select(root, selection, known.__getitem__, whole).holding


def _tree_problems(
    upstream: UpstreamCommit, selection: Selection, said: Holding[Entry]
) -> Iterator[str]:
    rebuilt = build_trees(said.files)
    if rebuilt[b""].id != said.tree:
        yield f"the files hash to tree {rebuilt[b''].id}, the record says {said.tree}"
    try:
        shown = _select(upstream, selection, said, rebuilt)
    except KeyError as error:
        yield f"neither the proof nor the files have the tree object {error.args[0]}"
        return
    except SourceError as error:
        yield f"the commit has no directory {quote_path(error.path)}"
        return
    if shown.upstream_tree != said.upstream_tree:
        found, told = shown.upstream_tree, said.upstream_tree
        yield f"the commit has tree {found} there, the record says {told}"
    for path in _differing(shown.files, said.files):
        yield f"upstream's tree does not have {quote_path(path)} as recorded"
    for path in _differing(shown.licenses, said.licenses):
        yield f"upstream's tree does not have the licence file {quote_path(path)} as recorded"
    if shown.proof_trees != said.proof_trees:
        yield "the proof holds tree objects that it does not need"


def _differing(one: tuple[Entry, ...], other: tuple[Entry, ...]) -> list[RepoPath]:
    return sorted({entry.path for entry in set(one) ^ set(other)})
