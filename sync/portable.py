"""Which names Windows and macOS hold as they are, and side by side: who clones the host may use either; pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from sync.model import RepoPath

WINDOWS_RESERVED = "name-windows-reserved"
WINDOWS_CHARACTER = "name-windows-character"
TRAILING = "name-trailing-dot-or-blank"
COLLIDES = "name-collides"

# "Naming Files, Paths, and Namespaces" in Microsoft's documentation of Win32: with any extension, and superscript digits too
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\..*)?", re.IGNORECASE | re.DOTALL
)
_CHARACTERS = re.compile(r'[<>:"|?*]')


def judge_portable(name: bytes) -> str | None:
    """The reference of the rule by which Windows could not hold a file or directory of this name, or None."""
    text = name.decode("utf-8", "replace")
    if _CHARACTERS.search(text):
        return WINDOWS_CHARACTER
    if _RESERVED.fullmatch(text):
        return WINDOWS_RESERVED
    return TRAILING if text.endswith((".", " ")) else None


def collisions(paths: Iterable[RepoPath]) -> Iterator[tuple[RepoPath, RepoPath]]:
    """Pairs of files or directories that are one where case or Unicode's composition does not count, outermost first."""
    entries: set[bytes] = set()
    for path in paths:
        entry: bytes = path
        while entry and entry not in entries:
            entries.add(entry)
            entry = entry.rpartition(b"/")[0]
    seen: dict[str, bytes] = {}
    for entry in sorted(entries, key=lambda entry: (entry.count(b"/"), entry)):
        if (other := seen.setdefault(_folded(entry), entry)) != entry:
            yield RepoPath(other), RepoPath(entry)


def _folded(path: bytes) -> str:
    if path.isascii():
        return path.decode().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path.decode("utf-8", "surrogateescape")).casefold())
