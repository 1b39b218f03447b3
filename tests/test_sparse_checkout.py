"""A sparse checkout: what git leaves out of the working tree is hidden, not missing.

Every command says so.
"""

import shlex
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.program import Ran, run_tool
from tests.support.upstreams import Upstream
from tests.support.wit import form, made, packages

LIBRARY = {"LICENSE": b"free\n", "lib/a.c": b"a\n", "lib/deep/b.c": b"b\n"}


@pytest.fixture
def released(upstream: Upstream) -> Upstream:
    upstream.release("v1", LIBRARY)
    upstream.release("v2", {**LIBRARY, "lib/a.c": b"second\n"})
    return upstream


@pytest.fixture
def cloned(host: Host, released: Upstream, tmp_path: Path) -> Host:
    """A clone of a host with the mirrors `one`, whose licence lies beside it, and `two`."""
    (host.path / "src").mkdir()
    (host.path / "src/own").write_text("own\n")
    host.git("add", "src")
    host.manifest(
        mirror("one", released.url, tag="v1", from_="lib", local=True)
        + "\n"
        + mirror("two", released.url, tag="v1", local=True)
    )
    host.git("commit", "--quiet", "-m", "own")
    host.sync("--commit")
    git(tmp_path, "clone", "--quiet", str(host.path), "clone")
    return Host(tmp_path / "clone")


def _sparse(host: Host, *patterns: str) -> None:
    host.git("sparse-checkout", "set", *patterns)
    assert host.git("status", "--porcelain") == ""


def _move_pin(host: Host, tag: str = "v2") -> None:
    manifest = host.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text().replace('"v1"', f'"{tag}"'))


_BY_CONE, _BY_PATTERN = "sparse-checkout add third_party", "sparse-checkout add '/third_party/**'"
_WHOLLY = {
    "cone": ("--cone", "src"),
    "no cone": ("--no-cone", "/src/"),
    "no cone, one file": ("--no-cone", "/*", "!/third_party/mirrors.toml"),
    "sparse index": ("--cone", "--sparse-index", "src"),
}
_NEEDS_THE_MANIFEST = [
    ("status",),
    ("verify",),
    ("sync",),
    ("sync", "--dry-run"),
    ("remove", "one"),
    ("report",),
]


@pytest.mark.parametrize("kind", _WHOLLY)
def test_a_hidden_manifest_is_not_missing_and_the_hint_brings_it_back(
    cloned: Host, kind: str
) -> None:
    _sparse(cloned, *_WHOLLY[kind])
    back = _BY_PATTERN if "no cone" in kind else _BY_CONE
    error = "error: third_party/mirrors.toml is hidden by a sparse checkout\n"
    for command in [*_NEEDS_THE_MANIFEST, ("add", "new", "/nowhere", "--tag", "v1", "--local")]:
        hint = f"hint: bring it back with `git {back}`\n"
        assert cloned.run(*command) == Ran(2, "", error + hint)
    below = run_tool(cloned.path / "src", "status")
    assert below == Ran(2, "", error + f"hint: bring it back with `git -C .. {back}`\n")
    assert cloned.run("verify", "--index").status == 0
    assert cloned.run("verify", "--rev", "HEAD").status == 0
    assert cloned.run("check").status == 0
    assert cloned.run("check", "--all").status == 0
    git(cloned.path / "src", "-C", "..", *shlex.split(back))
    assert cloned.run("status").out == "one  v1  clean\ntwo  v1  clean\n"
    assert cloned.run("verify").status == 0


@pytest.mark.parametrize("kind", _WHOLLY)
@pytest.mark.parametrize("preset", [(), ("--preset", "wasi")])
def test_init_writes_nothing_over_what_is_hidden(
    cloned: Host, kind: str, preset: tuple[str, ...]
) -> None:
    _sparse(cloned, *_WHOLLY[kind])
    ran = cloned.run("init", *preset)
    if preset:
        assert (ran.status, ran.err.splitlines()[0]) == (
            2,
            "error: there is a third_party/mirrors.toml already",
        )
    else:
        assert (ran.status, "kept  third_party/mirrors.toml, which is hidden\n" in ran.out) == (
            0,
            True,
        )
        assert (cloned.path / ".git/hooks/pre-commit").exists()
    assert not (cloned.third_party / "mirrors.toml").exists()
    assert cloned.git("status", "--porcelain") == ""


def test_init_writes_nothing_over_a_manifest_that_is_only_deleted_here(cloned: Host) -> None:
    (cloned.third_party / "mirrors.toml").unlink()
    expected = Ran(
        2,
        "",
        "error: third_party/mirrors.toml is deleted here, but not in the index\n"
        "hint: put it back with `git restore third_party/mirrors.toml`\n",
    )
    assert cloned.run("init") == expected
    assert cloned.run("status") == expected
    cloned.git("restore", "third_party/mirrors.toml")
    assert cloned.run("status").status == 0


_PARTLY = {
    "one mirror": (("--cone", "src", "third_party/two"), 4),
    "some files of a mirror": (("--no-cone", "/*", "!/third_party/one/deep/"), 1),
    "records": (("--no-cone", "/*", "!/third_party/provenance/"), 2),
    "a licence": (("--no-cone", "/*", "!/third_party/licenses/"), 1),
    "attributes": (("--no-cone", "/*", "!/third_party/.gitattributes"), 0),
    "sparse index": (
        ("--cone", "--sparse-index", "src", "third_party/two", "third_party/provenance"),
        3,
    ),
}


@pytest.mark.parametrize("part", _PARTLY)
def test_what_is_hidden_in_part_is_judged_as_the_index_has_it_and_told(
    cloned: Host, part: str
) -> None:
    patterns, _ = _PARTLY[part]
    _sparse(cloned, *patterns)
    listed = [
        line[2:]
        for line in cloned.git("ls-files", "-t", "third_party").splitlines()
        if line.startswith("S ")
    ]
    counted = [path for path in listed if not path.endswith(".gitattributes")]
    assert listed
    words = f"{len(counted)} hidden file{'s' if len(counted) > 1 else ''} judged as in the index"
    verified = cloned.run("verify")
    assert (verified.status, words in verified.out) == (0, bool(counted)), verified
    status = cloned.run("status")
    assert (status.status, "missing" in status.out, "git sparse-checkout add" in status.out) == (
        0,
        False,
        bool(counted),
    )
    assert sum(one["hidden"] for one in cloned.run("verify", "--json").json["mirrors"]) == len(
        counted
    )
    assert sum(one["hidden"] for one in cloned.run("status", "--json").json["mirrors"]) == len(
        counted
    )
    before = cloned.snapshot(), cloned.git("ls-files", "-t", "-s")
    if part != "sparse index":
        assert cloned.run("sync").out == "up to date: 2 mirrors\n"
    report = cloned.run("report")
    assert (report.status, "is hidden by a sparse checkout" in report.err) == (
        (2, True) if counted else (0, False)
    )
    assert (cloned.snapshot(), cloned.git("ls-files", "-t", "-s")) == before


_PACKED = form("io.gz", "gzip", "io:streams.wit", ["/crates/io.gz", "io.gz"])


@pytest.fixture
def host_with_form(host: Host, upstream: Upstream) -> Host:
    """A host with a form that is one file, in third_party/ and elsewhere."""
    upstream.release("v1", packages())
    return made(host, upstream, _PACKED)


@pytest.mark.parametrize("place", ["crates/io.gz", "third_party/io.gz"])
def test_a_form_that_is_one_hidden_file_is_judged_as_the_index_has_it(
    host_with_form: Host, place: str
) -> None:
    host = host_with_form
    _sparse(host, "--no-cone", "/*", f"!/{place}")
    assert not (host.path / place).exists()
    for command in ["status", "verify", "sync", "check"]:
        assert host.run(command).status == 0, command
    blob = git(host.path, "hash-object", "-w", "--stdin", stdin=b"edited\n")
    host.git("update-index", "--cacheinfo", f"100644,{blob},{place}")
    host.git("update-index", "--skip-worktree", place)
    ran = host.run("verify")
    assert (ran.status, f"{place}: content differs" in ran.out) == (1, True), ran


def test_a_mode_that_the_disk_cannot_tell_is_no_drift_of_a_form_that_is_one_file(
    host_with_form: Host,
) -> None:
    host_with_form.git("config", "core.fileMode", "false")
    (host_with_form.path / "crates/io.gz").chmod(0o755)
    assert host_with_form.run("verify").status == 0
    assert host_with_form.run("status").status == 0


def test_drift_that_is_hidden_is_found_in_the_index(cloned: Host) -> None:
    _sparse(cloned, "--cone", "src", "third_party/two")
    blob = git(cloned.path, "hash-object", "-w", "--stdin", stdin=b"edited\n")
    cloned.git("update-index", "--cacheinfo", f"100644,{blob},third_party/one/a.c")
    cloned.git("update-index", "--skip-worktree", "third_party/one/a.c")
    ran = cloned.run("verify")
    assert (
        ran.status,
        "third_party/one/a.c: content differs" in ran.out,
        "missing" in ran.out,
    ) == (1, True, False)


def test_what_is_deleted_beside_hidden_files_is_missing(cloned: Host) -> None:
    _sparse(cloned, "--no-cone", "/*", "!/third_party/one/deep/")
    (cloned.third_party / "one/a.c").unlink()
    ran = cloned.run("verify")
    assert (ran.status, ran.out.splitlines()[2]) == (1, "    third_party/one/a.c: missing")
    assert (
        cloned.run("sync").err.splitlines()[0]
        == "error: third_party/one/deep/b.c is hidden by a sparse checkout"
    )


def test_a_file_that_is_there_though_git_would_hide_it_is_judged_as_it_is(cloned: Host) -> None:
    _sparse(cloned, "--cone", "src", "third_party/two", "third_party/provenance")
    place = cloned.third_party / "one"
    place.mkdir()
    (place / "a.c").write_text("edited\n")
    ran = cloned.run("verify")
    assert (ran.status, "third_party/one/a.c: content differs" in ran.out) == (1, True)


@pytest.mark.parametrize(
    "command", [("sync",), ("sync", "--dry-run"), ("sync", "--commit", "--discard-local")]
)
@pytest.mark.parametrize("part", ["one mirror", "some files of a mirror", "records", "a licence"])
def test_a_sync_that_would_replace_what_is_hidden_is_refused(
    cloned: Host, part: str, command: tuple[str, ...]
) -> None:
    _sparse(cloned, *_PARTLY[part][0])
    _move_pin(cloned)
    before = cloned.snapshot(), cloned.git("ls-files", "-t", "-s"), cloned.git("rev-parse", "HEAD")
    ran = cloned.run(*command)
    assert (ran.status, "is hidden by a sparse checkout\nhint: bring it back" in ran.err) == (
        2,
        True,
    ), ran
    assert (
        cloned.snapshot(),
        cloned.git("ls-files", "-t", "-s"),
        cloned.git("rev-parse", "HEAD"),
    ) == before
    cloned.git(*shlex.split(ran.err.split("`")[1])[1:])
    assert cloned.run("sync", "--commit").status == 0
    assert cloned.run("check", "--all").status == 0


def test_remove_and_add_leave_alone_what_is_hidden(cloned: Host, released: Upstream) -> None:
    def hidden() -> list[str]:
        return [
            line
            for line in cloned.git("ls-files", "-t", "-s").splitlines()
            if line.startswith("S ")
        ]

    _sparse(cloned, "--cone", "src", "third_party/two", "third_party/provenance")
    before = hidden()
    ran = cloned.run("remove", "one")
    assert (ran.status, "is hidden by a sparse checkout" in ran.err) == (2, True)
    assert cloned.run("add", "new", released.url, "--tag", "v1", "--local", "--commit").status == 0
    assert hidden() == before
    assert len(before) == 3
    assert cloned.git("status", "--porcelain") == ""
    assert cloned.run("check", "--all").status == 0


def test_a_place_that_hides_somebodys_files_is_not_taken(cloned: Host, released: Upstream) -> None:
    (cloned.third_party / "mine").mkdir()
    (cloned.third_party / "mine/own").write_text("own\n")
    cloned.git("add", "third_party/mine")
    cloned.git("commit", "--quiet", "--no-verify", "-m", "mine")
    _sparse(cloned, "--no-cone", "/*", "!/third_party/mine/")
    ran = cloned.run("add", "new", released.url, "--tag", "v1", "--local", "--into", "mine")
    assert (ran.status, ran.err.splitlines()[0]) == (
        2,
        "error: third_party/mine/own is hidden by a sparse checkout",
    )
    assert cloned.git("status", "--porcelain") == ""


def test_a_file_that_somebody_hides_by_hand_is_told_so_and_the_hint_brings_it_back(
    cloned: Host,
) -> None:
    cloned.git("update-index", "--skip-worktree", "third_party/mirrors.toml")
    (cloned.third_party / "mirrors.toml").unlink()
    ran = cloned.run("status")
    assert (ran.status, ran.err.splitlines()[0]) == (
        2,
        "error: third_party/mirrors.toml is hidden by git's skip-worktree",
    )
    for command in ran.err.split("`")[1].split(" && "):
        cloned.git(*command.split()[1:])
    assert cloned.run("status").status == 0


def test_a_partial_clone_that_lacks_a_hidden_record_could_not_check(
    cloned: Host, tmp_path: Path
) -> None:
    cloned.git("config", "uploadpack.allowFilter", "true")
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--no-checkout",
        "--filter=blob:none",
        f"file://{cloned.path}",
        "partial",
    )
    partial = Host(tmp_path / "partial")
    partial.git("sparse-checkout", "set", "--cone", "src", "third_party/two")
    partial.git("checkout", "--quiet")
    ran = partial.run("verify")
    assert (ran.status, ran.err.splitlines()[1:]) == (
        3,
        [
            "  its content is not here",
            "hint: bring it back with `git sparse-checkout add third_party`",
        ],
    )
    partial.git("sparse-checkout", "add", "third_party")
    assert partial.run("verify").status == 0


def test_hooks_judge_a_commit_in_a_sparse_checkout(cloned: Host) -> None:
    cloned.run("hook", "install")
    _sparse(cloned, "--cone", "src")
    (cloned.path / "src/own").write_text("changed\n")
    cloned.git("commit", "--quiet", "-a", "-m", "own")
    blob = git(cloned.path, "hash-object", "-w", "--stdin", stdin=b"edited\n")
    cloned.git("update-index", "--cacheinfo", f"100644,{blob},third_party/one/a.c")
    assert cloned.run("hook", "run", "pre-commit").status == 1
