"""Refuses a place outside third_party/ where somebody's attributes outrank those that we write."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sync.change.look import Scene
from sync.change.plan import Plan
from sync.errors import HostError
from sync.git.attributes import attributes_of, may_alter
from sync.host.attributes_and_ignores import attributes_line
from sync.host.marked_block import END
from sync.ids import Mode, RepoPath
from sync.judgement.conversion import conversion
from sync.layout import ATTRIBUTES_FILE, above, is_in_third_party
from sync.model.values import Entry, FileFact, path_at
from sync.quoting import quote_path

_SHOWN = 3
_ROOT = RepoPath(ATTRIBUTES_FILE.encode())


@dataclass(frozen=True, slots=True)
class _Place:
    """A place outside third_party/ in which git has files, or is to have them."""

    directory: str
    files: Callable[[], Iterable[Entry | FileFact]]
    is_new: bool
    """Whether files are to be written there: then none of any content may be converted."""
    is_directory: bool = True
    """False of a form that is one file."""


def refuse_outranked(scene: Scene, plan: Plan) -> None:
    """HostError if git would convert files of a place, although our block forbids it.

    What decides are the files `.gitattributes` on disk, and the root's as it will be. The machine's
    own attributes have no say.
    """
    root = scene.own_edits[ATTRIBUTES_FILE](scene.state.read(ATTRIBUTES_FILE))
    if root is None:
        return
    ours = {_ROOT: root}
    has_more = not root.rstrip().endswith(END.encode())
    for place in _places(scene, plan):
        nearer = {
            RepoPath(file.encode()): content
            for file in (f"{directory}/{ATTRIBUTES_FILE}" for directory in above(place.directory))
            if (content := scene.state.read(file)) is not None
        }
        if not nearer and not has_more:
            continue
        if altered := _altered(scene, ours | nearer, place):
            # The nearest file that alters something by itself is to blame: it outranks the others.
            to_blame = (
                file
                for file in reversed(nearer)
                if _altered(scene, ours | {file: nearer[file]}, place)
            )
            raise _outranked(place, next(to_blame, _ROOT).decode(), altered)


def _places(scene: Scene, plan: Plan) -> Iterator[_Place]:
    for change in plan.changes:
        for each in change.places if change.mirror and change.mirror.checked_in else ():
            if (wanted := each.wanted) and not is_in_third_party(each.directory):
                yield _Place(each.directory, partial(iter, wanted.files), is_new=True)
    for mirror in map(scene.manifest.mirrors.__getitem__, plan.satisfied):
        for directory in mirror.places if mirror.checked_in else ():
            if not is_in_third_party(directory):
                yield _Place(directory, partial(_recorded, scene, mirror.name), is_new=False)

    for form_change in plan.forms:
        form = form_change.form
        for each in form_change.places if form and form.checked_in else ():
            if (wanted := each.wanted) and not is_in_third_party(each.directory):
                files = partial(iter, wanted.files)
                is_one = not each.is_file
                yield _Place(each.directory, files, is_new=True, is_directory=is_one)


def _recorded(scene: Scene, name: str) -> tuple[FileFact, ...]:
    record = scene.record(name)
    return () if record is None else record.files


def _altered(scene: Scene, files: Mapping[RepoPath, bytes], place: _Place) -> list[bytes]:
    """The files of a place that git would alter if these are all `.gitattributes`."""
    files_there = (file for file in place.files() if file.mode != Mode.SYMLINK)
    paths = [path_at(place.directory, file.path) for file in files_there]
    return [
        path
        for path, attributes in zip(paths, attributes_of(files, paths), strict=True)
        if may_alter(attributes) and (place.is_new or _alters(scene, path, attributes))
    ]


def _alters(scene: Scene, path: bytes, attributes: Mapping[str, str]) -> bool:
    content = scene.state.read(os.fsdecode(path)) or b""
    return attributes.get("export-ignore") == "set" or bool(conversion(attributes, content))


def _outranked(place: _Place, file: str, altered: Sequence[bytes]) -> HostError:
    shown = [quote_path(path) for path in altered[:_SHOWN]]
    more = [f"and {len(altered) - _SHOWN} more"] if len(altered) > _SHOWN else []
    directory = file.removesuffix(ATTRIBUTES_FILE)
    line = attributes_line(place.directory.removeprefix(directory), place.is_directory)
    way_out = (
        f"add this line at the end of {file}: {line}"
        if directory
        else f"move what follows the block of git-verbatim in {file} above it"
    )
    return HostError(
        f"{file} would have git change the bytes of mirrored files",
        [f"it outranks what git-verbatim writes into {ATTRIBUTES_FILE}", *shown, *more],
        hint=f"{way_out}; then run the command again",
        reference="attributes-outranked",
    )
