"""Lines for an rpm spec file that say what the package bundles.

They follow the guidelines of Fedora and openSUSE. All functions are pure.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sync.quoting import printable, quote_path
from sync.report.facts import Component, Derived, Facts, Nested
from sync.report.form_text import (
    form_elsewhere_shown,
    form_places_shown,
    made_shown,
    named,
    patch_shown,
    sources_not_here,
)
from sync.report.links import readable_source
from sync.report.text import (
    elsewhere_shown,
    headline,
    known_shown,
    license_shown,
    nested_places_shown,
    origin_shown,
    places_shown,
    selection_shown,
    version_shown,
)
from sync.report.versions import is_sayable, rpm_version

_HEAD = (
    "What this package bundles, for the preamble of its spec file; "
    "by third_party/provenance, verified."
)
_BACKSLASHES = re.compile(r"\\+(?=%|$)")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True, slots=True)
class _Bundled:
    """One `Provides:`, and what the comment above it says."""

    provides: str
    about: tuple[str, ...]
    """The lines of the comment; those after the first give details."""


def render(facts: Facts) -> bytes:
    """Write a `Provides: bundled(…)` for each mirror, copy and patched copy that is here.

    A comment before each says what it is and where it lies. What else is derived is bundled by what
    it is made of, and has a comment alone.
    """
    by_name = {component.name: component for component in facts.components}
    about: dict[str, list[str]] = {}
    for component in facts.present:
        for bundled in (
            _mirror(component),
            *(_nested(component, nested, by_name) for nested in component.nested),
        ):
            about.setdefault(bundled.provides, []).extend(bundled.about)
    for form in facts.forms_here:
        if form.is_patched:
            bundled = _patched(form)
            about.setdefault(bundled.provides, []).extend(bundled.about)
    blocks = [_comments([_HEAD, f"{headline(facts)}."])]
    blocks += [_comments(lines) + f"Provides: {provides}\n" for provides, lines in about.items()]
    if others := [line for form in facts.forms_here if not form.is_patched for line in _form(form)]:
        blocks.append(_comments(["Derived from what is bundled, and no copy of it:", *others]))
    blocks.append(
        _comments(
            ["For the License: tag, where these files go into the package:", *_licenses(facts)]
        )
    )
    if facts.elsewhere or facts.forms_elsewhere:
        blocks.append(_comments(["Recorded, but not here and not bundled:", *_elsewhere(facts)]))
    return "\n".join(blocks).encode()


def _comments(lines: list[str]) -> str:
    return "".join(f"# {_inert(printable(line))}\n" for line in lines)


def _inert(line: str) -> str:
    """Escape the macros in a line, since rpm expands them in comments too.

    `%%` stands for a percent sign unless a backslash precedes it and takes the first one.
    """
    return _BACKSLASHES.sub(lambda match: match[0] + "\\" * (len(match[0]) % 2), line).replace(
        "%", "%%"
    )


def _mirror(component: Component) -> _Bundled:
    version = rpm_version(
        component.version, component.record.upstream.commit, component.record.upstream.commit_time
    )
    what = (
        "unmodified copy"
        if component.is_whole
        else f"unmodified copy of a selection ({selection_shown(component)})"
    )
    lines = [
        f"{component.name} {version_shown(component)}: {what}, in {places_shown(component)}",
        f"  URL: {component.record.url}",
        *([f"  directory: {readable_source(component)}"] if component.record.source else []),
        *([f"  tag: {component.record.pin}"] if component.record.pin.ref else []),
        f"  commit: {component.record.upstream.commit}",
        *([f"  {known_shown(component)}"] if component.asked else []),
        *_unsaid(component, version),
        *(
            [f"  description: {component.mirror.description}"]
            if component.mirror.description
            else []
        ),
    ]
    return _Bundled(f"bundled({component.name}) = {version}", tuple(lines))


def _patched(form: Derived) -> _Bundled:
    """Describe a patched copy: it is bundled as the mirror that it is a modified copy of."""
    mirror = form.main_mirror
    upstream = mirror.record.upstream
    version = rpm_version(mirror.version, upstream.commit, upstream.commit_time)
    lines = (
        f"{form.name}: {made_shown(form)}, in {form_places_shown(form)}",
        f"  URL: {mirror.record.url}",
        *([f"  tag: {mirror.record.pin}"] if mirror.record.pin.ref else []),
        f"  commit: {upstream.commit}",
        *(f"  patch: {patch_shown(patch)}" for patch in form.patches),
        *_unsaid(mirror, version),
    )
    return _Bundled(f"bundled({mirror.name}) = {version}", lines)


def _form(form: Derived) -> Iterator[str]:
    yield f"  {form.name}: {made_shown(form)}, in {form_places_shown(form)}"
    if missing := sources_not_here(form):
        yield f"    of which is not here: {', '.join(map(named, missing))}"


def _unsaid(component: Component, packaged: str) -> list[str]:
    if is_sayable(component.version, packaged):
        return []
    without = (
        "its tag reads as a commit id" if component.record.pin.ref else "it is pinned by commit"
    )
    reason = (
        without if component.version is None else f"rpm cannot say the version {component.version}"
    )
    return [f"  version by date and commit: {reason}"]


def _nested(component: Component, nested: Nested, by_name: Mapping[str, Component]) -> _Bundled:
    """Describe a copy inside a mirror.

    A copy that no record lists gets no version: Fedora wants none if none can be determined.
    """
    where = ", ".join(nested_places_shown(component, nested))
    found = nested.origin
    if found is None:
        name = _NOT_IN_NAMES.sub("-", quote_path(nested.name)).strip("-.") or "unnamed"
        about = (
            f"copy inside {component.name}, in {where}: {origin_shown(nested)}, so no version; "
            f"{_object(nested)}"
        )
        return _Bundled(f"bundled({name})", (about,))
    origin = by_name[found.mirror]
    version = rpm_version(
        origin.version, origin.record.upstream.commit, origin.record.upstream.commit_time
    )
    same = "same tree" if found.same_tree else "same files"
    about = (
        f"copy inside {component.name}, in {where}: {same} as {found.mirror} "
        f"at commit {found.commit}"
    )
    lines = (
        about,
        f"  URL: {found.url}",
        *([f"  tag: {found.pin}"] if found.pin.ref else []),
        *_unsaid(origin, version),
    )
    return _Bundled(f"bundled({found.mirror}) = {version}", lines)


def _object(nested: Nested) -> str:
    kind = "blob" if nested.files == (nested.path,) else "tree"
    return f"git {kind} {nested.tree}"


def _licenses(facts: Facts) -> Iterator[str]:
    """Write each licensing statement once, with the mirrors that it applies to."""
    under: dict[str, list[str]] = {}
    for one in facts.here:
        under.setdefault(license_shown(one), []).append(one.name)
        if one.licensing.concluded_comment:
            under[license_shown(one)][-1] += f" ({one.licensing.concluded_comment})"
    for statement, names in under.items():
        yield f"  {statement}: {', '.join(names)}"
    # what is derived has the licences of mirrors, of which some may not be here
    mirrors = [*facts.present, *(mirror for form in facts.forms_here for mirror in form.mirrors)]
    together = sorted({mirror.licensing.effective or "unknown" for mirror in mirrors})
    yield (
        f"  together: {' AND '.join(f'({said})' if ' OR ' in said else said for said in together)}"
    )


def _elsewhere(facts: Facts) -> Iterator[str]:
    for component in facts.elsewhere:
        yield f"  {elsewhere_shown(component)}, {places_shown(component)}"
    for form in facts.forms_elsewhere:
        yield f"  {form_elsewhere_shown(form)}, {form_places_shown(form)}"
