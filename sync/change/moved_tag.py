"""A recorded tag that names another commit upstream now stops `sync`: the record wins."""

from sync.errors import MovedTagError
from sync.ids import ObjectId
from sync.model.mirrors import Mirror
from sync.record.record import Record


def refuse_moved_tag(mirror: Mirror, record: Record, commit: ObjectId) -> None:
    """MovedTagError if `commit`, which the pin now gives, is not the recorded one.

    The record wins over the tag. It has to answer the mirror's pin.
    """
    if record.upstream.commit != commit:
        raise MovedTagError(
            f"the tag {mirror.pin} of mirror {mirror.name} has moved",
            [f"recorded: {record.upstream.commit}", f"upstream: {commit}", f"url: {mirror.url}"],
            hint="ask upstream why; to take the new commit, pin it in the manifest: "
            f'commit = "{commit}"',
            reference="tag-moved",
        )
