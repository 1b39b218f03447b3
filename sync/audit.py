"""Question 2, is the record true: asks every upstream again and derives each mirror anew from its objects."""

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sync.derive import derive
from sync.errors import CouldNotCheckError, SelectionError, VerbatimError
from sync.fetch import cache_key, open_local, with_cache
from sync.git.repository import Repository
from sync.git.settings import Settings, TransportConfiguration
from sync.git.transport import Progress, fetch, list_refs
from sync.model import THIRD_PARTY, Mirror, ObjectId, PinKind, record_path
from sync.names import quote_path
from sync.parallel import Display, Options, retrying, run_all
from sync.provenance import Record, derived_of
from sync.urls import is_local
from sync.verify import Finding, Rule

_OWN_REFS = ("refs/heads/", "refs/tags/")


@dataclass(frozen=True, slots=True)
class Audit:
    """What the upstreams said: findings, and by URL why a question stayed open."""

    findings: tuple[Finding, ...]
    errors: Mapping[str, VerbatimError]


@dataclass(frozen=True, slots=True)
class Subject:
    """A record and the manifest's entry it answers."""

    mirror: Mirror
    record: Record


def audit(subjects: Sequence[Subject], options: Options, display: Display) -> Audit:
    """Ask the upstream of each subject again, once for each upstream."""
    if not subjects:
        return Audit((), {})
    configuration = TransportConfiguration(options.root)
    by_url: dict[str, list[Subject]] = {}
    for subject in subjects:
        by_url.setdefault(subject.record.url, []).append(subject)
    tasks = [_Inquiry(url, asked, options, configuration) for url, asked in by_url.items()]
    failed = run_all(tasks, options, display)
    errors: dict[str, VerbatimError] = {}
    for url, error in failed.items():
        if not isinstance(error, VerbatimError):
            raise error
        errors[url] = error
    return Audit(tuple(finding for task in tasks for finding in task.findings), errors)


@dataclass(slots=True)
class _Inquiry:
    """One upstream being asked about all records that name it, by one thread."""

    url: str
    subjects: Sequence[Subject]
    options: Options
    configuration: TransportConfiguration
    cache_key: str | None = None
    findings: list[Finding] = field(default_factory=list)

    def run(self, report: Callable[[Progress], None], cancelled: threading.Event) -> None:
        settings = self.configuration.settings_for(self.url)
        if is_local(settings.url):
            self._ask(_Local(open_local(settings.url, self.options.root)))
        else:
            self.cache_key = key = cache_key(settings, self.options.root)
            with_cache(key, self.options, lambda cache: self._ask(_Remote(cache, settings, report, cancelled)))

    def _ask(self, source: "_Source") -> None:
        refs = source.refs()
        for subject in self.subjects:
            self.findings.extend(_findings(subject, refs, source))


class _Source:
    """Where an upstream's refs and objects come from."""

    def refs(self) -> Mapping[str, ObjectId]:
        raise NotImplementedError

    def is_reached(self, commit: ObjectId) -> bool:
        raise NotImplementedError

    def objects(self, record: Record) -> Repository:
        """Where the recorded commit is read, if the upstream gives it; CouldNotCheckError if it cannot be asked."""
        raise NotImplementedError


@dataclass
class _Local(_Source):
    repository: Repository

    def refs(self) -> Mapping[str, ObjectId]:
        return self.repository.refs()

    def is_reached(self, commit: ObjectId) -> bool:
        return self.repository.is_reached(commit, _OWN_REFS)

    def objects(self, record: Record) -> Repository:  # noqa: ARG002 - all of them are here
        return self.repository


@dataclass
class _Remote(_Source):
    cache: Repository
    settings: Settings
    report: Callable[[Progress], None]
    cancelled: threading.Event

    def refs(self) -> Mapping[str, ObjectId]:
        return retrying(lambda: list_refs(self.cache, self.settings, self.cancelled.is_set), self.cancelled)

    def is_reached(self, commit: ObjectId) -> bool:
        """Only the whole history tells; it is fetched aside, since what is in the cache is shallow."""
        with tempfile.TemporaryDirectory(prefix="git-verbatim-") as aside:
            whole = Repository.open_or_create_bare(Path(aside))
            self._fetch(whole, [f"+{ref}*:{ref}*" for ref in _OWN_REFS], depth=0)
            return whole.is_reached(commit, _OWN_REFS)

    def objects(self, record: Record) -> Repository:
        if not self.cache.has(record.commit):
            self._fetch(self.cache, [f"+{record.ref or record.commit}:refs/asked/{record.commit}"], depth=1)
        return self.cache

    def _fetch(self, repository: Repository, refspecs: list[str], *, depth: int) -> None:
        retrying(
            lambda: fetch(
                repository, self.settings, refspecs, depth=depth, on_progress=self.report, cancelled=self.cancelled.is_set
            ),
            self.cancelled,
        )


def _findings(subject: Subject, refs: Mapping[str, ObjectId], source: _Source) -> Iterator[Finding]:
    moved = list(_ref_findings(subject, refs, source))
    yield from moved
    repository = source.objects(subject.record) if not moved else _if_there(source, subject)
    if repository is None or not repository.has(subject.record.commit):
        if not moved:
            raise CouldNotCheckError(
                f"the upstream does not give commit {subject.record.commit}",
                [f"url: {subject.record.url}", f"mirror: {subject.mirror.name}"],
                reference="commit-missing",
            )
        return
    yield from _content_findings(subject, repository)


def _if_there(source: _Source, subject: Subject) -> Repository | None:
    try:
        return source.objects(subject.record)
    except CouldNotCheckError:
        return None  # the pin is gone, which was found and said


def _ref_findings(subject: Subject, refs: Mapping[str, ObjectId], source: _Source) -> Iterator[Finding]:
    record = subject.record
    if record.pin.kind is PinKind.COMMIT:
        tips = {target for name, target in refs.items() if name.startswith(_OWN_REFS)}
        if record.commit not in tips and not source.is_reached(record.commit):
            message = f"no branch or tag of {record.url} reaches commit {record.commit}: it may be a fork's"
            yield _finding(Rule.COMMIT_UNREACHABLE, subject, message)
        return
    target, recorded = refs.get(str(record.ref)), record.tag or record.commit
    if target is None:
        yield _finding(Rule.TAG_DELETED, subject, f"{record.url} has no tag {record.pin} any more")
    elif target != recorded:
        message = f"the tag {record.pin} of {record.url} names {target} now, the record says {recorded}"
        yield _finding(Rule.TAG_MOVED, subject, message)


def _content_findings(subject: Subject, repository: Repository) -> Iterator[Finding]:
    record = subject.record
    recorded = derived_of(record)
    try:
        derived = derive(_as_recorded(subject), recorded.upstream, repository)
    except SelectionError as error:
        yield _finding(Rule.UPSTREAM_TREE_DIFFERS, subject, f"upstream's commit does not give this mirror: {error.message}")
        return
    if (derived.tree, derived.upstream_tree, derived.entries) != (record.tree, record.upstream_tree, recorded.entries):
        message = f"upstream's commit gives tree {derived.tree}, the record says {record.tree}"
        yield _finding(Rule.UPSTREAM_TREE_DIFFERS, subject, message)
    given = {*derived.entries, *derived.licenses}
    for fact in (fact for fact in (*record.files, *record.licenses) if fact.entry in given):
        if repository.digest(fact.blob) != (fact.size, fact.sha256):
            yield _finding(Rule.UPSTREAM_TREE_DIFFERS, subject, f"the record's size or SHA-256 of {quote_path(fact.path)} is wrong")
    for path in sorted({entry.path for entry in set(derived.licenses) ^ set(recorded.licenses)}):
        yield _finding(Rule.UPSTREAM_LICENSE_DIFFERS, subject, f"the licence file {quote_path(path)} is another upstream")


def _as_recorded(subject: Subject) -> Mirror:
    """The manifest's entry with what the record says where the two disagree, which is a finding of its own."""
    record = subject.record
    return replace(subject.mirror, url=record.url, pin=record.pin, source=record.source, selection=record.selection)


def _finding(rule: Rule, subject: Subject, message: str) -> Finding:
    return Finding(rule, subject.mirror.name, message, f"{THIRD_PARTY}/{record_path(subject.mirror.name)}")
