"""Writes a tree or a file as a Nix archive (NAR), whose SHA-256 identifies it in Nix and Guix.

All functions are pure.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from sync.ids import Mode
from sync.model.values import FileFact

_BASE32 = "0123456789abcdfghijklmnpqrsvwxyz"  # Nix's own alphabet: no e, o, t, u
_HASH_BYTES = 32


class Chunks(Protocol):
    """Returns the content of a file in pieces; for a symlink, its target."""

    def __call__(self, fact: FileFact) -> Iterable[bytes]: ...


def archive(facts: Iterable[FileFact], read: Chunks) -> Iterator[bytes]:
    """Yield the bytes of the archive in order (Nix manual, "Nix Archive format").

    Each file is read once, when its turn comes. One file with an empty path is the archive's root.
    """
    tree: dict[bytes, object] = {}
    for fact in facts:
        *parents, name = fact.path.split(b"/")
        at = tree
        for parent in parents:
            # No path is both a file and a directory.
            at = at.setdefault(parent, {})  # type: ignore[assignment]
        at[name] = fact
    yield _string(b"nix-archive-1")
    yield from _node(tree.get(b"", tree), read)


def _node(node: Mapping[bytes, object] | FileFact | object, read: Chunks) -> Iterator[bytes]:
    yield _string(b"(") + _string(b"type")
    if isinstance(node, FileFact):
        yield from _file(node, read)
    elif isinstance(node, dict):
        yield _string(b"directory")
        for name in sorted(node):
            yield (
                _string(b"entry")
                + _string(b"(")
                + _string(b"name")
                + _string(name)
                + _string(b"node")
            )
            yield from _node(node[name], read)
            yield _string(b")")
    yield _string(b")")


def _file(fact: FileFact, read: Chunks) -> Iterator[bytes]:
    if fact.mode == Mode.SYMLINK:
        yield _string(b"symlink") + _string(b"target") + _string(b"".join(read(fact)))
        return
    yield _string(b"regular") + (
        _string(b"executable") + _string(b"") if fact.mode == Mode.EXECUTABLE else b""
    )
    yield _string(b"contents") + fact.size.to_bytes(8, "little")
    yield from read(fact)
    yield _padding(fact.size)


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content + _padding(len(content))


def _padding(size: int) -> bytes:
    return bytes(-size % 8)


def sri(sha256: bytes) -> str:
    """Write a SHA-256 in the form that the fetchers of Nix take (W3C Subresource Integrity)."""
    return f"sha256-{base64.b64encode(sha256).decode()}"


def base32(sha256: bytes) -> str:
    """Write a SHA-256 like `nix-hash --base32` and Guix: 52 digits of 5 bits, last bits first."""
    number = int.from_bytes(sha256, "little")
    digits = (_HASH_BYTES * 8 + 4) // 5
    return "".join(_BASE32[number >> 5 * at & 31] for at in reversed(range(digits)))
