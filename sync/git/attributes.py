"""Asks git what the gitattributes of one state say of files, without the machine's own."""

import os
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from sync.errors import CouldNotCheckError
from sync.git.process import CONVERTING, run_git
from sync.ids import Mode, ObjectId, RepoPath
from sync.objects.tree import object_id

ARCHIVING = ("export-ignore", "export-subst")
"""The attributes by which `git archive` changes, or leaves out, what is not converted."""
_ASKED = (*CONVERTING, *ARCHIVING)
# A pattern of many `**/` keeps git busy for years; with usual patterns 100,000 files take less than
# a second.
_SECONDS = 10


def attributes_of(
    attribute_files: Mapping[RepoPath, bytes], paths: Sequence[bytes], *, ignore_case: bool = False
) -> list[Mapping[str, str]]:
    """The attributes above for each path, if these `.gitattributes` files are all there are.

    The files are given by their paths and contents. A path that ends in `/` is a directory's. With
    `ignore_case` patterns match as on Windows and macOS. A value is `set`, `unset` or the
    attribute's own; an unspecified attribute is left out. git reads the files from a temporary
    index, so `info/attributes` and the user's and the system's files have no say. Raises
    CouldNotCheckError if git takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="git-verbatim-") as scratch:
        environment = _environment(Path(scratch), ignore_case=ignore_case)
        run_git(None, "init", "--quiet", "--bare", "--template=", scratch, environment=environment)
        lines = b"".join(
            b"%o %s\t%s\0" % (Mode.FILE, _written(Path(scratch), content).encode(), path)
            for path, content in attribute_files.items()
        )
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


def _written(repository: Path, content: bytes) -> ObjectId:
    """Write a blob as a loose object, which costs no process; its id."""
    blob = object_id("blob", content)
    file = repository / "objects" / blob[:2] / blob[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(b"blob %d\0" % len(content) + content, 1))
    return blob


def may_alter(attributes: Mapping[str, str]) -> bool:
    """Whether git would convert some content, or leave it out of an archive, under these."""
    return attributes.get("export-ignore") == "set" or may_convert(attributes)


def may_convert(attributes: Mapping[str, str]) -> bool:
    """Whether git would convert some content under these attributes."""
    return attributes.get("text") != "unset" or any(
        attributes.get(name, "unset") != "unset"
        for name in ("filter", "working-tree-encoding", "ident", "export-subst")
    )


def _check_attributes(asked: bytes, environment: Mapping[str, str]) -> bytes:
    options = ("--cached", "-z", "--stdin", *_ASKED)
    try:
        return run_git(
            None, "check-attr", *options, stdin=asked, environment=environment, seconds=_SECONDS
        ).stdout
    except CouldNotCheckError as error:
        error.hint = (
            "look at the patterns of the .gitattributes that are in force for mirrors: "
            "git matches each with each file"
        )
        raise


def _environment(scratch: Path, *, ignore_case: bool) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {
        **kept,
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
