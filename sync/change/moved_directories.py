"""Says where directories lie now that upstream has moved, for all mirrors at once."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sync.change.seen import SeenMirror
from sync.errors import MissingDirectoryError, SelectionError
from sync.layout import MANIFEST_PATH
from sync.manifest.paths import path_problem
from sync.manifest.toml_lines import find_line
from sync.model.mirrors import UpstreamCommit
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
    found: list[tuple[Missing, str | None]] = []
    for one in missing:
        commit = one.upstream.commit
        if one.seen.record is not None and commit not in known:
            known[commit] = directories_of(commit_tree(one.upstream.commit_object), one.objects)
        found.append((one, _now(one, known.get(commit, ()))))
    if all(now is None for _, now in found):
        return missing[0].error
    upstreams = dict.fromkeys((one.seen.mirror.url, one.seen.mirror.pin) for one in missing)
    names = [one.seen.mirror.name for one in missing]
    whose = f"mirror {names[0]}" if len(names) == 1 else f"{len(names)} mirrors"
    return SelectionError(
        f"`from` of {whose} does not exist at the pin",
        [*(upstream_line(url, pin) for url, pin in upstreams), *_lines(found, manifest.decode())],
        hint="upstream has moved the files: put these lines there, then run the command again",
        reference="from-missing",
    )


def _now(missing: Missing, there: Sequence[Directory]) -> str | None:
    """The directory as `from` would say it; None if none is like it, or it cannot be said."""
    record, mirror = missing.seen.record, missing.seen.mirror
    found = None if record is None else find_moved(mirror.source, record.holding, there)
    if found is None:
        return None
    text = found.decode("utf-8", "replace") or "."
    is_plain = text == "." or path_problem(text) is None
    return text if is_plain and text.isprintable() and "\ufffd" not in text else None


def _lines(found: Sequence[tuple[Missing, str | None]], text: str) -> Iterator[str]:
    for one, now in found:
        mirror = one.seen.mirror
        location = ("mirrors", mirror.name, "from")
        line, said_there = find_line(text, location)
        where = f"{MANIFEST_PATH}:{line}" if said_there == location else MANIFEST_PATH
        was = quote_path(mirror.source)
        said = (
            f"{mirror.name}: nothing is like {was} there"
            if now is None
            else f"from = {json.dumps(now, ensure_ascii=False)}    # {mirror.name}, was {was}"
        )
        yield f"{where}: {said}"
