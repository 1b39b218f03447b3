"""What each command does, seen as a user sees it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from sync.change.init import preset_manifest
from sync.host.attributes_and_ignores import ATTRIBUTES, EARLIER_ATTRIBUTES
from sync.manifest.read import parse_manifest
from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.project import ROOT
from tests.support.schemas import DIRECTORY
from tests.support.upstreams import Upstream


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    upstream.release(
        "v1", {"wit/a.wit": b"a1\n", "wit/b.wit": b"b\n", "LICENSE": b"licence\n", "README": b"r\n"}
    )
    upstream.release(
        "v2",
        {"wit/a.wit": b"a2\n", "wit/c.wit": b"c\n", "LICENSE": b"licence 2\n", "README": b"r\n"},
    )
    return upstream


def trailer(host: Host, revision: str = "HEAD") -> str:
    return host.git("log", "-1", "--format=%(trailers:key=Mirror-Sync,valueonly)", revision)


def test_init_writes_what_is_missing_and_changes_nothing_that_is_there(host: Host) -> None:
    assert host.run("init").status == 0
    assert set(host.snapshot()) == {"third_party/mirrors.toml", "third_party/.gitattributes"}
    before = host.snapshot()
    assert "kept  third_party/mirrors.toml" in host.run("init").out
    assert host.snapshot() == before
    assert (host.path / ".git/info/attributes").read_text().count("third_party/**") == 1
    assert host.run("status").out == "no mirrors: add one with `git verbatim add`\n"


@pytest.mark.parametrize("earlier", EARLIER_ATTRIBUTES)
def test_init_brings_attributes_of_an_earlier_version_up_to_date_and_keeps_changed_ones(
    host: Host, earlier: str
) -> None:
    assert host.run("init", "--no-hooks").status == 0
    own = host.third_party / ".gitattributes"
    for text, kept in (
        (earlier, ATTRIBUTES),
        (f"{earlier}/up export-ignore\n", f"{earlier}/up export-ignore\n"),
    ):
        own.write_text(text)
        said = host.run("init", "--no-hooks").out
        assert own.read_text() == kept
        assert f"{'kept ' if kept == text else 'wrote'} third_party/.gitattributes" in said
    assert {path.name for path in host.third_party.iterdir()} == {".gitattributes", "mirrors.toml"}


def test_the_wasi_preset_is_the_shipped_manifest_checked_in(host: Host) -> None:
    assert host.run("init", "--preset", "wasi").status == 0
    preset = parse_manifest((host.third_party / "mirrors.toml").read_bytes()).mirrors
    shipped = parse_manifest((ROOT / "third_party" / "mirrors.toml").read_bytes()).mirrors
    assert preset == parse_manifest(preset_manifest("wasi").encode()).mirrors
    assert [(m.name, m.url, m.pin, m.source, m.places, m.selection) for m in preset.values()] == [
        (m.name, m.url, m.pin, m.source, m.places, m.selection) for m in shipped.values()
    ]
    assert {m.checked_in for m in preset.values()} == {True}
    assert {m.checked_in for m in shipped.values()} == {False}
    ran = host.run("init", "--preset", "wsai")
    assert (ran.status, "did you mean wasi?" in ran.err) == (2, True)


def test_the_shipped_records_are_proven_and_answer_the_shipped_manifest() -> None:
    ran = Host(ROOT).run("verify")
    assert ran.status == 0, ran.out
    assert ran.out.startswith("verified: 18 mirrors")


def test_add_sync_and_remove_commit_exactly_what_they_change(
    host: Host, released: Upstream
) -> None:
    host.run("init")
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", "init")
    (host.path / "unrelated").write_text("staged, but not of this commit\n")
    host.git("add", "unrelated")
    ran = host.run(
        "add",
        "up",
        released.url,
        "--local",
        "--tag",
        "v1",
        "--from",
        "wit",
        "--into",
        "x/up",
        "--commit",
    )
    assert ran.status == 0, ran.err
    tree = git(released.path, "rev-parse", "v1:wit")
    assert host.git("rev-parse", "HEAD:third_party/x/up") == tree
    assert host.git("show", "--name-only", "--format=", "HEAD").split() == [
        "third_party/licenses/up/LICENSE",
        "third_party/mirrors.toml",
        "third_party/provenance/up.json",
        "third_party/x/up/a.wit",
        "third_party/x/up/b.wit",
    ]
    assert trailer(host) == f"up v1 {tree}"
    manifest = host.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text().replace('"v1"', '"v2"'))
    ran = host.run("sync", "--commit")
    assert trailer(host) == f"up v2 {git(released.path, 'rev-parse', 'v2:wit')}"
    assert ran.out.splitlines()[0] == "up  v1 → v2  third_party/x/up"
    assert (
        "  + c.wit\n  ~ a.wit\n  - b.wit\n  the licence text changes: read third_party/licenses/"
        in ran.out
    )
    ran = host.run("remove", "up", "--commit")
    assert ran.status == 0, ran.err
    assert trailer(host) == "up removed 4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert host.git("ls-tree", "-r", "--name-only", "HEAD", "third_party").split() == [
        "third_party/.gitattributes",
        "third_party/mirrors.toml",
    ]
    assert not (host.third_party / "x").exists()
    assert host.git("status", "--porcelain") == "A  unrelated"


def test_a_licence_text_inside_a_mirror_that_changes_is_pointed_out(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"COPYING": b"one\n", "deep/LICENSE": b"same\n", "a": b"1\n"})
    upstream.release("v2", {"COPYING": b"two\n", "deep/LICENSE": b"same\n", "a": b"2\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    assert "licence" not in host.sync().out
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    assert (
        "  the licence text changes: read third_party/up/COPYING\n"
        in host.run("sync", "--dry-run").out
    )
    (change,) = host.sync("--json").json["changes"]
    assert change["changed_licenses"] == ["third_party/up/COPYING"]


def test_a_commit_is_made_by_git_with_the_users_hooks(host: Host, released: Upstream) -> None:
    hook = host.path / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'Change-Id: I1234' >> \"$1\"\n")
    hook.chmod(0o755)
    host.manifest(mirror("up", released.url, tag="v1", local=True))
    host.sync("--commit")
    assert host.git("log", "-1", "--format=%(trailers:key=Change-Id,valueonly)") == "I1234"


def test_a_first_commit_and_a_detached_head_work(tmp_path: Path, released: Upstream) -> None:
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet")
    host = Host(tmp_path / "new")
    host.manifest(mirror("up", released.url, tag="v1", local=True))
    host.sync("--commit")
    assert host.git("rev-list", "--count", "HEAD") == "1"
    host.git("checkout", "--quiet", "--detach")
    host.manifest(mirror("up", released.url, tag="v2", local=True))
    host.sync("--commit")
    assert host.git("rev-list", "--count", "HEAD") == "2"


def test_commit_is_refused_during_a_merge(host: Host, released: Upstream) -> None:
    host.git("branch", "side")
    host.git("commit", "--quiet", "--allow-empty", "-m", "main")
    host.git("checkout", "--quiet", "side")
    host.git("commit", "--quiet", "--allow-empty", "-m", "side")
    host.git("merge", "--no-commit", "--quiet", "main")
    host.manifest(mirror("up", released.url, tag="v1", local=True))
    ran = host.run("sync", "--commit")
    assert (ran.status, "a merge is in progress" in ran.err) == (2, True)


def test_globs_choose_mirrors_and_typos_are_answered(host: Host, released: Upstream) -> None:
    host.manifest(
        "".join(
            mirror(n, released.url, tag="v1", local=True) for n in ("wasi-cli", "wasi-io", "other")
        )
    )
    assert host.sync("wasi-*").out.splitlines()[-1] == "synced 2 mirrors"
    assert not (host.third_party / "other").exists()
    ran = host.run("sync", "wasi-cil")
    assert (ran.status, ran.err) == (
        2,
        "error: there is no mirror wasi-cil\nhint: did you mean wasi-cli or wasi-io?\n",
    )


def test_a_first_sync_prints_a_line_a_mirror_and_on_request_every_file(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {f"{n:02}": b"1\n" for n in range(20)})
    upstream.release("v2", {f"{n:02}": b"2\n" for n in range(20)})
    host.manifest("".join(mirror(n, upstream.url, tag="v1", local=True) for n in ("one", "two")))
    assert host.run("sync", "--dry-run").out.splitlines() == [
        "one  v1  third_party/one  20 files",
        "two  v1  third_party/two  20 files",
        "would change 2 mirrors",
    ]
    listed = [line for line in host.sync("--verbose").out.splitlines() if line.startswith("  + ")]
    assert listed == [f"  + {n:02}" for n in range(20)] * 2
    host.manifest(mirror("one", upstream.url, tag="v2", local=True))
    moved = host.sync("one").out
    assert ("  ~ 00\n" in moved, "… 20 files in all" in moved) == (True, True)


def test_a_dry_run_prints_the_plan_and_writes_nothing(host: Host, released: Upstream) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    before = host.snapshot()
    ran = host.run("sync", "--dry-run", "-v")
    assert ran.status == 0
    assert "  + a.wit\n" in ran.out
    assert ran.out.endswith("would change 1 mirror\n")
    assert host.snapshot() == before
    assert not (host.path / ".git/git-verbatim.lock").exists()


def test_without_staging_the_index_stays_and_the_next_sync_stages(
    host: Host, released: Upstream
) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync("--no-stage")
    assert host.git("ls-files") == ""
    assert "clean, not staged" in host.run("status").out
    assert host.sync().out == "staged 1 mirror\n"
    assert "third_party/up/a.wit" in host.git("ls-files")


def test_a_mirror_that_is_not_checked_in_is_ignored_and_rebuilt(
    host: Host, released: Upstream
) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True, checked_in=False))
    host.sync("--commit")
    assert host.git("ls-tree", "-r", "--name-only", "HEAD").split() == [
        "third_party/.gitattributes",
        "third_party/.gitignore",
        "third_party/mirrors.toml",
        "third_party/provenance/up.json",
    ]
    assert host.git("status", "--porcelain", "--untracked-files=all") == ""
    clone = Host(host.path.parent / "clone")
    git(host.path.parent, "clone", "--quiet", str(host.path), str(clone.path))
    assert clone.run("status").out.startswith("up  v1  absent (not checked in)\n")
    assert clone.run("verify").status == 0
    clone.sync()
    assert (clone.third_party / "up/a.wit").read_bytes() == b"a1\n"
    assert clone.git("status", "--porcelain") == ""
    assert (
        clone.run("verify").out
        == "verified: 1 mirror in the working tree, 2 files; files, records and proofs agree\n"
    )


def test_checking_a_mirror_out_of_the_repository_takes_its_files_from_the_index(
    host: Host, released: Upstream
) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync("--commit")
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True, checked_in=False))
    host.sync("--commit")
    assert "third_party/up/a.wit" not in host.git("ls-files")
    assert (host.third_party / "up/a.wit").exists()
    assert host.run("verify", "--rev", "HEAD").status == 0


def test_a_mirror_moves_with_its_into(host: Host, released: Upstream) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync("--commit")
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", into="deep/er/up", local=True))
    host.sync("--commit")
    assert not (host.third_party / "up").exists()
    assert "third_party/up/a.wit" not in host.git("ls-files")
    assert host.run("verify").status == host.run("verify", "--rev", "HEAD").status == 0
    assert host.git("status", "--porcelain") == ""


def test_two_versions_of_one_upstream_lie_side_by_side(host: Host, released: Upstream) -> None:
    host.manifest(
        mirror("up-1", released.url, tag="v1", from_="wit", into="up/1", local=True)
        + mirror("up-2", released.url, tag="v2", from_="wit", into="up/2", local=True)
    )
    host.sync("--commit")
    for version in ("1", "2"):
        assert host.git("rev-parse", f"HEAD:third_party/up/{version}") == git(
            released.path, "rev-parse", f"v{version}:wit"
        )


def test_the_readmes_first_block_works_as_written(host: Host, released: Upstream) -> None:
    """Also after the manifest of `init`, whose comment shows a table of that very name."""
    host.run("init")
    ran = host.run(
        "add",
        "wasi-0.2-cli",
        released.url,
        "--local",
        "--tag",
        "v1",
        "--from",
        "wit",
        "--into",
        "wasi/0.2/cli",
        "--commit",
    )
    assert ran.status == 0, ran.err
    assert host.git("status", "--porcelain") == ""
    assert host.git("rev-parse", "HEAD:third_party/wasi/0.2/cli") == git(
        released.path, "rev-parse", "v1:wit"
    )


def test_a_clone_with_autocrlf_verifies(host: Host, released: Upstream) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync("--commit")
    git(host.path.parent, "clone", "--quiet", "-c", "core.autocrlf=true", str(host.path), "clone")
    assert Host(host.path.parent / "clone").run("verify").status == 0


def test_a_pin_that_moved_and_a_table_that_was_deleted_take_one_command(
    host: Host, released: Upstream
) -> None:
    moved, gone = (mirror(n, released.url, tag="v1", local=True) for n in ("moved", "gone"))
    host.manifest(moved + gone)
    host.sync("--commit")
    host.manifest(moved.replace("v1", "v2"))
    (host.third_party / "gone/mine").write_text("mine\n")
    before = host.snapshot()
    ran = host.run("sync", "--commit")
    assert (ran.status, ran.err.splitlines()[1]) == (2, "  third_party/gone/mine")
    assert host.snapshot() == before
    (host.third_party / "gone/mine").unlink()
    assert (
        host.sync("--commit").out.splitlines()[-1].startswith("synced 1 mirror, removed 1 mirror")
    )
    assert not (host.third_party / "gone").exists()
    assert host.git("status", "--porcelain") == ""
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0
    host.manifest("")
    assert host.sync("moved").out.splitlines()[-1] == "removed 1 mirror"


@pytest.mark.parametrize("tag", ["v1", "v2"])
def test_a_mirror_is_renamed_and_moved_by_one_sync(
    host: Host, released: Upstream, tag: str
) -> None:
    host.manifest(mirror("old", released.url, tag="v1", from_="wit", into="place", local=True))
    host.sync("--commit")
    host.manifest(mirror("new", released.url, tag=tag, from_="wit", into="place", local=True))
    assert (
        host.sync("--commit").out.splitlines()[-1].startswith("synced 1 mirror, removed 1 mirror")
    )
    assert (host.third_party / "place/a.wit").exists()
    assert host.run("verify").status == host.run("verify", "--rev", "HEAD").status == 0
    assert host.git("status", "--porcelain") == ""
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_an_output_that_cannot_be_written_is_one_clear_error(
    host: Host, released: Upstream
) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync()
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "sync", "-C", str(host.path), "verify"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "this is a bug" in done.stderr) == (2, False)


def test_remove_takes_a_record_whose_mirror_has_left_the_manifest(
    host: Host, released: Upstream
) -> None:
    host.manifest(mirror("up", released.url, tag="v1", local=True))
    host.sync()
    host.manifest("")
    assert "not in manifest" in host.run("status").out
    assert "record-without-mirror" in host.run("verify").out
    assert host.run("remove", "up").status == 0
    assert set(host.snapshot()) == {"third_party/mirrors.toml", "third_party/.gitattributes"}


def test_local_changes_are_listed_and_never_overwritten(host: Host, released: Upstream) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync()
    (host.third_party / "up/a.wit").write_bytes(b"mine\n")
    (host.third_party / "up/mine.wit").write_bytes(b"mine too\n")
    host.manifest(mirror("up", released.url, tag="v2", from_="wit", local=True))
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status == 2
    assert ran.err.splitlines()[:3] == [
        "error: local changes would be lost",
        "  third_party/up/a.wit",
        "  third_party/up/mine.wit",
    ]
    assert host.snapshot() == before
    assert host.run("remove", "up").status == 2
    assert host.snapshot() == before
    host.sync("--discard-local")
    assert host.run("verify").status == 0


def test_a_deleted_file_comes_back_without_asking_upstream(host: Host, released: Upstream) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync()
    (host.third_party / "up/a.wit").unlink()
    released.path.rename(released.path.with_name("gone"))
    host.sync()
    assert host.run("verify").status == 0


def test_status_names_each_standing(host: Host, released: Upstream) -> None:
    names = ("clean", "drifted", "moved", "fresh", "broken")
    tables = {name: mirror(name, released.url, tag="v1", from_="wit", local=True) for name in names}
    host.manifest("".join(tables[name] for name in names if name != "fresh"))
    host.sync()
    (host.third_party / "drifted/a.wit").write_bytes(b"x")
    (host.third_party / "provenance/broken.json").write_bytes(b"{}")
    tables["moved"] = mirror("moved", released.url, tag="v2", from_="wit", local=True)
    host.manifest("".join(tables.values()))
    ran = host.run("status")
    assert ran.status == 1
    assert ran.out.splitlines()[:5] == [
        "clean    v1       clean",
        "drifted  v1       drift: 1 file",
        "moved    v1 → v2  to be synced",
        "fresh    v1       not synced",
        "broken   v1       broken record",
    ]


@pytest.mark.parametrize("command", ["sync --dry-run", "sync", "status", "verify"])
def test_json_is_facts_in_the_shipped_schema(host: Host, released: Upstream, command: str) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    if command in ("status", "verify"):
        host.sync()
        (host.third_party / "up/a.wit").write_bytes(b"x")
    ran = host.run(*command.split(), "--json")
    schema = json.loads((DIRECTORY / f"{command.split(maxsplit=1)[0]}.schema.json").read_text())
    Draft202012Validator(schema).validate(ran.json)
    assert ran.json["schema"] == 2


def test_records_are_in_the_shipped_schema() -> None:
    schema = json.loads((DIRECTORY / "record.schema.json").read_text())
    records = sorted((ROOT / "third_party/provenance").glob("*.json"))
    assert len(records) == 18
    for record in records:
        Draft202012Validator(schema).validate(json.loads(record.read_bytes()))


def test_version_help_and_completion(host: Host) -> None:
    assert host.run("--version").out.startswith("git-verbatim 0.")
    assert "sync" in host.run("--help").out
    ran = host.run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (ran.status, "complete" in ran.out) == (0, True)
    ran = host.run("snyc")
    assert ran.status == 2


def test_commands_work_from_a_subdirectory_by_option_and_in_a_linked_worktree(
    host: Host, released: Upstream
) -> None:
    host.manifest(mirror("up", released.url, tag="v1", from_="wit", local=True))
    host.sync("--commit")
    assert Host(host.third_party / "up").run("verify").status == 0
    assert Host(Path("/")).run("-C", str(host.path), "verify").status == 0
    host.git("worktree", "add", "--quiet", "../linked")
    linked = Host(host.path.parent / "linked")
    linked.manifest(mirror("up", released.url, tag="v2", from_="wit", local=True))
    linked.sync("--commit")
    assert linked.git("rev-parse", "HEAD:third_party/up") == git(
        released.path, "rev-parse", "v2:wit"
    )
    assert host.run("verify").status == linked.run("verify").status == 0


def test_a_closed_pipe_is_no_traceback(host: Host, released: Upstream) -> None:
    host.manifest(mirror("up", released.url, tag="v1", local=True))
    host.sync()
    done = subprocess.run(
        f"{sys.executable} -m sync -C '{host.path}' verify --json | true",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_in_a_clone_of_a_project_with_mirrors_init_and_hook_status_say_what_comes_next(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", {"a": b"a\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    clone = Host(tmp_path / "clone")
    git(tmp_path, "clone", "--quiet", str(host.path), str(clone.path))
    ran = clone.run("hook", "status")
    assert (ran.status, ran.out.splitlines()[-1]) == (
        1,
        "next: `git verbatim hook install`, so that git judges each commit here",
    )
    ran = clone.run("init")
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "next: `git verbatim status`")
    assert clone.run("hook", "status").status == clone.run("status").status == 0


def test_a_manifest_with_nothing_but_comments_still_asks_for_a_mirror(host: Host) -> None:
    for _ in range(2):
        assert host.run("init", "--no-hooks").out.endswith(
            "`git verbatim add NAME URL --tag TAG`\n"
        )
