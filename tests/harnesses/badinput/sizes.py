"""Objects that are small to send and large to hold, or too many or too deep to be read in time."""

import zlib
from collections.abc import Iterator

from tests.harnesses.badinput.case import ACCEPTED, Build, Case
from tests.harnesses.badinput.scene import FILE, Objects, Scene, commit_of, line, object_id, tag_of
from tests.support.git import git

_HUGE = 400 << 20
# what git itself takes more memory for than fetching may
_TOO_MUCH = "memory-limit"


def _zeros(objects: Objects, kind: str, size: int) -> str:
    """The id of an object of zeros that was never held as a whole."""
    import hashlib

    digest = hashlib.sha1(f"{kind} {size}\0".encode(), usedforsecurity=False)
    deflate = zlib.compressobj(1)
    parts = [deflate.compress(f"{kind} {size}\0".encode())]
    for _ in range(size >> 20):
        digest.update(bytes(1 << 20))
        parts.append(deflate.compress(bytes(1 << 20)))
    objects.put_file(digest.hexdigest(), b"".join([*parts, deflate.flush()]))
    return digest.hexdigest()


def _huge_blob(mode: str) -> Build:
    def build(scene: Scene) -> None:
        blob = _zeros(scene.upstream, "blob", _HUGE)
        scene.release_tree(scene.upstream.put("tree", line(mode, b"big", blob)))

    return build


def _huge_object(kind: str) -> Build:
    def build(scene: Scene) -> None:
        name = _zeros(scene.upstream, kind, _HUGE)
        if kind == "tree":
            scene.release_tree(name)
        else:
            scene.release_object(name)

    return build


def _huge_message(scene: Scene) -> None:
    tree = scene.upstream.put_tree({b"x": (FILE, b"x\n")})
    scene.release_object(scene.upstream.put("commit", commit_of(tree, message="m" * 5_000_000)))


def _long_name(scene: Scene) -> None:
    """A tag whose name is 10 megabytes long."""
    commit = scene.upstream.put(
        "commit", commit_of(scene.upstream.put_tree({b"x": (FILE, b"x\n")}))
    )
    scene.release_object(scene.upstream.put("tag", tag_of(commit, "x" * 10_000_000)))


def _deltas(scene: Scene) -> None:
    """Blobs of 50 megabytes that git packs as deltas of one another."""
    blobs = []
    for number in range(4):
        blob = git(
            scene.upstream.git_directory,
            "hash-object",
            "-w",
            "--stdin",
            stdin=bytes(50 << 20) + b"%d" % number,
        )
        blobs.append(blob)
    git(
        scene.upstream.git_directory,
        "pack-objects",
        "-q",
        "--window=4",
        "objects/pack/pack",
        stdin="\n".join(blobs).encode(),
    )
    git(scene.upstream.git_directory, "prune-packed")
    entries = [line("100644", b"%d" % number, blobs[number % 4]) for number in range(10, 60)]
    scene.release_tree(scene.upstream.put("tree", b"".join(entries)))


def _bomb(width: int, depth: int) -> Build:
    """Trees of `width` names each, one inside the other.

    A few objects name as many paths as `width` to the power of `depth`.
    """
    return lambda scene: scene.release_tree(tree_bomb(scene.upstream, width, depth))


def tree_bomb(store: Objects, width: int, depth: int) -> str:
    """Likewise in any object database; the id of the outermost."""
    current, mode = store.put("blob", b""), "100644"
    for _ in range(depth):
        current = store.put(
            "tree", b"".join(line(mode, b"%03d" % n, current) for n in range(width))
        )
        mode = "40000"
    return current


def _deep(depth: int) -> Build:
    return lambda scene: scene.release_tree(deep_tree(scene.upstream, depth))


def deep_tree(store: Objects, depth: int) -> str:
    """Directories one inside the other, and a file in the last; the id of the outermost."""
    raw = line("100644", b"f", store.put("blob", b"x\n"))
    objects = [("tree", raw)]
    for _ in range(depth):
        raw = line("40000", b"d", object_id("tree", raw))
        objects.append(("tree", raw))
    store.put_pack(objects)
    return object_id("tree", raw)


def _wide(count: int) -> Build:
    def build(scene: Scene) -> None:
        blob = scene.upstream.put("blob", b"x\n")
        scene.release_tree(
            scene.upstream.put(
                "tree", b"".join(line("100644", b"%07d" % n, blob) for n in range(count))
            )
        )

    return build


def _many_refs(count: int, tag: str) -> Build:
    """So many tags, packed as git packs them."""

    def build(scene: Scene) -> None:
        commit = scene.upstream.put(
            "commit", commit_of(scene.upstream.put_tree({b"x": (FILE, b"x\n")}))
        )
        with (scene.upstream.git_directory / "packed-refs").open("w") as file:
            file.write("# pack-refs with: peeled fully-peeled sorted \n")
            file.writelines(f"{commit} refs/tags/t{number:07d}\n" for number in range(count))
        scene.want(tag=tag)
        scene.taken = {b"x": (FILE, b"x\n")}

    return build


def _many_bytes(scene: Scene) -> None:
    """Names that make a mirror of more bytes than a budget, of one blob that is there once."""
    blob = _zeros(scene.upstream, "blob", 90 << 20)
    scene.release_tree(
        scene.upstream.put("tree", b"".join(line("100644", b"%02d" % n, blob) for n in range(40)))
    )


def _cases() -> Iterator[Case]:
    yield Case("blob-of-400-megabytes", "file-too-large", _huge_blob("100644"), path=b"big")
    yield Case("symlink-of-400-megabytes", "symlink-too-long", _huge_blob("120000"), path=b"big")
    yield Case("tree-of-400-megabytes", _TOO_MUCH, _huge_object("tree"), status=3)
    yield Case("commit-of-400-megabytes", _TOO_MUCH, _huge_object("commit"), status=3)
    yield Case("tag-of-400-megabytes", _TOO_MUCH, _huge_object("tag"), status=3)
    yield Case("message-of-5-megabytes", "commit-too-large", _huge_message)
    yield Case("tag-name-of-10-megabytes", "commit-too-large", _long_name)
    yield Case("blob-40-times", "too-many-bytes", _many_bytes)
    yield Case("deltas-of-50-megabytes", "too-many-bytes", _deltas)
    yield Case("tree-bomb-of-two-names", "tree-too-large", _bomb(2, 40))
    yield Case("tree-bomb-of-ten-names", "tree-too-large", _bomb(10, 10))
    yield Case("tree-bomb-of-1000-names", "tree-too-large", _bomb(1000, 3))
    yield Case("tree-200-deep", "too-deep", _deep(200))
    yield Case("tree-201-deep", "tree-too-deep", _deep(201))
    yield Case("tree-60000-deep", _TOO_MUCH, _deep(60_000), status=3)
    yield Case("100001-files", "too-many-files", _wide(100_001))
    yield Case("600000-files", "tree-too-large", _wide(600_000))
    yield Case("two-million-refs", ACCEPTED, _many_refs(2_000_000, "t1234567"))
    yield Case("two-million-refs-and-not-this-one", "tag-missing", _many_refs(2_000_000, "v9"))


CASES = tuple(_cases())
