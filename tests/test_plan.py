"""The plan: manifest, record and disk in, changes out; what would be lost is refused."""

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.change.left import Left
from sync.change.local_changes import (
    local_changes,
    refuse_local_changes,
    refuse_staged_changes,
    upstreams_files,
)
from sync.change.moved_tag import refuse_moved_tag
from sync.change.plan import (
    Change,
    FileChanges,
    Plan,
    is_satisfied,
    make_plan,
    plan_mirror,
    plan_removal,
)
from sync.change.seen import LeavingMirror, Looked, SeenMirror, WantedMirror
from sync.errors import LocalChangesError, MovedTagError
from sync.ids import Mode, RepoPath
from sync.manifest.read import Manifest
from sync.model.mirrors import Copy, Mirror
from sync.model.values import Entry, FileFact, Pin, PinKind
from sync.objects.tree import object_id
from sync.quoting import quote_path
from sync.record.places import Present, Recorded
from sync.record.record import Record
from tests.harnesses.fuzz.honest import record_of
from tests.support.changed import changed_record

if TYPE_CHECKING:
    from sync.git.repository import Repository

FILES = {b"LICENSE": b"l\n", b"wit/a": b"a\n", b"wit/deep/b": b"b\n"}
LATER = {b"LICENSE": b"l2\n", b"wit/a": b"a2\n", b"wit/new/c": b"c\n"}

V1, V2 = record_of(FILES, b"wit", tags=0), record_of(LATER, b"wit", tags=0)
"""Two states of one mirror, `up`, whose upstream has moved from the first to the second.

Both are of its tag v1.
"""

PATHS = st.sampled_from([RepoPath(path) for path in (b"a", b"b", b"d/a", b"d/\xff", b"COPYING")])
MODES = st.sampled_from([Mode.FILE, Mode.EXECUTABLE, Mode.SYMLINK])


def fact(path: bytes, content: bytes, mode: int = Mode.FILE) -> FileFact:
    blob = object_id("blob", content)
    return FileFact(RepoPath(path), mode, blob, len(content), hashlib.sha256(content).hexdigest())


def _facts(files: dict[RepoPath, tuple[int, bytes]]) -> tuple[FileFact, ...]:
    return tuple(fact(path, content, mode) for path, (mode, content) in sorted(files.items()))


FACTS = st.dictionaries(PATHS, st.tuples(MODES, st.sampled_from([b"1", b"2"]))).map(_facts)


def mirror(**changes: Any) -> Mirror:
    """The mirror that V1 is the record of."""
    plain = Mirror("up", V1.url, Pin(PinKind.TAG, "v1"), ("third_party/up",), V1.selection)
    return dataclasses.replace(plain, **changes)


def copy_with(files: tuple[FileFact, ...], licenses: tuple[FileFact, ...] = ()) -> Copy:
    """A copy of V1's upstream, but of these files."""
    entries, texts = (tuple(each.entry for each in facts) for facts in (files, licenses))
    holding = dataclasses.replace(V1.copy.holding, files=entries, licenses=texts)
    return dataclasses.replace(V1.copy, holding=holding)


Facts = tuple[FileFact, ...] | None


def on_disk(files: Facts, licenses: Facts) -> Present:
    return {"third_party/up": files, "third_party/licenses/up": licenses}


NOTHING = on_disk(None, None)
NOWHERE = cast("Repository", None)
"""A plan reads no objects."""


def as_recorded(record: Record) -> Present:
    return on_disk(record.files, record.licenses)


def planned(
    record: Record | None = V1,
    copy: Copy = V2.copy,
    present: Present | None = None,
) -> Change:
    """The plan of one mirror.

    Unless a test says otherwise, it was synced at V1 and is to be V2.
    """
    return plan_mirror(WantedMirror(seen(record, present or as_recorded(V1)), copy, NOWHERE))


def seen(record: Record | None, present: Present, name: str = "up") -> SeenMirror:
    recorded = recorded_in(record, present)
    wanted = {f"third_party/{name}", f"third_party/licenses/{name}"}
    left = {
        place: Left(present[place], recorded[place], is_shared=False)
        for place in {*present} - wanted
    }
    return SeenMirror(mirror(name=name), record, record, present, recorded, left)


def recorded_in(record: Record | None, present: Present) -> Recorded:
    """What a record says of the places of which something is known."""
    own = {} if record is None else {place.directory: place.files for place in record.places}
    return {directory: own.get(directory, ()) for directory in present}


def leaving(name: str, record: Record | None, present: Present) -> LeavingMirror:
    places = (f"third_party/{name}",)
    recorded = recorded_in(record, present)
    left = {one: Left(present[one], recorded[one], is_shared=False) for one in present}
    return LeavingMirror(name, places, record, left)


def paths(*names: bytes) -> tuple[RepoPath, ...]:
    return tuple(map(RepoPath, names))


# what is wanted and what is there


def test_what_is_as_recorded_and_answers_the_manifest_is_satisfied() -> None:
    assert is_satisfied(mirror(), V1, as_recorded(V1))


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://example.org/other"},
        {"pin": Pin(PinKind.TAG, "v2")},
        {"places": ("elsewhere",)},
    ],
    ids=["url", "pin", "into"],
)
def test_a_record_of_something_else_does_not_satisfy(changes: dict[str, object]) -> None:
    assert not is_satisfied(mirror(**changes), V1, as_recorded(V1))


@pytest.mark.parametrize(
    "present",
    [
        NOTHING,
        on_disk(V1.files, None),
        on_disk(V1.files[:1], V1.licenses),
        on_disk((*V1.files, fact(b"z", b"")), V1.licenses),
        on_disk(V1.files, (fact(b"LICENSE", b"other"),)),
    ],
    ids=["nothing", "no licence", "a file less", "a file more", "another licence"],
)
def test_a_disk_that_differs_from_the_record_does_not_satisfy(present: Present) -> None:
    assert not is_satisfied(mirror(), V1, present)


def test_without_a_record_nothing_is_satisfied() -> None:
    assert not is_satisfied(mirror(), None, as_recorded(V1))


def test_a_new_mirror_adds_all_its_files_and_licences() -> None:
    change = planned(None, V1.copy, NOTHING)
    assert change.files == FileChanges(added=paths(b"a", b"deep/b"))
    assert change.licenses == FileChanges(added=paths(b"LICENSE"))
    assert (change.old_pin, change.new_pin) == (None, Pin(PinKind.TAG, "v1"))
    assert change.changed_licenses == ()


def test_a_move_says_what_is_added_changed_and_removed() -> None:
    change = planned()
    assert change.files == FileChanges(paths(b"new/c"), paths(b"a"), paths(b"deep/b"))
    assert change.licenses == FileChanges(changed=paths(b"LICENSE"))
    assert change.changed_licenses == ("third_party/licenses/up/LICENSE",)
    assert change.directories == ["third_party/up", "third_party/licenses/up"]


def test_a_licence_text_that_comes_or_goes_is_a_changed_one_wherever_it_lies() -> None:
    before = changed_record(V1, files=(fact(b"COPYING", b"c"), fact(b"a", b"1")))
    change = planned(before, copy_with((fact(b"a", b"2"), fact(b"d/NOTICE", b"n"))))
    assert change.changed_licenses == (
        "third_party/licenses/up/LICENSE",
        "third_party/up/COPYING",
        "third_party/up/d/NOTICE",
    )


def test_a_mode_alone_is_a_change() -> None:
    change = planned(
        None, copy_with((fact(b"a", b"", Mode.EXECUTABLE),)), on_disk((fact(b"a", b""),), None)
    )
    assert change.files == FileChanges(changed=paths(b"a"))


@given(wanted=FACTS, present=FACTS)
def test_the_changes_of_files_lead_from_what_is_there_to_what_is_wanted(
    wanted: tuple[FileFact, ...], present: tuple[FileFact, ...]
) -> None:
    changes = planned(None, copy_with(wanted), on_disk(present, None)).files
    assert all(
        list(some) == sorted(some) for some in (changes.added, changes.changed, changes.removed)
    )
    gone = {*changes.changed, *changes.removed}
    kept = {each.entry for each in present if each.path not in gone}
    put = {each.entry for each in wanted if each.path in {*changes.added, *changes.changed}}
    assert kept | put == {each.entry for each in wanted}
    assert not kept & put
    assert bool(changes) == ({each.entry for each in present} != {each.entry for each in wanted})


@given(wanted=FACTS, licenses=FACTS)
def test_what_is_satisfied_has_nothing_to_change(
    wanted: tuple[FileFact, ...], licenses: tuple[FileFact, ...]
) -> None:
    present = on_disk(wanted, licenses)
    record = changed_record(V1, files=wanted, licenses=licenses)
    assert is_satisfied(mirror(), record, present)
    change = planned(record, record.copy, present)
    assert not change.files and not change.licenses
    assert (change.changed_licenses, local_changes(change)) == ((), [])


# a mirror that goes away, or elsewhere


def test_a_removal_takes_everything_away() -> None:
    change = plan_removal(leaving("up", V1, as_recorded(V1)))
    assert change.files == FileChanges(removed=paths(b"a", b"deep/b"))
    assert change.licenses == FileChanges(removed=paths(b"LICENSE"))
    assert change.directories == ["third_party/up", "third_party/licenses/up"]
    assert (change.old_pin, change.new_pin) == (Pin(PinKind.TAG, "v1"), None)
    assert local_changes(change) == []


def test_a_removal_touches_no_place_that_another_mirror_has() -> None:
    change = plan_removal(leaving("up", V1, {"third_party/licenses/up": V1.licenses}))
    assert (change.directories, bool(change.files)) == (["third_party/licenses/up"], False)
    assert change.licenses == FileChanges(removed=paths(b"LICENSE"))


def test_a_mirror_that_moves_is_put_here_and_taken_away_there() -> None:
    there = dataclasses.replace(V1, copies=("third_party/there",))
    change = planned(there, V1.copy, {**on_disk(None, V1.licenses), "third_party/there": V1.files})
    assert change.moved_from == ("third_party/there",)
    assert change.directories == ["third_party/there", "third_party/up", "third_party/licenses/up"]
    assert change.files == FileChanges(added=paths(b"a", b"deep/b"))
    assert (change.places[0].files, local_changes(change)) == (
        FileChanges(removed=paths(b"a", b"deep/b")),
        [],
    )


def test_a_mirror_that_leaves_a_place_to_another_takes_nothing_away_there() -> None:
    there = dataclasses.replace(V1, copies=("third_party/there",))
    change = planned(there, V1.copy, on_disk(None, V1.licenses))
    assert (change.moved_from, change.directories) == (
        (),
        ["third_party/up", "third_party/licenses/up"],
    )


def test_a_plan_has_what_is_wanted_then_what_leaves_and_says_what_needs_nothing() -> None:
    wanted = WantedMirror(seen(V1, as_recorded(V1)), V2.copy, NOWHERE)
    nothing = {"third_party/gone": None, "third_party/licenses/gone": None}
    goes = leaving("gone", None, nothing)
    satisfied = seen(V1, as_recorded(V1), "well")
    plan = make_plan(Looked((wanted,), (goes,), (satisfied,), ("well",)))
    assert plan.changes == (plan_mirror(wanted), plan_removal(goes))
    assert [(change.name, change.copy) for change in plan.changes] == [
        ("up", V2.copy),
        ("gone", None),
    ]
    assert (plan.satisfied, plan.unstaged) == (("well",), ("well",))


def test_what_a_plan_is_about_is_named_once_in_the_order_of_the_manifest() -> None:
    plan = Plan((planned(),), satisfied=("one", "two"), unstaged=("two",))
    two = mirror(name="two", places=("third_party/deep/two",))
    manifest = Manifest({"two": two})
    assert plan.directories(manifest) == [
        "third_party/deep/two",
        "third_party/licenses/two",
        "third_party/up",
        "third_party/licenses/up",
    ]
    assert plan.files(manifest) == [
        "third_party/provenance/two.json",
        "third_party/provenance/up.json",
    ]
    assert [bool(plan), bool(Plan((), ("one",))), bool(Plan((), ("one",), ("one",)))] == [
        True,
        False,
        True,
    ]


# the record wins over the tag


def test_a_tag_that_gives_the_recorded_commit_has_not_moved() -> None:
    refuse_moved_tag(mirror(), V1, V1.upstream.commit)


def test_a_tag_that_gives_another_commit_has_moved() -> None:
    with pytest.raises(MovedTagError) as raised:
        refuse_moved_tag(mirror(), V1, V2.upstream.commit)
    assert raised.value.message == "the tag v1 of mirror up has moved"
    assert raised.value.context == [
        f"recorded: {V1.upstream.commit}",
        f"upstream: {V2.upstream.commit}",
        f"url: {V1.url}",
    ]


# what would be lost


@given(present=FACTS, recorded=FACTS, wanted=FACTS)
def test_local_is_what_neither_the_record_nor_the_upstream_has(
    present: tuple[FileFact, ...], recorded: tuple[FileFact, ...], wanted: tuple[FileFact, ...]
) -> None:
    record = changed_record(V1, files=recorded, licenses=())
    change = planned(record, copy_with(wanted), on_disk(present, None))
    known = {each.entry for each in (*recorded, *wanted)}
    lost = [each.path for each in present if each.entry not in known]
    assert local_changes(change) == [quote_path(b"third_party/up/" + path) for path in lost]
    if lost:
        with pytest.raises(LocalChangesError):
            refuse_local_changes([change])
    else:
        refuse_local_changes([change])


def test_local_changes_of_files_licences_and_the_place_before_are_listed_together() -> None:
    mine = (fact(b"mine", b"mine"),)
    there = dataclasses.replace(V1, copies=("third_party/there",))
    change = planned(
        there, V2.copy, {**on_disk(mine, mine), "third_party/there": (*V1.files, *mine)}
    )
    with pytest.raises(LocalChangesError) as raised:
        refuse_local_changes([change])
    assert raised.value.context == [
        "third_party/up/mine",
        "third_party/licenses/up/mine",
        "third_party/there/mine",
    ]


def test_what_upstream_gives_now_is_no_local_change_there() -> None:
    """At the place before, only the record says what is upstream's."""
    there = dataclasses.replace(V1, copies=("third_party/there",))
    change = planned(there, V2.copy, {**NOTHING, "third_party/there": V2.files})
    assert local_changes(change) == ["third_party/there/a", "third_party/there/new/c"]


STAGED = Entry(RepoPath(b"third_party/up/a"), Mode.FILE, object_id("blob", b"mine"))


def test_what_is_staged_and_nowhere_else_is_refused() -> None:
    with pytest.raises(LocalChangesError) as raised:
        refuse_staged_changes(upstreams_files(planned()), [STAGED], {})
    assert raised.value.context == ["third_party/up/a"]


@pytest.mark.parametrize(
    "path",
    [b"third_party", b"third_party/up", b"third_party/licenses", b"third_party/licenses/up"],
)
def test_a_staged_file_on_the_way_to_a_place_is_refused(path: bytes) -> None:
    with pytest.raises(LocalChangesError):
        refuse_staged_changes(
            upstreams_files(planned()), [STAGED._replace(path=RepoPath(path))], {}
        )


@pytest.mark.parametrize(
    ("staged", "committed"),
    [
        (STAGED, {STAGED}),
        (STAGED._replace(path=RepoPath(b"third_party/upper/a")), set()),
        (STAGED._replace(path=RepoPath(b"third_party/u")), set()),
        (Entry(RepoPath(b"third_party/up/a"), Mode.FILE, object_id("blob", b"a\n")), set()),
        (Entry(RepoPath(b"third_party/up/a"), Mode.FILE, object_id("blob", b"a2\n")), set()),
    ],
    ids=["committed", "beside", "a shorter name", "as recorded", "as it will be"],
)
def test_what_is_staged_and_known_or_elsewhere_is_not_in_the_way(
    staged: Entry, committed: set[Entry]
) -> None:
    refuse_staged_changes(upstreams_files(planned()), [staged], committed)
