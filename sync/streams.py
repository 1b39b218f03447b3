"""The edges of the process: streams that are open and take whatever is printed, and names of files that are UTF-8 everywhere."""

import os
import sys
from io import TextIOWrapper

_STDERR = 2
_ENCODING = "git-verbatim-encoding"


def settle() -> None:
    """Make the process as the program expects it, whatever locale, encoding or closed streams it was started with.

    A locale of another encoding would read and write the names of files otherwise than git does. Only Python itself
    can leave it, as it starts (PEP 540), so it is started once more; what is printed keeps the locale's encoding.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode and sys.executable:
        encoding = f"{_ENCODING}={getattr(sys.stdout, 'encoding', None) or 'utf-8'}"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-X", encoding, *sys.orig_argv[1:]])  # noqa: S606
    _fill_closed()
    sys.stdout, sys.stderr = _tolerant(sys.stdout), _tolerant(sys.stderr)


def _fill_closed() -> None:
    """Open what is closed of the first three descriptors, as git does: the next file opened would be taken for a stream."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(descriptor, True)  # noqa: FBT003
    os.close(descriptor)


def _tolerant(stream: object) -> TextIOWrapper:
    """The stream, so that it writes what its encoding lacks as Python escapes it; nobody's where there is none."""
    if not isinstance(stream, TextIOWrapper):
        return open(os.devnull, "w", encoding="utf-8")
    encoding = sys._xoptions.get(_ENCODING)  # noqa: SLF001 - documented, for options of one's own
    stream.reconfigure(
        encoding=encoding if isinstance(encoding, str) else None, errors="backslashreplace"
    )
    return stream
