"""Records that are true: small upstreams in memory, and what sync would write of them."""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from functools import cache

from sync.ids import Mode, ObjectId, RepoPath
from sync.model.mirrors import Mirror, Selection, UpstreamCommit
from sync.model.values import FileFact, Pin, PinKind
from sync.objects.commits import commit_time
from sync.objects.tree import build_trees, object_id
from sync.record.record import Record, make_record
from sync.selection.copy import copy_of

TIME = 1_767_323_045


class Objects:
    """Git objects in memory, hashed by the code under test and by nothing else."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._contents

    def add(self, kind: str, content: bytes) -> ObjectId:
        name = object_id(kind, content)
        self._contents[name] = content
        return name

    def read(self, name: ObjectId) -> bytes:
        return self._contents[name]

    def size(self, name: ObjectId) -> int:
        return len(self._contents[name])

    def commit(self, files: dict[bytes, bytes], time: int = TIME) -> ObjectId:
        entries = [
            (RepoPath(path), Mode.FILE, self.add("blob", content))
            for path, content in files.items()
        ]
        trees = build_trees(entries)
        for tree in trees.values():
            self.add("tree", tree.raw)
        author = b"A <a@example.org> %d +0100" % time
        root = trees[b""].id.encode()
        return self.add(
            "commit", b"tree %s\nauthor %s\ncommitter %s\n\nmessage\n" % (root, author, author)
        )

    def tag(self, target: ObjectId, kind: str, name: str) -> ObjectId:
        return self.add(
            "tag",
            f"object {target}\ntype {kind}\ntag {name}\ntagger A <a@example.org> 1 +0000\n\n{name}\n".encode(),
        )


def record_of(
    files: dict[bytes, bytes],
    source: bytes = b"",
    *,
    selection: Selection | None = None,
    tags: int = 1,
    time: int = TIME,
    objects: Objects | None = None,
) -> Record:
    """The record that sync would write for these files.

    `tags` annotated tags lead to the commit.
    """
    objects = objects or Objects()
    commit = objects.commit(files, time)
    target, kind, raw_tags = commit, "commit", list[bytes]()
    for number in range(tags):
        target, kind = objects.tag(target, kind, f"v{tags - number}"), "tag"
        raw_tags.insert(0, objects.read(target))
    mirror = Mirror(
        "up",
        "https://example.org/up",
        Pin(PinKind.TAG, "v1"),
        ("third_party/up",),
        dataclasses.replace(selection or Selection(), source=RepoPath(source)),
    )
    raw = objects.read(commit)
    upstream = UpstreamCommit(
        mirror.url,
        mirror.pin,
        commit,
        commit_time(raw),
        target if tags else None,
        raw,
        tuple(raw_tags),
    )
    copy = copy_of(mirror, upstream, objects)

    def facts(entries: tuple) -> Iterator[FileFact]:
        for path, mode, blob in entries:
            content = objects.read(blob)
            yield FileFact(path, mode, blob, len(content), hashlib.sha256(content).hexdigest())

    return make_record(mirror, copy, facts(copy.holding.files), facts(copy.holding.licenses))


FILES = {
    b"LICENSE": b"l",
    b"README": b"r",
    b"wit/a": b"a",
    b"wit/deep/b": b"b",
    b"wit/deep/left": b"x",
    b"wit/deps/c": b"c",
}


@cache
def honest() -> Record:
    """One record with everything.

    It has an annotated tag of a tag, an ancestor, a licence, and something that is left out.
    """
    return record_of(FILES, b"wit", selection=Selection(exclude=("deps/", "left")), tags=2)


PARTS = (
    (b"wit", Selection(exclude=("deps/", "left"))),
    (b"wit", Selection()),
    (b"wit", Selection(include=("b", "left"))),
    (b"wit/deep", Selection()),
    (b"wit/deep", Selection(exclude=("/left",))),
    (b"", Selection()),
    (b"", Selection(exclude=("wit/deps/", "LICENSE"))),
)


@cache
def upstream() -> tuple[Objects, tuple[Record, ...]]:
    """All objects of an upstream with two commits, and records of many parts of it.

    The record with everything comes first.
    """
    objects = Objects()
    commits = (FILES, FILES | {b"wit/deep/b": b"B", b"wit/COPYING": b"c"})
    return objects, tuple(
        record_of(
            files, source, selection=selection, tags=tags, time=TIME + len(files), objects=objects
        )
        for files, (source, selection), tags in itertools.product(commits, PARTS, (2, 1, 0))
    )
