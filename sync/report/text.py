"""Words that several formats say in the same way; pure."""

from datetime import UTC, datetime

from sync.names import quote_path, short_pin
from sync.report.facts import Component, Facts, Nested
from sync.verify import Presence

_SHOWN_UPSTREAMS = 8


def iso_time(timestamp: int) -> str:
    """Seconds since 1970 as `YYYY-MM-DDThh:mm:ssZ`."""
    return datetime.fromtimestamp(timestamp, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, noun: str) -> str:
    """`1 mirror`, `2 mirrors`, `2 copies`."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def headline(facts: Facts) -> str:
    """Which versions, and fork or unmodified copy: what a packager asks first, in one clause without a full stop."""
    here = facts.present
    if not here:
        return f"nothing of {count(len(facts.components), 'mirror')} is here{_elsewhere(facts)}"
    versions: dict[str, list[str]] = {}
    for component in here:
        of_upstream = versions.setdefault(_upstream_name(component), [])
        if version_shown(component) not in of_upstream:
            of_upstream.append(version_shown(component))
    named = [f"{name} {' and '.join(of_upstream)}" for name, of_upstream in versions.items()]
    shown = ", ".join(named[:_SHOWN_UPSTREAMS])
    more = f" and {len(named) - _SHOWN_UPSTREAMS} more" if len(named) > _SHOWN_UPSTREAMS else ""
    unmodified = {1: "an unmodified copy, no fork", 2: "both are unmodified copies, none is a fork"}
    verdict = unmodified.get(len(here), f"all {len(here)} are unmodified copies, none is a fork")
    return f"{shown}{more}: {verdict}{_elsewhere(facts)}"


def _upstream_name(component: Component) -> str:
    return component.url.rstrip("/").removesuffix(".git").rpartition("/")[2].rpartition(":")[2]


def _elsewhere(facts: Facts) -> str:
    removed = sum(c.presence is Presence.REMOVED for c in facts.elsewhere)
    absent = len(facts.elsewhere) - removed
    parts = [f"{removed} removed"] if removed else []
    parts += [f"{absent} not checked in and not here"] if absent else []
    return f"; {', '.join(parts)}" if parts else ""


def version_shown(component: Component) -> str:
    """The version, or the commit for a mirror that has none."""
    return component.version or f"commit {short_pin(component.commit)}"


def state_shown(component: Component) -> str:
    """Whether it is unmodified, in a word or two; what is not here is not judged."""
    return {
        Presence.PRESENT: "unmodified" if component.is_whole else "unmodified selection",
        Presence.ABSENT: "not here",
        Presence.REMOVED: "removed",
    }[component.presence]


def origin_shown(nested: Nested) -> str:
    """Where a nested copy comes from, or that nobody here knows."""
    origin = nested.origin
    if origin is None:
        return "no origin found"
    return f"{origin.mirror} {short_pin(str(origin.pin))} at {origin.commit[:12]}" + ("" if origin.same_tree else ", file by file")


def nested_shown(nested: Nested) -> str:
    """The path of a nested copy inside its mirror."""
    return quote_path(nested.path)


def upstream_shown(component: Component) -> str:
    """The upstream at its commit: `github.com/WebAssembly/WASI at 281ba75fafcd`."""
    return f"{component.url.partition('://')[2] or component.url} at {component.commit[:12]}"


def license_shown(component: Component) -> str:
    """Both statements in short: one if they agree or only one is made, `unknown` if none is."""
    declared, concluded = component.licensing.declared, component.licensing.concluded
    if concluded is None:
        return f"{declared} (declared)" if declared else "unknown"
    return concluded if concluded == declared else f"{concluded} (concluded; declared: {declared or 'unknown'})"
