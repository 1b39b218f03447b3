"""Asks whether records are true: each upstream is asked again, and each copy made again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sync.errors import CouldNotCheckError, MissingRefError, SelectionError, VerbatimError
from sync.git.transport import Listener
from sync.git.transport_configuration import TransportConfiguration
from sync.ids import ObjectId
from sync.judgement.findings import Finding, Rule
from sync.layout import record_path
from sync.model.mirrors import Mirror
from sync.model.values import Pin, PinKind
from sync.quoting import quote_path
from sync.record.record import Record
from sync.selection.copy import copy_of
from sync.upstream.cache_renewal import cache_key, with_cache
from sync.upstream.fetch import by_url, needed_blobs
from sync.upstream.parallel import Display, Options, Run
from sync.upstream.pinned_commit import has_tree_of
from sync.upstream.source import OWN_REFS, Abilities, Source, pin_ref

if TYPE_CHECKING:
    from sync.git.repository import Repository


@dataclass(frozen=True, slots=True)
class Audit:
    """What the upstreams said: findings, and the errors that kept a question open, by URL."""

    findings: tuple[Finding, ...]
    errors: Mapping[str, VerbatimError]
    asked: str
    """When the upstreams were asked, as `YYYY-MM-DDThh:mm:ssZ` (RFC 3339)."""
    answered: frozenset[str] = frozenset()
    """The mirrors about which their upstreams said all that was asked."""

    def agrees_on(self, mirror: str) -> bool | None:
        """Whether upstream confirms a mirror's record; None if it was not asked about it."""
        if mirror not in self.answered:
            return None
        return not any(finding.mirror == mirror for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Subject:
    """A record and the manifest's entry that it belongs to."""

    mirror: Mirror
    record: Record

    @property
    def url(self) -> str:
        return self.record.url


def audit(subjects: Sequence[Subject], options: Options, display: Display) -> Audit:
    """Ask the upstreams of all subjects again, each upstream once."""
    began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not subjects:
        return Audit((), {}, began)
    configuration = TransportConfiguration(options.root, is_anonymous=options.is_anonymous)
    asked = by_url(subjects).items()
    tasks = [_Inquiry(url, subjects, options, configuration) for url, subjects in asked]
    run = Run(tasks, options)
    try:
        run.finish(display)
    finally:
        configuration.close()
    errors: dict[str, VerbatimError] = {}
    for url, error in run.errors.items():
        if not isinstance(error, VerbatimError):
            raise error
        errors[url] = error
    answered = frozenset(s.mirror.name for s in subjects if s.url not in errors)
    findings = tuple(finding for task in tasks for finding in task.findings)
    return Audit(findings, errors, began, answered)


@dataclass(slots=True)
class _Inquiry:
    """One upstream that is asked about all records that name it, by one thread."""

    url: str
    subjects: Sequence[Subject]
    options: Options
    configuration: TransportConfiguration
    findings: list[Finding] = field(default_factory=list)
    _abilities: Abilities = field(default_factory=Abilities)

    def run(self, listener: Listener) -> None:
        settings = self.configuration.settings_for(self.url)
        key = cache_key(settings, self.options.root)
        with_cache(
            key,
            self.options,
            listener,
            lambda cache: self._ask(Source(cache, settings, listener, self._abilities)),
        )

    def _ask(self, source: Source) -> None:
        refs = self._refs(source)
        self.findings = [
            finding for subject in self.subjects for finding in _findings(subject, refs, source)
        ]

    def _refs(self, source: Source) -> Mapping[str, ObjectId]:
        """Return the refs that the records are compared with.

        These are only the recorded tags if all pins are tags and all of them exist, else all refs.
        """
        mirrors = [_as_recorded(subject) for subject in self.subjects]
        pins = sorted({mirror.pin for mirror in mirrors}, key=str)
        if all(pin.ref for pin in pins):
            try:
                source.ask(pins, in_parts=all(mirror.is_part for mirror in mirrors))
            except MissingRefError:
                pass  # all refs together show which one is missing
            else:
                return {
                    str(pin.ref): target
                    for pin in pins
                    if (target := source.objects.ref_target(pin_ref(pin)))
                }
        return source.refs()


def _findings(subject: Subject, refs: Mapping[str, ObjectId], source: Source) -> Iterator[Finding]:
    moved = list(_ref_findings(subject, refs, source))
    yield from moved
    try:
        _bring(subject, source, by_id=bool(moved))
    except CouldNotCheckError:
        if not moved:
            raise
        return  # the pin is gone, which is already a finding
    if source.objects.has(subject.record.upstream.commit):
        yield from _content_findings(subject, source.objects)
    elif not moved:
        raise CouldNotCheckError(
            f"the upstream does not give commit {subject.record.upstream.commit}",
            [f"url: {subject.record.url}", f"mirror: {subject.mirror.name}"],
            reference="commit-missing",
        )


def _bring(subject: Subject, source: Source, *, by_id: bool) -> None:
    """Fetch into the cache what the record is compared with."""
    mirror, upstream = _as_recorded(subject), subject.record.upstream
    if not has_tree_of(source.objects, upstream.commit):
        pin = Pin(PinKind.COMMIT, upstream.commit) if by_id else mirror.pin
        source.ask([pin], in_parts=mirror.is_part)
    if has_tree_of(source.objects, upstream.commit):
        source.complete(needed_blobs(mirror, upstream, source.objects))


def _ref_findings(
    subject: Subject, refs: Mapping[str, ObjectId], source: Source
) -> Iterator[Finding]:
    record = subject.record
    if record.pin.kind is PinKind.COMMIT:
        tips = {target for name, target in refs.items() if name.startswith(OWN_REFS)}
        if record.upstream.commit not in tips and not source.is_reached(record.upstream.commit):
            message = (
                f"no branch or tag of {record.url} reaches commit {record.upstream.commit}: "
                "it may be a fork's"
            )
            yield _finding(Rule.COMMIT_UNREACHABLE, subject, message)
        return
    target, recorded = refs.get(str(record.pin.ref)), record.upstream.tag or record.upstream.commit
    if target is None:
        yield _finding(Rule.TAG_DELETED, subject, f"{record.url} has no tag {record.pin} any more")
    elif target != recorded:
        message = (
            f"the tag {record.pin} of {record.url} names {target} now, the record says {recorded}"
        )
        yield _finding(Rule.TAG_MOVED, subject, message)


def _content_findings(subject: Subject, repository: "Repository") -> Iterator[Finding]:
    record = subject.record
    recorded = record.copy.holding
    try:
        there = copy_of(_as_recorded(subject), record.upstream, repository).holding
    except SelectionError as error:
        yield _finding(
            Rule.UPSTREAM_TREE_DIFFERS,
            subject,
            f"upstream's commit does not give this mirror: {error.message}",
        )
        return
    if (there.tree, there.upstream_tree, there.files) != (
        recorded.tree,
        recorded.upstream_tree,
        recorded.files,
    ):
        message = f"upstream's commit gives tree {there.tree}, the record says {recorded.tree}"
        yield _finding(Rule.UPSTREAM_TREE_DIFFERS, subject, message)
    given = {*there.files, *there.licenses}
    for fact in (fact for fact in (*record.files, *record.licenses) if fact.entry in given):
        if repository.digest(fact.blob) != (fact.size, fact.sha256):
            yield _finding(
                Rule.UPSTREAM_TREE_DIFFERS,
                subject,
                f"the record's size or SHA-256 of {quote_path(fact.path)} is wrong",
            )
    for path in sorted({entry.path for entry in set(there.licenses) ^ set(recorded.licenses)}):
        yield _finding(
            Rule.UPSTREAM_LICENSE_DIFFERS,
            subject,
            f"the licence file {quote_path(path)} is another upstream",
        )


def _as_recorded(subject: Subject) -> Mirror:
    """Return the manifest's entry with URL, pin and selection of the record.

    If the two disagree, that is a finding of its own.
    """
    record = subject.record
    return replace(subject.mirror, url=record.url, pin=record.pin, selection=record.selection)


def _finding(rule: Rule, subject: Subject, message: str) -> Finding:
    return Finding(rule, subject.mirror.name, message, record_path(subject.mirror.name))
