"""Says where directories lie now that upstream has moved, for all mirrors at once."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sync.change.seen import SeenMirror
from sync.errors import MissingDirectoryError, SelectionError
from sync.ids import RepoPath
from sync.layout import MANIFEST_PATH
from sync.manifest.toml_lines import find_line
from sync.model import UpstreamCommit
from sync.objects.commits import commit_tree
from sync.quoting import quote_path
from sync.selection.moved_directory import Directory, directories_of, find_moved
from sync.selection.object_reader import ObjectReader
from sync.wording import upstream_line


class Missing(NamedTuple):
    """A mirror whose `from` is not in the commit that its pin names now."""

    seen: SeenMirror
    upstream: UpstreamCommit
    objects: ObjectReader
    error: MissingDirectoryError


def moved_directories(missing: Sequence[Missing], manifest: bytes) -> SelectionError:
    """The error for these mirrors, with the lines of the manifest that would mend it."""
    known: dict[str, list[Directory]] = {}
    found: list[tuple[Missing, RepoPath | None]] = []
    for one in missing:
        commit = one.upstream.commit
        if one.seen.record is not None and commit not in known:
            known[commit] = directories_of(commit_tree(one.upstream.commit_object), one.objects)
        found.append((one, _now(one, known.get(commit, ()))))
    if not any(now for _, now in found):
        return missing[0].error
    upstreams = {(one.seen.mirror.url, one.seen.mirror.pin) for one in missing}
    names = [one.seen.mirror.name for one in missing]
    whose = f"mirror {names[0]}" if len(names) == 1 else f"{len(names)} mirrors"
    return SelectionError(
        f"`from` of {whose} does not exist at the pin",
        [*(upstream_line(url, pin) for url, pin in upstreams), *_lines(found, manifest.decode())],
        hint="upstream has moved the files: put these lines there, then run the command again",
        reference="from-missing",
    )


def _now(missing: Missing, there: Sequence[Directory]) -> RepoPath | None:
    record, mirror = missing.seen.record, missing.seen.mirror
    return None if record is None else find_moved(mirror.source, record.holding, there)


def _lines(found: Sequence[tuple[Missing, RepoPath | None]], text: str) -> Iterator[str]:
    for one, now in found:
        mirror = one.seen.mirror
        line, _ = find_line(text, ("mirrors", mirror.name, "from"))
        was = quote_path(mirror.source)
        said = (
            f"{mirror.name}: nothing is like {was} there"
            if now is None
            else f"from = {json.dumps(quote_path(now))}    # {mirror.name}, was {was}"
        )
        yield f"{MANIFEST_PATH}:{line or 1}: {said}"
