"""Say what provenance moved between two states, a line a mirror or form, for reviewers; pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from policies.facts import FormFacts, MirrorFacts, PolicedState
from sync.derived.record import DerivedRecord, shown_source
from sync.layout import ATTRIBUTES_PATH, MANIFEST_PATH
from sync.model.mirrors import Mirror, Selection
from sync.model.values import Entry
from sync.quoting import quote_path
from sync.record.record import Record
from sync.signature.signed import signature_shown
from sync.urls import same_repository

ReadText = Callable[[Entry], str]
"""Gives the text of a file of a state."""

_SHORT = 12
_LONGEST = 300
_ALWAYS_SUSPECT = frozenset({"url", "local", "tag object"})
"""What of a mirror that was there before does not move in the ordinary course of things."""


class Course(StrEnum):
    """What became of a mirror."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that moved; None stands for what was not there before, or is not there now."""

    what: str
    old: str | None
    new: str | None
    is_suspect: bool = False
    """Whether this is what a reviewer has to look at."""

    def __str__(self) -> str:
        """Say it in a phrase; text in it comes from outside, and is not escaped."""
        sides = [_cut(side) for side in (self.old, self.new) if side is not None]
        arrow = " → ".join(sides)
        if self.old is None or self.new is None:
            arrow = f"{arrow} {'is new' if self.old is None else 'is gone'}"
        return f"{self.what} {arrow}{' (look at this)' if self.is_suspect else ''}"


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved of one mirror, or of what holds for all mirrors."""

    mirror: str | None
    """None for what holds for all mirrors."""
    course: Course
    moves: tuple[Move, ...]

    @property
    def is_suspect(self) -> bool:
        return any(move.is_suspect for move in self.moves)

    def __str__(self) -> str:
        """Say it in a line; text in it comes from outside, and is not escaped."""
        whose = "for all mirrors" if self.mirror is None else self.mirror
        if self.course is Course.MOVED:
            return f"{whose}: {', '.join(map(str, self.moves))}"
        sides = (
            f"{move.what} {_cut(move.new or move.old or '')}"
            f"{' (look at this)' if move.is_suspect else ''}"
            for move in self.moves
        )
        return f"{whose} {self.course}: {', '.join(sides)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def account(before: PolicedState | None, after: PolicedState, read: ReadText) -> tuple[Moved, ...]:
    """Return what moved: first what holds for all, then mirrors by name, then derived forms.

    Without a state before, everything is new.
    """
    if before is not None and before.root == after.root:
        return ()
    general = tuple(move for moves in _GENERAL for move in moves(before, after, read))
    moved = [Moved(None, Course.MOVED, general)] if general else []
    there = before.mirrors if before else {}
    known = {same_repository(url) for facts in there.values() for url in _urls(facts)}
    for name in sorted({*there, *after.mirrors}):
        old, new = there.get(name), after.mirrors.get(name)
        if moves := tuple(_moves_of(old, new, known)):
            course = (
                Course.REMOVED if new is None else Course.ADDED if old is None else Course.MOVED
            )
            moved.append(Moved(name, course, moves))
    forms = before.forms if before else {}
    for name in sorted({*forms, *after.forms}):
        was, now = forms.get(name), after.forms.get(name)
        if moves := tuple(_moves_of_form(was, now)):
            course = (
                Course.REMOVED if now is None else Course.ADDED if was is None else Course.MOVED
            )
            moved.append(Moved(name, course, moves))
    return tuple(moved)


# What holds for all mirrors.


def _policy(before: PolicedState | None, after: PolicedState, _: ReadText) -> Iterator[Move]:
    old, new = (state.allowed_upstreams if state else None for state in (before, after))
    if old is None and new is None:
        return
    what = "[policy] upstreams"
    if old is None:
        yield Move(what, "anything", ", ".join(new or ()) or "nothing", is_suspect=True)
    elif new is None:
        yield Move(what, ", ".join(old) or "nothing", "anything", is_suspect=True)
    elif set(old) != set(new):
        yield _difference(what, old, new, is_suspect=True)


def _difference(
    what: str, old: Sequence[str], new: Sequence[str], *, is_suspect: bool = False
) -> Move:
    """Say what left a list and what came: in a long list nobody would see it."""
    gone = ", ".join(one for one in old if one not in new)
    came = ", ".join(one for one in new if one not in old)
    if not gone and not came:
        gone, came = what, "the same in another order"
    return Move(what, gone or None, came or None, is_suspect)


def _key_files(before: PolicedState | None, after: PolicedState, _: ReadText) -> Iterator[Move]:
    old, new = _keys(before), _keys(after)
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            what = "patch" if path in _patches(before, after) else "key file"
            yield Move(f"{what} {path}", old.get(path), new.get(path), is_suspect=True)


def _patches(*states: PolicedState | None) -> set[str]:
    """Return the patches that manifests name, quoted."""
    return {
        quote_path(path.encode())
        for state in states
        for facts in (state.forms.values() if state else ())
        for path in (facts.form.patches if facts.form else ())
    }


def _keys(state: PolicedState | None) -> Mapping[str, str]:
    """Return the key files of a state: path → blob id."""
    files = ((quote_path(entry.path), entry) for entry in (state.own_files if state else ()))
    return {path: entry.blob[:_SHORT] for path, entry in files if path != MANIFEST_PATH}


def _attributes(before: PolicedState | None, after: PolicedState, read: ReadText) -> Iterator[Move]:
    """Yield what was taken out of third_party/.gitattributes, or put in where it may weaken it.

    A file that is new protects more than none.
    """
    old, new = (_lines(state, read) for state in (before, after))
    if old is None or old == new or not after.is_governed:
        return
    if new is None:
        yield Move(ATTRIBUTES_PATH, "the file", None, is_suspect=True)
        return
    lost, more = (
        [line for line in one if line not in other] for one, other in ((old, new), (new, old))
    )
    if lost or more:
        yield Move(ATTRIBUTES_PATH, _joined(lost), _joined(more), is_suspect=True)
    else:
        yield Move(ATTRIBUTES_PATH, "its lines", "the same in another order", is_suspect=True)


def _joined(lines: list[str]) -> str | None:
    return "; ".join(f"`{line}`" for line in lines) or None


def _lines(state: PolicedState | None, read: ReadText) -> list[str] | None:
    """Return the lines of third_party/.gitattributes without comments; None if there is none."""
    entries = state.attribute_files if state else ()
    found = next((entry for entry in entries if entry.path == ATTRIBUTES_PATH.encode()), None)
    if found is None:
        return None
    lines = (line.strip() for line in read(found).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _host(before: PolicedState | None, after: PolicedState, _: ReadText) -> Iterator[Move]:
    """Yield the own patterns, of which a new one may let something in, and sealed directories."""
    for key, old, new in (
        ("own", before.own if before else (), after.own),
        ("sealed", before.sealed if before else (), after.sealed),
    ):
        weakens = {*new} - {*old} if key == "own" else {*old} - {*new}
        if old != new:
            yield _difference(f"[host] {key}", old, new, is_suspect=bool(weakens))


_GENERAL = (_policy, _host, _key_files, _attributes)
"""What holds for all mirrors of a manifest: each yields what moved of it between two states."""


# A mirror.


def _moves_of(
    before: MirrorFacts | None, after: MirrorFacts | None, known: set[str]
) -> Iterator[Move]:
    """Yield how a mirror moved; `known` are the repositories that mirrors came from before."""
    old, new = (dict(_said_of(facts)) if facts else {} for facts in (before, after))
    is_from_known = after is not None and {same_repository(url) for url in _urls(after)} <= known
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) == new.get(key) or (
            key == "tag object" and old.get("pin") != new.get("pin")
        ):
            continue
        is_expected = not new or (before is None and is_from_known)
        is_suspect = key in _ALWAYS_SUSPECT and not is_expected
        yield _difference(key, old.get(key, ()), new.get(key, ()), is_suspect=is_suspect)


def _urls(facts: MirrorFacts) -> Iterator[str]:
    if facts.mirror is not None:
        yield facts.mirror.url
    if isinstance(facts.record, Record):
        yield facts.record.url


def _said_of(facts: MirrorFacts) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield what manifest and record say of a mirror, as key and list of texts."""
    record = facts.record if isinstance(facts.record, Record) else None
    said = facts.mirror or record
    if said is not None:
        yield "url", (said.url,)
        yield "pin", (str(said.pin),)
    if record is not None:
        yield "commit", (record.upstream.commit[:_SHORT],)
        if record.upstream.tag is not None:
            yield "tag object", (record.upstream.tag[:_SHORT],)
    if said is not None:
        yield from _selected(said.selection)
        yield "places", said.places if isinstance(said, Mirror) else said.copies
    if facts.mirror is not None:
        yield from _conditions(facts.mirror)
    if record is not None and record.signature is not None:
        yield "signature", (signature_shown(record.signature),)


def _selected(selection: Selection) -> Iterator[tuple[str, Sequence[str]]]:
    if selection.source:
        yield "from", (quote_path(selection.source),)
    if selection.include:
        yield "include", selection.include
    if selection.exclude:
        yield "exclude", selection.exclude


def _conditions(mirror: Mirror) -> Iterator[tuple[str, Sequence[str]]]:
    if mirror.local:
        yield "local", ("true",)
    if not mirror.checked_in:
        yield "checked-in", ("false",)
    if mirror.allow:
        yield "allow", sorted(mirror.allow)
    if mirror.require_signature is not None:
        yield "require-signature", (mirror.require_signature.value,)
    if mirror.key_files:
        yield "keys", mirror.key_files


# A derived form.


def _moves_of_form(before: FormFacts | None, after: FormFacts | None) -> Iterator[Move]:
    old, new = (dict(_said_of_form(facts)) if facts else {} for facts in (before, after))
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield _difference(key, old.get(key, ()), new.get(key, ()))


def _said_of_form(facts: FormFacts) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield what manifest and record say of a form, as key and list of texts."""
    form = facts.form
    if form is not None:
        yield "form", (form.kind.value,)
        yield "of", (shown_source(form.of, form.of_path),)
        if form.needs:
            yield "with", form.needs
        if form.patches:
            yield "patches", form.patches
        if form.features is not None:
            yield "features", form.features
        yield "places", form.places
        if not form.checked_in:
            yield "checked-in", ("false",)
    if isinstance(facts.record, DerivedRecord):
        if facts.record.tool is not None:
            yield facts.record.tool.name, (facts.record.tool.version,)
        yield "made", (facts.record.id[:_SHORT],)
