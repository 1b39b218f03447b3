"""Makes the copy that a mirror has to be, or says why the selection is none."""

from sync.errors import MissingDirectoryError, SelectionError
from sync.ids import Mode, ObjectId
from sync.limits import TREE_BYTES
from sync.model.mirrors import Copy, Mirror, UpstreamCommit
from sync.objects.commits import commit_tree
from sync.objects.tree import MalformedObjectError
from sync.quoting import quote_path
from sync.selection.object_reader import ObjectReader
from sync.selection.renamed_tag import refuse_renamed_tag
from sync.selection.select import Selected, SourceError, select
from sync.selection.submodules import refuse_submodules
from sync.wording import did_you_mean, upstream_line

_LEAVE_OUT = "leave the directory out with `exclude`, or report it to the upstream's maintainers"
_MALFORMED_HINTS = {
    "patterns-too-many": "name directories instead of files in `include` and `exclude`, "
    "or a `from` further down"
}


def copy_of(mirror: Mirror, upstream: UpstreamCommit, reader: ObjectReader) -> Copy:
    """What `mirror` has to be at this upstream commit.

    Raises MissingDirectoryError if `from` does not exist, and SelectionError if the selection is
    empty, or holds a submodule or a tree that cannot be copied; if a pattern matches nothing; or if
    the tag object has another name.
    """
    refuse_renamed_tag(mirror, upstream)
    selected = _select(mirror, upstream, reader)
    _refuse_useless(mirror, selected)
    refuse_submodules(mirror, upstream, selected.holding.files, reader)
    return Copy(upstream, selected.holding)


def blobs_of(mirror: Mirror, upstream: UpstreamCommit, reader: ObjectReader) -> list[ObjectId]:
    """The blobs that `mirror` needs of this upstream commit; to find them, only trees are read."""
    wanted = _select(mirror, upstream, reader).holding
    return [entry.blob for entry in (*wanted.files, *wanted.licenses) if entry.mode != Mode.GITLINK]


def _select(mirror: Mirror, upstream: UpstreamCommit, reader: ObjectReader) -> Selected:
    def read_tree(tree: ObjectId) -> bytes:
        if (size := reader.size(tree)) > TREE_BYTES:
            raise MalformedObjectError(
                "tree-too-large", f"the tree object {tree} has {size:,} bytes"
            )
        return reader.read(tree)

    try:
        return select(commit_tree(upstream.commit_object), mirror.selection, read_tree)
    except SourceError as error:
        raise _source_error(mirror, error) from error
    except MalformedObjectError as error:
        raise SelectionError(
            f"mirror {mirror.name} cannot copy "
            f"the directory {quote_path(error.path) or '/'} exactly",
            [f"{error} [{error.reference}]", upstream_line(mirror.url, mirror.pin)],
            hint=_MALFORMED_HINTS.get(error.reference, _LEAVE_OUT),
            reference=error.reference,
        ) from error


def _source_error(mirror: Mirror, error: SourceError) -> SelectionError:
    what = "is a file, not a directory" if error.is_file else "does not exist"
    directories = [quote_path(e.name) for e in error.siblings if e.mode == Mode.TREE]
    parent, _, missing = error.path.rpartition(b"/")
    hint = did_you_mean(quote_path(missing), directories)
    if hint is not None and parent:
        hint = f"{hint} (in {quote_path(parent)})"
    kind = SelectionError if error.is_file else MissingDirectoryError
    return kind(
        f"`from` of mirror {mirror.name} {what} at {mirror.pin}",
        [f"path: {quote_path(error.path)}", upstream_line(mirror.url, mirror.pin)],
        hint=hint or f"directories there: {', '.join(directories[:12]) or 'none'}",
        reference="from-is-a-file" if error.is_file else "from-missing",
    )


def _refuse_useless(mirror: Mirror, selected: Selected) -> None:
    for key, pattern in selected.unused:
        raise SelectionError(
            f"the pattern `{pattern}` in `{key}` of mirror {mirror.name} matches nothing",
            [upstream_line(mirror.url, mirror.pin)],
            hint=f"correct the pattern, or remove it from `{key}`",
            reference="pattern-unused",
        )
    if not selected.holding.files:
        raise SelectionError(
            f"the selection of mirror {mirror.name} is empty",
            [upstream_line(mirror.url, mirror.pin)],
            hint="look at `from`, `include` and `exclude` of the mirror",
            reference="selection-empty",
        )
