"""The rules, one at a time.

Trees in memory become states, and a state beside its parents' states gives findings.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from policies import copies, objects
from policies import rules as rules_module
from policies.facts import Case, PolicedState
from policies.objects import Objects as PolicyObjects
from policies.rules import Rules, missing_trailers
from policies.states import States
from policies.trailers import Trailer
from sync.errors import CouldNotCheckError
from sync.host.attributes_and_ignores import ATTRIBUTES
from sync.ids import EMPTY_TREE, Mode, ObjectId, RepoPath
from sync.judgement.attributes import Altered
from sync.judgement.findings import Difference, Finding, Rule
from sync.model.values import Entry, FileFact
from sync.objects.tree import TreeEntry, build_trees, dump_tree
from sync.record.json_file import dump_record
from sync.record.record import Record
from tests.harnesses.fuzz.honest import Objects, record_of
from tests.support.changed import changed_record

Files = Mapping[str, bytes | tuple[int, bytes]]
"""Path from the host's root → content, or mode and content."""

CONTENTS = {b"LICENSE": b"l\n", b"wit/a": b"a\r\n", b"wit/deep/b": b"b\n"}
TABLE = '[mirrors."up"]\nurl = "https://example.org/up"\ntag = "v1"\nfrom = "wit"\n'
RECORD = "third_party/provenance/up.json"
LICENSE = "third_party/licenses/up/LICENSE"
OWN_ATTRIBUTES = {"third_party/.gitattributes": ATTRIBUTES.encode()}


class Repository(Objects):
    """A repository in memory."""

    def read(self, name: ObjectId) -> bytes:
        if name not in self:
            raise CouldNotCheckError(f"object {name} is missing")
        return super().read(name)

    def size(self, name: ObjectId) -> int:
        return len(self.read(name))

    def read_up_to(self, name: ObjectId, limit: int) -> bytes | None:
        return self.read(name) if self.size(name) <= limit else None

    def read_within(self, name: ObjectId, limit: int) -> bytes:
        assert self.size(name) <= limit
        return self.read(name)

    def digest(self, name: ObjectId) -> tuple[int, str]:
        return self.size(name), hashlib.sha256(self.read(name)).hexdigest()

    def lose(self, name: ObjectId) -> None:
        del self._contents[name]


@cache
def synced() -> Record:
    return record_of(CONTENTS, b"wit")


def host(record: Record | None = None, manifest: str = TABLE) -> dict[str, bytes]:
    """A host with the mirror as sync leaves it."""
    return {
        "third_party/mirrors.toml": manifest.encode(),
        RECORD: dump_record(record or synced()),
        **{
            f"third_party/up/{path.removeprefix(b'wit/').decode()}": c
            for path, c in CONTENTS.items()
            if path.startswith(b"wit/")
        },
        LICENSE: CONTENTS[b"LICENSE"],
    }


class World:
    """States over one repository in memory."""

    def __init__(self) -> None:
        self.repository = Repository()
        # the repository in memory answers what the objects ask of one
        self.objects = PolicyObjects(self.repository)  # type: ignore[arg-type]
        self.states = States(self.objects)
        self.rules = Rules(self.states)

    def state(self, files: Files) -> PolicedState:
        values = {
            path: value if isinstance(value, tuple) else (Mode.FILE, value)
            for path, value in files.items()
        }
        entries = [
            (RepoPath(path.encode()), mode, self._blob(mode, content))
            for path, (mode, content) in values.items()
        ]
        trees = build_trees(entries)
        for tree in trees.values():
            self.repository.add("tree", tree.raw)
        return self.states.read_if_possible(self.states.root(trees[b""].id))

    def _blob(self, mode: int, content: bytes) -> ObjectId:
        return (
            ObjectId(content.decode())
            if mode == Mode.GITLINK
            else self.repository.add("blob", content)
        )

    def judge(
        self, rule: Callable[[Case], Iterable[Finding]], here: Files, *parents: Files
    ) -> list[Finding]:
        return list(rule(Case(self.state(here), tuple(map(self.state, parents)))))


@pytest.fixture
def world() -> World:
    return World()


def kinds(findings: Iterable[Finding]) -> list[tuple[str, str, str | None]]:
    return [(finding.rule, finding.mirror, finding.path) for finding in findings]


# mirrors and records


def test_a_mirror_as_it_was_synced_has_no_findings(world: World) -> None:
    for rule in world.rules.all:
        assert world.judge(rule, host() | OWN_ATTRIBUTES) == []
    assert [rule.__name__ for rule in world.rules.all] == [
        "mirrors_and_records",
        "derived_forms",
        "moved_tags",
        "upstreams_not_allowed",
        "false_facts",
        "unrecorded_files",
        "attributes_that_alter_bytes",
    ]


EDITED_FILE = {"third_party/up/a": b"edited"}
EDITED = host() | EDITED_FILE
FILE_DIFFERS = ("mirror-differs-from-record", "up", "third_party/up/a")


def test_a_change_is_found_where_no_parent_has_it(world: World) -> None:
    judge = world.rules.mirrors_and_records
    assert kinds(world.judge(judge, EDITED)) == [FILE_DIFFERS]
    assert kinds(world.judge(judge, EDITED, host())) == [FILE_DIFFERS]
    assert kinds(world.judge(judge, EDITED, {})) == [FILE_DIFFERS]
    assert world.judge(judge, EDITED, EDITED) == []
    assert world.judge(judge, EDITED, host(), EDITED) == []


def test_another_change_on_top_is_found_and_the_old_one_is_not(world: World) -> None:
    worse = EDITED | {"third_party/up/deep/b": b"edited"}
    found = world.judge(world.rules.mirrors_and_records, worse, EDITED)
    assert kinds(found) == [("mirror-differs-from-record", "up", "third_party/up/deep/b")]


def test_a_broken_mirror_beside_a_good_one_is_found_and_the_good_one_is_not(world: World) -> None:
    other = TABLE.replace('"up"', '"gone"')
    both = host(manifest=other + TABLE)
    assert kinds(world.judge(world.rules.mirrors_and_records, both)) == [
        ("mirror-without-record", "gone", "third_party/provenance/gone.json")
    ]
    assert kinds(world.judge(world.rules.mirrors_and_records, both | EDITED_FILE, both)) == [
        FILE_DIFFERS
    ]


def test_only_line_endings_are_told_from_content(world: World) -> None:
    [found] = world.judge(world.rules.mirrors_and_records, host() | {"third_party/up/a": b"a\n"})
    assert found.difference is Difference.LINE_ENDINGS
    [found] = world.judge(world.rules.mirrors_and_records, host() | {LICENSE: b"l\r\n"})
    assert (found.difference, found.path) == (Difference.LINE_ENDINGS, LICENSE)
    [found] = world.judge(world.rules.mirrors_and_records, EDITED)
    assert found.difference is Difference.CONTENT
    assert found.found == FileFact(
        RepoPath(b"a"), Mode.FILE, world.repository.add("blob", b"edited"), 0, ""
    )
    assert found.expected == synced().files[0]


def test_content_too_large_to_explain_differs_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "EXPLAINED_BYTES", 1)
    [found] = world.judge(world.rules.mirrors_and_records, host() | {"third_party/up/a": b"a\n"})
    assert found.difference is Difference.CONTENT


REPLACED: dict[str, tuple[dict, list[tuple[str, str | None]]]] = {
    "a file is missing": ({"third_party/up/a": None}, [("third_party/up/a", "missing")]),
    "a file more": ({"third_party/up/new": b"x"}, [("third_party/up/new", "extra")]),
    "a mode": ({"third_party/up/a": (Mode.EXECUTABLE, b"a\r\n")}, [("third_party/up/a", "mode")]),
    "a symlink": ({"third_party/up/a": (Mode.SYMLINK, b"a\r\n")}, [("third_party/up/a", "type")]),
    "the licence": ({LICENSE: b"other"}, [(LICENSE, "content")]),
    "the licence is missing": ({LICENSE: None}, [("third_party/licenses/up", "missing")]),
    "all is missing": (
        {"third_party/up/a": None, "third_party/up/deep/b": None},
        [("third_party/up", "missing")],
    ),
    "a submodule of its tree's id": (
        {
            "third_party/up/a": None,
            "third_party/up/deep/b": None,
            "third_party/up": (Mode.GITLINK, synced().holding.tree.encode()),
        },
        [
            ("third_party/up", "extra"),
            ("third_party/up/a", "missing"),
            ("third_party/up/deep/b", "missing"),
        ],
    ),
    "a submodule in its place": (
        {
            "third_party/up/a": None,
            "third_party/up/deep/b": None,
            "third_party/up": (Mode.GITLINK, b"1" * 40),
        },
        [
            ("third_party/up", "extra"),
            ("third_party/up/a", "missing"),
            ("third_party/up/deep/b", "missing"),
        ],
    ),
}


@pytest.mark.parametrize(("change", "expected"), REPLACED.values(), ids=REPLACED)
def test_what_is_not_as_recorded_is_found(
    world: World, change: dict, expected: list[tuple[str, str]]
) -> None:
    files = {path: content for path, content in (host() | change).items() if content is not None}
    found = world.judge(world.rules.mirrors_and_records, files, host())
    assert [(finding.path, finding.difference) for finding in found] == expected
    assert {finding.rule for finding in found} == {Rule.MIRROR_DIFFERS_FROM_RECORD}


@pytest.mark.parametrize("where", ["third_party/up", "third_party/licenses/up"])
@pytest.mark.parametrize(("more", "listed"), [(3, True), (4, False)])
def test_far_too_many_files_are_not_listed(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str, more: int, *, listed: bool
) -> None:
    monkeypatch.setattr(copies, "MORE_THAN_RECORDED", 3)
    found = world.judge(
        world.rules.mirrors_and_records, host() | {f"{where}/new{n}": b"x" for n in range(more)}
    )
    if listed:
        assert len(found) == more
    else:
        message = "holds more than 3 files that are not upstream's"
        assert found == [Finding(Rule.MIRROR_DIFFERS_FROM_RECORD, "up", message, where)]


BROKEN = {
    "no record": ({RECORD: None}, "mirror-without-record"),
    "a record that is none": ({RECORD: b"{}"}, "record-unreadable"),
    "a record that is a link": ({RECORD: (Mode.SYMLINK, b"x")}, "record-unreadable"),
    "no such mirror in the manifest": ({"third_party/mirrors.toml": b""}, "record-without-mirror"),
    "another pin": (
        {"third_party/mirrors.toml": TABLE.replace("v1", "v2").encode()},
        "record-differs-from-manifest",
    ),
}


@pytest.mark.parametrize(("change", "rule"), BROKEN.values(), ids=BROKEN)
def test_a_record_that_does_not_belong_is_found(world: World, change: dict, rule: str) -> None:
    files = {path: content for path, content in (host() | change).items() if content is not None}
    assert kinds(world.judge(world.rules.mirrors_and_records, files, host())) == [
        (rule, "up", RECORD)
    ]
    assert world.judge(world.rules.mirrors_and_records, files, files) == []


def forged() -> dict[str, bytes]:
    """Files and record changed together: only the proof shows it."""
    record = synced()
    blob = Objects().add("blob", b"forged")
    fact = record.files[0]._replace(blob=blob, size=6, sha256=hashlib.sha256(b"forged").hexdigest())
    files = (fact, *record.files[1:])
    tree = build_trees(one.entry for one in files)[b""].id
    return host(changed_record(record, files=files, tree=tree)) | {"third_party/up/a": b"forged"}


def test_a_forgery_is_found(world: World) -> None:
    found = world.judge(world.rules.mirrors_and_records, forged(), host())
    assert {finding.rule for finding in found} == {Rule.PROOF_BROKEN}


RELIED_ON = {
    "no record": {path: content for path, content in host().items() if path != RECORD},
    "an unreadable record": host() | {RECORD: b"{}"},
    "a broken proof": forged(),
}


@pytest.mark.parametrize("before", RELIED_ON.values(), ids=RELIED_ON)
def test_where_no_record_can_be_relied_on_a_change_is_blamed_anew(
    world: World, before: dict[str, bytes]
) -> None:
    after = before | {"third_party/up/deep/b": b"edited"}
    assert world.judge(world.rules.mirrors_and_records, before, before) == []
    found = {
        finding.rule for finding in world.judge(world.rules.mirrors_and_records, after, before)
    }
    assert found & {Rule.MIRROR_WITHOUT_RECORD, Rule.RECORD_UNREADABLE, Rule.PROOF_BROKEN}


@pytest.mark.parametrize(
    "inherited",
    [
        {RECORD: b"{"},
        {RECORD: dump_record(dataclasses.replace(synced(), copies=("third_party/elsewhere",)))},
    ],
)
def test_a_merge_takes_nothing_from_where_it_is_no_mirrors(
    world: World, inherited: dict[str, bytes]
) -> None:
    before = host() | inherited
    edited = before | {"third_party/up/a": b"edited\n"}
    side = {"third_party/mirrors.toml": b"", "third_party/up/a": b"edited\n"}
    found = world.judge(world.rules.mirrors_and_records, edited, before, side)
    assert [finding.path for finding in found] == [
        RECORD if inherited[RECORD] == b"{" else "third_party/up/a"
    ]


def test_an_inherited_finding_is_not_blamed_anew_where_the_record_can_be_relied_on(
    world: World,
) -> None:
    before = host(manifest=TABLE.replace("v1", "v2"))
    after = before | {"third_party/up/deep/b": b"edited"}
    found = world.judge(world.rules.mirrors_and_records, after, before)
    assert kinds(found) == [("mirror-differs-from-record", "up", "third_party/up/deep/b")]


# what is wrong already excuses nothing else


def moved() -> dict[str, bytes]:
    """A host whose record has the mirror at another place than the manifest, and than its files."""
    return host(dataclasses.replace(synced(), copies=("third_party/away",)))


def untimely() -> Record:
    """A record whose proof does not hold, though it shows what the files are."""
    return changed_record(synced(), commit_time="2000-01-01T00:00:00Z")


MANY = {f"third_party/up/new{n}": b"x" for n in range(9)}
INHERITED: dict[str, Files] = {
    "another pin": host(manifest=TABLE.replace("v1", "v2")),
    "another selection": host(manifest=TABLE + 'exclude = ["b"]\n'),
    "no such mirror in the manifest": host(manifest=""),
    "a record that has moved": moved(),
    "a manifest that has moved": host(manifest=TABLE + 'into = "away"\n'),
    "far too many files": host() | MANY,
    "far too many files, and a record that has moved": moved() | MANY,
    "far too many licences": host() | {f"third_party/licenses/up/new{n}": b"x" for n in range(9)},
    "a proof of another time": host(untimely()),
    "false facts": host(
        changed_record(synced(), files=(synced().files[0]._replace(size=7), *synced().files[1:]))
    ),
    "a link in a file's place": host() | {"third_party/up/c": (Mode.SYMLINK, b"a")},
    "a submodule inside": host() | {"third_party/up/c": (Mode.GITLINK, b"1" * 40)},
    "a stray file": host() | {"third_party/stray": b"x"},
}
"""What a parent has that is wrong, and by which its files can be judged all the same."""
DRIFTED = {"third_party/up/a": b"drifted", "third_party/up/deep/b": b"drifted"}
WORSE: dict[str, tuple[dict, str]] = {
    "a file": ({"third_party/up/a": b"edited"}, "third_party/up/a"),
    "a file that has drifted, deeper down": (
        {"third_party/up/deep/b": b"edited"},
        "third_party/up/deep/b",
    ),
    "a mode": ({"third_party/up/a": (Mode.EXECUTABLE, b"drifted")}, "third_party/up/a"),
    "a link": ({"third_party/up/a": (Mode.SYMLINK, b"drifted")}, "third_party/up/a"),
    "a file more": ({"third_party/up/deep/more": b"more"}, "third_party/up/deep/more"),
    "an empty file more": ({"third_party/up/0": b""}, "third_party/up/0"),
    "a licence": ({LICENSE: b"edited"}, LICENSE),
    "a licence more": (
        {"third_party/licenses/up/NOTICE": b"more"},
        "third_party/licenses/up/NOTICE",
    ),
}


@pytest.mark.parametrize("inherited", INHERITED.values(), ids=INHERITED)
def test_what_is_wrong_already_hides_no_other_change_of_a_copy(
    world: World, monkeypatch: pytest.MonkeyPatch, inherited: Files
) -> None:
    monkeypatch.setattr(copies, "MORE_THAN_RECORDED", 4)
    before = {**inherited, **DRIFTED}
    judge = world.rules.mirrors_and_records
    assert world.judge(judge, before, before) == []
    for name, (change, path) in WORSE.items():
        found = world.judge(judge, before | change, before)
        assert [(f.rule, f.path) for f in found if f.rule is not Rule.PROOF_BROKEN] == [
            (Rule.MIRROR_DIFFERS_FROM_RECORD, path)
        ], name
        assert world.judge(judge, before | change, before, before | change) == [], name


@pytest.mark.parametrize("inherited", INHERITED.values(), ids=INHERITED)
def test_who_mends_a_part_is_not_to_blame_for_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch, inherited: Files
) -> None:
    monkeypatch.setattr(copies, "MORE_THAN_RECORDED", 4)
    before = {**inherited, **DRIFTED}
    judge = world.rules.mirrors_and_records
    for path in DRIFTED:
        assert world.judge(judge, before | {path: host()[path]}, before) == []
    fewer = [path for path in before if "/new" in path or path.endswith("/c")]
    for gone in (fewer[:1], fewer[:-1], fewer):
        assert (
            world.judge(
                judge,
                {path: content for path, content in before.items() if path not in gone},
                before,
            )
            == []
        )


def test_who_puts_a_part_of_what_is_missing_back_is_not_to_blame_for_the_rest(world: World) -> None:
    gone = {
        path: content for path, content in host().items() if not path.startswith("third_party/up/")
    }
    part = gone | {"third_party/up/a": b"a\r\n"}
    extra = gone | {"third_party/up/more": b"more"}
    judge = world.rules.mirrors_and_records
    assert world.judge(judge, part, gone) == []
    assert kinds(world.judge(judge, gone, part)) == [
        ("mirror-differs-from-record", "up", "third_party/up")
    ]
    assert world.judge(judge, gone, extra) == []
    assert kinds(world.judge(judge, extra, gone)) == [
        ("mirror-differs-from-record", "up", "third_party/up/more")
    ]


def test_a_file_more_beside_a_record_that_was_unreadable_and_in_no_manifest_is_found(
    world: World,
) -> None:
    before = host(manifest="") | {RECORD: b"{}"}
    found = world.judge(
        world.rules.mirrors_and_records, host() | {"third_party/up/more": b"more"}, before
    )
    assert kinds(found) == [("mirror-differs-from-record", "up", "third_party/up/more")]


def test_a_merge_that_lacks_what_one_parent_lacks_each_is_not_to_blame(world: World) -> None:
    sides = [
        {path: content for path, content in host().items() if path != f"third_party/up/{gone}"}
        for gone in ("a", "deep/b")
    ]
    both = {path: content for path, content in sides[0].items() if path in sides[1]}
    assert world.judge(world.rules.mirrors_and_records, both, *sides) == []


def test_who_mends_one_of_two_keys_of_the_manifest_is_not_to_blame_for_the_other(
    world: World,
) -> None:
    two = host(manifest=TABLE.replace("v1", "v2") + 'exclude = ["b"]\n')
    judge = world.rules.mirrors_and_records
    assert world.judge(judge, host(manifest=TABLE.replace("v1", "v2")), two) == []
    assert world.judge(judge, host(manifest=TABLE + 'exclude = ["b"]\n'), two) == []
    assert kinds(world.judge(judge, host(manifest=TABLE.replace("v1", "v3")), two)) == [
        ("record-differs-from-manifest", "up", RECORD)
    ]


def test_another_record_is_held_against_the_manifest_anew(world: World) -> None:
    other = record_of(CONTENTS | {b"README": b"another commit"}, b"wit")
    judge = world.rules.mirrors_and_records
    for manifest, rule in (
        (TABLE.replace("v1", "v2"), "record-differs-from-manifest"),
        ("", "record-without-mirror"),
    ):
        found = world.judge(judge, host(other, manifest), host(manifest=manifest))
        assert kinds(found) == [(rule, "up", RECORD)]


def test_files_made_to_match_a_record_that_proves_nothing_are_blamed(world: World) -> None:
    first = forged() | {"third_party/up/a": host()["third_party/up/a"]}
    assert kinds(world.judge(world.rules.mirrors_and_records, forged(), first)) == [
        ("proof-broken", "up", RECORD)
    ]


def test_a_file_dropped_from_record_and_copy_one_after_the_other_is_blamed(world: World) -> None:
    record = synced()
    first = host(changed_record(record, licenses=()))
    then = {path: content for path, content in first.items() if path != LICENSE}
    assert kinds(world.judge(world.rules.mirrors_and_records, then, first)) == [
        ("proof-broken", "up", RECORD)
    ]


@pytest.mark.parametrize("before", RELIED_ON.values(), ids=RELIED_ON)
def test_where_no_record_can_be_relied_on_a_merge_is_not_to_blame_for_what_its_parents_have(
    world: World, before: dict[str, bytes]
) -> None:
    ours, theirs = (
        before | {"third_party/up/a": b"ours"},
        before | {"third_party/up/deep/b": b"theirs"},
    )
    judge = world.rules.mirrors_and_records
    kept = [
        f
        for f in world.judge(judge, ours | theirs, ours, theirs)
        if f.rule is not Rule.MIRROR_DIFFERS_FROM_RECORD
    ]
    assert (
        world.judge(
            judge,
            before | {"third_party/up/a": b"ours", "third_party/up/deep/b": b"theirs"},
            ours,
            theirs,
        )
        == kept
        == []
    )
    gone = {path: content for path, content in before.items() if path != "third_party/up/a"}
    assert world.judge(judge, gone, before) != []
    assert world.judge(judge, gone, before, gone) == []


def test_a_mirror_that_is_not_checked_in_is_judged_at_both_places(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MORE_THAN_RECORDED", 4)
    before = hidden(dataclasses.replace(synced(), copies=("third_party/away",))) | MANY
    judge = world.rules.mirrors_and_records
    found = world.judge(judge, before | {"third_party/up/a": b"a\r\n"}, before)
    assert kinds(found) == [("mirror-differs-from-record", "up", "third_party/up/a")]
    assert world.judge(judge, before | {"third_party/up/new0": b"x"}, before) == []


# false facts


def with_facts(**facts: Any) -> dict[str, bytes]:
    """A host whose record says something else of the first file."""
    record = synced()
    return host(
        changed_record(record, files=(record.files[0]._replace(**facts), *record.files[1:]))
    )


FALSE = {"a size": {"size": 7}, "a SHA-256": {"sha256": "0" * 64}}


@pytest.mark.parametrize("facts", FALSE.values(), ids=FALSE)
def test_a_false_fact_is_found(world: World, facts: dict) -> None:
    for parents in ((), (host(),), ({},)):
        [found] = world.judge(world.rules.false_facts, with_facts(**facts), *parents)
        assert (found.rule, found.mirror, found.path) == (
            Rule.MIRROR_DIFFERS_FROM_RECORD,
            "up",
            "third_party/up/a",
        )
        assert found.difference is Difference.FACTS
        assert found.message == "the record's size or SHA-256 is wrong"
        assert found.expected == synced().files[0]._replace(**facts)
        assert found.found == synced().files[0]
    assert world.judge(world.rules.false_facts, with_facts(**facts), with_facts(**facts)) == []


def test_a_false_fact_of_a_licence_is_found(world: World) -> None:
    record = synced()
    lying = host(changed_record(record, licenses=(record.licenses[0]._replace(size=7),)))
    [found] = world.judge(world.rules.false_facts, lying, host())
    assert found.path == LICENSE


def test_a_mirror_without_a_readable_record_has_no_facts(world: World) -> None:
    assert world.judge(world.rules.false_facts, host() | {RECORD: b"{}"}) == []


def test_a_false_fact_that_was_there_is_not_found_in_a_new_record(world: World) -> None:
    before = with_facts(size=7)
    after = dict(before)
    after[RECORD] = before[RECORD].replace(b"https://example.org/up", b"https://example.org/UP")
    assert world.judge(world.rules.false_facts, after, before) == []
    assert len(world.judge(world.rules.false_facts, after, host())) == 1


def test_all_false_facts_of_all_mirrors_are_found(world: World) -> None:
    record = synced()
    wrong = tuple(fact._replace(size=7) for fact in record.files)
    found = world.judge(world.rules.false_facts, host(changed_record(record, files=wrong)))
    assert [finding.path for finding in found] == ["third_party/up/a", "third_party/up/deep/b"]


HIDDEN = TABLE + "checked-in = false\n"


def hidden(record: Record | None = None) -> dict[str, bytes]:
    """A host that keeps only the record."""
    files = host(record, HIDDEN)
    return {path: files[path] for path in ("third_party/mirrors.toml", RECORD)}


def lying(**facts: Any) -> Record:
    record = synced()
    return changed_record(record, files=(record.files[0]._replace(**facts), *record.files[1:]))


def test_of_what_is_not_checked_in_a_new_record_is_compared_with_the_old_one(world: World) -> None:
    assert world.judge(world.rules.false_facts, hidden(lying(size=7))) == []
    [found] = world.judge(world.rules.false_facts, hidden(lying(size=7)), hidden())
    assert found.path == "third_party/up/a"
    assert found.found == synced().files[0]
    assert world.judge(world.rules.false_facts, hidden(), hidden()) == []


def test_files_of_a_mirror_that_is_not_checked_in_are_found(world: World) -> None:
    found = world.judge(world.rules.mirrors_and_records, host(manifest=HIDDEN), hidden())
    assert [(finding.path, finding.difference) for finding in found] == [
        ("third_party/up/a", "extra"),
        ("third_party/up/deep/b", "extra"),
        (LICENSE, "extra"),
    ]


def test_what_could_not_be_compared_before_is_when_it_is_checked_in(world: World) -> None:
    [found] = world.judge(world.rules.false_facts, with_facts(size=7), hidden(lying(size=7)))
    assert found.path == "third_party/up/a"


@pytest.mark.parametrize(
    "fact", [synced().files[1], synced().licenses[0]], ids=["a file", "a licence"]
)
def test_a_blob_that_the_mirror_has_and_the_repository_lacks_is_trouble(
    world: World, fact: FileFact
) -> None:
    state = world.state(host())
    world.repository.lose(fact.blob)
    with pytest.raises(CouldNotCheckError, match=fact.blob):
        list(world.rules.false_facts(Case(state, ())))


def test_a_blob_that_neither_has_is_no_false_fact(world: World) -> None:
    state = world.state(
        {
            path: content
            for path, content in host().items()
            if not path.startswith("third_party/up/")
        }
    )
    assert list(world.rules.false_facts(Case(state, ()))) == []


# files that nothing accounts for

STRAY = host() | {"third_party/stray/x": b"x", "third_party/stray/y": b"y"}


def paths(findings: Iterable[Finding]) -> list[str | None]:
    found = list(findings)
    assert {(finding.rule, finding.mirror) for finding in found} <= {(Rule.UNRECORDED_FILE, "")}
    return [finding.path for finding in found]


def test_a_stray_file_is_found_where_no_parent_has_it(world: World) -> None:
    judge = world.rules.unrecorded_files
    both = ["third_party/stray/x", "third_party/stray/y"]
    assert paths(world.judge(judge, STRAY)) == both
    assert paths(world.judge(judge, STRAY, host())) == both
    assert paths(world.judge(judge, STRAY, STRAY)) == []
    assert paths(world.judge(judge, STRAY, host(), STRAY)) == []
    assert paths(world.judge(judge, STRAY | {"third_party/stray/z": b"z"}, STRAY)) == [
        "third_party/stray/z"
    ]
    assert paths(world.judge(judge, STRAY | {"third_party/stray/x": b"other"}, STRAY)) == []


def test_a_stray_file_is_told_from_one_whose_name_goes_on(world: World) -> None:
    before = host() | {"third_party/stray": b"s"}
    assert paths(
        world.judge(world.rules.unrecorded_files, host() | {"third_party/stray2": b"x"}, before)
    ) == ["third_party/stray2"]
    assert (
        paths(
            world.judge(
                world.rules.unrecorded_files, host() | {"third_party/stray": b"other"}, before
            )
        )
        == []
    )
    deeper = host() | {"third_party/stray/x": b"x"}
    assert paths(world.judge(world.rules.unrecorded_files, deeper, before)) == [
        "third_party/stray/x"
    ]


def test_what_it_says_of_a_stray_file(world: World) -> None:
    [found] = world.judge(world.rules.unrecorded_files, host() | {"third_party/a\nb": b""})
    assert found == Finding(
        Rule.UNRECORDED_FILE,
        "",
        "no mirror, record, licence, manifest or `own` pattern accounts for it",
        '"third_party/a\\nb"',
    )


def test_where_there_are_no_mirrors_nothing_is_stray(world: World) -> None:
    without = {"third_party/anything": b"x"}
    assert paths(world.judge(world.rules.unrecorded_files, without)) == []
    assert (
        paths(
            world.judge(world.rules.unrecorded_files, without | {"third_party/more": b"x"}, without)
        )
        == []
    )


def test_what_stays_when_the_last_mirror_goes_is_stray(world: World) -> None:
    left = {path: content for path, content in host().items() if path.startswith("third_party/up/")}
    assert paths(world.judge(world.rules.unrecorded_files, left, host())) == [
        "third_party/up/a",
        "third_party/up/deep/b",
    ]


def test_adopting_the_tool_is_not_to_blame_for_what_was_there_but_a_merge_is(world: World) -> None:
    without = {"third_party/old": b"x"}
    assert paths(world.judge(world.rules.unrecorded_files, host() | without, without)) == []
    assert paths(world.judge(world.rules.unrecorded_files, host() | without, host(), without)) == [
        "third_party/old"
    ]


def test_of_many_stray_files_so_many_are_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_module, "_MAX_STRAY_FILES", 2)
    many = host() | {f"third_party/{n}": b"x" for n in range(5)}
    assert paths(world.judge(world.rules.unrecorded_files, many)) == [
        "third_party/0",
        "third_party/1",
    ]


@pytest.mark.parametrize(("looked_at", "found"), [(3, []), (2, ["third_party/stray"])])
def test_a_directory_with_too_many_changes_to_look_at_is_named_itself(
    world: World, monkeypatch: pytest.MonkeyPatch, looked_at: int, found: list[str]
) -> None:
    monkeypatch.setattr(rules_module, "_MAX_LOOKED_AT", looked_at)
    before = STRAY | {"third_party/stray/deep/z": b"z"}
    after = before | dict.fromkeys((path for path in before if "/stray/" in path), b"other")
    assert paths(world.judge(world.rules.unrecorded_files, after, before)) == found


def test_what_goes_from_a_large_stray_directory_is_not_blamed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_module, "_MAX_LOOKED_AT", 1)
    before = STRAY | {f"third_party/stray/deep/{n}": b"z" for n in range(5)}
    after = {
        path: content for path, content in before.items() if not path.endswith(("/0", "/1", "/x"))
    }
    assert paths(world.judge(world.rules.unrecorded_files, after, before)) == []


@pytest.mark.parametrize("directory", ["up", "stray"], ids=["of a mirror", "of nobody"])
@pytest.mark.parametrize("parents", [("x", "xy"), ("xy",)], ids=["a merge", "a commit"])
def test_trees_without_end_that_differ_from_a_parents_in_nothing_new_are_found(
    world: World, monkeypatch: pytest.MonkeyPatch, directory: str, parents: tuple[str, ...]
) -> None:
    monkeypatch.setattr("policies.objects.ENTRIES", 1_000)
    monkeypatch.setattr(copies, "MORE_THAN_RECORDED", 10)

    def endless(names: str) -> PolicedState:
        """Each directory names the one below twice."""
        raw = dump_tree(
            TreeEntry(name.encode(), Mode.FILE, world.repository.add("blob", b"x"))
            for name in names
        )
        for _ in range(60):
            tree = world.repository.add("tree", raw)
            raw = dump_tree(TreeEntry(name, Mode.TREE, tree) for name in (b"l", b"r"))
        rest = world.state(host()).root.third_party
        assert rest is not None
        kept = [entry for entry in world.objects.tree(rest.id) if entry.name != directory.encode()]
        there = TreeEntry(directory.encode(), Mode.TREE, world.repository.add("tree", raw))
        top = world.repository.add("tree", dump_tree([*kept, there]))
        root = world.repository.add("tree", dump_tree([TreeEntry(b"third_party", Mode.TREE, top)]))
        return world.states.read_if_possible(world.states.root(root))

    case = Case(endless("y" if len(parents) > 1 else "x"), tuple(map(endless, parents)))
    found = [
        finding
        for rule in (world.rules.mirrors_and_records, world.rules.unrecorded_files)
        for finding in rule(case)
    ]
    assert found
    assert all(f"third_party/{directory}" in finding.path for finding in found if finding.path)


OTHERS = {
    "a link": {"third_party/wasi": (Mode.SYMLINK, b"one")},
    "a submodule": {"third_party/wasi": (Mode.GITLINK, b"1" * 40)},
    "a file where some systems have a mirror's": {"THIRD_PARTY/up/a": b"one"},
}


@pytest.mark.parametrize("there", OTHERS.values(), ids=OTHERS)
def test_what_may_lead_into_a_copy_is_new_if_it_is_another(world: World, there: dict) -> None:
    [(path, value)] = there.items()
    other = {
        path: (value[0], value[1].replace(b"1", b"2") + b"0" * (value[0] == Mode.SYMLINK))
        if isinstance(value, tuple)
        else b"2"
    }
    assert paths(world.judge(world.rules.unrecorded_files, host() | there, host())) == [path]
    assert paths(world.judge(world.rules.unrecorded_files, host() | there, host() | there)) == []
    assert paths(world.judge(world.rules.unrecorded_files, host() | other, host() | there)) == [
        path
    ]
    assert paths(world.judge(world.rules.unrecorded_files, host(), host() | there)) == []


# attributes


def test_attributes_that_change_nothing_are_no_finding(world: World) -> None:
    judge = world.rules.attributes_that_alter_bytes
    here = host() | OWN_ATTRIBUTES
    assert world.judge(judge, here | {".gitattributes": b"* linguist-vendored\n"}, here) == []
    assert (
        world.judge(
            judge, here | {".gitattributes": b"* text\n*.c export-ignore export-subst\n"}, here
        )
        == []
    )


def test_who_has_no_attributes_is_blamed_for_new_mirrors_and_not_for_other_work(
    world: World,
) -> None:
    judge = world.rules.attributes_that_alter_bytes
    autocrlf = [
        ("attributes-alter-bytes", "up", path)
        for path in (RECORD, "third_party/up/deep/b", LICENSE)
    ]
    assert kinds(world.judge(judge, host(), {})) == autocrlf
    assert kinds(world.judge(judge, host(), host() | OWN_ATTRIBUTES)) == autocrlf
    assert world.judge(judge, host() | {"src/main.c": b""}, host()) == []
    assert world.judge(judge, host() | {".gitattributes": b"*.c diff=cpp\n"}, host()) == []


class Told:
    """Says in place of git which files attributes alter: those that they name.

    Git itself needs a repository on disk.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.asked = 0

    def altered_files(self, attribute_files: Sequence[Entry], *_: object) -> tuple[Altered, ...]:
        self.asked += 1
        words = b" ".join(self._repository.read(entry.blob) for entry in attribute_files).split()
        return tuple(
            Altered("up", RepoPath(word), ObjectId("1" * 40), "is told so") for word in words
        )


def test_attributes_are_to_blame_for_what_they_alter_and_altered_in_no_parent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(world.repository)
    monkeypatch.setattr(world.rules, "_attributes", told)
    judge = world.rules.attributes_that_alter_bytes
    one, two = host() | {".gitattributes": b"a\n"}, host() | {".gitattributes": b"a b\n"}
    assert world.judge(judge, one) == [
        Finding(Rule.ATTRIBUTES_ALTER_BYTES, "up", "is told so", "a")
    ]
    assert kinds(world.judge(judge, two, host())) == [
        ("attributes-alter-bytes", "up", "a"),
        ("attributes-alter-bytes", "up", "b"),
    ]
    assert kinds(world.judge(judge, two, one)) == [("attributes-alter-bytes", "up", "b")]
    assert kinds(world.judge(judge, two, host(), one)) == [("attributes-alter-bytes", "up", "b")]
    assert world.judge(judge, one, two) == []
    asked = told.asked
    assert world.judge(judge, two, two) == []
    assert (
        world.judge(judge, host() | {".gitattributes": b"a b\n", "src/main.c": b""}, one, two) == []
    )
    assert told.asked == asked


def test_a_parent_with_a_broken_manifest_says_nothing_of_attributes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.rules, "_attributes", Told(world.repository))
    broken = {".gitattributes": b"a\n", "third_party/mirrors.toml": b"["}
    found = world.judge(
        world.rules.attributes_that_alter_bytes, host() | {".gitattributes": b"a\n"}, broken
    )
    assert kinds(found) == [("attributes-alter-bytes", "up", "a")]


# trailers


def said(
    state: PolicedState, parents: tuple[PolicedState, ...], message: bytes | None
) -> list[tuple[str, str, str]]:
    return [(f.rule, f.mirror, f.message) for f in missing_trailers(Case(state, parents, message))]


def test_a_commit_that_changes_a_mirror_says_so(world: World) -> None:
    state, before = world.state(host()), world.state({"a": b""})
    trailer = str(Trailer("up", "v1", synced().holding.tree))
    lacks = [("trailer-missing", "up", f"the message lacks the line `{trailer}`")]
    assert said(state, (before,), b"sync\n") == lacks
    assert said(state, (), b"sync\n") == lacks
    assert said(state, (before,), f"sync\n\n{trailer}\n".encode()) == []
    assert said(state, (before,), f"sync\n\n{trailer.replace('v1', 'v2')}\n".encode()) == lacks
    assert said(state, (before,), None) == []
    assert said(state, (state,), b"work\n") == []
    assert said(state, (before, state), b"merge\n") == []


def test_a_commit_that_removes_a_mirror_says_so(world: World) -> None:
    state, before = world.state({"a": b""}), world.state(host())
    trailer = Trailer("up", "removed", EMPTY_TREE)
    assert said(state, (before,), b"remove\n") == [
        ("trailer-missing", "up", f"the message lacks the line `{trailer}`")
    ]
    assert said(state, (before,), f"remove\n\n{trailer}\n".encode()) == []
