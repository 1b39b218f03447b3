"""Judge whether every system can hold files under their names, and side by side; pure."""

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sync.ids import RepoPath
from sync.objects.tree import judge_name

WINDOWS_RESERVED = "name-windows-reserved"
WINDOWS_CHARACTER = "name-windows-character"
TRAILING = "name-trailing-dot-or-blank"
COLLIDES = "name-collides"

# Microsoft's documentation of Win32, "Naming Files, Paths, and Namespaces", reserves these names
# with any extension. Superscript digits count as digits.
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?",
    re.IGNORECASE | re.DOTALL,
)
_CHARACTERS = re.compile(r'[<>:"|?*]')
# Windows gives a file a second, short name (8.3 characters), unless its own name is plain and short
# already. These are names that need none, signs that no short name holds, and short names as given.
_PLAIN_SHORT = re.compile(r"[^.+,;=\[\] ]{1,8}(?:\.[^.+,;=\[\] ]{1,3})?")
_NOT_IN_SHORT = re.compile(r"[+,;=\[\]]")
_GIVEN_SHORT = re.compile(r"([^.~]{0,6})~([1-9][0-9]{0,6})((?:\.[^.]{1,3})?)")
_MOST_DIGITS = 7
_KEPT_NAMES = 4096


@dataclass(frozen=True, slots=True)
class Misnamed:
    """A file or directory that some system could not hold under its name or beside another."""

    path: RepoPath
    reference: str
    """The kebab-case reference of the rule that its name breaks."""
    other: RepoPath | None = None
    """The file or directory that it collides with, if that is the rule."""


def misnamed(paths: Iterable[RepoPath], allow: Container[str] = ()) -> Iterator[Misnamed]:
    """Yield the files and directories whose names some system could not hold.

    All names that upstream or the manifest brings are judged here, those of directories too.
    A rule whose reference is in `allow` is not applied.
    """
    paths = list(paths)
    judged: set[bytes] = set()
    for whole in paths:
        path: bytes = whole
        while path and path not in judged:
            judged.add(path)
            directory, _, name = path.rpartition(b"/")
            for reference in (judge_name(name), judge_portable(name)):
                if reference is not None and reference not in allow:
                    yield Misnamed(RepoPath(path), reference)
            path = directory
    if COLLIDES not in allow:
        yield from (Misnamed(other, COLLIDES, one) for one, other in collisions(paths))


def judge_portable(name: bytes) -> str | None:
    """Return the reference of the rule by which Windows cannot hold this name, or None."""
    text = name.decode("utf-8", "replace")
    if _CHARACTERS.search(text):
        return WINDOWS_CHARACTER
    if _RESERVED.fullmatch(text):
        return WINDOWS_RESERVED
    return TRAILING if text.endswith((".", " ")) else None


def collisions(paths: Iterable[RepoPath]) -> Iterator[tuple[RepoPath, RepoPath]]:
    """Yield pairs of files or directories that some system takes for one, outermost first.

    Some systems ignore case or Unicode's composition. Windows may also give a file a short name
    that is the name of another.
    """
    entries: set[bytes] = set()
    for path in paths:
        entry: bytes = path
        while entry and entry not in entries:
            entries.add(entry)
            entry = entry.rpartition(b"/")[0]
    ordered = sorted(entries, key=lambda entry: (entry.count(b"/"), entry))
    seen: dict[str, bytes] = {}
    for entry in ordered:
        if (other := seen.setdefault(folded(entry), entry)) != entry:
            yield RepoPath(other), RepoPath(entry)
    yield from _short_collisions(ordered)


def _short_collisions(entries: Sequence[bytes]) -> Iterator[tuple[RepoPath, RepoPath]]:
    given = {
        entry: short
        for entry in entries
        if b"~" in entry and (short := _given_short_name(_name(entry))) is not None
    }
    directories = {entry.rpartition(b"/")[0] for entry in given}
    long: dict[tuple[bytes, ShortName], bytes] = {}
    for entry in entries:
        if (directory := entry.rpartition(b"/")[0]) in directories:
            long |= {(directory, short): entry for short in _short_names(_name(entry))}
    for entry, short in given.items():
        if (other := long.get((entry.rpartition(b"/")[0], short), entry)) != entry:
            yield RepoPath(other), RepoPath(entry)


def folded(path: bytes) -> str:
    """Return a path without what some systems ignore: case, and the composition of characters."""
    if path.isascii():
        return path.decode().lower()
    return unicodedata.normalize(
        "NFC", unicodedata.normalize("NFC", path.decode("utf-8", "surrogateescape")).casefold()
    )


@lru_cache(_KEPT_NAMES)
def looks_like(name: bytes, other: str) -> bool:
    """Whether a name is `other`, which is plain text, or some system takes it for `other`.

    HFS+ ignores invisible characters (TN1150, as git has them in utf8.c). Windows drops dots and
    blanks at the end, opens the stream that a colon begins, takes what follows a backslash for a
    file in a directory, and gives long names short ones.
    """
    text = name.decode("utf-8", "replace")
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = re.split(r"[:\\]", text, maxsplit=1)[0].rstrip(". ")
    return folded(text.encode("utf-8", "replace")) == folded(other.encode()) or _given_short_name(
        text
    ) in _short_names(other)


ShortName = tuple[str, int, str]
"""An 8.3 name that Windows gives: what precedes `~`, the number of digits after it, the extension.

Both texts are in lower case, and the extension begins with its dot if there is one.
"""


def _given_short_name(name: str) -> ShortName | None:
    match = _GIVEN_SHORT.fullmatch(name)
    return (match[1].lower(), len(match[2]), match[3].lower()) if match else None


@lru_cache(1024)
def _short_names(name: str) -> frozenset[ShortName]:
    """Return the short names that Windows may give to a file of this name.

    Such a name is the first letters and a number; once four files have names like that, it is the
    first two letters, a hash and a number. A name that is plain enough gets no short name.
    """
    if _PLAIN_SHORT.fullmatch(name) and not name.startswith("."):
        return frozenset()
    stem, dot, extension = name.lstrip(".").replace(" ", "").rpartition(".")
    stem, extension = (stem, dot + extension[:3]) if dot else (extension, "")
    stem = _NOT_IN_SHORT.sub("_", stem.replace(".", ""))
    return frozenset(
        (
            beginning[: _MOST_DIGITS - digits].lower(),
            digits,
            _NOT_IN_SHORT.sub("_", extension).lower(),
        )
        for beginning in (stem[:6], stem[:2] + _short_name_hash(name))
        for digits in range(1, _MOST_DIGITS + 1)
    )


def _short_name_hash(name: str) -> str:
    """Return the hash that Windows puts into a short name once four of them begin alike.

    git's path.c has it for `.gitmodules` (7eba) and others.
    """
    checksum = 0
    for character in name:
        checksum = (checksum * 0x25 + ord(character)) & 0xFFFF
    product = checksum * 314159269 & 0xFFFFFFFF
    product = (1 << 32) - product if product >> 31 else product
    product -= ((product * 1152921497) >> 60) * 1000000007
    return f"{product & 0xFFFF:04x}"[::-1]


def _name(path: bytes) -> str:
    return path.rpartition(b"/")[2].decode("utf-8", "replace")
