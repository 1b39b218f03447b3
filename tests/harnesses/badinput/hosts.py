"""States of the host, its git directory and its surroundings.

A command has to work in each of them, or to say why it cannot.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.harnesses.badinput.case import ACCEPTED, FINDING, Build, Case
from tests.harnesses.badinput.scene import EXECUTABLE, FILE, Objects, Scene, commit_of, line
from tests.harnesses.badinput.sizes import deep_tree, tree_bomb
from tests.support.git import git


def wanted(change: Callable[[Scene], object]) -> Build:
    """A good mirror is wanted by a host that is changed."""

    def build(scene: Scene) -> None:
        scene.release({b"a": (FILE, b"a\n"), b"run": (EXECUTABLE, b"#!/bin/sh\n")})
        change(scene)

    return build


def _sparse_file(name: str, size: int = 2 << 30) -> Build:
    """A file that says it is large and takes no room."""

    def change(scene: Scene) -> None:
        path = scene.host.path / name
        path.unlink(missing_ok=True)
        with path.open("wb") as file:
            file.truncate(size)

    return change


def _many_files(scene: Scene) -> None:
    directory = scene.third_party / "up/more"
    directory.mkdir()
    for number in range(30_000):
        (directory / str(number)).symlink_to("x")


def _deep_directories(scene: Scene) -> None:
    descriptor = os.open(scene.third_party / "up", os.O_RDONLY)
    for _ in range(900):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("f", os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)


def _begin_lines(scene: Scene) -> None:
    (scene.third_party / ".gitignore").write_text(
        "# git-verbatim: mirrors that are not checked in\n" * 100_000
    )


def _committed(top: str) -> Build:
    """A commit in which `up` holds a tree, given as a raw object's id."""

    def change(scene: Scene) -> None:
        store = Objects(scene.host.path / ".git")
        record = scene.record.read_bytes()
        manifest = (scene.third_party / "mirrors.toml").read_bytes()
        provenance = store.put("tree", line("100644", b"up.json", store.put("blob", record)))
        bomb = tree_bomb(store, 10, 10) if top == "bomb" else deep_tree(store, 3000)
        entries = line("100644", b"mirrors.toml", store.put("blob", manifest)) + line(
            "40000", b"provenance", provenance
        )
        tree = store.put(
            "tree",
            line("40000", b"third_party", store.put("tree", entries + line("40000", b"up", bomb))),
        )
        store.ref("refs/heads/main", store.put("commit", commit_of(tree)))

    return change


def _git(*commands: tuple[str, ...]) -> Build:
    def run(scene: Scene) -> None:
        for command in commands:
            git(scene.host.path, *command)

    return wanted(run)


def _inside(name: str, content: bytes | None) -> Build:
    """A file of the git directory with this content, or gone."""

    def change(scene: Scene) -> None:
        path = scene.host.path / ".git" / name
        if content is None:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    return wanted(change)


def _configured(text: str) -> Build:
    def change(scene: Scene) -> None:
        with (scene.host.path / ".git/config").open("a") as file:
            file.write(text)

    return wanted(change)


def _symlinked(name: str) -> Build:
    """A file of the git directory that is a symlink to somebody else's, or to nothing."""

    def change(scene: Scene) -> None:
        path = scene.host.path / ".git" / name
        path.unlink(missing_ok=True)
        path.symlink_to(scene.outside / "precious")

    return wanted(change)


def _fifo(name: str) -> Build:
    def change(scene: Scene) -> None:
        path = scene.host.path / ".git" / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return wanted(change)


def _conflict(scene: Scene) -> None:
    host = scene.host
    blob = git(host.path, "hash-object", "-w", "--stdin", stdin=b"x\n")
    lines = "".join(f"100644 {blob} {stage}\tthird_party/bad/a\n" for stage in (1, 2, 3))
    git(host.path, "update-index", "--index-info", stdin=lines.encode())


def _linked_worktree(scene: Scene) -> None:
    git(scene.host.path, "worktree", "add", "--quiet", "--detach", "../linked")
    main, linked = scene.host.path, scene.top / "linked"
    shutil.copy(main / "third_party/mirrors.toml", linked / "third_party/mirrors.toml")
    main.rename(scene.top / "main")
    linked.rename(main)
    git(scene.top / "main", "worktree", "repair", str(main))


def _submodule(scene: Scene) -> None:
    """The host's git directory lies in that of another repository, and a file points there."""
    git_directory = scene.top / "outer/.git/modules/host"
    git_directory.parent.mkdir(parents=True)
    (scene.host.path / ".git").rename(git_directory)
    (scene.host.path / ".git").write_text("gitdir: ../outer/.git/modules/host\n")
    git(scene.top, f"--git-dir={git_directory}", "config", "core.worktree", str(scene.host.path))


def _shallow(scene: Scene) -> None:
    head = git(scene.host.path, "rev-parse", "HEAD")
    parent = git(scene.host.path, "rev-parse", "HEAD~")
    (scene.host.path / ".git/shallow").write_text(f"{head}\n")
    (scene.host.path / ".git/objects" / parent[:2] / parent[2:]).unlink()


def _journal(**step: object) -> Build:
    defaults = {
        "target": "bad",
        "kind": "directory",
        "slot": 0,
        "new": None,
        "old": None,
        "index": "same",
    }
    return _inside(
        "git-verbatim.journal",
        json.dumps({"replacements": [defaults | step], "own": [], "stage": True}).encode(),
    )


def _bare(scene: Scene) -> None:
    git(scene.top, "clone", "--quiet", "--bare", "host", "bare.git")


def _sha256(scene: Scene) -> None:
    shutil.rmtree(scene.host.path / ".git")
    git(scene.host.path, "init", "--quiet", "--object-format=sha256")


def _cache(make: Callable[[Path], object]) -> Build:
    def change(scene: Scene) -> None:
        make(scene.home / ".cache")

    return wanted(change)


def _other_owner(scene: Scene) -> None:
    if os.geteuid() != 0:
        raise PermissionError
    os.chown(scene.host.path / ".git", 65534, 65534)
    os.chown(scene.host.path, 65534, 65534)


_STATES: dict[str, tuple[Build, str]] = {
    "detached-head": (_git(("checkout", "--quiet", "--detach")), ACCEPTED),
    "unborn-branch": (_git(("symbolic-ref", "HEAD", "refs/heads/unborn")), ACCEPTED),
    "merge-in-progress": (_inside("MERGE_HEAD", b"1" * 40 + b"\n"), ACCEPTED),
    "rebase-in-progress": (_inside("rebase-merge/head-name", b"refs/heads/main\n"), ACCEPTED),
    "linked-worktree": (wanted(_linked_worktree), ACCEPTED),
    "submodule": (wanted(_submodule), ACCEPTED),
    "shallow": (wanted(_shallow), ACCEPTED),
    "sparse-checkout": (
        _git(("sparse-checkout", "set", "--no-cone", "/*", "!/third_party/up")),
        ACCEPTED,
    ),
    "split-index": (_git(("update-index", "--split-index")), ACCEPTED),
    "index-version-4": (_git(("update-index", "--index-version", "4")), ACCEPTED),
    "index-conflict": (wanted(_conflict), ACCEPTED),
    "index-locked": (_inside("index.lock", b""), "index-locked"),
    "index-empty": (_inside("index", b""), "git-failed"),
    "index-of-text": (_inside("index", b"rubbish" * 10), "git-failed"),
    "sha256": (wanted(_sha256), "repository-unsupported"),
    "reftable": (
        _configured(
            "[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefstorage = reftable\n"
        ),
        "repository-unsupported",
    ),
    "unknown-extension": (
        _configured("[core]\n\trepositoryformatversion = 1\n[extensions]\n\tnonsense = true\n"),
        "repository-unsupported",
    ),
    "newer-format": (
        _configured("[core]\n\trepositoryformatversion = 9\n"),
        "repository-unsupported",
    ),
    "configuration-of-text": (_configured("[[[rubbish\n"), "repository-unsupported"),
    "head-missing": (_inside("HEAD", None), "host-not-git"),
    "head-of-text": (_inside("HEAD", b"rubbish\n"), "git-failed"),
    "objects-missing": (_inside("objects", None), "host-not-git"),
    "git-directory-missing": (
        wanted(lambda s: shutil.rmtree(s.host.path / ".git")),
        "host-not-git",
    ),
    "git-file-to-nothing": (
        wanted(
            lambda s: (
                shutil.rmtree(s.host.path / ".git"),
                (s.host.path / ".git").write_text("gitdir: nowhere\n"),
            )
        ),
        "host-not-git",
    ),
    "git-file-to-itself": (
        wanted(
            lambda s: (
                shutil.rmtree(s.host.path / ".git"),
                (s.host.path / ".git").write_text("gitdir: .git\n"),
            )
        ),
        "host-not-git",
    ),
    "alternates-to-nothing": (_inside("objects/info/alternates", b"/nowhere\n"), ACCEPTED),
    "grafts": (_inside("info/grafts", b"1" * 40 + b"\n"), ACCEPTED),
    "owned-by-another": (wanted(_other_owner), "git-failed"),
    "journal-of-text": (_inside("git-verbatim.journal", b"rubbish"), "journal-unreadable"),
    "journal-empty": (_inside("git-verbatim.journal", b""), "journal-unreadable"),
    "journal-symlink": (_symlinked("git-verbatim.journal"), "irregular-file"),
    "journal-fifo": (_fifo("git-verbatim.journal"), "irregular-file"),
    "lock-symlink": (_symlinked("git-verbatim.lock"), "host-read-only"),
    "lock-fifo": (_fifo("git-verbatim.lock"), ACCEPTED),
    "cache-is-a-file": (_cache(lambda place: place.write_bytes(b"")), "cache-unusable"),
    "cache-is-a-fifo": (_cache(os.mkfifo), "cache-unusable"),
    "cache-is-a-loop": (_cache(lambda place: place.symlink_to(".cache")), "cache-unusable"),
    "cache-is-a-symlink-to-nothing": (
        _cache(lambda place: place.symlink_to("nowhere")),
        "cache-unusable",
    ),
}
_ENVIRONMENTS: dict[str, tuple[Mapping[str, str], str]] = {
    "cache-relative": ({"XDG_CACHE_HOME": "cache"}, ACCEPTED),
    "cache-in-a-device": ({"XDG_CACHE_HOME": "/dev/null"}, "cache-unusable"),
    "no-home": ({"HOME": "/nowhere/at/all", "XDG_CACHE_HOME": "/dev/null/x"}, "cache-unusable"),
    "no-temporary-directory": ({"TMPDIR": "/nowhere"}, ACCEPTED),
    "git-directory-of-another": ({"GIT_DIR": "../upstream"}, "host-bare"),
    "git-directory-of-nothing": ({"GIT_DIR": "../nowhere"}, "environment-no-repository"),
    "terminal-without-colours": ({"TERM": "dumb"}, ACCEPTED),
    "no-colour": ({"NO_COLOR": "1"}, ACCEPTED),
    "narrow-terminal": ({"COLUMNS": "1"}, ACCEPTED),
    "path-without-git": ({"PATH": "/nowhere"}, "git-missing"),
    "lost-objects": ({"GIT_OBJECT_DIRECTORY": "/nowhere"}, "environment-moved"),
}


def _cases() -> Iterator[Case]:
    for label, (build, expected) in _STATES.items():
        yield Case(f"host-{label}", expected, build, hint=expected != "git-failed")
    for label, (environment, expected) in _ENVIRONMENTS.items():
        yield Case(f"host-{label}", expected, wanted(lambda _: None), environment=environment)
    for mask in (0o000, 0o077, 0o777):
        yield Case(f"host-umask-{mask:03o}", ACCEPTED, wanted(lambda _: None), umask=mask)
    for label, word in {"manifest": "status", "manifest-synced": "sync"}.items():
        yield Case(
            f"host-{label}-of-2-gigabytes",
            "manifest-too-large",
            _sparse_file("third_party/mirrors.toml"),
            command=(word,),
        )
    for word in ("status", "verify"):
        yield Case(
            f"host-mirrored-file-of-2-terabytes-{word}",
            FINDING,
            _sparse_file("third_party/up/a.wit", 2 << 40),
            1,
            command=(word,),
            hint=False,
        )
        yield Case(f"host-30000-more-files-{word}", "tree-too-large", _many_files, command=(word,))
        yield Case(
            f"host-900-directories-{word}", "file-unreadable", _deep_directories, command=(word,)
        )
    yield Case(
        "host-attributes-of-2-gigabytes",
        "file-too-large",
        _sparse_file("third_party/.gitattributes"),
    )
    yield Case("host-ignore-rules-of-begin-lines", ACCEPTED, wanted(_begin_lines))
    yield Case(
        "host-record-of-2-gigabytes",
        "record-unreadable",
        _sparse_file("third_party/provenance/up.json"),
    )
    for bomb in ("bomb", "deep"):
        for command, status, reference in (
            (("verify", "--rev", "HEAD"), 2, "tree-too-large"),
            (("check", "--all"), 1, FINDING),
        ):
            name = f"host-commit-with-a-{bomb}-tree-{command[0]}"
            yield Case(name, reference, _committed(bomb), status, command=command)
    yield Case(
        "host-deep-tree-staged-away",
        "tree-too-deep",
        _committed("deep"),
        command=("check", "--staged"),
    )
    yield Case(
        "host-from-below", ACCEPTED, wanted(lambda _: None), directory="host/third_party/up/deep"
    )
    yield Case(
        "host-from-its-git-directory", ACCEPTED, wanted(lambda _: None), directory="host/.git"
    )
    yield Case("host-bare", "host-bare", wanted(_bare), directory="bare.git")
    yield Case("host-nowhere", "host-not-git", wanted(lambda _: None), directory="outside")
    yield Case(
        "host-journal-that-leaves",
        "file-system-enoent",
        _journal(target="../../outside", old="0" * 40),
        hint=False,
    )
    for word, environment in {
        "ascii": {"PYTHONIOENCODING": "ascii"},
        "c": {"LC_ALL": "C", "LANG": "C"},
    }.items():
        yield Case(
            f"host-locale-{word}",
            ACCEPTED,
            wanted(lambda _: None),
            environment=environment,
            anew=True,
        )


CASES = tuple(_cases())
