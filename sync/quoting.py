"""How text from outside is written and read: git's quoting of paths, and escapes for terminals."""

import re
import unicodedata

_ESCAPES = {
    ord("\a"): "a",
    ord("\b"): "b",
    ord("\t"): "t",
    ord("\n"): "n",
    ord("\v"): "v",
    ord("\f"): "f",
    ord("\r"): "r",
}
_UNESCAPES = {letter: byte for byte, letter in _ESCAPES.items()} | {'"': ord('"'), "\\": ord("\\")}
_NEEDS_QUOTES = re.compile(r'["\\\x00-\x1f\x7f]')
_ESCAPE_SEQUENCE = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
# Cc: control, Cf: format (bidirectional overrides, zero-width), Cs: surrogate,
# Zl and Zp: line and paragraph separators
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def quote_path(path: bytes) -> str:
    """A path as text, from which `unquote_path` gets the path back.

    A path that is UTF-8 and that git prints as it is stays so; any other is quoted as `git
    ls-files` quotes it.
    """
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return _c_quote(path)
    return _c_quote(path) if _NEEDS_QUOTES.search(text) else text


def unquote_path(text: str) -> bytes:
    """The inverse of `quote_path`; ValueError for text that `quote_path` would not write."""
    path = (
        _ESCAPE_SEQUENCE.sub(_unescape, text[1:-1].encode())
        if text.startswith('"')
        else text.encode()
    )
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
    """Text for people, which acts neither on a terminal nor in a log of CI."""
    return no_commands(printable(text))


def printable(text: str) -> str:
    """Text that cannot act on a terminal.

    Control, format and surrogate characters, and line and paragraph separators, are written as
    Python escapes them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _UNPRINTABLE else c for c in text)


def no_commands(text: str) -> str:
    """Text in which GitHub's runner finds no command of the form `##[…]`.

    Such a command may begin anywhere in a line of a log.
    """
    return text.replace("##[", "## [")


def _escape(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
