"""The commands sync, add and remove: what each means is handed to a `Run`."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sync.change.committed_records import (
    OF_FORMS,
    OF_MIRRORS,
    Listed,
    RecordKind,
    committed_names,
    listed_in_head,
)
from sync.change.look import Reporter
from sync.change.run import Result, Run, SyncOptions, opened
from sync.derived.record import shown_source
from sync.errors import ManifestError, UsageError
from sync.git.operation import command_to_go_on
from sync.host.find import Host
from sync.host.inputs import Inputs
from sync.host.state import read_manifest
from sync.judgement.standing import FormStatus, MirrorStatus, Standing
from sync.layout import (
    MANIFEST_PATH,
    record_path,
)
from sync.manifest.choosing import choose, with_fed
from sync.manifest.paths import from_root, is_mirror_name
from sync.manifest.read import Manifest, parse_manifest
from sync.model.mirrors import Form, Mirror
from sync.model.values import path_at

if TYPE_CHECKING:
    from sync.manifest.edit import Value


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
        chosen = _chosen(run, patterns)
        meant = chosen.mirrors
        if patterns:
            meant = with_fed(meant, manifest.mirrors, run.has_moved)
        run.command = " ".join(["git verbatim sync", *map(shlex.quote, patterns)])
        result = run.carry_out(
            meant,
            chosen.removed,
            forms=chosen.forms,
            removed_forms=chosen.removed_forms,
            named=chosen.mirrors,
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


class _Chosen(NamedTuple):
    """The names that were meant, in the manifest's order."""

    mirrors: list[str]
    forms: list[str]
    removed: dict[str, Mirror | None]
    """Mirrors that have left the manifest, as HEAD's has them."""
    removed_forms: list[str]


def _chosen(run: Run, patterns: Sequence[str]) -> _Chosen:
    manifest, before = run.manifest, run.scene.committed
    gone, gone_forms = _gone(run, _mirrors(run)), _gone(run, _forms(run))
    # What was removed before and not committed may be named for a commit.
    also = [*before.mirrors, *before.forms] if run.options.commit and patterns else []
    known = [*manifest.mirrors, *gone, *manifest.forms, *gone_forms, *also]
    named = choose(patterns, list(dict.fromkeys(known)))
    left = [name for name in named if name not in manifest.mirrors]
    forms_left = [name for name in named if name not in manifest.forms]
    return _Chosen(
        [name for name in named if name in manifest.mirrors],
        [name for name in named if name in manifest.forms],
        {name: before.mirrors.get(name) for name in left if name in gone},
        [name for name in forms_left if name in gone_forms],
    )


class _Kind(NamedTuple):
    """The mirrors, or the derived forms, of a host: by their records and by two manifests."""

    word: str
    records: RecordKind
    here: Sequence[str]
    """The names of the records that are here."""
    before: Mapping[str, Mirror | Form]
    """What HEAD's manifest has."""
    now: Mapping[str, Mirror | Form]
    """What the manifest has as it will be."""


def _mirrors(run: Run) -> _Kind:
    before, now = run.scene.committed.mirrors, run.manifest.mirrors
    return _Kind("mirror", OF_MIRRORS, run.state.record_names(), before, now)


def _forms(run: Run) -> _Kind:
    before, now = run.scene.committed.forms, run.manifest.forms
    return _Kind("form", OF_FORMS, run.state.form_names(), before, now)


def _gone(run: Run, kind: _Kind) -> list[str]:
    """Those that have left the manifest, of which something is still here or staged."""
    gone = [name for name in kind.here if name not in kind.now]
    if odd := [name for name in gone if not is_mirror_name(name)]:
        files = ", ".join(map(kind.records.path, odd))
        run.reporter.notice(
            f"no {kind.word} may have such a name: {files}; look at it, and delete it"
        )
    before = dict.fromkeys([*kind.before, *committed_names(run.scene.repository, kind.records)])
    left = (name for name in before if name not in kind.now and _is_staged(run, kind, name))
    return list(dict.fromkeys([*(name for name in gone if name not in odd), *left]))


def _is_staged(run: Run, kind: _Kind, name: str) -> bool:
    """Whether the index has the record of something, or what HEAD's record lists.

    If that lists nothing, what lies in the places of HEAD's manifest counts.
    """
    repository, record = run.scene.repository, kind.records.path(name)
    before, listed = kind.before.get(name), listed_in_head(repository, kind.records, name)
    places = listed.places if listed else before.places if before else ()
    known = {
        (path_at(place, fact.path), fact.mode, fact.blob)
        for place in places
        for fact in (listed or Listed()).files
    }
    others = run.scene.left_places.others
    staged = repository.index.staged_by_path(map(os.fsencode, (record, *places)))
    return any(
        path == record.encode()
        or ((listed is None or (path, mode, blob) in known) and not others.have(os.fsdecode(path)))
        for path, (mode, blob) in staged.items()
    )


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
