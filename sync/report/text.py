"""The words that several formats have in common.

All functions are pure.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sync.judgement.findings import Presence
from sync.quoting import quote_path
from sync.report.facts import Component, Derived, Facts, Nested
from sync.wording import count, short_pin

_SHOWN_UPSTREAMS = 8
_SHELL_SAFE = re.compile(rb"[A-Za-z0-9_@%+=:,./^{}~-]+")


def iso_time(timestamp: int) -> str:
    """Write seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`."""
    return datetime.fromtimestamp(timestamp, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def headline(facts: Facts) -> str:
    """Say which versions are bundled, that they are unmodified copies, and who says of what.

    Packagers ask this first. What is derived is counted, and called no copy. It is one clause
    without a full stop.
    """
    here = facts.present
    rest = _derived(facts) + _elsewhere(facts)
    if not here:
        return f"nothing of {count(len(facts.components), 'mirror')} is here{rest}"
    versions: dict[str, list[str]] = {}
    for component in here:
        of_upstream = versions.setdefault(component.record.url, [])
        if version_shown(component) not in of_upstream:
            of_upstream.append(version_shown(component))
    named = [
        f"{name} {' and '.join(versions[url])}" for url, name in _upstream_names(versions).items()
    ]
    shown = ", ".join(named[:_SHOWN_UPSTREAMS])
    more = f" and {len(named) - _SHOWN_UPSTREAMS} more" if len(named) > _SHOWN_UPSTREAMS else ""
    return f"{shown}{more}: {_verdict(here)}{rest}"


def _verdict(here: Sequence[Component]) -> str:
    """Say that the mirrors are unmodified copies, how many hold only a selection, and who says so.

    That none is a fork is known only of mirrors whose upstream confirmed their records.
    """
    selections = sum(not component.is_whole for component in here)
    agreeing = [c.asked for c in here if c.asked is not None and c.asked.agrees]
    if len(here) == 1:
        known = f"no fork, {known_shown(here[0])}" if agreeing else known_shown(here[0])
        return f"an unmodified copy{' of a selection' if selections else ''}, {known}"
    which = "both" if len(here) == 2 else f"all {len(here)}"  # noqa: PLR2004
    copies = f"{which} are unmodified copies"
    statements = Counter(known_shown(component) for component in here)
    known = ", ".join(
        statement if len(statements) == 1 else f"{number} {statement}"
        for statement, number in statements.items()
    )
    fork = "none is a fork, " if len(agreeing) == len(here) else ""
    return f"{copies}{f' ({selections} of a selection)' if selections else ''}, {fork}{known}"


def known_shown(component: Component) -> str:
    """Say by whose word a mirror is what its record says, with the date if upstream was asked."""
    asked = component.asked
    if asked is None:
        return "as recorded"
    if asked.agrees:
        return f"as upstream said on {asked.day}"
    found = f" ({', '.join(asked.found)})" if asked.found else ""
    return f"against what upstream said on {asked.day}{found}"


def _upstream_names(urls: Iterable[str]) -> dict[str, str]:
    """Shorten each URL to its last part, as people call the project.

    The URL is kept whole without its scheme if the last part is empty or belongs to several URLs.
    """
    names = {
        url: url.rstrip("/").removesuffix(".git").rpartition("/")[2].rpartition(":")[2]
        for url in urls
    }
    shared = Counter(names.values())
    return {
        url: name if name and shared[name] == 1 else url.partition("://")[2] or url
        for url, name in names.items()
    }


def _derived(facts: Facts) -> str:
    here = facts.forms_here
    if not here:
        return ""
    patched = sum(bool(form.all_patches) for form in here)
    verb = "is" if len(here) == 1 else "are"
    made = f"; {count(len(here), 'form')} {verb} derived from mirrors"
    return f"{made}, {patched} with patches" if patched else made


def _elsewhere(facts: Facts) -> str:
    removed = sum(c.presence is Presence.REMOVED for c in facts.elsewhere)
    absent = len(facts.elsewhere) - removed
    places = sum(len(component.not_here) for component in facts.present)
    places += sum(len(form.not_here) for form in facts.forms_here)
    forms = len(facts.forms_elsewhere)
    parts = [f"{removed} removed"] if removed else []
    parts += [f"{absent} not checked in and not here"] if absent else []
    parts += [f"{count(places, 'place')} removed"] if places else []
    parts += [f"{count(forms, 'form')} not here"] if forms else []
    return f"; {', '.join(parts)}" if parts else ""


def version_shown(component: Component) -> str:
    """Return the version, or the commit for a mirror without a version."""
    return component.version or f"commit {short_pin(component.record.upstream.commit)}"


def state_shown(component: Component) -> str:
    """Say in a word or two whether it is unmodified; a mirror that is not here is not judged."""
    return {
        Presence.PRESENT: "unmodified" if component.is_whole else "unmodified selection",
        Presence.ABSENT: "not here",
        Presence.REMOVED: "removed",
    }[component.presence]


def places_shown(component: Component) -> str:
    """Name the directories of a mirror, and those of them that are not here.

    Example: `third_party/io, crates/wasi/wit/deps/io; removed: crates/cli/wit/deps/io`.
    """
    missing = f"; removed: {', '.join(component.not_here)}" if component.not_here else ""
    return ", ".join(component.directories) + missing


def nested_places_shown(component: Component, nested: Nested) -> list[str]:
    """Return the paths of a nested copy from the host's root, one for each place of its mirror."""
    return [quote_path(f"{one}/".encode() + nested.path) for one in component.directories]


def elsewhere_shown(component: Component) -> str:
    """Name a mirror that is not here, for the comment of an inventory.

    Example: `removed: NAME (VERSION)`.
    """
    return f"{component.presence.value}: {component.name} ({version_shown(component)})"


def not_here_shown(facts: Facts) -> list[str]:
    """Name the mirrors that are not here, and the places of others that are not.

    Example of a place: `removed: crates/cli/wit/deps/io of io`.
    """
    places = [f"removed: {place} of {one.name}" for one in facts.present for place in one.not_here]
    return [*map(elsewhere_shown, facts.elsewhere), *places]


def origin_shown(nested: Nested) -> str:
    """Say where a nested copy comes from.

    The source is a record of this host, else one of the mirrored project.
    """
    origin, recorded = nested.origin, nested.recorded
    if origin is not None:
        same = "" if origin.same_tree else ", file by file"
        return f"{origin.mirror} {short_pin(str(origin.pin))} at {origin.commit[:12]}{same}"
    if recorded is not None:
        return (
            f"{recorded.mirror} {short_pin(str(recorded.pin))} at {recorded.commit[:12]}, "
            f"as recorded by {recorded.by}"
        )
    return "no origin found"


def nested_shown(nested: Nested) -> str:
    """Return the path of a nested copy inside its mirror."""
    return quote_path(nested.path)


def upstream_shown(component: Component) -> str:
    """Name the upstream's directory and commit.

    Example: `github.com/WebAssembly/WASI proposals/cli/wit at 281ba75fafcd`.
    """
    directory = f" {quote_path(component.record.source)}" if component.record.source else ""
    return (
        f"{component.record.url.partition('://')[2] or component.record.url}{directory} "
        f"at {component.record.upstream.commit[:12]}"
    )


def selection_shown(component: Component) -> str:
    """List the manifest's patterns that select files, such as `include /wit/; exclude deps/`."""
    patterns = (
        ("include", component.record.selection.include),
        ("exclude", component.record.selection.exclude),
    )
    return "; ".join(f"{word} {', '.join(lines)}" for word, lines in patterns if lines)


def license_shown(component: Component | Derived) -> str:
    """Summarise both statements about the licence; it is `unknown` if neither is made.

    If they agree, or if only one is made, there is one expression.
    """
    declared, concluded = component.licensing.declared, component.licensing.concluded
    if concluded is None:
        return f"{declared} (declared)" if declared else "unknown"
    return (
        concluded
        if concluded == declared
        else f"{concluded} (concluded; declared: {declared or 'unknown'})"
    )


def shell_word(word: bytes) -> str:
    """Quote a word for a shell, in characters that cannot be mistaken."""
    if _SHELL_SAFE.fullmatch(word):
        return word.decode()
    return (
        "$'"
        + "".join(
            chr(byte)
            if 0x20 <= byte < 0x7F and byte not in b"'\\"  # noqa: PLR2004 - printable ASCII
            else f"\\{byte:03o}"
            for byte in word
        )
        + "'"
    )
