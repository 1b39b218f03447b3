"""What git is told of third_party/: the attributes that keep it from converting, and what is not checked in."""

import re
from collections.abc import Sequence

from sync.model import Mirror, license_directory

ATTRIBUTES = """\
# Mirrors are exact copies: git converts nothing in them, whatever core.autocrlf says.
* linguist-vendored -text -ident -filter !eol !working-tree-encoding
mirrors.toml !linguist-vendored
"""

_BEGIN = "# git-verbatim: mirrors that are not checked in"
_END = "# git-verbatim: end"
_BLOCK = re.compile(rf"^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n", re.MULTILINE | re.DOTALL)


def ignore_unchecked(present: str | None, mirrors: Sequence[Mirror]) -> str | None:
    """third_party/.gitignore with a block that hides just the mirrors that are not checked in; None: no file needed."""
    lines = [line for mirror in mirrors if not mirror.checked_in for line in _ignored(mirror)]
    block = "\n".join([_BEGIN, *sorted(lines), _END]) + "\n" if lines else ""
    if present is None:
        return block or None
    if _BLOCK.search(present):
        return _BLOCK.sub(lambda _: block, present, count=1) or None
    if not block:
        return present
    return present + ("" if present.endswith("\n") or not present else "\n") + block


def _ignored(mirror: Mirror) -> tuple[str, str]:
    return f"/{_escape(mirror.into)}/", f"/{license_directory(mirror.name)}/"


def _escape(path: str) -> str:
    return re.sub(r"([\\*?\[\]])", r"\\\1", path.rstrip(" ")) + "\\ " * (len(path) - len(path.rstrip(" ")))
