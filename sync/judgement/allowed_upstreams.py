"""Finds mirrors that come from where the manifest lets none come from; pure."""

from collections.abc import Collection, Iterator, Sequence

from sync.errors import RecordError
from sync.judgement.findings import Finding, Rule
from sync.layout import MANIFEST_PATH, record_path
from sync.manifest.url_patterns import is_allowed
from sync.model import Mirror
from sync.record.record import Record


def urls_of(mirror: Mirror | None, record: Record | RecordError | None) -> set[str]:
    """The URLs that manifest and record give for a mirror."""
    return {one.url for one in (mirror, record) if isinstance(one, Mirror | Record)}


def upstreams_not_allowed(
    name: str,
    mirror: Mirror | None,
    record: Record | RecordError | None,
    allowed: Sequence[Sequence[str] | None],
    had: Collection[str] = (),
) -> Iterator[Finding]:
    """Find upstream-not-allowed: a URL that one of the manifests that decide does not allow.

    `allowed` has each manifest's patterns; None allows all. URLs that the mirror `had` stay.
    """
    for url in sorted(urls_of(mirror, record) - {*had}):
        if not all(is_allowed(url, one) for one in allowed):
            where = MANIFEST_PATH if mirror and mirror.url == url else record_path(name)
            yield Finding(Rule.UPSTREAM_NOT_ALLOWED, name, f"no mirror may come from {url}", where)
