"""Finds mirrors that come from where the manifest lets none come from; pure."""

from collections.abc import Callable, Collection, Iterator

from sync.errors import RecordError
from sync.judgement.findings import Finding, Rule
from sync.layout import MANIFEST_PATH, record_path
from sync.model.mirrors import Mirror
from sync.record.record import Record


def urls_of(mirror: Mirror | None, record: Record | RecordError | None) -> set[str]:
    """The URLs that manifest and record give for a mirror."""
    return {one.url for one in (mirror, record) if isinstance(one, Mirror | Record)}


def upstreams_not_allowed(
    name: str,
    mirror: Mirror | None,
    record: Record | RecordError | None,
    is_allowed: Callable[[str], bool],
    had: Collection[str] = (),
) -> Iterator[Finding]:
    """Find upstream-not-allowed: a URL that may not be; those that the mirror `had` stay."""
    for url in sorted(urls_of(mirror, record) - {*had}):
        if not is_allowed(url):
            where = MANIFEST_PATH if mirror and mirror.url == url else record_path(name)
            yield Finding(Rule.UPSTREAM_NOT_ALLOWED, name, f"no mirror may come from {url}", where)
