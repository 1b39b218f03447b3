"""What `check` tells people to do: each command leads out of the violation.

The commands are typed as they are printed.
"""

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.host.attributes_and_ignores import ATTRIBUTES, EARLIER_ATTRIBUTES
from tests.support.hosts import Host, mirror
from tests.support.pages import HOOKS, POLICIES, hooks_page, policies_page
from tests.support.upstreams import Upstream


@pytest.fixture
def host(tmp_path: Path, upstream: Upstream) -> Host:
    """A host with one mirror at v1, committed; upstream has v2 too."""
    upstream.release("v1", {"wit/a.wit": b"a\n", "wit/b c.wit": b"b\n", "LICENSE": b"licence\n"})
    upstream.release(
        "v2", {"wit/a.wit": b"a\n", "wit/b c.wit": b"b, improved\n", "LICENSE": b"licence\n"}
    )
    host = Host.create(tmp_path / "host")
    host.manifest(_manifest(upstream, "v1"))
    host.sync("--commit")
    return host


def _manifest(upstream: Upstream, tag: str) -> str:
    return mirror("m", upstream.url, tag=tag, from_="wit", into="some/m", local=True)


def _edit(host: Host, _: Upstream) -> None:
    (host.third_party / "some/m/b c.wit").write_text("b, mended here\n")


def _add(host: Host, _: Upstream) -> None:
    (host.third_party / "some/m/new.wit").write_text("new\n")


def _delete(host: Host, _: Upstream) -> None:
    (host.third_party / "some/m/a.wit").unlink()


def _edit_record(host: Host, _: Upstream) -> None:
    path = host.third_party / "provenance/m.json"
    path.write_text(path.read_text().replace('"mode": "100644"', '"mode": "100755"', 1))


def _edit_record_by_hand(host: Host, _: Upstream) -> None:
    path = host.third_party / "provenance/m.json"
    path.write_text(path.read_text() + "\n")


def _move_pin(host: Host, upstream: Upstream) -> None:
    host.manifest(_manifest(upstream, "v2"))


def _drop_mirror(host: Host, _: Upstream) -> None:
    host.manifest("# nothing\n")


def _drop_record(host: Host, _: Upstream) -> None:
    (host.third_party / "provenance/m.json").unlink()


def _add_to_manifest(host: Host, upstream: Upstream) -> None:
    host.manifest(
        _manifest(upstream, "v1") + mirror("n", upstream.url, tag="v1", from_="wit", local=True)
    )


def _stray(host: Host, _: Upstream) -> None:
    (host.third_party / "some/notes and thoughts.txt").write_text("notes\n")


def _attributes(host: Host, _: Upstream) -> None:
    (host.third_party / ".gitattributes").write_text("*.wit text eol=crlf\n")


def _no_attributes(host: Host, _: Upstream) -> None:
    (host.third_party / ".gitattributes").unlink()


def _unarchived(host: Host, _: Upstream) -> None:
    with (host.third_party / ".gitattributes").open("a") as file:
        file.write("a.wit export-ignore\n")


def _attributes_of_upstream(host: Host, upstream: Upstream) -> None:
    upstream.release(
        "v3",
        {
            "wit/a.wit": b"a\n",
            "wit/.gitattributes": b"a.wit export-ignore\n",
            "LICENSE": b"licence\n",
        },
    )
    host.manifest(_manifest(upstream, "v3"))
    host.sync()


def _leave_git(host: Host, upstream: Upstream) -> None:
    host.manifest(_manifest(upstream, "v1") + "checked-in = false\n")


VIOLATIONS: dict[str, tuple[Callable[[Host, Upstream], None], str]] = {
    "an edited file": (_edit, "mirror-differs-from-record"),
    "an added file": (_add, "mirror-differs-from-record"),
    "a deleted file": (_delete, "mirror-differs-from-record"),
    "an edited record": (_edit_record, "proof-broken"),
    "a record that is not canonical": (_edit_record_by_hand, "record-unreadable"),
    "a mirror that is to be in git no more": (_leave_git, "mirror-differs-from-record"),
    "a moved pin": (_move_pin, "record-differs-from-manifest"),
    "a mirror gone from the manifest": (_drop_mirror, "record-without-mirror"),
    "a deleted record": (_drop_record, "mirror-without-record"),
    "a mirror new in the manifest": (_add_to_manifest, "mirror-without-record"),
    "a file beside the mirrors": (_stray, "unrecorded-file"),
    "attributes with line endings": (_attributes, "attributes-alter-bytes"),
    "attributes that leave out a file": (_unarchived, "attributes-alter-bytes"),
    "attributes of upstream's own": (_attributes_of_upstream, "attributes-alter-bytes"),
    "no attributes": (_no_attributes, "attributes-alter-bytes"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_putting_back_what_is_staged_leaves_nothing_to_refuse(
    host: Host, upstream: Upstream, name: str
) -> None:
    violate, rule = VIOLATIONS[name]
    violate(host, upstream)
    host.git("add", "--all")
    found = _violations(host, "--staged")
    assert rule in {one["rule"] for one in found}
    for command in dict.fromkeys(one["put_back"] for one in found):
        subprocess.run(command, shell=True, cwd=host.path, check=True)
    assert host.run("check").status == 0
    assert host.git("diff", "--cached", "--name-only") == ""


@pytest.mark.parametrize("name", VIOLATIONS)
def test_putting_back_what_is_committed_mends_the_commit(
    host: Host, upstream: Upstream, name: str
) -> None:
    violate, _ = VIOLATIONS[name]
    violate(host, upstream)
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", "bad")
    for command in dict.fromkeys(
        one["put_back"] for one in _violations(host, "--range", "HEAD~1..HEAD")
    ):
        subprocess.run(command, shell=True, cwd=host.path, check=True)
    host.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "mended")
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0
    assert host.run("check", "--all").status == 0


@pytest.mark.parametrize(
    "name",
    [
        "a moved pin",
        "a mirror gone from the manifest",
        "a deleted record",
        "a mirror new in the manifest",
    ],
)
def test_going_on_with_the_command_that_is_named(host: Host, upstream: Upstream, name: str) -> None:
    violate, _ = VIOLATIONS[name]
    violate(host, upstream)
    host.git("add", "--all")
    (hint,) = {one["go_on"] for one in _violations(host, "--staged")}
    command = next(part for part in hint.split("`") if part.startswith("git verbatim"))
    ran = host.run(*shlex.split(command)[2:])
    assert ran.status == 0, ran.err
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0
    assert host.run("check", "--all").status == 0


@pytest.mark.parametrize("earlier", [None, *EARLIER_ATTRIBUTES])
def test_a_sync_writes_the_attributes_that_a_host_lacks(host: Host, earlier: str | None) -> None:
    (host.path / ".gitattributes").write_text("a.wit export-ignore\n")
    (host.third_party / ".gitattributes").unlink()
    if earlier is not None:
        (host.third_party / ".gitattributes").write_text(earlier)
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", "as an earlier version left it")
    assert (
        "`git verbatim sync` writes third_party/.gitattributes"
        in _violations(host, "--all")[0]["go_on"]
    )
    host.sync("--commit")
    assert host.run("check", "--all").status == 0
    assert (host.third_party / ".gitattributes").read_text() == ATTRIBUTES


def test_attributes_that_somebody_changed_stay_and_the_line_that_is_named_helps(host: Host) -> None:
    (host.path / ".gitattributes").write_text("a.wit export-ignore\n")
    own = host.third_party / ".gitattributes"
    own.write_text("* -text\n*.md linguist-documentation\n")
    host.git("add", "--all")
    (hint,) = {one["go_on"] for one in _violations(host, "--staged")}
    host.sync()
    assert own.read_text() == "* -text\n*.md linguist-documentation\n"
    line = next(part for part in hint.split("`") if part.startswith("* "))
    own.write_text(f"{line}\n{own.read_text()}")
    host.git("add", "--all")
    assert host.run("check").status == 0


def test_attributes_of_upstream_are_left_out_as_the_hint_says(
    host: Host, upstream: Upstream
) -> None:
    _attributes_of_upstream(host, upstream)
    host.git("add", "--all")
    (hint,) = {one["go_on"] for one in _violations(host, "--staged")}
    assert 'exclude = [".gitattributes"], then `git verbatim sync m --commit`' in hint
    host.manifest(_manifest(upstream, "v3") + 'exclude = [".gitattributes"]\n')
    host.sync("m", "--commit")
    assert host.run("check", "--all").status == 0


def test_what_is_wrong_in_head_whoever_did_it_is_put_back_from_the_record(
    host: Host, upstream: Upstream
) -> None:
    _edit(host, upstream)
    host.git("commit", "--quiet", "-a", "-m", "bad")
    (found,) = _violations(host, "--all")
    assert found["put_back"] == "git verbatim sync --discard-local m"
    subprocess.run(found["put_back"], shell=True, cwd=host.path, check=True, capture_output=True)
    host.git("commit", "--quiet", "-m", "mended")
    assert host.run("check", "--all").status == 0


@pytest.mark.parametrize("place", ["some/m", "some"])
def test_a_link_in_a_place_or_above_is_taken_away_first(host: Host, place: str) -> None:
    path = host.third_party / place
    shutil.rmtree(path)
    path.symlink_to("elsewhere")
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", "bad")
    (command,) = {one["put_back"] for one in _violations(host, "--all") if one["mirror"]}
    subprocess.run(command, shell=True, cwd=host.path, check=True, capture_output=True)
    host.git("commit", "--quiet", "-m", "mended")
    assert host.run("check", "--all").status == 0


@pytest.mark.parametrize("name", VIOLATIONS)
def test_every_rule_explains_itself(host: Host, name: str) -> None:
    _, rule = VIOLATIONS[name]
    ran = host.run("check", "--explain", rule)
    assert ran.status == 0
    assert ran.out.startswith(f"{rule}\n  Finds: ")
    assert "  Why: " in ran.out
    assert "  Put back: git " in ran.out
    assert "  Or: " in ran.out


def test_an_unknown_rule_is_answered_with_the_nearest(host: Host) -> None:
    ran = host.run("check", "--explain", "prof-broken")
    assert ran.status == 2
    assert "did you mean proof-broken?" in ran.err


def _violations(host: Host, *options: str) -> list[dict[str, str]]:
    ran = host.run("check", *options, "--format", "json")
    assert ran.status == 1, ran.err
    return ran.violations


def test_a_mirror_that_is_renamed_goes_into_one_commit_under_hooks(
    host: Host, upstream: Upstream
) -> None:
    assert host.run("hook", "install").status == 0
    host.manifest(_manifest(upstream, "v1").replace('"m"', '"renamed"'))
    host.sync("--commit")
    assert host.git("status", "--short") == ""
    message = host.git("log", "-1", "--format=%B")
    assert "Mirror-Sync: m removed " in message
    assert "Mirror-Sync: renamed v1 " in message
    assert host.run("check", "--all").status == 0


@pytest.mark.parametrize("by_hand", ["added", "removed"])
def test_a_table_that_was_edited_by_hand_and_not_staged_is_staged_as_the_hint_says(
    host: Host, upstream: Upstream, by_hand: str
) -> None:
    host.run("hook", "install")
    without, table = (
        host.third_party / "mirrors.toml",
        mirror("more", upstream.url, tag="v1", local=True),
    )
    before = without.read_text()
    if by_hand == "added":
        without.write_text(before + table)
    else:
        host.manifest(before + table)
        host.sync("--commit")
        without.write_text(before)
    host.sync()
    host.git("restore", "--staged", "third_party/mirrors.toml")
    done = subprocess.run(
        ["git", "commit", "-m", "x"], cwd=host.path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "`git add third_party/mirrors.toml`" in done.stderr) == (1, True), (
        done.stderr
    )
    host.git("add", "third_party/mirrors.toml")
    host.git("commit", "--quiet", "-m", "x")
    assert host.run("check", "--all").status == 0


def test_the_pages_are_made_from_the_same_words_and_routes() -> None:
    assert POLICIES.read_text() == policies_page(), "make it anew with `make pages`"
    assert HOOKS.read_text() == hooks_page(HOOKS.read_text()), "make it anew with `make pages`"
