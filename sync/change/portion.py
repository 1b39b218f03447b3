"""Says what of the manifest a run stages and commits, and refuses to stage half of a change."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sync.derived.recipes import differences
from sync.derived.record import DerivedRecord
from sync.errors import HostError, ManifestError, UsageError
from sync.git.repository import Repository
from sync.host.find import Host
from sync.host.state import StagedState, State, read_form_records, read_records
from sync.ids import Mode
from sync.layout import MANIFEST_PATH
from sync.manifest.parts import TableName, tables_of, with_tables
from sync.manifest.read import Manifest, parse_manifest
from sync.model.mirrors import Form, Mirror
from sync.record.record import Record

_PATH = MANIFEST_PATH.encode()
Answers = Callable[[Mirror | Form], bool]
"""Whether the record of a mirror or form says what the manifest says of it."""
_FILES = (Mode.FILE, Mode.EXECUTABLE)
_MADE_OF = frozenset({"mirrors", "upstreams", "derived", "tools"})
"""The tables that say what a sync writes."""
_UNSTAGE = f"git restore --staged {MANIFEST_PATH}"
_SYNC_ALL = "sync all that the manifest changes: `git verbatim sync`"


@dataclass(frozen=True, slots=True)
class Portion:
    """What a run stages and commits of the manifest on disk."""

    manifest: Manifest
    """The manifest as it is on disk after the run."""
    on_disk: bytes
    """The manifest as it was on disk before the run."""
    names: frozenset[str] | None
    """The mirrors and forms whose tables count, with those of their upstreams and tools.

    None is the whole file.
    """
    more: tuple[TableName, ...] = ()
    """Further tables that count."""

    def of(self, before: bytes | None) -> bytes:
        """What becomes of another version of the manifest; None is no manifest."""
        source = self.manifest.source
        if self.names is None or before == source:
            return source
        if before is None:
            others: list[TableName] = [
                (top, name)
                for top, tables in (
                    ("mirrors", self.manifest.mirrors),
                    ("derived", self.manifest.forms),
                )
                for name in tables
                if name not in self.names
            ]
            return with_tables(source, b"", others)
        return with_tables(before, source, self.tables)

    @property
    def tables(self) -> list[TableName]:
        """The names of the tables, those of upstreams first; all are in the manifest's order."""
        names = self.names or frozenset()
        used = {one.upstream for name, one in self.manifest.mirrors.items() if name in names}
        return [
            *self.more,
            *(("upstreams", name) for name in self.manifest.upstreams if name in used),
            *(("mirrors", name) for name in self.manifest.mirrors if name in names),
            *([("tools", "wasm-tools")] if self._uses_tool else []),
            *(("derived", name) for name in self.manifest.forms if name in names),
            *(
                (top, name)
                for name in sorted(names)
                if name not in self.manifest.mirrors and name not in self.manifest.forms
                for top in ("mirrors", "derived")
            ),
        ]

    @property
    def _uses_tool(self) -> bool:
        forms = (self.manifest.forms.get(name) for name in self.names or ())
        return any(form is not None and form.tool_version is not None for form in forms)


@dataclass(frozen=True, slots=True)
class Versions:
    """The manifest as HEAD and as the index have it; None where there is none to be read."""

    committed: bytes | None
    staged: bytes | None
    is_in_conflict: bool

    @property
    def base(self) -> bytes | None:
        """What the index is to be made from."""
        return self.committed if self.staged is None else self.staged


@dataclass(frozen=True, slots=True)
class Shares:
    """What the index gets of the manifest."""

    portion: Portion
    versions: Versions
    staged: Manifest
    """The manifest that the index gets, as it was read before."""

    @property
    def is_whole(self) -> bool:
        """Whether the index gets the manifest as it is on disk."""
        return self.staged.source == self.portion.manifest.source

    @property
    def is_unstaged(self) -> bool:
        """Whether the index does not have it yet."""
        return self.versions.is_in_conflict or self.versions.staged != self.staged.source

    def edit(self, staged: bytes | None) -> bytes:
        """What becomes of the manifest in the index, which may have changed since it was read."""
        readable = _readable(staged)
        return self.portion.of(self.versions.committed if readable is None else readable)


def share_out(
    host: Host, portion: Portion, answers: Answers, *, is_idle: bool, commits: bool
) -> Shares:
    """Decide what the index gets of the manifest, and ask whether a commit could have its part.

    Raises HostError or UsageError before anything is written. If the run `is_idle` it changes no
    mirror, and a manifest that is staged already is not looked at.
    """
    versions = read_versions(host)
    if not is_idle or portion.of(versions.base) != versions.staged:
        refuse_other_edits(host.require_repository(), portion, versions)
    if commits:
        parse_portion(portion, versions.committed, answers)
    return Shares(portion, versions, parse_portion(portion, versions.base, answers))


def read_versions(host: Host) -> Versions:
    """Read the manifest of HEAD and of the index."""
    repository = host.require_repository()
    sides = repository.index.file.staged([_PATH]).get(_PATH, ())
    files = [blob for mode, blob, stage in sides if stage == 0 and mode in _FILES]
    return Versions(
        committed_manifest(repository),
        _readable(repository.read(files[0])) if files else None,
        any(stage for _, _, stage in sides),
    )


def _readable(manifest: bytes | None) -> bytes | None:
    """The manifest; None for one with conflict markers, say, from which nothing can be taken."""
    try:
        return None if manifest is None or tables_of(manifest) is None else manifest
    except ManifestError:
        return None


def committed_manifest(repository: Repository) -> bytes | None:
    """The manifest of HEAD; None if there is none."""
    head = repository.commit_of("HEAD")
    entry = repository.entry_at(repository.tree_of(head), _PATH) if head else None
    return None if entry is None or entry[0] not in _FILES else repository.read(entry[1])


def refuse_other_edits(repository: Repository, portion: Portion, versions: Versions) -> None:
    """HostError if the index has edits of the manifest that a run would lose or leave half done.

    What an earlier run staged, together with its records, is neither.
    """
    staged = versions.staged
    if versions.is_in_conflict and portion.names is not None:
        raise HostError(
            f"{MANIFEST_PATH} is in conflict in the index",
            ["only the whole file resolves it"],
            hint=_SYNC_ALL,
            reference="manifest-conflict",
        )
    whole = portion.names is None
    if staged is None or staged == versions.committed:
        return
    if whole and staged == portion.manifest.source:
        return
    other = list(_other_edits(repository, portion, versions, staged))
    if other:
        unborn = versions.committed is None
        unstage = f"git rm --cached {MANIFEST_PATH}" if unborn else _UNSTAGE
        all_of_it = "" if whole else f"; or {_SYNC_ALL}"
        raise HostError(
            f"the index has other edits of {MANIFEST_PATH}",
            [
                *(f"staged: [{'.'.join(name)}]" for name in other),
                f"they are shown by: git diff --cached {MANIFEST_PATH}",
            ],
            hint=f"unstage them with `{unstage}`, then run the command again{all_of_it}",
            reference="manifest-staged",
        )


def _other_edits(
    repository: Repository, portion: Portion, versions: Versions, staged: bytes
) -> Iterator[TableName]:
    """The tables of the staged manifest that would be lost or committed without their mirrors.

    A table that is edited on disk too is not lost: what is there came later.
    """
    texts = (staged, versions.committed, portion.on_disk, portion.manifest.source)
    here, before, *disk = (tables_of(text) if text is not None else {} for text in texts)
    own = None if portion.names is None else set(portion.tables)
    is_settled = _settled(repository, staged)
    for name in dict.fromkeys([*here, *before]):
        if here.get(name) == before.get(name) or is_settled(name):
            continue
        is_half = own is not None and name not in own and name[0] in _MADE_OF
        if is_half or all(there.get(name) == before.get(name) for there in disk):
            yield name


def _settled(repository: Repository, staged: bytes) -> Callable[[TableName], bool]:
    """Whether the staged records answer what a table of the staged manifest says."""
    try:
        manifest = parse_manifest(staged)
    except ManifestError:
        return lambda _: False
    state = StagedState(repository)
    there, made = state.record_names(), state.form_names()
    unanswered = {
        name for name, mirror in manifest.mirrors.items() if not is_answered(state, mirror)
    }
    unmade = {name for name, form in manifest.forms.items() if not is_answered(state, form)}
    unfed = {manifest.mirrors[name].upstream for name in unanswered}

    def is_settled(table: TableName) -> bool:
        top, name = table[0], table[-1]
        match top:
            case "mirrors":
                return name not in (unanswered if name in manifest.mirrors else there)
            case "derived":
                return name not in (unmade if name in manifest.forms else made)
            case "tools":
                return not any(manifest.forms[one].tool_version for one in unmade)
        return top == "upstreams" and name not in unfed

    return is_settled


def is_answered(state: State, wanted: Mirror | Form) -> bool:
    """Whether the record of a mirror or form in a state says what the manifest says of it."""
    name = wanted.name
    if isinstance(wanted, Form):
        made = read_form_records(state, [name])[name]
        return isinstance(made, DerivedRecord) and not differences(made, wanted)
    record = read_records(state, [name])[name]
    return isinstance(record, Record) and not record.differences(wanted)


def parse_portion(portion: Portion, before: bytes | None, answers: Answers) -> Manifest:
    """What becomes of another version of the manifest, parsed.

    `answers` asks the record of a mirror or form. HostError or UsageError if the result would not
    be valid, or would say of a mirror or form what its record does not say.
    """
    try:
        source = portion.of(before)
        if source == portion.manifest.source:
            return portion.manifest
        manifest = parse_manifest(source)
    except ManifestError as error:
        raise HostError(
            f"this part of {MANIFEST_PATH} cannot stand alone: {error.message}",
            hint=_SYNC_ALL,
            reference="manifest-part",
        ) from error
    earlier = parsed(before)
    for name, mirror in manifest.mirrors.items():
        meant = portion.manifest.mirrors.get(name)
        if name in (portion.names or ()):
            if meant is not None and _recorded_of(meant) != _recorded_of(mirror):
                raise UsageError(
                    f"what [defaults] says of {name} is changed in {MANIFEST_PATH} too",
                    hint=_SYNC_ALL,
                    reference="commit-incomplete",
                )
        elif mirror != earlier.mirrors.get(name) and not answers(mirror):
            raise _incomplete(name)
    for name, form in manifest.forms.items():
        is_meant = name in (portion.names or ())
        if not is_meant and form != earlier.forms.get(name) and not answers(form):
            raise _incomplete(name)
    return manifest


def _incomplete(name: str) -> UsageError:
    return UsageError(
        f"a commit would hold the manifest's change of {name} without its sync",
        hint=_SYNC_ALL,
        reference="commit-incomplete",
    )


def _recorded_of(mirror: Mirror) -> tuple[object, ...]:
    """What decides whether a record answers the mirror."""
    return (
        *(mirror.url, mirror.pin, mirror.places, mirror.selection, mirror.checked_in),
        *(mirror.require_signature, mirror.key_files),
    )


def parsed(manifest: bytes | None) -> Manifest:
    """A manifest; an empty one if it cannot be read."""
    try:
        return Manifest({}) if manifest is None else parse_manifest(manifest)
    except ManifestError:
        return Manifest({})
