"""What is hit: for each job a directory with a host and a home as they are before it.

The directory is copied anew for every case.
"""

import compileall
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.harnesses.crashes import overlay
from tests.support.git import USER_CONFIGURATION, git
from tests.support.hosts import Host, mirror
from tests.support.project import ROOT
from tests.support.upstreams import Upstream

Files = dict[str | bytes, bytes | tuple[str, bytes]]

OLD: Files = {
    "a": b"1\n",
    "d/same": b"same\n",
    "d/gone": b"gone\n",
    "LICENSE": b"licence 1\n",
    "w/x": b"x\n",
    "w/y": b"y1\n",
}
NEW: Files = {
    "a": b"2\n",
    "d/same": b"same\n",
    "e/new": b"new\n",
    "LICENSE": b"licence 2\n",
    "w/x": b"x\n",
    "w/y": b"y2\n",
}
# enough for git to write a pack
MANY: Files = {**NEW, **{f"many/{n}": b"%d\n" % n for n in range(120)}}
NOTE, STAGED = "notes/mine.txt", "src/staged.txt"
"""The user's own files: one that git does not know, and one that differs in all three.

Its index, its working tree and its commit have different content.
"""

_CONFIGURATION = f"{USER_CONFIGURATION}\ttemplateDir =\n"


@dataclass(frozen=True)
class Job:
    """A command and the host that it is run in."""

    name: str
    command: tuple[str, ...]
    before: str | None
    """The tag that is synced and committed already; None for a host without mirrors."""
    after: str
    """The tag that the manifest asks for when the command is run."""
    checked_in: bool = True
    hooks: bool = False
    """Whether the program's own hooks are installed and judge the commit."""
    only_git: bool = False
    """Whether only the calls of git processes are points; another job has the others."""
    moves: bool = False
    """Whether the first mirror lies outside third_party/ too, and gets one place more there."""
    forms: bool = False
    """Whether a compressed file and a patched copy are made of the mirrors."""
    overlay: bool = False
    """Whether all of the host lies in the lower layer of an overlay, as in a container's image."""

    def on_overlay(self) -> "Job":
        return replace(self, name=f"{self.name}-overlay", overlay=True)


_JOBS = {
    job.name: job
    for job in (
        Job("add", ("sync",), None, "v1"),
        Job("update", ("sync",), "v1", "v2"),
        Job("remove", ("remove", "one", "two"), "v1", "v1"),
        Job("unchecked", ("sync",), "v1", "v2", checked_in=False),
        Job("commit", ("sync", "--commit"), "v1", "v2"),
        Job("hooked", ("sync", "--commit"), "v1", "v2", hooks=True, only_git=True),
        Job("packed", ("sync",), "v1", "many", only_git=True),
        Job("places", ("sync",), "v1", "v2", moves=True),
        Job("forms", ("sync",), "v1", "v2", forms=True),
    )
}
JOBS = {
    **_JOBS,
    **{
        job.name: job
        for job in (_JOBS[name].on_overlay() for name in ("add", "update", "remove", "places"))
    },
}


@dataclass(frozen=True)
class Scenes:
    """A scratch directory with the upstream, the program's own copy and a template for each job."""

    root: Path

    @classmethod
    def build(cls, root: Path, jobs: list[str]) -> "Scenes":
        """Make everything; the program is copied, so that editing it meanwhile changes no case."""
        scenes = cls(root)
        for package in ("sync", "policies"):
            shutil.copytree(
                ROOT / package,
                scenes.program / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        isolate(scenes, root / "home")
        (root / "home").mkdir()
        (root / "home" / ".gitconfig").write_text(_CONFIGURATION)
        upstream = Upstream.create(root / "upstream")
        upstream.release("v1", OLD)
        upstream.release("v2", NEW)
        upstream.release("many", MANY)
        for name in jobs:
            _make_template(scenes, JOBS[name], upstream)
        return scenes

    @property
    def program(self) -> Path:
        return self.root / "program"

    def template(self, job: Job) -> Path:
        return self.root / "templates" / job.name

    @contextmanager
    def fresh(self, job: Job, top: Path) -> Iterator[Host]:
        """A copy of the job's template to run it in, or an overlay above it."""
        template, host = self.template(job), top / "host"
        shutil.copytree(template / "home", top / "home")
        try:
            if job.overlay:
                overlay.mount(template / "host", host, top / "layers")
            else:
                shutil.copytree(template / "host", host, symlinks=True)
            yield Host(host)
        finally:
            if job.overlay:
                overlay.unmount(host, top / "layers")
            shutil.rmtree(top)


def isolate(scenes: Scenes, home: Path) -> None:
    """Keep everybody's configuration out of this process and those that it starts.

    All commits get one time.
    """
    os.environ.update(environment(scenes, home))
    for name in list(os.environ):
        is_ours = name in environment(scenes, home)
        if not is_ours and (
            name.startswith(("GIT_", "XDG_", "SSL_", "SSH_")) or name.lower().endswith("_proxy")
        ):
            del os.environ[name]


def environment(scenes: Scenes, home: Path) -> Mapping[str, str]:
    """What a run gets beside what is inherited."""
    clock = "2026-01-02T03:04:05Z"
    return {
        "HOME": str(home),
        "PYTHONPATH": str(scenes.program),
        "PYTHONDONTWRITEBYTECODE": "1",  # so that a run's files are its own
        "PYTHONHASHSEED": "0",  # so that the K-th call is the same in every run
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": clock,
        "GIT_COMMITTER_DATE": clock,
    }


def compile_program(scenes: Scenes) -> None:
    """Compile the copy once; runs do not."""
    compileall.compile_dir(scenes.program, quiet=2)
    sys.dont_write_bytecode = True


_PLACES_BEFORE, _PLACES_AFTER = ["/crates/one", "one"], ["/crates/one", "/deps/deep/one", "one"]


_PATCH = """\
Description: x is another
Author: A <a@example.org>

diff --git a/x b/x
index {}..{} 100644
--- a/x
+++ b/x
@@ -1 +1 @@
-x
+another x
"""
_FORMS = """\
[derived."a.gz"]
form = "gzip"
of = "one:a"
into = ["/made/a.gz", "a.gz"]
[derived."patched"]
form = "patched"
of = "two"
patches = ["patches/x.patch"]
into = "/made/two"
"""


def _manifest(job: Job, upstream: Upstream, tag: str, into: list[str]) -> str:
    keys: dict[str, bool] = {"local": True} | ({} if job.checked_in else {"checked_in": False})
    one = mirror("one", upstream.url, tag=tag, into=into, exclude=["/w/"], **keys)
    two = mirror("two", upstream.url, tag=tag, from_="w", into="deep/two", **keys)
    return one + two + (_FORMS if job.forms else "")


def _make_template(scenes: Scenes, job: Job, upstream: Upstream) -> None:
    top = scenes.template(job)
    shutil.copytree(scenes.root / "home", top / "home")
    os.environ["HOME"] = str(top / "home")
    host = Host.create(top / "host")
    staged = host.path / STAGED
    staged.parent.mkdir()
    staged.write_text("committed\n")
    host.git("add", STAGED)
    git(host.path, "commit", "--quiet", "-m", "mine")
    if job.forms:
        patch = host.third_party / "patches" / "x.patch"
        patch.parent.mkdir(parents=True)
        blobs = [
            host.git("hash-object", "-w", "--stdin", stdin=x) for x in (b"x\n", b"another x\n")
        ]
        patch.write_text(_PATCH.format(*blobs))
    if job.before is not None:
        into = _PLACES_BEFORE if job.moves else ["one"]
        host.manifest(_manifest(job, upstream, job.before, into))
        host.sync("--commit")
    into = _PLACES_AFTER if job.moves else ["one"]
    host.manifest(_manifest(job, upstream, job.after, into))
    host.git("add", "third_party/mirrors.toml")
    if job.hooks:
        _install_hooks(host)
    staged.write_text("staged\n")
    host.git("add", STAGED)
    staged.write_text("in the working tree\n")
    (host.path / NOTE).parent.mkdir()
    (host.path / NOTE).write_text("precious\n")
    os.environ["HOME"] = str(scenes.root / "home")


def _install_hooks(host: Host) -> None:
    """Install the hooks as the program does, but so that they find this copy by PYTHONPATH.

    The program's own hooks ignore PYTHONPATH.
    """
    if (ran := host.run("hook", "install")).status != 0:
        raise AssertionError(ran.err)
    for hook in (host.path / ".git/hooks").iterdir():
        hook.write_text(hook.read_text().replace('"$python" -I ', '"$python" -P '))
