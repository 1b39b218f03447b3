"""Under which licence a mirror is: declared by texts that are known exactly, concluded by the manifest; never guessed."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from sync.manifest.license_expressions import ExpressionError, parse_expression
from sync.report.facts import LicenseText, Licensing

_NOTICE = re.compile(rb"(notice|copyright)([._-].*)?", re.IGNORECASE | re.DOTALL)
# a line that says whose something is: not one that talks about copyright, or leaves the name to be filled in
_COPYRIGHT = re.compile(
    r"(?:(?!©)[\W_])*+((?:copyright\b|©).*?\d{4}.*?)(?:, published(?: by.*)?)?", re.IGNORECASE
)
# of a text's words; an exception or a condition that somebody added is not passed over
_ALL_PERCENT = 99.0
_SHOWN = 3
_GNU = re.compile(r"(?:[AL]?GPL|GFDL)-")


@cache
def _known_files() -> dict[str, tuple[str, bool]]:
    """Blob id → the SPDX expression, and whether the file is a mere notice."""
    table = tomllib.loads((files("sync.report") / "licenses.toml").read_text("utf-8"))
    kinds = {"texts": False, "notices": True}
    return {
        blob: (expression, is_notice)
        for kind, is_notice in kinds.items()
        for blob, expression in table[kind].items()
    }


def identify(text: LicenseText) -> LicenseText:
    """The text with the expression that it is known to be: by its blob id, else by `licenseclassifier` if that is installed."""
    if text.blob in _known_files():
        expression, is_notice = _known_files()[text.blob]
        return replace(text, expression=expression, known_by="blob id", is_notice=is_notice)
    classified = _classified(text.text)
    return (
        text
        if classified is None
        else replace(text, expression=classified, known_by="licenseclassifier")
    )


@cache
def _classified(text: str) -> str | None:
    """Asked once for a text, which may cover many mirrors."""
    try:
        from licenseclassifier import identify_license
    except ImportError:
        return None
    lines = [line for line in text.splitlines() if not _COPYRIGHT.fullmatch(line.strip())]
    found = {
        result.id for result in identify_license("\n".join(lines), coverage_threshold=_ALL_PERCENT)
    }
    if len(found) != 1 or _GNU.match(
        next(iter(found))
    ):  # a GNU text does not say whether later versions may be used
        return None
    try:
        return parse_expression(found.pop())
    except ExpressionError:
        return None


def nearest_texts(candidates: Sequence[LicenseText]) -> tuple[LicenseText, ...]:
    """Those in the directory nearest to the selection, which all candidates cover; licences before mere notices."""
    licenses = [
        text for text in candidates if not _NOTICE.fullmatch(text.upstream_path.rpartition(b"/")[2])
    ]
    among = licenses or candidates
    depth = max((_depth(text) for text in among), default=0)
    return tuple(
        sorted(
            (text for text in among if _depth(text) == depth), key=lambda text: text.upstream_path
        )
    )


def _depth(text: LicenseText) -> int:
    return text.upstream_path.count(b"/")


def licensing_of(
    texts: tuple[LicenseText, ...],
    concluded: str | None,
    comment: str | None,
    others: tuple[str, ...] = (),
) -> Licensing:
    """What the texts declare and the host's owner concludes; `concluded` is a canonical expression, `others` are paths.

    What lies deeper may be under a licence of its own, so that it is named.
    """
    declared, why = _declared(texts)
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        why += f"; also named as licences and not read: {', '.join(others[:_SHOWN])}{more}"
    return Licensing(declared, why, concluded, comment, texts, _copyright(texts), others)


def _declared(texts: tuple[LicenseText, ...]) -> tuple[str | None, str]:
    if not texts:
        return None, "upstream ships no licence file that covers it"
    if unknown := [text.path for text in texts if text.expression is None]:
        return None, f"the text of {', '.join(unknown)} is not known"
    expressions = sorted({text.expression for text in texts if text.expression})
    if len(expressions) > 1:
        return (
            None,
            f"there are texts of {', '.join(expressions)}, and none says how they go together",
        )
    return expressions[0], "; ".join(f"{text.path}, known by its {_by(text)}" for text in texts)


def _by(text: LicenseText) -> str:
    known = f"blob id {text.blob}" if text.known_by == "blob id" else f"words, to {text.known_by}"
    return known + (
        ", which names the licence and does not hold its text" if text.is_notice else ""
    )


def _copyright(texts: tuple[LicenseText, ...]) -> tuple[str, ...]:
    lines = [
        match[1].strip()
        for text in texts
        for line in text.text.splitlines()
        if (match := _COPYRIGHT.fullmatch(line.strip()))
    ]
    # of its texts themselves, not of what is under them
    return tuple(dict.fromkeys(line for line in lines if "Free Software Foundation" not in line))
