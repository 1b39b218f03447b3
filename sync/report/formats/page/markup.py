"""HTML markup in which every value that is not known to be markup is escaped."""

import html
import re
import unicodedata
from collections.abc import Iterable

from sync.quoting import printable

# Code points that HTML must not contain though they are no control characters.
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef"
    f"{''.join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))}]"
)


class Html(str):
    """Text that is known to be markup; all other text is escaped when it is inserted into some."""

    __slots__ = ()


def fill(template: str, *values: str, **named: str) -> Html:
    """Insert values into the `{}` of a template, which is markup."""
    return Html(
        template.format(
            *map(_markup, values), **{name: _markup(value) for name, value in named.items()}
        )
    )


def join(parts: Iterable[str], separator: str = "") -> Html:
    """Concatenate the parts; a separator that is not markup is escaped too."""
    return Html(_markup(separator).join(map(_markup, parts)))


def link(page: str | None, shown: str) -> Html:
    """Write a link, or only its text if no page is known."""
    return fill('<a href="{}">{}</a>', page, shown) if page else fill("{}", shown)


def code(text: str) -> Html:
    return fill("<code>{}</code>", text)


def note(text: str) -> Html:
    """Write a line in small print."""
    return fill("<small>{}</small>", text)


def _markup(value: str) -> Html:
    if isinstance(value, Html):
        return value
    return Html(html.escape(value if value.isascii() and value.isprintable() else _visible(value)))


def _visible(text: str) -> str:
    """Replace invisible characters, and those that make a text look like another one."""
    shown = _NONCHARACTER.sub(_code_point, printable(text))
    if unicodedata.is_normalized("NFC", shown) and not unicodedata.category(
        shown[:1] or " "
    ).startswith("M"):
        return shown
    return re.sub(r"[^\x00-\x7f]", _code_point, shown)


def _code_point(match: re.Match[str]) -> str:
    code_point = ord(match[0])
    return f"\\u{code_point:04x}" if code_point <= 0xFFFF else f"\\U{code_point:08x}"  # noqa: PLR2004
