"""From upstreams and pins to commits and readable objects: through the cache, one fetch per upstream, all upstreams at once."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sync.cache import locked_cache
from sync.errors import CouldNotCheckError, HostError, ManifestError, SelectionError, VerbatimError
from sync.git.copying import copy_objects
from sync.git.repository import Repository
from sync.git.settings import Settings, TransportConfiguration
from sync.git.transport import (
    UNSHALLOW,
    Progress,
    fetch,
    list_refs,
)
from sync.limits import TREE_BYTES
from sync.model import Mode, ObjectId, Pin, PinKind, RepoPath, UpstreamCommit
from sync.names import did_you_mean
from sync.parallel import Display, Options, retrying, run_all
from sync.proof import commit_time, commit_tree, tag_target
from sync.tree import MalformedObjectError, TreeEntry, parse_tree
from sync.urls import is_local

_DAMAGE = frozenset({"cache-damaged", "object-missing"})
_EVERYTHING = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
_NOT_OFFLINE = "run the command again without `--offline`"
_MAX_TAG_CHAIN = 50
_MAX_COMMIT_BYTES = 1 << 20  # also of a tag: both go into the record


@dataclass(frozen=True, slots=True)
class Want:
    """What is wanted of one upstream, however many mirrors it feeds."""

    url: str
    pins: frozenset[Pin]
    recorded: Mapping[Pin, UpstreamCommit]
    """The commits that records already give for some of the pins: with such a commit in the cache nobody is asked."""
    sources: frozenset[RepoPath] = frozenset({RepoPath(b"")})
    """The directories whose content is needed; all of the tree where the transport cannot choose."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an upstream gave: its pins' commits, and where their objects are read."""

    url: str
    commits: Mapping[Pin, UpstreamCommit]
    objects: Repository


def fetch_all(wants: Sequence[Want], options: Options, display: Display) -> dict[str, Fetched]:
    """Fetch from all upstreams at once, at most `jobs` at a time.

    Raises the first upstream's error, in the order of `wants`, with the others named in its context.
    """
    if not wants:
        return {}
    configuration = TransportConfiguration(options.root)
    upstreams = [_Upstream(want, options, configuration) for want in wants]
    errors = run_all(upstreams, options, display)
    failed = [want.url for want in wants if want.url in errors]
    if failed:
        error = errors[failed[0]]
        if isinstance(error, VerbatimError):
            error.context.extend(f"also failed: {url}: {errors[url]}" for url in failed[1:])
        raise error
    return {upstream.url: upstream.fetched for upstream in upstreams if upstream.fetched is not None}


@dataclass(slots=True)
class _Upstream:
    """One upstream being asked, by one thread."""

    want: Want
    options: Options
    configuration: TransportConfiguration
    cache_key: str | None = None
    fetched: Fetched | None = None
    _report: Callable[[Progress], None] = lambda _: None
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return self.want.url

    def run(self, report: Callable[[Progress], None], cancelled: threading.Event) -> None:
        self._report, self._cancelled = report, cancelled
        settings = self.configuration.settings_for(self.want.url)
        self.cache_key = key = cache_key(settings, self.options.root)
        with_cache(key, self.options, lambda cache: self._fill(cache, settings))

    def _fill(self, cache: Repository, settings: Settings) -> None:
        is_asked = not self.options.offline
        if self.options.offline:
            cache.hint = _NOT_OFFLINE
        unanswered = self._unanswered(cache, is_local_upstream=is_asked and is_local(settings.url))
        if unanswered and is_asked:
            self._ask(cache, unanswered, settings)
        commits = {pin: self._commit(cache, pin, asked=pin in unanswered) for pin in sorted(self.want.pins, key=str)}
        self.fetched = Fetched(self.want.url, commits, cache)

    def _unanswered(self, cache: Repository, *, is_local_upstream: bool) -> list[Pin]:
        """The pins for which the upstream has to be asked."""
        if is_local_upstream:
            return sorted(self.want.pins, key=str)  # from there only what is needed was copied, which may be more now
        known = {pin for pin, recorded in self.want.recorded.items() if _has_tree_of(cache, recorded.commit)}
        known |= {p for p in self.want.pins if p.kind is PinKind.COMMIT and _has_tree_of(cache, ObjectId(p.value))}
        return sorted(self.want.pins - known, key=str)

    def _ask(self, cache: Repository, pins: list[Pin], settings: Settings) -> None:
        if is_local(settings.url):
            self._copy(cache, pins, settings)
            return
        retrying(lambda: self._fetch(cache, pins, settings), self._cancelled)

    def _fetch(self, cache: Repository, pins: list[Pin], settings: Settings) -> None:
        answers = {pin: _asked_ref(pin) for pin in pins}
        for ref in answers.values():
            cache.set_ref(ref, None)  # a ref that the upstream lacks would otherwise be left as it was
        refspecs = [f"+{pin.ref or pin.value}:{ref}" for pin, ref in answers.items()]
        try:
            self._transfer(cache, settings, refspecs, depth=1)
        except CouldNotCheckError as error:
            if error.reference != "object-id-refused" or not any(pin.kind is PinKind.COMMIT for pin in pins):
                raise
            tags = [f"+{pin.ref}:{ref}" for pin, ref in answers.items() if pin.ref]
            self._transfer(cache, settings, [*tags, *_EVERYTHING], depth=UNSHALLOW if cache.is_shallow else 0)
        for pin in pins:
            if pin.kind is PinKind.TAG:
                self._answer(cache, pin, cache.ref_target(answers[pin]), settings)

    def _transfer(self, cache: Repository, settings: Settings, refspecs: list[str], *, depth: int) -> None:
        fetch(cache, settings, refspecs, depth=depth, on_progress=self._report, cancelled=self._cancelled.is_set)

    def _answer(self, cache: Repository, pin: Pin, target: ObjectId | None, settings: Settings) -> None:
        """Keep what the upstream says of a tag, also that it has no such tag."""
        cache.set_ref(_pin_ref(pin), target)
        if target is None:
            names = list_refs(cache, settings, self._cancelled.is_set)
            raise _no_such_tag(self.want.url, pin, names)

    def _copy(self, cache: Repository, pins: list[Pin], settings: Settings) -> None:
        """Take from a repository on this machine just the objects that are needed: it may lack others."""
        local = cache.origin = open_local(settings.url, self.options.root)
        for pin in pins:
            target = local.ref_target(pin.ref) if pin.ref else ObjectId(pin.value)
            if target is None:
                raise _no_such_tag(self.want.url, pin, _listed(local))
            if pin.kind is PinKind.COMMIT and not local.has(target):
                raise _no_such_commit(self.want.url, pin, local.elsewhere)
            commit = read_commit(local, target, pin, self.want.url)
            copy_objects(local, cache, _needed(local, target, commit, self.want.sources)).finish()
            cache.set_ref(_pin_ref(pin), target)

    def _commit(self, cache: Repository, pin: Pin, *, asked: bool) -> UpstreamCommit:
        recorded = self.want.recorded.get(pin)
        target: ObjectId | None
        if recorded is not None and not asked:
            return recorded
        if pin.kind is PinKind.TAG:
            target = cache.ref_target(_pin_ref(pin))
        else:
            target = ObjectId(pin.value) if cache.has(ObjectId(pin.value)) else None
        if target is None:
            raise self._not_there(pin)
        return read_commit(cache, target, pin, self.want.url)

    def _not_there(self, pin: Pin) -> CouldNotCheckError:
        if self.options.offline:
            return CouldNotCheckError(
                f"{pin.kind} {pin} is not in the cache",
                [f"url: {self.want.url}"],
                hint=_NOT_OFFLINE,
                reference="not-cached",
            )
        gone = "the commit may be a fork's, or gone from every branch and tag; look for one that is there"
        return _no_such_commit(self.want.url, pin, gone)


def _has_tree_of(cache: Repository, commit: ObjectId) -> bool:
    """Whether a commit was fetched: one that a server sent along, without its tree, was not."""
    try:
        return cache.has(commit) and cache.has(commit_tree(cache.read(commit)))
    except (ValueError, CouldNotCheckError):
        return False


def cache_key(settings: Settings, root: Path) -> str:
    """What a cache goes by: who is asked for an upstream in this host, or the place that a local one names here.

    The manifest's URL would not do: git's configuration may lead elsewhere, in one project only.
    """
    return str((root / settings.url.removeprefix("file://")).resolve()) if is_local(settings.url) else settings.identity


def with_cache(key: str, options: Options, use: Callable[[Repository], None]) -> None:
    """Use the upstream's cache; if it turns out to be damaged, once more with one made anew."""
    try:
        with locked_cache(key, options.lock_seconds) as cache:
            use(cache)
    except VerbatimError as error:
        if error.reference not in _DAMAGE or options.offline:
            raise
        with locked_cache(key, options.lock_seconds, anew=True) as cache:
            use(cache)


def open_local(url: str, root: Path) -> Repository:
    """The repository that a `file:` URL or a path names; relative paths start at the host's root."""
    return Repository.open(root / url.removeprefix("file://"), url)


def read_commit(objects: Repository, target: ObjectId, pin: Pin, url: str) -> UpstreamCommit:
    """Peel what a pin names to its commit, keeping the annotated tags on the way."""
    tags: list[bytes] = []
    current = target
    while len(tags) <= _MAX_TAG_CHAIN:
        if (size := objects.size(current)) > _MAX_COMMIT_BYTES:
            raise SelectionError(
                f"{pin.kind} {pin} names an object that is too large for a commit or a tag",
                [f"url: {url}", f"{current} has {size:,} bytes"],
                hint="pin another one, and tell the upstream's maintainers",
                reference="commit-too-large",
            )
        kind, raw = objects.read_typed(current)
        if kind == "commit":
            try:
                commit_tree(raw), commit_time(raw)
            except ValueError as error:
                raise SelectionError(
                    f"{pin.kind} {pin} names a malformed commit", [f"url: {url}", str(error)], reference="commit-malformed"
                ) from error
            return UpstreamCommit(current, target if tags else None, raw, tuple(tags))
        if kind != "tag" or pin.kind is PinKind.COMMIT:
            break
        tags.append(raw)
        try:
            current = tag_target(raw)
        except ValueError:
            break
    raise ManifestError(
        f"{pin.kind} {pin} does not lead to a commit",
        [f"url: {url}", f"it names {target}"],
        hint="pin a tag of a commit",
        reference="pin-not-a-commit",
    )


def _needed(local: Repository, target: ObjectId, commit: UpstreamCommit, sources: Iterable[RepoPath]) -> list[ObjectId]:
    """The objects from the pin down to everything below the sources, without those that the repository lacks."""
    needed, current = [commit.commit], target
    for raw in commit.tag_objects:
        needed.append(current)
        current = tag_target(raw)
    root = commit_tree(commit.commit_object)
    for source in sources:
        tree = root
        for component in source.split(b"/") if source else ():
            needed.append(tree)
            entries = _entries(local, tree)
            needed += [e.id for e in entries if e.mode not in {Mode.TREE, Mode.GITLINK}]  # licence files among them
            below = [e.id for e in entries if e.name == component and e.mode == Mode.TREE]
            if not below:
                break
            tree = below[0]
        else:
            needed += _below(local, tree)
    return [object_id for object_id in dict.fromkeys(needed) if local.has(object_id)]


def _below(local: Repository, tree: ObjectId) -> list[ObjectId]:
    found: dict[ObjectId, None] = {}
    pending = [tree]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        found[current] = None
        for entry in _entries(local, current):
            if entry.mode == Mode.TREE:
                pending.append(entry.id)
            elif entry.mode != Mode.GITLINK:
                found[entry.id] = None
    return list(found)


def _entries(local: Repository, tree: ObjectId) -> list[TreeEntry]:
    if not local.has(tree):
        return []
    if (size := local.size(tree)) > TREE_BYTES:
        raise SelectionError(
            f"the tree {tree} of the upstream is too large",
            [f"it has {size:,} bytes [tree-too-large]"],
            hint="pin a commit without it, and tell the upstream's maintainers",
            reference="tree-too-large",
        )
    try:
        return parse_tree(local.read(tree))
    except MalformedObjectError:
        return []  # `select` says what is wrong with it, and of which mirror


def _pin_ref(pin: Pin) -> str:
    """Where the cache keeps what the upstream last said of a pin: by hash, since tag names may collide over time."""
    return f"refs/pins/{hashlib.sha256(str(pin.ref).encode()).hexdigest()[:40]}"


def _asked_ref(pin: Pin) -> str:
    return f"refs/asked/{hashlib.sha256((pin.ref or pin.value).encode()).hexdigest()[:40]}"


def _listed(local: Repository) -> Mapping[str, ObjectId]:
    try:
        return local.refs()
    except (HostError, MemoryError):
        return {}  # they are for the hint only


def _no_such_commit(url: str, pin: Pin, hint: str) -> CouldNotCheckError:
    return CouldNotCheckError(f"the upstream has no commit {pin}", [f"url: {url}"], hint=hint, reference="commit-missing")


def _no_such_tag(url: str, pin: Pin, refs: Mapping[str, ObjectId]) -> ManifestError:
    tags = [name.removeprefix("refs/tags/") for name in refs if name.startswith("refs/tags/")]
    newest = ", ".join(sorted(tags)[-8:]) or "none that could be listed"
    branch = refs.get(f"refs/heads/{pin}")
    return ManifestError(
        f"the upstream has no tag {pin}",
        [f"url: {url}"],
        hint=f'{pin} is a branch, which moves; pin its commit: commit = "{branch}"'
        if branch
        else did_you_mean(pin.value, tags) or f"tags there: {newest}",
        reference="tag-missing",
    )
