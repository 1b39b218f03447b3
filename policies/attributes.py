"""Whether git attributes would really change the bytes of a mirrored file: git's rules of conversion, applied to the content."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from policies.objects import Objects
from policies.states import State
from sync.errors import HostError
from sync.git.attributes import CONVERTING, attributes_of
from sync.git_files import ATTRIBUTES
from sync.limits import OWN_FILE_BYTES
from sync.model import ATTRIBUTES_FILE, THIRD_PARTY, Entry, Mode, ObjectId, RepoPath, license_directory, record_path
from sync.names import quote_path
from sync.provenance import Record

_SAYS_ANYTHING = re.compile("|".join(CONVERTING).encode())
_KEPT_ANSWERS = 16
_IDENT = re.compile(rb"\$Id(?::[^\n$]*)?\$")
_SINGLE_BYTE = re.compile(r"us-ascii|iso-?8859-\d+|latin-?1|windows-125\d", re.IGNORECASE)
_PRINTABLE_CONTROLS = frozenset(b"\b\t\n\r\x1b\f")
_OWN = RepoPath(f"{THIRD_PARTY}/{ATTRIBUTES_FILE}".encode())


@dataclass(frozen=True, slots=True)
class Altered:
    """A mirrored file whose bytes git would change."""

    mirror: str
    path: bytes
    """From the host's root."""
    blob: ObjectId
    how: str


class AlteringAttributes:
    """The question to attributes, over one repository. What git says of a path is asked once for each set of attribute files."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._said: dict[tuple[Entry, ...], dict[bytes, Mapping[str, str]]] = {}

    def altered_files(self, state: State) -> tuple[Altered, ...]:
        """The mirrored files that git would write to the working tree, or store, with other bytes.

        As git does without further configuration where the system's own line ending is LF.
        """
        if not _can_alter(state, self._objects):
            return ()
        files = list(_mirrored(state))
        said = self._ask(state.attribute_files, [path for _, path, _ in files])
        return tuple(
            Altered(mirror, path, blob, how)
            for mirror, path, blob in files
            if _may_convert(said[path]) and (how := conversion(said[path], self._objects.read(blob)))
        )

    def _ask(self, attribute_files: tuple[Entry, ...], paths: Sequence[bytes]) -> Mapping[bytes, Mapping[str, str]]:
        if attribute_files not in self._said and len(self._said) >= _KEPT_ANSWERS:
            self._said.clear()
        said = self._said.setdefault(attribute_files, {})
        if new := [path for path in paths if path not in said]:
            said.update(zip(new, attributes_of(self._objects.repository, attribute_files, new), strict=True))
        return said


def _may_convert(attributes: Mapping[str, str]) -> bool:
    """Whether there is content that git would convert."""
    return any(value != "unset" and (name != "eol" or attributes.get("text") != "unset") for name, value in attributes.items())


def _can_alter(state: State, objects: Objects) -> bool:
    contents = {entry.path: _read(entry, objects) for entry in state.attribute_files}
    deeper = any(path.count(b"/") > 1 for path in contents)
    has_macros = any(b"[attr]" in content for content in contents.values())
    if contents.get(_OWN) == ATTRIBUTES.encode() and not deeper and not has_macros:
        return False  # the tool's own attributes outrank the root's
    return any(_SAYS_ANYTHING.search(content) for content in contents.values())


def _read(entry: Entry, objects: Objects) -> bytes:
    content = objects.read_up_to(entry.blob, OWN_FILE_BYTES)
    if content is None:
        raise HostError("git attributes are too large to judge", [quote_path(entry.path)], reference="attributes-too-large")
    return content


def _mirrored(state: State) -> Iterator[tuple[str, bytes, ObjectId]]:
    for facts in state.mirrors.values():
        record = facts.record
        if facts.record_entry is not None:
            yield facts.name, f"{THIRD_PARTY}/{record_path(facts.name)}".encode(), facts.record_entry.id
        if not isinstance(record, Record) or facts.mirror is None or not facts.mirror.checked_in:
            continue
        for directory, of_directory in ((record.into, record.files), (license_directory(facts.name), record.licenses)):
            for fact in of_directory:
                if fact.mode != Mode.SYMLINK:
                    yield facts.name, f"{THIRD_PARTY}/{directory}/".encode() + fact.path, fact.blob


def conversion(attributes: Mapping[str, str], content: bytes) -> str | None:
    """What git would do to the content, in words; None if its bytes stay as they are (convert.c of git 2.39).

    `attributes` are as `attributes_of` gives them.
    """
    driver = attributes.get("filter", "unset")
    if driver not in {"set", "unset"}:
        return f"`filter={driver}` runs a filter over it"
    encoding = attributes.get("working-tree-encoding", "unset")
    if encoding != "unset" and _differs_in(encoding, content):
        return f"`working-tree-encoding={encoding}` encodes it anew"
    if attributes.get("ident") == "set" and _IDENT.search(content):
        return "`ident` rewrites its $Id$"
    return _line_ending_conversion(attributes, content)


def _differs_in(encoding: str, content: bytes) -> bool:
    if encoding.lower() in {"utf-8", "utf8"} or not content:
        return False
    try:
        # of other encodings iconv, which git asks, and Python do not think alike
        return _SINGLE_BYTE.fullmatch(encoding) is None or content.decode().encode(encoding) != content
    except (LookupError, UnicodeError):
        return True  # git can only fail on it


def _line_ending_conversion(attributes: Mapping[str, str], content: bytes) -> str | None:
    text = attributes.get("text")
    text = text if text in {"set", "unset", "input", "auto"} else attributes.get("crlf")
    eol = attributes.get("eol")
    crlf = content.count(b"\r\n")
    lone_lf = content.count(b"\n") - crlf
    if text == "unset" or (text not in {"set", "input", "auto"} and eol not in {"lf", "crlf"}):
        return None
    if text == "auto":
        # git leaves alone what it takes for binary, and CRLF that is stored already
        changes = eol == "crlf" and lone_lf and not crlf and not _is_binary(content)
        return "`text=auto eol=crlf` makes its line endings CRLF on checkout" if changes else None
    if eol == "crlf" and lone_lf:
        return "`eol=crlf` makes its line endings CRLF on checkout"
    return f"`{'text' if text else f'eol={eol}'}` makes its CRLF line endings LF on `git add`" if crlf else None


def _is_binary(content: bytes) -> bool:
    """By git's rule: a NUL, a CR without LF, or more than one unprintable byte in 128 printable ones."""
    if b"\0" in content or content.count(b"\r") > content.count(b"\r\n"):
        return True
    body = content.removesuffix(b"\x1a")
    unprintable = sum(byte == 0x7F or (byte < 0x20 and byte not in _PRINTABLE_CONTROLS) for byte in body)  # noqa: PLR2004
    line_ends = body.count(b"\n") + body.count(b"\r")
    return (len(body) - unprintable - line_ends) >> 7 < unprintable
