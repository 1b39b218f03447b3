"""When the network fails: what is tried again, what is not, and how long it takes.

Nothing is left behind.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.caches import left_in_cache
from tests.support.git import git
from tests.support.git_http import Handler, Trouble, asks_for_blobs, git_http
from tests.support.hosts import Host, mirror
from tests.support.listening import free_port
from tests.support.misbehaving import (
    dripping_pack,
    hang_before_headers,
    only_half_a_pack,
    redirect_loop,
    reset_connection,
    status,
    web_page,
)
from tests.support.processes import has_begun, interrupted
from tests.support.program import Ran
from tests.support.terminal import on_terminal
from tests.support.upstreams import Upstream

# random, so that a pack of it is as large
FILES = {"a.wit": b"a\n", "large": random.Random(7).randbytes(200_000)}


def sync_from(host: Host, url: str, *options: str) -> Ran:
    host.manifest(mirror("up", url, tag="v1"))
    return host.run("sync", *options)


# answers that are not git's


@pytest.mark.parametrize(
    ("trouble", "message", "words"),
    [
        (status(403), "the upstream cannot be reached", "403"),
        (status(404), "there is no git repository at the upstream's URL", "not found"),
        (status(410), "there is no git repository at the upstream's URL", "410"),
        (redirect_loop, "the upstream cannot be reached", "redirect"),
        (
            web_page,
            "there is no git repository at the upstream's URL",
            "not valid: is this a git repository?",
        ),
    ],
    ids=["403", "404", "410", "redirect-loop", "web-page"],
)
def test_what_asking_again_cannot_mend_is_asked_once(
    host: Host, upstream: Upstream, tmp_path: Path, trouble: Trouble, message: str, words: str
) -> None:
    upstream.release("v1", FILES)
    before = host.snapshot()
    with git_http(tmp_path, trouble=trouble) as site:
        ran = sync_from(host, site.url())
    assert ran.status == 3
    assert ran.err.splitlines()[0] == f"error: {message}"
    assert words in ran.err
    assert "hint: " in ran.err
    assert site.visits() <= (1 if trouble is not redirect_loop else 21)
    assert host.snapshot().keys() - before.keys() == {"third_party/mirrors.toml"}


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(
    host: Host, upstream: Upstream, tmp_path: Path, code: int
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=status(code, times=2)) as site:
        ran = sync_from(host, site.url())
    assert (ran.status, site.visits()) == (0, 3), ran.err


def test_a_server_that_stays_in_trouble_is_asked_four_times(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=status(503)) as site:
        ran = sync_from(host, site.url())
    assert (ran.status, site.visits()) == (3, 4)
    assert ran.err == (
        "error: the upstream cannot be reached\n"
        f"  url: {site.url()}\n"
        f"  unable to access '{site.url()}/': The requested URL returned error: 503\n"
        "hint: check the network and the `url`\n"
    )


def first(times: int, trouble: Trouble) -> Trouble:
    """The trouble with the first requests only."""
    return lambda handler, number: number < times and trouble(handler, number)


def test_a_reset_connection_is_tried_again(host: Host, upstream: Upstream, tmp_path: Path) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=first(2, reset_connection)) as site:
        assert sync_from(host, site.url()).status == 0


def test_a_pack_that_ends_early_is_fetched_again(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    failed: list[int] = []

    def once(handler: Handler, number: int) -> bool:
        if failed or handler.site.posts() != 2:
            return False
        failed.append(number)
        return only_half_a_pack(handler, number)

    with git_http(tmp_path, trouble=once) as site:
        ran = sync_from(host, site.url())
    assert (ran.status, failed) == (0, [2]), ran.err
    assert host.snapshot()["third_party/up/large"] == FILES["large"]
    assert left_in_cache(scratch_home) == []


def test_packs_that_always_end_early_change_nothing(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=only_half_a_pack) as site:
        ran = sync_from(host, site.url())
    assert ran.status == 3
    assert list(host.snapshot()) == ["third_party/mirrors.toml"]
    assert left_in_cache(scratch_home) == []


def test_a_port_where_nobody_listens_cannot_be_reached(host: Host) -> None:
    url = f"http://127.0.0.1:{free_port()}/upstream"
    ran = sync_from(host, url)
    assert ran.status == 3
    assert ran.err.splitlines()[:2] == ["error: the upstream cannot be reached", f"  url: {url}"]
    assert list(host.snapshot()) == ["third_party/mirrors.toml"]


def test_a_host_that_no_name_server_knows_cannot_be_reached(host: Host) -> None:
    ran = sync_from(host, "https://nowhere.invalid/upstream", "--deadline", "8")
    assert ran.status == 3
    assert ran.err.splitlines()[0] == "error: the upstream cannot be reached"


def test_one_failing_upstream_of_two_changes_nothing(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path) as site:
        host.manifest(
            mirror("up", site.url(), tag="v1") + mirror("down", site.url("nowhere"), tag="v1")
        )
        ran = host.run("sync")
    assert ran.status == 3
    assert site.url("nowhere") in ran.err
    assert list(host.snapshot()) == ["third_party/mirrors.toml"]


def test_all_failing_upstreams_are_named(host: Host, tmp_path: Path) -> None:
    with git_http(tmp_path) as site:
        host.manifest("".join(mirror(name, site.url(name), tag="v1") for name in ("one", "two")))
        ran = host.run("sync")
    assert ran.status == 3
    assert ran.err == (
        "error: there is no git repository at the upstream's URL\n"
        f"  url: {site.url('one')}\n"
        f"  repository '{site.url('one')}/' not found\n"
        f"  also failed: {site.url('two')}: there is no git repository at the upstream's URL\n"
        "hint: check the `url`\n"
    )


def test_a_directory_that_is_no_repository(host: Host, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    host.manifest(mirror("up", str(tmp_path / "empty"), tag="v1", local=True))
    ran = host.run("sync")
    assert ran.status == 3
    assert ran.err.splitlines()[0] == "error: there is no git repository at the upstream's URL"


# what hangs


@pytest.mark.parametrize("trouble", [hang_before_headers, dripping_pack])
def test_the_deadline_ends_what_hangs(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path, trouble: Trouble
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=trouble) as site:
        start = time.monotonic()
        ran = sync_from(host, site.url(), "--deadline", "1.1")
        took = time.monotonic() - start
    assert ran.status == 3
    assert ran.err == (
        "error: fetching took too long\n"
        "  deadline: 1.1 s\n"
        f"  not finished: {site.url()}\n"
        "hint: check the network, or allow more with `--deadline SECONDS`\n"
    )
    assert took < 2.1 + starting()
    assert (list(host.snapshot()), left_in_cache(scratch_home)) == (
        ["third_party/mirrors.toml"],
        [],
    )


def starting() -> float:
    """How long the interpreter and its imports take here: no part of what is measured."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import pygit2, pydantic, typer, rich"], check=True)
    return time.monotonic() - start


def test_the_deadline_holds_also_for_verify(host: Host, upstream: Upstream, tmp_path: Path) -> None:
    upstream.release("v1", FILES)
    trouble: list[Trouble] = []
    with git_http(
        tmp_path, trouble=lambda handler, number: bool(trouble) and trouble[0](handler, number)
    ) as site:
        sync_from(host, site.url())
        trouble.append(hang_before_headers)
        ran = host.run("verify", "--upstream", "--deadline", "1")
    assert ran.status == 3
    assert ran.err.splitlines()[0] == "error: fetching took too long"


def test_a_terminal_says_whom_it_asks_while_there_is_no_answer(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=hang_before_headers) as site:
        host.manifest(mirror("up", site.url(), tag="v1"))
        with on_terminal(host.path, "sync", "--deadline", "3") as terminal:
            terminal.wait_for("/".join(site.url().split("/")[-2:]))
            terminal.wait_for("waiting for an answer")
            assert terminal.process.poll() is None
            assert terminal.end() == 3
    assert "error: fetching took too long" in terminal.words


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("trouble", [hang_before_headers, dripping_pack])
def test_a_signal_is_answered_within_a_second_and_nothing_is_left(
    host: Host,
    upstream: Upstream,
    tmp_path: Path,
    scratch_home: Path,
    trouble: Trouble,
    number: signal.Signals,
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=trouble) as site:
        code, err, took = interrupted(host, site, number, lambda: has_begun(site, trouble))
    assert (code, err) == (130, "interrupted\n")
    assert took < 1 + starting()
    assert (list(host.snapshot()), left_in_cache(scratch_home)) == (
        ["third_party/mirrors.toml"],
        [],
    )


def test_a_signal_is_answered_between_two_attempts(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    with git_http(tmp_path, trouble=status(503)) as site:
        code, err, took = interrupted(
            host, site, signal.SIGINT, lambda: site.visits() >= 2 and site.requests[-1].answered > 0
        )
    assert (code, err) == (130, "interrupted\n")
    assert took < 1 + starting()


def test_a_sync_after_an_interrupted_one_works(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    trouble: list[Trouble] = [dripping_pack]
    with git_http(
        tmp_path, trouble=lambda handler, number: bool(trouble) and trouble[0](handler, number)
    ) as site:
        interrupted(host, site, signal.SIGINT, lambda: has_begun(site, dripping_pack))
        trouble.clear()
        ran = host.run("sync")
    assert ran.status == 0, ran.err
    assert host.snapshot()["third_party/up/large"] == FILES["large"]
    assert left_in_cache(scratch_home) == []


# a large upstream, of which blobs are asked for by themselves


@pytest.mark.parametrize(
    "trouble", [only_half_a_pack, reset_connection, status(503)], ids=["half", "reset", "503"]
)
def test_blobs_that_do_not_come_are_asked_for_again(
    host: Host, large: Upstream, tmp_path: Path, scratch_home: Path, trouble: Trouble
) -> None:
    commit = git(large.path, "rev-parse", "v1")
    failed: list[int] = []

    def once(handler: Handler, number: int) -> bool:
        if failed or not asks_for_blobs(handler, commit):
            return False
        failed.append(number)
        return trouble(handler, number)

    with git_http(tmp_path, trouble=once) as site:
        host.manifest(mirror("up", site.url(), tag="v1", from_="wit"))
        ran = host.run("sync")
    assert (ran.status, len(failed)) == (0, 1), ran.err
    assert host.snapshot()["third_party/up/a.wit"] == b"a\r\n"
    assert left_in_cache(scratch_home) == []


def test_blobs_that_never_come_are_not_waited_for_beyond_the_deadline(
    host: Host, large: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    commit = git(large.path, "rev-parse", "v1")
    with git_http(
        tmp_path, trouble=lambda h, n: asks_for_blobs(h, commit) and dripping_pack(h, n)
    ) as site:
        host.manifest(mirror("up", site.url(), tag="v1", from_="wit"))
        ran = host.run("sync", "--deadline", "2")
    assert (ran.status, ran.err.splitlines()[0]) == (3, "error: fetching took too long")
    assert (list(host.snapshot()), left_in_cache(scratch_home)) == (
        ["third_party/mirrors.toml"],
        [],
    )
