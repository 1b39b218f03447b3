"""Makes what `.gitattributes` and `.gitignore` say of mirrors, in third_party/ and at the root."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sync.errors import HostError
from sync.host.marked_block import END, with_block
from sync.layout import (
    ATTRIBUTES_FILE,
    ATTRIBUTES_PATH,
    IGNORE_FILE,
    IGNORE_PATH,
    THIRD_PARTY,
    is_in_third_party,
    license_directory,
)
from sync.manifest.read import Manifest
from sync.selection.patterns import literal

CONVERTS_NOTHING = "-text -ident -filter !eol !working-tree-encoding"
LEAVES_NOTHING_OUT = "-export-ignore -export-subst"

# A later attribute in a line wins, in case somebody defines a macro called linguist-vendored.
_OF_COPIES = (
    f"linguist-vendored {CONVERTS_NOTHING} {LEAVES_NOTHING_OUT} "
    "-whitespace -merge conflict-marker-size=200"
)
ATTRIBUTES = f"""\
# Mirrors are exact copies: git converts nothing in them, whatever core.autocrlf says, \
leaves none of
# their files out of an archive, never mends their whitespace, \
and never merges two of them by lines.
* {_OF_COPIES}
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

_LONGEST_READ = 2048  # of longer lines git says that they are ignored (attr.h)

Edit = Callable[[bytes | None], bytes | None]
"""Gives the new content of a file that people edit too, by its present one; None is no file."""

_IGNORED = "# git-verbatim: mirrors that are not checked in"
_OUTSIDE = f"# git-verbatim: mirrors outside {THIRD_PARTY}/ are exact copies"


def own_edits(manifest: Manifest) -> Mapping[str, Edit]:
    """The edits to files that people edit too, by path, for any version of these files.

    An edit raises HostError for a file whose marked block is broken.
    """
    hidden = list(_hidden(manifest))
    lines = [attributes_line(one.path, one.is_directory) for one in _outside(manifest)]
    return {
        ATTRIBUTES_PATH: keep_attributes,
        IGNORE_PATH: _block_of(
            IGNORE_PATH,
            _IGNORED,
            [one.pattern(THIRD_PARTY) for one in hidden if is_in_third_party(one.path)],
        ),
        ATTRIBUTES_FILE: _block_of(ATTRIBUTES_FILE, _OUTSIDE, lines),
        IGNORE_FILE: _block_of(
            IGNORE_FILE,
            _IGNORED,
            [one.pattern("") for one in hidden if not is_in_third_party(one.path)],
        ),
    }


class _Named(NamedTuple):
    """A file or directory of the host that a sync writes, or that the manifest names."""

    path: str
    is_directory: bool = True

    def pattern(self, directory: str) -> str:
        """The gitignore pattern of it in the `.gitignore` of a directory."""
        below = f"/{self.path}".removeprefix(f"/{directory}") if directory else f"/{self.path}"
        return literal(below) + ("/" if self.is_directory else "")


def _hidden(manifest: Manifest) -> Iterator[_Named]:
    """What git ignores, since it is not checked in."""
    for mirror in manifest.mirrors.values():
        if not mirror.checked_in:
            yield from map(_Named, (*mirror.places, license_directory(mirror.name)))
    for form in manifest.forms.values():
        if not form.checked_in:
            yield from (_Named(place, form.kind.is_directory) for place in form.places)


def _outside(manifest: Manifest) -> Iterator[_Named]:
    """What lies outside third_party/ and has to keep its bytes."""
    named = [
        *(_Named(place) for mirror in manifest.mirrors.values() for place in mirror.places),
        *(
            _Named(place, form.kind.is_directory)
            for form in manifest.forms.values()
            for place in form.places
        ),
        *(
            _Named(path, is_directory=False)
            for form in manifest.forms.values()
            for path in form.patches
        ),
    ]
    yield from (one for one in dict.fromkeys(named) if not is_in_third_party(one.path))


@contextmanager
def of_version(path: str, version: str, mended_by: str) -> Iterator[None]:
    """Have an edit's HostError say which version of the file is broken.

    `mended_by` are the commands that have the version on disk take its place.
    """
    try:
        yield
    except HostError as error:
        error.context = [f"in {version}; {path} on disk is whole", *error.context]
        error.hint = f"put the file in its place with {mended_by}, then run the command again"
        raise


def attributes_line(path: str, is_directory: bool = True) -> str:
    """The line of a `.gitattributes` that protects a directory or file, by its path from there."""
    pattern = literal(f"/{path}/") + "**" if is_directory else literal(f"/{path}")
    if re.search(r'[\s"]', pattern):
        escaped = re.sub(r'([\\"])', r"\\\1", pattern)
        pattern = f'"{escaped}"'
    return f"{pattern} {_OF_COPIES}"


def protects(attributes: bytes, places: Collection[str]) -> bool:
    """Whether the root's `.gitattributes` ends with a block that decides for all these places."""
    text = attributes.decode("utf-8", "surrogateescape").replace("\r\n", "\n").rstrip("\n")
    _, begin, block = text.rpartition(f"{_OUTSIDE}\n")
    *lines, end = block.split("\n")
    # Later attributes in a line win, so that whatever a line says first is without effect.
    is_ours = bool(begin) and end == END and all(line.endswith(f" {_OF_COPIES}") for line in lines)
    read = {line for line in lines if len(line.encode("utf-8", "surrogateescape")) < _LONGEST_READ}
    return is_ours and {*map(attributes_line, places)} <= read


def _block_of(path: str, begin: str, lines: Sequence[str]) -> Edit:
    def edit(present: bytes | None) -> bytes | None:
        text = None if present is None else present.decode("utf-8", "surrogateescape")
        edited = with_block(text, begin, sorted(lines), path)
        return None if edited is None else edited.encode("utf-8", "surrogateescape")

    return edit


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
