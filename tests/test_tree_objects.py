"""Tree objects: read strictly, written and hashed as git does, names and links judged."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.ids import EMPTY_TREE, Mode, ObjectId, RepoPath
from sync.objects.tree import (
    MalformedObjectError,
    TreeEntry,
    build_trees,
    dump_tree,
    escapes,
    hash_tree,
    judge_name,
    judge_path,
    object_id,
    parse_tree,
)
from sync.selection.license_files import is_license_name
from tests.support.git import git
from tests.support.upstreams import Upstream

ID = ObjectId("1" * 40)
RAW = b"\x11" * 20
NAMES = st.binary(min_size=1, max_size=5).filter(
    lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b"..")
)
MODES = st.sampled_from([Mode.TREE, Mode.FILE, Mode.EXECUTABLE, Mode.SYMLINK, Mode.GITLINK])
ENTRIES = st.lists(st.builds(TreeEntry, NAMES, MODES, st.just(ID)), unique_by=lambda e: e.name)


@given(ENTRIES)
def test_parsing_is_the_inverse_of_writing(entries: list[TreeEntry]) -> None:
    raw = dump_tree(entries)
    assert set(parse_tree(raw)) == set(entries)
    assert dump_tree(parse_tree(raw)) == raw


MALFORMED: dict[str, tuple[bytes, str]] = {
    "no NUL": (b"100644 a", "tree-truncated"),
    "no blank": (b"100644", "tree-truncated"),
    "no NUL in as many bytes as an id has": (b"100644 " + b"a" * 13, "tree-truncated"),
    "a short id": (b"100644 a\0" + RAW[:-1], "tree-truncated"),
    "rubbish at the end": (b"100644 a\0" + RAW + b"1", "tree-truncated"),
    "a padded mode": (b"040000 a\0" + RAW, "mode-unknown"),
    "a group-writable file": (b"100664 a\0" + RAW, "mode-unknown"),
    "a set-uid file": (b"104755 a\0" + RAW, "mode-unknown"),
    "a device": (b"20644 a\0" + RAW, "mode-unknown"),
    "a fifo": (b"10644 a\0" + RAW, "mode-unknown"),
    "no mode": (b" a\0" + RAW, "mode-unknown"),
    "a path for a name": (b"100644 a/b\0" + RAW, "name-not-a-component"),
    "the directory itself": (b"40000 .\0" + RAW, "name-not-a-component"),
    "the directory above": (b"40000 ..\0" + RAW, "name-not-a-component"),
    "no name": (b"100644 \0" + RAW, "name-not-a-component"),
    "a name twice": ((b"100644 a\0" + RAW) * 2, "tree-duplicate-name"),
    "a file and a directory of one name": (
        b"100644 a\0" + RAW + b"100644 a.b\0" + RAW + b"40000 a\0" + RAW,
        "tree-duplicate-name",
    ),
    "unsorted": (b"100644 b\0" + RAW + b"100644 a\0" + RAW, "tree-unsorted"),
    "a directory sorted as a file": (b"40000 a\0" + RAW + b"100644 a.b\0" + RAW, "tree-unsorted"),
}


WORDS = {
    "tree-truncated": "the tree object is truncated",
    "mode-unknown": r"mode b'\d*' of b'a' is none that git writes",
    "name-not-a-component": r"the tree object has an entry named b'[/.ab]*'",
    "tree-duplicate-name": "the tree object names an entry twice",
    "tree-unsorted": "the entries of the tree object are not in git's order",
}


def test_a_tree_with_too_many_entries_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.objects.tree.ENTRIES", 2)
    three = [TreeEntry(b"%d" % number, Mode.FILE, ID) for number in range(3)]
    assert parse_tree(dump_tree(three[:2])) == three[:2]
    with pytest.raises(MalformedObjectError, match=r"^it has more than 2 entries$") as raised:
        parse_tree(dump_tree(three))
    assert raised.value.reference == "tree-too-large"


def test_a_directory_stands_where_it_would_with_a_slash() -> None:
    names = [
        (b"a-", Mode.FILE),
        (b"a.b", Mode.FILE),
        (b"a", Mode.TREE),
        (b"a0", Mode.FILE),
        (b"aY", Mode.TREE),
    ]
    raw = b"".join(b"%o %s\0%s" % (mode, name, RAW) for name, mode in names)
    assert parse_tree(raw) == [TreeEntry(name, mode, ID) for name, mode in names]


@pytest.mark.parametrize(("raw", "reference"), MALFORMED.values(), ids=MALFORMED)
def test_what_git_would_not_write_is_refused(raw: bytes, reference: str) -> None:
    with pytest.raises(MalformedObjectError) as raised:
        parse_tree(raw)
    assert raised.value.reference == reference
    assert re.fullmatch(WORDS[reference], str(raised.value))
    assert raised.value.path == b""


PARTS = st.sampled_from([b"a", b"a.b", b"a-", b"a0", b"b", b"\xff", "ä".encode(), b"x y"])
FILES = st.lists(
    st.tuples(
        st.lists(PARTS, min_size=1, max_size=4).map(b"/".join),
        st.sampled_from([Mode.FILE, Mode.EXECUTABLE, Mode.SYMLINK]),
    )
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=FILES)
def test_a_tree_hashes_as_git_writes_it(upstream: Upstream, files: list[tuple[bytes, int]]) -> None:
    modes = dict(files)
    directories = {
        path[:at] for path in modes for at in range(len(path)) if path[at : at + 1] == b"/"
    }
    possible = {path: mode for path, mode in modes.items() if path not in directories}
    expected = upstream_tree(upstream, possible)
    assert hash_tree([]) == EMPTY_TREE
    assert (
        build_trees((RepoPath(p), m, object_id("blob", p)) for p, m in possible.items())[b""].id
        == expected
    )


def upstream_tree(upstream: Upstream, files: dict[bytes, int]) -> str:
    index = {"GIT_INDEX_FILE": str(upstream.path / "scratch-index")}
    (upstream.path / "scratch-index").unlink(missing_ok=True)
    lines = b"".join(
        b"%o %s\t%s\0" % (mode, object_id("blob", path).encode(), path)
        for path, mode in files.items()
    )
    git(upstream.path, "update-index", "-z", "--index-info", stdin=lines, **index)
    return git(upstream.path, "write-tree", "--missing-ok", **index)


JUDGED: dict[str, tuple[bytes, str | None]] = {
    "plain": (b"a.wit", None),
    "non-ASCII": ("ä漢".encode(), None),
    "markup": (b"[x] :smile: ::error::", None),
    "dots": (b"...", None),
    "git with letters after it": (b".github", None),
    "gitignore": (b".gitignore", None),
    "empty": (b"", "name-not-a-component"),
    "dot": (b".", "name-not-a-component"),
    "dot dot": (b"..", "name-not-a-component"),
    "a slash": (b"a/b", "name-not-a-component"),
    "NUL": (b"a\0", "name-not-a-component"),
    "255 bytes": (b"a" * 255, None),
    "256 bytes": (b"a" * 256, "name-too-long"),
    "a backslash": (b"a\\b", "name-backslash"),
    ".git": (b".git", "name-dot-git"),
    ".GIT": (b".GiT", "name-dot-git"),
    ".git with a dot": (b".git.", "name-dot-git"),
    ".git with blanks": (b".git . ", "name-dot-git"),
    "an NTFS stream": (b".git::$INDEX_ALLOCATION", "name-dot-git"),
    "an 8.3 name": (b"GIT~1", "name-dot-git"),
    "an HFS ignorable": (".g\u200cit".encode(), "name-dot-git"),
    "a newline": (b"a\nb", "name-unprintable"),
    "an escape": (b"\x1b[31m", "name-unprintable"),
    "a C1 control": ("\x9b".encode(), "name-unprintable"),
    "a right-to-left override": ("a\u202eb".encode(), "name-unprintable"),
    "not UTF-8": (b"\xff", "name-not-utf8"),
    "an escape and not UTF-8": (b"\xff\x1b", "name-unprintable"),
}


@pytest.mark.parametrize(("name", "reference"), JUDGED.values(), ids=JUDGED)
def test_a_name_is_judged(name: bytes, reference: str | None) -> None:
    assert judge_name(name) == reference


PATHS: dict[str, tuple[bytes, str | None]] = {
    "plain": (b"a/b.wit", None),
    "not so plain": ("a b/\u00e4/-c".encode(), None),
    "a bad component at the end": (b"a b/.git", "name-dot-git"),
    "a bad component at the beginning": (b"..;/a\n/b", "name-unprintable"),
    "the first of two": (b"a\\b/c/\xff", "name-backslash"),
    "absolute": (b"/a", "name-not-a-component"),
    "upwards": (b"a/../b", "name-not-a-component"),
    "empty": (b"", "name-not-a-component"),
}


@pytest.mark.parametrize(("path", "reference"), PATHS.values(), ids=PATHS)
def test_a_path_is_judged_by_its_first_bad_component(path: bytes, reference: str | None) -> None:
    assert judge_path(path) == reference


LINKS = [
    (b"a", b"b", False),
    (b"a", b"./b", False),
    (b"d/a", b"../b", False),
    (b"d/a", b".././/b", False),
    (b"d/a", b"./../b", False),
    (b"e/d/a", b"..//../b", False),
    (b"a", b"a.b..", False),
    (b"a", b"ab:c", False),
    (b"a", b"a", False),
    (b"a", b"..", True),
    (b"a", b"../b", True),
    (b"d/a", b"../../b", True),
    (b"d/a", b"../../d/a", True),
    (b"a", b"x/../../x", True),
    (b"a", b"/etc/passwd", True),
    (b"a", b"", True),
    (b"a", b"b\0c", True),
    # the name may be a link itself, and `..` then leads to the parent of where that leads
    (b"d/a", b"x/../../b", True),
    (b"d/a", b"../x/..", True),
    (b"d/a", b"x/..", True),
    (b"a", b"\\b", True),
    (b"a", b"..\\b", True),
    (b"d/a", b"..\\b", False),
    (b"a", b"c:b", True),
    (b"a", b"C:", True),
]


@pytest.mark.parametrize(("link", "target", "expected"), LINKS)
def test_a_link_that_leaves_the_mirror_is_found(link: bytes, target: bytes, expected: bool) -> None:
    assert escapes(RepoPath(link), target) is expected


@pytest.mark.parametrize(
    "name",
    [
        b"LICENSE",
        b"license.md",
        b"LICENCE-MIT",
        b"COPYING",
        b"COPYING.LESSER",
        b"NOTICE",
        b"UNLICENSE",
        b"COPYRIGHT",
    ],
)
def test_licence_files_are_known_by_name(name: bytes) -> None:
    assert is_license_name(name)


@pytest.mark.parametrize("name", [b"licenser.py", b"my-LICENSE", b"notices", b"copy", b"README"])
def test_other_files_are_no_licences(name: bytes) -> None:
    assert not is_license_name(name)


def test_directories_that_a_few_long_paths_name_are_bounded() -> None:
    paths = [
        b"%d/" % number + b"d" * 19 + b"/" + b"/".join([b"e" * 19] * 150) + b"/f"
        for number in range(300)
    ]
    with pytest.raises(MalformedObjectError) as raised:
        build_trees((RepoPath(path), Mode.FILE, ID) for path in paths)
    assert raised.value.reference == "tree-too-large"
