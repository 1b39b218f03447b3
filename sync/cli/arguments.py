"""Translates the manifest's words into the arguments and options of `add`, for error messages.

All functions are pure.
"""

import json
import re
import shlex
from collections.abc import Mapping

from sync.errors import UsageError, VerbatimError
from sync.layout import MANIFEST_PATH

_BLANK = "…"  # to be filled in by the user
Value = str | bool | list[str]

OPTIONS = {
    "name": "NAME",
    "upstream": "--upstream",
    "url": "URL",
    "tag": "--tag",
    "commit": "--commit-id",
    "from": "--from",
    "into": "--into",
    "include": "--include",
    "exclude": "--exclude",
    "allow": "--allow",
    "local": "--local",
}
_KEY = re.compile(rf"`({'|'.join(OPTIONS)})`")
_STRING = r'"(?:[^"\\]|\\.)*"'
_ASSIGNMENT = re.compile(rf"\b({'|'.join(OPTIONS)}) = (\[(?:{_STRING}(?:, )?)*\]|{_STRING}|true)")
_BUDGET = re.compile(r"to copy it all the same: (max-[a-z-]+ = \d+)")


def given(values: Mapping[str, Value | None]) -> dict[str, Value]:
    """Return the keys of the manifest for which something was given, with what was given."""
    return {key: value for key, value in values.items() if value not in (None, [])}


def refuse_bytes(values: Mapping[str, Value]) -> None:
    """Raise UsageError for arguments that are not UTF-8, which the manifest cannot contain."""
    for key, value in values.items():
        text = "".join(value) if isinstance(value, list) else str(value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise UsageError(
                f"{OPTIONS.get(key, key)} is not UTF-8",
                [text],
                hint="the manifest is UTF-8 and cannot hold it; name what is named in UTF-8",
                reference="argument-not-utf8",
            )


def in_options(error: VerbatimError) -> VerbatimError:
    """Word an error for a person who typed options.

    An error about something that is already in the manifest stays as it is.
    """
    if any(line.startswith(MANIFEST_PATH) for line in error.context):
        return error
    error.message = as_options(error.message)
    if error.hint is not None:
        error.hint = as_options(error.hint)
    return error


def as_options(text: str) -> str:
    """Replace keys of the manifest by options in a text."""
    text = _BUDGET.sub(
        rf"to copy it all the same, write it into {MANIFEST_PATH} yourself, with \1", text
    )
    text = _ASSIGNMENT.sub(_option, text)
    return _KEY.sub(lambda found: f"`{OPTIONS[found[1]]}`", text)


def _option(assignment: re.Match[str]) -> str:
    key, value = assignment.groups()
    try:
        given = json.loads(value)
    except ValueError:
        return assignment[0]  # it only looks like an assignment
    if given is True:
        return OPTIONS[key]
    words = [given] if isinstance(given, str) else [*given]
    return " ".join(
        f"{OPTIONS[key]} {word if word == _BLANK else shlex.quote(word)}" for word in words
    )
