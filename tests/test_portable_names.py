"""Names that Windows and macOS cannot hold are refused unless the manifest allows them.

Names that they cannot hold side by side are refused too.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.ids import RepoPath
from sync.objects.portable import collisions, judge_portable, looks_like
from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

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
    assert next(collisions(RepoPath(path.encode()) for path in paths)) == (
        pair[0].encode(),
        pair[1].encode(),
    )


SHORT_NAMES = {
    "the first of a name": (["wasi-clocks/x", "WASI-C~1/x"], ("wasi-clocks", "WASI-C~1")),
    "deep down, the other first": (
        ["a/B/LONGFI~2.TEX", "a/B/longfile.text"],
        ("a/B/longfile.text", "a/B/LONGFI~2.TEX"),
    ),
    "with a hash": (["third_party/x", "the057~1"], ("third_party", "the057~1")),
    "with a hash and many": (["third_party", "THE0~123"], ("third_party", "THE0~123")),
    "an extension that is long": (["a.toml", "A~1.TOM"], ("a.toml", "A~1.TOM")),
    "what no short name may hold": (["a+b.json", "a_b~1.jso"], ("a+b.json", "a_b~1.jso")),
}


@pytest.mark.parametrize(("paths", "pair"), SHORT_NAMES.values(), ids=SHORT_NAMES)
def test_a_name_that_windows_may_give_another_collides(
    paths: list[str], pair: tuple[str, str]
) -> None:
    assert list(collisions(RepoPath(path.encode()) for path in paths)) == [
        (pair[0].encode(), pair[1].encode())
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["a~1", "a.b"],
        ["LONGFI~1.TXT", "longfile.c"],
        ["d/WASI-C~1", "wasi-clocks"],
        ["foo.c~1", "foo.c"],
        ["WASI-C~0", "wasi-clocks"],
    ],
)
def test_other_names_with_a_tilde_do_not(names: list[str]) -> None:
    assert list(collisions(RepoPath(name.encode()) for name in names)) == []


def test_of_very_many_short_names_the_collisions_are_found_soon() -> None:
    names = [
        f"x/{kind}{n}{end}"
        for n in range(20_000)
        for kind, end in (("a", "~1"), ("longer name ", ""))
    ]
    assert list(collisions(RepoPath(name.encode()) for name in names)) == []


ALIKE = {
    "itself": ("third_party", "third_party"),
    "other case": ("Third_Party", "third_party"),
    "a dot behind": ("third_party.", "third_party"),
    "dots and blanks behind": ("third_party. .", "third_party"),
    "invisible to HFS+": ("th\u200cird_party", "third_party"),
    "invisible at both ends": ("\ufeffthird_party\u206f", "third_party"),
    "a stream": ("third_party::$INDEX_ALLOCATION", "third_party"),
    "another stream": ("third_party:x", "third_party"),
    "what Windows takes for a path": ("third_party\\up", "third_party"),
    "a short name": ("THIRD_~1", "third_party"),
    "a short name with a hash": ("THE057~9", "third_party"),
    "and a dot": ("the057~1.", "third_party"),
    "attributes in capitals": (".GITATTRIBUTES", ".gitattributes"),
    "git's short name of attributes": ("GI7D29~1", ".gitattributes"),
    "git's first short name of attributes": ("gitatt~1", ".gitattributes"),
    "git's short name of modules": ("gi7eba~1", ".gitmodules"),
    "git's short name of ignore": ("gi250a~1", ".gitignore"),
    "git's short name of mailmap": ("maba30~1", ".mailmap"),
    "a short name with an extension": ("MIRROR~1.TOM", "mirrors.toml"),
    "decomposed": ("e\u0301", "\u00e9"),
}


@pytest.mark.parametrize(("name", "other"), ALIKE.values(), ids=ALIKE)
def test_what_some_system_takes_for_another_looks_like_it(name: str, other: str) -> None:
    assert looks_like(name.encode(), other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("third-party", "third_party"),
        ("third_party2", "third_party"),
        ("third_part", "third_party"),
        ("third_~0", "third_party"),
        ("third_~1.x", "third_party"),
        ("thir~1", "third_party"),
        ("the058~1", "third_party"),
        ("gitattributes", ".gitattributes"),
        ("LICENS~1", "licenses"),
        ("a~1", "a.b"),
    ],
)
def test_what_no_system_takes_for_another_does_not(name: str, other: str) -> None:
    assert not looks_like(name.encode(), other)


def test_names_that_are_not_utf8_collide_where_the_rest_does() -> None:
    assert list(collisions([RepoPath(b"\xff\xe4"), RepoPath(b"\xfe")])) == []
    assert list(collisions([RepoPath(b"\xffA"), RepoPath(b"\xffa")])) == [(b"\xffA", b"\xffa")]


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1),
        max_size=5,
        unique_by=str.casefold,
    )
)
def test_names_that_differ_in_more_than_case_and_composition_do_not_collide(
    names: list[str],
) -> None:
    import unicodedata

    folded = {
        unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        for name in names
    }
    found = list(collisions(RepoPath(name.encode()) for name in names))
    assert (found == []) == (len(folded) == len(names))


@pytest.mark.parametrize(
    ("files", "reference", "words"),
    [
        (
            {"aux.c": b"", "a": b""},
            "name-windows-reserved",
            "cannot copy aux.c exactly\n  Windows takes its name for a device",
        ),
        (
            {"a:b/c": b"", "a": b""},
            "name-windows-character",
            'cannot copy a:b exactly\n  its name holds one of <>:"|?*',
        ),
        (
            {"a": b"", "b.": b""},
            "name-trailing-dot-or-blank",
            "cannot copy b. exactly\n  its name ends with a dot or a blank",
        ),
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
    assert (
        f'hint: leave it out with `exclude`; to copy it all the same: allow = ["{reference}"]\n'
        in ran.err
    )
    assert not (host.third_party / "up").exists()
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, allow=[reference]))
    host.sync("--commit")
    assert host.git("rev-parse", "HEAD:third_party/up") == git(
        upstream.path, "rev-parse", "v1^{tree}"
    )
    assert host.run("verify").status == 0


LICENSES = {
    "a dot at the end": ({"COPYING.": b"1"}, "name-trailing-dot-or-blank", "COPYING."),
    "two that differ in case": ({"LICENSE": b"1", "License": b"2"}, "name-collides", "License"),
    "a stream": ({"LICENSE.a:b": b"1"}, "name-windows-character", "LICENSE.a:b"),
    "a device above": ({"aux/COPYING": b"1", "aux/wit/a": b""}, "name-windows-reserved", "aux"),
}


@pytest.mark.parametrize(("files", "reference", "named"), LICENSES.values(), ids=LICENSES)
def test_licence_files_beside_a_mirror_are_held_to_the_same_rules(
    host: Host, upstream: Upstream, files: dict[str, bytes], reference: str, named: str
) -> None:
    upstream.release("v1", {"wit/a": b"", **files})
    source = "aux/wit" if "aux/wit/a" in files else "wit"
    host.manifest(mirror("up", upstream.url, tag="v1", from_=source, local=True))
    before = host.snapshot()
    ran = host.run("sync")
    assert ran.status == 2
    assert f"error: mirror up cannot copy the licence file {named} exactly\n" in ran.err
    assert ran.err.endswith(f'hint: to copy it all the same: allow = ["{reference}"]\n')
    assert host.snapshot() == before
    host.manifest(mirror("up", upstream.url, tag="v1", from_=source, local=True, allow=[reference]))
    host.sync("--commit")
    assert host.run("verify").status == 0


def test_what_is_left_out_is_not_judged(host: Host, upstream: Upstream) -> None:
    upstream.release("v1", {"aux.c": b"", "a": b"", "A": b""})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, exclude=["aux.c", "A"]))
    host.sync()


def test_a_symlink_that_git_would_refuse_to_push_is_refused(host: Host, upstream: Upstream) -> None:
    # git's index does not take it either, so the tree is made without
    tree = git(
        upstream.path, "mktree", stdin=f"120000 blob {upstream.blob(b'a')}\t.gitmodules\n".encode()
    )
    upstream.tag("v1", git(upstream.path, "commit-tree", "-m", "v1", tree))
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    ran = host.run("sync")
    assert (ran.status, "[gitmodules-symlink]" in ran.err, "allow" in ran.err) == (2, True, False)
