"""Standard streams that are open and take any text, and file names that are always UTF-8."""

import os
import sys
from io import TextIOWrapper

_STDERR = 2
_ENCODING = "git-verbatim-encoding"


def settle() -> None:
    """Set up the process as the program expects it, whatever its locale and its streams.

    With a locale of another encoding, Python would read and write the names of files differently
    from git. Only Python itself can change that, when it starts (PEP 540), so the process is
    started once more. What is printed keeps the locale's encoding.
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode and sys.executable:
        encoding = f"{_ENCODING}={getattr(sys.stdout, 'encoding', None) or 'utf-8'}"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-X", encoding, *sys.orig_argv[1:]])  # noqa: S606
    _fill_closed()
    sys.stdout, sys.stderr = _tolerant(sys.stdout), _tolerant(sys.stderr)


def _fill_closed() -> None:
    """Open those of the first three descriptors that are closed, as git does.

    Otherwise the next file that is opened would be taken for a standard stream.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(descriptor, True)  # noqa: FBT003
    os.close(descriptor)


def _tolerant(stream: object) -> TextIOWrapper:
    """The stream, made to escape as Python does what its encoding lacks.

    If there is no stream, what is printed goes nowhere.
    """
    if not isinstance(stream, TextIOWrapper):
        return open(os.devnull, "w", encoding="utf-8")
    encoding = sys._xoptions.get(_ENCODING)  # noqa: SLF001 - documented, for options of one's own
    stream.reconfigure(
        encoding=encoding if isinstance(encoding, str) else None, errors="backslashreplace"
    )
    return stream
