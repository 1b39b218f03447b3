"""What lies in the way of a mirror and is not the host's is refused before the first write.

It belongs to another repository or another file system.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    upstream.release("v1", {"LICENSE": b"free\n", "lib/a.c": b"a\n", "lib/deep/b.c": b"b\n"})
    upstream.release(
        "v2", {"LICENSE": b"free for all\n", "lib/a.c": b"A\n", "lib/deep/b.c": b"b\n"}
    )
    return upstream


@pytest.fixture
def moved(host: Host, released: Upstream) -> Host:
    """A host whose mirror at third_party/group/up is committed.

    Its manifest moves the mirror's pin.
    """
    host.manifest(mirror("up", released.url, tag="v1", from_="lib", into="group/up", local=True))
    host.sync("--commit")
    host.manifest(mirror("up", released.url, tag="v2", from_="lib", into="group/up", local=True))
    return host


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Somebody else's repository."""
    library = Host.create(tmp_path / "library")
    (library.path / "precious").write_text("precious\n")
    library.git("add", "precious")
    library.git("commit", "--quiet", "-m", "precious")
    return library.path


def _state(host: Host) -> tuple[object, ...]:
    return (
        host.snapshot(),
        host.git("ls-files", "--stage"),
        host.git("rev-parse", "HEAD"),
        host.git("status", "--porcelain"),
    )


def _refused(host: Host, what: str, *command: str, hint: str = "") -> None:
    """Each command says what is in the way, and changes nothing.

    So does the command that would give up local changes.
    """
    before = _state(host)
    ran = host.run(*command)
    assert (ran.status, ran.err.splitlines()[0]) == (2, f"error: {what}"), ran.err
    assert hint in ran.err.splitlines()[-1], ran.err
    assert _state(host) == before


def _submodule(host: Host, library: Path, path: str) -> None:
    host.git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", path)
    shutil.rmtree(host.path / path, ignore_errors=True)
    host.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), path)
    host.git("commit", "--quiet", "--no-verify", "-m", "submodule")


_COMMANDS = {
    "sync": ("sync",),
    "sync --dry-run": ("sync", "--dry-run"),
    "sync --discard-local": ("sync", "--discard-local"),
    "sync --commit": ("sync", "--discard-local", "--commit"),
    "remove": ("remove", "up", "--discard-local"),
}


@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize("path", ["group", "group/up", "group/up/deep", "licenses", "licenses/up"])
def test_a_submodule_on_the_way_or_inside_is_kept(
    moved: Host, library: Path, path: str, command: str
) -> None:
    _submodule(moved, library, f"third_party/{path}")
    hint = f"`git rm third_party/{path} && git commit`; or give the mirror another `into`"
    _refused(moved, f"third_party/{path} is a submodule", *_COMMANDS[command], hint=hint)
    assert (moved.third_party / path / "precious").read_text() == "precious\n"


def test_third_party_itself_as_a_submodule_is_kept_and_the_way_out_works(
    host: Host, released: Upstream, library: Path
) -> None:
    _submodule(host, library, "third_party")
    _refused(host, "third_party is a submodule", "init", hint="`git rm third_party && git commit`")
    host.manifest(mirror("up", released.url, tag="v1", local=True))
    _refused(host, "third_party is a submodule", "sync")
    _refused(
        host, "third_party is a submodule", "add", "new", released.url, "--tag", "v1", "--local"
    )
    (host.third_party / "mirrors.toml").unlink()
    host.git("rm", "--quiet", "third_party")
    _refused(host, "third_party is a submodule", "init", hint="`git commit`")
    host.git("commit", "--quiet", "-m", "no submodule any more")
    assert host.run("init", "--no-hooks").status == 0
    assert host.run("add", "up", released.url, "--tag", "v1", "--local", "--commit").status == 0
    assert host.run("check", "--all").status == 0


def test_a_submodule_that_only_the_index_knows_and_no_file_describes_is_kept(
    moved: Host, library: Path
) -> None:
    head = git(library, "rev-parse", "HEAD")
    moved.git("update-index", "--add", "--cacheinfo", f"160000,{head},third_party/group/up/sub")
    hint = "`git rm --cached third_party/group/up/sub && git commit`"
    _refused(moved, "third_party/group/up/sub is a submodule", "sync", hint=hint)


@pytest.mark.parametrize("kind", ["repository", "linked worktree"])
@pytest.mark.parametrize(
    "path", ["", "/group", "/group/up", "/group/up/deep/own", "/licenses/up", "/provenance"]
)
def test_a_repository_of_its_own_is_kept(moved: Host, library: Path, kind: str, path: str) -> None:
    place = moved.third_party / path.lstrip("/")
    place.mkdir(exist_ok=True)
    if kind == "repository":
        shutil.copytree(library / ".git", place / ".git")
    else:
        git(library, "worktree", "add", "--quiet", "--detach", "../linked")
        shutil.copy(library.parent / "linked/.git", place / ".git")
    what = f"third_party{path} is a git repository of its own"
    _refused(moved, what, "sync", "--discard-local", hint="move it away")
    _refused(moved, what, "remove", "up", "--discard-local", hint="move it away")
    kept = place / ".git"
    kept.rename(moved.path / ".git-of-somebody")
    assert moved.run("sync", "--discard-local").status == 0


def test_a_repository_elsewhere_in_third_party_is_nobodys_business(
    moved: Host, library: Path
) -> None:
    shutil.copytree(library, moved.third_party / "other")
    assert moved.run("sync").status == 0
    assert (moved.third_party / "other/precious").read_text() == "precious\n"


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Mounts somebody's directory, of the same file system, at a place.

    Skips the test where mounting is not allowed.
    """
    done: list[Path] = []
    source = tmp_path / "mounted"
    source.mkdir()
    (source / "precious").write_text("precious\n")

    def bind(place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        ran = subprocess.run(
            ["mount", "--bind", str(source), str(place)], capture_output=True, check=False
        )
        if ran.returncode != 0:
            pytest.skip("mounting is not allowed here")
        done.append(place)

    yield bind
    for place in done:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize(
    "path", ["group", "group/up", "group/up/deep", "group/up/new one", "licenses"]
)
def test_what_is_mounted_on_the_way_or_inside_is_kept(
    moved: Host, bound: Callable[[Path], None], path: str
) -> None:
    bound(moved.third_party / path)
    shown = f"'third_party/{path}'" if " " in path else f"third_party/{path}"
    _refused(
        moved,
        f"something is mounted at third_party/{path}",
        "sync",
        "--discard-local",
        hint=f"`umount {shown}`",
    )
    _refused(
        moved, f"something is mounted at third_party/{path}", "remove", "up", "--discard-local"
    )
    assert (moved.third_party / path / "precious").exists()


def test_all_of_third_party_may_be_mounted(moved: Host, bound: Callable[[Path], None]) -> None:
    shutil.copytree(moved.third_party, moved.path / "aside")
    bound(moved.third_party)
    shutil.copytree(moved.path / "aside", moved.third_party, dirs_exist_ok=True)
    assert moved.run("sync").status == 0
    assert (
        (moved.third_party / "group/up/a.c").read_text(),
        (moved.third_party / "precious").exists(),
    ) == ("A\n", True)


LINKED = {
    "a link on the way": ("third_party/libs", "libs/m", "a symlink"),
    "a link in its place": ("third_party/m", "m", "a symlink"),
    "a link beside it": ("third_party/licenses", "m", "a symlink"),
    "a link for records": ("third_party/provenance", "m", "a symlink"),
    "a file on the way": ("third_party/libs", "libs/deep/m", "no directory"),
    "a file in its place": ("third_party/m", "m", "no directory"),
}


@pytest.mark.parametrize("what", LINKED)
def test_what_is_no_directory_where_one_has_to_be_is_named_and_the_way_out_works(
    host: Host, released: Upstream, tmp_path: Path, what: str
) -> None:
    """Projects often link vendored libraries that lie elsewhere.

    `--discard-local` would not help, and is not named.
    """
    place, into, kind = LINKED[what]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    host.run("init", "--no-hooks")
    if kind == "a symlink":
        (host.path / place).symlink_to(elsewhere)
    else:
        (host.path / place).write_text("mine\n")
    add = ("add", "m", released.url, "--tag", "v1", "--from", "lib", "--into", into, "--local")
    _refused(host, f"{place} is {kind}", *add, hint=f"hint: move it away: `mv {place} {place}.old`")
    _refused(host, f"{place} is {kind}", *add, "--discard-local")
    subprocess.run(["mv", place, f"{place}.old"], cwd=host.path, check=True)
    assert host.run(*add).status == 0
    assert list(elsewhere.iterdir()) == []
