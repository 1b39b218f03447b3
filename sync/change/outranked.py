"""Refuses a place outside third_party/ where somebody's attributes outrank those that we write."""

from collections.abc import Iterator, Sequence

from sync.change.look import Scene
from sync.change.plan import Plan
from sync.errors import HostError
from sync.git.attributes import attributes_of, may_alter
from sync.host.attributes_and_ignores import attributes_line
from sync.host.marked_block import END
from sync.ids import RepoPath
from sync.layout import ATTRIBUTES_FILE, is_in_third_party
from sync.manifest.paths import above
from sync.quoting import quote_path

_SHOWN = 3


def refuse_outranked(scene: Scene, plan: Plan) -> None:
    """HostError if git would convert files of a new place, although our block forbids it.

    What decides are the files `.gitattributes` on disk, and the root's as it will be. The machine's
    own attributes have no say.
    """
    root = scene.own_edits[ATTRIBUTES_FILE](scene.state.read(ATTRIBUTES_FILE))
    if root is None:
        return
    ours = {RepoPath(ATTRIBUTES_FILE.encode()): root}
    has_more = not root.rstrip().endswith(END.encode())
    for place, paths in _places(plan):
        nearer = {
            file: content
            for file in (f"{directory}/{ATTRIBUTES_FILE}" for directory in above(place))
            if (content := scene.state.read(file)) is not None
        }
        for file in [ATTRIBUTES_FILE, *nearer] if has_more else nearer:
            more = {RepoPath(file.encode()): nearer[file]} if file in nearer else {}
            said = attributes_of(ours | more, paths)
            altered = [path for path, each in zip(paths, said, strict=True) if may_alter(each)]
            if altered:
                raise _outranked(place, file, altered)


def _places(plan: Plan) -> Iterator[tuple[str, list[bytes]]]:
    """The places outside third_party/ in which git is to have files, with the files' paths."""
    for change in plan.changes:
        for place in change.places if change.mirror and change.mirror.checked_in else ():
            if place.wanted and not is_in_third_party(place.directory):
                prefix = f"{place.directory}/".encode()
                yield place.directory, [prefix + entry.path for entry in place.wanted.files]


def _outranked(place: str, file: str, altered: Sequence[bytes]) -> HostError:
    shown = [quote_path(path) for path in altered[:_SHOWN]]
    more = [f"and {len(altered) - _SHOWN} more"] if len(altered) > _SHOWN else []
    directory = file.removesuffix(ATTRIBUTES_FILE)
    way_out = (
        f"add this line at the end of {file}: {attributes_line(place.removeprefix(directory))}"
        if directory
        else f"move what follows the block of git-verbatim in {file} above it"
    )
    return HostError(
        f"{file} would have git change the bytes of mirrored files",
        [f"it outranks what git-verbatim writes into {ATTRIBUTES_FILE}", *shown, *more],
        hint=f"{way_out}; then run the command again",
        reference="attributes-outranked",
    )
