"""Computes hashes of verified files: SHA-1 of each, and one of a directory as a Nix archive.

Each file is read once.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sync.derived.record import DerivedRecord
from sync.errors import HostError
from sync.host.scan import open_directory
from sync.ids import Mode, RepoPath
from sync.layout import license_directory
from sync.model.values import FileFact, path_at
from sync.quoting import quote_path
from sync.record.record import Record
from sync.report.facts import Content
from sync.report.nar import archive

_CHUNK_BYTES = 1 << 20


class Reader:
    """Reads files of a host and compares each with its record again.

    No symlink is followed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def content(self, record: Record, copy: str, read: Callable[[], None]) -> Content:
        """Read all files of a mirror and the licence files beside it.

        `copy` is the directory of one of its copies. `read` is called after each file. Raises
        HostError if a file has changed since it was verified.
        """
        content = self._content(record.files, copy, read)
        licenses: dict[RepoPath, str] = {}
        for fact in record.licenses:
            for _ in self._chunks(license_directory(record.mirror), fact, licenses):
                pass
            read()
        return replace(content, license_sha1=licenses)

    def made(self, record: DerivedRecord, place: str, read: Callable[[], None]) -> Content:
        """Read all files of a derived form in one of its places, in the same way."""
        return self._content(record.outputs, place, read)

    def _content(self, facts: Sequence[FileFact], place: str, read: Callable[[], None]) -> Content:
        sha1: dict[RepoPath, str] = {}
        links: dict[RepoPath, bytes] = {}
        nar = hashlib.sha256()

        def chunks(fact: FileFact) -> Iterator[bytes]:
            for chunk in self._chunks(place, fact, sha1):
                if fact.mode == Mode.SYMLINK:
                    links[fact.path] = chunk
                yield chunk
            read()

        for part in archive(facts, chunks):
            nar.update(part)
        return Content(sha1, {}, links, nar.digest())

    def file(self, directory: str, fact: FileFact) -> bytes:
        """Return the content of one file; for a symlink, its target."""
        return b"".join(self._chunks(directory, fact, {}))

    def _chunks(self, directory: str, fact: FileFact, sha1: dict[RepoPath, str]) -> Iterator[bytes]:
        hashed, checked = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        path = os.fsdecode(path_at(directory, fact.path))
        try:
            for chunk in self._read(path, fact):
                hashed.update(chunk)
                checked.update(chunk)
                yield chunk
        except OSError as error:
            raise _changed(directory, fact) from error
        if checked.hexdigest() != fact.sha256:
            raise _changed(directory, fact)
        sha1[fact.path] = hashed.hexdigest()

    def _read(self, path: str, fact: FileFact) -> Iterator[bytes]:
        *parents, name = path.split("/")
        directory = open_directory(self._root, *parents)
        try:
            if fact.mode == Mode.SYMLINK and stat.S_ISLNK(
                os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
            ):
                yield os.fsencode(os.readlink(name, dir_fd=directory))
                return  # a disk without symlinks has a file that contains the target
            with open(
                os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory),
                "rb",
                buffering=0,
            ) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk
        finally:
            os.close(directory)


def _changed(directory: str, fact: FileFact) -> HostError:
    return HostError(
        f"{quote_path(path_at(directory, fact.path))} changed after it was verified",
        hint="run the command again",
        reference="file-changing",
    )


def count_files(records: Sequence[Record], forms: Sequence[DerivedRecord] = ()) -> int:
    """Count the files that will be read."""
    files = sum(len(record.files) + len(record.licenses) for record in records)
    return files + sum(len(form.outputs) for form in forms)
