"""Upstream moves its directories between tags: `sync` says where each lies now, with lines to paste."""

import re

import pytest

from tests.support.hosts import Host
from tests.support.upstreams import Upstream

BEFORE = {
    "wasip2/cli/command.wit": b"c1\n",
    "wasip2/cli/exit.wit": b"e\n",
    "wasip2/cli/deps/io.wit": b"io\n",
    "wasip2/clocks/wall.wit": b"w\n",
    "wasip2/clocks/world.wit": b"world clocks\n",
    "wasip2/random/random.wit": b"r\n",
    "wasip2/random/world.wit": b"world random\n",
}
AFTER = {
    "proposals/cli/wit/command.wit": b"c2\n",
    "proposals/cli/wit/exit.wit": b"e\n",
    "proposals/cli/wit/new.wit": b"n\n",
    "proposals/cli/test/exit.wit": b"other\n",
    "proposals/clocks/wit/wall.wit": b"w\n",
    "proposals/clocks/wit/world.wit": b"world clocks\n",
    "proposals/http/wit/world.wit": b"world http\n",
    "README.md": b"r\n",
}


def manifest(url: str, tag: str, directories: dict[str, str]) -> str:
    mirrors = "".join(
        f'\n[mirrors."{name}"]\nupstream = "up"\nfrom = "{source}"\n'
        for name, source in directories.items()
    )
    return f'[upstreams."up"]\nurl = "{url}"\ntag = "{tag}"\nlocal = true\n{mirrors}'


OLD = {name: f"wasip2/{name}" for name in ("cli", "clocks", "random")}


@pytest.fixture
def moved(host: Host, upstream: Upstream) -> Upstream:
    """Three mirrors at v1; v2 has two of their directories elsewhere, and the third nowhere."""
    upstream.release("v1", BEFORE)
    upstream.release("v2", AFTER)
    host.manifest(manifest(upstream.url, "v1", OLD))
    host.sync("--commit")
    return upstream


def test_where_each_directory_lies_now_is_said_for_all_mirrors_at_once(
    host: Host, moved: Upstream
) -> None:
    host.manifest(manifest(moved.url, "v2", OLD))
    before = host.snapshot()
    ran = host.run("sync")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        "error: `from` of 3 mirrors does not exist at the pin",
        f"  upstream: {moved.url} at v2",
        '  third_party/mirrors.toml:8: from = "proposals/cli/wit"    # cli, was wasip2/cli',
        '  third_party/mirrors.toml:12: from = "proposals/clocks/wit"    # clocks, was wasip2/clocks',
        "  third_party/mirrors.toml:16: random: nothing is like wasip2/random there",
        "hint: upstream has moved the files: put these lines there, then run the command again",
    ]
    assert host.snapshot() == before


def test_the_lines_work_when_they_are_pasted(host: Host, moved: Upstream) -> None:
    old = {name: OLD[name] for name in ("cli", "clocks")}
    host.manifest(manifest(moved.url, "v2", old))
    assert host.run("remove", "random").status == 0
    ran = host.run("sync")
    lines = (host.third_party / "mirrors.toml").read_text().split("\n")
    for number, line in re.findall(r"mirrors\.toml:(\d+): (from = .*)", ran.err):
        lines[int(number) - 1] = line
    host.manifest("\n".join(lines))
    host.sync("--commit")
    assert host.record("cli")["upstream"]["from"] == "proposals/cli/wit"
    assert (host.third_party / "cli/command.wit").read_bytes() == b"c2\n"
    assert host.run("verify").status == host.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_without_a_record_the_names_there_are_all_that_can_be_said(
    host: Host, moved: Upstream
) -> None:
    host.manifest(manifest(moved.url, "v2", {"new": "wasip2/cli"}))
    ran = host.run("sync")
    assert (ran.status, ran.err.splitlines()[0]) == (
        2,
        "error: `from` of mirror new does not exist at v2",
    )
    assert ran.err.splitlines()[-1] == "hint: directories there: proposals"


def test_the_same_tree_wins_over_one_with_the_same_names(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"a/one": b"1\n", "a/two": b"2\n"})
    upstream.release(
        "v2",
        {
            "z/deep/one": b"1\n",
            "z/deep/two": b"2\n",
            "b/one": b"x\n",
            "b/two": b"y\n",
            "b/a": b"z\n",
        },
    )
    host.manifest(manifest(upstream.url, "v1", {"up1": "a"}))
    host.sync("--commit")
    host.manifest(manifest(upstream.url, "v2", {"up1": "a"}))
    assert 'from = "z/deep"    # up1, was a' in host.run("sync").err


def test_a_directory_that_became_the_root_is_found_there(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"wit/a": b"a\n", "wit/b": b"b\n"})
    upstream.release("v2", {"a": b"a\n", "b": b"b2\n"})
    host.manifest(manifest(upstream.url, "v1", {"up1": "wit"}))
    host.sync("--commit")
    host.manifest(manifest(upstream.url, "v2", {"up1": "wit"}))
    assert 'from = "."    # up1, was wit' in host.run("sync").err
    host.manifest(manifest(upstream.url, "v2", {"up1": "."}))
    host.sync("--commit")


def test_a_name_that_the_manifest_cannot_say_is_not_proposed(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"wit/a": b"a\n"})
    upstream.release("v2", {b"\xff/a": b"a\n", "x\\y/a": b"a\n"})
    host.manifest(manifest(upstream.url, "v1", {"up1": "wit"}))
    host.sync("--commit")
    host.manifest(manifest(upstream.url, "v2", {"up1": "wit"}))
    ran = host.run("sync")
    assert (ran.status, "put these lines there" in ran.err) == (2, False)


def test_a_name_beyond_ascii_is_proposed_as_toml_takes_it(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"wit/a": b"a\n"})
    upstream.release("v2", {"😀 é/a": b"a\n"})
    host.manifest(manifest(upstream.url, "v1", {"up1": "wit"}))
    host.sync("--commit")
    host.manifest(manifest(upstream.url, "v2", {"up1": "wit"}))
    assert 'from = "😀 é"    # up1, was wit' in host.run("sync").err
    host.manifest(manifest(upstream.url, "v2", {"up1": "😀 é"}))
    host.sync("--commit")


def test_a_directory_that_was_only_mistyped_is_no_move(host: Host, moved: Upstream) -> None:
    host.manifest(manifest(moved.url, "v1", {**OLD, "cli": "wasip2/cil"}))
    ran = host.run("sync")
    assert ran.err.splitlines()[0] == "error: `from` of mirror cli does not exist at v1"
    assert "did you mean cli?" in ran.err


def test_very_many_and_very_deep_directories_take_no_long_time(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"wit/a": b"a\n", "wit/b": b"b\n"})
    deep = "/".join(["d" * 60] * 90)
    upstream.release(
        "v2", {f"n{n}/{deep}/f": b"f\n" for n in range(20)} | {"z/a": b"a\n", "z/b": b"b\n"}
    )
    host.manifest(manifest(upstream.url, "v1", {"up1": "wit"}))
    host.sync("--commit")
    host.manifest(manifest(upstream.url, "v2", {"up1": "wit"}))
    assert 'from = "z"    # up1, was wit' in host.run("sync").err
