"""Gathers the facts of derived forms: what they are made of, and what their patches say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync.derived.patch_text import PatchError, Story, read_story
from sync.derived.record import DerivedRecord, PatchFact
from sync.judgement.derived_forms import FormVerdict
from sync.model.mirrors import Form
from sync.report.facts import Component, Content, Derived, Licensing, Patch, mirrors_of
from sync.report.hashes import Reader


@dataclass
class FormGatherer:
    """Combines what the manifest, the records and the files say about forms without findings."""

    forms: Mapping[str, Form]
    verdicts: Mapping[str, tuple[FormVerdict, DerivedRecord]]
    components: Mapping[str, Component]
    reader: Reader
    read_patch: Callable[[str], bytes | None]
    _known: dict[str, Derived] = field(default_factory=dict)

    def all(self, read: Callable[[], None] | None) -> tuple[Derived, ...]:
        """The facts of all forms, in order.

        Files are read if there is a `read`, which is called after each of them.
        """
        return tuple(self._derived(name, read) for name in self.verdicts)

    def _derived(self, name: str, read: Callable[[], None] | None) -> Derived:
        if name not in self._known:
            self._known[name] = self._gathered(name, read)
        return self._known[name]

    def _gathered(self, name: str, read: Callable[[], None] | None) -> Derived:
        verdict, record = self.verdicts[name]
        made_of = tuple(
            self.components.get(one.name) or self._derived(one.name, read) for one in record.inputs
        )
        return Derived(
            form=self.forms[name],
            record=record,
            presence=verdict.presence,
            made_of=made_of,
            patches=tuple(map(self._patch, record.patches)),
            licensing=licensing_together(mirrors_of(made_of)),
            content=self._content(verdict, record, read) if verdict.is_present and read else None,
            not_here=verdict.not_here if verdict.is_present else (),
        )

    def _content(
        self, verdict: FormVerdict, record: DerivedRecord, read: Callable[[], None]
    ) -> Content:
        place = next(one for one in record.places if one not in verdict.not_here)
        return self.reader.made(record, place, read)

    def _patch(self, fact: PatchFact) -> Patch:
        content = self.read_patch(fact.path) or b""
        return Patch(fact, _story(content), content)


def _story(content: bytes) -> Story | None:
    try:
        return read_story(content)
    except PatchError:
        return None


def licensing_together(mirrors: Sequence[Component]) -> Licensing:
    """The licence of what is made of these mirrors: all of theirs, unknown if one is.

    Nothing is concluded unless something was concluded for one of them.
    """
    stated = [mirror.licensing for mirror in mirrors]
    concluded = any(one.concluded for one in stated)
    whose = f"as for what it is made of, {', '.join(mirror.name for mirror in mirrors)}"
    here = [mirror.licensing for mirror in mirrors if mirror.is_present]
    texts = {text.path: text for one in here for text in one.texts}
    return Licensing(
        declared=_together(one.declared for one in stated),
        declared_comment=whose,
        concluded=_together(one.effective for one in stated) if concluded else None,
        concluded_comment=whose if concluded else None,
        texts=tuple(texts.values()),
        copyright=tuple(dict.fromkeys(line for one in here for line in one.copyright)),
        others=tuple(dict.fromkeys(path for one in here for path in one.others)),
    )


def _together(expressions: Iterable[str | None]) -> str | None:
    """All of these licences, as one SPDX expression; None if one of them is unknown."""
    every = list(dict.fromkeys(expressions))
    known = [one for one in every if one is not None]
    if len(known) < len(every):
        return None
    if len(known) == 1:
        return known[0]
    return " AND ".join(f"({one})" if " OR " in one else one for one in known)
