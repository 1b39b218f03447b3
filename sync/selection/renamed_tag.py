"""Refuses a tag whose object has another name than the pin."""

from collections.abc import Sequence

from sync.errors import SelectionError
from sync.model.mirrors import Mirror, UpstreamCommit
from sync.model.values import PinKind
from sync.objects.commits import tag_name
from sync.quoting import quote_path
from sync.wording import upstream_line

TAG_RENAMED = "tag-renamed"


def other_name(mirror: Mirror, tag_objects: Sequence[bytes]) -> str | None:
    """The name, made printable, that the pinned tag's object has instead of the pin's.

    None if the names agree, if no annotated tag is pinned, or if the mirror allows another name.
    """
    if not tag_objects or mirror.pin.kind is not PinKind.TAG or TAG_RENAMED in mirror.allow:
        return None
    named = tag_name(tag_objects[0])
    return None if named == mirror.pin.value.encode() else quote_path(named or b"nothing")


def refuse_renamed_tag(mirror: Mirror, upstream: UpstreamCommit) -> None:
    """SelectionError if the tag object has another name than the pin.

    Then somebody has renamed the tag, or passes an old release off as a new one.
    """
    named = other_name(mirror, upstream.tag_objects)
    if named is None:
        return
    raise SelectionError(
        f"the tag {mirror.pin} of mirror {mirror.name} is another one under this name",
        [f"its object calls itself {named} [{TAG_RENAMED}]", upstream_line(mirror.url, mirror.pin)],
        hint=f'ask upstream why; to take it all the same: allow = ["{TAG_RENAMED}"]',
        reference=TAG_RENAMED,
    )
