"""A list for `sha256sum -c`: all regular files of mirrors and derived forms, and licence files.

The paths start at the root of the release.
"""

from collections.abc import Iterator

from sync.ids import Mode
from sync.model.values import FileFact
from sync.report.facts import Component, Derived, Facts

_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}


def render(facts: Facts) -> bytes:
    """Write a line for each file.

    There is none for a symlink, which sha256sum would follow, and no comment that names what is not
    here, or what is derived: busybox counts comments as failures.
    """
    files = (file for component in facts.present for file in files_with_paths(component))
    made = (file for form in facts.forms_here for file in _made(form))
    return b"".join(_line(path, fact) for path, fact in (*files, *made))


def files_with_paths(component: Component) -> Iterator[tuple[bytes, FileFact]]:
    """Yield the regular files in each place of a mirror, then its licence files.

    Their paths start at the root of the release.
    """
    for place in component.places:
        for fact in place.files:
            if fact.mode != Mode.SYMLINK:
                yield f"{place.directory}/".encode() + fact.path, fact


def _made(form: Derived) -> Iterator[tuple[bytes, FileFact]]:
    return ((path, fact) for path, fact in form.files if fact.mode != Mode.SYMLINK)


def _line(path: bytes, fact: FileFact) -> bytes:
    """Write a line as GNU coreutils does: a backslash at its beginning marks an escaped name."""
    escaped = path
    for raw, sign in _ESCAPES.items():
        escaped = escaped.replace(raw, sign)
    mark = b"" if escaped == path else b"\\"
    return mark + fact.sha256.encode() + b"  " + escaped + b"\n"
