"""Commits exactly what a sync changed, with `Mirror-Sync` trailers, whatever else is staged."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from sync.change.commit_message import REMOVED, Synced, Wording, commit_message
from sync.change.committed_records import OF_FORMS, OF_MIRRORS, Listed, changed_since_head
from sync.change.foreign_hooks import refusing_their_changes
from sync.change.plan import Plan
from sync.change.portion import (
    Portion,
    committed_manifest,
    is_answered,
    parse_portion,
    parsed,
)
from sync.derived.record import DerivedRecord
from sync.errors import HostError
from sync.git.committing import commit_index, read_head
from sync.git.index import IndexFile
from sync.git.listing import committed_files
from sync.git.repository import Repository
from sync.host.attributes_and_ignores import Edit, own_edits
from sync.host.find import Host
from sync.host.state import read_form_records
from sync.host.tracked import form_entries, tracked_entries
from sync.host.work_tree import WorkTree
from sync.ids import EMPTY_TREE, Mode, ObjectId, RepoPath
from sync.layout import (
    MANIFEST_PATH,
    THIRD_PARTY,
    derived_record_path,
    is_in_third_party,
    license_directory,
    lies_in,
    record_path,
)
from sync.manifest.read import Manifest, files_left
from sync.model.mirrors import Form, Mirror
from sync.model.values import Entry
from sync.objects.tree import object_id
from sync.record.json_file import parse_record
from sync.record.record import Record


def commit_synced(
    host: Host, plan: Plan, portion: Portion, wording: Wording, again: str
) -> ObjectId | None:
    """Commit a portion of the manifest and the mirrors of the plan; None if HEAD has all of it.

    `again` is the command that makes the commit if git refuses it now. Mirrors of the portion whose
    table is not the one in HEAD's manifest are committed too, each as its record says. Nothing is
    read from the index, where somebody may stage other things meanwhile. Of files that people edit
    too, only our edits are committed.
    """
    root, repository = host.require_work_tree()
    index = IndexFile(root, repository.git_directory / "git-verbatim-commit.index")
    index.remove()  # left by a run that was killed
    head = read_head(root)
    wanted = _prepared(WorkTree(root, repository), repository, plan, portion, head.commit)
    if wanted is None:
        return None
    message = commit_message(
        wanted.trailers,
        message=wording.message,
        template=wanted.manifest.commit_subject,
        mirrors=wanted.manifest.mirrors,
        forms=wanted.forms,
    )
    try:
        index.read_tree(head.commit)
        index.put(
            wanted.touched,
            [wanted.entries[path] for path in wanted.touched if path in wanted.entries],
        )
        with refusing_their_changes(root, repository, wanted.on_disk):
            return commit_index(index, head, message, signoff=wording.signoff)
    except HostError as error:
        error.hint = error.hint or f"mend what git says, then `{again}{wording.options}`"
        raise
    finally:
        with suppress(OSError):  # if the file stays, the next run removes it
            index.remove()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a commit changes."""

    manifest: Manifest
    """The manifest that it holds."""
    entries: Mapping[RepoPath, Entry]
    """The entries that it has to hold, changed or not."""
    touched: Sequence[RepoPath]
    """The paths that it changes; one without an entry is removed."""
    on_disk: Mapping[bytes, Entry]
    """The entries that the files on disk have to be equal to."""
    trailers: Sequence[Synced]
    forms: Mapping[str, bool]
    """The derived forms that it changes, and whether they are still there."""


def _prepared(
    state: WorkTree, repository: Repository, plan: Plan, portion: Portion, head: ObjectId | None
) -> _Wanted | None:
    """What the commit changes; None if HEAD has all of it."""
    source = committed_manifest(repository)
    before = parsed(source)
    manifest = parse_portion(portion, source, partial(is_answered, state))
    own = own_edits(manifest)
    named = manifest.files_named_by(portion.names)
    left = files_left(before, manifest, portion.names)
    gone = [path for path in left if state.read(path) is None]
    places = {one.target for change in plan.all_changes for one in change.places}
    places |= {place for one in before.mirrors.values() for place in one.places}
    places |= {place for one in before.forms.values() for place in one.places}
    lay, made = (changed_since_head(repository, state, kind) for kind in (OF_MIRRORS, OF_FORMS))
    places |= {place for one in (*lay.values(), *made.values()) if one for place in one.places}
    outside = sorted(place for place in places if not is_in_third_party(place))
    paths_read = [THIRD_PARTY, *own, *named, *manifest.outside, *outside]
    there = committed_files(repository, head, paths_read)
    paths = _paths_of_mirrors(plan, manifest.mirrors, before.mirrors, lay)
    records = _records(state, [name for name in paths if name in manifest.mirrors])
    wanted = _own_entries(state, repository, manifest.source, [*named], own, there)
    for name, record in records.items():
        wanted |= tracked_entries(manifest.mirrors[name], record)
    of_mirrors = [path for of_mirror in paths.values() for path in of_mirror]
    of_forms = _paths_of_forms(plan, manifest.forms, before.forms, made)
    wanted |= _entries_of_forms(state, manifest.forms, list(of_forms))
    of_mirrors += [path for paths_of in of_forms.values() for path in paths_of]
    touched = _touched(there, wanted, [MANIFEST_PATH, *own, *named, *gone, *of_mirrors])
    # What the index still has of these paths was left to others.
    staged = repository.index.staged_by_path(map(os.fsencode, of_mirrors))
    touched = [path for path in touched if path in wanted or path not in staged]
    if not touched:
        return None
    changed = [name for name, of_mirror in paths.items() if _is_any_in(touched, of_mirror)]
    return _Wanted(
        manifest,
        wanted,
        touched,
        {bytes(path): it for path, it in wanted.items() if _is_on_disk(state, it, own)},
        [_trailer_of(name, manifest, records) for name in changed],
        {
            name: name in manifest.forms
            for name, of_form in of_forms.items()
            if _is_any_in(touched, of_form)
        },
    )


_Recorded = Mapping[str, Listed | None]
"""What records list, by the names of mirrors or forms."""


def _paths_of_mirrors(
    plan: Plan, mirrors: Mapping[str, Mirror], before: Mapping[str, Mirror], lay: _Recorded
) -> Mapping[str, Sequence[str]]:
    """The paths of each mirror that the commit is about, now and before, by its name.

    These are the mirrors of the plan, then those whose table is not the one in HEAD's manifest, and
    those of which only HEAD has a record.
    """
    differing = [name for name in {**before, **mirrors} if before.get(name) != mirrors.get(name)]
    gone = [name for name in lay if name not in mirrors]
    return {
        name: [*_targets(name, plan, (mirrors, before)), *(lay.get(name) or Listed()).places]
        for name in dict.fromkeys([*_names(plan), *differing, *gone])
    }


def _paths_of_forms(
    plan: Plan, forms: Mapping[str, Form], before: Mapping[str, Form], made: _Recorded
) -> Mapping[str, Sequence[str]]:
    """The paths of each derived form that the commit is about, now and before, by its name."""
    differing = [name for name in {**before, **forms} if before.get(name) != forms.get(name)]
    changed = {one.name: [place.target for place in one.places] for one in plan.forms}
    gone = [name for name in made if name not in forms]
    names = dict.fromkeys([*changed, *plan.satisfied_forms, *differing, *gone])
    return {
        name: [
            derived_record_path(name),
            *changed.get(name, ()),
            *(place for each in (forms, before) if name in each for place in each[name].places),
            *(made.get(name) or Listed()).places,
        ]
        for name in names
    }


def _entries_of_forms(
    state: WorkTree, forms: Mapping[str, Form], names: Sequence[str]
) -> Mapping[RepoPath, Entry]:
    """The entries of those forms that have a record."""
    found: dict[RepoPath, Entry] = {}
    for name, record in read_form_records(state, [n for n in names if n in forms]).items():
        if isinstance(record, DerivedRecord):
            found |= form_entries(forms[name], record)
    return found


def _records(state: WorkTree, names: Sequence[str]) -> Mapping[str, Record]:
    """The records of those mirrors that have one."""
    return {name: record for name in names if (record := _record(state, name))}


def _touched(
    there: Mapping[RepoPath, Entry], wanted: Mapping[RepoPath, Entry], targets: Sequence[str]
) -> list[RepoPath]:
    """The paths that the commit changes: what is wanted there is not what HEAD has."""
    committed = {path: entry for path, entry in there.items() if _is_in(path, targets)}
    return [
        path for path in committed.keys() | wanted.keys() if committed.get(path) != wanted.get(path)
    ]


def _is_on_disk(state: WorkTree, entry: Entry, own: Mapping[str, Edit]) -> bool:
    """Whether the file on disk has to be as this entry says.

    A file that people edit too may hold their own version there: it counts only while it is equal
    to the entry. The manifest never counts.
    """
    path = os.fsdecode(entry.path)
    if path not in {MANIFEST_PATH, *own}:
        return True
    content = state.read(path)
    return (
        path != MANIFEST_PATH and content is not None and object_id("blob", content) == entry.blob
    )


def _own_entries(
    state: WorkTree,
    repository: Repository,
    manifest: bytes,
    named: Sequence[str],
    own: Mapping[str, Edit],
    there: Mapping[RepoPath, Entry],
) -> dict[RepoPath, Entry]:
    """The entries of the manifest, of files that it names, and of those that people edit too.

    The manifest is the one that this run used. The files that people edit too are HEAD's versions
    with our edits.
    """
    contents = {
        MANIFEST_PATH: manifest,
        **{path: state.read(path) for path in named},
    }
    for path, edit in own.items():
        entry = there.get(RepoPath(path.encode()))
        contents[path] = edit(None if entry is None else repository.read(entry.blob))
    return {
        path: there[path]
        if path in there and there[path].blob == blob
        else Entry(path, Mode.FILE, blob)
        for name, content in contents.items()
        if content is not None
        for path, blob in [(RepoPath(name.encode()), repository.write_blob(content))]
    }


def _names(plan: Plan) -> list[str]:
    return [*(change.name for change in plan.changes), *plan.satisfied]


def _targets(name: str, plan: Plan, manifests: Sequence[Mapping[str, Mirror]]) -> list[str]:
    """The paths where a mirror lies now or lay before."""
    changes = [change for change in plan.changes if change.name == name]
    places = [directory for change in changes for directory in change.directories]
    places += [place for one in manifests if name in one for place in one[name].places]
    return [*places, license_directory(name), record_path(name)]


def _trailer_of(name: str, manifest: Manifest, records: Mapping[str, Record]) -> Synced:
    if name not in records:
        return Synced(name, REMOVED, EMPTY_TREE)
    return Synced(name, str(manifest.mirrors[name].pin), records[name].holding.tree)


def _record(state: WorkTree, name: str) -> Record | None:
    data = state.read(record_path(name))
    return None if data is None else parse_record(data, name)


def _is_any_in(paths: Sequence[bytes], targets: Sequence[str]) -> bool:
    return any(_is_in(path, targets) for path in paths)


def _is_in(path: bytes, targets: Sequence[str]) -> bool:
    return lies_in(path.decode("utf-8", "surrogateescape"), targets)
