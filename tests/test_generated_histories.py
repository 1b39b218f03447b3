"""The law of the policy: honest histories raise no alarm, and a changed copy always raises one.

The alarm names the commit that made the change. Histories are made of states: for each mirror the
pin that it is synced to, and perhaps a change that nobody synced. A commit is to blame for a
changed mirror that none of its parents has in that very state. So it is to blame for the change
itself, and for bringing it back after it was gone. `POLICY_LAW_EXAMPLES=5000` tries more of them.
"""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from policies import copies
from policies.check import Policy
from sync.host.find import find_host
from sync.layout import record_path
from sync.manifest.paths import as_written
from tests.support.git import git, git_bytes
from tests.support.hosts import Host, mirror
from tests.support.laws import each
from tests.support.upstreams import Upstream

PINS = {"alpha": ("v1", "v2", "v3"), "beta": ("v1", "v2"), "hidden": ("v1", "v2")}
INSIDE, OUTSIDE = "third_party/", "crates/deps/"
"""The directories in which all mirrors lie: the laws hold for both."""

Command = bytes
"""One change of a file, as git fast-import reads it."""


@dataclass(frozen=True)
class Synced:
    """A mirror as a commit has it.

    It is synced to a pin, and something may be changed after that.
    """

    pin: str
    change: tuple[Command, ...] = ()


State = Mapping[str, Synced]
"""The mirrors that are there."""


@dataclass(frozen=True)
class Commit:
    """A commit of a made-up history."""

    parents: tuple[int, ...]
    state: State

    def is_to_blame(self, history: Sequence["Commit"]) -> bool:
        parents = [history[parent].state for parent in self.parents]
        return any(
            synced.change and all(parent.get(name) != synced for parent in parents)
            for name, synced in self.state.items()
        )


@dataclass(frozen=True)
class Piece:
    """What a sync of one mirror to one pin has in the host."""

    manifest: str
    files: Mapping[str, tuple[str, str]]
    """Path below the host's root → mode and blob id; the mirror's, its licences', its record."""

    @property
    def record(self) -> str:
        return next(path for path in self.files if "/provenance/" in path)


@dataclass(frozen=True)
class World:
    """A host repository with the objects of every sync, from which histories are put together."""

    path: Path
    top: str
    """The directory in which all mirrors lie, with a slash at its end."""
    pieces: Mapping[tuple[str, str], Piece]
    own: Mapping[str, tuple[str, str]]
    """Each .gitattributes and .gitignore."""

    def content(self, blob: str) -> bytes:
        return git_bytes(self.path, "cat-file", "blob", blob)

    def commands(self, state: State) -> Iterator[Command]:
        yield b"deleteall\n"
        if not state:
            return
        pieces = [self.pieces[name, synced.pin] for name, synced in sorted(state.items())]
        for path, (mode, blob) in itertools.chain(
            self.own.items(), *(piece.files.items() for piece in pieces)
        ):
            yield f"M {mode} {blob} {path}\n".encode()
        yield inline(
            "100644",
            "third_party/mirrors.toml",
            "\n".join(piece.manifest for piece in pieces).encode(),
        )
        for _, synced in sorted(state.items()):
            yield from synced.change

    def make(self, history: Sequence[tuple[tuple[int, ...], Iterable[Command]]]) -> list[str]:
        """Make the commits of these parents and commands, each with work of its own; their ids."""
        script = []
        for number, (parents, commands) in enumerate(history):
            script.append(
                b"reset refs/heads/law\n\ncommit refs/heads/law\nmark :%d\n" % (number + 1)
            )
            script.append(b"committer T <t@example.org> %d +0000\ndata 0\n" % number)
            script += [
                b"%s :%d\n" % (b"merge" if at else b"from", parent + 1)
                for at, parent in enumerate(parents)
            ]
            script += commands
            script.append(
                inline("100644", "work", b"%d" % number) + b"\nget-mark :%d\n" % (number + 1)
            )
        return git(self.path, "fast-import", "--quiet", "--force", stdin=b"".join(script)).split()

    def blamed(self, history: Sequence[Commit]) -> list[int]:
        """Those whom the policy blames."""
        return self._blamed(
            self.make([(commit.parents, self.commands(commit.state)) for commit in history])
        )

    def blamed_of(self, history: Sequence[tuple[tuple[int, ...], "Files"]]) -> list[int]:
        """Likewise, of commits that are written out as files."""
        commits = [
            (
                parents,
                [
                    b"deleteall\n",
                    *(inline(mode, path, content) for path, (mode, content) in files.items()),
                ],
            )
            for parents, files in history
        ]
        return self._blamed(self.make(commits))

    def _blamed(self, ids: Sequence[str]) -> list[int]:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.path)
            report = Policy(find_host(self.path).require_repository()).check_range(ids[-1])
        found = {
            judgement.commit.id
            for judgement in report.judgements
            if judgement.violations and judgement.commit
        }
        return [number for number, commit in enumerate(ids) if commit in found]


def inline(mode: str, path: str, content: bytes) -> Command:
    return f"M {mode} inline {path}\ndata {len(content)}\n".encode() + content + b"\n"


@pytest.fixture(scope="module", params=[INSIDE, OUTSIDE])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Three mirrors, one of them not checked in, synced to each of their pins."""
    top: str = request.param
    directory = tmp_path_factory.mktemp("law")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(directory))
        for name in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{name}_NAME", "Tester")
            patch.setenv(f"GIT_{name}_EMAIL", "tester@example.org")
        upstreams = {name: Upstream.create(directory / name) for name in PINS}
        host = Host.create(directory / "host")
        pieces: dict[tuple[str, str], Piece] = {}
        for number in range(3):
            for name, pins in PINS.items():
                if number < len(pins):
                    upstreams[name].release(pins[number], _files(name, pins[number]))
            state = {name: pins[min(number, len(pins) - 1)] for name, pins in PINS.items()}
            tables = {
                name: _table(name, upstreams[name].url, pin, top) for name, pin in state.items()
            }
            host.manifest("\n".join(tables.values()))
            host.sync()
            for name, pin in state.items():
                pieces[name, pin] = Piece(
                    tables[name],
                    _staged(
                        host, f"{top}{name}", record_path(name), f"third_party/licenses/{name}"
                    ),
                )
        own = _staged(host, ":(glob)**/.gitattributes", ":(glob)**/.gitignore")
    return World(host.path, top, pieces, own)


def _files(name: str, pin: str) -> dict[str | bytes, bytes | tuple[str, bytes]]:
    return {
        "LICENSE": b"do what you like\n",
        "wit/a.wit": f"package {name}:{pin};\n".encode(),
        "wit/crlf": b"one\r\ntwo\r\n",
        "wit/deps/run": ("100755", b"#!/bin/sh\n"),
        "wit/deps/link": ("120000", b"../a.wit"),
    }


def _table(name: str, url: str, pin: str, top: str) -> str:
    return mirror(
        name,
        url,
        into=as_written(f"{top}{name}"),
        tag=pin,
        from_="wit",
        local=True,
        **({"checked_in": False} if name == "hidden" else {}),
    )


def _staged(host: Host, *paths: str) -> dict[str, tuple[str, str]]:
    listed = host.git("ls-files", "--stage", "--", *paths).splitlines()
    return {
        path: (meta.split()[0], meta.split()[1])
        for meta, path in (line.split("\t") for line in listed)
    }


# honest histories


NUMBERS = st.integers(0, 1 << 16)
STEPS = st.sampled_from(
    ["work", "bump", "bump", "remove", "merge", "merge", "octopus", "revert", "cherry-pick", "root"]
)
Step = tuple[str, int, int, int]
HISTORIES = st.lists(st.tuples(STEPS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=12)
NAMES = list(PINS)


def _grow(history: list[Commit], step: Step) -> None:
    """One more commit, of which the numbers choose the details."""
    kind, a, b, c = step
    parent, other, third = (
        (len(history) - 1 - number % len(history)) if history else 0 for number in (a, b, c)
    )
    if kind == "root" or not history:
        chosen = {
            name: Synced(pins[b % len(pins)])
            for at, (name, pins) in enumerate(PINS.items())
            if a >> at & 1
        }
        history.append(Commit((), chosen))
        return
    state = history[parent].state
    name = NAMES[b % len(NAMES)]
    if kind == "bump":
        history.append(Commit((parent,), {**state, name: Synced(PINS[name][c % len(PINS[name])])}))
    elif kind == "remove":
        history.append(
            Commit((parent,), {kept: synced for kept, synced in state.items() if kept != name})
        )
    elif kind in {"merge", "octopus"}:
        parents = tuple(dict.fromkeys([parent, other, *([third] if kind == "octopus" else [])]))
        history.append(Commit(parents, _merged([history[one].state for one in parents], c)))
    elif kind in {"revert", "cherry-pick"} and history[other].parents:
        before, after = history[history[other].parents[0]].state, history[other].state
        history.append(
            Commit(
                (parent,),
                _replayed(state, *((after, before) if kind == "revert" else (before, after))),
            )
        )
    else:
        history.append(Commit((parent,), state))


def _merged(states: Sequence[State], choice: int) -> State:
    """Each mirror as one of the parents has it."""
    chosen = {
        name: states[(choice >> 2 * at) % len(states)].get(name) for at, name in enumerate(NAMES)
    }
    return {name: synced for name, synced in chosen.items() if synced is not None}


def _replayed(state: State, before: State, after: State) -> State:
    """The state with each mirror that differs between two others as the second has it."""
    chosen = {
        name: (state if before.get(name) == after.get(name) else after).get(name) for name in NAMES
    }
    return {name: synced for name, synced in chosen.items() if synced is not None}


def _joined(history: list[Commit]) -> list[Commit]:
    """The history with one more commit, which leads to all of it and keeps its last state."""
    inner = {parent for commit in history for parent in commit.parents}
    heads = [number for number in reversed(range(len(history))) if number not in inner]
    return [*history, Commit(tuple(heads), history[heads[0]].state)]


EXAMPLES = settings(
    max_examples=int(os.environ.get("POLICY_LAW_EXAMPLES", "20")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@EXAMPLES
@given(steps=HISTORIES)
def test_an_honest_history_raises_no_alarm(world: World, steps: list[Step]) -> None:
    history: list[Commit] = []
    for step in steps:
        _grow(history, step)
    event(f"{sum(len(commit.parents) > 1 for commit in history)} merges")
    assert world.blamed(_joined(history)) == []


# one change


KINDS = ("byte", "mode", "symlink", "submodule", "delete", "add")


def _change(world: World, name: str, pin: str, kind: str, a: int, b: int) -> tuple[Command, ...]:
    """A change of one protected path of a mirror, of which the numbers choose path and place."""
    piece = world.pieces[name, pin]
    paths = sorted(piece.files)
    path = paths[a % len(paths)]
    mode, blob = piece.files[path]
    if kind == "add":
        is_in_copy = path.startswith(f"{world.top}{name}/") or "/licenses/" in path
        where = os.path.dirname(path) if is_in_copy else f"{world.top}{name}"
        return (inline("100644", f"{where}/new", b"%d" % b),)
    if kind == "delete":
        return (f"D {path}\n".encode(),)
    if kind == "submodule":
        return (f"M 160000 {blob} {path}\n".encode(),)
    if kind == "symlink":
        return (inline("120000", path, b"elsewhere"),)
    if kind == "mode":
        return (f"M {'100644' if mode != '100644' else '100755'} {blob} {path}\n".encode(),)
    content = world.content(blob)
    # what a record says of files that are not there, nobody can judge without the upstream
    start = content.index(b'"mirror"') if name == "hidden" and path == piece.record else 0
    at = start + b % (len(content) - start)
    return (
        inline(mode, path, content[:at] + bytes([content[at] ^ (1 + a % 255)]) + content[at + 1 :]),
    )


@EXAMPLES
@given(
    before=HISTORIES,
    mirror=st.sampled_from(NAMES),
    kind=st.sampled_from(KINDS),
    a=NUMBERS,
    b=NUMBERS,
    after=HISTORIES,
)
def test_one_change_raises_an_alarm_where_it_was_made(
    world: World, before: list[Step], mirror: str, kind: str, a: int, b: int, after: list[Step]
) -> None:
    history: list[Commit] = []
    for step in before:
        _grow(history, step)
    pin = PINS[mirror][a % len(PINS[mirror])]
    synced = history[-1].state.get(mirror, Synced(pin))
    history.append(Commit((len(history) - 1,), {**history[-1].state, mirror: synced}))
    changed = replace(synced, change=_change(world, mirror, synced.pin, kind, a, b))
    culprit = len(history)
    history.append(Commit((culprit - 1,), {**history[-1].state, mirror: changed}))
    for step in after:
        _grow(history, step)
    history = _joined(history)
    expected = [number for number, commit in enumerate(history) if commit.is_to_blame(history)]
    assert culprit in expected
    event(f"{mirror}, {kind}, {len(expected)} to blame")
    assert world.blamed(history) == expected


# what is wrong already

Files = dict[str, tuple[str, bytes]]
"""Path from the host's root → mode and content."""
LICENSES = "third_party/licenses/alpha/"


def _record_edited(files: Files, **keys: object) -> None:
    record = json.loads(files[RECORD][1])
    upstream = {key: keys.pop(key) for key in list(keys) if key in record["upstream"]}
    edited = record | keys | {"upstream": record["upstream"] | upstream}
    files[RECORD] = (
        "100644",
        json.dumps(edited, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n",
    )


def _manifest_edited(files: Files, old: bytes, new: bytes) -> None:
    manifest = files[MANIFEST][1]
    assert old in manifest
    files[MANIFEST] = ("100644", manifest.replace(old, new))


def _into(top: str, name: str) -> bytes:
    """The line of the manifest that has a mirror lie there."""
    return f'into = "{as_written(top + name)}"\n'.encode()


RECORD, MANIFEST = "third_party/provenance/alpha.json", "third_party/mirrors.toml"
FAULTS: dict[str, tuple[Callable[[Files, str], object], bool]] = {
    "nothing but drift": (lambda *_: None, True),
    "a record that has moved": (
        lambda files, top: _record_edited(files, places=[f"{top}away"]),
        True,
    ),
    "a manifest that has moved": (
        lambda files, top: _manifest_edited(files, _into(top, "alpha"), _into(top, "away")),
        True,
    ),
    "another pin": (lambda files, _: _manifest_edited(files, b'"v1"', b'"v2"'), True),
    "no such mirror in the manifest": (
        lambda files, top: (
            _manifest_edited(files, b'[mirrors."alpha"]', b'[mirrors."other"]'),
            _manifest_edited(files, _into(top, "alpha"), _into(top, "other")),
        ),
        True,
    ),
    "a proof of another time": (
        lambda files, _: _record_edited(files, commit_time="2000-01-01T00:00:00Z"),
        True,
    ),
    "far too many files": (
        lambda files, top: files.update({f"{top}alpha/more{n}": ("100644", b"") for n in range(9)}),
        True,
    ),
    "an unreadable record": (lambda files, _: files.update({RECORD: ("100644", b"{}")}), False),
    "no record": (lambda files, _: files.pop(RECORD), False),
    "a proof of another commit": (lambda files, _: _record_edited(files, commit="1" * 40), False),
}
"""What is wrong with a mirror.

The second value says whether its record can be relied on all the same for what its files are.
"""
EDITS = st.lists(st.tuples(st.integers(0, 3), NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=10)


def _is_copied(path: str, right: Files) -> bool:
    """Whether a path is in a directory of the mirror, which has a file in each."""
    directories = [name.removesuffix("a.wit") for name in right if name.endswith("/a.wit")]
    return path.startswith((*directories, LICENSES))


def _edited(files: Files, right: Files, path: int, content: int) -> Files:
    """With one file of a copy, or one beside, made right, another, or gone."""
    alpha = next(name for name in right if name.endswith("alpha/a.wit"))
    new = alpha.replace("a.wit", "new")
    names = sorted({*right, *(file for file in files if _is_copied(file, right)), new})
    name = names[path % len(names)]
    choices = [
        right.get(name),
        None,
        ("100644", b"one"),
        ("100644", b"other"),
        ("100755", b"one"),
        ("120000", b"one"),
    ]
    chosen = choices[content % len(choices)]
    return {file: value for file, value in files.items() if file != name} | (
        {name: chosen} if chosen else {}
    )


def _is_worse(files: Files, parents: Sequence[Files], right: Files, *, is_shown: bool) -> bool:
    """The law: whether a file of a copy is neither as the record has it nor as a parent has it."""
    names = {name for one in (files, *parents) for name in one if _is_copied(name, right)}
    new = {name for name in names if all(files.get(name) != parent.get(name) for parent in parents)}
    return any(not is_shown or files.get(name) != right.get(name) for name in new)


@pytest.fixture(scope="module")
def good(world: World) -> Files:
    """A host with one mirror as it was synced."""
    piece = world.pieces["alpha", "v1"]
    files = {
        path: (mode, world.content(blob))
        for path, (mode, blob) in {**world.own, **piece.files}.items()
    }
    return files | {MANIFEST: ("100644", piece.manifest.encode())}


@EXAMPLES
@example(
    fault="far too many files",
    drift=[(0, 0, 1, 0), (0, 1, 1, 0), (0, 2, 1, 0), (0, 3, 1, 0), (0, 4, 0, 0)],
    edits=[(2, 0, 0, 0)],
).via("who puts a file back makes no others too many")
@example(
    fault="far too many files",
    drift=[(0, 4, 0, 0)] * 4,
    edits=[
        *[(0, 0, 0, 0)] * 3,
        (2, 4195, 0, 0),
        *[(0, 0, 0, 0)] * 3,
        (2, 5, 0, 0),
        (1, 64, 0, 103),
    ],
).via("who merges files that are too many only together brought none of them")
@given(fault=st.sampled_from(sorted(FAULTS)), drift=EDITS, edits=EDITS)
def test_what_is_wrong_already_hides_nothing_and_is_nobodys_fault_anew(
    world: World,
    good: Files,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    drift: list[tuple],
    edits: list[tuple],
) -> None:
    monkeypatch.setattr(copies, "MORE_THAN_RECORDED", 4)
    alpha, away_from = f"{world.top}alpha/", f"{world.top}away/"
    copied = {path: value for path, value in good.items() if path.startswith((alpha, LICENSES))}
    away = {
        path.replace(alpha, away_from): value
        for path, value in copied.items()
        if path.startswith(alpha)
    }
    break_it, is_shown = FAULTS[fault]
    right = copied | (away if "moved" in fault else {})
    broken = dict(good)
    break_it(broken, world.top)
    for _, path, content, _ in drift:
        broken = _edited(broken, right, path, content)
    history: list[tuple[tuple[int, ...], Files]] = [((), good), ((0,), broken)]
    for kind, path, content, number in edits:
        parent, other = len(history) - 1, 1 + number % (len(history) - 1)
        ours, theirs = history[parent][1], history[other][1]
        if kind == 0:
            history.append(((parent,), theirs))  # a revert
        elif kind == 1:
            sides = [ours if path >> at % 16 & 1 else theirs for at in range(99)]
            names = sorted({*ours, *theirs})
            merged = {
                name: side[name] for name, side in zip(names, sides, strict=False) if name in side
            }
            history.append((tuple(dict.fromkeys((parent, other))), merged))
        else:
            history.append(((parent,), _edited(ours, right, path, content)))
    parents_of = [[history[parent][1] for parent in parents] for parents, _ in history]
    expected = [
        number
        for number, (_, files) in enumerate(history)
        if number > 1 and _is_worse(files, parents_of[number], right, is_shown=is_shown)
    ]
    event(f"{fault}: {min(len(expected), 3)} worse")
    assert [number for number in world.blamed_of(history) if number > 1] == expected


@pytest.mark.parametrize("name", NAMES)
def test_every_byte_of_a_record_is_protected(world: World, name: str) -> None:
    """Each byte in turn, or every fifth unless `make laws` asks for all, in branches of its own."""
    piece = world.pieces[name, "v1"]
    content = world.content(piece.files[piece.record][1])
    start = content.index(b'"mirror"') if name == "hidden" else 0
    good = Commit((), {name: Synced("v1")})
    bad = [
        Commit(
            (0,),
            {
                name: Synced(
                    "v1",
                    (
                        inline(
                            "100644",
                            piece.record,
                            content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
                        ),
                    ),
                )
            },
        )
        for at in each(5, range(start, len(content)))
    ]
    history = [good, *bad, Commit(tuple(range(1, len(bad) + 1)), good.state)]
    assert world.blamed(history) == list(range(1, len(bad) + 1))
