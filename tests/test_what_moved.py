"""A verdict says what provenance moved, a line a mirror: a reviewer need not read JSON for it."""

import shutil
from pathlib import Path

import pytest

from sync.host.attributes_and_ignores import ATTRIBUTES
from tests.support.hosts import Host, Key, commit, mirror
from tests.support.upstreams import Upstream

FILES = {"a.wit": b"a\n", "deep/b.wit": b"b\n", "deep/c.md": b"c\n", "LICENSE": b"licence\n"}

KEY = "tester@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"


@pytest.fixture
def based(host: Host, upstream: Upstream) -> Host:
    """A host with the mirror `up` of v1, on the branch `base` too; upstream has a v2."""
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"a.wit": b"two\n"})
    host.run("init", "--no-hooks")
    pinned(host, upstream)
    host.git("branch", "base")
    return host


def pinned(host: Host, upstream: Upstream, text: str = "", more: str = "", **keys: Key) -> None:
    keys = {"tag": "v1", "local": True, **keys}
    host.manifest(text + mirror("up", upstream.url, **keys) + more)
    host.sync("--commit")


def moved(host: Host, *scope: str) -> list[str]:
    """The lines of what moved; no other line of a clean check says anything of it."""
    ran = host.run("check", *(scope or ("--range", "base..HEAD")))
    lines = ran.out.splitlines()
    return [line.removeprefix("moved: ") for line in lines if line.startswith("moved: ")]


def ids(host: Host) -> str:
    return host.record("up")["upstream"]["commit"][:12]


def test_a_pin(based: Host, upstream: Upstream) -> None:
    old = ids(based)
    pinned(based, upstream, tag="v2")
    line = f"up: pin v1 → v2, commit {old} → {ids(based)}"
    assert moved(based) == [line]
    assert based.run("check", "--range", "base..HEAD").status == 0
    based.git("reset", "--quiet", "--soft", "base")
    assert moved(based, "--staged") == [line]


def test_a_url_is_what_to_look_at(based: Host, upstream: Upstream, tmp_path: Path) -> None:
    other = Upstream(Path(shutil.copytree(upstream.path, tmp_path / "other")))
    pinned(based, other)
    assert moved(based) == [f"up: url {upstream.url} → {other.url} (look at this)"]


def test_the_selection_and_the_places(based: Host, upstream: Upstream) -> None:
    pinned(based, upstream, from_="deep", exclude=["c.md"], into="elsewhere")
    assert moved(based) == [
        "up: places third_party/up → third_party/elsewhere, from deep is new, exclude c.md is new"
    ]


def test_what_a_mirror_admits_and_requires(based: Host, upstream: Upstream) -> None:
    (based.third_party / "keys").mkdir()
    (based.third_party / "keys/one").write_text(KEY)
    pinned(based, upstream, allow=["tag-renamed"], allowed_signers="keys/one", checked_in=False)
    based.git("add", "third_party")
    based.git("commit", "--quiet", "--amend", "--no-edit")
    policies, up = moved(based)
    assert policies.startswith("for all mirrors: key file third_party/keys/one ")
    assert policies.endswith(" is new (look at this)")
    assert (
        "checked-in false is new, allow tag-renamed is new, keys third_party/keys/one is new" in up
    )
    based.git("branch", "--force", "base")
    (based.third_party / "keys/one").write_text(f"# another\n{KEY}")
    commit(based)
    (line,) = moved(based)
    assert " → " in line
    assert "(look at this)" in line


def test_a_mirror_that_comes_and_one_that_goes(based: Host, upstream: Upstream) -> None:
    based.run("add", "again", upstream.url, "--tag", "v2", "--local", "--from", "deep", "--commit")
    at = based.record("again")["upstream"]["commit"][:12]
    came = (
        f"url {upstream.url}, pin v2, commit {at}, from deep, places third_party/again, local true"
    )
    assert moved(based) == [f"again added: {came}"]
    assert based.run("remove", "again", "--commit").status == 0
    assert moved(based) == []
    assert moved(based, "--range", "HEAD~1..HEAD") == [f"again removed: {came}"]


def test_a_mirror_from_where_none_came_is_to_be_looked_at(
    based: Host, upstream: Upstream, tmp_path: Path
) -> None:
    other = Upstream(Path(shutil.copytree(upstream.path, tmp_path / "other")))
    based.run("add", "again", other.url, "--tag", "v1", "--local", "--commit")
    (line,) = moved(based)
    assert line.startswith(f"again added: url {other.url} (look at this), pin v1, ")


def test_where_mirrors_may_come_from(based: Host) -> None:
    path = based.third_party / "mirrors.toml"
    path.write_text('[policy]\nupstreams = ["https://example.org/*"]\n' + path.read_text())
    commit(based)
    said = "for all mirrors: [policy] upstreams"
    assert moved(based) == [f"{said} anything → https://example.org/* (look at this)"]
    based.git("branch", "--force", "base")
    path.write_text(path.read_text().replace('"]', '", "https://evil.org/x"]', 1))
    commit(based)
    assert moved(based) == [f"{said} https://evil.org/x is new (look at this)"]


def test_what_to_look_at_is_not_lost_among_many(based: Host, upstream: Upstream) -> None:
    many = "".join(
        mirror(f"a{number}", upstream.url, tag="v1", local=True, from_="deep")
        for number in range(60)
    )
    based.manifest(many + mirror("up", "https://example.org/up", tag="v1"))
    commit(based)
    out = based.run("check", "--range", "base..HEAD").out
    assert "moved: up: url " in out
    assert "… 61 in all" in out


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (None, "the file is gone"),
        (ATTRIBUTES.replace("-text ", ""), "`* linguist-vendored -text"),
        (ATTRIBUTES + "*.wit text\n", "`*.wit text` is new"),
        ("", " is gone"),
        (ATTRIBUTES + "# a comment\n", None),
    ],
)
def test_the_attributes_of_mirrors(based: Host, left: str | None, said: str | None) -> None:
    path = based.third_party / ".gitattributes"
    path.unlink() if left is None else path.write_text(left)
    commit(based)
    lines = moved(based)
    assert len(lines) == (said is not None)
    for line in lines:
        assert line.startswith("for all mirrors: third_party/.gitattributes ")
        assert line.endswith("(look at this)")
        assert str(said) in line


def test_what_only_the_base_moved_is_not_said(based: Host, upstream: Upstream) -> None:
    based.git("switch", "--quiet", "base")
    pinned(based, upstream, tag="v2")
    based.git("switch", "--quiet", "main")
    (based.path / "own").write_text("own\n")
    commit(based)
    assert moved(based) == []
    based.git("merge", "--quiet", "--strategy=ours", "--no-edit", "base")
    (line,) = moved(based)  # now it takes back what the base has
    assert line.startswith("up: pin v2 → v1, ")


def test_a_range_without_a_base_has_moved_everything(based: Host) -> None:
    (line,) = moved(based, "--range", "HEAD")
    assert line.startswith("up added: ")


def test_every_format_says_it(based: Host, upstream: Upstream, tmp_path: Path) -> None:
    other = Upstream(Path(shutil.copytree(upstream.path, tmp_path / "other")))
    pinned(based, other)
    scope, summary = ("check", "--range", "base..HEAD", "--format"), tmp_path / "summary"
    (one,) = based.run(*scope, "json").json["moved"]
    move = {"what": "url", "old": upstream.url, "new": other.url, "look": True}
    assert one == {"mirror": "up", "course": "moved", "moves": [move]}
    (told,) = based.run(*scope, "sarif").json["runs"][0]["invocations"][0][
        "toolExecutionNotifications"
    ]
    line = f"moved: up: url {upstream.url} → {other.url} (look at this)"
    assert told == {"level": "warning", "message": {"text": line}}
    summary.write_text("before\n")
    assert based.run(*scope, "github", "--summary", str(summary)).out.splitlines()[0] == line
    before, title, _, item = summary.read_text().splitlines()[:4]
    assert (before, title[:4], item[:9]) == ("before", "### ", "- ⚠️ up&#")


def test_nothing_from_outside_is_markup_or_a_command(based: Host, upstream: Upstream) -> None:
    hostile = ["::error::x", "x ##[error]x", "<img src=x>", "[a](http://b)", "`c`", "_d_"]
    based.manifest(mirror("up", upstream.url, tag="v1", local=True, exclude=hostile))
    commit(based)
    path = based.path / "summary"
    out = based.run(
        "check", "--range", "base..HEAD", "--format", "github", "--summary", str(path)
    ).out
    lines: list[str] = []
    plain: list[str] = []
    for line in out.splitlines():
        (lines if line.startswith("::") else plain).append(line)
    assert all(line.startswith("::error file=") for line in lines)  # the record differs
    assert not any("##[" in line for line in plain)
    item = next(line for line in path.read_text().splitlines() if line.startswith("- "))
    assert not set("<>[]()`_*:/@") & set(item)
