"""An upstream of many objects, of which little is wanted."""

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.upstreams import Upstream

FILES = {b"wit/a.wit": b"a\r\n", b"wit/deep/b.wit": b"b", b"LICENSE": b"licence\n", b"more/c": b"c"}
CHANGED = FILES | {b"wit/a.wit": b"changed\n", b"wit/new.wit": b"new\n"}
BULK = {b"bulk/%d/%d" % (n % 50, n): random.Random(n).randbytes(2000) for n in range(2500)}


def release(path: Path, tag: str, files: Mapping[bytes, bytes]) -> None:
    """A tag of a commit of these files, without parents."""
    commands = [f"commit refs/tags/{tag}\ncommitter A <a@b> 1 +0000\ndata 0\n".encode()]
    commands += (
        b"M 100644 inline %b\ndata %d\n%b\n" % (name, len(content), content)
        for name, content in files.items()
    )
    git(path, "fast-import", "--quiet", stdin=b"".join(commands))


@pytest.fixture(scope="session")
def large_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upstream of 2,500 files of 2 kB beside what is wanted."""
    made = Upstream.create(tmp_path_factory.mktemp("large") / "upstream")
    for tag, files in (("v1", FILES), ("v2", CHANGED)):
        release(made.path, tag, BULK | files)
    git(made.path, "config", "uploadpack.allowFilter", "true")
    git(made.path, "repack", "-a", "-d", "-q")
    return made.path


@pytest.fixture
def large(large_template: Path, tmp_path: Path) -> Upstream:
    """The same, for one test to change."""
    shutil.copytree(large_template, tmp_path / "upstream")
    return Upstream(tmp_path / "upstream")
