"""Writes reports to where the user wants them, and says which committed ones are out of date.

Each report is written as a whole or not at all.
"""

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from sync.errors import UsageError
from sync.host.directory import write_all
from sync.host.find import Host
from sync.judgement.findings import Presence
from sync.layout import THIRD_PARTY
from sync.report.facts import Facts
from sync.report.formats.registry import FORMATS, Format, find_format

_SHOWN = 12
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PERMISSIONS, _EXECUTABLE = 0o666, 0o777  # the kernel applies the umask to them


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What the command line asks for.

    It is one format, every format in a directory, or whether the reports in a directory are
    current.
    """

    formats: Sequence[Format]
    file: Path | None = None
    directory: Path | None = None
    check: Path | None = None
    is_table: bool = False
    """Whether no format was named: then people on a terminal get a table."""

    @property
    def reads_content(self) -> bool:
        return any(report.reads_content for report in self.formats)


def read_request(
    name: str | None, output: Path | None, *, every: bool, check: Path | None
) -> ReportRequest:
    """Return what to write and where.

    Raises UsageError for options that exclude each other and for an unknown format.
    """
    if every + (check is not None) + (name is not None) > 1:
        raise UsageError(
            "FORMAT, `--all` and `--check` are three different things",
            hint="give one of them",
            reference="report-request",
        )
    if check is not None:
        if output is not None:
            raise UsageError(
                "`--check` writes nothing", hint="leave `-o` out", reference="report-request"
            )
        return ReportRequest(_written_formats(check), check=check)
    if every:
        if output is None or str(output) == "-":
            raise UsageError(
                "`--all` writes many files",
                hint="name a directory for them: `--all -o DIR`",
                reference="report-request",
            )
        return ReportRequest(FORMATS, directory=output)
    file = None if output is None or str(output) == "-" else output
    return ReportRequest(
        [find_format(name or "markdown")], file=file, is_table=name is None and output is None
    )


def refuse_empty(facts: Facts, formats: Sequence[Format]) -> None:
    """Raise UsageError if no mirror's or form's files are here and a format would list nothing."""
    if (
        facts.present
        or facts.forms_here
        or not any(report.lists_what_is_here for report in formats)
    ):
        return
    named = [f"{component.name}: {component.presence.value}" for component in facts.components]
    more = [f"… {len(named)} in all"] if len(named) > _SHOWN else []
    rebuild = "rebuild those that are not checked in with `git verbatim sync`; "
    is_any_absent = any(component.presence is Presence.ABSENT for component in facts.components)
    raise UsageError(
        "the files of no mirror are here: there is nothing to list",
        [*named[:_SHOWN], *more],
        hint=f"{rebuild if is_any_absent else ''}`git verbatim report markdown` names them all",
        reference="nothing-here",
    )


def render(facts: Facts, formats: Sequence[Format]) -> dict[Format, bytes]:
    """Return the bytes of each format; all are rendered before anything is written."""
    return {report: report.render(facts) for report in formats}


def write_report(host: Host, facts: Facts, path: Path, report: Format, content: bytes) -> None:
    """Write one report to a file; an existing file is replaced as a whole."""
    _refuse_place(host, facts, Path(os.path.realpath(path)))
    if path.is_dir():
        raise UsageError(
            f"{path} is a directory",
            hint=f"name a file, such as {path / report.file_name}, "
            "or write all formats there with `--all`",
            reference="output-is-a-directory",
        )
    if path.exists() and not path.is_file():
        _write_into(path, content)  # a pipe or a terminal
    else:
        _replace({path: (content, report.is_executable)}, follow=True)


def write_reports(
    host: Host, facts: Facts, directory: Path, reports: Mapping[Format, bytes]
) -> None:
    """Write all reports into a directory, or none of them.

    The directory is created if it does not exist.
    """
    _refuse_place(host, facts, Path(os.path.realpath(directory)))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error
    files = {
        directory / report.file_name: (content, report.is_executable)
        for report, content in reports.items()
    }
    # A symlink with the name of a report was put there by somebody and may lead anywhere.
    _replace(files, follow=False)


@dataclass(frozen=True, slots=True)
class Currency:
    """Which of the reports in a directory are the same as they would be if written now."""

    current: tuple[str, ...]
    stale: tuple[str, ...]
    formats: int = len(FORMATS)
    """The number of all formats."""

    def __bool__(self) -> bool:
        return not self.stale


def _written_formats(directory: Path) -> list[Format]:
    """Return the formats whose report a directory contains; UsageError if it contains none."""
    found = [report for report in FORMATS if (directory / report.file_name).is_file()]
    if not found:
        raise UsageError(
            f"there are no reports in {directory}",
            ["looked for " + ", ".join(report.file_name for report in FORMATS)],
            hint=f"write them with `git verbatim report --all -o {directory}`",
            reference="reports-missing",
        )
    return found


def compare(directory: Path, reports: Mapping[Format, bytes]) -> Currency:
    """Compare the reports in a directory with what would be written now."""
    stale = {
        report
        for report, content in reports.items()
        if not _holds(directory / report.file_name, content)
    }
    return Currency(
        tuple(report.file_name for report in reports if report not in stale),
        tuple(report.file_name for report in reports if report in stale),
    )


def _holds(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content


def _refuse_place(host: Host, facts: Facts, place: Path) -> None:
    """Raise UsageError if a report must not be written to `place`.

    Only mirrors and their records lie in third_party/, only upstream's files in a mirror, and only
    git's own in .git. `place` is a path without symlinks.
    """
    if any(part.casefold() == ".git" for part in place.parts):
        raise UsageError(
            f"a report cannot lie in a git directory: {place}",
            hint="write it elsewhere, such as docs/third-party/",
            reference="output-in-git",
        )
    root, above = host.require_root(), (place, *place.parents)
    if any(_is_same(directory, root / THIRD_PARTY) for directory in above):
        raise UsageError(
            f"a report cannot lie in {THIRD_PARTY}/",
            ["only mirrors and their records do: a report there would be a finding"],
            hint="write it elsewhere, such as docs/third-party/",
            reference="output-in-third-party",
        )
    held = {one: f"mirror {c.name}" for c in facts.components for one in c.record.copies}
    held |= {one: f"form {f.name}" for f in facts.forms for one in f.record.places}
    for one, holder in held.items():
        if any(_is_same(directory, root / one) for directory in above):
            raise UsageError(
                f"a report cannot lie in {one}",
                [f"it is a place of the {holder}, which holds nothing else"],
                hint="write it elsewhere, such as docs/third-party/",
                reference="output-in-mirror",
            )


def _is_same(one: Path, other: Path) -> bool:
    """Whether both are the same directory, even if their names differ in case."""
    try:
        return one.samefile(other)
    except OSError:  # it does not exist yet
        return False


def _replace(files: Mapping[Path, tuple[bytes, bool]], *, follow: bool) -> None:
    """Write each file beside its target, then rename all.

    If one cannot be written, none is replaced. With `follow` the file that a symlink leads to is
    replaced; otherwise the symlink itself is.
    """
    waiting: dict[Path, Path] = {}
    try:
        for path, (content, is_executable) in files.items():
            target = Path(os.path.realpath(path)) if follow else path
            if target.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a directory", str(target))
            waiting[target] = _write_beside(target, content, is_executable=is_executable)
        for target, written in waiting.items():
            written.replace(target)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        for written in waiting.values():
            with suppress(OSError):
                written.unlink()


def _write_beside(target: Path, content: bytes, *, is_executable: bool) -> Path:
    """Write a new file beside its target.

    It has the permissions of the file that it will replace, or those that the umask allows.
    """
    written = target.with_name(f".{target.name}.{token_hex(4)}")
    descriptor = os.open(written, _CREATE, _EXECUTABLE if is_executable else _PERMISSIONS)
    try:
        with suppress(FileNotFoundError):
            os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
        write_all(descriptor, content)
    except BaseException:
        os.unlink(written)
        raise
    finally:
        os.close(descriptor)
    return written


def _write_into(path: Path, content: bytes) -> None:
    try:
        with path.open("wb") as stream:
            stream.write(content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"cannot write {path}",
        [(error.strerror or str(error)).lower()],
        hint="name another place with `-o`; nothing was written",
        reference="output-unwritable",
    )
