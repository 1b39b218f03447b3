"""A directory as a Nix archive (NAR): the bytes whose SHA-256 Nix and Guix call the hash of a tree; pure."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from sync.ids import Mode
from sync.model import FileFact

_BASE32 = "0123456789abcdfghijklmnpqrsvwxyz"  # Nix's own alphabet, without e o t u
_HASH_BYTES = 32


class Chunks(Protocol):
    """Gives the content of a file piece by piece, of a symlink its target."""

    def __call__(self, fact: FileFact) -> Iterable[bytes]: ...


def archive(facts: Iterable[FileFact], read: Chunks) -> Iterator[bytes]:
    """The archive's bytes in order (Nix manual, "Nix Archive format"); reads each file once, as it comes."""
    tree: dict[bytes, object] = {}
    for fact in facts:
        *parents, name = fact.path.split(b"/")
        at = tree
        for parent in parents:
            at = at.setdefault(parent, {})  # type: ignore[assignment] # facts have no path that is both file and directory
        at[name] = fact
    yield _string(b"nix-archive-1")
    yield from _node(tree, read)


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
    """A SHA-256 as Nix' fetchers take it (W3C Subresource Integrity)."""
    return f"sha256-{base64.b64encode(sha256).decode()}"


def base32(sha256: bytes) -> str:
    """A SHA-256 as `nix-hash --base32` and Guix write it: 52 digits of five bits, the last bits first."""
    number = int.from_bytes(sha256, "little")
    digits = (_HASH_BYTES * 8 + 4) // 5
    return "".join(_BASE32[number >> 5 * at & 31] for at in reversed(range(digits)))
