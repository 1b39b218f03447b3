"""The report as one self-contained page for people.

All functions are pure.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from urllib.parse import quote

from sync.ids import ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.quoting import quote_path
from sync.report.facts import Component, Derived, Facts, LicenseText, Nested, Recorded
from sync.report.form_text import NOT_MADE_AGAIN, form_state_shown, made_shown, patch_shown
from sync.report.formats.page.details import commands, file_table, properties
from sync.report.formats.page.markup import Html, code, fill, join, link, note
from sync.report.links import directory_page, file_page
from sync.report.text import headline, iso_time, license_shown, nested_shown, version_shown
from sync.wording import count, short_pin

_SHORT = 12
_STATES = {
    Presence.PRESENT: ("yes", "whole directory"),
    Presence.ABSENT: ("not here", "not checked in"),
    Presence.REMOVED: ("removed", "as a whole"),
}


@cache
def _part(name: str) -> str:
    return (files("sync.report.formats") / "page" / name).read_text("utf-8")


def render(facts: Facts) -> bytes:
    """Write the page; it fetches nothing, and its content security policy forbids it to."""
    more = _part("forms.css") if facts.forms else ""
    style, script = Html(_part("page.css") + more), Html(_part("page.js"))
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    page = fill(
        _part("page.html"),
        policy=Html(policy),
        style=style,
        script=script,
        headline=headline(facts),
        answer=_answer(headline(facts)),
        summary=_summary(facts),
        count=count(len(facts.components), "mirror"),
        mirrors=join(map(_mirror, facts.components), Html("\n")),
        texts=join((_forms(facts.forms), _texts(facts.components))),
        created=iso_time(facts.timestamp),
    )
    return page.encode()


def _hash(inline: str) -> str:
    """Write the hash by which a content security policy allows one inline style or script."""
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


def _answer(sentence: str) -> Html:
    """Mark up the headline: the versions are set apart from what it says about all mirrors."""
    versions, colon, verdict = sentence.rpartition(": ")
    return fill("<span>{}</span>{}", versions + colon, verdict) if colon else fill("{}", verdict)


def _summary(facts: Facts) -> str:
    components = facts.present or facts.components
    nested = sum(len(component.nested) for component in components)
    unknown = sum(component.licensing.effective is None for component in components)
    parts = [
        (
            f"{count(len(components), 'mirror')} of "
            f"{count(len({component.record.url for component in components}), 'upstream')}"
        ),
        count(sum(len(one.record.files) * len(one.directories) for one in components), "file"),
        *([count(nested, "nested copy")] if nested else []),
        *([f"{unknown} without a known licence"] if unknown else []),
        *([f"{len(facts.elsewhere)} not here"] if facts.present and facts.elsewhere else []),
    ]
    verified = (
        "The files were verified against their records, "
        "and the records against the commit ids, when this page was written."
    )
    return (
        f"{', '.join(parts)}. "
        f"{verified if facts.present else 'What is said of them is as recorded.'}"
        f"{_asked(components)}"
    )


def _asked(components: Sequence[Component]) -> str:
    """Say when upstreams were asked, or that they were not; nothing where no files are here."""
    dates = sorted({component.asked.day for component in components if component.asked})
    if dates:
        return f" Upstreams were asked on {', '.join(dates)}."
    return " Upstreams were not asked."


def _mirror(component: Component) -> Html:
    state, extent = _STATES[component.presence]
    licensing = component.licensing
    return fill(
        _part("mirror.html").rstrip("\n"),
        anchor=_anchor(component.name),
        presence=component.presence.value,
        name=component.name,
        description=note(component.mirror.description) if component.mirror.description else Html(),
        places=join(_places(component)),
        version=version_shown(component),
        date=component.record.upstream.commit_time[:10],
        upstream=_upstream(component),
        where=_where(component),
        state=state,
        extent="part of the directory"
        if component.is_present and not component.is_whole
        else extent,
        declared=licensing.declared or "unknown",
        concluded=f"concluded: {licensing.concluded}" if licensing.concluded else "none concluded",
        nested=_nested(component.nested),
        contents=_contents(component),
        properties=properties(component),
        files=file_table(
            "Files in each place" if len(component.directories) > 1 else "Files",
            component,
            component.record.files,
            component.record.source,
        ),
        license_files=file_table(
            f"Licence files in {component.license_directory}",
            component,
            component.record.licenses,
            RepoPath(b""),
        ),
        commands=commands(component),
    )


def _places(component: Component) -> Iterator[Html]:
    places = [*((place, "") for place in component.directories)]
    places += ((place, " removed") for place in component.not_here)
    for place, more in places:
        shown = join(place.split("/"), Html("/<wbr>"))
        yield fill("<small><code>{}</code>{}</small>", shown, more)


def _anchor(name: str) -> str:
    return f"mirror-{quote(name, safe='')}"


def _upstream(component: Component) -> Html:
    page = directory_page(
        component.record.url, component.record.upstream.commit, component.record.source
    )
    shown = component.record.url.partition("://")[2] or component.record.url
    return link(page, join(shown.split("/"), Html("/<wbr>")))


def _where(component: Component) -> Html:
    """Show directory and commit; the commit id is short on a screen and whole on paper."""
    commit = fill(
        '<code>{}<span class="rest">{}</span></code>',
        component.record.upstream.commit[:_SHORT],
        component.record.upstream.commit[_SHORT:],
    )
    return (
        fill("{} at {}", code(quote_path(component.record.source)), commit)
        if component.record.source
        else fill("at {}", commit)
    )


def _contents(component: Component) -> str:
    recorded = "" if component.is_present else ", as recorded"
    places = len(component.directories)
    return (
        f"{count(len(component.record.files), 'file')}, "
        f"{sum(fact.size for fact in component.record.files):,} bytes"
        f"{f' in each of {places} places' if places > 1 else ''}{recorded}"
    )


def _nested(copies: Sequence[Nested]) -> Html:
    rows = join(
        fill("<li>{} <span>{}</span></li>\n", code(nested_shown(nested)), _origin(nested))
        for nested in copies
    )
    return (
        fill('<ul class="nested" aria-label="Nested copies">\n{}</ul>', rows) if copies else Html()
    )


def _origin(nested: Nested) -> Html:
    origin, recorded = nested.origin, nested.recorded
    if origin is None and recorded is not None:
        return _recorded(recorded)
    if origin is None:
        return fill('<b class="none">no origin found</b>, {}', count(len(nested.files), "file"))
    page = file_page if nested.files == (nested.path,) else directory_page
    return fill(
        'copy of <a href="#{}">{}</a> {} at {}{}',
        _anchor(origin.mirror),
        origin.mirror,
        str(origin.pin),
        link(page(origin.url, origin.commit, origin.path), code(origin.commit[:_SHORT])),
        "" if origin.same_tree else ", file by file",
    )


def _recorded(recorded: Recorded) -> Html:
    return fill(
        'copy of {} {} at {}, as recorded by <a href="#{}">{}</a>',
        recorded.mirror,
        short_pin(str(recorded.pin)),
        link(
            directory_page(recorded.url, recorded.commit, recorded.path),
            code(recorded.commit[:_SHORT]),
        ),
        _anchor(recorded.by),
        recorded.by,
    )


def _forms(forms: Sequence[Derived]) -> Html:
    """Show what is derived from mirrors, in a section of its own: none of it is a copy."""
    if not forms:
        return Html()
    return fill(_part("forms.html"), said=NOT_MADE_AGAIN, rows=join(map(_form, forms)))


def _form(form: Derived) -> Html:
    places = [*((place, "") for place in form.places)]
    places += ((place, " removed") for place in form.not_here)
    patches = (note(patch_shown(patch)) for patch in form.patches)
    mirrors = (link(f"#{_anchor(one.name)}", one.name) for one in form.mirrors)
    return fill(
        "\n<tr><td>{}{}<td>{}<td>{}{}<td>{}<td>{}",
        form.name,
        join(fill("<small><code>{}</code>{}</small>", *place) for place in places),
        form_state_shown(form),
        made_shown(form),
        join(patches),
        join(mirrors, ", "),
        license_shown(form),
    )


def _texts(components: Sequence[Component]) -> Html:
    """Show every licence text once, with the mirrors that it covers."""
    covered: dict[ObjectId, list[tuple[LicenseText, str]]] = {}
    for component in components:
        for text in component.licensing.texts:
            covered.setdefault(text.blob, []).append((text, component.name))
    if not covered:
        return Html()
    heading = Html('<section aria-labelledby="texts">\n<h2 id="texts">Licence texts</h2>\n')
    return fill(
        "{}{}</section>",
        heading,
        join(_text(same[0][0], [name for _, name in same]) for same in covered.values()),
    )


def _text(text: LicenseText, mirrors: Sequence[str]) -> Html:
    lines = text.text.removeprefix("\ufeff").splitlines()
    return fill(
        _part("text.html"),
        blob=text.blob,
        expression=text.expression or "Unknown licence",
        mirrors=count(len(mirrors), "mirror"),
        name=quote_path(text.upstream_path),
        path=text.path,
        covers=join((link(f"#{_anchor(name)}", name) for name in mirrors), ", "),
        lines=join((line.expandtabs() for line in lines), Html("\n")),
    )
