"""Makes third_party/.gitattributes, which prevents conversions, and third_party/.gitignore."""

import re
from collections.abc import Callable, Mapping, Sequence

from sync.layout import ATTRIBUTES_FILE, IGNORE_FILE, license_directory
from sync.model import Mirror

CONVERTS_NOTHING = "-text -ident -filter !eol !working-tree-encoding"
LEAVES_NOTHING_OUT = "-export-ignore -export-subst"

# A later attribute in a line wins, in case somebody defines a macro called linguist-vendored.
ATTRIBUTES = f"""\
# Mirrors are exact copies: git converts nothing in them, whatever core.autocrlf says, \
leaves none of
# their files out of an archive, never mends their whitespace, \
and never merges two of them by lines.
* linguist-vendored {CONVERTS_NOTHING} {LEAVES_NOTHING_OUT} \
-whitespace -merge conflict-marker-size=200
/* !whitespace !merge !conflict-marker-size !linguist-vendored
"""

EARLIER_ATTRIBUTES = (
    """\
# Mirrors are exact copies: git converts nothing in them, whatever core.autocrlf says.
* -text -ident -filter !eol !working-tree-encoding linguist-vendored
mirrors.toml !linguist-vendored
""",
    """\
# Mirrors are exact copies: git converts nothing in them, whatever core.autocrlf says.
* linguist-vendored -text -ident -filter !eol !working-tree-encoding
mirrors.toml !linguist-vendored
""",
)
"""What earlier versions wrote; each of these texts kept git from converting anything."""

Edit = Callable[[bytes | None], bytes | None]
"""Gives the new content of a file that people edit too, by its present one; None is no file."""

_BEGIN = "# git-verbatim: mirrors that are not checked in"
_END = "# git-verbatim: end"


def own_edits(mirrors: Sequence[Mirror]) -> Mapping[str, Edit]:
    """The edits to files below third_party/ that people edit too, for any version of them."""
    return {
        ATTRIBUTES_FILE: keep_attributes,
        IGNORE_FILE: lambda present: _with_ignored(present, mirrors),
    }


def _with_ignored(present: bytes | None, mirrors: Sequence[Mirror]) -> bytes | None:
    text = None if present is None else present.decode("utf-8", "surrogateescape")
    ignoring = ignore_unchecked(text, mirrors)
    return None if ignoring is None else ignoring.encode("utf-8", "surrogateescape")


def keep_attributes(present: bytes | None) -> bytes:
    """The content that third_party/.gitattributes should have.

    What somebody wrote stays; what an earlier version of the tool wrote is brought up to date.
    """
    if (
        present
        and present.replace(b"\r\n", b"\n").decode("utf-8", "replace") not in EARLIER_ATTRIBUTES
    ):
        return present
    return ATTRIBUTES.encode()


def ignore_unchecked(present: str | None, mirrors: Sequence[Mirror]) -> str | None:
    """The text that third_party/.gitignore should have; None if no file is needed.

    A block of its own hides just the mirrors that are not checked in; the rest stays.
    """
    lines = [line for mirror in mirrors if not mirror.checked_in for line in _ignored(mirror)]
    block = "\n".join([_BEGIN, *sorted(lines), _END]) + "\n" if lines else ""
    if present is None:
        return block or None
    if (found := _block(present)) is not None:
        return present[: found[0]] + block + present[found[1] :] or None
    if not block:
        return present
    return present + ("" if present.endswith("\n") or not present else "\n") + block


def _block(text: str) -> tuple[int, int] | None:
    """Start and end of the first block that has an end; None if there is none.

    Two searches find it in linear time, however many lines look like its beginning.
    """
    begin = re.search(rf"^{re.escape(_BEGIN)}\n", text, re.MULTILINE)
    end = (
        re.compile(rf"^{re.escape(_END)}\n", re.MULTILINE).search(text, begin.end())
        if begin
        else None
    )
    return (begin.start(), end.end()) if begin and end else None


def _ignored(mirror: Mirror) -> tuple[str, str]:
    return f"/{_escape(mirror.into)}/", f"/{license_directory(mirror.name)}/"


def _escape(path: str) -> str:
    return re.sub(r"([\\*?\[\]])", r"\\\1", path.rstrip(" ")) + "\\ " * (
        len(path) - len(path.rstrip(" "))
    )
