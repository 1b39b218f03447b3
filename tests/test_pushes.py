"""Pushes over real transports.

The tests say what pre-receive lets into a bare repository, what the pusher is told, and what
pre-push holds back.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.git import git, git_bytes
from tests.support.git_http import git_http
from tests.support.hosts import Host, mirror
from tests.support.originals import released, synced
from tests.support.program import Ran, run_tool
from tests.support.ssh import ssh_server, ssh_trouble
from tests.support.upstreams import Upstream

# ten thousand are for a look now and again: git itself takes its time to write them
MANY_REFS = int(os.environ.get("GIT_VERBATIM_MANY_REFS", "1000"))
RECEIVE = ("hook", "install", "--pre-receive")


@dataclass(frozen=True)
class Served:
    """A directory of bare repositories that one transport serves."""

    root: Path
    url: Callable[[str], str]
    environment: dict[str, str]
    original: Path
    """A bare repository with the history of the host."""
    host: Path
    upstream: Upstream


@dataclass(frozen=True)
class Place:
    """A bare repository on a server, and a clone that pushes to it."""

    bare: Path
    url: str
    clone: Host
    upstream: Upstream
    environment: dict[str, str]

    def push(self, *arguments: str, to: str = "origin") -> Ran:
        return self.attempt("push", to, *arguments)

    def attempt(self, *arguments: str) -> Ran:
        """Run git in the clone; it may fail."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.clone.path,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def refs(self) -> dict[str, str]:
        listed = git(self.bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split() for line in listed)

    def files(self) -> set[str]:
        """Everything below `objects`, as it lies there."""
        return {str(path.relative_to(self.bare)) for path in (self.bare / "objects").rglob("*")}

    def commit(self, subject: str, *, edited: bool = False) -> str:
        """A commit of something of the host's own, or of a mirror that is edited."""
        path = self.clone.third_party / "up/a.wit" if edited else self.clone.path / "own"
        path.write_text(f"{subject}\n")
        self.clone.git("add", str(path))
        self.clone.git("-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", subject)
        return self.head

    def sync(self, tag: str) -> str:
        """An honest commit that moves the mirror."""
        self.clone.manifest(mirror("up", self.upstream.url, tag=tag, local=True))
        ran = self.clone.run("sync", "--commit")
        assert ran.status == 0, ran.err
        return self.head

    @property
    def head(self) -> str:
        return self.clone.git("rev-parse", "HEAD")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Upstream]:
    """A host with one mirror at v1, in sync, and its upstream."""
    place = tmp_path_factory.mktemp("original")
    with released(place) as upstream:
        host = synced(place / "host", upstream)
        bare = place / "bare.git"
        git(place, "clone", "--quiet", "--bare", str(host.path), str(bare))
        git(bare, "config", "http.receivepack", "true")
        assert run_tool(bare, *RECEIVE).status == 0
    return place, upstream


@pytest.fixture(scope="module")
def http(
    original: tuple[Path, Upstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    place, upstream = original
    root = tmp_path_factory.mktemp("http")
    with git_http(root) as site:
        yield Served(root, site.url, {}, place / "bare.git", place / "host", upstream)


@pytest.fixture(scope="module")
def ssh(
    original: tuple[Path, Upstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    if trouble := ssh_trouble():
        pytest.skip(trouble)
    place, upstream = original
    root = tmp_path_factory.mktemp("ssh")
    with ssh_server(root / "sshd") as server:
        (root / "known_hosts").write_text(server.known_hosts)
        options = f"-F none -i {server.key} -o IdentitiesOnly=yes -o UserKnownHostsFile={root}/known_hosts"
        base = f"ssh://{server.user}@127.0.0.1:{server.port}{root}"
        yield Served(
            root,
            lambda name: f"{base}/{name}",
            {"GIT_SSH_COMMAND": f"ssh {options}"},
            place / "bare.git",
            place / "host",
            upstream,
        )


@pytest.fixture(params=["http", "ssh"])
def transport(request: pytest.FixtureRequest) -> Served:
    """Either."""
    served: Served = request.getfixturevalue(request.param)
    return served


def put(served: Served, name: str, directory: Path) -> Place:
    """A copy of the bare repository on the server, and a clone that has it as its origin."""
    bare = Path(shutil.copytree(served.original, served.root / name, symlinks=True))
    clone = Host(Path(shutil.copytree(served.host, directory / "clone", symlinks=True)))
    place = Place(bare, served.url(name), clone, served.upstream, served.environment)
    clone.git("remote", "add", "origin", place.url)
    assert place.attempt("fetch", "--quiet", "origin").status == 0
    return place


@pytest.fixture
def place(http: Served, tmp_path: Path) -> Place:
    """With pre-receive on the server, and no hooks in the clone."""
    return put(http, f"{tmp_path.name}.git", tmp_path)


@pytest.fixture
def hooked(place: Place) -> Place:
    """With hooks in the clone, and none on the server."""
    assert run_tool(place.bare, "hook", "uninstall", "--pre-receive").status == 0
    assert place.clone.run("hook", "install").status == 0
    return place


def assert_refused(
    place: Place, ran: Ran, *bad: str, before: dict[str, str], files: set[str]
) -> None:
    """Refused for these commits alone, newest first, and nothing of it is there."""
    assert ran.status == 1, ran
    assert blamed(ran) == [commit[:12] for commit in bad]
    assert place.refs() == before
    assert place.files() == files


def blamed(ran: Ran) -> list[str]:
    """The commits that violate something, as they are printed; a notice is no blame."""
    lines = [line.removeprefix("remote: ").rstrip() for line in ran.err.splitlines()]
    return [
        line.split()[1]
        for line, below in pairwise(lines)
        if line.startswith("commit ") and not below.startswith("  notice ")
    ]


# pre-receive: what the pusher sees


def test_a_refused_push_explains_itself_and_leaves_nothing(
    transport: Served, tmp_path: Path
) -> None:
    place = put(transport, f"{tmp_path.name}.git", tmp_path)
    before, files, parent = place.refs(), place.files(), place.head
    bad = place.commit("a quick fix", edited=True)
    ran = place.push("main")
    assert_refused(place, ran, bad, before=before, files=files)
    said = [
        line.removeprefix("remote:").strip()
        for line in ran.err.splitlines()
        if line.startswith("remote:")
    ]
    assert [line for line in said if line] == [
        f"commit {bad[:12]}  a quick fix",
        "mirror-differs-from-record  up",
        "third_party/up/a.wit: content differs",
        f"put back: git restore --source={parent[:12]} --staged --worktree -- :/third_party/up :/third_party/provenance/up.json",
        "or: make the change upstream, move the pin of up in third_party/mirrors.toml, and run `git verbatim sync up --commit`",
        "refused: 1 violation in the push",
        (
            f"hint: a later commit does not heal an earlier one: `git rebase --interactive {parent[:12]}`, mark {bad[:12]} `edit` (or `drop`), "
            "put back there what is said above, `git commit --amend`, `git rebase --continue`"
        ),
        "why: git verbatim check --explain mirror-differs-from-record",
    ]
    assert " ! [remote rejected] main -> main (pre-receive hook declined)" in ran.err
    assert "\x1b" not in ran.err


def test_an_honest_push_lands_and_hears_only_what_moved(transport: Served, tmp_path: Path) -> None:
    place = put(transport, f"{tmp_path.name}.git", tmp_path)
    old = place.clone.record("up")["upstream"]["commit"][:12]
    moved = place.sync("v2")
    new = place.clone.record("up")["upstream"]["commit"][:12]
    ran = place.push("main", "main:refs/heads/topic")
    said = [line.rstrip() for line in ran.err.splitlines() if line.startswith("remote:")]
    assert ran.status == 0
    assert said == [f"remote: moved: up: pin v1 → v2, commit {old} → {new}"]
    assert place.refs() == {"refs/heads/main": moved, "refs/heads/topic": moved}


def test_a_bare_repository_may_lie_where_a_list_of_paths_would_break(
    transport: Served, tmp_path: Path
) -> None:
    place = put(transport, f'{tmp_path.name}-a:b"c"it\'s.git', tmp_path)
    honest = place.commit("own")
    assert place.push("main").status == 0
    before, files = place.refs(), place.files()
    bad = place.commit("edit", edited=True)
    assert_refused(
        place, place.push("main"), bad, before=before | {"refs/heads/main": honest}, files=files
    )


# pre-receive: every kind of ref


@pytest.mark.parametrize(
    "refs",
    [
        ["HEAD:refs/heads/topic"],
        ["HEAD:refs/tags/light"],
        ["annotated"],
        ["nested"],
        ["HEAD:refs/anything/else"],
        ["HEAD:refs/heads/topic", ":old"],
        ["HEAD^:main", "HEAD:refs/heads/topic"],
        ["HEAD^:refs/heads/a", "HEAD^:refs/heads/b", "nested", "HEAD^:refs/heads/z"],
    ],
    ids=" ".join,
)
def test_a_bad_commit_is_refused_by_whatever_ref_it_comes_and_so_is_all_that_comes_with_it(
    place: Place, refs: list[str]
) -> None:
    git(place.bare, "branch", "old", "main")
    place.commit("honest")
    bad = place.commit("edit", edited=True)
    place.clone.git("tag", "-a", "-m", "one", "annotated")
    place.clone.git("tag", "-a", "-m", "two", "nested", "annotated")
    before, files = place.refs(), place.files()
    assert_refused(place, place.push(*refs), bad, before=before, files=files)


def test_a_bad_commit_below_another_and_one_beside_it_are_each_named(place: Place) -> None:
    before, files = place.refs(), place.files()
    start = place.head
    first = place.commit("edit", edited=True)
    place.commit("on top")
    place.clone.git("checkout", "--quiet", "-b", "side", start)
    second = place.commit("another edit", edited=True)
    ran = place.push("main", "side")
    assert ran.status == 1
    assert sorted(blamed(ran)) == sorted([first[:12], second[:12]])
    assert (place.refs(), place.files()) == (before, files)


def test_every_kind_of_tag_and_ref_that_brings_no_bad_commit_lands(place: Place) -> None:
    place.commit("own")
    names = ["light", "annotated", "nested", "of-a-tree", "of-a-blob", "light-tree", "light-blob"]
    place.clone.git("tag", "light")
    for name, target in [
        ("annotated", "HEAD"),
        ("nested", "annotated"),
        ("of-a-tree", "HEAD^{tree}"),
        ("of-a-blob", "HEAD:own"),
    ]:
        place.clone.git("tag", "-a", "-m", name, name, target)
    place.clone.git("tag", "light-tree", "HEAD^{tree}")
    place.clone.git("tag", "light-blob", "HEAD:own")
    ran = place.push(*names)
    assert ran.status == 0, ran
    landed = {f"refs/tags/{name}": place.clone.git("rev-parse", name) for name in names}
    assert place.refs() == {**landed, "refs/heads/main": git(place.bare, "rev-parse", "main")}


def test_force_pushes_are_judged_by_what_they_bring(place: Place) -> None:
    start = place.head
    place.commit("first")
    assert place.push("main").status == 0
    place.clone.git("reset", "--quiet", "--hard", start)
    bad = place.commit("edit", edited=True)
    before, files = place.refs(), place.files()
    assert_refused(place, place.push("--force", "main"), bad, before=before, files=files)
    place.clone.git("reset", "--quiet", "--hard", start)
    rewritten = place.commit("second")
    assert place.push("--force", "main").status == 0
    assert place.refs() == {"refs/heads/main": rewritten}


def test_a_deletion_has_nothing_to_judge(place: Place) -> None:
    git(place.bare, "branch", "old", "main")
    assert place.push(":old").status == 0
    assert list(place.refs()) == ["refs/heads/main"]


def test_what_the_repository_has_already_is_nobodys_fault_any_more(place: Place) -> None:
    """The repository adopted the program with an old violation.

    Work on top of it lands, on its branch and on a new one. A commit that makes it worse does not.
    """
    inherited = place.commit("edit", edited=True)
    assert run_tool(place.bare, "hook", "uninstall", "--pre-receive").status == 0
    assert place.push("main").status == 0
    assert run_tool(place.bare, *RECEIVE).status == 0
    on_top = place.commit("on top")
    assert place.push("main", "main:refs/heads/topic").status == 0
    assert place.refs() == {"refs/heads/main": on_top, "refs/heads/topic": on_top}
    before, files = place.refs(), place.files()
    worse = place.commit("another edit", edited=True)
    assert worse != inherited
    assert_refused(place, place.push("main"), worse, before=before, files=files)


def test_one_bad_commit_in_the_middle_of_a_long_push_is_found(place: Place) -> None:
    before, files = place.refs(), place.files()
    add_commits(place.clone, 150)
    bad = place.commit("edit", edited=True)
    place.clone.git("-c", "core.hooksPath=/dev/null", "revert", "--no-edit", "HEAD")
    add_commits(place.clone, 150)
    ran = place.push("main")
    assert_refused(place, ran, bad, before=before, files=files)
    # without it the same push lands, so it was nothing else
    place.clone.git("reset", "--quiet", "--hard", f"{bad}^")
    add_commits(place.clone, 150)
    assert place.push("main").status == 0


def add_commits(host: Host, number: int) -> None:
    """Commits of an own file on top of HEAD."""
    head = host.git("rev-parse", "HEAD")
    lines = []
    for count in range(number):
        lines.append(
            f"commit refs/heads/main\ncommitter T <t@example.org> {1_800_000_000 + count} +0000\ndata 1\nc\n"
        )
        lines.append(f"from {head}\n" if count == 0 else "")
        lines.append(f"M 100644 inline own-{count % 7}\ndata {len(str(count))}\n{count}\n")
    git_bytes(host.path, "fast-import", "--quiet", "--force", stdin="".join(lines).encode())
    host.git("reset", "--quiet", "--hard", "main")


@pytest.mark.timeout(600)
def test_very_many_refs_in_one_push_are_judged_in_the_time_that_git_takes(
    ssh: Served, tmp_path: Path
) -> None:
    place = put(
        ssh, f"{tmp_path.name}.git", tmp_path
    )  # over http git itself takes a time that grows with their square
    tips = [place.commit(f"own {number}") for number in range(3)]
    created = "".join(
        f"create refs/heads/many/{number} {tips[number % 3]}\n" for number in range(MANY_REFS)
    )
    place.clone.git("update-ref", "--stdin", stdin=created.encode())
    place.clone.git("pack-refs", "--all")
    place.clone.git("branch", "--force", "bad-one", place.commit("edit", edited=True))
    before, files = place.refs(), place.files()
    started = time.monotonic()
    # by its URL: by its name git would write a tracking ref for each,
    # which takes longer than all the rest
    ran = place.push("refs/heads/many/*:refs/heads/many/*", "bad-one", to=place.url)
    refused = time.monotonic() - started
    assert_refused(place, ran, place.head, before=before, files=files)
    started = time.monotonic()
    ran = place.push("refs/heads/many/*:refs/heads/many/*", to=place.url)
    accepted = time.monotonic() - started
    assert ran.status == 0, ran
    assert len(place.refs()) == MANY_REFS + 1
    print(f"{MANY_REFS} refs: refused in {refused:.1f} s, accepted in {accepted:.1f} s")
    # what is refused is judged as well, and git writes no refs for it
    assert refused < max(accepted, 5)


# pre-receive: where the objects are


@pytest.mark.parametrize("limit", ["1", "1000"], ids=["one pack", "loose objects"])
def test_pushed_objects_are_judged_packed_and_loose(place: Place, limit: str) -> None:
    git(place.bare, "config", "receive.unpackLimit", limit)
    before, files = place.refs(), place.files()
    bad = place.commit("edit", edited=True)
    assert_refused(place, place.push("main"), bad, before=before, files=files)
    place.clone.git("reset", "--quiet", "--hard", "HEAD^")
    moved = place.sync("v2")
    assert place.push("main").status == 0
    assert place.refs() == {"refs/heads/main": moved}
    assert any(name.endswith(".pack") for name in place.files() - files) is (limit == "1")


@pytest.mark.parametrize("packed", [True, False])
def test_a_repository_that_borrows_its_objects_is_judged_with_them(
    place: Place, *, packed: bool
) -> None:
    lender = Path(shutil.copytree(place.bare, place.bare.with_name(f"lender-{place.bare.name}")))
    if packed:
        git(lender, "repack", "-a", "-d", "--quiet")
    shutil.rmtree(place.bare / "objects")
    (place.bare / "objects/info").mkdir(parents=True)
    (place.bare / "objects/info/alternates").write_text(f"{lender}/objects\n")
    before, files = place.refs(), place.files()
    bad = place.commit("edit", edited=True)
    assert_refused(place, place.push("main"), bad, before=before, files=files)
    place.clone.git("reset", "--quiet", "--hard", "HEAD^")
    moved = place.sync("v2")
    assert place.push("main").status == 0
    assert place.refs() == {"refs/heads/main": moved}


def test_a_hook_that_the_server_had_reads_the_same_and_goes_first(
    place: Place, tmp_path: Path
) -> None:
    assert run_tool(place.bare, "hook", "uninstall", "--pre-receive").status == 0
    log = tmp_path / "log"
    theirs = place.bare / "hooks/pre-receive"
    theirs.write_text(
        f'#!/bin/sh\ncat > "{log}"\ngit cat-file -e $(cut -d " " -f 2 "{log}") && echo theirs has seen it\n'
    )
    theirs.chmod(0o755)
    assert run_tool(place.bare, *RECEIVE).status == 0
    start, before, files = place.head, place.refs(), place.files()
    bad = place.commit("edit", edited=True)
    ran = place.push("main")
    assert_refused(place, ran, bad, before=before, files=files)
    assert log.read_text() == f"{start} {bad} refs/heads/main\n"
    assert ran.err.index("theirs has seen it") < ran.err.index(f"commit {bad[:12]}")
    theirs_says_no = place.bare / "hooks/pre-receive.before-git-verbatim"
    theirs_says_no.write_text("#!/bin/sh\nexit 1\n")
    place.clone.git("reset", "--quiet", "--hard", start)
    place.commit("own")
    ran = place.push("main")
    assert (ran.status, place.refs()) == (1, before)


def test_a_server_without_the_program_accepts_nothing(place: Place) -> None:
    hook = place.bare / "hooks/pre-receive"
    text = hook.read_text()
    python = next(line for line in text.splitlines() if line.startswith("python="))
    hook.write_text(
        text.replace(python, "python=/nowhere/python").replace(
            "command -v git-verbatim", "command -v no-git-verbatim"
        )
    )
    before = place.refs()
    place.commit("own")
    ran = place.push("main")
    assert (ran.status, place.refs()) == (1, before)
    assert (
        "remote: error: the pre-receive hook cannot find git-verbatim: /nowhere/python does not have it"
        in ran.err
    )


# pre-push


def test_pre_push_holds_a_bad_commit_back(hooked: Place) -> None:
    before = hooked.refs()
    parent = hooked.head
    bad = hooked.commit("edit", edited=True)
    ran = hooked.push("main")
    assert (ran.status, ran.out, hooked.refs()) == (1, "", before)
    assert ran.err.splitlines() == [
        f"commit {bad[:12]}  edit",
        "  mirror-differs-from-record  up",
        "    third_party/up/a.wit: content differs",
        f"    put back: git restore --source={parent[:12]} --staged --worktree -- :/third_party/up :/third_party/provenance/up.json",
        "    or: make the change upstream, move the pin of up in third_party/mirrors.toml, and run `git verbatim sync up --commit`",
        "refused: 1 violation in the push to origin",
        (
            f"hint: a later commit does not heal an earlier one: `git rebase --interactive {parent[:12]}`, mark {bad[:12]} `edit` (or `drop`), "
            "put back there what is said above, `git commit --amend`, `git rebase --continue`"
        ),
        "why: git verbatim check --explain mirror-differs-from-record",
        f"error: failed to push some refs to '{hooked.url}'",
    ]
    assert hooked.push("--no-verify", "main").status == 0


@pytest.mark.parametrize(
    ("by", "tracked", "refs"),
    [
        ("name", True, "main"),
        ("name", True, "main:refs/heads/topic"),
        ("name", True, "--force main"),
        ("name", True, "main^:refs/heads/first tagged main"),
        ("name", False, "main"),
        ("name", False, "main:refs/heads/topic"),
        ("url", True, "main"),
        ("url", False, "tagged"),
    ],
)
def test_pre_push_finds_a_bad_commit_however_it_is_pushed(
    hooked: Place, by: str, *, tracked: bool, refs: str
) -> None:
    before = hooked.refs()
    bad = hooked.commit("edit", edited=True)
    hooked.commit("on top")
    hooked.clone.git("tag", "-a", "-m", "tagged", "tagged")
    if not tracked:
        hooked.clone.git("update-ref", "-d", "refs/remotes/origin/main")
    ran = hooked.push(*refs.split(), to="origin" if by == "name" else hooked.url)
    assert (ran.status, blamed(ran), hooked.refs()) == (1, [bad[:12]], before)
    hooked.clone.git("reset", "--quiet", "--hard", f"{bad}^")
    hooked.clone.git("tag", "-d", "tagged")
    hooked.commit("honest")
    hooked.clone.git("tag", "-a", "-m", "tagged", "tagged")
    assert hooked.push(*refs.split(), to="origin" if by == "name" else hooked.url).status == 0


def test_pre_push_does_not_judge_again_what_the_remote_has(hooked: Place) -> None:
    hooked.commit("edit", edited=True)
    assert hooked.push("--no-verify", "main:old").status == 0
    hooked.commit("on top")
    ran = hooked.push("main")
    assert ran.status == 0, ran
    # by its URL nothing is known of the remote but the branch that is pushed to
    hooked.commit("more on top")
    assert hooked.push("main", to=hooked.url).status == 0


def test_pre_push_with_nothing_to_push_and_with_deletions_alone(hooked: Place) -> None:
    hooked.commit("edit", edited=True)
    assert hooked.push("--no-verify", "main", "main:old").status == 0
    assert hooked.push("main").err == "Everything up-to-date\n"
    assert hooked.push(":old").status == 0
    assert list(hooked.refs()) == ["refs/heads/main"]


def test_pre_push_judges_what_comes_with_a_deletion(hooked: Place) -> None:
    assert hooked.push("main:old").status == 0
    before = hooked.refs()
    bad = hooked.commit("edit", edited=True)
    ran = hooked.push(":old", "main")
    assert (ran.status, blamed(ran), hooked.refs()) == (1, [bad[:12]], before)


def test_pre_push_of_a_branch_that_somebody_else_moved_on(hooked: Place, tmp_path: Path) -> None:
    """The remote's commit is not here.

    Git would refuse the push, and a forced push is judged by what is here.
    """
    other = Place(
        hooked.bare, hooked.url, Host(tmp_path / "other"), hooked.upstream, hooked.environment
    )
    git(tmp_path, "clone", "--quiet", str(hooked.bare), str(other.clone.path))
    other.commit("somebody else's")
    assert other.push("main").status == 0
    before = hooked.refs()
    bad = hooked.commit("edit", edited=True)
    ran = hooked.push("--force", "main")
    assert (ran.status, blamed(ran), hooked.refs()) == (1, [bad[:12]], before)


@pytest.mark.parametrize("where", ["pre-push", "pre-receive"])
def test_a_shallow_clone_pushes_one_commit(place: Place, tmp_path: Path, where: str) -> None:
    add_commits(place.clone, 20)
    assert place.push("main").status == 0
    shallow = Place(
        place.bare, place.url, Host(tmp_path / "shallow"), place.upstream, place.environment
    )
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--depth=1",
        place.url,
        str(shallow.clone.path),
        **place.environment,
    )
    if where == "pre-push":
        assert run_tool(place.bare, "hook", "uninstall", "--pre-receive").status == 0
        assert shallow.clone.run("hook", "install").status == 0
    assert shallow.clone.git("rev-list", "--count", "HEAD") == "1"
    honest = shallow.commit("own")
    assert shallow.push("main").status == 0
    assert shallow.refs() == {"refs/heads/main": honest}
    before, files = shallow.refs(), shallow.files()
    bad = shallow.commit("edit", edited=True)
    ran = shallow.push("main")
    assert_refused(shallow, ran, bad, before=before, files=files)
    ran = shallow.push("main:refs/heads/topic")
    assert_refused(shallow, ran, bad, before=before, files=files)


def test_a_moved_pin_is_pushed_from_a_shallow_clone(place: Place, tmp_path: Path) -> None:
    shallow = Place(
        place.bare, place.url, Host(tmp_path / "shallow"), place.upstream, place.environment
    )
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--depth=1",
        place.url,
        str(shallow.clone.path),
        **place.environment,
    )
    assert shallow.clone.run("hook", "install").status == 0
    moved = shallow.sync("v2")
    assert shallow.push("main").status == 0
    assert shallow.refs() == {"refs/heads/main": moved}
