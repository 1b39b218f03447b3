"""What docs/architecture.md says of the house is so: its rooms, and the modules that it names."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sync import errors
from tests.support.hosts import Host, mirror
from tests.support.project import ROOT
from tests.support.upstreams import Upstream

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
SYNC = ROOT / "sync"
ROOMS = {room.removesuffix("/"): re.findall(r"`(\w+/?)`", modules) for room, modules in re.findall(
    r"^\| `?([a-z]+/|ground)`? \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE
)}  # fmt: skip


def modules_of(directory: Path) -> list[str]:
    """Its modules, and its packages with a slash, as a reader of the folder sees them."""
    modules = [
        path.stem for path in directory.glob("*.py") if path.stem not in {"__init__", "__main__"}
    ]
    return sorted([*modules, *(f"{path.parent.name}/" for path in directory.glob("*/__init__.py"))])


def test_every_room_and_every_module_is_in_the_table() -> None:
    there = modules_of(SYNC)
    rooms = {room.removesuffix("/") for room in there if room.endswith("/")}
    assert {room: sorted(modules) for room, modules in ROOMS.items()} == {
        **{room: modules_of(SYNC / room) for room in rooms},
        "ground": [module for module in there if not module.endswith("/")],
    }


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:policies\.|sync\.)?[a-z_]+\.(?!toml)[a-z_]+)`", PAGE)))
)
def test_a_module_that_the_text_names_is_there(name: str) -> None:
    path = name.removeprefix("sync.").replace(".", "/")
    top = ROOT if name.startswith("policies.") else SYNC
    assert (top / f"{path}.py").is_file() or (top / path / "__init__.py").is_file()


def test_every_module_says_first_what_it_is_for() -> None:
    """In one sentence that fits on a line."""
    modules = [path for package in ("sync", "policies") for path in (ROOT / package).rglob("*.py")]
    first = {
        path: (ast.get_docstring(ast.parse(path.read_bytes())) or "").partition("\n")[0]
        for path in modules
    }
    assert [str(path) for path, line in first.items() if not line.endswith(".")] == []


def test_the_example_of_how_others_call_it_runs_in_a_thread(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", {"a": b"a\n"})
    host.manifest(mirror("wasi-a", str(upstream.path), tag="v1", local=True))
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "example.py").write_text(example)
    run = "import runpy, sys, threading\nt = threading.Thread(target=runpy.run_path, args=sys.argv[1:])\nt.start()\nt.join()\n"
    command = [sys.executable, "-c", run, str(tmp_path / "example.py")]
    done = subprocess.run(
        command,
        cwd=host.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("synced: ['wasi-a']\nwasi-a is clean\n", "")
    assert host.run("verify").status == 0
    assert not (host.third_party / ".git-verbatim").exists()


@pytest.mark.parametrize("kind", ["VerbatimError", "ManifestError", "CouldNotCheckError"])
def test_errors_can_be_kept_in_sets(kind: str) -> None:
    error = getattr(errors, kind)("message")
    assert {error, error} == {error}
