"""Stores a judgement that found all mirrors well, in a file in the git directory.

The file is safe to delete. If it is damaged or written by another version, it is ignored.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple
from pathlib import Path
from typing import NamedTuple, cast

from sync.errors import HostError
from sync.git.process import installed
from sync.host.inputs import Inputs, digest
from sync.host.scan import Seen, Stat, read_file
from sync.ids import ObjectId, RepoPath
from sync.judgement.standing import FormStatus, MirrorStatus, Standing
from sync.model.values import (
    FileFact,
    FormKind,
    Pin,
    PinKind,
    Signature,
    SignatureFormat,
    SignatureState,
    SignedObject,
)

# File systems store times in steps of up to two seconds.
_TICK_NS = 2_000_000_000
# No symlink is followed, and opening a FIFO does not block.
_OPENING = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PROGRAMS = ("git", "ssh-keygen", "gpg")

SeenFile = tuple[str, Stat, int, str, int, str]
"""A path, the result of stat for it, and the file's mode, blob id, size and SHA-256."""


class Memory(NamedTuple):
    """What was judged, by which program, and from which inputs."""

    program: str
    configuration: str
    """The digest of git's configuration."""
    root: str
    mirrors: Sequence[MirrorStatus]
    """All mirrors; each is well: it has no findings, nothing hidden and nothing unstaged."""
    forms: Sequence[FormStatus]
    """All derived forms, which are well too."""
    inputs: Inputs
    seen: Mapping[str, Sequence[SeenFile]] = {}
    """The files by directory; empty until they are looked at again for the first time."""
    looked: int = 0
    """The time of that look in nanoseconds, by the clock of the file system."""

    @property
    def tracked(self) -> frozenset[str]:
        """The directories whose files git tracks, and files that git tracks."""
        each: list[MirrorStatus | FormStatus] = [*self.mirrors, *self.forms]
        return frozenset(place for one in each if one.checked_in for place in one.directories)

    def seen_in(self, directory: str) -> Seen:
        """Return what is known about the files of a directory."""
        known = {fact.path: (stat, fact) for stat, fact in _known(self.seen.get(directory, ()))}
        return Seen(known, self.looked - _TICK_NS)


def read_memory(git_directory: Path, name: str, program: str) -> Memory | None:
    """Read what this program has remembered; None if there is nothing that can be used."""
    try:
        content = read_file(git_directory, name) or b""
    except HostError:
        return None
    claimed, _, body = content.partition(b"\n")
    if claimed.decode("ascii", "replace") != digest(body):
        return None
    try:
        document = json.loads(body)
        if document.pop("program") != program:
            return None
        mirrors = [_status(*mirror) for mirror in document.pop("mirrors")]
        forms = [_form(*form) for form in document.pop("forms")]
        inputs = Inputs(**document.pop("inputs"))
        return Memory(program, mirrors=mirrors, forms=forms, inputs=inputs, **document)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # another version has written it


def write_memory(git_directory: Path, name: str, memory: Memory, began: int) -> None:
    """Replace what was remembered.

    `began` is what the monotonic clock said when the command began to look.
    """
    new = git_directory / f"{name}.new"
    with suppress(OSError):
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OPENING, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            elapsed = time.monotonic_ns() - began
            body = _dump(memory._replace(looked=os.fstat(descriptor).st_mtime_ns - elapsed))
            file.write(f"{digest(body)}\n".encode() + body)
        new.replace(git_directory / name)


def seen_files(seen: Seen) -> list[SeenFile]:
    """Return what to remember about these files for the next time."""
    return [(_decoded(fact.path), stat, *fact[1:]) for stat, fact in seen.now.values()]


def this_program() -> str:
    """Return a digest of everything that judges, which differs between versions.

    It covers this program, Python, the installed packages, and the programs git, ssh-keygen and
    gpg.
    """
    programs = [_told(name) for name in map(installed, _PROGRAMS)]
    own = sorted(map(_told, _sources(Path(__file__).parent)))
    places = [place for place in sys.path if os.path.isdir(place)]
    names = [name for place in places for name in os.listdir(place)]
    packages = sorted(name for name in names if name.endswith(".dist-info"))
    return str(digest("\n".join([sys.version, *programs, *own, *packages]).encode()))


def _sources(package: Path) -> Iterator[str]:
    for directory, _, names in os.walk(package):
        yield from (f"{directory}/{name}" for name in names if name.endswith(".py"))


def _told(path: str | None) -> str:
    status = None if path is None else os.stat(path)
    return f"{path} {status.st_size} {status.st_mtime_ns}" if status else "none"


def _known(files: Iterable[SeenFile]) -> Iterator[tuple[Stat, FileFact]]:
    for path, stat, mode, blob, size, sha256 in files:
        fact = FileFact(RepoPath(encoded(path)), mode, ObjectId(blob), size, sha256)
        yield cast("Stat", tuple(stat)), fact


def _decoded(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def encoded(path: str) -> bytes:
    """Return the bytes of a remembered path."""
    return path.encode("utf-8", "surrogateescape")


def _dump(memory: Memory) -> bytes:
    document = memory._asdict()
    document["mirrors"] = [_row(mirror) for mirror in memory.mirrors]
    document["forms"] = [_form_row(form) for form in memory.forms]
    document["inputs"] = asdict(memory.inputs)
    return json.dumps(document, separators=(",", ":")).encode()


def _row(m: MirrorStatus) -> tuple[object, ...]:
    pin, signature = m.pin and astuple(m.pin), m.signature and astuple(m.signature)
    return m.name, m.places, m.checked_in, m.standing, pin, signature


def _form_row(f: FormStatus) -> tuple[object, ...]:
    return f.name, f.kind, f.of, f.places, f.checked_in, f.standing


def _form(
    name: str, kind: str, of: str, places: Sequence[str], checked_in: bool, standing: str
) -> FormStatus:
    where = tuple(places)
    return FormStatus(name, FormKind(kind), of, where, checked_in, Standing(standing), staged=True)


def _status(
    name: str,
    places: Sequence[str],
    checked_in: bool,
    standing: str,
    pin: Sequence[str] | None,
    signature: Sequence[str] | None,
) -> MirrorStatus:
    its_pin = Pin(PinKind(pin[0]), pin[1]) if pin else None
    return MirrorStatus(
        name=name,
        places=tuple(places),
        checked_in=checked_in,
        pin=its_pin,
        recorded_pin=its_pin,
        standing=Standing(standing),
        signature=_signature(*signature) if signature else None,
        staged=True,
    )


def _signature(of: str, state: str, form: str | None, *signed: str | None) -> Signature:
    its_form = None if form is None else SignatureFormat(form)
    return Signature(SignedObject(of), SignatureState(state), its_form, *signed)
