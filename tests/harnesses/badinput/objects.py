"""Trees, blobs, commits and tags that git would not have written, or that lie about themselves."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.harnesses.badinput.case import ACCEPTED, Build, Case
from tests.harnesses.badinput.scene import FILE, Scene, commit_of, line, object_id, tag_of

_MISSING, _NULL = "1" * 40, "0" * 40
# git's own server refuses to serve these; tests/test_malformed_objects.py has a server that does
_DAMAGED, _NOT_GIVEN, _TOO_MUCH = "upstream-incomplete", "object-not-there", "memory-limit"
_COULD_NOT_CHECK = frozenset({_DAMAGED, _NOT_GIVEN, _TOO_MUCH, "upstream-unreachable"})
_Make = Callable[[Scene], str]


def tree(*entries: tuple[str, bytes, str]) -> Build:
    """An upstream whose tree has these lines.

    `@blob`, `@tree`, `@commit` and `@empty` stand for objects that the upstream has.
    """

    def build(scene: Scene) -> None:
        scene.release_tree(
            scene.upstream.put(
                "tree", b"".join(line(mode, name, _target(scene, to)) for mode, name, to in entries)
            )
        )

    return build


def raw_tree(raw: bytes) -> Build:
    def build(scene: Scene) -> None:
        scene.taken = {b" a": (FILE, b"x\n")}  # of the one of them that is a tree
        _target(scene, "@blob")
        scene.release_tree(scene.upstream.put("tree", raw))

    return build


def pointing(make: _Make) -> Build:
    """An upstream whose tag names what `make` has written."""

    def build(scene: Scene) -> None:
        scene.release_object(make(scene))
        scene.taken = {b"x": (FILE, b"x\n")}

    return build


def _target(scene: Scene, what: str) -> str:
    objects = scene.upstream
    blob = objects.put("blob", b"x\n")
    inner = objects.put("tree", line("100644", b"x", blob))
    known = {
        "@blob": lambda: blob,
        "@tree": lambda: inner,
        "@commit": lambda: objects.put("commit", commit_of(inner)),
        "@blob-like-a-tree": lambda: objects.put("blob", line("100644", b"y", blob)),
        "@empty": lambda: objects.put("tree", b""),
    }
    return known[what]() if what in known else what


_BLOB = bytes.fromhex(object_id("blob", b"x\n"))
_UNKNOWN_MODES = {
    "group-writable": "100664",
    "private": "100600",
    "world-writable": "100777",
    "without-permissions": "100000",
    "set-uid": "104755",
    "set-gid": "102755",
    "sticky": "101644",
    "character-device": "20644",
    "block-device": "60644",
    "fifo": "10644",
    "socket": "140644",
    "padded-file": "0100644",
    "padded-tree": "040000",
    "tree-with-permissions": "40755",
    "symlink-with-permissions": "120777",
    "gitlink-with-permissions": "160755",
    "zero": "0",
    "none": "",
    "negative": "-100644",
    "signed": "+100644",
    "decimal": "33188",
    "hexadecimal": "0x81a4",
    "word": "file",
    "escape": "\x1b[31m",
    "very-long": "1" * 5000,
}
_NOT_OCTAL = frozenset({"none", "negative", "signed", "decimal", "hexadecimal", "word", "escape"})
_RAW: dict[str, tuple[bytes, str]] = {
    "without-nul": (b"100644 a", _DAMAGED),
    "without-blank": (b"100644", _DAMAGED),
    "ends-in-id": (b"100644 a\0" + _BLOB[:-1], _DAMAGED),
    "ends-before-id": (b"100644 a\0", _DAMAGED),
    "rubbish-at-the-end": (b"100644 a\0" + _BLOB + b"rubbish", _DAMAGED),
    "two-blanks": (b"100644  a\0" + _BLOB, ACCEPTED),
    "only-nul": (b"\0", _DAMAGED),
    "text": (b"this is no tree\n", _DAMAGED),
}
_DISORDER: dict[str, tuple[tuple[tuple[str, bytes, str], ...], str]] = {
    "file-twice": ((("100644", b"a", "@blob"), ("100644", b"a", "@blob")), "tree-duplicate-name"),
    "file-and-directory": (
        (("100644", b"a", "@blob"), ("40000", b"a", "@tree")),
        "tree-duplicate-name",
    ),
    "file-and-symlink": (
        (("100644", b"a", "@blob"), ("120000", b"a", "@blob")),
        "tree-duplicate-name",
    ),
    "file-and-submodule": (
        (("100644", b"a", "@blob"), ("160000", b"a", _MISSING)),
        "tree-duplicate-name",
    ),
    "directory-twice": (
        (("40000", b"a", "@tree"), ("40000", b"a", "@tree")),
        "tree-duplicate-name",
    ),
    "not-adjacent": (
        (("100644", b"a", "@blob"), ("100644", b"a.b", "@blob"), ("40000", b"a", "@tree")),
        "tree-duplicate-name",
    ),
    "unsorted": ((("100644", b"b", "@blob"), ("100644", b"a", "@blob")), "tree-unsorted"),
    "directory-sorted-as-file": (
        (("40000", b"a", "@tree"), ("100644", b"a.b", "@blob")),
        "tree-unsorted",
    ),
    "file-sorted-as-directory": (
        (("100644", b"a.b", "@blob"), ("100644", b"a", "@blob")),
        "tree-unsorted",
    ),
    "sorted-without-case": (
        (("100644", b"a", "@blob"), ("100644", b"B", "@blob")),
        "tree-unsorted",
    ),
}


def _case(name: str, expected: str, build: Build) -> Case:
    return Case(name, expected, build, status=3 if expected in _COULD_NOT_CHECK else 2)


def _trees() -> Iterator[Case]:
    for label, mode in _UNKNOWN_MODES.items():
        expected = _DAMAGED if label in _NOT_OCTAL else "mode-unknown"
        yield _case(
            f"mode-{label}", expected, tree((mode, b"a", "@tree" if "tree" in label else "@blob"))
        )
    for label, (raw, expected) in _RAW.items():
        yield _case(f"tree-{label}", expected, raw_tree(raw))
    for label, (entries, expected) in _DISORDER.items():
        yield Case(f"tree-{label}", expected, tree(*entries))
    yield Case("tree-empty", "selection-empty", raw_tree(b""))
    yield Case(
        "tree-of-an-empty-directory",
        "empty-directory",
        tree(("40000", b"a", "@empty"), ("100644", b"b", "@blob")),
    )
    yield Case("submodule", "submodule", tree(("160000", b"sub", _MISSING)), path=b"sub")
    yield Case("submodule-of-a-blob", "submodule", tree(("160000", b"sub", "@blob")), path=b"sub")
    yield Case("submodule-null", "submodule", tree(("160000", b"sub", _NULL)), path=b"sub")
    for label, mode, target in (
        ("file-is-a-tree", "100644", "@tree"),
        ("file-is-a-commit", "100644", "@commit"),
        ("symlink-is-a-commit", "120000", "@commit"),
        ("directory-is-a-blob", "40000", "@blob"),
        ("directory-is-a-blob-like-a-tree", "40000", "@blob-like-a-tree"),
        ("directory-is-a-commit", "40000", "@commit"),
    ):
        expected = _DAMAGED if mode == "40000" else "staged-differs"
        yield _case(f"entry-{label}", expected, tree((mode, b"a", target)))
    for label, mode in (("file", "100644"), ("directory", "40000"), ("symlink", "120000")):
        expected = _DAMAGED if mode == "40000" else _NOT_GIVEN
        yield _case(f"entry-{label}-missing", expected, tree((mode, b"a", _MISSING)))
        yield _case(f"entry-{label}-null", expected, tree((mode, b"a", _NULL)))


def spoiled(kind: str, spoil: Callable[[bytes], bytes]) -> Build:
    """An upstream one of whose loose objects is another file than it should be."""

    def build(scene: Scene) -> None:
        blob = scene.upstream.put("blob", content := b"x\n" * 200)
        scene.taken = {b"x": (FILE, content)}
        root = scene.upstream.put("tree", line("100644", b"x", blob))
        commit = scene.upstream.put("commit", commit_of(root))
        tag = scene.upstream.put("tag", tag_of(commit, "bad"))
        name = {"blob": blob, "tree": root, "commit": commit, "tag": tag}[kind]
        path = scene.upstream.git_directory / "objects" / name[:2] / name[2:]
        scene.upstream.put_file(name, spoil(path.read_bytes()))
        scene.release_object(tag)

    return build


def _deflated(raw: bytes) -> bytes:
    return zlib.compress(raw)


_SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "cut-off": lambda file: file[: len(file) // 2],
    "empty-file": lambda _: b"",
    "not-deflated": lambda _: b"rubbish",
    "other-content": lambda _: _deflated(b"blob 1\0y"),
    "unknown-kind": lambda file: _deflated(b"blub " + zlib.decompress(file).partition(b" ")[2]),
    "without-header": lambda file: _deflated(zlib.decompress(file).partition(b"\0")[2]),
}
# what these hold hashes to the id
_FALSE_SIZES: dict[str, Callable[[bytes], bytes]] = {
    "of-another-size": lambda file: _deflated(zlib.decompress(file).replace(b" ", b" 9", 1)),
    "of-a-huge-size": lambda file: _deflated(
        zlib.decompress(file).replace(b" ", b" 99999999999999", 1)
    ),
    "of-a-negative-size": lambda file: _deflated(zlib.decompress(file).replace(b" ", b" -", 1)),
    "with-data-behind": lambda file: file + b"rubbish",
}
# git takes as much memory as the header says, also before it sees that this is none
_OF_FALSE_SIZES = {
    ("blob", "of-a-huge-size"): "upstream-unreachable",
    ("tree", "of-a-huge-size"): _TOO_MUCH,
    ("commit", "of-a-huge-size"): _TOO_MUCH,
    ("tag", "of-a-huge-size"): _TOO_MUCH,
    ("commit", "of-a-negative-size"): _TOO_MUCH,
}


def _spoiled() -> Iterator[Case]:
    for kind in ("blob", "tree", "commit", "tag"):
        for label, spoil in _SPOILED.items():
            yield _case(f"{kind}-file-{label}", _DAMAGED, spoiled(kind, spoil))
        for label, spoil in _FALSE_SIZES.items():
            expected = _OF_FALSE_SIZES.get((kind, label), _DAMAGED)
            yield _case(f"{kind}-file-{label}", expected, spoiled(kind, spoil))


def _good_commit(scene: Scene) -> str:
    return scene.upstream.put("commit", commit_of(_target(scene, "@tree")))


def commit(raw: Callable[[str], bytes]) -> Build:
    """An upstream whose tag names this raw commit of a good tree."""
    return pointing(lambda scene: scene.upstream.put("commit", raw(_target(scene, "@tree"))))


def _header(*lines: str) -> Callable[[str], bytes]:
    """A commit with more lines in its header, or other ones."""
    return lambda root: ("\n".join((f"tree {root}", *lines)) + "\n\nm\n").encode(
        "utf-8", "surrogateescape"
    )


_WHO = ("author A <a@b> 1700000000 +0000", "committer A <a@b> 1700000000 +0000")
_COMMITS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "without-tree": (
        lambda _: b"author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n",
        _NOT_GIVEN,
    ),
    "empty": (lambda _: b"", _NOT_GIVEN),
    "of-text": (lambda _: b"tre\n\n", _NOT_GIVEN),
    "with-short-tree": (lambda root: f"tree {root[:39]}\n\n".encode(), _NOT_GIVEN),
    "with-tree-in-capitals": (lambda _: commit_of("A" * 40), _DAMAGED),
    "with-missing-tree": (lambda _: commit_of(_MISSING), _DAMAGED),
    "with-null-tree": (lambda _: commit_of(_NULL), _DAMAGED),
    "with-blob-as-tree": (lambda _: commit_of(object_id("blob", b"x\n")), _DAMAGED),
    "without-committer": (_header(_WHO[0]), "commit-malformed"),
    "without-time": (_header("author A <a@b>", "committer A <a@b>"), "commit-malformed"),
    "with-time-of-text": (lambda root: commit_of(root, time="yesterday"), "commit-malformed"),
    "far-in-the-future": (
        lambda root: commit_of(root, time="99999999999999 +0000"),
        "commit-malformed",
    ),
    "before-1970": (lambda root: commit_of(root, time="-1 +0000"), ACCEPTED),
    "with-odd-zone": (lambda root: commit_of(root, time="1700000000 +9999"), ACCEPTED),
    "with-two-trees": (
        lambda root: commit_of(root).replace(b"\n", f"\ntree {root}\n".encode(), 1),
        ACCEPTED,
    ),
    "with-missing-parent": (_header(f"parent {_MISSING}", *_WHO), ACCEPTED),
    "with-1000-parents": (_header(*[f"parent {_MISSING}"] * 1000, *_WHO), ACCEPTED),
    "with-nul": (lambda root: commit_of(root, message="a\0b"), ACCEPTED),
    "with-escape": (lambda root: commit_of(root, message="\x1b]0;x\x07\n::error::x\n"), ACCEPTED),
    "not-utf8": (lambda root: commit_of(root).replace(b"A <", b"\xff <"), ACCEPTED),
    "with-signature": (_header(*_WHO, "gpgsig -----BEGIN PGP SIGNATURE-----", " x"), ACCEPTED),
    "with-trailer": (lambda root: commit_of(root, message="m\n\nMirror-Sync: up v1 x\n"), ACCEPTED),
}


def _commits() -> Iterator[Case]:
    for label, (raw, expected) in _COMMITS.items():
        yield replace(
            _case(f"commit-{label}", expected, commit(raw)), hint=expected != "commit-malformed"
        )
    yield _case("commit-with-blob-like-a-tree", _DAMAGED, pointing(_of_a_blob))


def _of_a_blob(scene: Scene) -> str:
    return scene.upstream.put("commit", commit_of(_target(scene, "@blob-like-a-tree")))


def pinned(make: _Make) -> Build:
    """A manifest that pins the id of what `make` gives as a commit."""

    def build(scene: Scene) -> None:
        scene.want(tag=None, commit=make(scene))

    return build


def nested_tags(count: int, first: str | None = None) -> _Make:
    """So many annotated tags, one of the other."""

    def make(scene: Scene) -> str:
        current, kind = first or _good_commit(scene), "commit"
        objects = []
        for _ in range(count):
            raw = tag_of(current, "bad", kind)
            objects.append(("tag", raw))
            current, kind = object_id("tag", raw), "tag"
        if count > 1000:
            scene.upstream.put_pack(objects)
        else:
            for _, raw in objects:
                scene.upstream.put("tag", raw)
        return current

    return make


def _ref(content: str) -> Build:
    def build(scene: Scene) -> None:
        _good_commit(scene)
        scene.release_object(content)

    return build


def _packed_refs(content: bytes) -> Build:
    def build(scene: Scene) -> None:
        (scene.upstream.git_directory / "packed-refs").write_bytes(content)
        scene.want()

    return build


def _named_like_an_id(scene: Scene) -> None:
    commit = _good_commit(scene)
    scene.upstream.ref(f"refs/tags/{_MISSING}", commit)
    scene.taken = {b"x": (FILE, b"x\n")}
    scene.want(tag=_MISSING)


def _branch_and_tag(scene: Scene) -> None:
    scene.upstream.ref("refs/heads/bad", scene.upstream.put("commit", commit_of(_MISSING)))
    scene.release({b"a": (FILE, b"the tag\n")})


def _only_a_branch(scene: Scene) -> None:
    scene.upstream.ref("refs/heads/bad", _good_commit(scene))
    scene.want()


def _tag_object(raw: Callable[[str], bytes]) -> Build:
    return pointing(lambda scene: scene.upstream.put("tag", raw(_good_commit(scene))))


_NO_COMMIT = "pin-not-a-commit"


def _tags() -> Iterator[Case]:
    yield Case("tag-missing", "tag-missing", lambda scene: scene.want())
    yield Case(
        "tag-only-in-another-case",
        "tag-missing",
        lambda scene: (scene.release({b"a": (FILE, b"")}), scene.want(tag="BAD"))[0],
    )
    yield Case("tag-only-a-branch", "tag-missing", _only_a_branch)
    yield Case("tag-and-branch-of-one-name", ACCEPTED, _branch_and_tag)
    yield Case("tag-named-like-an-id", ACCEPTED, _named_like_an_id)
    yield Case("tag-annotated", ACCEPTED, pointing(nested_tags(1)))
    yield Case("tags-nested", ACCEPTED, pointing(nested_tags(3)))
    yield Case("tags-nested-60-deep", _NO_COMMIT, pointing(nested_tags(60)))
    yield Case("tags-nested-20000-deep", _NO_COMMIT, pointing(nested_tags(20_000)))
    yield _case("tag-of-a-missing-commit", _DAMAGED, pointing(nested_tags(1, _MISSING)))
    yield Case("tag-of-another-name", "tag-renamed", _tag_object(lambda to: tag_of(to, "v1")))
    yield Case("tag-that-escapes", "tag-renamed", _tag_object(lambda to: tag_of(to, "\x1b[31mbad")))
    yield _case(
        "tag-without-object", _NOT_GIVEN, _tag_object(lambda _: b"type commit\ntag bad\n\nm\n")
    )
    yield _case(
        "tag-without-type",
        _NOT_GIVEN,
        _tag_object(lambda to: f"object {to}\ntag bad\n\nm\n".encode()),
    )
    yield _case("tag-of-text", _NOT_GIVEN, _tag_object(lambda _: b"rubbish"))
    yield _case("tag-that-says-tree", _DAMAGED, _tag_object(lambda to: tag_of(to, "bad", "tree")))
    yield Case(
        "tag-of-a-tree",
        _NO_COMMIT,
        pointing(lambda s: s.upstream.put("tag", tag_of(_target(s, "@tree"), "bad", "tree"))),
    )
    yield Case(
        "tag-of-a-blob",
        _NO_COMMIT,
        pointing(lambda s: s.upstream.put("tag", tag_of(_target(s, "@blob"), "bad", "blob"))),
    )
    yield Case("ref-of-a-tree", _NO_COMMIT, pointing(lambda scene: _target(scene, "@tree")))
    yield Case("ref-of-a-blob", _NO_COMMIT, pointing(lambda scene: _target(scene, "@blob")))
    yield _case("ref-of-a-missing-object", _NOT_GIVEN, _ref(_MISSING))
    yield _case("ref-of-null", _NOT_GIVEN, _ref(_NULL))
    yield _case("ref-of-text", _NOT_GIVEN, _ref("rubbish"))
    yield _case("ref-empty", _NOT_GIVEN, _ref(""))
    yield Case("ref-to-itself", "tag-missing", _ref("ref: refs/tags/bad"))
    yield Case("ref-to-a-file", "tag-missing", _ref("ref: ../../outside/precious"))
    yield _case("packed-refs-of-text", _DAMAGED, _packed_refs(b"rubbish\n"))
    yield _case(
        "packed-refs-cut-off", _DAMAGED, _packed_refs(b"# pack-refs with: peeled\n" + b"1" * 20)
    )
    yield Case("pin-of-a-missing-commit", "commit-missing", pinned(lambda _: _MISSING), status=3)
    yield Case("pin-of-null", "commit-missing", pinned(lambda _: _NULL), status=3)
    yield Case("pin-of-a-tree", _NO_COMMIT, pinned(lambda scene: _target(scene, "@tree")))
    yield Case("pin-of-a-blob", _NO_COMMIT, pinned(lambda scene: _target(scene, "@blob")))
    yield Case("pin-of-a-tag-object", _NO_COMMIT, pinned(nested_tags(1)))


MODES_AND_OBJECTS = (*_trees(), *_spoiled(), *_commits(), *_tags())
