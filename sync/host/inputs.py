"""What a judgement has read below third_party/, by SHA-256, to know the same again; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from sync.model import FileFact

_T = TypeVar("_T")
_FILTER = re.compile(rb"\0filter\0(?!unset\0|unspecified\0|set\0)")


@dataclass(slots=True)
class Inputs:
    """Everything that was read, each noted by who reads it; paths are below third_party/."""

    files: dict[str, str | None] = field(default_factory=dict)
    """The SHA-256 of each file that was read; None where there was none."""
    directories: dict[str, str] = field(default_factory=dict)
    """The digest of what lay at each place."""
    records: list[str] = field(default_factory=list)
    """The names of all records that lay there."""
    attributes: str | None = None
    """The digest of the attributes in force for the files that git tracks, where that was asked."""
    is_plain: bool = True
    """False where something else had a say, or where what was read twice was not the same."""

    def note_file(self, path: str, content: bytes | None) -> None:
        self._note(self.files, path, digest(content))

    def note_directory(self, directory: str, facts: Iterable[FileFact] | None) -> None:
        self._note(self.directories, directory, digest_of_facts(facts))

    def note_attributes(self, said: bytes) -> None:
        """What `git check-attr` says; what a filter makes of bytes nothing here can tell."""
        self.attributes = digest(said)
        self.is_plain &= _FILTER.search(said) is None

    def _note(self, known: dict[str, _T], key: str, value: _T) -> None:
        self.is_plain &= known.setdefault(key, value) == value


def digest(content: bytes | None) -> str | None:
    """The SHA-256 of a file's content; None of a file that is not there."""
    return None if content is None else sha256(content).hexdigest()


def digest_of_facts(facts: Iterable[FileFact] | None) -> str:
    """One SHA-256 of all facts of the files of a directory; as to git, an empty one is nothing."""
    known = sha256()
    for path, mode, blob, size, content in facts or ():
        known.update(b"%o %s %d %s %s\0" % (mode, blob.encode(), size, content.encode(), path))
    return known.hexdigest()
