"""Answers question 1, whether the repository matches its record, by findings; pure."""

import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sync.errors import RecordError
from sync.host.sparse_and_modes import ALL_SEEN, Unseen
from sync.ids import Mode, ObjectId
from sync.layout import record_path
from sync.limits import EXPLAINED_BYTES
from sync.model.mirrors import Mirror
from sync.model.values import FileFact, path_at
from sync.objects.tree import object_id
from sync.quoting import quote_path
from sync.record.places import Present
from sync.record.record import Record
from sync.signature.signed import Judged, signature_shown


class Rule(StrEnum):
    """The kinds of findings."""

    MIRROR_DIFFERS_FROM_RECORD = "mirror-differs-from-record"
    RECORD_DIFFERS_FROM_MANIFEST = "record-differs-from-manifest"
    RECORD_WITHOUT_MIRROR = "record-without-mirror"
    MIRROR_WITHOUT_RECORD = "mirror-without-record"
    RECORD_UNREADABLE = "record-unreadable"
    PROOF_BROKEN = "proof-broken"
    TAG_MOVED = "tag-moved"
    UPSTREAM_NOT_ALLOWED = "upstream-not-allowed"
    TAG_DELETED = "tag-deleted"
    COMMIT_UNREACHABLE = "commit-unreachable"
    UPSTREAM_TREE_DIFFERS = "upstream-tree-differs"
    SIGNATURE_DIFFERS = "signature-differs-from-record"
    UPSTREAM_LICENSE_DIFFERS = "upstream-license-differs"
    DERIVED_DIFFERS_FROM_RECORD = "derived-differs-from-record"
    DERIVED_STALE = "derived-stale"
    DERIVED_WITHOUT_RECORD = "derived-without-record"
    RECORD_WITHOUT_DERIVED = "record-without-derived"
    UNRECORDED_FILE = "unrecorded-file"
    ATTRIBUTES_ALTER_BYTES = "attributes-alter-bytes"
    TRAILER_MISSING = "trailer-missing"


class Difference(StrEnum):
    """How a file differs from its record."""

    CONTENT = "content"
    LINE_ENDINGS = "line-endings"
    MODE = "mode"
    TYPE = "type"
    MISSING = "missing"
    EXTRA = "extra"
    FACTS = "facts"
    """Git's id is right, but the record's size or SHA-256 is not."""


DIFFERENCES = {
    Difference.CONTENT: "content differs",
    Difference.LINE_ENDINGS: "only line endings differ",
    Difference.MODE: "mode differs",
    Difference.TYPE: "is a file of another kind",
    Difference.MISSING: "missing",
    Difference.EXTRA: "not upstream's",
    Difference.FACTS: "the record's size or SHA-256 is wrong",
}
"""What a finding says of each difference."""
NOT_CHECKED_IN = "is of a mirror that is not checked in"
FORM_NOT_CHECKED_IN = "is of a form that is not checked in"
_SPECIAL_BITS = {stat.S_ISUID: "setuid", stat.S_ISGID: "setgid", stat.S_ISVTX: "sticky"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    rule: Rule
    mirror: str
    message: str
    path: str | None = None
    """The path from the host's root, quoted as git does."""
    difference: Difference | None = None
    expected: FileFact | None = None
    """The record's fact of the file that differs; None if the record has no such file."""
    found: FileFact | None = None


class Presence(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    """The mirror is not checked in, and not here; `sync` rebuilds it."""
    REMOVED = "removed"
    """The mirror is checked in, but was removed as a whole from a release, as distributions do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out about one mirror."""

    mirror: str
    record: Record | None
    presence: Presence
    findings: tuple[Finding, ...]
    unseen: Unseen = ALL_SEEN
    not_here: tuple[str, ...] = ()
    """The directories of its copies that are not here, which is no finding."""

    @property
    def is_clean(self) -> bool:
        return not self.findings

    @property
    def is_present(self) -> bool:
        return self.presence is Presence.PRESENT


ReadFile = Callable[[str], bytes | None]
"""Gives a file's content by its path in the host; called only to explain a difference."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a state holds for one mirror."""

    files: Present
    """What lies in each place of its record."""
    read: ReadFile
    is_work_tree: bool
    is_in_git: bool = True
    """False of an unpacked release, from which whole places may have been removed."""
    unseen: Unseen = ALL_SEEN


def verify_mirror(
    name: str,
    mirror: Mirror | None,
    record: Record | RecordError | None,
    look: Callable[[Record], Held],
    *,
    judged: Judged | None = None,
) -> Verdict:
    """Judge whether a state is as a mirror's record says, and the record as the manifest says.

    `look` gives what the state holds in the places of a record. The record is judged by itself
    first, since another process may still be reading files. `judged` is the signature as it was
    checked again; None if it was not.
    """
    if isinstance(record, RecordError):
        return Verdict(
            name,
            None,
            Presence.PRESENT,
            (Finding(Rule.RECORD_UNREADABLE, name, record.message, _record(name)),),
        )
    if record is None:
        message = f"the manifest has mirror {name}, but there is no record of it"
        return Verdict(
            name,
            None,
            Presence.ABSENT,
            (Finding(Rule.MIRROR_WITHOUT_RECORD, name, message, _record(name)),),
        )
    findings = [*_record_findings(name, mirror, record), *_signature_findings(name, record, judged)]
    held = look(record)
    is_checked_in = mirror is None or mirror.checked_in
    if not is_checked_in and not held.is_work_tree:
        findings += _committed_all_the_same(name, held)
        not_here = frozenset(held.files)
    else:
        not_here = _not_here(mirror, record, held)
        for place in record.places:
            if place.directory not in not_here:
                there = held.files[place.directory] or ()
                findings += _compare(name, place.directory, place.files, there, held.read)
    presence = Presence.PRESENT
    if not_here.issuperset(record.copies):
        presence = Presence.REMOVED if is_checked_in else Presence.ABSENT
    copies = tuple(directory for directory in record.copies if directory in not_here)
    return Verdict(name, record, presence, tuple(findings), held.unseen, copies)


def _not_here(mirror: Mirror | None, record: Record, held: Held) -> frozenset[str]:
    """Return the places that are missing as a whole and may be; an empty directory counts as none.

    A release may lack any copy, and with all of them the licences. Elsewhere only a mirror that is
    not checked in may be missing, and only with all its places.
    """
    missing = frozenset(directory for directory, files in held.files.items() if not files)
    if mirror is None:
        return frozenset()
    if not held.is_in_git:
        is_removed = missing.issuperset(record.copies)
        return missing if is_removed else missing.intersection(record.copies)
    is_absent = not mirror.checked_in and len(missing) == len(held.files)
    return missing if is_absent else frozenset()


def _record(name: str) -> str:
    return record_path(name)


def _record_findings(name: str, mirror: Mirror | None, record: Record) -> Iterator[Finding]:
    if mirror is None:
        yield Finding(
            Rule.RECORD_WITHOUT_MIRROR,
            name,
            f"there is a record of {name}, but no such mirror in the manifest",
            _record(name),
        )
    elif differences := record.differences(mirror):
        yield Finding(
            Rule.RECORD_DIFFERS_FROM_MANIFEST, name, "; ".join(differences), _record(name)
        )
    for problem in record.problems():
        yield Finding(Rule.PROOF_BROKEN, name, f"the proof does not hold: {problem}", _record(name))


def _signature_findings(name: str, record: Record, judged: Judged | None) -> Iterator[Finding]:
    if judged is None or record.signature is None or record.signature == judged.signature:
        return
    shown, recorded = signature_shown(judged.signature), signature_shown(record.signature)
    reason = f" ({judged.reason})" if judged.reason else ""
    message = f"by the manifest's keys: {shown}{reason}; by the record: {recorded}"
    yield Finding(Rule.SIGNATURE_DIFFERS, name, message, _record(name))


def _committed_all_the_same(name: str, held: Held) -> Iterator[Finding]:
    for directory, facts in held.files.items():
        for fact in facts or ():
            path = path_of(directory, fact.path)
            yield Finding(
                Rule.MIRROR_DIFFERS_FROM_RECORD,
                name,
                NOT_CHECKED_IN,
                path,
                Difference.EXTRA,
                found=fact,
            )


def _compare(
    name: str,
    directory: str,
    recorded: Sequence[FileFact],
    held: Sequence[FileFact],
    read: ReadFile,
) -> Iterator[Finding]:
    if list(recorded) == list(held):
        return
    if not held:
        yield Finding(
            Rule.MIRROR_DIFFERS_FROM_RECORD,
            name,
            "missing altogether",
            directory,
            Difference.MISSING,
        )
        return
    yield from compare_files(name, directory, recorded, held, read)


def compare_files(
    name: str,
    directory: str,
    recorded: Iterable[FileFact],
    held: Iterable[FileFact],
    read: ReadFile,
    *,
    rule: Rule = Rule.MIRROR_DIFFERS_FROM_RECORD,
) -> Iterator[Finding]:
    """The differences between files as a record has them and as they are.

    Paths are those in `directory`, which starts at the host's root.
    """
    expected = {fact.path: fact for fact in recorded}
    found = {fact.path: fact for fact in held}
    for path in sorted(expected.keys() | found.keys()):
        difference = _difference(
            expected.get(path), found.get(path), partial(read, _fs(path_at(directory, path)))
        )
        if difference is not None:
            where, there = path_of(directory, path), found.get(path)
            message = DIFFERENCES[difference] + (
                _special_bits(there) if difference is Difference.MODE and there else ""
            )
            yield Finding(rule, name, message, where, difference, expected.get(path), there)


def _special_bits(fact: FileFact) -> str:
    names = [name for bit, name in _SPECIAL_BITS.items() if fact.mode & bit]
    return f": {', '.join(names)}" if names else ""


def path_of(directory: str, path: bytes) -> str:
    """A path in `directory` as findings show it: from the host's root, quoted as git does."""
    return quote_path(path_at(directory, path))


def _fs(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _difference(
    expected: FileFact | None, found: FileFact | None, read: Callable[[], bytes | None]
) -> Difference | None:
    if expected == found:
        return None
    if found is None:
        return Difference.MISSING
    if expected is None:
        return Difference.EXTRA
    if (expected.mode == Mode.SYMLINK) != (
        found.mode == Mode.SYMLINK
    ) or found.mode == Mode.GITLINK:
        return Difference.TYPE
    if expected.blob != found.blob:
        return (
            Difference.LINE_ENDINGS
            if _only_line_endings(expected.blob, read())
            else Difference.CONTENT
        )
    return Difference.MODE if expected.mode != found.mode else Difference.FACTS


def _only_line_endings(blob: ObjectId, content: bytes | None) -> bool:
    if content is None or len(content) > EXPLAINED_BYTES:
        return False
    unix = content.replace(b"\r\n", b"\n")
    return blob in {object_id("blob", unix), object_id("blob", unix.replace(b"\n", b"\r\n"))}
