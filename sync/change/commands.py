"""Runs sync, add and remove, which change third_party/: they lock, plan, apply and commit."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sync.change.carry_out import apply_plan
from sync.change.commit import commit_synced
from sync.change.commit_message import OWN_WORDING, Wording
from sync.change.in_the_way import refuse_foreign
from sync.change.lock import held, report_rescued
from sync.change.look import Reporter, Scene
from sync.change.look_at_forms import look_at_forms
from sync.change.outranked import refuse_outranked
from sync.change.plan import Plan, make_plan
from sync.change.portion import (
    Portion,
    Shares,
    committed_manifest,
    forms_of,
    is_answered,
    mirrors_of,
    share_out,
)
from sync.change.refusals import refuse_commit, refuse_local
from sync.derived.record import shown_source
from sync.errors import ManifestError, UsageError
from sync.git.operation import command_to_go_on
from sync.host.find import Host
from sync.host.inputs import Inputs
from sync.host.journal import refuse_interrupted
from sync.host.state import read_manifest, read_records
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId
from sync.judgement.standing import FormStatus, MirrorStatus, Standing
from sync.layout import (
    MANIFEST_PATH,
    THIRD_PARTY,
    derived_record_path,
    is_in_third_party,
    record_path,
)
from sync.manifest.choosing import choose, made_of, needed_for, with_fed
from sync.manifest.parts import TableName
from sync.manifest.paths import from_root, is_mirror_name, overlaps
from sync.manifest.read import Manifest, parse_manifest
from sync.model import Form, Mirror
from sync.record.record import Record
from sync.upstream.parallel import Options

if TYPE_CHECKING:
    from sync.manifest.edit import Value
    from sync.upstream.fetch import Fetching


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


def synchronize(
    host: Host,
    patterns: Sequence[str],
    options: SyncOptions,
    reporter: Reporter,
    inputs: Inputs | None = None,
) -> Result:
    """Make mirrors equal to the manifest; `inputs` notes all that is read for it."""
    with opened(host, options, reporter) as state:
        state.inputs = inputs
        manifest = read_manifest(state)
        _refuse_false_licenses(manifest)
        run = Run(host, manifest, manifest.source, options, reporter)
        run.state.inputs = inputs
        gone = _gone(host, state, manifest, reporter)
        forms = _gone_forms(state, manifest, reporter)
        before = mirrors_of(committed_manifest(run.scene.repository))
        # What was removed before and not committed may be named for a commit.
        also = before if options.commit and patterns else ()
        known = dict.fromkeys([*manifest.mirrors, *gone, *also, *manifest.forms, *forms])
        named = choose(patterns, list(known))
        chosen = [name for name in named if name in manifest.mirrors]
        meant = with_fed(chosen, manifest.mirrors, run.has_moved) if patterns else chosen
        removed = {
            name: before.get(name)
            for name in named
            if name in before or (name in gone and name not in manifest.mirrors)
            if name not in manifest.mirrors
        }
        run.command = " ".join(["git verbatim sync", *map(shlex.quote, patterns)])
        result = run.carry_out(
            meant,
            removed,
            forms=[name for name in named if name in manifest.forms],
            removed_forms=[name for name in named if name in forms],
            named=chosen,
            is_whole=not patterns,
        )
        _say_how_to_go_on(run, result)
        satisfied = (manifest.mirrors[name] for name in result.plan.satisfied)
        made = (manifest.forms[name] for name in result.plan.satisfied_forms)
        return replace(
            result,
            satisfied=tuple(map(_satisfied, satisfied)),
            satisfied_forms=tuple(map(_satisfied_form, made)),
        )


def _gone(host: Host, state: WorkTree, manifest: Manifest, reporter: Reporter) -> list[str]:
    """The mirrors that have left the manifest, of which something is still here or staged."""
    gone = [name for name in state.record_names() if name not in manifest.mirrors]
    if odd := [name for name in gone if not is_mirror_name(name)]:
        files = ", ".join(map(record_path, odd))
        reporter.notice(f"no mirror may have such a name: {files}; look at it, and delete it")
    left = _left(host, state, manifest)
    return list(dict.fromkeys([*(name for name in gone if name not in odd), *left]))


def _gone_forms(state: WorkTree, manifest: Manifest, reporter: Reporter) -> list[str]:
    """The derived forms that have left the manifest, of which a record is still here."""
    gone = [name for name in state.form_names() if name not in manifest.forms]
    if odd := [name for name in gone if not is_mirror_name(name)]:
        files = ", ".join(map(derived_record_path, odd))
        reporter.notice(f"no form may have such a name: {files}; look at it, and delete it")
    return [name for name in gone if name not in odd]


def _left(host: Host, state: WorkTree, manifest: Manifest) -> Iterator[str]:
    """The mirrors of HEAD's manifest that have left it, of which files are here or staged."""
    repository = host.require_repository()
    committed = committed_manifest(repository)
    if committed in {None, manifest.source}:
        return
    gone = [one for one in mirrors_of(committed).values() if one.name not in manifest.mirrors]
    outside = {p for one in gone for p in one.places if not is_in_third_party(p)}
    asked = map(str.encode, (THIRD_PARTY, *sorted(outside)))
    staged = repository.index.staged_by_path(asked) if gone else {}
    others = [place for one in manifest.mirrors.values() for place in one.places]
    for mirror in gone:
        places = [p for p in mirror.places if not any(overlaps(p, other) for other in others)]
        ours = (mirror.record_path.encode(), *(f"{place}/".encode() for place in places))
        is_staged = any(path.startswith(ours) for path in staged)
        if is_staged or any(map(state.files, places)):
            yield mirror.name


def _say_how_to_go_on(run: "Run", result: Result) -> None:
    """Tell whoever is in the middle of a merge or the like how to finish it."""
    if run.options.dry_run or not (result.plan or result.staged):
        return
    if (command := command_to_go_on(run.scene.repository)) is not None:
        operation = run.scene.repository.in_progress()
        run.reporter.notice(f"a {operation} is in progress: go on with `{command}`")


def _satisfied(m: Mirror) -> MirrorStatus:
    clean = Standing.CLEAN
    return MirrorStatus(m.name, m.places, m.checked_in, m.pin, m.pin, clean, None, staged=True)


def _satisfied_form(form: Form) -> FormStatus:
    source = shown_source(form.of, form.of_path)
    standing = Standing.CLEAN
    return FormStatus(
        form.name, form.kind, source, form.places, form.checked_in, standing, staged=True
    )


def _refuse_false_licenses(manifest: Manifest) -> None:
    if any(mirror.license for mirror in manifest.mirrors.values()):
        # SPDX's list takes 60 ms: it is imported only if a licence is given.
        from sync.manifest.concluded_licenses import concluded_licenses

        concluded_licenses(manifest.source, manifest.mirrors.values())


def add_mirror(
    host: Host, name: str, values: "Mapping[str, Value]", options: SyncOptions, reporter: Reporter
) -> Result:
    """Add a mirror: its table in the manifest, its files and its record, or none of these."""
    with opened(host, options, reporter) as state:
        before = read_manifest(state)
        if name in before.mirrors:
            raise UsageError(
                f"there is a mirror {name} already",
                hint=f"edit it in {MANIFEST_PATH}",
                reference="mirror-exists",
            )
        # tomlkit takes 20 ms: it is imported only for an edit.
        from sync.change.own_files import narrowed
        from sync.manifest.edit import add_mirror_table, change_own_patterns

        text = add_mirror_table(before.source.decode(), name, dict(values))
        places = [from_root(one.rstrip("/")) for one in _written_places(name, values)]
        text = change_own_patterns(text, lambda pattern: narrowed(pattern, places))
        try:
            manifest = parse_manifest(text.encode())
        except ManifestError as error:
            # No file has these lines yet.
            error.context = [f"the new mirror {name}", *error.context[1:]]
            raise
        run = Run(host, manifest, before.source, options, reporter)
        run.command = f"git verbatim sync {name}"
        if manifest.own != before.own:
            run.more = (("host",),)
        result = run.carry_out([name], {})
        _propose_upstream(manifest, name, reporter)
        return result


def _written_places(name: str, values: "Mapping[str, Value]") -> list[str]:
    into = values.get("into", name)
    return into if isinstance(into, list) else [str(into)]


def _propose_upstream(manifest: Manifest, name: str, reporter: Reporter) -> None:
    """Say so if another mirror, or an upstream's table, has the URL and pin of a new mirror."""
    new = manifest.mirrors[name]
    if new.upstream is not None:
        return
    for upstream, known in manifest.upstreams.items():
        if (known.url, known.pin) == (new.url, new.pin):
            reporter.notice(
                f"upstream {upstream} has this URL and pin: "
                f"with `--upstream {upstream}` instead, one line moves all its mirrors"
            )
            return
    for other in manifest.mirrors.values():
        if other.name != name and (other.url, other.pin) == (new.url, new.pin):
            reporter.notice(
                f"mirror {other.name} has this URL and pin too: "
                "with a table [upstreams.NAME] that both name, one line moves both"
            )
            return


def remove_mirrors(
    host: Host, patterns: Sequence[str], options: SyncOptions, reporter: Reporter
) -> Result:
    """Remove mirrors and derived forms from the manifest, with their files and records."""
    with opened(host, options, reporter) as state:
        before = read_manifest(state)
        recorded, made = state.record_names(), state.form_names()
        known = dict.fromkeys([*before.mirrors, *recorded, *before.forms, *made])
        names = choose(patterns, list(known))
        if odd := [name for name in names if not is_mirror_name(name)]:
            raise UsageError(
                "there are records whose names no mirror may have",
                [record_path(name) for name in odd],
                hint="look at these files, and delete them with git",
                reference="record-misplaced",
            )
        _refuse_used(before, names)
        from sync.manifest.edit import remove_tables

        text = remove_tables(before.source.decode(), names)
        run = Run(host, parse_manifest(text.encode()), before.source, options, reporter)
        run.command = " ".join(["git verbatim sync", *names])
        mirrors = {n: before.mirrors.get(n) for n in names if n in before.mirrors or n in recorded}
        forms = [name for name in names if name in before.forms or name in made]
        return run.carry_out([], mirrors, removed_forms=forms)


def _refuse_used(manifest: Manifest, names: Sequence[str]) -> None:
    """UsageError if something that stays is made of what would be removed."""
    for name in names:
        using = [n for n, form in manifest.forms.items() if name in form.inputs and n not in names]
        if using:
            together = " ".join(map(shlex.quote, [*using, *names]))
            raise UsageError(
                f"{name} is what {', '.join(using)} is made of",
                [f"{MANIFEST_PATH}: [derived.{one}]" for one in using],
                hint=f"remove them together: `git verbatim remove {together}`",
                reference="input-used",
            )


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
        named = [*(names if named is None else named), *removed, *forms, *removed_forms]
        inputs, meant = needed_for(self.manifest.forms, forms), names
        names = [n for n in self.manifest.mirrors if n in names or n in inputs]
        entailed = list(self._entailed([*names, *removed]))
        there = [name for name in entailed if name in self.manifest.mirrors]
        asked = [*names, *there]
        displaced = self.scene.displaced(asked)
        mirrors = [*asked, *displaced]
        looked = self.scene.look(mirrors, removed)
        changing = [one.seen.mirror.name for one in looked.wanted]
        anew = made_of(self.manifest.forms, [*meant, *changing])
        also = {*forms, *inputs, *self._entailed_forms(), *self._possible(anew, mirrors)}
        of_forms = [name for name in self.manifest.forms if name in also]
        plan = make_plan(looked, look_at_forms(self.scene, looked, of_forms, removed_forms))
        part = None
        if not is_whole:
            part = frozenset([*mirrors, *removed, *entailed, *of_forms, *removed_forms])
        portion = Portion(self.manifest, self.manifest_before, part, self.more)
        if plan or self.options.commit:
            directories, files = plan.directories(self.manifest), plan.files(self.manifest)
            refuse_foreign(self.host, directories, [MANIFEST_PATH, *files])
            self.state.refuse_hidden(*directories, *files)
        refuse_outranked(self.scene, plan)
        if self.options.dry_run:
            self.reporter.planned(plan)
        self._refuse_local(plan, named)
        commits = self.options.commit
        shares = self._shares(portion, plan) if self.options.stage else None
        staged = shares is not None and shares.is_unstaged
        if self.options.dry_run:
            return Result(plan, staged=staged)
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

    def _refuse_local(self, plan: Plan, named: Sequence[str]) -> None:
        """Refuse to lose local changes; only those in mirrors that were named may be given up."""
        if self.options.discard_local:
            others = tuple(change for change in plan.changes if change.name not in named)
            forms = tuple(change for change in plan.forms if change.name not in named)
            plan = replace(plan, changes=others, unstaged=(), forms=forms, unstaged_forms=())
        refuse_local(self.scene, plan)

    @cached_property
    def _committed(self) -> Mapping[str, Mirror]:
        return mirrors_of(committed_manifest(self.scene.repository))

    def _possible(self, forms: Sequence[str], synced: Sequence[str]) -> Iterator[str]:
        """Those of these forms of which all that they are made of is here, or is synced."""
        for name in forms:
            needed = needed_for(self.manifest.forms, [name])
            mirrors = [one for one in needed if one in self.manifest.mirrors]
            if all(one in synced or self._record(one) is not None for one in mirrors):
                yield name

    def _entailed_forms(self) -> Iterator[str]:
        """The forms that a commit includes: changed in the manifest and made already."""
        before = forms_of(committed_manifest(self.scene.repository))
        for name, form in self.manifest.forms.items() if self.options.commit else ():
            if before.get(name) != form and self._answers(form):
                yield name

    def _entailed(self, names: Sequence[str]) -> Iterator[str]:
        """The other mirrors that a commit includes: changed in the manifest and synced already.

        Among them are those that were removed.
        """
        wanted = self.manifest.mirrors
        for name in [*wanted, *self._committed] if self.options.commit else ():
            mirror = wanted.get(name)
            if name in names or self._committed.get(name) == mirror:
                continue
            if mirror is None:
                is_synced = self.state.read(record_path(name)) is None
            else:
                is_synced = self._answers(mirror)
            if is_synced:
                yield name
