"""List the files that attributes must not alter, and those that an archive must not lack; pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from policies.states import MirrorFacts, PolicedState
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import ATTRIBUTES_FILE, MANIFEST_PATH, THIRD_PARTY, record_path
from sync.record.record import Record


class Role(Enum):
    """What a file is to a mirror."""

    FILE = auto()
    LICENSE = auto()
    RECORD = auto()
    KEY = auto()
    MANIFEST = auto()
    ATTRIBUTES = auto()


_VERIFIED = frozenset({Role.FILE, Role.LICENSE, Role.RECORD, Role.MANIFEST})


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file whose bytes, or whose meaning, attributes must not change."""

    mirror: str
    """The mirror's name, or the empty string if the file does not belong to a single mirror."""
    role: Role
    path: RepoPath
    """The path from the host's root."""
    blob: ObjectId
    is_link: bool = False


def guarded_files(state: PolicedState) -> Iterator[Guarded]:
    """Yield each mirror's record and recorded files, then the host's own guarded files.

    These are the manifest, the key files and third_party/.gitattributes.
    """
    for facts in state.mirrors.values():
        yield from _of_mirror(facts)
    for entry in state.own_files:
        yield Guarded(
            "",
            Role.MANIFEST if entry.path == MANIFEST_PATH.encode() else Role.KEY,
            entry.path,
            entry.blob,
        )
    for entry in state.attribute_files:
        if entry.path == f"{THIRD_PARTY}/{ATTRIBUTES_FILE}".encode():
            yield Guarded("", Role.ATTRIBUTES, entry.path, entry.blob)


def _of_mirror(facts: MirrorFacts) -> Iterator[Guarded]:
    record = facts.record
    if facts.record_entry is not None:
        path = RepoPath(f"{THIRD_PARTY}/{record_path(facts.name)}".encode())
        yield Guarded(facts.name, Role.RECORD, path, facts.record_entry.id)
    if not isinstance(record, Record) or facts.mirror is None or not facts.mirror.checked_in:
        return
    for place in record.places:
        role = Role.FILE if place.directory == record.into else Role.LICENSE
        for fact in place.files:
            path = RepoPath(f"{THIRD_PARTY}/{place.directory}/".encode() + fact.path)
            yield Guarded(facts.name, role, path, fact.blob, is_link=fact.mode == Mode.SYMLINK)


def above(path: bytes) -> Iterator[bytes]:
    """Yield the directories above a path, outermost first, each with a slash at its end."""
    return (path[: at + 1] for at, byte in enumerate(path) if byte == ord("/"))


def left_out(guarded: Sequence[Guarded], ignored: Collection[bytes]) -> dict[RepoPath, bytes]:
    """Return the files that `git archive` leaves out if it ignores these paths and all below them.

    Each comes with the ignored path that is to blame.
    """
    if not ignored:
        return {}
    blamed = (
        (file.path, next((one for one in (*above(file.path), file.path) if one in ignored), None))
        for file in guarded
    )
    return {path: by for path, by in blamed if by is not None}


def missed(guarded: Sequence[Guarded], lacking: Collection[RepoPath]) -> Iterator[Guarded]:
    """Yield the lacking files without which the rest of an archive does not verify.

    An archive may leave out a mirror whole, with its licences or without, as distributions do. It
    may also leave out everything that could be verified. Nothing is missed then.
    """
    held = {(file.mirror, file.role) for file in guarded if file.path not in lacking}
    if any(role in _VERIFIED for _, role in held):
        yield from (file for file in guarded if file.path in lacking and _is_needed(file, held))


def _is_needed(file: Guarded, held: Collection[tuple[str, Role]]) -> bool:
    match file.role:
        case Role.FILE:
            return (file.mirror, Role.FILE) in held
        case Role.LICENSE:
            return (file.mirror, Role.FILE) in held or (file.mirror, Role.LICENSE) in held
        case Role.RECORD | Role.KEY | Role.MANIFEST:
            return True
        case Role.ATTRIBUTES:
            return False
