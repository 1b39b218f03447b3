"""The journal: what a run has decided to do, until all of it is done; so a killed run is finished by the next."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from sync.errors import HostError
from sync.git.repository import Repository
from sync.host.directory import Directory
from sync.host.scan import read_file
from sync.ids import ObjectId
from sync.layout import JOURNAL, THIRD_PARTY, WORKSPACE


@dataclass(frozen=True, slots=True)
class Replacement:
    """One directory or file below third_party/ and what it becomes.

    `slot` is where in the workspace the next state lies before the step, and the previous one after it.
    """

    target: str
    kind: Literal["directory", "file"]
    slot: int
    new: ObjectId | None
    """The tree or blob id that the target gets; None if it goes away."""
    old: ObjectId | None
    """The id of what was there when it was decided; None if there was nothing."""
    index: Literal["same", "nothing", "apart"]
    """What the index gets: the same, nothing (of what is not checked in), or what an `OwnEdit` says."""


@dataclass(frozen=True, slots=True)
class OwnEdit:
    """An edit, in the index, of a file below third_party/ that people edit too: of what is staged, not of what is on disk."""

    path: str
    before: ObjectId | None
    """What was staged when it was edited; None if nothing was."""
    after: ObjectId | None


@dataclass(frozen=True, slots=True)
class Journal:
    """What a run has decided to do and staged completely."""

    replacements: tuple[Replacement, ...]
    own: tuple[OwnEdit, ...]
    stage: bool
    """Whether the index follows."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished run leaves to say."""

    rescued: tuple[str, ...] = ()
    """Where changes were put that came while the tool ran; nothing of anybody's is deleted unseen."""


def read_journal(git_directory: Path) -> Journal | None:
    """What an interrupted run left to finish, if anything."""
    path = git_directory / JOURNAL
    content = read_file(git_directory, JOURNAL)
    if content is None:
        return None
    try:
        return TypeAdapter(Journal).validate_json(content)
    except ValidationError as error:
        raise HostError(
            "the journal of an interrupted run cannot be read",
            [f"file: {path}"],
            hint=f"move it away, then look with `git verbatim status` and at {THIRD_PARTY}/{WORKSPACE}/",
            reference="journal-unreadable",
        ) from error


def write_journal(git_directory: Path, journal: Journal) -> None:
    """Note what was decided and staged, safe on disk. In the git directory: a branch can bring files, but none there."""
    with Directory.open(git_directory) as directory:
        directory.replace(JOURNAL.encode(), json.dumps(asdict(journal), indent=1).encode() + b"\n")


def refuse_interrupted(repository: Repository | None) -> None:
    """HostError if a run was interrupted after its journal was written: what is there may be a mixture."""
    if repository is not None and read_journal(repository.git_directory) is not None:
        raise HostError(
            "an earlier run was interrupted, or one is at work just now",
            [f"journal: {repository.git_directory / JOURNAL}"],
            hint="finish it with `git verbatim sync`",
            reference="interrupted",
        )
