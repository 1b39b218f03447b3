"""Recalls what `status` and `sync` judged the last time, if all was well then.

Nothing has to be loaded for that. What is remembered says what was judged, not that it is still so:
everything that the judgement had read is looked at again.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from sync.beside import Begun
from sync.errors import VerbatimError
from sync.git.index import LEFTOVERS, Index
from sync.git.process import attributes_in_force, run_git
from sync.host.find import Host, Plain, find_plain
from sync.host.inputs import Inputs, digest, digest_of_facts
from sync.host.listing import on_disk
from sync.host.scan import ScanBudget, Seen, read_file, scan_directory
from sync.ids import Mode, RepoPath
from sync.judgement.standing import FormStatus, MirrorStatus
from sync.judgement.strays import Accounts, find_strays, is_lookalike
from sync.layout import (
    DERIVED,
    JOURNAL,
    LOCK,
    MANIFEST_PATH,
    PROVENANCE,
    THIRD_PARTY,
    WORKSPACE,
    derived_record_path,
    is_in_third_party,
    record_path,
)
from sync.manifest.choosing import choose
from sync.model.values import Entry, path_at
from sync.objects.tree import object_id
from sync.verify.glance_memory import (
    Memory,
    encoded,
    read_memory,
    seen_files,
    this_program,
    write_memory,
)

_LOCK_FILE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Judged(NamedTuple):
    """How mirrors and derived forms stand."""

    mirrors: Sequence[MirrorStatus]
    forms: Sequence[FormStatus] = ()


class _NotAsRememberedError(Exception):
    """Something has changed or nothing is known about it, so that it has to be judged."""


class Glance:
    """What one command remembers from the last time, and what it is to remember for the next."""

    def __init__(self, command: Literal["status", "sync"], place: Plain) -> None:
        self.command = command
        self._place = place
        self._name = f"git-verbatim.{command}"
        self._seen: dict[str, Seen] = {}
        self._began = time.monotonic_ns()
        self._program = this_program()
        self._configuration = Begun(lambda: _configuration(place.root))

    @classmethod
    def begin(cls, command: Literal["status", "sync"], start: Path) -> "Glance | None":
        """Begin a glance; None where `find_plain` finds no plain repository."""
        try:
            place = find_plain(start)
            return None if place is None else cls(command, place)
        except OSError:
            return None

    def recall(self, patterns: Sequence[str]) -> Judged | None:
        """Return how the chosen mirrors stand.

        None if anything has changed since they were judged, so that they have to be judged again.
        """
        try:
            memory = read_memory(self._place.git_directory, self._name, self._program)
            if memory is None or memory.root != str(self._place.root):
                return None
            known = [mirror.name for mirror in memory.mirrors]
            known += [form.name for form in memory.forms]
            names = choose(patterns, list(dict.fromkeys(known)))
            with self._held():
                self._look(memory)
        except (VerbatimError, OSError, _NotAsRememberedError):
            return None
        finally:
            self._configuration.result()  # wait for it before anything changes the environment
        if not all(seen.all_known for seen in self._seen.values()):
            now = {directory: seen_files(seen) for directory, seen in self._seen.items()}
            self._write(memory._replace(seen=now))
        return Judged(
            [mirror for mirror in memory.mirrors if mirror.name in names],
            [form for form in memory.forms if form.name in names],
        )

    def remember(self, host: Host, judged: Judged, inputs: Inputs) -> None:
        """Remember how all mirrors and forms stand.

        That is done only if all are well and the judgement depends on nothing but `inputs`.
        """
        configuration = self._configuration.result()
        mirrors, forms = judged
        are_all = inputs.records == sorted(mirror.name for mirror in mirrors)
        are_all &= inputs.forms == sorted(form.name for form in forms)
        each: list[MirrorStatus | FormStatus] = [*mirrors, *forms]
        is_well = are_all and inputs.is_plain and all(one.is_plainly_well for one in each)
        with suppress(OSError):
            if configuration is not None and is_well and self._place.is_of(host):
                root = str(self._place.root)
                self._write(Memory(self._program, configuration, root, mirrors, forms, inputs))

    def _write(self, memory: Memory) -> None:
        write_memory(self._place.git_directory, self._name, memory, self._began)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Hold the host as the whole command would: `sync` takes its lock.

        Neither command believes anything if an interrupted run has left something.
        """
        git_directory = self._place.git_directory
        _expect(not os.path.lexists(git_directory / JOURNAL))
        if self.command == "status":
            yield
            return
        lock = os.open(self._place.common_directory / LOCK, _LOCK_FILE, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left = [JOURNAL, *LEFTOVERS]
            _expect(not any(os.path.lexists(git_directory / name) for name in left))
            _expect(not os.path.lexists(self._place.root / WORKSPACE))
            yield
        finally:
            os.close(lock)

    def _look(self, memory: Memory) -> None:
        """Look at everything that the judgement had read.

        Raises _NotAsRememberedError unless all is as it was judged, or the error that reading fails
        with.
        """
        root, git_directory = self._place.root, self._place.git_directory
        index = Begun(lambda: Index(root, git_directory).files(_guarded(memory)))
        attributes = self._begin_attributes(_converted_before(memory))
        try:
            records = self._look_at_files(memory)
            tracked = self._look_at_directories(memory)
        finally:
            staged, in_force = index.result(), attributes.result() if attributes else None
        self._look_for_strays(memory)
        _expect(memory.configuration == self._configuration.result())
        _expect(staged is not None and _is_staged(staged, memory, {*tracked, *records}))
        if attributes is not None:
            if _converted_before(memory) != (there := _converted(tracked)):
                in_force = attributes_in_force(root, there)
            _expect(digest(in_force) == memory.inputs.attributes)

    def _look_for_strays(self, memory: Memory) -> None:
        if memory.inputs.accounts is not None:
            children, accounts = on_disk(self._place.root), Accounts.of(*memory.inputs.accounts)
            _expect(next(find_strays(children, accounts), None) is None and not accounts.unused)
            _expect(not any(is_lookalike(name) for name, _ in children(b"")))

    def _begin_attributes(self, paths: Sequence[bytes]) -> Begun[bytes] | None:
        if self.command == "sync":
            return None  # `sync` does not ask which bytes `git add` would store
        return Begun(lambda: attributes_in_force(self._place.root, paths))

    def _look_at_files(self, memory: Memory) -> list[Entry]:
        """Return the index entries that the records must have, and for `sync` the manifest."""
        for records_in, expected_names in (
            (PROVENANCE, memory.inputs.records),
            (DERIVED, memory.inputs.forms),
        ):
            directory = self._place.root / records_in
            there = os.listdir(directory) if directory.is_dir() else []
            names = [name.removesuffix(".json") for name in there if name.endswith(".json")]
            _expect(sorted(names) == expected_names)
        records = {record_path(mirror.name) for mirror in memory.mirrors}
        records |= {derived_record_path(form.name) for form in memory.forms}
        entries: list[Entry] = []
        for path, expected in memory.inputs.files.items():
            content = read_file(self._place.root, path)
            _expect(digest(content) == expected)
            if content is not None and path in records | self._staged_besides:
                blob = object_id("blob", content)
                entries.append(Entry(RepoPath(path.encode()), Mode.FILE, blob))
        return entries

    @property
    def _staged_besides(self) -> set[str]:
        """The file besides the records that `sync` has staged; `status` does not ask for it."""
        return {MANIFEST_PATH} if self.command == "sync" else set()

    def _look_at_directories(self, memory: Memory) -> list[Entry]:
        """Return the index entries that the files of checked-in mirrors must have."""
        entries: list[Entry] = []
        for directory, expected in memory.inputs.directories.items():
            seen = self._seen[directory] = memory.seen_in(directory)
            sizes = {path: fact.size for path, (_, fact) in seen.known.items()} or None
            budget = ScanBudget(sizes=sizes, seen=seen)
            facts = scan_directory(self._place.root, *directory.split("/"), budget=budget) or []
            _expect(digest_of_facts(facts) == expected)
            if directory in memory.tracked:
                entries += (Entry(path_at(directory, f.path), f.mode, f.blob) for f in facts)
        return entries


def _expect(holds: bool) -> None:
    if not holds:
        raise _NotAsRememberedError


def _configuration(root: Path) -> str | None:
    return digest(run_git(root, "config", "--list", "-z").stdout)


def _converted_before(memory: Memory) -> list[bytes]:
    """Return the files that git may store with other bytes, as they were remembered."""
    seen = ((place, path) for place in memory.tracked for path, *_ in memory.seen.get(place, ()))
    return sorted(path_at(place, encoded(path)) for place, path in seen)


def _converted(tracked: Iterable[Entry]) -> list[bytes]:
    """Return these files as they are now."""
    files = (entry.path for entry in tracked if entry.mode != Mode.SYMLINK)
    return sorted(files)


def _guarded(memory: Memory) -> set[bytes]:
    """Return the directories that hold all that was judged."""
    each: list[MirrorStatus | FormStatus] = [*memory.mirrors, *memory.forms]
    places = {place for one in each for place in one.places}
    outside = {place.encode() for place in places if not is_in_third_party(place)}
    return {THIRD_PARTY.encode(), *outside}


def _is_staged(staged: Iterable[Entry], memory: Memory, wanted: set[Entry]) -> bool:
    """Whether the index has exactly the wanted entries for all mirrors and forms."""
    each: list[MirrorStatus | FormStatus] = [*memory.mirrors, *memory.forms]
    places = {directory for one in each for directory in one.directories}
    inside = tuple(f"{directory}/".encode() for directory in places)
    files = {record_path(mirror.name).encode() for mirror in memory.mirrors}
    for form in memory.forms:
        files |= {derived_record_path(form.name).encode(), *map(str.encode, form.places)}
    files |= {entry.path for entry in wanted}
    return {e for e in staged if e.path.startswith(inside) or e.path in files} == wanted
