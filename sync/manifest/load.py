"""Loads the TOML of the manifest, or says what is wrong with its syntax."""

import re
from collections.abc import Mapping
from functools import lru_cache

import tomli

from sync.errors import ManifestError
from sync.layout import MANIFEST_PATH
from sync.limits import DOTS, DOTS_SQUARED, MANIFEST_BYTES
from sync.manifest.toml_lines import toml_lines

_KEPT = 8


# A policy reads the paths of a manifest first, and later the rest of it.
@lru_cache(_KEPT)
def load_manifest(data: bytes) -> tuple[str, Mapping[str, object]]:
    """The text and the document in `data`, whatever its keys are; ManifestError if it is no TOML.

    Time and memory are limited.
    """
    if len(data) > MANIFEST_BYTES:
        raise ManifestError(
            f"{MANIFEST_PATH} has more than {MANIFEST_BYTES:,} bytes",
            hint="look at what it holds: a mirror takes a hundred or two",
            reference="manifest-too-large",
        )
    text = _decode(data)
    if _has_long_keys(text):
        raise ManifestError(f"{MANIFEST_PATH} is nested too deeply", reference="manifest-syntax")
    try:
        return text, tomli.loads(text)
    except RecursionError as error:
        raise ManifestError(
            f"{MANIFEST_PATH} is nested too deeply", reference="manifest-syntax"
        ) from error
    except ValueError as error:
        # It is a TOMLDecodeError, or a number has more digits than Python converts.
        raise _syntax_error(text, error) from error


def _decode(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise ManifestError(
            f"{MANIFEST_PATH} begins with a byte order mark",
            hint="save the file as UTF-8 without BOM",
            reference="manifest-bom",
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{MANIFEST_PATH} is not UTF-8",
            [f"{MANIFEST_PATH}:{line}"],
            hint="save the file as UTF-8",
            reference="manifest-encoding",
        ) from error


def _syntax_error(text: str, error: ValueError) -> ManifestError:
    conflict = next(
        (
            n
            for n, line in enumerate(toml_lines(text), 1)
            if line.startswith(("<<<<<<< ", ">>>>>>> "))
        ),
        None,
    )
    if conflict is not None:
        return ManifestError(
            f"{MANIFEST_PATH} holds an unresolved merge conflict",
            [f"{MANIFEST_PATH}:{conflict}"],
            hint="resolve the conflict, then run `git verbatim sync`",
            reference="manifest-conflict",
        )
    line = re.search(r"at line (\d+)", str(error))
    where = f"{MANIFEST_PATH}:{line[1]}" if line else f"{MANIFEST_PATH}:{len(toml_lines(text))}"
    return ManifestError(
        f"{MANIFEST_PATH} is not valid TOML",
        [where, str(error).lower()],
        reference="manifest-syntax",
    )


def _has_long_keys(text: str) -> bool:
    """Whether keys have so many parts that tomli, whose cost is the square of them, takes long."""
    if text.count(".") <= DOTS:
        return False  # not even on one line
    dots = [line.count(".") for line in toml_lines(text)]
    return max(dots, default=0) > DOTS or sum(number * number for number in dots) > DOTS_SQUARED
