"""Stanzas for debian/copyright in the machine-readable format (copyright-format 1.0, DEP-5).

All functions are pure.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import dropwhile, groupby
from math import prod

from sync.errors import UsageError
from sync.quoting import printable
from sync.report.facts import Component, Derived, Facts, LicenseText, Licensing, Nested
from sync.report.form_text import (
    form_elsewhere_shown,
    form_places_shown,
    named,
    patch_shown,
    sources_not_here,
    tool_shown,
)
from sync.report.links import readable_source
from sync.report.text import (
    known_shown,
    license_shown,
    nested_shown,
    origin_shown,
    places_shown,
    selection_shown,
    upstream_shown,
    version_shown,
)
from sync.report.versions import debian_version, is_sayable

_UNKNOWN = "UNKNOWN"
_LICENSE = re.compile(r"(?<![^\s(])(?!(?:AND|OR) )[^\s()]+(?: WITH [^\s()]+)?")
# Licences for which copyright-format has names of its own; all other names are SPDX's.
_SHORT_NAMES = {"MIT": "Expat", "Artistic-1.0-Perl": "Artistic"}
_GNU = re.compile(
    r"(?P<family>[AL]?GPL|GFDL)-(?P<version>[0-9.]+?)(?:\.0)?(?P<niv>-no-invariants)?"
    r"-(?P<only>only|or-later)"
)
_BSD = re.compile(r"(BSD-[0-9])-Clause")
# The package base-files has their texts: Policy 12.5 wants references to them, not quotations.
_COMMON = {"Apache-2.0", "Artistic", "CC0-1.0", "GFDL-1.2", "GFDL-1.3", "GPL-1", "GPL-2", "GPL-3"}
_COMMON |= {"LGPL-2", "LGPL-2.1", "LGPL-3", "MPL-1.1", "MPL-2.0"}
_MAX_ALTERNATIVES = 64
_SHOWN = 200
_NO_TEXT = "To do: this names the licence and is not its text, which Policy 12.5 wants here."
_EXCEPTION = re.compile(r"\bexception", re.IGNORECASE)
_SIGN = re.compile(r"(?:(?:copyright\b|©|\(c\))[\s:,]*)+", re.IGNORECASE)

_Texts = dict[tuple[str, ...], str]
"""The lines of each licence text → the path of the first file that contains it."""


def render(facts: Facts) -> bytes:
    """Write a Files paragraph for each mirror and form, then a License paragraph for each licence.

    The Comment of the first paragraph names what is not here: lines with `#` are allowed in
    debian/control only (deb822(5)).
    """
    of_mirror = {component.name: component for component in facts.components}
    paragraphs = [
        _files(
            one,
            patterns,
            [
                *(_about_form(one) if isinstance(one, Derived) else _about(one, of_mirror)),
                *(_not_here(facts) if at == 0 else ()),
            ],
        )
        for at, (one, patterns) in enumerate(_patterns(facts.here))
    ]
    paragraphs += [_field("License", name, lines) for name, lines in _licenses(facts.here)]
    return "\n".join(paragraphs).encode()


def _field(name: str, synopsis: str, lines: Sequence[str] = ()) -> str:
    """Write a field: its first line, then further lines, none of which can end it."""
    more = "".join(f" {printable(line).rstrip() or '.'}\n" for line in lines)
    return f"{name}: {printable(synopsis)}".rstrip() + f"\n{more}"


# Files


def _patterns(here: Sequence[Component | Derived]) -> list[tuple[Component | Derived, list[str]]]:
    """Return the patterns of each paragraph, with the mirror or form whose files they match.

    If several patterns match a file, the last one wins. A wildcard may match too much, so that
    patterns with many wildcards come first, and a mirror has a paragraph for each number of them.
    """
    found: list[tuple[int, Component | Derived, list[str]]] = []
    for one in here:
        is_file = isinstance(one, Derived) and not one.record.is_directory
        pattern = _literal if is_file else _pattern
        patterns = sorted(map(pattern, one.here), key=_wildcards, reverse=True)
        grouped = [(number, list(same)) for number, same in groupby(patterns, key=_wildcards)]
        if isinstance(one, Component) and one.record.licenses:
            grouped[-1][1].append(_pattern(one.license_directory))
        found += ((number, one, same) for number, same in grouped)
    found.sort(key=lambda paragraph: paragraph[0], reverse=True)
    return [(one, patterns) for _, one, patterns in found]


def _wildcards(pattern: str) -> int:
    return pattern.count("?")


def _pattern(directory: str) -> str:
    """Return the pattern that matches all files below a directory."""
    return _literal(directory) + "/*"


def _literal(path: str) -> str:
    r"""Return the pattern that matches a path.

    A blank separates patterns, so that one in a name becomes `?`, which matches any character.
    """
    return re.sub(r"\s", "?", re.sub(r"([*?\\])", r"\\\1", path))


def _files(one: Component | Derived, patterns: list[str], about: Sequence[str]) -> str:
    licensing = one.licensing
    fields = [
        _field("Files", *_one_or_more(patterns)),
        _field("Copyright", *_one_or_more(_copyright(one))),
        _field("License", _expression(licensing.effective))
        if licensing.effective
        else _field("License", _UNKNOWN, _unknown(licensing)),
        _field("Comment", "", about),
    ]
    return "".join(fields)


def _one_or_more(lines: list[str]) -> tuple[str, list[str]]:
    return (lines[0], []) if len(lines) == 1 else ("", lines)


def _copyright(one: Component | Derived) -> list[str]:
    """Return the copyright holders named in the licence texts, without the word "copyright".

    No holder is invented.
    """
    whose = [
        _SIGN.sub("", line, count=1) if _SIGN.match(line) else line
        for line in one.licensing.copyright
    ]
    mirrors = (one,) if isinstance(one, Component) else one.mirrors
    urls = dict.fromkeys(mirror.record.url for mirror in mirrors)
    return whose or [f"not stated by {', '.join(urls)}"]


def _unknown(licensing: Licensing) -> list[str]:
    """Quote the licence texts of a mirror whose licence is unknown, for whoever finds it out."""
    texts: _Texts = {}
    for text in licensing.texts:
        texts.setdefault(_lines(text, ()), text.path)
    return list(_quoted(texts)) or [
        f"{licensing.declared_comment[:1].upper()}{licensing.declared_comment[1:]}."
    ]


def _about(component: Component, of_mirror: Mapping[str, Component]) -> Iterator[str]:
    kind = "An unmodified copy" if component.is_whole else "An unmodified copy of a selection"
    where = f" of {readable_source(component)}" if component.record.source else ""
    yield f"{kind}{where} of {component.record.url}:"
    yield f"  {component.name} {version_shown(component)}" + (
        f": {component.mirror.description}" if component.mirror.description else ""
    )
    if component.record.pin.ref:
        yield f"  tag {component.record.pin}"
    yield f"  commit {component.record.upstream.commit}"
    if component.asked:
        yield f"  {known_shown(component)}"
    yield f"  git tree {component.record.holding.tree}"
    if not component.is_whole:
        yield (
            f"  selected from upstream's git tree {component.record.holding.upstream_tree}: "
            f"{selection_shown(component)}"
        )
    yield f"  Debian version {_version(component)}"
    if component.mirror.supplier:
        yield f"  supplier {component.mirror.supplier}"
    yield from (f"  not in this source: {place}" for place in component.not_here)
    yield ""
    yield from _about_license(component.licensing)
    if component.nested:
        yield from ("", "It holds copies of others:")
        yield from (
            f"  {nested_shown(nested)}: {origin_shown(nested)}{_there(nested, of_mirror)}"
            for nested in component.nested
        )


def _about_form(form: Derived) -> Iterator[str]:
    """Say what a form is made of, and whether that is in this source too."""
    record = form.record
    if form.is_patched:
        patches = ", ".join(patch.file.path for patch in form.patches)
        yield f"A patched copy of {named(form.source)}, patches: {patches}"
    else:
        by = f" by {tool_shown(record.tool)}" if record.tool else ""
        yield f"Made of {', '.join(map(named, form.made_of))}{by}, and no copy:"
    yield f"  {form.name}: {record.kind}, version {record.version} of the recipe"
    yield f"  git {'tree' if record.is_directory else 'blob'} {record.id}"
    for patch in form.all_patches:
        yield f"  patch {patch_shown(patch)}"
    beside = [mirror for mirror in form.mirrors if mirror.is_present]
    yield from (f"  its source here: {m.name} in {', '.join(m.here)}" for m in beside)
    yield f"  to make it again: git verbatim sync {form.name}"
    yield from (f"  not in this source: {place}" for place in form.not_here)
    yield ""
    yield from _about_license(form.licensing)
    if missing := sources_not_here(form):
        yield "To do: its source is not here:"
        yield from (f"  {named(mirror)}: {upstream_shown(mirror)}" for mirror in missing)


def _there(nested: Nested, of_mirror: Mapping[str, Component]) -> str:
    """Name the licence at the origin of a nested copy, which may differ from its mirror's."""
    return (
        f", licence there {license_shown(of_mirror[nested.origin.mirror])}" if nested.origin else ""
    )


def _version(component: Component) -> str:
    version = debian_version(
        component.version, component.record.upstream.commit, component.record.upstream.commit_time
    )
    if is_sayable(component.version, version):
        return version
    without = (
        "its tag reads as a commit id" if component.record.pin.ref else "it is pinned by commit"
    )
    reason = without if component.version is None else f"Debian cannot say {component.version}"
    return f"{version}, by date and commit: {reason}"


def _about_license(licensing: Licensing) -> Iterator[str]:
    """Write both statements about the licence, and what is left to do."""
    yield f"Declared licence: {licensing.declared or 'unknown'} ({licensing.declared_comment})."
    if licensing.concluded:
        because = f" ({licensing.concluded_comment})" if licensing.concluded_comment else ""
        yield f"Concluded licence: {licensing.concluded}{because}."
    if not licensing.copyright:
        yield "No licence file that covers it says whose copyright it is."
    if " " in (licensing.effective or "").replace(" WITH ", ""):
        # An unknown text belongs to no single licence of the expression.
        for text in (text for text in licensing.texts if text.expression is None):
            yield from ("", f"{text.path} says:", "", *_lines(text, ()))
    if licensing.effective is None:
        yield f"To do: find out the licence, and write its short name in place of {_UNKNOWN}."


def _not_here(facts: Facts) -> Iterator[str]:
    if facts.elsewhere:
        yield from ("", "Other mirrors of the project are not in this source:")
    for component in facts.elsewhere:
        yield (
            f"  {component.name} {version_shown(component)}, "
            f"{component.presence.value}: {places_shown(component)}"
        )
    if facts.forms_elsewhere:
        yield from ("", "Other derived forms of the project are not in this source:")
    for form in facts.forms_elsewhere:
        yield f"  {form_elsewhere_shown(form)}, {form_places_shown(form)}"


# short names


def _expression(spdx: str) -> str:
    """Translate an SPDX expression into the syntax of copyright-format.

    There, `and` binds more tightly than `or` unless a comma precedes it.
    """
    if re.search(r"\([^()]*\(", spdx):
        # The import takes 40 ms and is only needed where one comma does not suffice.
        from license_expression import get_spdx_licensing

        licensing = get_spdx_licensing()
        parsed = licensing.parse(spdx)
        if _alternatives(parsed) > _MAX_ALTERNATIVES:
            raise UsageError(
                "debian/copyright has no words for a licence of so many alternatives",
                [f"{spdx[:_SHOWN]}…"],
                hint="give the mirror a simpler `license`, or write the other formats",
                reference="license-debian",
            )
        spdx = str(licensing.dnf(parsed))
    parts = re.split(r"\(([^()]*)\)", spdx)  # alternately outside and inside of parentheses
    comma = "," if len(parts) > 1 and any(" AND " in part for part in parts[::2]) else ""
    return "".join(_words(part, "" if at % 2 else comma) for at, part in enumerate(parts))


def _alternatives(parsed: object) -> int:
    """Count the alternatives that are left when no OR is inside an AND.

    There has to be a limit: 20 choices make a million alternatives.
    """
    below = [_alternatives(part) for part in getattr(parsed, "args", ())]
    if not below:
        return 1
    return sum(below) if str(getattr(parsed, "operator", "")).strip() == "OR" else prod(below)


def _words(spdx: str, comma: str) -> str:
    named = _LICENSE.sub(lambda match: _name(match[0]), spdx)
    return named.replace(" AND ", f"{comma} and ").replace(" OR ", " or ")


def _name(spdx: str) -> str:
    """Translate an SPDX licence, with its exception, into a short name of copyright-format.

    Example: `GPL-2.0-or-later WITH Classpath-exception-2.0` → `GPL-2+ with Classpath-2.0
    exception`.
    """
    license_id, _, exception = spdx.partition(" WITH ")
    name = _SHORT_NAMES.get(license_id) or _BSD.sub(r"\1-clause", license_id)
    if gnu := _GNU.fullmatch(license_id):
        name = (
            f"{gnu['family']}{'-NIV' if gnu['niv'] else ''}-{gnu['version']}"
            f"{'+' if gnu['only'] == 'or-later' else ''}"
        )
    return (
        f"{name} with {re.sub('-exception(?=-|$)', '', exception)} exception" if exception else name
    )


# texts


def _licenses(here: Sequence[Component | Derived]) -> Iterator[tuple[str, list[str]]]:
    """Yield the short name of each licence that applies, and the text of its paragraph.

    They come in the order of the files.
    """
    texts: dict[str, _Texts] = {}
    for licensing in (one.licensing for one in here if one.licensing.effective):
        for license_id in _LICENSE.findall(licensing.effective or ""):
            of_license = texts.setdefault(license_id, {})
            for text in licensing.texts:
                if licensing.is_text_of(text, license_id):
                    of_license.setdefault(_lines(text, licensing.copyright), text.path)
    notices = {text.path for one in here for text in one.licensing.texts if text.is_notice}
    said: dict[str, list[str]] = {}
    for license_id, found in texts.items():
        to_do = (
            ["", _NO_TEXT]
            if notices.intersection(found.values()) and not _common(license_id)
            else []
        )
        said.setdefault(_name(license_id), [*_paragraph(license_id, found), *to_do])
    yield from said.items()


def _lines(text: LicenseText, copyright_lines: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of a licence text without the copyright lines.

    The Copyright field has those.
    """
    lines = [line.expandtabs().rstrip() for line in text.text.removeprefix("\ufeff").splitlines()]
    said = frozenset(copyright_lines)
    kept = dropwhile(lambda line: not line, (line for line in lines if line.strip() not in said))
    return tuple("\n".join(kept).rstrip().split("\n"))


def _common(license_id: str) -> str | None:
    """Return the name of a licence among Debian's common licences; None if it is not there."""
    name = _name(license_id.partition(" WITH ")[0]).removesuffix("+").replace("-NIV-", "-")
    return name if name in _COMMON else None


def _paragraph(license_id: str, texts: _Texts) -> Iterator[str]:
    base, _, exception = license_id.partition(" WITH ")
    common = _common(license_id)
    if common is None:
        yield from _quoted(texts) if texts else ["No text of it is in this source: put it here."]
        return
    yield "On Debian systems, its full text is in"
    yield f"/usr/share/common-licenses/{common}" + (
        ", or it is any later version." if _name(base).endswith("+") else "."
    )
    if exception:
        excepted = {_from_exception(lines, exception): path for lines, path in texts.items()}
        yield ""
        yield from (
            _quoted(excepted)
            if excepted
            else ["No text of the exception is in this source: put it here."]
        )


def _from_exception(lines: tuple[str, ...], exception: str) -> tuple[str, ...]:
    """Return the part of a licence text that begins with the heading of the exception.

    If there is no such heading, it is the whole text.
    """
    name = re.compile(rf"\b{re.escape(exception.partition('-')[0])}\b", re.IGNORECASE)

    # A single expression would take time quadratic in the length of the line.
    def is_heading(line: str) -> bool:
        found = name.search(line)
        return found is not None and _EXCEPTION.search(line, found.end()) is not None

    return tuple(dropwhile(lambda line: not is_heading(line), lines)) or lines


def _quoted(texts: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """Yield the texts; if there are several, each follows the path of a file that contains it."""
    for at, (lines, path) in enumerate(texts.items()):
        if at:
            yield ""
        if len(texts) > 1:
            yield from (f"As in {path}:", "")
        yield from lines
