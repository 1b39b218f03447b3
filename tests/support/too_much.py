"""Packs that take too much, and how much memory a sync takes."""

import hashlib
import struct
import sys
import zlib

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.program import run_under
from tests.support.upstreams import Upstream

TOO_MUCH = "error: the upstream sends too much\n  url: {}\n  what it sends does not fit into the memory that fetching may take\n"


def measured(host: Host, url: str, *options: str, **keys: str) -> tuple[int, str, float]:
    """A sync's exit status, stderr, and the most memory that it took, in MB."""
    host.manifest(mirror("up", url, tag="v1", **keys))
    ran = run_under(host.path, (sys.executable, "-m", "tests.support.peak"), "sync", *options)
    return ran.status, ran.err, int(ran.out.split()[-1]) / 1024


def pack_of_a_large_delta(upstream: Upstream) -> bytes:
    """A few hundred bytes, of which a delta makes 393 MB."""
    base, copies = bytes(65536), 6000
    digest = hashlib.sha1(b"blob %d\0" % (len(base) * copies))
    for _ in range(copies):
        digest.update(base)
    small = hashlib.sha1(b"blob %d\0" % len(base) + base).digest()
    tree = b"100644 a\0" + small + b"100644 b\0" + digest.digest()
    commit = raw_commit(hashlib.sha1(b"tree %d\0" % len(tree) + tree).hexdigest())
    # 0x80: copy from the base's beginning as much as one instruction can, 64 KiB (gitformat-pack)
    delta = _length(len(base)) + _length(len(base) * copies) + b"\x80" * copies
    objects = [_packed(1, commit), _packed(2, tree), _packed(3, base), _packed(7, delta, small)]
    pack = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(objects)
    git(upstream.path, "index-pack", "--stdin", stdin=pack + hashlib.sha1(pack).digest())
    git(
        upstream.path,
        "update-ref",
        "refs/tags/v1",
        hashlib.sha1(b"commit %d\0" % len(commit) + commit).hexdigest(),
    )
    return pack


def raw_commit(tree: str) -> bytes:
    return f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n".encode()


def _packed(kind: int, content: bytes, base: bytes = b"") -> bytes:
    low, rest = len(content) & 15, len(content) >> 4
    return (
        bytes([kind << 4 | low | (128 if rest else 0)])
        + (_length(rest) if rest else b"")
        + base
        + zlib.compress(content, 9)
    )


def _length(number: int) -> bytes:
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + _length(rest) if rest else bytes([low])
