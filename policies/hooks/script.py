"""Render hook files that find the program, and tell whose a hook file is by its text; pure."""

import hashlib
import re
import shlex
from collections.abc import Sequence
from enum import StrEnum

from sync.layout import HOOK_BEFORE, HOOK_MARK

_MARK = f"#!/bin/sh\n{HOOK_MARK.decode()}sha256 "
_HEAD = _MARK + "{digest}: `git verbatim hook uninstall` removes it.\n"
_OURS = re.compile(re.escape(_MARK) + r"([0-9a-f]{64}): [^\n]*\n")
_PYTHON = re.compile(r"^python=(.*)$", re.MULTILINE)

# The program never exits with 97. It means that the interpreter is there, but git-verbatim is not.
_BODY = """\
# It runs what was here before ({hook}{before}), then judges what git is about to do. \
Without the program it refuses.

hook={hook}
python={python}
start='
import sys
try:
    from sync.__main__ import main
except ImportError:
    sys.exit(97)
main()
'

before="$0{before}"
{chain}
if [ -x "$python" ]; then
    {give}"$python" {flags} -c "$start" hook run "$hook" "$@"
    status=$?
    [ "$status" -eq 97 ] || exit "$status"
fi
program=$(command -v git-verbatim 2>/dev/null)
case $program in
    /*) # one that is found from the current directory would be the repository's
        {give}"$program" hook run "$hook" "$@"
        exit $?
        ;;
esac
echo "error: the $hook hook cannot find git-verbatim: \
$python does not have it, and PATH neither" >&2
echo "hint: install it again (pipx install git-verbatim) and run \
\\`git verbatim hook install{option}\\`" >&2
echo "hint: to do without, delete its hooks in ${{0%/*}}" >&2
exit 2
"""

_CHAIN = """\
if [ -x "$before" ]; then
    "$before" "$@" || exit $?
fi
"""

# git gives these hooks their work on standard input. Both our hook and the one before have to read
# it.
_CHAIN_WITH_INPUT = """\
input=$(cat; echo .)
if [ -x "$before" ]; then
    printf %s "${input%.}" | "$before" "$@" || exit $?
fi
"""
_GIVE = 'printf %s "${input%.}" | '
_WITH_INPUT = frozenset({"pre-push", "pre-receive"})


class Kind(StrEnum):
    """The kinds of hook files, by whom they belong to."""

    ABSENT = "absent"
    OURS = "installed"
    EDITED = "installed, then changed by hand"
    CALLED = "called by a hook of somebody else's"
    FOREIGN = "another program's"


def render_script(hook: str, python: str, flags: Sequence[str]) -> str:
    """Return the text of the hook file for a hook that this interpreter runs with these flags."""
    with_input = hook in _WITH_INPUT
    body = _BODY.format(
        hook=hook,
        python=shlex.quote(python),
        flags=" ".join(flags),
        before=HOOK_BEFORE,
        chain=_CHAIN_WITH_INPUT if with_input else _CHAIN,
        give=_GIVE if with_input else "",
        option=" --pre-receive" if hook == "pre-receive" else "",
    )
    return _HEAD.format(digest=_digest(body)) + body


def kind_of(hook: str, text: str | None) -> Kind:
    """Return the kind of a hook file by its text, which is None if there is no file."""
    if text is None:
        return Kind.ABSENT
    match = _OURS.match(text)
    if match is None:
        return (
            Kind.CALLED
            if re.search(rf"^[^#\n]*git[ -]verbatim hook run {hook}\b", text, re.MULTILINE)
            else Kind.FOREIGN
        )
    return Kind.OURS if _digest(text[match.end() :]) == match[1] else Kind.EDITED


def interpreter_of(text: str) -> str | None:
    """Return the interpreter that a hook file of ours names, or None."""
    match = _PYTHON.search(text)
    words = shlex.split(match[1]) if match else []
    return words[0] if words else None


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode("utf-8", "surrogateescape")).hexdigest()
