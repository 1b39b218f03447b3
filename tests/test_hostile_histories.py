"""What somebody hostile has tried to get past `check --range` and pre-receive.

Each of these was accepted once.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from policies.git import changes
from sync.errors import HostError
from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream


@pytest.fixture
def host(tmp_path: Path, upstream: Upstream) -> Host:
    """A host with one mirror, and a bare server with the hook beside it."""
    upstream.release("v1", {"a.wit": b"a\n", "b.wit": b"b\r\n"})
    host = Host.create(tmp_path / "host")
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    git(tmp_path, "clone", "--quiet", "--bare", str(host.path), str(tmp_path / "server"))
    server = Host(tmp_path / "server")
    assert server.run("hook", "install", "--pre-receive").status == 0
    host.git("remote", "add", "origin", str(server.path))
    host.git("fetch", "--quiet", "origin")
    host.git("tag", "base")
    return host


def _root_macro(host: Host) -> None:
    """A macro that is named like the one attribute which the tool's own attributes set."""
    (host.path / ".gitattributes").write_text(
        "[attr]linguist-vendored text eol=crlf\n* text eol=crlf\n"
    )
    (host.third_party / ".gitattributes").write_text("* linguist-vendored\n")
    _commit(host)


def _linked_attributes(host: Host) -> None:
    """Git takes attributes from the index on checkout, and does not ask whether they are a link."""
    blob = git(host.path, "hash-object", "-w", "--stdin", stdin=b"* text eol=crlf\n")
    host.git("rm", "--quiet", "--cached", "third_party/.gitattributes")
    host.git("update-index", "--add", "--cacheinfo", f"120000,{blob},.gitattributes")
    host.git("commit", "--quiet", "-m", "linked")


def _odd_encoding(host: Host) -> None:
    """To Python's codec the same bytes, to iconv others."""
    (host.third_party / ".gitattributes").write_text("*.wit working-tree-encoding=ISO-2022-KR\n")
    _commit(host)


def _attributes_of_the_record(host: Host) -> None:
    with (host.third_party / ".gitattributes").open("a") as file:
        file.write("provenance/** text eol=crlf\n")
    _commit(host)


def _unknown_text_value(host: Host) -> None:
    """Git falls back to `crlf` where it does not know the value of `text`."""
    (host.third_party / ".gitattributes").write_text("* text=foo crlf\n")
    _commit(host)


def _stray_from_another_root(host: Host) -> None:
    """Nobody is to blame before the manifest is there, nor for adopting it, nor for merging."""
    host.git("checkout", "--quiet", "--orphan", "side")
    host.git("rm", "--quiet", "-r", "--cached", ".")
    (host.third_party / "evil.c").write_text("evil\n")
    host.git("add", "third_party/evil.c")
    host.git("commit", "--quiet", "-m", "evil")
    host.git("add", "third_party")
    host.git("commit", "--quiet", "-m", "adopt")
    host.git("checkout", "--quiet", "main")
    host.git("merge", "--quiet", "--allow-unrelated-histories", "-m", "merge", "side")


def _tree_of_another_root(host: Host) -> None:
    """A merge that is as its second parent, in whose history there never were mirrors."""
    host.git("checkout", "--quiet", "--orphan", "side")
    host.git("rm", "--quiet", "-r", "--cached", ".")
    (host.third_party / "m/a.wit").write_text("evil\n")
    host.git("add", "third_party/m")
    host.git("commit", "--quiet", "-m", "copies")
    side = host.git("rev-parse", "HEAD")
    host.git("clean", "--quiet", "-fdx")
    host.git("checkout", "--quiet", "main")
    host.git(
        "reset",
        "--quiet",
        "--hard",
        host.git("commit-tree", "-p", "base", "-p", side, "-m", "merge", f"{side}^{{tree}}"),
    )


def _unadopted_and_adopted_again(host: Host) -> None:
    host.git("rm", "--quiet", "-r", "third_party")
    host.git("commit", "--quiet", "-m", "away")
    host.third_party.mkdir(exist_ok=True)
    (host.third_party / "evil.c").write_text("evil\n")
    _commit(host)
    host.git("checkout", "base", "--", "third_party")
    _commit(host)


def _false_facts_while_not_checked_in(host: Host) -> None:
    """The SHA-256s of a record cannot be compared while the files are not there.

    Later the files are there, and the record is old.
    """
    manifest = (host.third_party / "mirrors.toml").read_text()
    record = host.third_party / "provenance/m.json"
    true = record.read_text()
    host.git("rm", "--quiet", "--cached", "-r", "third_party/m")
    host.manifest(manifest + "checked-in = false\n")
    host.git("add", "third_party/mirrors.toml")
    host.git("commit", "--quiet", "-m", "not checked in")
    other = true.replace('"sha256": "', '"sha256": "0').replace(
        '",\n      "size"', '",\n      "size"'
    )
    record.write_text(
        "\n".join(line[:-3] + '",' if '"sha256"' in line else line for line in other.split("\n"))
    )
    host.manifest(manifest)
    host.git("add", "--force", "third_party")
    host.git("commit", "--quiet", "-m", "checked in again")


ATTACKS: dict[str, Callable[[Host], None]] = {
    "a macro in the root's attributes": _root_macro,
    "attributes in a symbolic link": _linked_attributes,
    "an encoding that iconv has its own mind on": _odd_encoding,
    "attributes of the record": _attributes_of_the_record,
    "an unknown value of text": _unknown_text_value,
    "a stray file from another root": _stray_from_another_root,
    "a tree from another root": _tree_of_another_root,
    "mirrors given up and taken up again": _unadopted_and_adopted_again,
    "false facts while not checked in": _false_facts_while_not_checked_in,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_range_and_the_server_refuse(host: Host, name: str) -> None:
    ATTACKS[name](host)
    ran = host.run("check", "--range", "base..HEAD")
    assert ran.status == 1, ran
    before = git(host.path.parent / "server", "rev-parse", "main")
    pushed = _push(host, "--no-verify")
    assert "pre-receive hook declined" in pushed
    assert git(host.path.parent / "server", "rev-parse", "main") == before


def test_a_bad_commit_that_was_mended_is_not_taken_up_again_by_a_merge(host: Host) -> None:
    (host.third_party / "m/a.wit").write_text("evil\n")
    _commit(host)
    bad = host.git("rev-parse", "HEAD")
    host.git("revert", "--no-edit", "HEAD")
    host.git("tag", "mended")
    (host.path.parent / "server/hooks/pre-receive").rename(host.path.parent / "server/hooks/off")
    assert "HEAD -> main" in _push(host, "--no-verify")
    (host.path.parent / "server/hooks/off").rename(host.path.parent / "server/hooks/pre-receive")
    host.git(
        "reset",
        "--quiet",
        "--hard",
        host.git("commit-tree", "-p", "mended", "-p", bad, "-m", "merge", f"{bad}^{{tree}}"),
    )
    assert host.run("check", "--range", "mended..HEAD").status == 1
    assert "pre-receive hook declined" in _push(host, "--no-verify")


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(
            lambda host: {"XDG_CONFIG_HOME": str(host.path.parent / "xdg")},
            id="the user's attributes",
        ),
        pytest.param(
            lambda host: {"GIT_SHALLOW_FILE": str(host.path.parent / "shallow")},
            id="another shallow file",
        ),
        pytest.param(
            lambda host: {f"GITHEAD_{host.git('rev-parse', 'HEAD')}": "x"},
            id="a head that git merges",
        ),
    ],
)
def test_the_environment_hides_nothing(
    host: Host, variables: Callable[[Host], dict[str, str]]
) -> None:
    (host.path.parent / "xdg/git").mkdir(parents=True)
    (host.path.parent / "xdg/git/attributes").write_text("* -text\n")
    (host.path.parent / "shallow").write_text(host.git("rev-parse", "base") + "\n")
    (host.third_party / ".gitattributes").write_text("*.wit text eol=crlf\n")
    _commit(host)
    given = variables(host)
    assert host.run("check", "--range", "base..HEAD", **given).status == 1
    host.git("reset", "--quiet", "--soft", "base")
    assert host.run("check", **given).status == 1


def test_installing_writes_through_no_link(host: Host) -> None:
    victim = host.path.parent / "victim"
    victim.write_text("precious\n")
    hooks = host.path / ".githooks"
    hooks.mkdir()
    for name in ("pre-commit.git-verbatim-new", ".pre-commit.git-verbatim-new"):
        (hooks / name).symlink_to(victim)
    host.git("config", "core.hooksPath", ".githooks")
    assert host.run("hook", "install").status == 0
    assert victim.read_text() == "precious\n"
    assert os.access(hooks / "pre-commit", os.X_OK)


def _commit(host: Host) -> None:
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", "a change")


def _push(host: Host, *options: str) -> str:
    import subprocess

    done = subprocess.run(
        ["git", "push", *options, "origin", "HEAD:main"],
        cwd=host.path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_what_a_merge_may_not_take_up_no_push_brings_before_it(host: Host) -> None:
    """A history of its own may adopt the copies that it has where there are no mirrors yet.

    It may not where there are some.
    """
    _stray_from_another_root(host)
    with pytest.raises(
        AssertionError, match=r"(?s)beside what was there.*unrecorded-file.*third_party/evil\.c"
    ):
        host.git("push", "--quiet", "origin", "side:side")
    with pytest.raises(AssertionError, match=r"(?s)unrecorded-file.*third_party/evil\.c"):
        host.git("push", "--quiet", "origin", "HEAD:main")
    host.git("checkout", "--quiet", "--orphan", "pages")
    host.git("rm", "--quiet", "-r", "-f", "--cached", ".")
    (host.path / "index.html").write_text("ours\n")
    host.git("add", "index.html")
    host.git("commit", "--quiet", "-m", "pages")
    host.git("push", "--quiet", "origin", "pages")


def test_a_head_that_git_never_ends_reading_keeps_no_hook(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few trees that name each other twice are 2^40 files.

    The git that compares the index with them is stopped.
    """
    tree = git(
        host.path,
        "mktree",
        stdin=f"100644 blob {host.git('rev-parse', 'HEAD:third_party/m/a.wit')}\ta\n".encode(),
    )
    for _ in range(40):
        tree = git(
            host.path, "mktree", stdin=f"040000 tree {tree}\ta\n040000 tree {tree}\tb\n".encode()
        )
    top = git(host.path, "mktree", stdin=f"040000 tree {tree}\tthird_party\n".encode())
    host.git("update-ref", "HEAD", host.git("commit-tree", "-p", "HEAD", "-m", "bomb", top))
    monkeypatch.chdir(host.path)
    monkeypatch.setattr(changes, "_SECONDS", 1)
    with pytest.raises(HostError, match="cannot read the index") as refused:
        changes.staged_changes()
    assert refused.value.context == ["it was stopped, after 1 s at most"]
