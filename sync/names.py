"""How words from outside are written and read: git's quoting of paths, escaping for terminals, nearest names."""

import re
import unicodedata
from collections.abc import Iterable
from itertools import accumulate, takewhile

from sync.limits import COMPARED_LETTERS

_LONG = 100
_ESCAPES = {ord("\a"): "a", ord("\b"): "b", ord("\t"): "t", ord("\n"): "n", ord("\v"): "v", ord("\f"): "f", ord("\r"): "r"}
_UNESCAPES = {letter: byte for byte, letter in _ESCAPES.items()} | {'"': ord('"'), "\\": ord("\\")}
_NEEDS_QUOTES = re.compile(r'["\\\x00-\x1f\x7f]')
_ESCAPE_SEQUENCE = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
# Cc: control, Cf: format (bidirectional overrides, zero-width), Cs: surrogate, Zl and Zp: line and paragraph separators
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def quote_path(path: bytes) -> str:
    """A path as text, reversibly: itself if it is UTF-8 that git prints plain, else as `git ls-files` quotes it."""
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return _c_quote(path)
    return _c_quote(path) if _NEEDS_QUOTES.search(text) else text


def unquote_path(text: str) -> bytes:
    """The inverse of `quote_path`; ValueError for text that `quote_path` would not write."""
    path = _ESCAPE_SEQUENCE.sub(_unescape, text[1:-1].encode()) if text.startswith('"') else text.encode()
    if quote_path(path) != text:
        msg = f"not a path as git quotes it: {text!r}"
        raise ValueError(msg)
    return path


def _c_quote(path: bytes) -> str:
    def quote(byte: int) -> str:
        if byte in _ESCAPES:
            return "\\" + _ESCAPES[byte]
        if byte in b'"\\':
            return "\\" + chr(byte)
        return chr(byte) if chr(byte).isascii() and chr(byte).isprintable() else f"\\{byte:03o}"

    return '"' + "".join(map(quote, path)) + '"'


def _unescape(match: re.Match[bytes]) -> bytes:
    sequence = match[1]
    if len(sequence) == 3:  # noqa: PLR2004 - three octal digits
        return bytes([int(sequence, 8)])
    return bytes([_UNESCAPES.get(sequence.decode("latin-1"), 0)])


def shown(text: str) -> str:
    """Text for people: it acts neither on a terminal nor in a log of CI."""
    return no_commands(printable(text))


def printable(text: str) -> str:
    """Text that cannot act on a terminal: control, format and surrogate characters are written as Python escapes them."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _UNPRINTABLE else c for c in text)


def no_commands(text: str) -> str:
    """Text in which GitHub's runner sees no command of the form `##[…]`, which may begin anywhere in a line of a log."""
    return text.replace("##[", "## [")


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def nearest(word: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates that a typist most likely meant, best first."""
    folded: dict[str, list[str]] = {}
    for candidate in sorted(set(candidates)):
        folded.setdefault(candidate.casefold(), []).append(candidate)
    word = word.casefold()
    from difflib import get_close_matches  # only who has erred needs it

    matches = get_close_matches(word, _comparable(word, list(folded)), n=limit, cutoff=0.6)
    return [candidate for match in matches for candidate in folded[match]][:limit]


def _comparable(word: str, candidates: list[str]) -> list[str]:
    """Those candidates that there is time to compare: all, or of too many some that begin alike, of about the same length."""

    def affordable(among: list[str]) -> int:
        costs = accumulate((len(word) + len(candidate)) ** 2 // 4 for candidate in among)
        return sum(1 for _ in takewhile(lambda cost: cost <= COMPARED_LETTERS, costs))

    if affordable(candidates) == len(candidates):
        return candidates
    alike = [candidate for candidate in candidates if candidate.startswith(word[: len(word) // 2])]
    alike.sort(key=lambda candidate: abs(len(candidate) - len(word)))
    return alike[: affordable(alike)]


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """A hint naming the nearest candidates, or None."""
    found = nearest(word, candidates)
    return f"did you mean {' or '.join(map(shortened, found))}?" if found else None


def shortened(text: str) -> str:
    """A name for a message: of a very long one the beginning."""
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"


def count(number: int, noun: str) -> str:
    """`1 mirror`, `2 mirrors`, `2 copies`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def short_pin(pin: str) -> str:
    """A pin, as its text, for people: of a full commit id the first twelve digits, a tag as it is (which never reads as an id)."""
    return pin[:12] if re.fullmatch("[0-9a-f]{40}", pin) else pin
