"""Whether git attributes would change the bytes of what is mirrored, or leave some of it out of a release archive."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from policies.conversion import conversion, foreign_form
from policies.guarded import Guarded, Part, above, guarded_files, left_out, missed
from policies.objects import Objects
from policies.states import PolicedState
from sync.errors import HostError
from sync.git.attributes import ARCHIVING, CONVERTING, attributes_of
from sync.host.attributes_and_ignores import ATTRIBUTES, EARLIER_ATTRIBUTES
from sync.ids import Mode, ObjectId, RepoPath
from sync.layout import ATTRIBUTES_FILE, THIRD_PARTY
from sync.limits import OWN_FILE_BYTES
from sync.model import Entry
from sync.quoting import quote_path

_KEPT_ANSWERS = 16
_KEPT_CONVERSIONS = 1 << 16
_NAME = ATTRIBUTES_FILE.encode()
_OWN = RepoPath(f"{THIRD_PARTY}/{ATTRIBUTES_FILE}".encode())
_WORDS = frozenset({*CONVERTING, *ARCHIVING})
# git's own macro unsets text
_SAYS_ANYTHING = re.compile("|".join((*sorted(_WORDS), "binary")).encode())
_DECIDED = {
    ATTRIBUTES.encode(): _WORDS,
    **{text.encode(): frozenset(CONVERTING) for text in EARLIER_ATTRIBUTES},
}
"""The attributes that the tool's own file decides for all in third_party/, as this version and earlier ones wrote it."""

Attributes = tuple[tuple[str, str], ...]
"""What is in force for a path, sorted."""


@dataclass(frozen=True, slots=True)
class Altered:
    """A guarded file whose bytes git would change, or that it would leave out."""

    mirror: str
    """Empty for what is no single mirror's."""
    path: RepoPath
    """From the host's root."""
    blob: ObjectId | None
    """None where it is left out, whatever it holds."""
    how: str


class AlteringAttributes:
    """The question to attributes, over one repository. What git says of a path is asked once for each set of attribute files."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._said: dict[tuple[tuple[Entry, ...], bool], dict[bytes, Attributes]] = {}
        self._converted = lru_cache(_KEPT_CONVERSIONS)(self._conversion)

    def altered_files(self, state: PolicedState) -> tuple[Altered, ...]:
        """The guarded files that somebody's git would write to the working tree, store or archive with other bytes, or leave out.

        Whatever the line endings of the system, whether case counts there, and whatever `core.autocrlf` and `core.eol` say.
        """
        contents = {entry.path: self._read(entry) for entry in state.attribute_files}
        guarded = list(guarded_files(state)) if _can_alter(contents) else []
        if not guarded:
            return ()
        found: dict[RepoPath, Altered] = {}
        for said in self._answers(state, contents.values(), guarded):
            for altered in self._altered(guarded, said):
                found.setdefault(altered.path, altered)
        return tuple(found[file.path] for file in guarded if file.path in found)

    def _answers(
        self, state: PolicedState, contents: Iterable[bytes], guarded: Iterable[Guarded]
    ) -> Iterator[Mapping[bytes, Attributes]]:
        """What is in force for each file and the directories above it: where case counts, and where it does not."""
        if not any(map(_SAYS_ANYTHING.search, contents)):
            yield {}  # there is nothing to ask git
            return
        paths = list(
            dict.fromkeys(path for file in guarded for path in (*above(file.path), file.path))
        )
        yield self._ask(
            tuple(entry for entry in state.attribute_files if _is_attributes(entry.path)),
            paths,
            ignore_case=False,
        )
        yield self._ask(tuple(map(_in_usual_case, state.attribute_files)), paths, ignore_case=True)

    def _altered(
        self, guarded: Sequence[Guarded], said: Mapping[bytes, Attributes]
    ) -> Iterator[Altered]:
        ignored = {
            path for path, attributes in said.items() if ("export-ignore", "set") in attributes
        }
        lacking = left_out(guarded, ignored)
        for file in missed(guarded, lacking):
            by = lacking[file.path]
            on = "" if by == file.path else f" on {quote_path(by)}"
            yield Altered(
                file.mirror, file.path, None, f"`export-ignore`{on} leaves it out of `git archive`"
            )
        for file in guarded:
            attributes = said.get(file.path, ())
            if file.path in lacking:
                attributes = tuple(one for one in attributes if one[0] not in ARCHIVING)
            if (
                not file.is_link
                and _may_convert(attributes)
                and (how := self._converted(attributes, file.blob, file.part))
            ):
                yield Altered(file.mirror, file.path, file.blob, how)

    def _conversion(self, attributes: Attributes, blob: ObjectId, part: Part) -> str | None:
        # other line endings are nothing to who reads manifest and attributes
        judge = foreign_form if part in {Part.MANIFEST, Part.ATTRIBUTES} else conversion
        return judge(dict(attributes), self._objects.read(blob))

    def _ask(
        self, files: tuple[Entry, ...], paths: Iterable[bytes], *, ignore_case: bool
    ) -> Mapping[bytes, Attributes]:
        if (files, ignore_case) not in self._said and len(self._said) >= _KEPT_ANSWERS:
            self._said.clear()
        said = self._said.setdefault((files, ignore_case), {})
        if new := [path for path in paths if path not in said]:
            answers = attributes_of(self._objects.repository, files, new, ignore_case=ignore_case)
            said.update(
                (path, tuple(sorted(answer.items())))
                for path, answer in zip(new, answers, strict=True)
            )
        return {path: said[path] for path in paths}

    def _read(self, entry: Entry) -> bytes:
        content = self._objects.read_up_to(entry.blob, OWN_FILE_BYTES)
        if content is None:
            raise HostError(
                "git attributes are too large to judge",
                [quote_path(entry.path)],
                reference="attributes-too-large",
            )
        return content


def _can_alter(contents: Mapping[RepoPath, bytes]) -> bool:
    """Whether git has to be asked: the tool's own attributes outrank the root's, those inside a mirror outrank all."""
    decided = _DECIDED.get(contents.get(_OWN, b""), frozenset())
    if not decided or any(b"[attr]" in content for content in contents.values()):
        return True
    return any(
        word.encode() in content and not (word in decided and path == _NAME)
        for path, content in contents.items()
        if path != _OWN
        for word in _WORDS
    )


def _is_attributes(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == _NAME


def _in_usual_case(entry: Entry) -> Entry:
    directory, slash, _ = entry.path.rpartition(b"/")
    return Entry(RepoPath(directory + slash + _NAME), Mode.FILE, entry.blob)


@lru_cache
def _may_convert(attributes: Attributes) -> bool:
    """Whether there is content that git would convert."""
    said = dict(attributes)
    return said.get("text") != "unset" or any(
        said.get(name, "unset") != "unset"
        for name in ("filter", "working-tree-encoding", "ident", "export-subst")
    )
