"""Runs one command that changes third_party/, from its plan to its commit."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from sync.change.carry_out import apply_plan
from sync.change.commit import commit_synced
from sync.change.commit_message import OWN_WORDING, Wording
from sync.change.in_the_way import refuse_foreign
from sync.change.local_changes import local_changes
from sync.change.lock import held, report_rescued
from sync.change.look import Reporter, Scene
from sync.change.look_at_forms import look_at_forms
from sync.change.outranked import refuse_outranked
from sync.change.plan import Change, FormChange, PlaceChange, Plan, make_plan
from sync.change.portion import (
    Portion,
    Shares,
    is_answered,
    share_out,
)
from sync.change.refusals import refuse_commit, refuse_local
from sync.errors import LocalChangesError
from sync.host.find import Host
from sync.host.journal import refuse_interrupted
from sync.host.state import read_records
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId
from sync.judgement.standing import FormStatus, MirrorStatus
from sync.layout import (
    MANIFEST_PATH,
    record_path,
)
from sync.manifest.choosing import made_of, needed_for
from sync.manifest.parts import TableName
from sync.manifest.paths import overlaps
from sync.manifest.read import Manifest
from sync.model.mirrors import Form, Mirror
from sync.record.record import Record
from sync.upstream.parallel import Options

if TYPE_CHECKING:
    from sync.upstream.fetch import Fetching


_Change = TypeVar("_Change", Change, FormChange)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """The options of a command that changes third_party/."""

    fetch: Options
    dry_run: bool = False
    discard_local: bool = False
    rewrite_records: bool = False
    """Whether records of an earlier schema are written anew."""
    stage: bool = True
    commit: bool = False
    wording: Wording = OWN_WORDING
    """What the commit says; without `commit` there is none."""
    lock_seconds: float = 300
    ahead: "Fetching | None" = None
    """The fetch that was begun while the program was loading; None if there is none."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command that changes third_party/ did."""

    plan: Plan
    commit: ObjectId | None = None
    rescued: tuple[str, ...] = ()
    staged: bool = False
    """Whether the manifest was staged, or a part of it."""
    satisfied: tuple[MirrorStatus, ...] = ()
    """How those mirrors stand that needed no change."""
    satisfied_forms: tuple[FormStatus, ...] = ()
    """How those derived forms stand that needed no change."""


@contextmanager
def opened(host: Host, options: SyncOptions, reporter: Reporter) -> Iterator[WorkTree]:
    """Lock the host and give its working tree; a dry run does not lock, since it writes nothing."""
    host.require_work_tree()[1].refuse_moved()
    with nullcontext() if options.dry_run else held(host, options.lock_seconds, reporter):
        refuse_interrupted(host.repository)
        yield WorkTree(host.require_root(), host.repository)


@dataclass
class Run:
    """One command that changes third_party/, from preparing to committing."""

    host: Host
    manifest: Manifest
    """The manifest as it will be."""
    manifest_before: bytes
    """The manifest as it was, read only once: somebody may edit it while upstreams are asked."""
    options: SyncOptions
    reporter: Reporter
    command: str = "git verbatim sync"
    """The command that does the same once more."""
    more: tuple[TableName, ...] = ()
    """The tables of the manifest that change besides those of mirrors."""
    scene: Scene = field(init=False)

    def __post_init__(self) -> None:
        repository = self.host.require_repository()
        self.scene = Scene(
            host=self.host,
            repository=repository,
            manifest=self.manifest,
            state=WorkTree(self.host.require_root(), repository),
            fetching=self.options.fetch,
            ahead=self.options.ahead,
            reporter=self.reporter,
            discard_local=self.options.discard_local,
            rewrite_records=self.options.rewrite_records,
            stage=self.options.stage,
        )

    @property
    def state(self) -> WorkTree:
        return self.scene.state

    def carry_out(
        self,
        names: Sequence[str],
        removed: Mapping[str, Mirror | None],
        *,
        forms: Sequence[str] = (),
        removed_forms: Sequence[str] = (),
        named: Sequence[str] | None = None,
        is_whole: bool = False,
    ) -> Result:
        """Plan and apply; nothing is changed unless everything can be planned.

        `named` are the mirrors that the user meant, if `names` are more. If it `is_whole`, all that
        the manifest changes is meant. Forms that are made of what changes are made anew, and what
        `forms` are made of is synced too.
        """
        meant = [*(names if named is None else named), *removed, *forms, *removed_forms]
        self.scene = replace(self.scene, meant=frozenset(meant))
        plan, part = self._planned(names, removed, forms, removed_forms)
        portion = Portion(
            self.manifest, self.manifest_before, None if is_whole else part, self.more
        )
        if plan or self.options.commit:
            directories, files = plan.directories(self.manifest), plan.files(self.manifest)
            refuse_foreign(self.host, directories, [MANIFEST_PATH, *files])
            self.state.refuse_hidden(*directories, *files)
        refuse_outranked(self.scene, plan)
        if self.options.dry_run:
            self.reporter.planned(plan)
        self._refuse_local(plan, portion, meant)
        shares = self._shares(portion, plan) if self.options.stage else None
        staged = shares is not None and shares.is_unstaged
        if self.options.dry_run:
            return Result(plan, staged=staged)
        return self._applied(plan, portion, shares, staged=staged)

    def _planned(
        self,
        names: Sequence[str],
        removed: Mapping[str, Mirror | None],
        forms: Sequence[str],
        removed_forms: Sequence[str],
    ) -> tuple[Plan, frozenset[str]]:
        """The plan, and the names of all mirrors and forms that it is about.

        Mirrors that `forms` are made of are among them, and forms that are made of what changes.
        """
        inputs = needed_for(self.manifest.forms, forms)
        wanted = [n for n in self.manifest.mirrors if n in names or n in inputs]
        entailed = list(self._entailed([*wanted, *removed]))
        asked = [*wanted, *(name for name in entailed if name in self.manifest.mirrors)]
        leaving = [*removed, *removed_forms]
        together = self.scene.changing_places([*asked, *forms], leaving)
        together += needed_for(self.manifest.forms, together)
        mirrors = [n for n in self.manifest.mirrors if n in asked or n in together]
        looked = self.scene.look(mirrors, removed)
        changing = [one.seen.mirror.name for one in looked.wanted]
        anew = made_of(self.manifest.forms, [*names, *changing])
        entailed += self._entailed_forms()
        also = {*forms, *inputs, *together, *entailed, *self._possible(anew, mirrors)}
        also &= self.manifest.forms.keys()
        also |= {*self.scene.changing_places([*mirrors, *also], leaving)} - {*mirrors}
        of_forms = [name for name in self.manifest.forms if name in also]
        plan = make_plan(looked, look_at_forms(self.scene, looked, of_forms, removed_forms))
        return plan, frozenset([*mirrors, *removed, *entailed, *of_forms, *removed_forms])

    def _applied(
        self, plan: Plan, portion: Portion, shares: Shares | None, *, staged: bool
    ) -> Result:
        commits = self.options.commit
        if commits:
            refuse_commit(self.scene, plan)
        self.reporter.planned(plan)
        outcome = apply_plan(self.scene, plan, self.manifest_before, shares, commits=commits)
        report_rescued(outcome, self.reporter)
        commit = None
        if commits:
            again = f"{self.command} --commit"
            commit = commit_synced(self.host, plan, portion, self.options.wording, again)
        return Result(plan, commit, outcome.rescued, staged)

    def _shares(self, portion: Portion, plan: Plan) -> Shares:
        commits = self.options.commit
        is_idle = not plan and not commits
        return share_out(self.host, portion, self._answers, is_idle=is_idle, commits=commits)

    def _record(self, name: str) -> Record | None:
        """The mirror's record; None if there is none that can be read."""
        record = read_records(self.state, [name])[name]
        return record if isinstance(record, Record) else None

    def _answers(self, wanted: Mirror | Form) -> bool:
        """Whether the record of a mirror or form says what the manifest says."""
        return is_answered(self.state, wanted)

    def has_moved(self, mirror: Mirror) -> bool:
        """Whether the mirror's record is of another pin; one that cannot be read is of none."""
        record = self._record(mirror.name)
        return record is not None and not record.answers_pin_of(mirror)

    def _refuse_local(self, plan: Plan, portion: Portion, named: Sequence[str]) -> None:
        """Refuse to lose local changes; only those in mirrors that were named may be given up."""
        files = self.manifest.files_named_by(portion.names) if self.options.stage else ()
        if self.options.discard_local:
            given_up = self.manifest.files_named_by(named)
            files = tuple(path for path in files if path not in given_up)
            plan = replace(
                plan,
                changes=tuple(self._of_others(plan.changes, named)),
                unstaged=(),
                forms=tuple(self._of_others(plan.forms, named)),
                unstaged_forms=(),
            )
        try:
            refuse_local(self.scene, plan, files)
        except LocalChangesError as error:
            names = list(dict.fromkeys(self._owners(plan, named)))
            if self.options.discard_local and names:
                way = f"git verbatim sync --discard-local {' '.join(names)}"
                error.hint = f"keep them elsewhere, or give them up with `{way}`"
            raise

    def _of_others(self, changes: Iterable[_Change], named: Collection[str]) -> Iterator[_Change]:
        """What changes where mirrors or forms lie that were not named: their files are kept."""
        for change in changes:
            if change.name not in named:
                yield change
                continue
            places = tuple(one for one in change.places if self._lies_another_at(one, named))
            yield replace(change, places=places)

    def _lies_another_at(self, place: PlaceChange, named: Collection[str]) -> bool:
        return any(name not in named for name in self._lying_at(place))

    def _owners(self, plan: Plan, named: Collection[str]) -> Iterator[str]:
        """Whose local changes a plan meets: the one's that changes, or that lies there."""
        every: list[Change | FormChange] = [*plan.changes, *plan.forms]
        for change in filter(local_changes, every):
            if change.name not in named:
                yield change.name
                continue
            there = (name for place in change.places for name in self._lying_at(place))
            yield from (name for name in there if name not in named)

    def _lying_at(self, place: PlaceChange) -> Iterator[str]:
        for lies, name in self.scene.lying.items():
            if overlaps(lies, place.directory):
                yield name

    def _possible(self, forms: Sequence[str], synced: Sequence[str]) -> Iterator[str]:
        """Those of these forms of which all that they are made of is here, or is synced."""
        for name in forms:
            needed = needed_for(self.manifest.forms, [name])
            mirrors = [one for one in needed if one in self.manifest.mirrors]
            if all(one in synced or self._record(one) is not None for one in mirrors):
                yield name

    def _entailed_forms(self) -> Iterator[str]:
        """The forms that a commit includes: changed in the manifest and made, or gone, already."""
        if not self.options.commit:
            return
        before = self.scene.committed.forms
        for name, form in self.manifest.forms.items():
            if before.get(name) != form and self._answers(form):
                yield name
        there = self.state.form_names()
        yield from (n for n in before if n not in self.manifest.forms and n not in there)

    def _entailed(self, names: Sequence[str]) -> Iterator[str]:
        """The other mirrors that a commit includes: changed in the manifest and synced already.

        Among them are those that were removed.
        """
        wanted = self.manifest.mirrors
        for name in [*wanted, *self.scene.committed.mirrors] if self.options.commit else ():
            mirror = wanted.get(name)
            if name in names or self.scene.committed.mirrors.get(name) == mirror:
                continue
            if mirror is None:
                is_synced = self.state.read(record_path(name)) is None
            else:
                is_synced = self._answers(mirror)
            if is_synced:
                yield name
