"""What git is told of third_party/: the attributes that keep it from converting, and what is not checked in."""

import re
from collections.abc import Callable, Mapping, Sequence

from sync.layout import ATTRIBUTES_FILE, IGNORE_FILE, license_directory
from sync.model import Mirror

CONVERTS_NOTHING = "-text -ident -filter !eol !working-tree-encoding"
LEAVES_NOTHING_OUT = "-export-ignore -export-subst"

# what stands later in a line is stronger, should somebody define a macro called linguist-vendored
ATTRIBUTES = f"""\
# Mirrors are exact copies: git converts nothing in them, whatever core.autocrlf says, leaves none of
# their files out of an archive, never mends their whitespace, and never merges two of them by lines.
* linguist-vendored {CONVERTS_NOTHING} {LEAVES_NOTHING_OUT} -whitespace -merge conflict-marker-size=200
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
"""What earlier versions wrote; all of it kept git from converting."""

Edit = Callable[[bytes | None], bytes | None]
"""What becomes of a file that people edit too; None: there is none."""

_BEGIN = "# git-verbatim: mirrors that are not checked in"
_END = "# git-verbatim: end"


def own_edits(mirrors: Sequence[Mirror]) -> Mapping[str, Edit]:
    """What the tool has to say in files below third_party/ that people edit too: in each version of them alike."""
    return {
        ATTRIBUTES_FILE: keep_attributes,
        IGNORE_FILE: lambda present: _with_ignored(present, mirrors),
    }


def _with_ignored(present: bytes | None, mirrors: Sequence[Mirror]) -> bytes | None:
    text = None if present is None else present.decode("utf-8", "surrogateescape")
    ignoring = ignore_unchecked(text, mirrors)
    return None if ignoring is None else ignoring.encode("utf-8", "surrogateescape")


def keep_attributes(present: bytes | None) -> bytes:
    """third_party/.gitattributes as it should be: what somebody wrote stays, what a version of ours did is brought up to date."""
    if (
        present
        and present.replace(b"\r\n", b"\n").decode("utf-8", "replace") not in EARLIER_ATTRIBUTES
    ):
        return present
    return ATTRIBUTES.encode()


def ignore_unchecked(present: str | None, mirrors: Sequence[Mirror]) -> str | None:
    """third_party/.gitignore with a block that hides just the mirrors that are not checked in; None: no file needed."""
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
    """Where the first block stands that has an end: found by two searches, since lines may begin it as often as they like."""
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
