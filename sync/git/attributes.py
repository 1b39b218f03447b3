"""Asks git what the gitattributes of one state say of files, without the machine's own."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sync.errors import CouldNotCheckError
from sync.git.process import CONVERTING, run_git
from sync.git.repository import Repository
from sync.ids import Mode
from sync.model import Entry

ARCHIVING = ("export-ignore", "export-subst")
"""The attributes by which `git archive` changes, or leaves out, what is not converted."""
_ASKED = (*CONVERTING, *ARCHIVING)
# A pattern of many `**/` keeps git busy for years; with usual patterns 100,000 files take less than
# a second.
_SECONDS = 10


def attributes_of(
    repository: Repository,
    attribute_files: Iterable[Entry],
    paths: Sequence[bytes],
    *,
    ignore_case: bool = False,
) -> list[Mapping[str, str]]:
    """The attributes above for each path, if these `.gitattributes` files are all there are.

    A path that ends in `/` is a directory's. With `ignore_case` patterns match as on Windows and
    macOS. A value is `set`, `unset` or the attribute's own; an unspecified attribute is left out.
    git reads the files from a temporary index, so `info/attributes` and the user's and the system's
    files have no say. Raises CouldNotCheckError if git takes too long.
    """
    lines = b"".join(
        b"%o %s\t%s\0" % (Mode.FILE, entry.blob.encode(), entry.path) for entry in attribute_files
    )
    with tempfile.TemporaryDirectory(prefix="git-verbatim-") as scratch:
        environment = _environment(repository, Path(scratch), ignore_case=ignore_case)
        run_git(None, "init", "--quiet", "--bare", "--template=", scratch, environment=environment)
        run_git(None, "update-index", "-z", "--index-info", stdin=lines, environment=environment)
        asked = b"".join(path + b"\0" for path in paths)
        said = _check_attributes(asked, environment)
    fields = iter(said.split(b"\0")[:-1])
    values = [
        (name.decode(), value.decode("utf-8", "replace"))
        for _, name, value in zip(fields, fields, fields, strict=True)
    ]
    one = len(_ASKED)
    return [
        {name: value for name, value in values[at : at + one] if value != "unspecified"}
        for at in range(0, len(values), one)
    ]


def _check_attributes(asked: bytes, environment: Mapping[str, str]) -> bytes:
    options = ("--cached", "-z", "--stdin", *_ASKED)
    try:
        return run_git(
            None, "check-attr", *options, stdin=asked, environment=environment, seconds=_SECONDS
        ).stdout
    except CouldNotCheckError as error:
        error.hint = (
            "look at the patterns of the .gitattributes that are in force in third_party/: "
            "git matches each with each file"
        )
        raise


def _environment(repository: Repository, scratch: Path, *, ignore_case: bool) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # In a push the objects are in quarantine, and git says where.
    objects = {
        key: os.environ[key]
        for key in ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
        if key in os.environ
    } or {"GIT_OBJECT_DIRECTORY": str(repository.common_directory / "objects")}
    return {
        **kept,
        **objects,
        "GIT_DIR": str(scratch),
        "GIT_INDEX_FILE": str(scratch / "index"),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.ignoreCase",
        "GIT_CONFIG_VALUE_0": str(ignore_case).lower(),
        "HOME": str(scratch),
        "XDG_CONFIG_HOME": str(scratch),
    }
