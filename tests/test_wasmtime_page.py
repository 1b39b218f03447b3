"""docs/wasmtime.md, typed in a host that has Wasmtime's layout: each command does what it says."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.git import git_bytes
from tests.support.hosts import Host
from tests.support.project import ROOT
from tests.support.upstreams import Upstream

PAGE = (ROOT / "docs/wasmtime.md").read_text()
CRATES = {
    "debugger/wit": ("io", "clocks", "cli", "filesystem", "random", "sockets"),
    "wasi-http/src/p3/wit": ("clocks", "cli", "filesystem", "random", "sockets", "http"),
    "wasi-http/wit": ("io", "clocks", "cli", "filesystem", "random", "sockets", "http"),
    "wasi-io/wit": ("io",),
    "wasi-tls/wit": ("io",),
    "wasi/src/p2/wit": ("io", "clocks", "cli", "filesystem", "random", "sockets"),
    "wasi/src/p3/wit": ("clocks", "cli", "filesystem", "random", "sockets"),
}
PROPOSALS = ("io", "clocks", "cli", "filesystem", "random", "sockets", "http")
"""The packages that the script has rendered into each crate's `deps`."""


def blocks(title: str, language: str) -> list[str]:
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, title
    return re.findall(rf"^```{language}\n(.*?)^```$", match[1], re.MULTILINE | re.DOTALL)


def wasi(version: str) -> dict[str, bytes]:
    return {
        f"proposals/{name}/wit/{file}": f"package wasi:{name}@{version};\n".encode()
        for name in PROPOSALS
        for file in ("types.wit", "run.wit")
    } | {"LICENSE.md": b"a licence\n"}


@pytest.fixture
def wasmtime(tmp_path: Path, host: Host) -> Host:
    """A repository with Wasmtime's directories, as its script leaves them, and its upstreams."""
    organization = tmp_path / "WebAssembly"
    monorepo = Upstream.create(organization / "WASI")
    monorepo.release("v0.2.11", wasi("0.2.11"))
    monorepo.release("v0.2.12", wasi("0.2.12"))
    monorepo.release("v0.3.0", wasi("0.3.0"))
    keyvalue = {"wit/store.wit": b"interface store {}\n", "LICENSE.md": b"a licence\n"}
    tls = {"wit-0.3.0-draft/types.wit": b"interface types {}\n", "LICENSE.md": b"a licence\n"}
    pins = {
        "219ea3612a53f1bf5b2d137551b22d0268fd3c58": Upstream.create(
            organization / "wasi-keyvalue"
        ).release("v1", keyvalue),
        "6781ae26084100c0628ef72cc44e4517c6c48ae5": Upstream.create(
            organization / "wasi-tls"
        ).release("v1", tls),
    }
    host.git(
        "config", "--global", f"url.{organization}/.insteadOf", "https://github.com/WebAssembly/"
    )
    for crate, packages in CRATES.items():
        for name in packages:
            rendered = host.path / "crates" / crate / "deps" / f"{name}.wit"
            rendered.parent.mkdir(parents=True, exist_ok=True)
            rendered.write_text(f"package wasi:{name};\n\ninterface types {{}}\n")
    for path, content in {
        "wasi-config/wit/deps/config/store.wit": "interface store {}\n",
        "wasi-tls/wit/deps/tls/types.wit": "edited\n",
        "wasi-tls/src/p3/wit/deps/tls/types.wit": "interface types {}\n",
        "wasi-keyvalue/wit/deps/keyvalue/store.wit": "interface store {}\n",
        "wasi/src/lib.rs": "// code\n",
    }.items():
        (host.path / "crates" / path).parent.mkdir(parents=True, exist_ok=True)
        (host.path / "crates" / path).write_text(content)
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", "as the script leaves it")
    sh(host, *blocks("Set up", "sh")[:1])
    [manifest] = blocks("Set up", "toml")
    for real, ours in pins.items():
        manifest = manifest.replace(real, ours)
    (host.third_party / "mirrors.toml").write_text(manifest)
    return host


def needing(name: str, *others: str) -> dict[str, bytes]:
    """A package of the monorepo that uses a type of each of these others."""
    uses = "".join(f"  use wasi:{other}/types@0.2.12.{{{other}}};\n" for other in others)
    text = f"package wasi:{name}@0.2.12;\n\ninterface types {{\n{uses}  type {name} = u32;\n}}\n"
    return {f"proposals/{name}/wit/types.wit": text.encode()}


def test_rendered_files_become_forms_and_an_edit_becomes_a_patch(
    tmp_path: Path, host: Host
) -> None:
    organization = tmp_path / "WebAssembly"
    monorepo = needing("io") | needing("clocks", "io") | needing("filesystem", "clocks", "io")
    Upstream.create(organization / "WASI").release("v0.2.12", {"LICENSE": b"x\n", **monorepo})
    tls = Upstream.create(organization / "wasi-tls")
    commit = tls.release(
        "v1", {"LICENSE": b"x\n", "wit/types.wit": b"0.2.6\n", "wit/deps.toml": b""}
    )
    to = "https://github.com/WebAssembly/"
    host.git("config", "--global", f"url.{organization}/.insteadOf", to)
    [manifest] = blocks("Keep the rendered files", "toml")
    host.manifest(manifest.replace("505fc98e32982b2d07fdfde22a47383814a24f2c", commit))
    [header] = blocks("Keep the rendered files", "diff")
    blobs = [host.git("hash-object", "-w", "--stdin", stdin=x) for x in (b"0.2.6\n", b"0.2.12\n")]
    diff = git_bytes(host.path, "diff", "--full-index", *blobs)
    for blob in blobs:
        diff = diff.replace(b"/" + blob.encode(), b"/types.wit")
    (host.third_party / "patches").mkdir()
    patch = host.third_party / "patches/wasi-tls-io.patch"
    patch.write_bytes(header.partition("diff --git")[0].encode() + diff)
    host.sync("--commit")
    deps = host.path / "crates/wasi-tls/wit/deps"
    assert (deps / "tls/types.wit").read_bytes() == b"0.2.12\n"
    assert (deps / "io.wit").read_bytes().startswith(b"package wasi:io@0.2.12;")
    assert host.run("verify", "--rebuild").status == 0


def sh(host: Host, *scripts: str, status: int = 0) -> str:
    said = ""
    for script in scripts:
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=host.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        said += done.stdout + done.stderr
    return said


def test_the_page_moves_a_repository_and_nothing_else_passes(wasmtime: Host) -> None:
    before = wasmtime.git("rev-parse", "HEAD")
    kept = wasmtime.path / "crates/wasi-keyvalue/wit/deps/keyvalue/store.wit"
    inode = kept.stat().st_ino
    sh(wasmtime, *blocks("Set up", "sh")[1:])
    assert kept.stat().st_ino == inode
    assert wasmtime.git("status", "--porcelain") == ""
    for crate, packages in CRATES.items():
        deps = wasmtime.path / "crates" / crate / "deps"
        assert {path.name for path in deps.iterdir()} - {"tls"} == {*packages}
    sh(wasmtime, *blocks("Move to a release", "sh"))
    assert wasmtime.git("log", "-1", "--format=%s") == "Update wasi-0.2 to v0.2.12"
    moved = wasmtime.git("show", "--name-only", "--format=", "HEAD").splitlines()
    assert len([path for path in moved if path.startswith("crates/")]) == 2 * 21
    assert "1 insertion" in wasmtime.git(
        "diff", "--shortstat", "HEAD~1", "HEAD", "--", "third_party/mirrors.toml"
    )
    assert "clean" in sh(wasmtime, f"git verbatim check --range {before}..HEAD")


def test_an_edited_copy_in_a_crate_is_refused_everywhere(wasmtime: Host, tmp_path: Path) -> None:
    sh(wasmtime, *blocks("Set up", "sh")[1:])
    server = tmp_path / "server.git"
    sh(wasmtime, f"git clone --quiet --bare . {server}")
    sh(wasmtime, f"cd {server} && git verbatim hook install --pre-receive")
    [block] = blocks("What is refused", "console")
    edit, commit = (line.removeprefix("$ ") for line in block.splitlines())
    sh(wasmtime, edit)
    said = sh(wasmtime, commit, status=1)
    where = "crates/wasi/src/p2/wit/deps/cli/run.wit"
    assert f"{where}:2: content differs" in said
    sh(wasmtime, f"{commit} --no-verify")
    assert where in sh(wasmtime, "git verbatim check --range HEAD~1..HEAD", status=1)
    assert where in sh(wasmtime, f"git push --no-verify {server} HEAD:refs/heads/main", status=1)
    sh(wasmtime, "git reset --quiet --hard HEAD~1")
    (wasmtime.path / "crates/wasi-io/wit/deps/mine.wit").write_text("mine\n")
    sh(wasmtime, "git add --all")
    assert "crates/wasi-io/wit/deps/mine.wit" in sh(wasmtime, "git commit -m mine", status=1)
