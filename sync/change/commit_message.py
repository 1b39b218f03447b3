"""Writes the message of a commit: its subject, what people add to it, and its trailers; pure."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sync.ids import ObjectId
from sync.layout import THIRD_PARTY
from sync.model.mirrors import Mirror
from sync.wording import short_pin

REMOVED = "removed"
"""What stands in a trailer in place of a pin."""
_TRAILERS = re.compile(r"(?:[A-Za-z0-9-]+: .*(?:\n[ \t].*)*(?:\n|$))+")


class Wording(NamedTuple):
    """What the user wants a commit to say, instead of our subject and besides our trailers."""

    message: str | None = None
    signoff: bool = False
    """Whether git adds `Signed-off-by` (git-commit(1))."""

    @property
    def options(self) -> str:
        """The options that ask for this, with a blank before each."""
        message = "" if self.message is None else f" --message {shlex.quote(self.message)}"
        return message + (" --signoff" if self.signoff else "")


OWN_WORDING = Wording()


class Synced(NamedTuple):
    """What a trailer says of a mirror."""

    name: str
    pin: str
    """The pin as text, or `removed`."""
    tree: ObjectId


def commit_message(
    synced: Sequence[Synced],
    *,
    message: str | None = None,
    template: str | None = None,
    mirrors: Mapping[str, Mirror] | None = None,
    forms: Mapping[str, bool] | None = None,
) -> str:
    """The message of a commit, with a trailer for each mirror.

    Derived `forms`, of which it says whether they are still there, need none.

    `message` is what the user wants it to say instead of a subject of ours, and `template` is the
    manifest's subject with placeholders.
    """
    said = (
        message if message is not None else _subject(synced, template, mirrors or {}, forms or {})
    )
    trailers = "".join(f"Mirror-Sync: {name} {pin} {tree}\n" for name, pin, tree in synced)
    text = said.rstrip() + "\n"
    if not trailers:
        return text
    last_paragraph = text.rpartition("\n\n")
    has_trailers = last_paragraph[1] and _TRAILERS.fullmatch(last_paragraph[2])
    return text + ("" if has_trailers else "\n") + trailers


def _subject(
    synced: Sequence[Synced],
    template: str | None,
    mirrors: Mapping[str, Mirror],
    forms: Mapping[str, bool],
) -> str:
    if not synced and forms:
        what = next(iter(forms)) if len(forms) == 1 else f"{len(forms)} forms"
        return f"{THIRD_PARTY}: {'make' if any(forms.values()) else 'remove'} {what}"
    if not synced:
        return f"{THIRD_PARTY}: update the manifest"
    if template is not None:
        for name, words in _placeholders(synced, mirrors).items():
            template = template.replace(f"{{{name}}}", words)
        return template
    if len(synced) > 1:
        return f"{THIRD_PARTY}: sync {len(synced)} mirrors"
    name, pin, _ = synced[0]
    if pin == REMOVED:
        return f"{THIRD_PARTY}: remove {name}"
    return f"{THIRD_PARTY}: sync {name} to {short_pin(pin)}"


def _placeholders(synced: Sequence[Synced], mirrors: Mapping[str, Mirror]) -> Mapping[str, str]:
    """What stands for `{mirrors}`, `{upstream}` and `{pin}`.

    An upstream without a table, or more than one, goes by the names of the mirrors.
    """
    names = synced[0].name if len(synced) == 1 else f"{len(synced)} mirrors"
    upstreams = {mirrors[one.name].upstream if one.name in mirrors else None for one in synced}
    upstream = upstreams.pop() if len(upstreams) == 1 else None
    pins = {one.pin for one in synced}
    pin = short_pin(pins.pop()) if len(pins) == 1 else f"{len(pins)} pins"
    return {"mirrors": names, "upstream": upstream or names, "pin": pin}
