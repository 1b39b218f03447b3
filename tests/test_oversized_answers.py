"""Servers that send too much: refused within seconds, and with little memory taken."""

import random
from pathlib import Path

import pytest

from sync.errors import CouldNotCheckError
from sync.git.repository import Repository
from sync.git.transport import Request, fetch
from sync.git.transport_configuration import TransportConfiguration
from tests.support.caches import left_in_cache
from tests.support.git import git
from tests.support.git_http import Trouble, git_http
from tests.support.hosts import Host
from tests.support.misbehaving import dripping_pack, endless_headers, endless_refs, endless_words
from tests.support.too_much import TOO_MUCH, measured, pack_of_a_large_delta, raw_commit
from tests.support.upstreams import Upstream
from tests.test_network_failures import FILES


@pytest.fixture(scope="module")
def base_memory(tmp_path_factory: pytest.TempPathFactory) -> float:
    """What a sync of next to nothing takes, in MB."""
    place = tmp_path_factory.mktemp("base")
    Upstream.create(place / "small").release("v1", {"a": b""})
    with git_http(place) as site:
        return measured(Host.create(place / "host"), site.url("small"))[2]


def test_a_pack_that_grows_beyond_all_measure_is_refused(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path, base_memory: float
) -> None:
    assert len(pack_of_a_large_delta(upstream)) < 500
    with git_http(tmp_path) as site:
        status, err, megabytes = measured(host, site.url())
        assert (status, err.partition("hint: ")[0], site.visits()) == (
            3,
            TOO_MUCH.format(site.url()),
            1,
        )
    assert megabytes < base_memory + 200
    assert (list(host.snapshot()), left_in_cache(scratch_home)) == (
        ["third_party/mirrors.toml"],
        [],
    )


def test_refs_without_end_are_refused(
    host: Host, upstream: Upstream, tmp_path: Path, base_memory: float
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=endless_refs) as site:
        status, err, megabytes = measured(host, site.url())
        assert (status, err.partition("hint: ")[0], site.visits()) == (
            3,
            TOO_MUCH.format(site.url()),
            1,
        )
    assert megabytes < base_memory + 200


@pytest.mark.parametrize("trouble", [endless_headers, endless_words])
def test_words_without_end_take_no_memory(
    host: Host,
    upstream: Upstream,
    tmp_path: Path,
    scratch_home: Path,
    trouble: Trouble,
    base_memory: float,
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=trouble) as site:
        status, err, megabytes = measured(host, site.url(), "--deadline", "3")
    assert status == 3
    assert err.splitlines()[0] in {
        "error: the upstream sends too much",
        "error: fetching took too long",
        "error: the upstream cannot be reached",
    }
    assert megabytes < base_memory + 50
    assert (list(host.snapshot()), left_in_cache(scratch_home)) == (
        ["third_party/mirrors.toml"],
        [],
    )


def test_a_large_file_is_refused_by_its_header(
    host: Host, upstream: Upstream, tmp_path: Path, base_memory: float
) -> None:
    upstream.release("v1", {"zeros": bytes(101 << 20)})
    with git_http(tmp_path) as site:
        status, err, megabytes = measured(host, site.url())
    assert (status, err.splitlines()[1]) == (2, "  it has 105,906,176 bytes [file-too-large]")
    assert megabytes < base_memory + 50


def test_a_pack_without_end_is_broken_off(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", {"large": random.Random(7).randbytes(1 << 20)})
    monkeypatch.setattr("sync.git.transport_process._MOST_BYTES", 50_000)
    cache = Repository.open_or_create_bare(tmp_path / "cache.git").git_directory
    with (
        git_http(tmp_path, trouble=dripping_pack) as site,
        pytest.raises(CouldNotCheckError) as raised,
    ):
        fetch(
            cache,
            TransportConfiguration(None).settings_for(site.url()),
            Request(["+refs/tags/v1:refs/tags/v1"]),
        )
    assert raised.value.reference == "pack-too-large"


def _object(upstream: Upstream, kind: str, raw: bytes) -> str:
    return git(upstream.path, "hash-object", "-w", "-t", kind, "--stdin", "--literally", stdin=raw)


@pytest.mark.parametrize("kind", ["commit", "tag", "tree"])
def test_an_object_that_is_read_whole_is_refused_by_its_header(
    host: Host, upstream: Upstream, tmp_path: Path, base_memory: float, kind: str
) -> None:
    blob = bytes.fromhex(upstream.blob(b""))
    entries = 800_000 if kind == "tree" else 1
    tree = _object(
        upstream, "tree", b"".join(b"100644 %08d\0%b" % (number, blob) for number in range(entries))
    )
    target = _object(
        upstream, "commit", raw_commit(tree) + b"m" * (20 << 20 if kind == "commit" else 0)
    )
    if kind == "tag":
        head = f"object {target}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\n".encode()
        target = _object(upstream, "tag", head + b"m" * (20 << 20))
    git(upstream.path, "update-ref", "refs/tags/v1", target)
    with git_http(tmp_path) as site:
        status, err, megabytes = measured(host, site.url())
    assert status == 2
    assert ("[tree-too-large]" if kind == "tree" else "too large for a commit or a tag") in err
    assert megabytes < base_memory + 100


# of version 0 of the protocol


@pytest.mark.parametrize("trouble", [endless_refs, endless_words])
def test_an_old_server_gets_no_more_memory(
    host: Host, upstream: Upstream, tmp_path: Path, trouble: Trouble, base_memory: float
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=trouble, version=0) as site:
        status, err, megabytes = measured(host, site.url(), "--deadline", "5")
        assert (status, site.visits()) == (3, 1), err
    assert megabytes < base_memory + 200
