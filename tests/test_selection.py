"""What a selection takes of a tree.

Gitignore patterns are read as git itself reads them; the trees that a proof needs and the licence
files come along.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sync.ids import Mode, ObjectId, RepoPath
from sync.limits import DEPTH
from sync.model.mirrors import Selection
from sync.model.values import Entry
from sync.objects.tree import (
    MalformedObjectError,
    TreeEntry,
    build_trees,
    dump_tree,
    object_id,
    parse_tree,
)
from sync.selection.patterns import parse_pattern
from sync.selection.select import SourceError, select

FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# few names and many ways to write a pattern of them, so that patterns meet names
NAMES = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "a.c",
        "b.c",
        "deps",
        "x y",
        "#a",
        "!a",
        "[a]",
        "ä",
        "A",
        "a ",
        "a\\b",
        "*",
        " a",
        "à",
    ]
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PATTERN_PARTS = st.sampled_from(
    [
        "a",
        "b",
        "ab",
        "deps",
        "*",
        "**",
        "?",
        "*.c",
        "a*",
        "[ab]",
        "[!a]",
        "[a-c].c",
        "\\*",
        "a?c",
        "x y",
        "\\#a",
        "\\!a",
        "ä",
        "A",
        "a\\ ",
        "***",
        " a",
        "a ",
        "à",
        "??",
        "[a-ä]",
    ]
)
PATTERNS = st.builds(
    lambda negated, rooted, parts, directory: (
        ("!" if negated else "")
        + ("/" if rooted else "")
        + "/".join(parts)
        + ("/" if directory else "")
    ),
    st.booleans(),
    st.booleans(),
    st.lists(PATTERN_PARTS, min_size=1, max_size=3),
    st.booleans(),
)


def _without_conflicts(paths: list[str]) -> frozenset[str]:
    """The paths that can be together: none is both a file and a directory."""
    directories = {path[:at] for path in paths for at, c in enumerate(path) if c == "/"}
    return frozenset(path for path in paths if path not in directories)


FILES = st.lists(PATHS, min_size=1, max_size=12).map(_without_conflicts).filter(bool)


class Trees:
    """The tree objects of some files, to be read by id; which were read is remembered."""

    def __init__(self, files: Mapping[str, str] | frozenset[str]) -> None:
        contents = files if isinstance(files, Mapping) else dict.fromkeys(files, "x")
        self.entries = [
            Entry(RepoPath(p.encode()), Mode.FILE, object_id("blob", c.encode()))
            for p, c in contents.items()
        ]
        trees = build_trees(self.entries)
        self.root = trees[b""].id
        self._raw = {tree.id: tree.raw for tree in trees.values()}

    def read(self, tree: ObjectId) -> bytes:
        return self._raw[tree]

    def select(
        self, source: str = "", *, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()
    ) -> list[str]:
        selected = select(
            self.root, Selection(include, exclude, source=RepoPath(source.encode())), self.read
        )
        return [entry.path.decode() for entry in selected.holding.files]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty git repository for git's own matching; case counts, as in a tree."""
    path = tmp_path_factory.mktemp("oracle")
    subprocess.run(
        ["git", "init", "--quiet"],
        cwd=path,
        check=True,
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"},
    )
    return path


def _ignored_by_git(repository: Path, patterns: list[str], files: frozenset[str]) -> set[str]:
    """Which of the files git ignores, asked of `git ls-files -o -i` on real files."""
    with tempfile.TemporaryDirectory(dir=repository) as directory:
        for file in files:
            path = Path(directory) / "tree" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        ignore = Path(directory) / "patterns"
        ignore.write_text("\n".join(patterns) + "\n")
        done = subprocess.run(
            [
                "git",
                f"--git-dir={repository}/.git",
                f"--work-tree={directory}/tree",
                "ls-files",
                "-o",
                "-i",
                "-z",
                f"--exclude-from={ignore}",
            ],
            cwd=Path(directory) / "tree",
            capture_output=True,
            check=True,
        )
    return {name.decode() for name in done.stdout.split(b"\0") if name}


def _writable(lines: list[str]) -> list[str]:
    return [line for line in lines if parse_pattern(line) is not None]


@FEW
@given(files=FILES, lines=st.lists(PATTERNS, min_size=1, max_size=4).map(_writable).filter(bool))
@example(files=frozenset({"a/b"}), lines=["a/", "!a/b"])
@example(files=frozenset({"a/b", "a/ab"}), lines=["a/*", "!a/b"])
@example(files=frozenset({"a/b/c"}), lines=["**/b"])
@example(files=frozenset({"a/deps/b", "deps"}), lines=["deps/"])
@example(files=frozenset({"a/b"}), lines=["/b", "a/**/b"])
@example(files=frozenset({"a", "b"}), lines=["*", "!a"])
def test_exclude_leaves_out_what_git_ignores(
    repository: Path, files: frozenset[str], lines: list[str]
) -> None:
    expected = files - _ignored_by_git(repository, lines, files)
    assert set(Trees(files).select(exclude=tuple(lines))) == expected


@FEW
@given(files=FILES, lines=st.lists(PATTERNS, min_size=1, max_size=4).map(_writable).filter(bool))
@example(files=frozenset({"a/b", "b"}), lines=["/a"])
@example(files=frozenset({"a/b", "a/ab"}), lines=["a", "!a/b"])
@example(files=frozenset({"a/b", "a/ab"}), lines=["*", "!b"])
def test_include_takes_what_git_ignores(
    repository: Path, files: frozenset[str], lines: list[str]
) -> None:
    assert set(Trees(files).select(include=tuple(lines))) == _ignored_by_git(
        repository, lines, files
    )


@FEW
@given(
    files=FILES,
    include=st.lists(PATTERNS, max_size=2).map(_writable),
    exclude=st.lists(PATTERNS, max_size=2).map(_writable),
)
def test_exclude_counts_more_than_include(
    files: frozenset[str], include: list[str], exclude: list[str]
) -> None:
    trees = Trees(files)
    both = set(trees.select(include=tuple(include), exclude=tuple(exclude)))
    assert both == set(trees.select(include=tuple(include))) & set(
        trees.select(exclude=tuple(exclude))
    )


@FEW
@given(files=FILES)
def test_no_patterns_take_everything_and_need_no_tree_below_the_source(
    files: frozenset[str],
) -> None:
    trees = Trees(files)
    selected = select(trees.root, Selection(), trees.read)
    assert selected.holding.files == tuple(sorted(trees.entries))
    assert selected.holding.tree == selected.holding.upstream_tree == trees.root
    assert selected.holding.proof_trees == ()


@FEW
@given(
    files=FILES,
    include=st.lists(PATTERNS, max_size=2).map(_writable),
    exclude=st.lists(PATTERNS, max_size=2).map(_writable),
    data=st.data(),
)
def test_the_proof_and_the_taken_files_are_enough_to_select_again(
    files: frozenset[str], include: list[str], exclude: list[str], data: st.DataObject
) -> None:
    trees = Trees(files)
    directories = sorted({file.rpartition("/")[0] for file in files} | {""})
    source = RepoPath(data.draw(st.sampled_from(directories)).encode())
    selection = Selection(tuple(include), tuple(exclude))
    selected = select(trees.root, replace(selection, source=source), trees.read)
    proof = {object_id("tree", raw): raw for raw in selected.holding.proof_trees}
    rebuilt = {tree.id: tree.raw for tree in build_trees(selected.holding.files).values()}
    again = select(trees.root, replace(selection, source=source), (rebuilt | proof).__getitem__)
    assert again == selected
    assert list(proof) == sorted(proof)


@FEW
@given(files=FILES, exclude=st.lists(PATTERNS, max_size=3).map(_writable))
def test_no_tree_of_the_proof_can_be_spared(files: frozenset[str], exclude: list[str]) -> None:
    trees = Trees(files)
    selection = Selection((), tuple(exclude))
    selected = select(trees.root, selection, trees.read)
    known = {tree.id: tree.raw for tree in build_trees(selected.holding.files).values() if tree.raw}
    proof = {object_id("tree", raw): raw for raw in selected.holding.proof_trees}
    for spared in proof.keys() - known.keys():
        rest = known | {tree: raw for tree, raw in proof.items() if tree != spared}
        with pytest.raises(KeyError):
            select(trees.root, selection, rest.__getitem__)


@pytest.mark.parametrize(
    ("include", "exclude", "unused"),
    [
        pytest.param((), ("deps/",), (("exclude", "deps/"),), id="a directory that is not there"),
        pytest.param((), ("*.md", "*.txt"), (("exclude", "*.txt"),), id="one of two"),
        pytest.param(("*.md", "!a.md"), (), (), id="a negation that takes something back"),
        pytest.param(("*.wit", "!z.wit"), (), (("include", "!z.wit"),), id="a negation of nothing"),
        pytest.param(
            (),
            ("sub/", "sub/b.wit"),
            (("exclude", "sub/b.wit"),),
            id="one below a directory that is left out",
        ),
        pytest.param((), ("sub/**",), (), id="everything below a directory"),
    ],
)
def test_patterns_that_match_nothing_are_named(
    include: tuple[str, ...], exclude: tuple[str, ...], unused: tuple[tuple[str, str], ...]
) -> None:
    trees = Trees(frozenset({"a.wit", "a.md", "sub/b.wit"}))
    assert select(trees.root, Selection(include, exclude), trees.read).unused == unused


def test_a_negation_that_git_cannot_honour_takes_nothing_back() -> None:
    # gitignore(5): "It is not possible to re-include a file if a parent directory of that file
    # is excluded"
    assert Trees(frozenset({"deps/a", "b"})).select(exclude=("deps/", "!deps/a")) == ["b"]


def test_a_source_is_selected_from_its_own_root() -> None:
    trees = Trees(frozenset({"wit/deps/a", "wit/b", "deps/c"}))
    assert trees.select("wit", exclude=("/deps/",)) == ["b"]


LICENSES = {
    "beside the source": ("wit", {"LICENSE": "l", "wit/a": "a"}, ["LICENSE"]),
    "in every directory above": (
        "a/b",
        {"COPYING": "1", "a/NOTICE.md": "2", "a/b/x": "x"},
        ["COPYING", "a/NOTICE.md"],
    ),
    "not one that is taken": ("", {"LICENSE": "l", "a": "a"}, []),
    "not one in another directory": ("wit", {"doc/LICENSE": "l", "wit/a": "a"}, []),
    "not a directory of that name": ("wit", {"LICENSES/MIT": "l", "wit/a": "a"}, []),
    "not a word that begins alike": ("wit", {"licenser.py": "l", "wit/a": "a"}, []),
}


@pytest.mark.parametrize(("source", "files", "expected"), LICENSES.values(), ids=LICENSES)
def test_licence_files_that_cover_the_source_are_found(
    source: str, files: dict[str, str], expected: list[str]
) -> None:
    trees = Trees(files)
    selected = select(trees.root, Selection(source=RepoPath(source.encode())), trees.read)
    assert [entry.path.decode() for entry in selected.holding.licenses] == expected


def test_a_licence_that_is_left_out_of_the_mirror_is_kept_beside_it() -> None:
    trees = Trees({"wit/LICENSE": "l", "wit/a": "a"})
    selected = select(
        trees.root, Selection(exclude=("LICENSE",), source=RepoPath(b"wit")), trees.read
    )
    assert [entry.path for entry in selected.holding.licenses] == [b"wit/LICENSE"]


@pytest.mark.parametrize(
    ("source", "is_file", "path"),
    [
        ("nope", False, b"nope"),
        ("wit/nope/x", False, b"wit/nope"),
        ("wit/a", True, b"wit/a"),
        ("wit/a/b", True, b"wit/a"),
    ],
)
def test_a_source_that_is_no_directory_is_named(source: str, is_file: bool, path: bytes) -> None:
    trees = Trees(frozenset({"wit/a", "wit/b/c"}))
    with pytest.raises(SourceError) as raised:
        trees.select(source)
    assert (raised.value.is_file, raised.value.path) == (is_file, path)
    assert [entry.name for entry in raised.value.siblings] == (
        [b"wit"] if b"/" not in path else [b"a", b"b"]
    )


def _one_inside_another(depth: int) -> tuple[ObjectId, dict[ObjectId, bytes]]:
    raw = dump_tree([TreeEntry(b"f", Mode.FILE, object_id("blob", b""))])
    trees = {object_id("tree", raw): raw}
    for _ in range(depth):
        raw = dump_tree([TreeEntry(b"d", Mode.TREE, object_id("tree", raw))])
        trees[object_id("tree", raw)] = raw
    return object_id("tree", raw), trees


def test_a_tree_as_deep_as_allowed_is_taken() -> None:
    root, trees = _one_inside_another(DEPTH)
    assert len(select(root, Selection(), trees.__getitem__).holding.files) == 1


def test_a_tree_too_deep_is_refused() -> None:
    root, trees = _one_inside_another(DEPTH + 1)
    with pytest.raises(MalformedObjectError, match="deeper than 200 directories") as raised:
        select(root, Selection(), trees.__getitem__)
    assert (raised.value.reference, raised.value.path) == (
        "tree-too-deep",
        b"/".join([b"d"] * (DEPTH + 1)),
    )


@pytest.mark.parametrize(("limit", "path"), [(4, None), (3, b"b"), (2, b"a"), (1, b"")])
def test_a_tree_with_too_many_entries_is_refused(
    monkeypatch: pytest.MonkeyPatch, limit: int, path: bytes | None
) -> None:
    monkeypatch.setattr("sync.selection.select.ENTRIES", limit)
    trees = Trees(frozenset({"a/x", "b/y"}))
    if path is None:
        assert trees.select() == ["a/x", "b/y"]
        return
    with pytest.raises(MalformedObjectError, match=f"^it has more than {limit} entries$") as raised:
        trees.select()
    assert (raised.value.reference, raised.value.path) == ("tree-too-large", path)


def test_a_path_that_no_system_takes_is_refused_with_its_directory() -> None:
    directory = "/".join(["d" * 250] * 16)
    longest = f"{directory}/{'f' * 80}"
    assert Trees({longest: ""}).select() == [longest]
    with pytest.raises(
        MalformedObjectError, match=r"^it has paths longer than 4096 bytes$"
    ) as raised:
        Trees({f"{longest}f": ""}).select()
    assert (raised.value.reference, raised.value.path) == ("path-too-long", directory.encode())


@pytest.mark.parametrize(("source", "where"), [(b"", b"d"), (b"d", b""), (b"d/e", b"d")])
def test_a_blob_that_reads_like_a_tree_is_none(source: bytes, where: bytes) -> None:
    inner = dump_tree([TreeEntry(b"e", Mode.TREE, object_id("tree", b""))])
    root = dump_tree([TreeEntry(b"d", Mode.TREE, object_id("blob", inner))])
    trees = {object_id("tree", root): root, object_id("blob", inner): inner}
    with pytest.raises(MalformedObjectError, match=r"^it is no tree object$") as raised:
        select(object_id("tree", root), Selection(source=RepoPath(source)), trees.__getitem__)
    assert (raised.value.reference, raised.value.path) == ("object-wrong-kind", where)


def test_a_malformed_tree_is_refused_with_its_directory() -> None:
    bad = b"100644 a\0"
    raw = dump_tree([TreeEntry(b"sub", Mode.TREE, object_id("tree", bad))])
    trees = {object_id("tree", raw): raw, object_id("tree", bad): bad}
    with pytest.raises(MalformedObjectError) as raised:
        select(object_id("tree", raw), Selection(), trees.__getitem__)
    assert (raised.value.reference, raised.value.path, str(raised.value)) == (
        "tree-truncated",
        b"sub",
        "the tree object is truncated",
    )


@pytest.mark.parametrize(("source", "where"), [(b"sub", b""), (b"sub/deep", b"sub")])
def test_a_malformed_tree_on_the_way_to_the_source_is_refused_with_its_directory(
    source: bytes, where: bytes
) -> None:
    bad = b"100644 a\0"
    raw = dump_tree([TreeEntry(b"sub", Mode.TREE, object_id("tree", bad))])
    root = raw if where else bad
    trees = {object_id("tree", raw): raw, object_id("tree", bad): bad}
    with pytest.raises(MalformedObjectError) as raised:
        select(object_id("tree", root), Selection(source=RepoPath(source)), trees.__getitem__)
    assert raised.value.path == where


def test_of_what_is_known_no_tree_is_read() -> None:
    trees = Trees(frozenset({"wit/a", "wit/deep/b", "c"}))
    taken = select(trees.root, Selection(source=RepoPath(b"wit")), trees.read)
    known = (taken.holding.tree, taken.holding.files)
    read: list[ObjectId] = []
    again = select(
        trees.root,
        Selection(source=RepoPath(b"wit")),
        lambda tree: read.append(tree) or trees.read(tree),
        known,
    )
    assert (again, read) == (taken, [trees.root])


def test_an_empty_directory_is_refused_unless_left_out() -> None:
    raw = dump_tree(
        [
            TreeEntry(b"d", Mode.TREE, object_id("tree", b"")),
            TreeEntry(b"f", Mode.FILE, object_id("blob", b"")),
        ]
    )
    trees = {object_id("tree", raw): raw, object_id("tree", b""): b""}
    root = object_id("tree", raw)
    with pytest.raises(MalformedObjectError, match=r"^it is a directory without files") as raised:
        select(root, Selection(), trees.__getitem__)
    assert (raised.value.reference, raised.value.path) == ("empty-directory", b"d")
    selected = select(root, Selection(exclude=("/d/",)), trees.__getitem__)
    assert [entry.path for entry in selected.holding.files] == [b"f"]
    assert [parse_tree(raw)[0].name for raw in selected.holding.proof_trees] == [b"d"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a", True),
        ("!a", True),
        ("\\#a", True),
        ("# a", False),
        ("", False),
        ("   ", False),
        ("/", False),
    ],
)
def test_comments_and_blanks_are_no_patterns(line: str, expected: bool) -> None:
    assert (parse_pattern(line) is not None) is expected


def test_a_pattern_with_a_bracket_in_brackets_warns_nobody() -> None:
    # Python's re warns of "possible nested set" on stderr; here warnings are errors
    assert Trees(frozenset({"[a", "b"})).select(exclude=("[[]a",)) == ["b"]


def test_patterns_that_would_take_minutes_are_refused() -> None:
    """A few hundred patterns have many stars each.

    The tree names thousands of directories by a few objects.
    """
    raw = dump_tree([TreeEntry(b"f", Mode.FILE, object_id("blob", b""))])
    trees = {object_id("tree", raw): raw}
    for _ in range(12):
        inner = object_id("tree", raw)
        raw = dump_tree([TreeEntry(b"a", Mode.TREE, inner), TreeEntry(b"b", Mode.TREE, inner)])
        trees[object_id("tree", raw)] = raw
    selection = Selection(include=("**/" + "*/" * 60 + "f",) * 100)
    began = time.process_time()
    with pytest.raises(
        MalformedObjectError, match="too many patterns for so many entries"
    ) as raised:
        select(object_id("tree", raw), selection, trees.__getitem__)
    assert raised.value.reference == "patterns-too-many"
    assert time.process_time() - began < 5


def test_paths_that_together_are_longer_than_memory_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sync.selection.select.PATHS_BYTES", 5)
    with pytest.raises(MalformedObjectError, match="more than 5 bytes") as raised:
        Trees(frozenset({"a/x", "b/y"})).select()
    assert raised.value.reference == "tree-too-large"
