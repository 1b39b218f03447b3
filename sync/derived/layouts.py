"""Lays out WIT packages in files, as wasm-tools reads them, once for all forms of the same ones."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Self

from sync.derived.ingredients import Input
from sync.errors import SelectionError
from sync.ids import Mode
from sync.model.values import Entry
from sync.quoting import quote_path

_FILES = frozenset({Mode.FILE, Mode.EXECUTABLE})
_KEPT_FILES = 32


class Layouts:
    """Directories in which packages are laid out, until the end of a `with`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._laid_out: dict[tuple[Input, ...], Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for directory in self._laid_out.values():
            with suppress(OSError):
                shutil.rmtree(directory)

    def of(self, main: Input, needs: Sequence[Input]) -> Path:
        """The directory in which a package is `main`, and what it needs is in `main/deps`."""
        packages = (main, *needs)
        with self._lock:
            if packages not in self._laid_out:
                directory = Path(tempfile.mkdtemp(prefix="git-verbatim-"))
                try:
                    _lay_out(directory / "main", main, needs)
                except BaseException:
                    shutil.rmtree(directory, ignore_errors=True)
                    raise
                self._laid_out[packages] = directory
            return self._laid_out[packages]


def _lay_out(main: Path, of: Input, needs: Sequence[Input]) -> None:
    """Write the WIT files that lie at the top of each input, which are all that count."""
    _write(main, of)
    for number, each in enumerate(needs):
        _write(main / "deps" / str(number), each)


def _write(directory: Path, given: Input) -> None:
    _refuse_symlinks(given)
    directory.mkdir(parents=True)
    files = wit_files(given)
    if not files:
        raise SelectionError(
            f"{given.name} has no WIT file at its top",
            [f"it has {len(given.files)} files"],
            hint="mirror the directory of the package with `from`",
            reference="wit-missing",
        )
    for name, data in files:
        (directory / name).write_bytes(data)


def _refuse_symlinks(given: Input) -> None:
    """SelectionError for a symlink whose interfaces the package would lack without a word."""
    for entry in _at_top(given):
        if entry.mode not in _FILES:
            raise SelectionError(
                f"{given.name} has a symlink where a WIT file should be: {quote_path(entry.path)}",
                [f"it points to {quote_path(given.read(entry.blob))}, and is not followed"],
                hint="if the package does not need it, leave it out of the mirror: "
                f'exclude = ["/{quote_path(entry.path)}"]',
                reference="wit-symlink",
            )


@lru_cache(_KEPT_FILES)
def wit_files(given: Input) -> tuple[tuple[str, bytes], ...]:
    """The WIT files of an input; kept, since several forms are made of one package."""
    return tuple(
        (entry.path.decode("utf-8", "surrogateescape"), given.read(entry.blob))
        for entry in _at_top(given)
        if entry.mode in _FILES
    )


def _at_top(given: Input) -> list[Entry]:
    return [
        entry
        for entry in given.files
        if entry.path.endswith(b".wit") and not entry.path.count(b"/")
    ]
