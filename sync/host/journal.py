"""Keeps the journal of what a run will do, from which the next run finishes a killed one."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from sync.errors import HostError
from sync.git.repository import Repository
from sync.host.directory import Directory
from sync.host.scan import read_file
from sync.ids import ObjectId
from sync.layout import JOURNAL, WORKSPACE
from sync.quoting import quote_path, unquote_path

Kind = Literal["directory", "file"]


@dataclass(frozen=True, slots=True)
class Replacement:
    """One directory or file of the host, by its path from the root, and what it becomes.

    `slot` is the number under which the workspace holds the next state before the step, and the
    previous state after it.
    """

    target: str
    kind: Kind
    slot: int
    new: ObjectId | None
    """The tree or blob id that the target gets; None if it is removed."""
    old: ObjectId | None
    """The id of what was there when the plan was made; None if nothing was."""
    index: Literal["same", "nothing", "apart"]
    """What the index gets: the same, nothing (if not checked in), or what an `OwnEdit` says."""


@dataclass(frozen=True, slots=True)
class OwnEdit:
    """An edit, in the index, of a file that people edit too.

    What is edited is the staged content, not the content on disk.
    """

    path: str
    before: ObjectId | None
    """The blob that was staged when it was edited; None if none was."""
    after: ObjectId | None


@dataclass(frozen=True, slots=True)
class Journal:
    """What a run has decided to do and staged completely."""

    replacements: tuple[Replacement, ...]
    own: tuple[OwnEdit, ...]
    stage: bool
    """Whether the index is brought up to date too."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run has to report."""

    rescued: tuple[str, ...] = ()
    """Where changes are kept that somebody made meanwhile: none of them is deleted unseen."""


def read_journal(git_directory: Path) -> Journal | None:
    """The journal of an interrupted run; None if there is none, HostError if it cannot be read."""
    path = git_directory / JOURNAL
    content = read_file(git_directory, JOURNAL)
    if content is None:
        return None
    try:
        journal = TypeAdapter(Journal).validate_json(content)
        return _with_targets(journal, lambda path: os.fsdecode(unquote_path(path)))
    except ValueError as error:
        raise HostError(
            "the journal of an interrupted run cannot be read",
            [f"file: {path}"],
            hint=f"move it away, then look with `git verbatim status` and at {WORKSPACE}/",
            reference="journal-unreadable",
        ) from error


def write_journal(git_directory: Path, journal: Journal) -> None:
    """Write down, safe on disk, what was decided and staged.

    The journal lies in the git directory: a branch can bring files, but none there.
    """
    quoted = _with_targets(journal, lambda path: quote_path(os.fsencode(path)))
    with Directory.open(git_directory) as directory:
        directory.replace(JOURNAL.encode(), json.dumps(asdict(quoted), indent=1).encode() + b"\n")


def _with_targets(journal: Journal, written: Callable[[str], str]) -> Journal:
    """The journal with other words for its targets: JSON holds no path that is not UTF-8."""
    steps = (replace(step, target=written(step.target)) for step in journal.replacements)
    return replace(journal, replacements=tuple(steps))


def refuse_interrupted(repository: Repository | None) -> None:
    """HostError if an interrupted run left a journal: the files may be a mixture of two states."""
    if repository is not None and read_journal(repository.git_directory) is not None:
        raise HostError(
            "an earlier run was interrupted, or one is at work just now",
            [f"journal: {repository.git_directory / JOURNAL}"],
            hint="finish it with `git verbatim sync`",
            reference="interrupted",
        )
