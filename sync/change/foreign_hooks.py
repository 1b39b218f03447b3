"""Finds other people's hooks that change mirrored files in a commit, and says how to stop it."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync.errors import HostError
from sync.git.hooks import hooks_directory
from sync.git.listing import committed_files
from sync.git.repository import Repository
from sync.host.scan import scan_directory
from sync.ids import ObjectId, RepoPath
from sync.layout import HOOK_BEFORE, HOOK_MARK, THIRD_PARTY
from sync.model.values import Entry
from sync.quoting import quote_path

_SHOWN = 10
_OF_A_COMMIT = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")
_TOLD_BY = 4096


@dataclass(frozen=True, slots=True)
class _Manager:
    """A program that runs hooks as its own configuration says."""

    mark: bytes
    """The text by which the hook that it installs is recognized."""
    configurations: tuple[str, ...]
    advice: str
    """What keeps its hooks away from mirrors; the name of its configuration follows."""


_MANAGERS = (
    _Manager(
        b"pre-commit.com",
        (".pre-commit-config.yaml",),
        f"add `exclude: ^{THIRD_PARTY}/` at the top level of",
    ),
    _Manager(
        b"lefthook",
        (
            "lefthook.yml",
            ".lefthook.yml",
            "lefthook.yaml",
            ".lefthook.yaml",
            "lefthook.toml",
            "lefthook.json",
        ),
        f'add `exclude: ["{THIRD_PARTY}/**"]` to what runs in',
    ),
)


@contextmanager
def refusing_their_changes(
    root: Path, repository: Repository, staged: Mapping[bytes, Entry]
) -> Iterator[None]:
    """HostError if hooks change staged files while the commit inside is made.

    `staged` has the entries by path from the host's root. The error is raised if afterwards the
    commit, or a file on disk, differs from its entry. A file on disk counts only if it was there
    before and was touched meanwhile.
    """
    before = {path: _seen(root, path) for path in staged}
    head = repository.commit_of("HEAD")
    try:
        yield
    except HostError as error:
        if changed := _changed(root, staged, before):
            raise _hooks_changed(root, changed, [*error.context]) from error
        raise
    made = repository.commit_of("HEAD")
    committed = (
        [] if made is None or made == head else _committed_otherwise(repository, made, staged)
    )
    if changed := sorted({*_changed(root, staged, before), *committed}):
        said = (
            [f"commit {made[:12]} has them so; the next one puts them back"]
            if made and committed
            else []
        )
        raise _hooks_changed(root, changed, said)


def _seen(root: Path, path: bytes) -> tuple[int, ...] | None:
    """The part of a file's status that changes when the file does; None if there is no file."""
    try:
        status = os.lstat(os.path.join(os.fsencode(root), path))
    except OSError:
        return None
    return status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(
    root: Path, staged: Mapping[bytes, Entry], before: Mapping[bytes, tuple[int, ...] | None]
) -> list[bytes]:
    touched = (
        path for path, seen in before.items() if seen is not None and _seen(root, path) != seen
    )
    return sorted(path for path in touched if not _is_as_staged(root, staged[path]))


def _is_as_staged(root: Path, entry: Entry) -> bool:
    facts = scan_directory(root, *entry.path.decode("utf-8", "surrogateescape").split("/")) or []
    return [(fact.path, fact.mode, fact.blob) for fact in facts] == [(b"", entry.mode, entry.blob)]


def _committed_otherwise(
    repository: Repository, commit: ObjectId, staged: Mapping[bytes, Entry]
) -> list[bytes]:
    # All files of a directory at once: a tree is read anew for each path that is asked for.
    directories = {path.rpartition(b"/")[0] or path for path in staged}
    there = committed_files(repository, commit, map(os.fsdecode, directories))
    return [path for path, entry in staged.items() if there.get(RepoPath(path)) != entry]


@dataclass(frozen=True, slots=True)
class ForeignHook:
    """A hook that git runs for a commit and that is not ours."""

    path: str
    configuration: str | None = None
    """The configuration that says what the hook runs; None if no hook manager installed it."""
    advice: str = ""

    @property
    def said(self) -> str:
        return f"hook: {self.path}" + (
            f", which runs what {self.configuration} says" if self.configuration else ""
        )

    @property
    def way_out(self) -> str:
        if self.configuration:
            return f"{self.advice} {self.configuration}, and commit that"
        return f"have {self.path} leave out {THIRD_PARTY}/"


def _hooks_changed(root: Path, changed: Sequence[bytes], said: Sequence[str]) -> HostError:
    hooks = hooks_here(root)
    files = list(map(quote_path, changed[:_SHOWN]))
    more = [f"and {len(changed) - _SHOWN} more"] if len(changed) > _SHOWN else []
    ways_out = list(dict.fromkeys(hook.way_out for hook in hooks)) or [
        f"find what changes files in {THIRD_PARTY}/"
    ]
    return HostError(
        "a hook changed mirrored files while they were committed",
        [*files, *more, *(hook.said for hook in hooks), *said],
        hint=f"{'; '.join(ways_out)}; then `git verbatim sync --commit --discard-local`",
        reference="hook-changes-mirrors",
    )


def hooks_here(root: Path) -> list[ForeignHook]:
    """The hooks that git would run here for a commit, without ours."""
    directory = hooks_directory(root)
    files = (directory / f"{name}{suffix}" for name in _OF_A_COMMIT for suffix in ("", HOOK_BEFORE))
    return [
        _described(root, file, text)
        for file in files
        if (text := _text(file)) is not None and HOOK_MARK not in text
    ]


def _text(file: Path) -> bytes | None:
    """The first bytes of a hook; None if git would not run it."""
    try:
        with open(file, "rb") as opened:
            runs = stat.S_ISREG(os.fstat(opened.fileno()).st_mode) and os.access(file, os.X_OK)
            return opened.read(_TOLD_BY) if runs else None
    except OSError:
        return None


def _described(root: Path, file: Path, text: bytes) -> ForeignHook:
    shown = os.path.relpath(file, root) if file.is_relative_to(root) else str(file)
    for manager in _MANAGERS:
        if manager.mark in text:
            there = next(
                (name for name in manager.configurations if (root / name).exists()),
                manager.configurations[0],
            )
            return ForeignHook(shown, there, manager.advice)
    if file.parent.match(".husky/_"):  # git runs husky's own file, which starts this one
        return ForeignHook(os.path.relpath(file.parent.parent / file.name, root))
    return ForeignHook(shown)
