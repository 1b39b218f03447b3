"""Notes by SHA-256 what was read of a host, to recognize the same input again; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from sync.model.values import FileFact

_T = TypeVar("_T")
_FILTER = re.compile(rb"\0filter\0(?!unset\0|unspecified\0|set\0)")


@dataclass(slots=True)
class Inputs:
    """Everything that was read, noted by the code that reads it; paths start at the host's root."""

    files: dict[str, str | None] = field(default_factory=dict)
    """The SHA-256 of each file that was read; None where there was none."""
    directories: dict[str, str] = field(default_factory=dict)
    """The digest of the files in each directory that was read."""
    records: list[str] = field(default_factory=list)
    """The names of all records in the directory of records."""
    forms: list[str] = field(default_factory=list)
    """The names of all records in the directory of derived forms' records."""
    accounts: "tuple[list[str], list[str], list[str], list[str]] | None" = None
    """Places, key files, own patterns and sealed directories, if nothing stray was there.

    None if nobody looked for strays.
    """
    attributes: str | None = None
    """The digest of the attributes of all files that git tracks; None if nobody asked for them."""
    is_plain: bool = True
    """False if anything else had an influence, or if two reads of the same thing differed."""

    def note_file(self, path: str, content: bytes | None) -> None:
        self._note(self.files, path, digest(content))

    def note_directory(self, directory: str, facts: Iterable[FileFact] | None) -> None:
        self._note(self.directories, directory, digest_of_facts(facts))

    def note_attributes(self, said: bytes) -> None:
        """Note what `git check-attr` says; a filter is not plain, since its effect is unknown."""
        self.attributes = digest(said)
        self.is_plain &= _FILTER.search(said) is None

    def _note(self, known: dict[str, _T], key: str, value: _T) -> None:
        self.is_plain &= known.setdefault(key, value) == value


def digest(content: bytes | None) -> str | None:
    """The SHA-256 of a file's content; None if there is no file."""
    return None if content is None else sha256(content).hexdigest()


def digest_of_facts(facts: Iterable[FileFact] | None) -> str:
    """One SHA-256 over all file facts of a directory; as in git, an empty one counts as none."""
    known = sha256()
    for path, mode, blob, size, content in facts or ():
        known.update(b"%o %s %d %s %s\0" % (mode, blob.encode(), size, content.encode(), path))
    return known.hexdigest()
