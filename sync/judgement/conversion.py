"""Say what git does to a content under its attributes (convert.c, archive.c of git 2.39); pure."""

import re
from collections.abc import Mapping

_IDENT = re.compile(rb"\$Id(?::[^\n$]*)?\$")
_FORMAT = re.compile(rb"\$Format:[^$]*\$")
_SINGLE_BYTE = re.compile(r"us-ascii|iso-?8859-\d+|latin-?1|windows-125\d", re.IGNORECASE)
_PRINTABLE_CONTROLS = frozenset(b"\b\t\n\r\x1b\f")
_UNPRINTABLE = bytes(byte for byte in (*range(0x20), 0x7F) if byte not in _PRINTABLE_CONTROLS)
_ON_CHECKOUT = "makes its line endings CRLF on checkout"


def conversion(attributes: Mapping[str, str], content: bytes) -> str | None:
    """Return what git would do to the content, in words, or None if it never changes the bytes.

    All systems count: those with any line endings and any values of `core.autocrlf` and `core.eol`.
    `attributes` are as `attributes_of` returns them.
    """
    if how := foreign_form(attributes, content):
        return how
    if attributes.get("ident") == "set" and _IDENT.search(content):
        return "`ident` rewrites its $Id$"
    return _line_ending_conversion(attributes, content)


def foreign_form(attributes: Mapping[str, str], content: bytes) -> str | None:
    """Return what git would do to the content beside converting line endings and `$Id$`, or None.

    That is a filter, another encoding, or a replacement that happens in archives alone.
    """
    driver = attributes.get("filter", "unset")
    if driver not in {"set", "unset"}:
        return f"`filter={driver}` runs a filter over it"
    encoding = attributes.get("working-tree-encoding", "unset")
    if encoding != "unset" and _differs_in(encoding, content):
        return f"`working-tree-encoding={encoding}` encodes it anew"
    if attributes.get("export-subst") == "set" and _FORMAT.search(content):
        return "`export-subst` replaces its $Format:…$ in `git archive`"
    return None


def _differs_in(encoding: str, content: bytes) -> bool:
    if encoding.lower() in {"utf-8", "utf8"} or not content:
        return False
    try:
        # Only these encodings are the same to Python and to iconv, which git uses.
        return (
            _SINGLE_BYTE.fullmatch(encoding) is None or content.decode().encode(encoding) != content
        )
    except (LookupError, UnicodeError):
        return True  # git can only fail on such content.


def _line_ending_conversion(attributes: Mapping[str, str], content: bytes) -> str | None:
    text = attributes.get("text")
    text = text if text in {"set", "unset", "input", "auto"} else attributes.get("crlf")
    text = text if text in {"set", "unset", "input", "auto"} else None
    eol = attributes.get("eol")
    if text == "unset":
        return None
    if text == "auto" or (text is None and eol not in {"lf", "crlf"}):
        return _automatic_conversion(text, eol, content)
    crlf = content.count(b"\r\n")
    lone_lf = content.count(b"\n") - crlf
    if eol == "crlf" and lone_lf:
        return f"`eol=crlf` {_ON_CHECKOUT}"
    if crlf:
        return f"`{'text' if text else f'eol={eol}'}` makes its CRLF line endings LF on `git add`"
    return (
        f"`text` {_ON_CHECKOUT} where that is the system's"
        if text == "set" and eol != "lf" and lone_lf
        else None
    )


def _automatic_conversion(text: str | None, eol: str | None, content: bytes) -> str | None:
    """Return what git's automatic conversion of line endings would do to the content, or None.

    Git leaves alone what it takes for binary, and content that is stored with CRLF already.
    """
    if eol == "lf" or b"\n" not in content or b"\r\n" in content or _is_binary(content):
        return None
    if text is None:
        return f"`core.autocrlf=true` {_ON_CHECKOUT}, since nothing forbids it"
    return (
        f"`text=auto eol=crlf` {_ON_CHECKOUT}"
        if eol == "crlf"
        else f"`text=auto` {_ON_CHECKOUT} where that is the system's"
    )


def _is_binary(content: bytes) -> bool:
    """Whether git takes the content for binary.

    It does so for a NUL, a CR without LF, or more than one unprintable byte in 128 printable ones.
    """
    if b"\0" in content or content.count(b"\r") > content.count(b"\r\n"):
        return True
    body = content.removesuffix(b"\x1a")
    unprintable = len(body) - len(body.translate(None, _UNPRINTABLE))
    line_ends = body.count(b"\n") + body.count(b"\r")
    return (len(body) - unprintable - line_ends) >> 7 < unprintable
