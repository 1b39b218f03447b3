"""What `add` refuses, in the words of its options.

The way out that each refusal prints leads out.
"""

import re
import shlex
from pathlib import Path

import pytest

from sync.selection.submodules import submodule_urls
from tests.support.git import git
from tests.support.hosts import Host
from tests.support.program import Ran
from tests.support.upstreams import Upstream

TROUBLE, COULD_NOT_CHECK = 2, 3
_OPTION = re.compile(r"--[a-z-]+(?: (?:'[^']*'|[^\s'`;,:]+))?")


@pytest.fixture
def ready(host: Host) -> Host:
    host.run("init", "--no-hooks")
    return host


def add(host: Host, url: str, *options: str) -> Ran:
    before = host.snapshot()
    ran = host.run("add", "up", url, *options)
    assert ran.status == 0 or host.snapshot() == before
    return ran


def hinted(ran: Ran) -> list[str]:
    """The options that the last line of an error prints."""
    return shlex.split(" ".join(_OPTION.findall(ran.err.splitlines()[-1].rpartition(": ")[2])))


LONG = "/".join(["d" * 60] * 4) + "/" + "f" * 20
FILES = {"a.wit": b"a\n", "deep/b.wit": b"b\n"}
ADMITTED: dict[str, tuple[dict[str | bytes, bytes], str]] = {
    "a device": ({"aux.c": b"a\n"}, "Windows takes its name for a device [name-windows-reserved]"),
    "a character": (
        {"a:b": b"a\n"},
        'its name holds one of <>:"|?*, which Windows allows in none [name-windows-character]',
    ),
    "a trailing dot": (
        {"a.": b"a\n"},
        "its name ends with a dot or a blank, which Windows drops [name-trailing-dot-or-blank]",
    ),
    "a collision": (
        {"A": b"a\n", "a": b"b\n"},
        "on Windows and macOS it is one with A [name-collides]",
    ),
    "no UTF-8": ({b"\xff": b"a\n"}, "its name is not UTF-8 [name-not-utf8]"),
    "a long path": (
        {LONG: b"a\n"},
        "its path in the host has 279 characters, and a clone on Windows holds 254 [path-windows-too-long]",
    ),
}


@pytest.mark.parametrize(("files", "why"), ADMITTED.values(), ids=ADMITTED)
def test_what_allow_admits_is_added_by_the_option_that_is_printed(
    ready: Host, upstream: Upstream, files: dict[str | bytes, bytes], why: str
) -> None:
    upstream.release("v1", files)
    arguments = (upstream.url, "--local", "--tag", "v1")
    ran = add(ready, *arguments)
    assert (ran.status, ran.err.splitlines()[1]) == (TROUBLE, f"  {why}"), ran.err
    assert ran.err.splitlines()[-1].startswith(
        "hint: leave it out with `--exclude`; to copy it all the same: --allow "
    )
    assert add(ready, *arguments, *hinted(ran)).status == 0
    assert git(ready.path, "write-tree", "--prefix=third_party/up/") == git(
        upstream.path, "rev-parse", "v1^{tree}"
    )


def test_a_path_is_measured_where_it_lies_and_as_windows_counts(
    ready: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {f"{'d' * 100}/{'é' * 60}/{'é' * 72}/\U0001f600x": b"a\n"})
    arguments = (upstream.url, "--local", "--tag", "v1")
    assert "has 256 characters" in add(ready, *arguments, "--into", "upper").err
    assert add(ready, *arguments, "--into", "upp").status == 0


PINS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "none": (
        (),
        "the mirror has neither `--tag` nor `--commit-id`",
        "add `--tag …`, or `--commit-id …` with a full commit id",
    ),
    "both": (
        ("--tag", "v1", "--commit-id", "0" * 40),
        "a mirror has either `--tag` or `--commit-id`, not both",
        "remove one of the two",
    ),
    "short": (
        ("--commit-id", "abc"),
        "`abc` is no full commit id",
        "write all 40 lower-case hexadecimal digits",
    ),
    "an unknown rule": (
        ("--tag", "v1", "--allow", "all"),
        "`--allow` does not know `all`",
        (
            "it knows: name-collides, name-not-utf8, name-trailing-dot-or-blank, name-windows-character, name-windows-reserved, "
            "path-windows-too-long, tag-renamed"
        ),
    ),
    "a from that is not there": (
        ("--tag", "v1", "--from", "dep"),
        "`--from` of mirror up does not exist at v1",
        "did you mean deep?",
    ),
    "a pattern that is of no use": (
        ("--tag", "v1", "--exclude", "x"),
        "the pattern `x` in `--exclude` of mirror up matches nothing",
        "correct the pattern, or remove it from `--exclude`",
    ),
    "a pattern that looks like an assignment": (
        ("--tag", "v1", "--exclude", r'tag = "\q"'),
        r'the pattern `tag = "\q"` in `--exclude` of mirror up matches nothing',
        "correct the pattern, or remove it from `--exclude`",
    ),
    "a budget": (
        ("--tag", "large"),
        "mirror up cannot copy large exactly",
        (
            "leave it out with `--exclude`; to copy it all the same, write it into third_party/mirrors.toml yourself, "
            "with max-file-bytes = 104857601"
        ),
    ),
}


@pytest.mark.parametrize(("options", "error", "hint"), PINS.values(), ids=PINS)
def test_a_refusal_speaks_of_options(
    ready: Host, upstream: Upstream, options: tuple[str, ...], error: str, hint: str
) -> None:
    upstream.release("v1", FILES)
    if "large" in options:
        upstream.release("large", {"large": b"\0" * (100 * 2**20 + 1)})
    ran = add(ready, upstream.url, "--local", *options)
    assert (ran.status, ran.err.splitlines()[0], ran.err.splitlines()[-1]) == (
        TROUBLE,
        f"error: {error}",
        f"hint: {hint}",
    ), ran.err


def test_a_branch_is_pinned_by_the_option_that_is_printed(ready: Host, upstream: Upstream) -> None:
    upstream.release("v1", FILES)
    ran = add(ready, upstream.url, "--local", "--tag", "main")
    assert hinted(ran) == ["--commit-id", git(upstream.path, "rev-parse", "main")]
    assert add(ready, upstream.url, "--local", *hinted(ran)).status == 0


def test_a_path_is_added_by_the_option_that_is_printed(ready: Host, upstream: Upstream) -> None:
    upstream.release("v1", FILES)
    ran = add(ready, upstream.url, "--tag", "v1")
    assert (
        ran.err.splitlines()[0]
        == "error: the url is not allowed: it is a local path; say `--local` if that is meant"
    )
    assert add(ready, upstream.url, "--tag", "v1", *_OPTION.findall(ran.err)).status == 0


def test_a_fault_of_the_manifest_is_told_in_the_manifests_words(
    ready: Host, upstream: Upstream
) -> None:
    ready.manifest('[mirrors.other]\nurl = "https://example.org/x"\n')
    ran = add(ready, upstream.url, "--local", "--tag", "v1")
    assert ran.err == (
        "error: the mirror has neither `tag` nor `commit`\n  third_party/mirrors.toml:1: mirrors.other\n"
        'hint: add `tag = "…"`, or `commit = "…"` with a full commit id\n'
    )


# submodules

SUBMODULES = b"""\
# by hand
[submodule "one"]
\tpath = lib/one
\turl = ../one
[submodule "two \\"2\\""]
\turl = "%s" ; here
\tpath = "lib/two [2]"
[submodule "helper"]
\tpath = lib/helper
\turl = ext::sh
"""


@pytest.fixture
def nested(upstream: Upstream, tmp_path: Path) -> Upstream:
    """An upstream with four submodules.

    Two can be mirrored, one cannot, and of one nothing is said.
    """
    links: dict[str | bytes, bytes | tuple[str, bytes]] = {}
    for name, path in (("one", "lib/one"), ("two", "lib/two [2]")):
        commit = Upstream.create(tmp_path / name).release("v1", {name: name.encode()})
        links[path] = ("160000", commit.encode())
    links["lib/helper"] = links["lib/unknown"] = links["lib/one"]
    upstream.release(
        "v1", {**FILES, ".gitmodules": SUBMODULES % str(tmp_path / "two").encode(), **links}
    )
    return upstream


def _ids(tmp_path: Path) -> tuple[str, str]:
    return git(tmp_path / "one", "rev-parse", "v1"), git(tmp_path / "two", "rev-parse", "v1")


def test_submodules_are_named_with_the_mirrors_that_would_copy_them(
    ready: Host, nested: Upstream, tmp_path: Path
) -> None:
    one, two = _ids(tmp_path)
    ran = add(ready, nested.url, "--local", "--tag", "v1")
    assert (ran.status, ran.err) == (
        TROUBLE,
        f"""\
error: mirror up cannot copy lib/helper exactly
  it is a submodule, and its content is not in this tree [submodule]
  upstream: {nested.url} at v1
  lib/helper is commit {one} of ext::sh
  lib/one is commit {one} of {tmp_path}/one
  lib/two [2] is commit {two} of {tmp_path}/two
  lib/unknown is commit {one} of what .gitmodules does not name
  for a mirror of its own, in third_party/mirrors.toml:
  [mirrors."up-lib-one"]
  url = "{tmp_path}/one"
  commit = "{one}"
  local = true
  [mirrors."up-lib-two-2"]
  url = "{tmp_path}/two"
  commit = "{two}"
  local = true
hint: leave them out with `--exclude`: --exclude /lib/helper --exclude /lib/one --exclude '/lib/two \\[2]' --exclude /lib/unknown
""",
    )


def pasted(ran: Ran) -> str:
    lines = ran.err.splitlines()
    return (
        "\n".join(
            lines[lines.index("  for a mirror of its own, in third_party/mirrors.toml:") + 1 : -1]
        )
        + "\n"
    )


def test_submodules_are_copied_by_pasting_what_is_printed(
    ready: Host, nested: Upstream, tmp_path: Path
) -> None:
    arguments = (nested.url, "--local", "--tag", "v1")
    refused = add(ready, *arguments)
    assert add(ready, *arguments, *hinted(refused)).status == 0
    manifest = ready.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text() + "\n" + pasted(refused))
    ready.sync("--commit")
    for name, place in (("one", "up-lib-one"), ("two", "up-lib-two-2")):
        assert ready.git("rev-parse", f"HEAD:third_party/{place}") == git(
            tmp_path / name, "rev-parse", "v1^{tree}"
        )
    assert ready.run("check", "--all").status == 0


def test_of_a_manifest_the_line_that_leaves_submodules_out_is_printed(
    ready: Host, nested: Upstream
) -> None:
    ready.manifest(
        f'[mirrors.up]\nurl = "{nested.url}"\ntag = "v1"\nlocal = true\nfrom = "lib"\nexclude = ["helper"]\n',
    )
    line = r'exclude = ["helper", "/one", "/two \\[2]", "/unknown"]'
    assert ready.run("sync").err.splitlines()[-1] == f"hint: leave them out with `exclude`: {line}"


RELATIVE = {
    ("../one", "https://example.org/a/up"): "https://example.org/a/one",
    ("../one", "https://example.org/a/up/"): "https://example.org/a/one",
    ("../../b/one.git", "https://example.org/a/up"): "https://example.org/b/one.git",
    ("./one", "https://example.org/a/up"): "https://example.org/a/up/one",
    ("../one", "git@example.org:a/up"): "git@example.org:a/one",
    ("../../one", "git@example.org:a/up"): "git@example.org:one",
    ("https://example.com/one", "https://example.org/a/up"): "https://example.com/one",
}


@pytest.mark.parametrize(("given", "url"), RELATIVE.items(), ids=str)
def test_a_submodules_url_goes_on_from_the_upstreams(given: tuple[str, str], url: str) -> None:
    relative, upstream = given
    gitmodules = f'[submodule "x"]\n\tpath = x\n\turl = {relative}\n'.encode()
    assert submodule_urls(gitmodules, upstream) == {b"x": url}


# commits that are not there


def test_a_commit_that_another_remote_has_is_fetched_by_the_command_that_is_printed(
    ready: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    git(tmp_path, "clone", "--quiet", str(upstream.path), "clone")
    commit = upstream.release("v2", FILES | {"new": b"new\n"})
    arguments = (f"file://{tmp_path}/clone", "--local", "--commit-id", commit)
    ran = add(ready, *arguments)
    command = f"git -C {tmp_path}/clone fetch --all"
    assert (ran.status, ran.err) == (
        COULD_NOT_CHECK,
        (
            f"error: the upstream has no commit {commit}\n  url: file://{tmp_path}/clone\n"
            f"hint: another remote may have it: `{command}`; a fork's is in the fork alone\n"
        ),
    )
    git(tmp_path, *command.split()[1:])
    assert add(ready, *arguments).status == 0


def test_a_commit_that_a_fork_has_is_not_the_upstreams(
    ready: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    git(tmp_path, "clone", "--quiet", "--bare", str(upstream.path), "fork")
    commit = Upstream(tmp_path / "fork").release("v2", FILES | {"new": b"new\n"})
    ran = add(ready, upstream.url, "--local", "--commit-id", commit)
    assert (ran.status, ran.err.splitlines()[0]) == (
        COULD_NOT_CHECK,
        f"error: the upstream has no commit {commit}",
    )
    assert (
        ran.err.splitlines()[-1]
        == "hint: it may be a fork's, which is another upstream; look for one that is there"
    )
    assert add(ready, str(tmp_path / "fork"), "--local", "--commit-id", commit).status == 0


# what git says


def test_what_git_says_with_tabs_and_blank_lines_is_readable(ready: Host) -> None:
    (ready.path / ".git/config").write_text(
        (ready.path / ".git/config").read_text() + "[core]\n\trepositoryformatversion = 1\n"
    )
    git(ready.path, "config", "extensions.unheard", "of")
    ran = ready.run("hook", "run", "pre-commit")
    assert (
        ran.err
        == "error: cannot read the index\n  fatal: unknown repository extension found:\n    unheard\n"
    )
