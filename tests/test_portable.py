"""Names that Windows and macOS cannot hold as they are, or not side by side, are refused unless the manifest allows them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.model import RepoPath
from sync.portable import collisions, judge_portable
from tests.support import Host, Upstream, git, mirror

NAMES = {
    "a device": ("con", "name-windows-reserved"),
    "a device in capitals": ("NUL", "name-windows-reserved"),
    "a device with an extension": ("aux.tar.gz", "name-windows-reserved"),
    "a device and blanks": ("prn  .txt", "name-windows-reserved"),
    "a port": ("COM1", "name-windows-reserved"),
    "a port with a superscript digit": ("lpt\u00b3.c", "name-windows-reserved"),
    "the console": ("CONIN$", "name-windows-reserved"),
    "a stream": ("a:b", "name-windows-character"),
    "a pattern": ("what?", "name-windows-character"),
    "a quote": ('say "x"', "name-windows-character"),
    "a pipe": ("a|b", "name-windows-character"),
    "a dot at the end": ("etc.", "name-trailing-dot-or-blank"),
    "a blank at the end": ("etc ", "name-trailing-dot-or-blank"),
}
PLAIN = [
    "console",
    "con-fig",
    "nul_",
    "auxiliary.c",
    "com",
    "com10",
    "lpt",
    ".con",
    "a.b",
    "x y",
    "[a]",
    "é",
    "日本",
    "-",
    "#",
    "...a",
    "CON1N$",
]


@pytest.mark.parametrize(("name", "reference"), NAMES.values(), ids=NAMES)
def test_what_windows_cannot_hold_has_a_reference(name: str, reference: str) -> None:
    assert judge_portable(name.encode()) == reference


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_are_portable(name: str) -> None:
    assert judge_portable(name.encode()) is None


COLLIDING = {
    "files in case": (["A.wit", "a.wit"], ("A.wit", "a.wit")),
    "directories in case": (["Dir/x", "dir/y"], ("Dir", "dir")),
    "a file and a directory": (["A/x", "a"], ("A", "a")),
    "composed and decomposed": (["e\u0301", "\u00e9"], ("e\u0301", "\u00e9")),
    "both": (["\u00c9", "e\u0301"], ("e\u0301", "\u00c9")),
    "what case folding alone equates": (["stra\u00dfe", "strasse"], ("strasse", "stra\u00dfe")),
    "deep down": (["a/b/C", "a/b/c"], ("a/b/C", "a/b/c")),
    "directories deep down": (["x/A/1", "x/a/2"], ("x/A", "x/a")),
    "outermost first": (["a/B", "a/b", "Z", "z"], ("Z", "z")),
    "not next to each other": (["A", "B", "C", "a"], ("A", "a")),
}


@pytest.mark.parametrize(("paths", "pair"), COLLIDING.values(), ids=COLLIDING)
def test_what_is_one_file_elsewhere_collides(paths: list[str], pair: tuple[str, str]) -> None:
    assert next(collisions(RepoPath(path.encode()) for path in paths)) == (pair[0].encode(), pair[1].encode())


def test_names_that_are_not_utf8_collide_where_the_rest_does() -> None:
    assert list(collisions([RepoPath(b"\xff\xe4"), RepoPath(b"\xfe")])) == []
    assert list(collisions([RepoPath(b"\xffA"), RepoPath(b"\xffa")])) == [(b"\xffA", b"\xffa")]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1), max_size=5, unique_by=str.casefold))
def test_names_that_differ_in_more_than_case_and_composition_do_not_collide(names: list[str]) -> None:
    import unicodedata

    folded = {unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()) for name in names}
    found = list(collisions(RepoPath(name.encode()) for name in names))
    assert (found == []) == (len(folded) == len(names))


@pytest.mark.parametrize(
    ("files", "reference", "words"),
    [
        ({"aux.c": b"", "a": b""}, "name-windows-reserved", "cannot copy aux.c exactly\n  Windows takes its name for a device"),
        ({"a:b/c": b"", "a": b""}, "name-windows-character", 'cannot copy a:b exactly\n  its name holds one of <>:"|?*'),
        ({"a": b"", "b.": b""}, "name-trailing-dot-or-blank", "cannot copy b. exactly\n  its name ends with a dot or a blank"),
        (
            {"deep/A": b"1", "deep/a": b"2"},
            "name-collides",
            "cannot copy deep/a exactly\n  on Windows and macOS it is one with deep/A",
        ),
    ],
)
def test_sync_refuses_with_the_way_out_and_copies_what_is_allowed(
    host: Host, upstream: Upstream, files: dict[str, bytes], reference: str, words: str
) -> None:
    upstream.release("v1", files)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    ran = host.run("sync")
    assert ran.status == 2
    assert f"error: mirror up {words}" in ran.err
    assert f'hint: leave it out with `exclude`; to copy it all the same: allow = ["{reference}"]\n' in ran.err
    assert not (host.third_party / "up").exists()
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, allow=[reference]))
    host.sync("--commit")
    assert host.git("rev-parse", "HEAD:third_party/up") == git(upstream.path, "rev-parse", "v1^{tree}")
    assert host.run("verify").status == 0


def test_what_is_left_out_is_not_judged(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"aux.c": b"", "a": b"", "A": b""})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, exclude=["aux.c", "A"]))
    host.sync()


def test_a_symlink_that_git_would_refuse_to_push_is_refused(host: Host, upstream: Upstream) -> None:
    # git's index does not take it either, so the tree is made without
    tree = git(upstream.path, "mktree", stdin=f"120000 blob {upstream.blob(b'a')}\t.gitmodules\n".encode())
    upstream.tag("v1", git(upstream.path, "commit-tree", "-m", "v1", tree))
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    ran = host.run("sync")
    assert (ran.status, "[gitmodules-symlink]" in ran.err, "allow" in ran.err) == (2, True, False)
