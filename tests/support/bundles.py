"""What packagers get: unpacked releases, without `.git`, of projects that carry mirrors."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosts import Host, mirror
from tests.support.program import Ran, run_tool
from tests.support.project import ROOT
from tests.support.torture import ALLOW, FILES, NOT_UTF8
from tests.support.upstreams import Content, Upstream
from tests.support.wit import ALL, OF_PATCHED, PATCHED, made, packages, write_patch

UPSTREAMS = Path(os.environ.get("GIT_VERBATIM_UPSTREAMS", os.devnull))
LICENSE = (ROOT / "LICENSE").read_bytes()
"""A text that is known by its blob id: Apache-2.0 WITH LLVM-exception."""
NOTICE = "Copyright © 2024 the Contributors to Nowhere, published\nby nobody under no known licence.\n".encode()
"""A text that nobody knows."""

Files = Mapping[str | bytes, bytes | tuple[str, bytes]]


@dataclass(frozen=True)
class Bundle:
    """An unpacked release, without repository and network.

    It is a copy, so its files may be changed.
    """

    path: Path

    @property
    def third_party(self) -> Path:
        return self.path / "third_party"

    def run(self, *arguments: str, **options: Any) -> Ran:
        return run_tool(self.path, *arguments, **options)

    def report(self, *arguments: str, **options: Any) -> Ran:
        """Run `report`; it has to succeed."""
        ran = self.run("report", *arguments, **options)
        assert ran.status == 0, ran.err
        return ran

    def write(self, name: str, directory: Path) -> Path:
        """Write one report to a file, byte by byte as the program does; its path."""
        path = directory / name
        self.report(name, "-o", str(path))
        return path

    def components(self) -> list[dict]:
        return self.report("json").json["components"]

    def remove(self, name: str) -> None:
        """Take away every place of a mirror, as distributions do; its licences stay."""
        record = json.loads((self.third_party / "provenance" / f"{name}.json").read_bytes())
        for place in record["places"]:
            shutil.rmtree(self.path / place)

    def write_manifest(self, change: Callable[[str], str]) -> None:
        manifest = self.third_party / "mirrors.toml"
        manifest.write_text(change(manifest.read_text()))


def _release(
    directory: Path, upstreams: Mapping[str, Callable[[Upstream], None]], manifest: str
) -> Path:
    """Sync a manifest and pack the release.

    The manifest's upstreams, by owner and name, are served from disk under https URLs.
    """
    for name, fill in upstreams.items():
        fill(Upstream.create(directory / "upstreams" / name))
    host = Host.create(directory / "host")
    rewrite = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{directory}/upstreams/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }
    host.manifest(manifest)
    ran = host.run("sync", "--commit", **rewrite)
    assert ran.status == 0, ran.err
    return _pack(host, directory)


def _pack(host: Host, directory: Path) -> Path:
    release = directory / "release"
    shutil.copytree(host.path, release, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    return release


def _torture(directory: Path) -> Path:
    """Whatever a tree can hold: blanks, quotes, names that are not UTF-8, links, executables.

    One mirror has it whole, and one in part. Each lies in third_party/ and outside of it.
    """

    def fill(upstream: Upstream) -> None:
        commit = upstream.commit({**FILES, **NOT_UTF8, "LICENSE": LICENSE})
        upstream.tag("v1.0-rc.1", commit, annotated=True)

    url = "https://github.com/Example/torture"
    whole = mirror(
        "torture",
        url,
        tag="v1.0-rc.1",
        into=["torture", "/crates/it's here/torture"],
        supplier='Example & "Sons" <x>',
        allow=["name-not-utf8", *ALLOW],
        license="MIT",
    )
    part = mirror(
        "part",
        url,
        tag="v1.0-rc.1",
        into=["deep/part", "/crates/part"],
        include=["/deep/", "/script.sh"],
        description="the | deep part",
    )
    return _release(directory, {"Example/torture": fill}, whole + part)


def _wit(name: str, version: str) -> bytes:
    return f"package example:{name}@{version};\n\ninterface {name} {{\n    ping: func();\n}}\n".encode()


def _nested(directory: Path) -> Path:
    """Upstreams as WASI's proposals were, each in its own repository.

    They have copies of others in `wit/deps`, and one has no licence at all.
    """

    def io(upstream: Upstream) -> None:
        upstream.release(
            "v0.2.0",
            {
                "LICENSE.md": LICENSE,
                "wit/streams.wit": _wit("io", "0.2.0"),
                "wit/poll.wit": _wit("poll", "0.2.0"),
            },
        )

    def clocks(upstream: Upstream) -> None:
        files: dict[str, Content] = {
            "wit/clock.wit": _wit("clocks", "0.2.0"),
            "wit/deps/io/streams.wit": _wit("io", "0.2.0"),
        }
        upstream.release("v0.2.0", {"COPYING": NOTICE, **files})

    def http(upstream: Upstream) -> None:
        files: Files = {
            "wit/types.wit": _wit("http", "0.3.0"),
            "wit/deps/io/streams.wit": _wit("io", "0.2.0"),
            "wit/deps/io/poll.wit": _wit("poll", "0.2.0"),
            "wit/deps/clocks/clock.wit": _wit("clocks", "0.2.0"),
            "wit/deps/random/random.wit": _wit("random", "0.2.0"),
        }
        upstream.release("v0.3.0-rc-2025-09-16", files)

    url = "https://github.com/WebAssembly/{}"
    defaults = '[defaults]\nsupplier = "WebAssembly Community Group"\n\n'
    manifest = defaults + "\n".join(
        [
            mirror(
                "io",
                url.format("wasi-io"),
                tag="v0.2.0",
                from_="wit",
                into="wit/io",
                also_at=[url.format("WASI")],
            ),
            mirror(
                "clocks",
                url.format("wasi-clocks"),
                tag="v0.2.0",
                from_="wit",
                into="wit/clocks",
                license="Apache-2.0 OR MIT",
            ),
            mirror(
                "http",
                url.format("wasi-http"),
                tag="v0.3.0-rc-2025-09-16",
                from_="wit",
                into="wit/http",
            ),
        ]
    )
    return _release(
        directory,
        {
            "WebAssembly/wasi-io": io,
            "WebAssembly/wasi-clocks": clocks,
            "WebAssembly/wasi-http": http,
        },
        manifest,
    )


def _wasi(directory: Path) -> Path:
    """The shipped WASI mirrors, rebuilt from real upstreams."""
    host = Host.create(directory / "host")
    shutil.copytree(
        ROOT / "third_party", host.third_party, ignore=shutil.ignore_patterns("wasi", "licenses")
    )
    rewrite = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{UPSTREAMS}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }
    ran = host.run("sync", timeout=300, **rewrite)
    assert ran.status == 0, ran.err
    return _pack(host, directory)


def _forms(directory: Path) -> Path:
    """Two mirrors, each kind of form made of them, and a patched copy."""
    upstream = Upstream.create(directory / "upstream")
    upstream.release("v1", {**packages(), "LICENSE": LICENSE})
    host = Host.create(directory / "host")
    write_patch(host)
    made(host, upstream, *ALL, PATCHED, OF_PATCHED)
    return _pack(host, directory)


_BUNDLES = {"torture": _torture, "nested": _nested, "wasi": _wasi}
_RELEASES = {**_BUNDLES, "forms": _forms}


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes each release once."""

    @cache
    def make(name: str) -> Path:
        directory = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(directory))
            for role in ("AUTHOR", "COMMITTER"):
                patch.setenv(f"GIT_{role}_NAME", "Tester")
                patch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
            return _RELEASES[name](directory)

    return make


@pytest.fixture(params=_BUNDLES)
def bundle(
    request: pytest.FixtureRequest, released: Callable[[str], Path], tmp_path: Path
) -> Bundle:
    """Each release in turn, in a place of its own; the real WASI where its upstreams are."""
    if request.param == "wasi" and not UPSTREAMS.is_dir():
        pytest.skip("needs GIT_VERBATIM_UPSTREAMS, a directory of real upstreams")
    return _copy(released(request.param), tmp_path)


@pytest.fixture
def nested_bundle(released: Callable[[str], Path], tmp_path: Path) -> Bundle:
    """The release with copies inside mirrors."""
    return _copy(released("nested"), tmp_path)


@pytest.fixture
def torture_bundle(released: Callable[[str], Path], tmp_path: Path) -> Bundle:
    """The release with whatever a tree can hold."""
    return _copy(released("torture"), tmp_path)


@pytest.fixture
def form_bundle(released: Callable[[str], Path], tmp_path: Path) -> Bundle:
    """The release with derived forms."""
    return _copy(released("forms"), tmp_path)


def _copy(release: Path, directory: Path) -> Bundle:
    shutil.copytree(release, directory / "release", symlinks=True)
    return Bundle(directory / "release")
