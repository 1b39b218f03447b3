"""What many tests copy, since making it takes longer than most of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.git import USER_CONFIGURATION
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream


@contextmanager
def released(place: Path) -> Iterator[Upstream]:
    """An upstream with tags v1 and v2.

    Meanwhile git's configuration and the cache are those of `place`.
    """
    (place / "gitconfig").write_text(USER_CONFIGURATION)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(place / "gitconfig"))
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        upstream = Upstream.create(place / "upstream")
        upstream.release("v1", {"a.wit": b"a1\n", "b.wit": b"b\n"})
        upstream.release("v2", {"a.wit": b"a2\n", "b.wit": b"b\n"})
        yield upstream


def synced(path: Path, upstream: Upstream) -> Host:
    """A host with one mirror of it, `up`, at v1; committed."""
    host = Host.create(path)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    return host
