"""Forgeries of records, made as any bytes say.

The bytes choose which honest records are mixed, what of them is bent, and what is made to fit
again.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sync.model.mirrors import Holding, Selection, UpstreamCommit
from sync.model.values import Entry, Pin, PinKind
from sync.objects.tree import hash_tree, object_id
from sync.record.record import Record
from tests.harnesses.fuzz.honest import upstream

Shown = tuple[UpstreamCommit, Selection, Holding[Entry]]
"""What a record says that its raw objects have to show."""
Parts = dict[str, Any]
"""All that is said, by name; the raw objects have `raw_` before their names."""
_FILES = ("entries", "licenses")
_RAWS = ("raw_tags", "raw_trees")
_IDS = ("commit", "tag", "upstream_tree", "tree")


class Choices:
    """Bytes as a supply of choices; when they are used up, the first of everything is chosen."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)
        self.left = len(data)

    def pick(self, options: Sequence[Any]) -> Any:
        self.left -= 1
        return options[next(self._data, 0) % len(options)]


def forge(data: bytes) -> Shown:
    """What an honest record says after the edits that the bytes choose.

    Without bytes the record stays honest.
    """
    choices = Choices(data)
    parts = _parts(choices.pick(upstream()[1]))
    while choices.left > 0:
        choices.pick(_EDITS)(parts, choices)
    commit = UpstreamCommit(
        "https://example.org/up",
        Pin(PinKind.TAG, "v1"),
        parts["commit"],
        parts["commit_time"],
        parts["tag"],
        parts["raw_commit"],
        parts["raw_tags"],
    )
    held = (parts[key] for key in ("upstream_tree", "tree", "entries", "licenses", "raw_trees"))
    return commit, parts["selection"], Holding(*held)


def _parts(record: Record) -> Parts:
    upstream, holding = record.upstream, record.copy.holding
    return {
        "commit": upstream.commit,
        "commit_time": upstream.commit_time,
        "tag": upstream.tag,
        "selection": record.selection,
        "upstream_tree": holding.upstream_tree,
        "tree": holding.tree,
        "entries": holding.files,
        "licenses": holding.licenses,
        "raw_commit": upstream.commit_object,
        "raw_tags": upstream.tag_objects,
        "raw_trees": holding.proof_trees,
    }


def _take_from_another(parts: Parts, choices: Choices) -> None:
    key = choices.pick(list(parts))
    parts[key] = _parts(choices.pick(upstream()[1]))[key]


def _say_another_id(parts: Parts, choices: Choices) -> None:
    parts[choices.pick(_IDS)] = parts[choices.pick(_IDS)] or parts["commit"]


def _lose(parts: Parts, choices: Choices) -> None:
    key = choices.pick(_FILES + _RAWS)
    at = choices.pick(range(len(parts[key]) + 1))
    parts[key] = parts[key][:at] + parts[key][at + 1 :]


def _repeat(parts: Parts, choices: Choices) -> None:
    key = choices.pick(_RAWS)
    at = choices.pick(range(len(parts[key]) + 1))
    parts[key] = parts[key][: at + 1] + parts[key][at:]


def _turn_round(parts: Parts, choices: Choices) -> None:
    key = choices.pick(_RAWS)
    parts[key] = parts[key][::-1]


def _bend_file(parts: Parts, choices: Choices) -> None:
    key = choices.pick(_FILES)
    files = {entry.path: entry for entry in parts[key]}
    if files:
        entry, other = choices.pick(parts[key]), choices.pick(parts["entries"] + parts["licenses"])
        field = choices.pick(("path", "mode", "blob"))
        bent = entry._replace(**{field: 0o100755 if field == "mode" else getattr(other, field)})
        files[bent.path] = bent
        parts[key] = _possible(files.values())


def _possible(files: Collection[Entry]) -> tuple[Entry, ...]:
    """Sorted, and no directory among them, which is all that records are read with."""
    directories = {
        entry.path[:at]
        for entry in files
        for at in range(len(entry.path))
        if entry.path[at : at + 1] == b"/"
    }
    return tuple(sorted(entry for entry in files if entry.path not in directories))


def _flip_bit(parts: Parts, choices: Choices) -> None:
    key = choices.pick(("raw_commit", "raw_tags", "raw_trees"))
    raws = [parts[key]] if key == "raw_commit" else list(parts[key])
    if raws:
        which = choices.pick(range(len(raws)))
        raw = bytearray(raws[which])
        raw[choices.pick(range(len(raw)))] ^= 1 << choices.pick(range(8))
        raws[which] = bytes(raw)
        parts[key] = raws[0] if key == "raw_commit" else tuple(raws)


def _put_tree_into_commit(parts: Parts, choices: Choices) -> None:
    trees = [
        parts["tree"],
        parts["upstream_tree"],
        *(object_id("tree", raw) for raw in parts["raw_trees"]),
    ]
    parts["raw_commit"] = b"tree %s" % choices.pick(trees).encode() + parts["raw_commit"][45:]


def _fit_ids(parts: Parts, choices: Choices) -> None:
    """What a careful forger does: whatever can be hashed anew says so."""
    if choices.pick((True, False)):
        parts["commit"] = object_id("commit", parts["raw_commit"])
    if choices.pick((True, False)) and parts["raw_tags"]:
        parts["tag"] = object_id("tag", parts["raw_tags"][0])
    if choices.pick((True, False)):
        parts["tree"] = hash_tree(parts["entries"])
    if choices.pick((True, False)):
        parts["raw_trees"] = tuple(
            sorted(set(parts["raw_trees"]), key=lambda raw: object_id("tree", raw))
        )


_EDITS = (
    _take_from_another,
    _say_another_id,
    _lose,
    _repeat,
    _turn_round,
    _bend_file,
    _flip_bit,
    _put_tree_into_commit,
    _fit_ids,
)
