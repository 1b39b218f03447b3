"""Matches gitignore patterns as git does: by bytes, level by level, and the last match wins.

This is no library's code, because what a record proves depends on it: it must read patterns exactly
as git does, and never change with a version. Libraries match letters where git matches bytes, and
let a pattern match below what it names. The tests compare this code with git itself. Source:
gitignore(5), "PATTERN FORMAT", and git's wildmatch.c.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sync.limits import PATTERN_BYTES, PATTERNS, PATTERNS_BYTES

_POSIX_CLASSES = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"\x21-\x7e",
    b"lower": rb"a-z",
    b"print": rb"\x20-\x7e",
    b"punct": rb"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    b"space": rb" \t\n\r\f\v",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9A-Fa-f",
}
_BRACKET_ITEM = re.compile(rb"(\\.|[^\\])-(\\.|[^\]\\])|(\\.|[^\\])", re.DOTALL)
_NEVER = rb"(?!)"
_STAR = rb"[^/]*"
_DIRECTORIES = rb"(?:.*/)?"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of a gitignore file."""

    expression: re.Pattern[bytes]
    only_directories: bool
    takes_back: bool
    """Whether it began with `!`."""
    steps: int = 1
    """What a match against a path of at most 64 bytes may cost, in microseconds."""

    def matches(self, path: bytes, *, is_directory: bool) -> bool:
        """Whether it matches this very path; paths below it are judged on their own."""
        return (is_directory or not self.only_directories) and self.expression.fullmatch(
            path
        ) is not None


@lru_cache(maxsize=1024)
def parse_pattern(line: str) -> Pattern | None:
    """The pattern in a line; None for a comment or a blank line."""
    text = without_blanks(line).encode()
    if not text or text.startswith(b"#"):
        return None
    takes_back = text.startswith(b"!")
    text = text[takes_back:]
    only_directories = text.endswith(b"/")
    text = text[: len(text) - only_directories]
    # A pattern without a slash is a name at any depth.
    expression = (
        _translate(text.removeprefix(b"/")) if b"/" in text else rb"(?:.*/)?" + _translate(text)
    )
    return (
        Pattern(re.compile(expression, re.DOTALL), only_directories, takes_back, _steps(text))
        if text
        else None
    )


def _steps(glob: bytes) -> int:
    """What a match against a path of at most 64 bytes may cost, in microseconds.

    Up to two stars are matched in one pass. Of more stars, each may be tried at each directory, and
    a run of letters at each letter.
    """
    stars = glob.count(b"*")
    return 1 + len(glob) // 32 + (4 * stars if stars > 2 else 0)  # noqa: PLR2004


def excess(lines: Sequence[str]) -> str | None:
    """Why these are more patterns than anybody writes, in words; None if they are not.

    It is called before any pattern is parsed.
    """
    if len(lines) > PATTERNS:
        return f"there are {len(lines):,} patterns, more than {PATTERNS:,}"
    if any(len(line) > PATTERN_BYTES for line in lines):
        return f"a pattern is longer than {PATTERN_BYTES:,} letters"
    if (length := sum(map(len, lines))) > PATTERNS_BYTES:
        return f"the patterns together have {length:,} letters, more than {PATTERNS_BYTES:,}"
    return None


def last_match(patterns: tuple[Pattern, ...], path: bytes, *, is_directory: bool) -> bool:
    """Whether the last pattern that matches the path selects it; False if none matches."""
    for pattern in reversed(patterns):
        if pattern.matches(path, is_directory=is_directory):
            return not pattern.takes_back
    return False


def literal(path: str) -> str:
    """Return the pattern of just this path, or of what lies in it if more is put behind."""
    plain = path.rstrip(" ")
    return re.sub(r"([\\*?\[\]])", r"\\\1", plain) + "\\ " * (len(path) - len(plain))


def without_blanks(line: str) -> str:
    """The line without trailing spaces, but with one that a backslash escapes."""
    stripped = line.rstrip(" ")
    backslashes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if len(stripped) < len(line) and backslashes % 2 else stripped


def _translate(glob: bytes) -> bytes:
    """The regular expression of a glob; it never matches if git cannot read the whole glob."""
    pieces: list[bytes] = []
    at = 0
    while at < len(glob):
        character = glob[at : at + 1]
        if character == b"*":
            piece, at = _stars(glob, at)
        elif character == b"?":
            piece, at = rb"[^/]", at + 1
        elif character == b"[":
            piece, at = _bracket(glob, at)
        else:
            at += character == b"\\"
            if at == len(glob):
                return _NEVER  # it ends in a backslash
            piece, at = re.escape(glob[at : at + 1]), at + 1
        pieces.append(piece)
    return _without_backtracking(pieces)


def _stars(glob: bytes, at: int) -> tuple[bytes, int]:
    """The expression for the run of stars at `at`, and the position after it.

    `**` as a whole component, with the `/` after it, matches any number of directories, even none.
    Any other run of stars counts as one star.
    """
    after = at + len(glob[at:]) - len(glob[at:].lstrip(b"*"))
    is_component = (
        after > at + 1
        and (at == 0 or glob[at - 1 : at] == b"/")
        and glob[after : after + 1] in {b"", b"/"}
    )
    if not is_component:
        return _STAR, after
    return (_DIRECTORIES, after + 1) if after < len(glob) else (rb".*", after)


def _without_backtracking(pieces: list[bytes]) -> bytes:
    """The pieces, joined so that many stars cannot take exponential time.

    Between two stars of a kind, the first place that fits is as good as any later one, so it is
    never reconsidered. Therefore what follows a star, up to the next star, is an atomic group; the
    same holds for what follows `**/`, up to the next `**/`.
    """
    spans = _split(pieces, _DIRECTORIES)
    joined = [_join_stars(span) for span in spans]
    last = len(joined) - 1
    groups = [
        rb"(?:.*?/)??" + one if at == last else rb"(?>(?:.*?/)??" + one + b")"
        for at, one in enumerate(joined)
        if at
    ]
    return joined[0] + b"".join(groups)


def _join_stars(pieces: list[bytes]) -> bytes:
    runs = [b"".join(run) for run in _split(pieces, _STAR)]
    last = len(runs) - 1
    return runs[0] + b"".join(
        rb"[^/]*" + run if at == last else rb"(?>[^/]*?" + run + b")"
        for at, run in enumerate(runs)
        if at
    )


def _split(pieces: list[bytes], at: bytes) -> list[list[bytes]]:
    runs: list[list[bytes]] = [[]]
    for piece in pieces:
        if piece == at:
            runs.append([])
        else:
            runs[-1].append(piece)
    return runs


def _bracket(glob: bytes, at: int) -> tuple[bytes, int]:
    """The expression for the bracket at `at`, and the position after it; it never matches `/`."""
    at += 1
    negated = glob[at : at + 1] in {b"!", b"^"}
    at += negated
    members: list[bytes] = []
    first = True
    while first or glob[at : at + 1] != b"]":
        # The name of a class ends at the next `]`, whatever stands before it.
        end = glob.find(b"]", at + 2) if glob.startswith(b"[:", at) else at
        member: bytes | None = None
        if end > at + 2 and glob[end - 1 : end] == b":":
            member, at = _POSIX_CLASSES.get(glob[at + 2 : end - 1]), end + 1
        elif end >= at and (item := _BRACKET_ITEM.match(glob, at)):
            member, at = _member(item), item.end()
        if member is None:
            return _NEVER, len(glob)
        members.append(member)
        first = False
    return (rb"[^/" if negated else rb"(?!/)[") + b"".join(members) + rb"]", at + 1


def _member(item: re.Match[bytes]) -> bytes:
    low, high, single = item.groups()
    if single is not None:
        return _byte(single)
    # Git takes only the first member of a range that runs backwards.
    return _byte(low) + b"-" + _byte(high) if low[-1] <= high[-1] else _byte(low)


def _byte(member: bytes) -> bytes:
    return b"\\x%02x" % member[-1]
