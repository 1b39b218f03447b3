"""A git that is missing, old or broken, variables that steer it, a cache that cannot be filled."""

import os
import shutil
from collections.abc import Iterator

from tests.harnesses.badinput.case import ACCEPTED, Build, Case
from tests.harnesses.badinput.scene import EXECUTABLE, FILE, Scene

_FILES = {b"a": (FILE, b"a\n"), b"run": (EXECUTABLE, b"#!/bin/sh\n")}
_OLD = 'case "$*" in *version*) echo "git version 2.20.0";; *) exec REAL "$@";; esac\n'
_SAYING = 'case "$*" in fetch*|*" fetch "*) printf WORDS >&2; exit 128;; *) exec REAL "$@";; esac\n'
_PATH = "{top}/fake:" + os.environ["PATH"]


def _plain(scene: Scene) -> None:
    scene.release(_FILES)


def _fake(text: str, first: str = "#!/bin/sh\n") -> Build:
    """Another git, first in the PATH of the case."""

    def build(scene: Scene) -> None:
        _plain(scene)
        program = scene.top / "fake/git"
        program.parent.mkdir()
        program.write_text(first + text.replace("REAL", str(shutil.which("git"))))
        program.chmod(0o755)

    return build


def _mounted(*options: str) -> Build:
    """A cache on a file system of its own, for an upstream that is larger than some."""

    def build(scene: Scene) -> None:
        scene.release({**_FILES, b"large": (FILE, os.urandom(1 << 18))})
        cache = scene.home / ".cache"
        cache.mkdir()
        scene.mount(cache, "-t", "tmpfs", *options, "tmpfs")

    return build


_WORDS = {
    "of-two-lines": "'fatal: no\\nhint: do this\\nerror: x\\n'",
    "with-escapes": "'\\033]0;x\\007fatal: \\033[2J\\r\\n'",
    "not-utf8": "'fatal: \\377\\376\\n'",
    "with-workflow-command": "'fatal: x\\n::error::y\\n##[error]z\\n'",
    "none": "''",
}
_VARIABLES = {
    "GIT_TRACE": "1",
    "GIT_TRACE_PACKET": "1",
    "GIT_TRACE2_EVENT": "1",
    "GIT_CURL_VERBOSE": "1",
    "GIT_SSH_COMMAND": "false",
    "GIT_PROXY_COMMAND": "false",
    "GIT_ASKPASS": "false",
    "GIT_NAMESPACE": "elsewhere",
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_SHALLOW_FILE": "/dev/null",
    "GIT_CONFIG_PARAMETERS": "'uploadpack.packObjectsHook=false'",
}


def _cases() -> Iterator[Case]:
    nowhere = {"PATH": "/nonexistent"}
    fake = {"PATH": _PATH}
    yield Case("git-missing", "git-missing", _plain, environment=nowhere)
    yield Case("git-too-old", "git-too-old", _fake(_OLD), environment=fake)
    no_program = _fake("", "#!/nonexistent/sh\n")
    yield Case("git-that-cannot-start", "git-missing", no_program, environment=fake)
    yield Case("git-that-fails", "git-missing", _fake("exit 127\n"), environment=fake)
    yield Case("git-that-is-killed", "git-missing", _fake("kill -KILL $$\n"), environment=fake)
    for label, words in _WORDS.items():
        build = _fake(_SAYING.replace("WORDS", words))
        yield Case(
            f"git-says-words-{label}", "upstream-unreachable", build, status=3, environment=fake
        )
    for name, value in _VARIABLES.items():
        label = name.lower().replace("_", "-")
        yield Case(f"variable-{label}", ACCEPTED, _plain, environment={name: value})
    still = {"TERM": "dumb"}  # nothing is drawn, so that the terminal gets only words
    yield Case("cache-full", "cache-unusable", _mounted("-o", "size=128k"), environment=still)
    yield Case("cache-read-only", "cache-unusable", _mounted("-o", "ro"))


CASES = tuple(_cases())
