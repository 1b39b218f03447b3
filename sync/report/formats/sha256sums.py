"""What `sha256sum -c` checks from the release's root: every regular file of the mirrors, and the licence files beside them."""

from collections.abc import Iterator

from sync.ids import Mode
from sync.model import FileFact
from sync.report.facts import Component, Facts

_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}


def render(facts: Facts) -> bytes:
    """A line a file; a symlink has none, for sha256sum would follow it.

    Nor has what is not here: comments are not for every sha256sum, busybox counts them as failures.
    """
    return b"".join(
        _line(path, fact)
        for component in facts.present
        for path, fact in files_with_paths(component)
    )


def files_with_paths(component: Component) -> Iterator[tuple[bytes, FileFact]]:
    """The regular files of a mirror, then those of its licence files, with their paths from the release's root."""
    for directory, facts in (
        (component.directory, component.files),
        (component.license_directory, component.license_files),
    ):
        for fact in facts:
            if fact.mode != Mode.SYMLINK:
                yield f"{directory}/".encode() + fact.path, fact


def _line(path: bytes, fact: FileFact) -> bytes:
    """As GNU coreutils writes it: a backslash at the beginning says that the name is escaped."""
    escaped = path
    for raw, sign in _ESCAPES.items():
        escaped = escaped.replace(raw, sign)
    mark = b"" if escaped == path else b"\\"
    return mark + fact.sha256.encode() + b"  " + escaped + b"\n"
