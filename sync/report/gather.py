"""Gathers the facts for reports from the manifest, the records, and what lies in the places.

Mirrors and forms are verified first and read then. An unpacked tarball without `.git` is enough.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

from sync.errors import UsageError
from sync.host.find import Host
from sync.host.sparse_and_modes import ALL_SEEN, Unseen
from sync.host.state import read_manifest
from sync.host.work_tree import WorkTree
from sync.ids import Mode
from sync.judgement.findings import Finding, Presence, Verdict, path_of
from sync.layout import MANIFEST_PATH, license_directory
from sync.limits import LICENSE_TEXTS_BYTES
from sync.manifest.concluded_licenses import concluded_licenses
from sync.model.mirrors import Mirror
from sync.model.values import FileFact
from sync.objects.tree import join
from sync.record.record import Record
from sync.report.asked import AskedFile
from sync.report.facts import Asked, Component, Facts, LicenseText
from sync.report.gather_forms import FormGatherer
from sync.report.hashes import Reader, count_files
from sync.report.known_licenses import identify, licensing_of, nearest_texts
from sync.report.nested import Known, known_by, nested_copies
from sync.report.records_inside import NOTHING_INSIDE, Inner, inner_records
from sync.selection.license_files import is_license_name
from sync.verify.commands import Verified, verify

Advance = Callable[[int, int], None]
"""Called with the number of files read so far, and the number of all files to read."""

_MAX_LICENSE_BYTES = 1 << 20  # ten times as much as the longest licence text of SPDX
_LAST_SECOND = 253_402_300_799  # of the year 9999, the last one with four digits


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts of all mirrors and forms; None if there are findings, which are listed instead."""

    facts: Facts | None
    findings: Sequence[Finding]
    unseen: Unseen = ALL_SEEN


def gather(
    host: Host, *, with_content: bool, advance: Advance, asked: AskedFile | None = None
) -> Gathered:
    """Verify the working tree and gather the facts of all its mirrors and derived forms.

    The content of files is read only if `with_content` is true. `asked` says what upstreams
    answered about the records.

    Raises ManifestError for a `license` that is not a valid SPDX expression, and UsageError if
    there is nothing to report.
    """
    state = WorkTree(host.require_root(), host.repository)
    manifest = read_manifest(state)
    mirrors = manifest.mirrors
    if not mirrors:
        raise UsageError(
            "there are no mirrors: nothing to report",
            hint="add one with `git verbatim add`",
            reference="nothing-to-report",
        )
    concluded = concluded_licenses(state.read(MANIFEST_PATH) or b"", mirrors.values())
    timestamp = _source_date_epoch()
    verified = verify(state, [], host)
    verdicts = verified.verdicts
    if state.hidden:
        raise state.hidden_error(min(state.hidden))
    findings = verified.findings
    records = {verdict.mirror: verdict.record for verdict in verdicts if verdict.record is not None}
    if findings:
        return Gathered(None, findings)
    answers = asked.answers(records) if asked else {}
    gatherer = _Gatherer(host.require_root(), mirrors, records, concluded, answers)
    files = _files_to_read(verified) if with_content else 0
    counted = count(1)
    read = (lambda: advance(next(counted), files)) if with_content else None
    components = tuple(gatherer.component(verdict, read) for verdict in verdicts)
    forms = FormGatherer(
        manifest.forms,
        {verdict.name: (verdict, verdict.record) for verdict in verified.forms if verdict.record},
        {component.name: component for component in components},
        gatherer.reader,
        state.read,
    )
    unseen = Unseen(modes=len(state.unjudged_modes))
    created = _newest(components) if timestamp is None else timestamp
    return Gathered(Facts(components, created, forms.all(read)), (), unseen)


def _files_to_read(verified: Verified) -> int:
    return count_files(
        [v.record for v in verified.verdicts if v.record and v.presence is Presence.PRESENT],
        [v.record for v in verified.forms if v.record and v.is_present],
    )


def _source_date_epoch() -> int | None:
    """The timestamp that the environment prescribes for builds (reproducible-builds.org)."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) > _LAST_SECOND:
        raise UsageError(
            f"SOURCE_DATE_EPOCH is no time: {text}",
            ["it is the seconds since 1970, in digits"],
            hint="give it as `git log -1 --format=%ct` prints it, or unset it",
            reference="source-date-epoch",
        )
    return int(text)


def _newest(components: Sequence[Component]) -> int:
    newest = max(component.record.upstream.commit_time for component in components)
    return max(0, int(datetime.fromisoformat(newest).timestamp()))


@dataclass(frozen=True, slots=True)
class _Gatherer:
    """Combines what the manifest, the records and the files say about a mirror."""

    root: Path
    mirrors: Mapping[str, Mirror]
    records: Mapping[str, Record]
    concluded: Mapping[str, str | None]
    answers: Mapping[str, Asked]
    reader: Reader = field(init=False)
    known: Known = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", Reader(self.root))
        object.__setattr__(self, "known", known_by(list(self.records.values())))

    def component(self, verdict: Verdict, read: Callable[[], None] | None) -> Component:
        mirror, record = self.mirrors[verdict.mirror], self.records[verdict.mirror]
        is_here = verdict.presence is Presence.PRESENT
        # All copies are alike, so one of them is read, and stands for the others.
        copy = next((one for one in record.copies if one not in verdict.not_here), record.copies[0])
        texts = nearest_texts(
            [identify(text) for text in self._license_texts(record, copy, is_here=is_here)]
        )
        return Component(
            mirror=mirror,
            record=record,
            presence=verdict.presence,
            licensing=licensing_of(
                texts, self.concluded[mirror.name], mirror.license_comment, _others(record, copy)
            ),
            nested=nested_copies(
                record, self.known, self._inner(record, copy) if is_here else NOTHING_INSIDE
            ),
            content=self.reader.content(record, copy, read) if is_here and read else None,
            asked=self.answers.get(mirror.name),
            not_here=verdict.not_here if is_here else (),
        )

    def _inner(self, record: Record, copy: str) -> Inner:
        return inner_records(record, lambda fact: self.reader.file(copy, fact))

    def _license_texts(self, record: Record, copy: str, *, is_here: bool) -> Iterator[LicenseText]:
        beside = ((license_directory(record.mirror), fact, fact.path) for fact in record.licenses)
        inside = (
            (copy, fact, join(record.source, fact.path))
            for fact in record.files
            if _is_license(fact)
        )
        left = LICENSE_TEXTS_BYTES
        for directory, fact, upstream_path in (*beside, *inside):
            if fact.mode != Mode.SYMLINK:
                left -= min(fact.size, _MAX_LICENSE_BYTES)
                content = self._license_content(directory, fact, left) if is_here else b""
                yield LicenseText(
                    path_of(directory, fact.path), upstream_path, fact.blob, None, None, content
                )

    def _license_content(self, directory: str, fact: FileFact, left: int) -> bytes:
        if fact.size > _MAX_LICENSE_BYTES or left < 0:
            return f"({fact.size} bytes: too long to be quoted)\n".encode()
        return self.reader.file(directory, fact)


def _is_license(fact: FileFact) -> bool:
    return not fact.path.count(b"/") and is_license_name(fact.path)


def _others(record: Record, copy: str) -> tuple[str, ...]:
    """The files named like licences that say nothing about the mirror as a whole, of one copy.

    They lie deeper inside the mirror, also in a directory with such a name, or are symlinks.
    """
    return tuple(
        path_of(directory, fact.path)
        for directory, _, facts in record.places
        if directory == copy or directory not in record.copies
        for fact in facts
        if (fact.mode == Mode.SYMLINK or (directory == copy and fact.path.count(b"/")))
        and any(map(is_license_name, fact.path.split(b"/")))
    )
