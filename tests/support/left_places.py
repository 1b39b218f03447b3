"""Hosts with a mirror at lib/cli that goes elsewhere, and what is in lib/ afterwards."""

from tests.support.hosts import LOOKS, Host, mirror
from tests.support.upstreams import Content, Upstream
from tests.support.wit import form, packages

ODD: dict[str | bytes, Content] = {
    "cli/link": ("120000", b"stdio.wit"),
    "cli/tool": ("100755", b"#!/bin/sh\n"),
    b"cli/\xff.txt": b"not UTF-8\n",
}


def io(upstream: Upstream) -> str:
    return mirror("io", upstream.url, tag="v1", from_="io", local=True)


def cli(upstream: Upstream, into: str, tag: str = "v1") -> str:
    return mirror(
        "cli", upstream.url, tag=tag, from_="cli", into=into, local=True, allow=["name-not-utf8"]
    )


def damaged(host: Host, record: str, how: str) -> None:
    path = host.third_party / record
    if how.startswith("lost"):
        path.unlink()
    else:
        path.write_text(path.read_text().replace('"mode": "100644"', '"mode": "100755"', 1))


def put(host: Host, path: str, text: str = "mine\n") -> None:
    file = host.path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def in_lib(host: Host) -> set[str]:
    return {path for path in host.snapshot() if path.startswith("lib/")}


def agree(host: Host) -> set[str]:
    """What lies in lib/: disk, index and HEAD have the same files there."""
    listed = (
        host.git("ls-files", "-z", "lib"),
        host.git("ls-tree", "-rz", "--name-only", "HEAD:lib"),
    )
    staged, committed = ({*one.split("\0")} - {""} for one in listed)
    assert staged == {f"lib/{path}" for path in committed} == in_lib(host)
    return in_lib(host)


def is_well(host: Host) -> None:
    for look in LOOKS[:-1]:
        ran = host.run(*look)
        assert ran.status == 0, (look, ran)
    assert host.git("status", "--porcelain") == ""
    assert host.sync().out.startswith("up to date")


def patched(into: str) -> str:
    return form("f", "patched", "io", into, patches=["patches/io.patch"])


OWN_PATCHES = '[host]\nown = ["/third_party/patches/"]\n'


def release_odd_packages(upstream: Upstream) -> Upstream:
    """Release two packages in two versions; one has a link, a program and an odd name too."""
    upstream.release("v1", {**packages(), **ODD})
    upstream.release("v2", {**packages(), **ODD, "cli/new.c": b"new\n"})
    return upstream


def sync_to_lib(host: Host, upstream: Upstream) -> Host:
    """Have a host with the mirrors `io`, and `cli` at lib/cli, committed."""
    host.manifest(io(upstream) + cli(upstream, "/lib/cli"))
    host.sync("--commit")
    return host


def other(upstream: Upstream, into: str) -> str:
    """The same files as another mirror."""
    return cli(upstream, into).replace('"cli"]', '"other"]')
