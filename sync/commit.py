"""The commit of exactly what a sync changed, with its `Mirror-Sync` trailers, whatever else is staged."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sync.errors import ManifestError
from sync.git.process import commit_paths
from sync.git.repository import Repository
from sync.host import Host
from sync.manifest import Manifest, parse_manifest
from sync.model import (
    ATTRIBUTES_FILE,
    EMPTY_TREE,
    IGNORE_FILE,
    MANIFEST,
    THIRD_PARTY,
    Entry,
    Mirror,
    Mode,
    ObjectId,
    license_directory,
    record_path,
)
from sync.names import short_pin
from sync.plan import Plan
from sync.record_json import parse_record
from sync.state import WorkTree

_PREFIX = THIRD_PARTY.encode() + b"/"
_REMOVED = "removed"


def commit_synced(host: Host, plan: Plan, manifest: Manifest) -> ObjectId | None:
    """Commit the index's state of the manifest, and of the mirrors in the plan or with another entry; None if HEAD has it."""
    root, repository = host.require_work_tree()
    temporary = repository.git_directory / "git-verbatim-commit.index"
    _remove_index(temporary)  # of a run that was killed
    before = committed_mirrors(repository)
    entailed = [name for name in {**before, **manifest.mirrors} if before.get(name) != manifest.mirrors.get(name)]
    owned = {name: _targets(name, plan, (manifest.mirrors, before)) for name in dict.fromkeys([*_names(plan), *entailed])}
    paths = [MANIFEST, IGNORE_FILE, ATTRIBUTES_FILE, *manifest.key_files, *(path for targets in owned.values() for path in targets)]
    staged = _within(repository.index.files(THIRD_PARTY.encode()), paths)
    committed = _within(_committed(repository), paths)
    removed = sorted(committed.keys() - staged.keys())
    added = [entry for path, entry in sorted(staged.items()) if committed.get(path) != entry]
    if not removed and not added:
        return None
    touched = [*removed, *(entry.path for entry in added)]
    changed = [name for name, targets in owned.items() if any(_is_in(path, targets) for path in touched)]
    try:
        return commit_paths(
            root,
            commit_message([_trailer_of(host, name, manifest) for name in changed]),
            [_PREFIX + path for path in removed],
            [(_PREFIX + path, mode, blob) for path, mode, blob in added],
            temporary,
        )
    finally:
        with suppress(OSError):  # the commit is made, and the next run takes the file away
            _remove_index(temporary)


def _remove_index(index: Path) -> None:
    """Remove an index of our own, with the lock that a git that was killed left on it."""
    for left in (index, index.with_name(f"{index.name}.lock")):
        left.unlink(missing_ok=True)


def commit_message(synced: Sequence[tuple[str, str, ObjectId]]) -> str:
    """A message for mirrors as (name, pin or `removed`, tree id), ending in their trailers."""
    if not synced:
        subject = f"{THIRD_PARTY}: update the manifest"
    elif len(synced) == 1:
        name, pin, _ = synced[0]
        subject = f"{THIRD_PARTY}: remove {name}" if pin == _REMOVED else f"{THIRD_PARTY}: sync {name} to {short_pin(pin)}"
    else:
        subject = f"{THIRD_PARTY}: sync {len(synced)} mirrors"
    trailers = [f"Mirror-Sync: {name} {pin} {tree}" for name, pin, tree in synced]
    return "\n".join([subject, *(["", *trailers] if trailers else [])]) + "\n"


def _names(plan: Plan) -> list[str]:
    return [*(change.name for change in plan.changes), *plan.satisfied]


def committed_mirrors(repository: Repository) -> Mapping[str, Mirror]:
    """The mirrors of HEAD's manifest; none if it has no manifest that can be read."""
    entry = next((entry for entry in _committed(repository) if entry.path == MANIFEST.encode()), None)
    try:
        return parse_manifest(repository.read(entry.blob)).mirrors if entry else {}
    except ManifestError:
        return {}


def _targets(name: str, plan: Plan, manifests: Sequence[Mapping[str, Mirror]]) -> list[str]:
    """Where a mirror is and was, below third_party/."""
    changes = [change for change in plan.changes if change.name == name]
    places = [place for change in changes for place in (change.into, change.moved_from) if place and not change.keeps_files]
    places += [mirrors[name].into for mirrors in manifests if name in mirrors]
    return [*places, license_directory(name), record_path(name)]


def _trailer_of(host: Host, name: str, manifest: Manifest) -> tuple[str, str, ObjectId]:
    data = WorkTree(host.third_party).read(record_path(name))
    if data is None or name not in manifest.mirrors:
        return name, _REMOVED, EMPTY_TREE
    return name, str(manifest.mirrors[name].pin), parse_record(data, name).tree


def _committed(repository: Repository) -> list[Entry]:
    head = repository.commit_of("HEAD")
    found = repository.entry_at(repository.tree_of(head), THIRD_PARTY.encode()) if head else None
    return [] if found is None or found[0] != Mode.TREE else list(repository.files_below(found[1]))


def _within(entries: Sequence[Entry], targets: Sequence[str]) -> dict[bytes, Entry]:
    return {entry.path: entry for entry in entries if _is_in(entry.path, targets)}


def _is_in(path: bytes, targets: Sequence[str]) -> bool:
    text = path.decode("utf-8", "surrogateescape")
    return any(text == target or text.startswith(target + "/") for target in targets)
