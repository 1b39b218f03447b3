"""Determines the licence of a mirror, and never guesses it.

The declared licence follows from texts that are known exactly. The concluded one is what the
manifest says.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

import tomli

from sync.manifest.license_expressions import ExpressionError, parse_expression
from sync.report.facts import LicenseText, Licensing

_NOTICE = re.compile(rb"(notice|copyright)([._-].*)?", re.IGNORECASE | re.DOTALL)
# A copyright statement has a year. Lines that only talk about copyright, or that are a template
# in which the name is missing, do not match.
_COPYRIGHT = re.compile(
    r"(?:(?!©)[\W_])*+((?:copyright\b|©).*?\d{4}.*?)(?:, published(?: by.*)?)?", re.IGNORECASE
)
# The share of a text's words that has to match: an added exception or condition must not be missed.
_ALL_PERCENT = 99.0
_SHOWN = 3
_GNU = re.compile(r"(?:[AL]?GPL|GFDL)-")


@cache
def _known_files() -> dict[str, tuple[str, bool]]:
    """Map each blob id to its SPDX expression, and to whether the file only names the licence."""
    table = tomli.loads((files("sync.report") / "licenses.toml").read_text("utf-8"))
    kinds = {"texts": False, "notices": True}
    return {
        blob: (expression, is_notice)
        for kind, is_notice in kinds.items()
        for blob, expression in table[kind].items()
    }


def identify(text: LicenseText) -> LicenseText:
    """Add to a licence text the SPDX expression by which it is known.

    The blob id decides; if it is not known, `licenseclassifier` does if it is installed.
    """
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
    """Ask `licenseclassifier`, only once for each text: one text may cover many mirrors."""
    try:
        from licenseclassifier import identify_license
    except ImportError:
        return None
    lines = [line for line in text.splitlines() if not _COPYRIGHT.fullmatch(line.strip())]
    found = {
        result.id for result in identify_license("\n".join(lines), coverage_threshold=_ALL_PERCENT)
    }
    # The text of a GNU licence does not say whether later versions may be used.
    if len(found) != 1 or _GNU.match(next(iter(found))):
        return None
    try:
        return parse_expression(found.pop())
    except ExpressionError:
        return None


def nearest_texts(candidates: Sequence[LicenseText]) -> tuple[LicenseText, ...]:
    """Choose the texts in the directory nearest to the selection.

    Each candidate covers the selection. Licences come before files that are only notices.
    """
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
    """Combine what the licence texts declare with what the host's owner concluded.

    `concluded` is a canonical SPDX expression. `others` are paths of further files that are named
    like licences: they are named in the comment, since what lies deeper may have a licence of its
    own.
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
    # The Free Software Foundation owns the texts of its licences, not what is under them.
    return tuple(dict.fromkeys(line for line in lines if "Free Software Foundation" not in line))
