"""Find the git attributes that change mirrored bytes or leave them out of a release archive."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sync.errors import HostError
from sync.git.attributes import ARCHIVING, attributes_of, may_convert
from sync.git.process import CONVERTING
from sync.host.attributes_and_ignores import ATTRIBUTES, EARLIER_ATTRIBUTES, protects
from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.conversion import conversion, foreign_form
from sync.judgement.guarded import Guarded, Role, above, left_out, missed
from sync.layout import ATTRIBUTES_FILE, ATTRIBUTES_PATH
from sync.limits import OWN_FILE_BYTES
from sync.model.values import Entry
from sync.quoting import quote_path

_KEPT_ANSWERS = 16
_KEPT_CONVERSIONS = 1 << 16
_NAME = ATTRIBUTES_FILE.encode()
_OWN = RepoPath(ATTRIBUTES_PATH.encode())
_WORDS = frozenset({*CONVERTING, *ARCHIVING})
# `binary` is git's own macro, which unsets `text`.
_SAYS_ANYTHING = re.compile("|".join((*sorted(_WORDS), "binary")).encode())
_DECIDED = {
    ATTRIBUTES.encode(): _WORDS,
    **{text.encode(): frozenset(CONVERTING) for text in EARLIER_ATTRIBUTES},
}
"""Content of third_party/.gitattributes → the attributes that it decides for all below.

The contents are those that the tool writes, and those that its earlier versions wrote.
"""

ReadBlob = Callable[[ObjectId], bytes]
"""Gives the content of an attribute file or of a guarded file by its id."""

Attributes = tuple[tuple[str, str], ...]
"""The attributes in force for a path as (name, state), sorted."""


@dataclass(frozen=True, slots=True)
class Altered:
    """A guarded file whose bytes git would change, or that it would leave out."""

    mirror: str
    """The mirror's name, or the empty string if the file does not belong to a single mirror."""
    path: RepoPath
    """The path from the host's root."""
    blob: ObjectId | None
    """The content that git would change; None for a file that it would leave out."""
    how: str
    """What git would do, in words."""


class AlteringAttributes:
    """What git's attributes do to guarded files.

    For each set of attribute files git is asked once about each path.
    """

    def __init__(self, read: ReadBlob, size: Callable[[ObjectId], int]) -> None:
        self._read_blob = read
        self._size = size
        self._said: dict[tuple[tuple[Entry, ...], bool], dict[bytes, Attributes]] = {}
        self._converted = lru_cache(_KEPT_CONVERSIONS)(self._conversion)
        self._can_alter = lru_cache(_KEPT_ANSWERS)(self._say_whether_they_can)

    def altered_files(
        self,
        attribute_files: Sequence[Entry],
        guarded_files: Callable[[], Iterable[Guarded]],
        outside: tuple[str, ...],
    ) -> tuple[Altered, ...]:
        """Return the guarded files that git would alter for somebody.

        `attribute_files` are the `.gitattributes` that may apply to them, and `outside` the places
        and key files outside third_party/ that are among them. Git alters a file if it
        checks it out, adds it or archives it with other bytes, or leaves it out of an archive. It
        counts if that happens on some system: with its line endings, with or without regard to
        case, and with any values of `core.autocrlf` and `core.eol`.
        """
        is_possible = self._can_alter(tuple(attribute_files), outside)
        guarded = list(guarded_files()) if is_possible else []
        if not guarded:
            return ()
        found: dict[RepoPath, Altered] = {}
        for said in self._answers(attribute_files, guarded):
            for altered in self._altered(guarded, said):
                found.setdefault(altered.path, altered)
        return tuple(found[file.path] for file in guarded if file.path in found)

    def _say_whether_they_can(
        self, attribute_files: tuple[Entry, ...], outside: tuple[str, ...]
    ) -> bool:
        return _can_alter({entry.path: self._read(entry) for entry in attribute_files}, outside)

    def _answers(
        self, attribute_files: Sequence[Entry], guarded: Iterable[Guarded]
    ) -> Iterator[Mapping[bytes, Attributes]]:
        """Yield the attributes in force for each file and each directory above it.

        The first answer is that of systems on which case counts, the second that of the others.
        """
        if not any(_SAYS_ANYTHING.search(self._read(entry)) for entry in attribute_files):
            yield {}  # No attribute file says anything of interest, so git need not be asked.
            return
        paths = list(
            dict.fromkeys(path for file in guarded for path in (*above(file.path), file.path))
        )
        yield self._ask(
            tuple(entry for entry in attribute_files if _is_attributes(entry.path)),
            paths,
            ignore_case=False,
        )
        yield self._ask(tuple(map(_in_usual_case, attribute_files)), paths, ignore_case=True)

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
                and (how := self._converted(attributes, file.blob, file.role))
            ):
                yield Altered(file.mirror, file.path, file.blob, how)

    def _conversion(self, attributes: Attributes, blob: ObjectId, role: Role) -> str | None:
        # The manifest and the attributes mean the same with other line endings.
        judge = foreign_form if role in {Role.MANIFEST, Role.ATTRIBUTES} else conversion
        return judge(dict(attributes), self._read_blob(blob))

    def _ask(
        self, files: tuple[Entry, ...], paths: Iterable[bytes], *, ignore_case: bool
    ) -> Mapping[bytes, Attributes]:
        if (files, ignore_case) not in self._said and len(self._said) >= _KEPT_ANSWERS:
            self._said.clear()
        said = self._said.setdefault((files, ignore_case), {})
        if new := [path for path in paths if path not in said]:
            contents = {entry.path: self._read(entry) for entry in files}
            answers = attributes_of(contents, new, ignore_case=ignore_case)
            said.update(
                (path, tuple(sorted(answer.items())))
                for path, answer in zip(new, answers, strict=True)
            )
        return {path: said[path] for path in paths}

    def _read(self, entry: Entry) -> bytes:
        if self._size(entry.blob) > OWN_FILE_BYTES:
            raise HostError(
                "git attributes are too large to judge",
                [quote_path(entry.path)],
                reference="attributes-too-large",
            )
        return self._read_blob(entry.blob)


def _can_alter(contents: Mapping[RepoPath, bytes], outside: Collection[str]) -> bool:
    """Whether the attribute files might alter anything, so that git has to be asked.

    The tool's own file in third_party/ outranks the root's, whose last lines may protect what is
    outside. A file inside a mirror outranks both.
    """
    decided = _DECIDED.get(contents.get(_OWN, b""), frozenset())
    if not decided or any(b"[attr]" in content for content in contents.values()):
        return True
    if outside and not protects(contents.get(RepoPath(_NAME), b""), outside):
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
    """Whether git would convert some content under these attributes."""
    return may_convert(dict(attributes))
