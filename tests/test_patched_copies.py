"""Patched copies: a mirror and its patches give exactly what git gives, or nothing.

Each row of patches is made by git itself, from one tree to another.
"""

import shlex
import sys
import time
import zlib
from base64 import b85encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.derived.ingredients import Ingredients, Input, Made, PatchFile
from sync.derived.patch_text import PatchError, read_files, read_story
from sync.derived.recipes import make
from sync.errors import CouldNotCheckError, SelectionError
from sync.git.patching import PatchBoard
from sync.ids import ObjectId, RepoPath
from sync.model.mirrors import Budget, Form, Mirror, Selection
from sync.model.values import Entry, FormKind, Pin, PinKind
from tests.support.git import git, git_bytes
from tests.support.laws import each

Files = dict[str, tuple[str, bytes]]
STORY = b"Description: the reason\nAuthor: A <a@example.org>\nForwarded: no\n\n"
TEXT = b"".join(b"line %d\n" % number for number in range(30))
BASE: Files = {
    "a.c": ("100644", TEXT),
    "empty": ("100644", b""),
    "run": ("100755", b"#!/bin/sh\n"),
    "crlf": ("100644", b"one\r\ntwo\r\n"),
    "data": ("100644", bytes(range(256))),
    "no-end": ("100644", b"no newline"),
    "dir/link": ("120000", b"../a.c"),
    "sub dir/b.c": ("100644", b"b\n"),
}


class Trees:
    """A repository of trees, and patches between them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        git(path, "init", "--quiet", "--bare")

    def tree(self, files: Files) -> str:
        lines = []
        for name, (mode, content) in files.items():
            blob = (
                content.decode()
                if mode == "160000"
                else git(self.path, "hash-object", "-w", "--stdin", stdin=content)
            )
            lines.append(f"{mode} {blob}\t{name}\0".encode())
        index = self.path / "scratch"
        index.unlink(missing_ok=True)
        environment = {"GIT_INDEX_FILE": str(index)}
        git(self.path, "update-index", "-z", "--index-info", stdin=b"".join(lines), **environment)
        return git(self.path, "write-tree", "--missing-ok", **environment)

    def patch(self, before: Files, after: Files, *options: str) -> bytes:
        """A patch as we ask for it, with its story."""
        wanted = options or ("--binary", "--full-index", "--no-renames")
        trees = self.tree(before), self.tree(after)
        return STORY + git_bytes(self.path, "diff-tree", "-r", "-p", *wanted, *trees)

    def given(self, files: Files, *patches: bytes) -> Ingredients:
        tree = self.tree(files)
        entries = []
        for line in git_bytes(self.path, "ls-tree", "-r", "-z", tree).split(b"\0")[:-1]:
            facts, _, path = line.partition(b"\t")
            mode, _, blob = facts.split()
            entries.append(Entry(RepoPath(path), int(mode, 8), ObjectId(blob.decode())))
        paths = [f"third_party/{number}.patch" for number in range(len(patches))]
        form = Form("p", FormKind.PATCHED, "up", ("third_party/p",), patches=tuple(paths))
        up = Input("up", ObjectId(tree), tuple(sorted(entries)), self.read)
        mirror = Mirror(
            "up", "https://example.org/up", Pin(PinKind.TAG, "v1"), ("third_party/up",), Selection()
        )
        files_ = [PatchFile(p, content) for p, content in zip(paths, patches, strict=True)]
        return Ingredients(form, {"up": up}, files_, mirror)

    def read(self, blob: ObjectId) -> bytes:
        return git_bytes(self.path, "cat-file", "blob", blob)


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    (tmp_path / "trees").mkdir()
    return Trees(tmp_path / "trees")


def tree_of(trees: Trees, made: Made) -> str:
    """The tree of what was made, by git itself."""
    files = {fact.path.decode(): (f"{fact.mode:o}", made.read(fact.blob)) for fact in made.outputs}
    return trees.tree(files)


def without(files: Files, *names: str) -> Files:
    return {name: held for name, held in files.items() if name not in names}


AFTER: dict[str, Files] = {
    "a line changed": BASE | {"a.c": ("100644", TEXT.replace(b"line 7\n", b"line seven\n"))},
    "a new file": BASE | {"new/x.c": ("100644", b"new\n")},
    "a file gone": without(BASE, "crlf"),
    "an empty file": BASE | {"other": ("100644", b"")},
    "a mode": BASE | {"run": ("100644", BASE["run"][1])},
    "a mode and a line": BASE | {"a.c": ("100755", TEXT + b"more\n")},
    "a symlink": BASE | {"dir/link": ("120000", b"../run")},
    "a file in place of a symlink": BASE | {"dir/link": ("100644", b"now a file\n")},
    "binary": BASE | {"data": ("100644", bytes(reversed(range(256))))},
    "CRLF": BASE | {"crlf": ("100644", b"one\r\n2\r\n")},
    "a final newline": BASE | {"no-end": ("100644", b"no newline\n")},
    "a blank in a name": BASE | {"sub dir/b.c": ("100644", b"c\n")},
    "a name that git quotes": BASE | {"ä ö.c": ("100644", b"q\n")},
    "a copy and a rename": without(BASE, "a.c")
    | {"moved.c": ("100644", TEXT + b"1\n"), "copied.c": ("100644", TEXT + b"2\n")},
    "a copy of what changes": BASE
    | {"a.c": ("100644", TEXT + b"1\n"), "copied.c": ("100644", TEXT + b"2\n")},
    "a rename": without(BASE, "a.c") | {"moved.c": BASE["a.c"]},
    "a rename with a change": without(BASE, "a.c") | {"moved.c": ("100644", TEXT + b"more\n")},
}


@pytest.mark.parametrize("case", each(3, AFTER))
@pytest.mark.parametrize("renames", ["--no-renames", "--find-renames", "--find-copies"])
def test_what_git_has_written_comes_out_exactly(trees: Trees, case: str, renames: str) -> None:
    patch = trees.patch(BASE, AFTER[case], "--binary", "--full-index", renames)
    assert tree_of(trees, make(trees.given(BASE, patch))) == trees.tree(AFTER[case])


def test_patches_are_applied_one_after_the_other(trees: Trees) -> None:
    one, two = AFTER["a line changed"], {**AFTER["a line changed"], "b": ("100644", b"b\n")}
    patches = trees.patch(BASE, one), trees.patch(one, two)
    made = make(trees.given(BASE, *patches))
    assert tree_of(trees, made) == trees.tree(two)
    with pytest.raises(SelectionError, match=r"does not apply|other contents"):
        make(trees.given(BASE, *reversed(trees_again(trees, one))))


def trees_again(trees: Trees, one: Files) -> tuple[bytes, bytes]:
    """Two patches of which the second changes what the first has written."""
    two = one | {"a.c": ("100644", one["a.c"][1].replace(b"seven", b"eight"))}
    return trees.patch(BASE, one), trees.patch(one, two)


def test_what_format_patch_writes_is_taken(trees: Trees, tmp_path: Path) -> None:
    before, after = trees.tree(BASE), trees.tree(AFTER["a line changed"])
    root = git(trees.path, "commit-tree", "-m", "root", before)
    head = git(trees.path, "commit-tree", "-m", "Seven in words\n\nWhy.", "-p", root, after)
    out = tmp_path / "out"
    options = ["--full-index", "--binary", "-o", str(out)]
    git(trees.path, "format-patch", "--quiet", *options, f"{root}..{head}")
    patch = next(out.iterdir()).read_bytes()
    assert tree_of(trees, make(trees.given(BASE, patch))) == after
    assert read_story(patch).why == "[PATCH] Seven in words"


TRADITIONAL = b"--- /dev/null\n+++ b/unlisted\n@@ -0,0 +1 @@\n+hi\n"
OLD_RENAME = b"diff --git a/a.c b/b.c\nsimilarity index 100%\nrename old a.c\nrename new b.c\n"


def shifted(files: Files) -> Files:
    return files | {"a.c": ("100644", b"line -1\n" + files["a.c"][1])}


BAD: dict[str, tuple[Callable[[Trees], bytes], Files, str, str]] = {
    "the context moved": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]),
        shifted(BASE),
        "is made for other contents",
        "a.c before it",
    ),
    "the context differs": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]),
        BASE | {"a.c": ("100644", TEXT.replace(b"line 8", b"line  8"))},
        "does not apply",
        "patch failed: a.c:",
    ),
    "the index line names another result": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]).replace(
            git(
                trees.path,
                "hash-object",
                "--stdin",
                stdin=AFTER["a line changed"]["a.c"][1],
            ).encode(),
            b"1" * 40,
        ),
        BASE,
        "is made for other contents",
        "a.c after it",
    ),
    "applied already": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]),
        AFTER["a line changed"],
        "is applied already: upstream has it",
        "",
    ),
    "abbreviated ids": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"], "--abbrev=8"),
        BASE,
        "abbreviates the ids",
        "",
    ),
    "binary without --binary": (
        lambda trees: trees.patch(BASE, AFTER["binary"], "--full-index"),
        BASE,
        "leaves out what is binary",
        "",
    ),
    "CRLF line ends": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]).replace(b"\n", b"\r\n"),
        BASE,
        "has CRLF line ends",
        "",
    ),
    "line ends converted": (
        lambda trees: trees.patch(BASE, AFTER["CRLF"]).replace(b"\r\n", b"\n"),
        BASE,
        "does not apply",
        "",
    ),
    "empty": (lambda _: STORY, BASE, "holds no diff", ""),
    "truncated": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"])[:-120],
        BASE,
        "does not apply",
        "",
    ),
    "no story": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]).removeprefix(STORY),
        BASE,
        "does not say why it is there or whose it is",
        "",
    ),
    "no author": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]).replace(b"Author:", b"X-A:"),
        BASE,
        "does not say whose it is",
        "",
    ),
    "a path that leads out": (
        lambda trees: trees.patch(BASE, AFTER["a new file"]).replace(b"new/x.c", b"../x.cc"),
        BASE,
        "does not apply",
        "invalid path",
    ),
    "git's own configuration": (
        lambda trees: trees.patch(BASE, AFTER["a new file"]).replace(b"new/x.c", b".git/co"),
        BASE,
        "does not apply",
        "invalid path",
    ),
    "a change without `diff --git` behind it": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]) + TRADITIONAL,
        BASE,
        "changes a file without a line `diff --git`, at line 18",
        "",
    ),
    "a change without `diff --git` in the message": (
        lambda trees: b"Bug: 1\n" + STORY + TRADITIONAL + trees.patch(BASE, AFTER["a mode"]),
        BASE,
        "changes a file without a line `diff --git`, at line 6",
        "",
    ),
    "a change without `diff --git` behind a mode": (
        lambda trees: trees.patch(BASE, AFTER["a mode"]) + b"-- \n" + TRADITIONAL,
        BASE,
        "changes a file without a line `diff --git`, at line 9",
        "",
    ),
    "a header that only git knows": (
        lambda _: STORY + OLD_RENAME,
        BASE,
        "changes what its headers do not name",
        "b.c",
    ),
    "a file that goes by its id alone": (
        lambda trees: trees.patch(BASE, AFTER["a line changed"]).replace(
            git(trees.path, "hash-object", "--stdin", stdin=TEXT).encode(), b"0" * 40
        ),
        BASE,
        "is made for other contents",
        "a.c before it",
    ),
    "two changes of a file": (
        lambda trees: b"".join(trees_again(trees, AFTER["a line changed"])),
        BASE,
        "changes a.c twice",
        "",
    ),
    "a change of a file that goes": (
        lambda trees: (
            trees.patch(BASE, AFTER["a line changed"])
            + trees.patch(AFTER["a line changed"], without(BASE, "a.c"))
        ),
        BASE,
        "changes a.c twice",
        "",
    ),
    "a gitlink": (
        lambda trees: trees.patch(BASE, BASE | {"sub": ("160000", b"1" * 40)}),
        BASE,
        "would hold what no mirror may",
        "submodule",
    ),
    "a symlink that leads out": (
        lambda trees: trees.patch(BASE, BASE | {"out": ("120000", b"../../etc/passwd")}),
        BASE,
        "would hold what no mirror may",
        "symlink",
    ),
    "a name that Windows cannot hold": (
        lambda trees: trees.patch(BASE, BASE | {"aux.c": ("100644", b"x\n")}),
        BASE,
        "would hold what no mirror may",
        "aux.c",
    ),
    "everything gone": (lambda trees: trees.patch(BASE, {}), BASE, "would be empty", ""),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_not_exactly_what_the_patch_says_is_refused(trees: Trees, case: str) -> None:
    patch, files, message, context = BAD[case]
    with pytest.raises(SelectionError) as caught:
        make(trees.given(files, patch(trees)))
    said = "\n".join([caught.value.message, *caught.value.context])
    assert message in said and context in said, said


@pytest.mark.parametrize("setting", ["diff.noprefix", "diff.mnemonicPrefix", "core.bare"])
def test_the_hints_lead_from_a_diff_in_the_host_to_a_patch(
    trees: Trees, tmp_path: Path, setting: str
) -> None:
    host = tmp_path / "host"
    file = host / "third_party/up/a.c"
    file.parent.mkdir(parents=True)
    git(host, "init", "--quiet")
    git(host, "config", setting, str(setting != "core.bare").lower())
    file.write_bytes(TEXT)
    git(host, "add", ".")
    file.write_bytes(AFTER["a line changed"]["a.c"][1])
    command, made = "git diff --binary --full-index", None
    while made is None:
        patch = STORY + git_bytes(host, *shlex.split(command)[1:])
        try:
            made = make(trees.given(BASE, patch))
        except SelectionError as error:
            before, command = command, str(error.hint).split("`")[1]
            assert command != before, error
    assert tree_of(trees, made) == trees.tree(AFTER["a line changed"])


def test_a_patch_of_fifty_megabytes_is_refused_before_git_sees_it(trees: Trees) -> None:
    with pytest.raises(SelectionError, match="too large for a patch"):
        make(trees.given(BASE, STORY + b"x" * (50 << 20)))


def test_a_patch_bomb_is_refused_by_the_budget_of_the_mirror(trees: Trees) -> None:
    many = BASE | {f"x/{number}": ("100644", b"x\n") for number in range(50)}
    given_ = trees.given(BASE, trees.patch(BASE, many))
    assert given_.mirror is not None
    small = replace(given_, mirror=replace(given_.mirror, budget=Budget(files=40)))
    with pytest.raises(SelectionError) as caught:
        make(small)
    assert any("58 files, more than 40" in line for line in caught.value.context)


def test_a_size_above_the_budget_is_refused_before_git_sees_it(
    trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = trees.patch(BASE, AFTER["binary"]).replace(b"literal 256", b"literal 734003200", 1)
    monkeypatch.delattr(PatchBoard, "apply")
    with pytest.raises(SelectionError) as caught:
        make(trees.given(BASE, patch))
    assert caught.value.context == ["it says 734,003,200 bytes, more than 104,857,600"]


def test_a_file_above_the_budget_is_not_read(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    given_ = trees.given(BASE, trees.patch(BASE, BASE | {"b": ("100644", b"x\n" * 1000)}))
    assert given_.mirror is not None
    small = replace(given_, mirror=replace(given_.mirror, budget=Budget(file_bytes=1000)))
    monkeypatch.delattr(PatchBoard, "read")
    with pytest.raises(SelectionError, match="would hold what no mirror may") as caught:
        make(small)
    assert caught.value.reference == "file-too-large"


@pytest.mark.skipif(sys.platform != "linux", reason="not every system limits memory")
def test_git_gets_no_more_memory_than_such_files_need(trees: Trees) -> None:
    """A binary change of 256 bytes may say that it makes 4 GiB of them."""
    change = zlib.compress(b"\x80\x02" + b"\x80\x80\x80\x80\x10" + b"\x90\x01" * 100)
    line = bytes([ord("@") + len(change)]) + b85encode(change, pad=True)
    head, _, _ = trees.patch(BASE, AFTER["binary"]).partition(b"literal ")
    with pytest.raises(
        CouldNotCheckError, match=r"git apply takes too much over third_party/0\.patch"
    ):
        make(trees.given(BASE, head + b"delta 207\n" + line + b"\n\n"))


def test_nobodys_settings_count(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    after = BASE | {"a.c": ("100644", TEXT + b"trailing  \n")}
    given_ = trees.given(BASE, trees.patch(BASE, after))
    wanted = git(trees.path, "hash-object", "--stdin", stdin=after["a.c"][1])
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    for number, (key, value) in enumerate((("apply.whitespace", "fix"), ("core.autocrlf", "true"))):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    made = make(given_)
    assert [fact.blob for fact in made.outputs if fact.path == b"a.c"] == [wanted]


def test_a_header_in_the_text_of_a_patch_is_no_header(trees: Trees) -> None:
    text = b"diff --git a/x b/x\nindex 1..2\n--- a/x\n+++ b/x\nrename from y\n"
    before, after = BASE | {"t": ("100644", b"x\n")}, BASE | {"t": ("100644", b"x\n" + text)}
    patch = trees.patch(before, after)
    assert [file.new for file in read_files(patch)] == [b"t"]
    assert tree_of(trees, make(trees.given(before, patch))) == trees.tree(after)


def test_a_line_that_looks_like_a_header_within_a_hunk_is_none(trees: Trees) -> None:
    before = BASE | {"t.sql": ("100644", TEXT + b"-- a/x\n-- a/y\nno newline")}
    after = BASE | {"t.sql": ("100644", b"++ b/x\n" + TEXT + b"++ b/x\n++ b/y\nno end")}
    patch = trees.patch(before, after) + TEXT.replace(b"line 7", b"---")
    assert [file.new for file in read_files(patch)] == [b"t.sql"]
    assert tree_of(trees, make(trees.given(before, patch))) == trees.tree(after)


STORIES: dict[str, tuple[bytes, tuple[str, str, str | None]]] = {
    "DEP-3": (
        b"Description: short\n and long\nOrigin: vendor\nForwarded: https://example.org/1\n\n",
        ("short and long", "vendor", "https://example.org/1"),
    ),
    "DEP-3 by subject": (b"Subject: s\nAuthor: A\n\n", ("s", "A", None)),
    "a mail box": (
        b"From " + b"1" * 40 + b" Mon Sep 17 00:00:00 2001\nFrom: A <a@x>\nSubject: [PATCH] s\n\n",
        ("[PATCH] s", "A <a@x>", None),
    ),
    "a mail in another alphabet": (
        b"From: =?UTF-8?q?=C3=84?= <a@x>\nSubject: =?UTF-8?q?s=C3=B6?=\n\n",
        ("sö", "Ä <a@x>", None),
    ),
    "encoded words, one after the other": (
        b"From: =?utf-8?b?w4Q=?=\n =?iso-8859-1?Q?=D6_x?= <a@x>\nSubject: a =?utf-8?q?b?=  c\n\n",
        ("a b c", "ÄÖ x <a@x>", None),
    ),
    "words that are broken": (
        b"From: =?utf-8?b?a?= =?punycode?q?a?= =?iso-8859-99?q?a?=\nSubject: =?utf-8?q?=FF?=\n\n",
        ("\ufffd", "=?utf-8?b?a?= =?punycode?q?a?= =?iso-8859-99?q?a?=", None),
    ),
    "headers that nobody asks for": (
        b"To: a <\nSender: a:;(\nCc: =?utf-8?q?@[\nAuthor: A\r\nSubject: s\nBug: ..:\n\n",
        ("s", "A", None),
    ),
    "names that are no addresses": (
        b'From: "\nSubject: =?utf-8?q?@[\nAuthor: ' + b"(" * 3000 + b"\n\n",
        ("=?utf-8?q?@[", "(" * 3000, None),
    ),
}


@pytest.mark.parametrize("case", STORIES)
def test_a_patch_says_why_it_is_there_and_whose_it_is(case: str) -> None:
    head, (why, whose, forwarded) = STORIES[case]
    story = read_story(head + b"diff --git a/x b/x\n")
    assert (story.why, story.whose, story.forwarded) == (why, whose, forwarded)


@pytest.mark.parametrize(
    "line",
    [
        b"From: " + b"\\" * 60_000,
        b"Content-Type: x/y; " + b"a*0*=x;" * 7000,
        b"Subject: " + b"=?utf-8?q?" * 6000,
        b"Subject:" + b" =?utf-8?q?a?=" * 4000,
        b"Subject: a" + b"\n" * 60_000,
        b"Subject: a" + b"\n " * 30_000,
    ],
    ids=lambda line: line[:24].decode(),
)
def test_a_long_header_is_read_at_once(line: bytes) -> None:
    began = time.process_time()
    with suppress(PatchError):
        read_story(line + b"\n\ndiff --git a/x b/x\n")
    assert time.process_time() - began < 1


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for read in (read_story, read_files):
        try:
            read(data)
            read(b"diff --git " + data)
        except PatchError:
            pass


_NAMES = st.sampled_from(["a", "b/c", "d e", "ü"])
_HELD = st.tuples(
    st.sampled_from(["100644", "100755"]), st.binary(max_size=40) | st.sampled_from([TEXT, b"x\n"])
)
_TREES = st.dictionaries(_NAMES, _HELD, min_size=1, max_size=4)


@settings(max_examples=30, deadline=None)
@given(st.lists(_TREES, min_size=2, max_size=3))
def test_the_tree_is_the_one_that_git_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Files]
) -> None:
    trees = Trees(tmp_path_factory.mktemp("trees"))
    moves = [(one, other) for one, other in pairwise(steps) if one != other]
    patches = [trees.patch(one, other) for one, other in moves]
    made = make(trees.given(steps[0], *patches))
    assert tree_of(trees, made) == trees.tree(steps[-1])
