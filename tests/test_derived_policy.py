"""Derived forms under the policy: hooks, ranges and servers refuse what no recipe has made."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import LOOKS, Host, commit, with_judging_server
from tests.support.upstreams import Upstream
from tests.support.wit import (
    BINARY,
    IO,
    PACKAGE,
    PACKED,
    SINGLE,
    TOOLS,
    forge_form,
    form,
    made,
    mirrors,
    packages,
    write_patch,
)
from tests.test_derived_forms import MORE, PATCHED, patch_of

EACH = (BINARY, SINGLE, PACKAGE, PACKED, PATCHED)
FORGED = MORE + b"// and more\n"


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    return _released(upstream)


def _released(upstream: Upstream) -> Upstream:
    upstream.release("v1", packages())
    upstream.release("v2", packages(io=MORE.replace(b"How many bytes", b"How many")))
    return upstream


@pytest.fixture(scope="module")
def prototype(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory to copy, with the repositories of `guarded`."""
    top = tmp_path_factory.mktemp("guarded")
    host = Host.create(top / "host")
    path = host.third_party / "patches" / "io.patch"
    path.parent.mkdir(parents=True)
    path.write_bytes(patch_of(host, IO, MORE, "streams.wit"))
    made(host, _released(Upstream.create(top / "upstream")), *EACH)
    with_judging_server(host, top / "server.git")
    return top


@pytest.fixture
def guarded(prototype: Path, tmp_path: Path) -> Host:
    """A host with forms in and outside third_party/, all hooks, and a server that judges."""
    shutil.copytree(prototype, tmp_path / "guarded", symlinks=True)
    host = Host(tmp_path / "guarded/host")
    host.git("remote", "set-url", "origin", str(tmp_path / "guarded/server.git"))
    return host


def replaced(path: str, old: bytes, new: bytes) -> Callable[[Host], None]:
    def change(host: Host) -> None:
        file = host.path / path
        assert old in file.read_bytes()
        file.write_bytes(file.read_bytes().replace(old, new))

    return change


def removed(path: str) -> Callable[[Host], None]:
    return lambda host: (host.path / path).unlink()


def added(path: str) -> Callable[[Host], None]:
    def change(host: Host) -> None:
        (host.path / path).parent.mkdir(parents=True, exist_ok=True)
        (host.path / path).write_bytes(b"mine\n")

    return change


def mode(path: str) -> Callable[[Host], None]:
    return lambda host: (host.path / path).chmod(0o755)


BAD: dict[str, tuple[Callable[[Host], None], str]] = {
    "an edited file": (
        replaced("crates/y/io.wit", b"u32", b"u64"),
        "derived-differs-from-record",
    ),
    "an edited file in third_party/": (
        replaced("third_party/wit/cli.wit", b"u32", b"u64"),
        "derived-differs-from-record",
    ),
    "one of two places edited": (
        replaced("crates/y/cli.wit", b"u32", b"u64"),
        "derived-differs-from-record",
    ),
    "an edited binary": (
        replaced("crates/y/cli.wasm", b"stdio", b"STDIO"),
        "derived-differs-from-record",
    ),
    "a file gone": (removed("crates/y/cli.wasm"), "derived-differs-from-record"),
    "a mode": (mode("crates/y/cli.wasm"), "derived-differs-from-record"),
    "a file more in a patched copy": (added("crates/z/more"), "derived-differs-from-record"),
    "an edited patched copy": (
        replaced("crates/z/streams.wit", b"u64", b"u32"),
        "derived-differs-from-record",
    ),
    "an edited patch": (
        replaced("third_party/patches/io.patch", b"say more", b"say less"),
        "derived-stale",
    ),
    "a patch gone": (removed("third_party/patches/io.patch"), "derived-stale"),
    "an edited record": (
        replaced("third_party/provenance/derived/io.wit.json", b'"size": ', b'"size": 1'),
        "derived-differs-from-record",
    ),
    "a record that is none": (
        replaced("third_party/provenance/derived/io.wit.json", b"{", b"["),
        "record-unreadable",
    ),
    "a record gone": (
        removed("third_party/provenance/derived/io.wit.json"),
        "derived-without-record",
    ),
    "a form that left the manifest": (
        replaced("third_party/mirrors.toml", PACKED.encode(), b""),
        "record-without-derived",
    ),
    "a form that came into the manifest": (
        replaced(
            "third_party/mirrors.toml",
            PACKED.encode(),
            PACKED.encode() + form("n", "wat", "io", "n").encode(),
        ),
        "derived-without-record",
    ),
    "another version of the tool": (
        replaced("third_party/mirrors.toml", b'"1.262.0"', b'"1.263.0"'),
        "record-differs-from-manifest",
    ),
    "other needs": (
        replaced("third_party/mirrors.toml", b'with = ["io"]\n', b""),
        "record-differs-from-manifest",
    ),
    "a stray record": (added("third_party/provenance/derived/odd.json"), "record-unreadable"),
    "something else among records": (
        added("third_party/provenance/derived/odd.txt"),
        "unrecorded-file",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_no_recipe_has_made_is_refused_everywhere(guarded: Host, case: str) -> None:
    change, rule = BAD[case]
    change(guarded)
    guarded.git("add", "--all")
    staged = guarded.run("check", "--format", "json")
    assert staged.status == 1, staged.out
    assert rule in {one["rule"] for one in staged.violations}, staged.violations
    assert _refused(guarded, "commit", "-m", "change")
    guarded.git("commit", "--quiet", "--no-verify", "-m", "change")
    ranged = guarded.run("check", "--range", "HEAD~..HEAD", "--format", "json")
    assert {one["rule"] for one in ranged.violations} == {one["rule"] for one in staged.violations}
    assert guarded.run("check", "--all").status == 1
    assert guarded.run("verify").status == 1
    assert guarded.run("status").status == 1
    assert guarded.run("report", "json").status == 1
    assert _refused(guarded, "push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/x")


def link(path: Path) -> None:
    path.rename(path.with_name("x"))
    path.symlink_to("x")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "mine").write_bytes(b"mine\n")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def absent(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("damage", [link, directory, fifo, absent])
def test_a_patch_that_is_no_plain_file_is_a_finding_and_its_hint_puts_it_back(
    guarded: Host, damage: Callable[[Path], None]
) -> None:
    damage(guarded.third_party / "patches/io.patch")
    verified = guarded.run("verify")
    assert verified.status == 1
    assert "third_party/patches/io.patch is missing or no plain file" in verified.out
    assert guarded.run("status").status == 1
    assert guarded.run("report").status == 1
    synced = guarded.run("sync")
    assert synced.status == 2
    assert "or take it out of `patches` in third_party/mirrors.toml" in synced.err
    (guarded.third_party / "patches/x").unlink(missing_ok=True)
    if (patch := guarded.third_party / "patches/io.patch").is_dir():
        shutil.rmtree(patch)
    subprocess.run(synced.err.split("`")[1], shell=True, cwd=guarded.path, check=True)
    assert guarded.run("verify").status == 0


def test_no_directory_is_called_a_patch_to_be_moved_away(guarded: Host) -> None:
    record = "third_party/provenance/derived/io-patched.json"
    replaced(record, b"third_party/patches/io.patch", b"crates")(guarded)
    verified = guarded.run("verify")
    assert verified.status == 1
    assert "its patch crates is missing or no plain file" in verified.out
    assert "move it away" not in verified.out + verified.err


def linked(path: str) -> Callable[[Host], None]:
    def change(host: Host) -> None:
        place = host.path / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        place.symlink_to("x")

    return change


def in_place_of_a_file(path: str) -> Callable[[Host], None]:
    return lambda host: directory(host.path / path)


def attributes(path: str) -> Callable[[Host], None]:
    def change(host: Host) -> None:
        (host.path / path).write_text("*.wit text eol=crlf\n")

    return change


UNDONE: dict[str, Callable[[Host], None]] = {
    "a patch gone": removed("third_party/patches/io.patch"),
    "a patch edited": replaced("third_party/patches/io.patch", b"say more", b"say less"),
    "a patch that is none": replaced("third_party/patches/io.patch", b"---", b"none"),
    "a form that is to be in git no more": replaced(
        "third_party/mirrors.toml",
        b'of = "cli"\ninto = "/crates/y/cli.wasm"\n',
        b'of = "cli"\ninto = "/crates/y/cli.wasm"\nchecked-in = false\n',
    ),
    "a link in a file's place": linked("crates/y/io.wit"),
    "a directory in a file's place": in_place_of_a_file("crates/y/io.wit"),
    "a link in a directory's place": linked("crates/z"),
    "a link above": linked("crates"),
    "attributes in third_party/": attributes("third_party/.gitattributes"),
    "attributes of the root": attributes(".gitattributes"),
}


@pytest.mark.parametrize("is_committed", [False, True], ids=["staged", "in HEAD"])
@pytest.mark.parametrize("case", UNDONE)
def test_the_command_that_undoes_a_change_helps_as_it_is_printed(
    guarded: Host, case: str, is_committed: bool
) -> None:
    UNDONE[case](guarded)
    guarded.git("add", "--all")
    if is_committed:
        guarded.git("commit", "--quiet", "--no-verify", "-m", "bad")
    found = guarded.run("check", *(["--all"] if is_committed else []), "--format", "json")
    assert found.status == 1
    for command in dict.fromkeys(one["put_back"] for one in found.violations):
        subprocess.run(command, shell=True, cwd=guarded.path, check=True, capture_output=True)
    assert guarded.run("check").status == 0
    guarded.git("commit", "--quiet", "--allow-empty", "-m", "mended")
    assert guarded.run("check", "--all").status == 0


def test_the_same_bytes_in_place_of_a_directory_above_are_no_form(guarded: Host) -> None:
    content = (guarded.path / "crates/y/io.wit").read_bytes()
    shutil.rmtree(guarded.path / "crates/y")
    (guarded.path / "crates/y").write_bytes(content)
    guarded.git("add", "--all")
    guarded.git("commit", "--quiet", "--no-verify", "-m", "bad")
    words = "crates/y/io.wit: missing altogether"
    for look in (
        ["verify"],
        ["verify", "--index"],
        ["verify", "--rev", "HEAD"],
        ["check", "--all"],
    ):
        ran = guarded.run(*look)
        assert (ran.status, words in ran.out) == (1, True), look
    assert guarded.run("status").status == 1


def test_the_line_of_the_version_of_the_tool_is_named(guarded: Host) -> None:
    replaced("third_party/mirrors.toml", b'"1.262.0"', b'"1.263.0"')(guarded)
    guarded.git("add", "--all")
    lines = (guarded.third_party / "mirrors.toml").read_text().splitlines()
    line = lines.index('version = "1.263.0"') + 1
    for one in guarded.run("check", "--format", "json").violations:
        assert one["line"] == line
        assert one["put_back"].startswith(f"in third_party/mirrors.toml:{line} write again what ")
        assert one["put_back"].endswith(" says of wasm-tools")


def test_a_nearer_file_of_attributes_in_head_is_named(guarded: Host) -> None:
    attributes("crates/y/.gitattributes")(guarded)
    guarded.git("add", "--all")
    guarded.git("commit", "--quiet", "--no-verify", "-m", "bad")
    found = guarded.run("check", "--all", "--format", "json").violations
    words = "take out of crates/y/.gitattributes what alters the bytes"
    assert {one["put_back"] for one in found} == {words}


def _refused(host: Host, *arguments: str) -> bool:
    done = subprocess.run(
        ["git", *arguments], cwd=host.path, capture_output=True, text=True, check=False
    )
    return done.returncode != 0


def test_what_somebody_may_do_passes(guarded: Host) -> None:
    added("crates/y/own.rs")(guarded)
    added("notes")(guarded)
    commit(guarded, "mine")
    manifest = guarded.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text() + "# a comment\n")
    commit(guarded, "a comment")
    git(guarded.path, "push", "--quiet", "origin", "HEAD:refs/heads/x")
    assert guarded.run("check", "--range", "HEAD~2..HEAD").status == 0


def test_a_moved_pin_without_its_forms_is_refused_with_the_command_that_makes_them(
    host: Host, released: Upstream
) -> None:
    made(host, released, BINARY, SINGLE)
    made(host, released, BINARY, SINGLE, tag="v2", commit=False)
    left = ["crates", "third_party/wit/cli.wit", "third_party/provenance/derived"]
    host.git("checkout", "HEAD", "--", *left)
    ran = host.run("check")
    assert ran.status == 1
    assert ran.out.count("  derived-stale  ") == 2
    assert "it was made of io at" in ran.out
    assert "git verbatim sync cli.wasm" in ran.out
    host.sync("--commit")
    assert host.run("check", "--range", "HEAD~..HEAD").status == 0


def test_a_moved_pin_is_one_command(guarded: Host) -> None:
    patch = guarded.third_party / "patches/io.patch"
    now = MORE.replace(b"How many bytes", b"How many")
    patch.write_bytes(patch_of(guarded, now, now + b"// more\n", "streams.wit"))
    manifest = guarded.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text().replace('"v1"', '"v2"'))
    guarded.sync("--commit")
    assert guarded.git("status", "--porcelain") == ""
    assert guarded.run("check", "--range", "HEAD~..HEAD").status == 0
    git(guarded.path, "push", "--quiet", "origin", "HEAD:refs/heads/x")


def test_a_forged_patched_copy_and_its_record_are_found_without_the_tool(guarded: Host) -> None:
    """What needs no tool is made again by `check` wherever its record is new."""
    forge_form(guarded, "io-patched", b"streams.wit", FORGED)
    guarded.git("add", "--all")
    ran = guarded.run("check")
    assert ran.status == 1 and "made again it is not as recorded" in ran.out
    assert guarded.run("verify").status == 1


HIDING: dict[str, Callable[[Host], None]] = {
    "a stale patch": BAD["an edited patch"][0],
    "no table": replaced("third_party/mirrors.toml", PATCHED.encode(), b""),
    "no record of the mirror": replaced("third_party/provenance/io.json", b"{", b"["),
}


@pytest.mark.parametrize("case", HIDING)
def test_what_a_standing_finding_hides_is_found_with_the_commit_that_mends_it(
    guarded: Host, case: str
) -> None:
    HIDING[case](guarded)
    guarded.git("commit", "--quiet", "--no-verify", "-am", "bad")
    server = guarded.git("remote", "get-url", "origin")
    git(Path(server), "fetch", "--quiet", str(guarded.path), "HEAD:refs/heads/x")  # without hooks
    forge_form(guarded, "io-patched", b"streams.wit", FORGED)
    commit(guarded, "forged")
    guarded.git("push", "--quiet", "origin", "HEAD:refs/heads/x")
    good = ("third_party/patches", "third_party/mirrors.toml", "third_party/provenance/io.json")
    guarded.git("checkout", "HEAD~2", "--", *good)
    assert _refused(guarded, "commit", "-m", "mended")
    guarded.git("commit", "--quiet", "--no-verify", "-m", "mended")
    ran = guarded.run("check", "--range", "HEAD~..HEAD")
    assert ran.status == 1 and "made again it is not as recorded" in ran.out
    assert _refused(guarded, "push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/x")


NOT_HERE = form("new", "wat", "io", "new.wat", checked_in=False)


@pytest.mark.parametrize("key", ["size", "sha256"])
def test_false_facts_of_what_is_not_checked_in_are_found_when_it_is(
    guarded: Host, key: str
) -> None:
    manifest = guarded.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text() + NOT_HERE)
    guarded.sync()
    path = guarded.third_party / "provenance/derived/new.json"
    record = json.loads(path.read_bytes())
    output = record["outputs"][0]
    output |= {"size": output["size"] + 1} if key == "size" else {"sha256": "0" * 64}
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    commit(guarded, "the record alone")
    manifest.write_text(manifest.read_text().replace("checked-in = false\n", ""))
    guarded.git("add", "--force", "third_party")
    assert _refused(guarded, "commit", "-m", "with its file")
    guarded.git("commit", "--quiet", "--no-verify", "-m", "with its file")
    for look in (("--range", "HEAD~..HEAD"), ("--all",)):
        ran = guarded.run("check", *look)
        assert ran.status == 1 and "derived-differs-from-record  new" in ran.out, ran
    assert _refused(guarded, "push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/x")


def test_what_a_server_could_not_make_is_found_when_the_mirror_is_checked_in(
    host: Host, released: Upstream, tmp_path: Path
) -> None:
    write_patch(host)
    tables = mirrors(released) + PATCHED
    host.manifest(tables.replace('from = "io"', 'from = "io"\nchecked-in = false'))
    host.sync("--commit")
    with_judging_server(host, tmp_path / "server.git")
    git(tmp_path / "server.git", "prune", "--expire=now")
    forge_form(host, "io-patched", b"streams.wit", FORGED)
    host.git("commit", "--quiet", "--no-verify", "-am", "forged")
    push = ("push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/x")
    assert not _refused(host, *push)
    host.manifest(tables)
    host.git("add", "--force", "third_party")
    host.git("commit", "--quiet", "--no-verify", "-m", "checked in")
    assert _refused(host, *push)


def test_a_forged_copy_is_blamed_once_too(guarded: Host) -> None:
    forge_form(guarded, "io-patched", b"streams.wit", FORGED)
    guarded.git("commit", "--quiet", "--no-verify", "-am", "bad")
    replaced("third_party/mirrors.toml", b'from = "io"', b'from = "io"\nlicense = "MIT"')(guarded)
    commit(guarded, "innocent")
    assert guarded.run("check", "--range", "HEAD~..HEAD").status == 0
    assert guarded.run("check", "--range", "HEAD~2..HEAD").status == 1


@pytest.mark.parametrize("file", [".gitattributes", "sub/.gitattributes", ".GitAttributes"])
def test_attributes_that_a_patch_brings_are_judged_as_those_of_a_mirror(
    guarded: Host, file: str
) -> None:
    patch = guarded.third_party / "patches/io.patch"
    patch.write_bytes(
        patch.read_bytes()
        + adding(guarded, file, b"* text eol=crlf\n")
        + adding(guarded, "sub/more.wit", b"package more:more;\n")
    )
    guarded.sync()
    staged = guarded.run("check", "--format", "json")
    assert {one["rule"] for one in staged.violations} == {"attributes-alter-bytes"}, staged
    assert _refused(guarded, "commit", "-m", "change")
    guarded.git("commit", "--quiet", "--no-verify", "-m", "change")
    for look in (*LOOKS, ("check", "--range", "HEAD~..HEAD"), ("report", "json")):
        if look != ("check",):
            ran = guarded.run(*look)
            assert (ran.status, "crates/z/sub/more.wit" in ran.out + ran.err) == (1, True), look
    assert _refused(guarded, "push", "--quiet", "--no-verify", "origin", "HEAD:refs/heads/x")


def adding(host: Host, path: str, content: bytes) -> bytes:
    """The part of a patch that adds a file of one line."""
    blob = host.git("hash-object", "-w", "--stdin", stdin=content)
    return (
        f"diff --git a/{path} b/{path}\nnew file mode 100644\nindex {'0' * 40}..{blob}\n"
        f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+"
    ).encode() + content


def test_a_wrong_commit_is_blamed_once(guarded: Host) -> None:
    replaced("crates/y/io.wit", b"u32", b"u64")(guarded)
    guarded.git("commit", "--quiet", "--no-verify", "-am", "bad")
    added("notes")(guarded)
    commit(guarded, "innocent")
    ran = guarded.run("check", "--range", "HEAD~..HEAD")
    assert ran.status == 0
    assert guarded.run("check", "--range", "HEAD~2..HEAD").status == 1
    replaced("crates/y/io.wit", b"u64", b"u32")(guarded)
    commit(guarded, "mended")
    assert guarded.run("check", "--all").status == 0


def test_the_same_patches_are_applied_to_the_same_tree_once(
    host: Host, released: Upstream, tmp_path: Path
) -> None:
    write_patch(host)
    more = form("more", "patched", "io", "more", patches=["patches/io.patch"])
    made(host, released, PATCHED, more)
    log, program = tmp_path / "log", tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {shutil.which("git")} "$@"\n')
    program.chmod(0o755)
    ran = host.run("check", "--all", PATH=f"{program.parent}:{os.environ['PATH']}")
    assert ran.status == 0
    assert log.read_text().count("apply --cached") == 1


def test_what_moved_is_told(guarded: Host, released: Upstream) -> None:
    guarded.manifest(
        mirrors(released) + TOOLS + BINARY + SINGLE.replace("wit-single", "wat") + PACKAGE + PATCHED
    )
    guarded.sync("--commit")
    ran = guarded.run("check", "--range", "HEAD~..HEAD")
    assert ran.status == 0
    assert "cli.wit: form wit-single → wat" in ran.out
    assert "io.wit.gz removed" in ran.out
