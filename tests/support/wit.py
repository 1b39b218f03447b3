"""An upstream of two WIT packages, of which one needs the other, and a host that mirrors both."""

from dataclasses import replace

from sync.derived.ingredients import fact_of
from sync.derived.json_file import dump_derived, parse_derived
from sync.objects.tree import hash_tree
from tests.support.git import git_bytes
from tests.support.hosts import Host, Key, mirror
from tests.support.upstreams import Content, Upstream

TOOL = "1.262.0"
"""The version of wasm-tools by which tests make forms."""
TOOLS = f'[tools.wasm-tools]\nversion = "{TOOL}"\n'

IO = b"""\
package y:io@1.0.0;

/// What is read.
interface streams {
  type size = u32;
  /// How many bytes.
  read: func() -> size;
}

world imports {
  import streams;
}
"""
CLI = b"""\
package y:cli@1.0.0;

/// What a command has.
interface stdio {
  use y:io/streams@1.0.0.{size};
  @unstable(feature = more)
  more: func();
  /// Where it writes.
  get: func() -> size;
}

world command {
  import y:io/streams@1.0.0;
  import stdio;
}
"""


def packages(io: bytes = IO, cli: bytes = CLI) -> dict[str, Content]:
    """The upstream's files."""
    return {
        "LICENSE": b"MIT\n",
        "io/streams.wit": io,
        "io/README.md": b"# io\n",
        "cli/stdio.wit": cli,
        "cli/sub/other.wit": b"package not:read;\n",
    }


def mirrors(upstream: Upstream, tag: str = "v1", **keys: Key) -> str:
    """The manifest's tables of both mirrors."""
    return "".join(
        mirror(name, upstream.url, tag=tag, from_=name, into=f"wit/{name}", local=True, **keys)
        for name in ("io", "cli")
    )


def form(name: str, kind: str, of: str, into: str | list[str], **keys: Key) -> str:
    """The manifest's table of a derived form."""
    table = mirror(name, "", form=kind, of=of, into=into, **keys)
    return table.replace("[mirrors.", "[derived.", 1).replace('url = ""\n', "", 1)


BINARY = form("cli.wasm", "wit-binary", "cli", "/crates/y/cli.wasm", with_=["io"])
TEXT = form("cli.wat", "wat", "cli", "wit/cli.wat", with_=["io"])
SINGLE = form("cli.wit", "wit-single", "cli", ["wit/cli.wit", "/crates/y/cli.wit"], with_=["io"])
PACKAGE = form("io.wit", "wit-package", "io", "/crates/y/io.wit")
PACKED = form("io.wit.gz", "gzip", "io.wit", "wit/io.wit.gz")
ALL = (BINARY, TEXT, SINGLE, PACKAGE, PACKED)

PATCH = "third_party/patches/io.patch"
STORY = b"""\
Description: sizes have 64 bits
Author: A. Maintainer <a@example.org>

"""
PATCHED = form(
    "io-patched", "patched", "io", ["wit/patched", "/crates/z"], patches=["patches/io.patch"]
)
OF_PATCHED = form("p.wit", "wit-package", "io-patched", "p.wit")


def write_patch(host: Host) -> None:
    """The patch of the mirror `io`, as git makes it."""
    after = IO.replace(b"type size = u32;", b"type size = u64;")
    blobs = [host.git("hash-object", "-w", "--stdin", stdin=one) for one in (IO, after)]
    diff = git_bytes(host.path, "diff", "--full-index", *blobs)
    for blob in blobs:
        diff = diff.replace(b"a/" + blob.encode(), b"a/streams.wit")
        diff = diff.replace(b"b/" + blob.encode(), b"b/streams.wit")
    path = host.path / PATCH
    path.parent.mkdir(parents=True)
    path.write_bytes(STORY + diff)


def made(host: Host, upstream: Upstream, *forms: str, tag: str = "v1", commit: bool = True) -> Host:
    """The host with both mirrors and these forms, synced and committed."""
    host.manifest(mirrors(upstream, tag) + TOOLS + "".join(forms))
    host.sync(*(["--commit"] if commit else []))
    return host


def forge_form(host: Host, name: str, path: bytes, content: bytes) -> None:
    """Edit a file of a form in all its places, and make its record agree.

    The path starts at the place; it is empty where the place is the file.
    """
    file = host.third_party / "provenance" / "derived" / f"{name}.json"
    record = parse_derived(file.read_bytes(), name)
    outputs = tuple(
        fact_of(fact.path, fact.mode, content) if fact.path == path else fact
        for fact in record.outputs
    )
    assert outputs != record.outputs
    tree = hash_tree(fact.entry for fact in outputs) if record.is_directory else None
    file.write_bytes(dump_derived(replace(record, outputs=outputs, tree=tree)))
    for place in record.places:
        (host.path / place / path.decode()).write_bytes(content)
