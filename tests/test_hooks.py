"""Hooks as their users meet them: put in place, called by git, looked at, taken away."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.forked import FRESH_HOOKS
from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.originals import released, synced
from tests.support.program import Ran, run_tool
from tests.support.project import ROOT
from tests.support.scripts import script
from tests.support.upstreams import Upstream

CLIENT_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "pre-merge-commit", "pre-push")
BEFORE = ".before-git-verbatim"
INSTALLED = """\
pre-commit          installed
prepare-commit-msg  installed
commit-msg          installed
pre-merge-commit    installed
pre-push            installed
"""
NEXT = "next: `git verbatim hook install`, so that git judges each commit here\n"
REFUSED = """\
the index
  mirror-differs-from-record  up
    third_party/up/a.wit: content differs
    put back: git restore --source={head} --staged --worktree -- :/third_party/up :/third_party/provenance/up.json
    or: make the change upstream, move the pin of up in third_party/mirrors.toml, and run `git verbatim sync up --commit`
refused: 1 violation in the index
why: git verbatim check --explain mirror-differs-from-record
"""


@dataclass(frozen=True)
class Originals:
    """What the tests of this file copy, since making it takes longer than most of them."""

    upstream: Upstream
    plain: Path
    """A host with one mirror at v1, in sync; no hooks."""
    hooked: Path
    """The same with hooks."""


@pytest.fixture(scope="module", autouse=True)
def fresh_hooks() -> Iterator[None]:
    """Hooks begin here as users' do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FRESH_HOOKS, "1")
        yield


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Originals:
    place = tmp_path_factory.mktemp("originals")
    with released(place) as upstream:
        host = synced(place / "plain", upstream)
        shutil.copytree(host.path, place / "hooked", symlinks=True)
        assert install(place / "hooked") == Ran(0, INSTALLED, "")
    return Originals(upstream, host.path, place / "hooked")


@pytest.fixture
def upstream(originals: Originals) -> Upstream:
    return originals.upstream


@pytest.fixture
def host(originals: Originals, tmp_path: Path) -> Host:
    """A repository with one mirror at v1, in sync; no hooks."""
    return Host(Path(shutil.copytree(originals.plain, tmp_path / "host", symlinks=True)))


@pytest.fixture
def installed(originals: Originals, tmp_path: Path) -> Host:
    """The same with hooks."""
    return Host(Path(shutil.copytree(originals.hooked, tmp_path / "host", symlinks=True)))


def install(directory: Path) -> Ran:
    return run_tool(directory, "hook", "install")


def attempt(directory: Path, *arguments: str, **environment: str) -> Ran:
    """Run git, which may fail."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        capture_output=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def edit(host: Host) -> None:
    (host.third_party / "up/a.wit").write_bytes(b"edited\n")


def head(directory: Path) -> str:
    return git(directory, "rev-parse", "HEAD")


def refused(directory: Path) -> str:
    """What a hook says of the edit."""
    return REFUSED.format(head=head(directory)[:12])


def hooks_of(directory: Path) -> dict[str, tuple[bytes, bool]]:
    """Every hook of a directory but git's samples: its bytes, and whether it can be run."""
    files = (path for path in sorted(directory.iterdir()) if path.suffix != ".sample")
    return {path.name: (path.read_bytes(), os.access(path, os.X_OK)) for path in files}


# install


def test_hooks_in_a_fresh_repository_refuse_an_edited_mirror_and_let_all_else_pass(
    installed: Host,
) -> None:
    assert [
        (name, can_run) for name, (_, can_run) in hooks_of(installed.path / ".git/hooks").items()
    ] == [(name, True) for name in sorted(CLIENT_HOOKS)]
    before = head(installed.path)
    edit(installed)
    assert attempt(installed.path, "commit", "--quiet", "-a", "-m", "edit") == Ran(
        1, "", refused(installed.path)
    )
    assert head(installed.path) == before
    installed.git("checkout", "--quiet", "third_party")
    (installed.path / "own").write_text("own\n")
    installed.git("add", "own")
    assert attempt(installed.path, "commit", "--quiet", "-m", "own") == Ran(0, "", "")
    assert head(installed.path) != before


def test_a_repository_without_hooks_lets_the_same_edit_pass(host: Host) -> None:
    edit(host)
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit") == Ran(0, "", "")


def test_a_sync_committed_by_hand_gets_its_trailer_and_passes(
    installed: Host, upstream: Upstream
) -> None:
    installed.manifest(mirror("up", upstream.url, tag="v2", local=True))
    installed.sync()
    installed.git("add", "third_party/mirrors.toml")
    assert attempt(installed.path, "commit", "--quiet", "-m", "move up") == Ran(0, "", "")
    tree = git(upstream.path, "rev-parse", "v2^{tree}")
    assert installed.git("log", "-1", "--format=%B") == f"move up\n\nMirror-Sync: up v2 {tree}"


def test_a_message_that_lost_its_trailer_is_refused_by_commit_msg(
    installed: Host, upstream: Upstream
) -> None:
    installed.manifest(mirror("up", upstream.url, tag="v2", local=True))
    installed.sync()
    installed.git("add", "third_party/mirrors.toml")
    editor = script(installed.path.parent / "editor", 'echo "no trailer" > "$1"\n')
    before = head(installed.path)
    ran = attempt(
        installed.path, "commit", "--quiet", "--edit", "-m", "move up", GIT_EDITOR=str(editor)
    )
    tree = git(upstream.path, "rev-parse", "v2^{tree}")
    old, new = (git(upstream.path, "rev-parse", f"{tag}^{{commit}}")[:12] for tag in ("v1", "v2"))
    assert ran.status == 1
    assert ran.err == (
        "the index\n"
        "  trailer-missing  up\n"
        f"    the message lacks the line `Mirror-Sync: up v2 {tree}`\n"
        f"    put back: git restore --source={before[:12]} --staged --worktree -- :/third_party/up :/third_party/provenance/up.json\n"
        "    or: add the line; the prepare-commit-msg hook does it by itself (`git verbatim hook install`), "
        "and so does `git verbatim sync --commit`\n"
        f"moved: up: pin v1 → v2, commit {old} → {new}\n"
        "refused: 1 violation in the index\n"
        "why: git verbatim check --explain trailer-missing\n"
    )
    assert head(installed.path) == before


def test_a_merge_that_changes_a_mirror_is_refused_by_pre_merge_commit(installed: Host) -> None:
    installed.git("checkout", "--quiet", "-b", "side")
    installed.git("commit", "--quiet", "--allow-empty", "-m", "side")
    installed.git("checkout", "--quiet", "main")
    installed.git("commit", "--quiet", "--allow-empty", "-m", "main")
    before = head(installed.path)
    # what a merge driver, or a file that git adds while it merges, does
    driver = (
        f"printf 'merged\\n' > '{installed.third_party}/up/a.wit'; git add third_party/up/a.wit"
    )
    script(installed.path / ".git/hooks" / f"pre-merge-commit{BEFORE}", driver)
    assert attempt(installed.path, "merge", "--quiet", "--no-edit", "side").status == 1
    assert head(installed.path) == before


def test_installing_again_changes_nothing(installed: Host) -> None:
    before = hooks_of(installed.path / ".git/hooks")
    assert install(installed.path) == Ran(0, INSTALLED, "")
    assert hooks_of(installed.path / ".git/hooks") == before


def test_an_older_hook_of_ours_is_replaced_and_what_it_chains_stays(installed: Host) -> None:
    hooks = installed.path / ".git/hooks"
    foreign = script(hooks / f"pre-commit{BEFORE}", "exit 0\n")
    wanted = hooks_of(hooks)
    body = "# version 0\nexit 0\n"
    digest = hashlib.sha256(body.encode()).hexdigest()
    script(
        hooks / "pre-commit",
        f"# A hook of git-verbatim, sha256 {digest}: as it was said then\n{body}",
    )
    ran = install(installed.path)
    assert ran.out.splitlines()[0] == f"pre-commit          installed, runs {foreign.name} first"
    assert hooks_of(hooks) == wanted


def test_a_hook_of_ours_that_was_edited_is_not_overwritten(installed: Host) -> None:
    hooks = installed.path / ".git/hooks"
    with (hooks / "pre-push").open("a") as file:
        file.write("echo mine\n")
    before = hooks_of(hooks)
    ran = install(installed.path)
    assert ran == Ran(
        2,
        "",
        f"error: hooks of ours were changed by hand, and would be overwritten\n  {hooks}/pre-push\n"
        "hint: move your lines into a hook of their own, delete these, and install again\n",
    )
    assert hooks_of(hooks) == before


def test_install_works_from_a_subdirectory(host: Host) -> None:
    assert install(host.third_party / "up") == Ran(0, INSTALLED, "")
    edit(host)
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit") == Ran(
        1, "", refused(host.path)
    )


def test_outside_of_git_there_is_nothing_to_install(tmp_path: Path) -> None:
    ran = install(tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines()[0] == "error: this is not a git repository"


# hooks that were there before


def test_a_foreign_hook_is_kept_and_run_first_with_its_arguments(
    host: Host, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    texts = {name: f'echo "{name} $# $(basename "$1")" >> "{log}"\n' for name in CLIENT_HOOKS[:3]}
    for name, text in texts.items():
        script(host.path / ".git/hooks" / name, text)
    ran = install(host.path)
    assert ran == Ran(
        0,
        f"pre-commit          installed, runs pre-commit{BEFORE} first\n"
        f"prepare-commit-msg  installed, runs prepare-commit-msg{BEFORE} first\n"
        f"commit-msg          installed, runs commit-msg{BEFORE} first\n"
        "pre-merge-commit    installed\n"
        "pre-push            installed\n",
        "",
    )
    host.git("commit", "--quiet", "--allow-empty", "-m", "own")
    assert (
        log.read_text()
        == "pre-commit 0 \nprepare-commit-msg 2 COMMIT_EDITMSG\ncommit-msg 1 COMMIT_EDITMSG\n"
    )
    log.unlink()
    edit(host)
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit") == Ran(
        1, "", refused(host.path)
    )
    assert log.read_text() == "pre-commit 0 \n"


def test_a_foreign_hook_that_says_no_is_the_last_word(host: Host) -> None:
    script(host.path / ".git/hooks/pre-commit", "echo foreign no >&2\nexit 7\n")
    install(host.path)
    before = head(host.path)
    edit(host)
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit") == Ran(1, "", "foreign no\n")
    assert head(host.path) == before
    by_hand = subprocess.run(
        [host.path / ".git/hooks/pre-commit"], cwd=host.path, capture_output=True, check=False
    )
    assert by_hand.returncode == 7


def test_a_foreign_pre_push_reads_what_git_says_and_so_does_ours(
    host: Host, tmp_path: Path
) -> None:
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    host.git("remote", "add", "origin", str(remote))
    log = tmp_path / "log"
    script(host.path / ".git/hooks/pre-push", f'echo "$@" > "{log}"\ncat >> "{log}"\n')
    install(host.path)
    pushed = head(host.path)
    host.git("push", "--quiet", "origin", "main", "main:copy")
    zero = "0" * 40
    # git names refs in the order of the command line
    assert log.read_text() == (
        f"origin {remote}\nrefs/heads/main {pushed} refs/heads/main {zero}\nrefs/heads/main {pushed} refs/heads/copy {zero}\n"
    )
    edit(host)
    host.git("commit", "--quiet", "--no-verify", "-a", "-m", "edit")
    ran = attempt(host.path, "push", "--quiet", "origin", "main")
    assert ran.status == 1
    assert f"commit {head(host.path)[:12]}  edit\n  mirror-differs-from-record  up\n" in ran.err
    assert git(remote, "rev-parse", "main") == pushed


def test_a_foreign_hook_that_git_would_not_run_is_not_run(host: Host) -> None:
    hook = script(host.path / ".git/hooks/pre-commit", "exit 7\n")
    hook.chmod(0o644)
    install(host.path)
    host.git("commit", "--quiet", "--allow-empty", "-m", "own")
    assert host.run("hook", "uninstall").status == 0
    assert hooks_of(host.path / ".git/hooks") == {"pre-commit": (b"#!/bin/sh\nexit 7\n", False)}


def test_uninstall_puts_back_what_was_there_byte_for_byte(host: Host) -> None:
    hooks = host.path / ".git/hooks"
    (hooks / "commit-msg").write_bytes(b"#!/bin/sh\r\n\xff no text\0\n")
    (hooks / "commit-msg").chmod(0o755)
    script(hooks / "post-commit", "exit 0\n")
    before = hooks_of(hooks)
    install(host.path)
    assert set(hooks_of(hooks)) == {*CLIENT_HOOKS, f"commit-msg{BEFORE}", "post-commit"}
    assert host.run("hook", "uninstall") == Ran(
        0,
        "removed pre-commit\n"
        "removed prepare-commit-msg\n"
        "removed commit-msg, put back what was there before\n"
        "removed pre-merge-commit\n"
        "removed pre-push\n",
        "",
    )
    assert hooks_of(hooks) == before
    assert host.run("hook", "uninstall") == Ran(0, "no hooks of git-verbatim are here\n", "")


@pytest.mark.parametrize(
    "target", ["../../tools/pre-commit", "../../tools/nowhere"], ids=["a file", "nothing"]
)
def test_a_foreign_hook_that_is_a_link_comes_back_as_a_link(host: Host, target: str) -> None:
    script(host.path / "tools/pre-commit", "exit 0\n")
    hook = host.path / ".git/hooks/pre-commit"
    hook.symlink_to(target)
    assert install(host.path).status == 0
    host.git("commit", "--quiet", "--allow-empty", "-m", "own")
    assert host.run("hook", "uninstall").status == 0
    assert (hook.is_symlink() and os.readlink(hook), os.path.lexists(f"{hook}{BEFORE}")) == (
        target,
        False,
    )


def test_two_foreign_hooks_for_one_place_are_refused_with_the_line_to_add(host: Host) -> None:
    hooks = host.path / ".git/hooks"
    script(hooks / "pre-commit", "exit 0\n")
    script(hooks / f"pre-commit{BEFORE}", "exit 1\n")
    before = hooks_of(hooks)
    ran = install(host.path)
    assert ran == Ran(
        2,
        "",
        "error: other programs' hooks are there already, and would be overwritten\n"
        f'  {hooks}/pre-commit: add `git verbatim hook run pre-commit "$@" || exit $?`\n'
        "hint: add these lines to them, before anything that reads their input; nothing was installed\n",
    )
    assert hooks_of(hooks) == before


def test_a_directory_in_the_place_of_a_hook_is_refused(host: Host) -> None:
    (host.path / ".git/hooks/pre-push").mkdir(parents=True)
    assert install(host.path).status == 2
    assert not (host.path / ".git/hooks/pre-commit").exists()


def test_uninstall_leaves_a_hook_of_ours_that_was_edited_to_its_editor(installed: Host) -> None:
    hooks = installed.path / ".git/hooks"
    with (hooks / "pre-push").open("a") as file:
        file.write("echo mine\n")
    before = hooks_of(hooks)
    assert installed.run("hook", "uninstall") == Ran(
        2,
        "",
        f"error: hooks of ours were changed by hand\n  {hooks}/pre-push\nhint: save what you need of them and delete them yourself\n",
    )
    assert hooks_of(hooks) == before


# core.hooksPath


def test_hooks_go_where_core_hooks_path_says_within_the_repository(host: Host) -> None:
    host.git("config", "core.hooksPath", "tools/hooks")
    assert install(host.path / "third_party") == Ran(0, INSTALLED, "")
    assert sorted(hooks_of(host.path / "tools/hooks")) == sorted(CLIENT_HOOKS)
    assert not (host.path / ".git/hooks/pre-commit").exists()
    edit(host)
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit") == Ran(
        1, "", refused(host.path)
    )


def test_tracked_hooks_of_others_are_not_touched_and_the_line_to_add_works(host: Host) -> None:
    host.git("config", "core.hooksPath", "hooks")
    hook = script(host.path / "hooks/pre-commit", "exit 0\n")
    before = host.snapshot()
    ran = install(host.path)
    line = 'git verbatim hook run pre-commit "$@" || exit $?'
    assert ran == Ran(
        2,
        "",
        "error: other programs' hooks are there already, and would be overwritten\n"
        f"  {hook}: add `{line}`\n"
        "hint: add these lines to them, before anything that reads their input; nothing was installed\n",
    )
    assert host.snapshot() == before
    script(hook, f"{line}\nexit 0\n")
    edit(host)
    program = program_on_path(host.path.parent / "bin")
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit", PATH=program) == Ran(
        1, "", refused(host.path)
    )


@pytest.mark.parametrize("place", ["shared", "/dev/null"])
def test_hooks_that_others_share_are_refused_with_two_ways_out(
    host: Host, tmp_path: Path, place: str
) -> None:
    directory = str(tmp_path / place)
    host.git("config", "core.hooksPath", directory)
    ran = install(host.path)
    assert ran == Ran(
        2,
        "",
        "error: core.hooksPath is outside of this repository: hooks there are run for others too\n"
        f"  directory: {directory}\n"
        'hint: call `git verbatim hook run NAME "$@"` from the hooks there, or give this repository hooks of its own: '
        "`git config core.hooksPath .git/hooks`\n",
    )
    assert not (tmp_path / "shared").exists()
    host.git("config", "core.hooksPath", ".git/hooks")
    assert install(host.path) == Ran(0, INSTALLED, "")


def test_a_file_in_the_place_of_the_hooks_directory_is_named(host: Host) -> None:
    (host.path / "hooks").write_text("no directory\n")
    host.git("config", "core.hooksPath", "hooks")
    assert install(host.path) == Ran(
        2, "", f"error: core.hooksPath is no directory\n  path: {host.path}/hooks\n"
    )


# where repositories are


def test_hooks_installed_from_a_linked_worktree_are_for_all(host: Host, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    host.git("worktree", "add", "--quiet", "-b", "linked", str(linked))
    assert install(linked) == Ran(0, INSTALLED, "")
    assert run_tool(linked, "hook", "status") == Ran(0, INSTALLED, "")
    assert sorted(hooks_of(host.path / ".git/hooks")) == sorted(CLIENT_HOOKS)
    for worktree in (linked, host.path):
        (worktree / "third_party/up/a.wit").write_bytes(b"edited\n")
        assert attempt(worktree, "commit", "--quiet", "-a", "-m", "edit") == Ran(
            1, "", refused(worktree)
        )
        (worktree / "own").write_text(str(worktree))
        git(worktree, "add", "own")
        # what is not staged is not committed, and so not judged
        assert attempt(worktree, "commit", "--quiet", "-m", "own") == Ran(0, "", "")


def test_hooks_in_a_submodule_judge_the_submodule_alone(host: Host, tmp_path: Path) -> None:
    outer = Host.create(tmp_path / "outer")
    outer.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(host.path), "lib"
    )
    inner = outer.path / "lib"
    assert install(inner) == Ran(0, INSTALLED, "")
    assert sorted(hooks_of(outer.path / ".git/modules/lib/hooks")) == sorted(CLIENT_HOOKS)
    assert outer.run("hook", "status").status == 1
    (inner / "third_party/up/a.wit").write_bytes(b"edited\n")
    assert attempt(inner, "commit", "--quiet", "-a", "-m", "edit") == Ran(1, "", refused(inner))
    assert (
        attempt(
            outer.path, "submodule", "--quiet", "foreach", "git commit --quiet -a -m edit"
        ).status
        != 0
    )
    assert attempt(outer.path, "commit", "--quiet", "-m", "lib") == Ran(0, "", "")
    assert install(outer.path) == Ran(0, INSTALLED, "")
    git(inner, "checkout", "--quiet", "third_party")
    git(inner, "commit", "--quiet", "--allow-empty", "-m", "own")
    assert attempt(outer.path, "commit", "--quiet", "-a", "-m", "move lib") == Ran(0, "", "")


def test_a_bare_repository_gets_the_servers_hook_and_no_other(tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(tmp_path, "init", "--quiet", "--bare", str(bare))
    assert install(bare) == Ran(
        2,
        "",
        "error: this is a bare repository: nobody commits here\nhint: install the server's hook with `--pre-receive`\n",
    )
    assert run_tool(bare, "hook", "install", "--pre-receive") == Ran(
        0,
        "pre-receive  installed\nnext: `git config receive.fsckObjects true`, so that no malformed tree is accepted either\n",
        "",
    )
    assert sorted(hooks_of(bare / "hooks")) == ["pre-receive"]
    assert run_tool(bare, "hook", "status", "--pre-receive") == Ran(
        0, "pre-receive  installed\n", ""
    )
    assert run_tool(bare, "hook", "uninstall", "--pre-receive") == Ran(
        0, "removed pre-receive\n", ""
    )
    assert run_tool(bare, "hook", "status", "--pre-receive") == Ran(
        1, "pre-receive  absent\n" + NEXT.replace("install`", "install --pre-receive`"), ""
    )


@pytest.mark.parametrize(
    "name", ["with blank", "it's", 'say "hi"', "a:b", "höst-日本", "$HOME `id` \\n", "-dash"]
)
def test_a_repository_may_lie_anywhere(originals: Originals, tmp_path: Path, name: str) -> None:
    host = Host(Path(shutil.copytree(originals.plain, tmp_path / name)))
    script(host.path / ".git/hooks/pre-commit", "echo first >&2\n")
    assert install(host.path).status == 0
    edit(host)
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit") == Ran(
        1, "", "first\n" + refused(host.path)
    )
    host.git("checkout", "--quiet", "third_party")
    assert attempt(host.path, "commit", "--quiet", "--allow-empty", "-m", "own") == Ran(
        0, "", "first\n"
    )


def test_an_interpreter_may_lie_anywhere(host: Host, tmp_path: Path) -> None:
    python = environment_of(tmp_path / 'it\'s a "place" $HOME')
    install_with(python, host)
    edit(host)
    path = bare_path(tmp_path / "bin")
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit", PATH=path) == Ran(
        1, "", refused(host.path)
    )


# which index


@pytest.mark.parametrize(
    "arguments", [["-a"], ["third_party/up/a.wit"], ["--include", "third_party"], ["-a", "--amend"]]
)
def test_the_index_that_git_will_commit_is_judged(installed: Host, arguments: list[str]) -> None:
    edit(installed)  # nothing is staged in the index proper
    before = head(installed.path)
    ran = attempt(installed.path, "commit", "--quiet", "-m", "edit", *arguments)
    assert (ran.status, head(installed.path)) == (1, before)
    assert ran.err == refused(installed.path)


def test_what_is_staged_but_not_committed_is_not_judged(installed: Host) -> None:
    edit(installed)
    installed.git("add", "third_party")
    (installed.path / "own").write_text("own\n")
    installed.git("add", "own")
    assert attempt(installed.path, "commit", "--quiet", "-m", "own", "--", "own") == Ran(0, "", "")
    assert installed.git("show", "--name-only", "--format=", "HEAD") == "own"


def test_a_commit_made_from_elsewhere_is_judged(installed: Host, tmp_path: Path) -> None:
    edit(installed)
    place = ["--git-dir", "host/.git", "--work-tree", "host"]
    ran = attempt(tmp_path, *place, "commit", "--quiet", "-a", "-m", "edit")
    assert ran == Ran(1, "", refused(installed.path))


def test_a_commit_made_in_a_subdirectory_is_judged(installed: Host) -> None:
    edit(installed)
    ran = attempt(installed.third_party / "up", "commit", "--quiet", "-m", "edit", "a.wit")
    assert ran == Ran(1, "", refused(installed.path))


def test_a_hook_can_be_run_by_hand_in_a_subdirectory(host: Host) -> None:
    edit(host)
    host.git("add", "third_party")
    assert run_tool(host.third_party / "up", "hook", "run", "pre-commit") == Ran(
        1, "", refused(host.path)
    )


def test_an_index_that_git_names_is_judged_wherever_it_lies(host: Host, tmp_path: Path) -> None:
    edit(host)
    index = str(tmp_path / "an index")
    host.git("read-tree", "HEAD", GIT_INDEX_FILE=index)
    assert host.run("hook", "run", "pre-commit", GIT_INDEX_FILE=index) == Ran(0, "", "")
    host.git("add", "third_party/up", GIT_INDEX_FILE=index)
    assert host.run("hook", "run", "pre-commit", GIT_INDEX_FILE=index) == Ran(
        1, "", refused(host.path)
    )
    assert host.run("hook", "run", "pre-commit") == Ran(0, "", "")


# the program


def environment_of(directory: Path, *, program: bool = True) -> Path:
    """A virtual environment of its own with what the program needs; gives its interpreter.

    It has the program too, unless that is denied.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    needed = [
        *([str(ROOT)] if program else []),
        *(path for path in sys.path if path.endswith("site-packages")),
    ]
    (directory / "lib" / version / "site-packages" / "program.pth").write_text(
        "".join(f"{path}\n" for path in needed)
    )
    return directory / "bin/python"


def install_with(python: Path, host: Host) -> None:
    done = subprocess.run(
        [python, "-m", "sync", "hook", "install"],
        cwd=host.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, INSTALLED), done.stderr


def bare_path(directory: Path) -> str:
    """A PATH with git and what a hook needs, but without the program."""
    directory.mkdir()
    for name in ("git", "sh", "cat"):
        (directory / name).symlink_to(str(shutil.which(name)))
    return str(directory)


def program_on_path(directory: Path) -> str:
    """A PATH with the program too."""
    path = bare_path(directory)
    script(
        directory / "git-verbatim",
        f'exec "{sys.executable}" -P -c "from sync.__main__ import main; main()" "$@"\n',
    )
    return path


def cannot_find(python: Path) -> str:
    return (
        f"error: the pre-commit hook cannot find git-verbatim: {python} does not have it, and PATH neither\n"
        "hint: install it again (pipx install git-verbatim) and run `git verbatim hook install`\n"
        "hint: to do without, delete its hooks in .git/hooks\n"
    )


@pytest.fixture
def by_environment(host: Host, tmp_path: Path) -> tuple[Host, Path]:
    """Hooks that were installed from a virtual environment, and its interpreter."""
    python = environment_of(tmp_path / "venv")
    install_with(python, host)
    return host, python


@pytest.mark.parametrize("gone", ["the environment", "the package"])
def test_hooks_without_their_program_refuse_every_commit(
    by_environment: tuple[Host, Path], tmp_path: Path, gone: str
) -> None:
    host, python = by_environment
    path = bare_path(tmp_path / "bin")
    host.git("commit", "--quiet", "--allow-empty", "-m", "own", PATH=path)
    before = head(host.path)
    take_away(python, gone)
    assert attempt(host.path, "commit", "--quiet", "--allow-empty", "-m", "own", PATH=path) == Ran(
        1, "", cannot_find(python)
    )
    assert head(host.path) == before


@pytest.mark.parametrize("gone", ["the environment", "the package"])
def test_hooks_without_their_program_take_the_one_on_path(
    by_environment: tuple[Host, Path], tmp_path: Path, gone: str
) -> None:
    host, python = by_environment
    take_away(python, gone)
    path = program_on_path(tmp_path / "bin")
    edit(host)
    assert attempt(host.path, "commit", "--quiet", "-a", "-m", "edit", PATH=path) == Ran(
        1, "", refused(host.path)
    )
    host.git("checkout", "--quiet", "third_party")
    assert attempt(host.path, "commit", "--quiet", "--allow-empty", "-m", "own", PATH=path) == Ran(
        0, "", ""
    )


@pytest.mark.parametrize("entry", [".", "", "node_modules/.bin"])
def test_a_path_that_looks_into_the_repository_finds_no_program_there(
    by_environment: tuple[Host, Path], tmp_path: Path, entry: str
) -> None:
    host, python = by_environment
    for name in ("git-verbatim", "git", "cat"):
        (host.path / entry).mkdir(parents=True, exist_ok=True)
        script(host.path / entry / name, "exit 0\n")
    path = f"{entry}:{bare_path(tmp_path / 'bin')}"
    edit(host)
    host.git("add", "--all")
    assert run_tool(host.path, "hook", "run", "pre-commit", PATH=path) == Ran(
        1, "", refused(host.path)
    )
    take_away(python, "the environment")
    done = subprocess.run(
        [".git/hooks/pre-commit"],
        cwd=host.path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (2, cannot_find(python))


def take_away(python: Path, gone: str) -> None:
    if gone == "the environment":
        shutil.rmtree(python.parent.parent)
    else:
        next(python.parent.parent.glob("lib/python*/site-packages/program.pth")).unlink()


def test_a_program_without_what_it_needs_refuses(host: Host, tmp_path: Path) -> None:
    python = environment_of(tmp_path / "venv")
    install_with(python, host)
    pth = next(python.parent.parent.glob("lib/python*/site-packages/program.pth"))
    pth.write_text(f"{ROOT}\n")
    before = head(host.path)
    edit(host)
    ran = attempt(
        host.path, "commit", "--quiet", "-a", "-m", "edit", PATH=bare_path(tmp_path / "bin")
    )
    assert (ran.status, head(host.path)) == (1, before)
    assert ran.err.startswith("error: ")
    assert "No module named 'tomli'" in ran.err
    assert "Traceback" not in ran.err


def test_a_program_that_hooks_could_not_import_is_not_installed(host: Host, tmp_path: Path) -> None:
    python = environment_of(tmp_path / "venv", program=False)
    done = subprocess.run(
        # it is found here because it is started in its own directory, which no hook does
        [python, "-m", "sync", "-C", str(host.path), "hook", "install"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert Ran(done.returncode, done.stdout, done.stderr) == Ran(
        2,
        "",
        f"error: a hook could not import git-verbatim\n  interpreter: {python}\n"
        "hint: install the program, for example with `pipx install git-verbatim`, and run the command again\n",
    )
    assert hooks_of(host.path / ".git/hooks") == {}


def test_a_program_known_by_pythonpath_alone_is_missed_without_it(
    host: Host, tmp_path: Path
) -> None:
    python = environment_of(tmp_path / "venv", program=False)
    known = {"PATH": bare_path(tmp_path / "bin"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, "-m", "sync", "hook", "install"],
        cwd=host.path,
        env={**os.environ, **known},
        check=False,
    )
    assert done.returncode == 0
    commit = ["commit", "--quiet", "--allow-empty", "-m", "own"]
    assert attempt(host.path, *commit, **known) == Ran(0, "", "")
    assert attempt(host.path, *commit, PATH=known["PATH"]) == Ran(1, "", cannot_find(python))


HIJACK = "import sys\nsys.stderr.write('HIJACKED\\n')\nsys.stderr.flush()\nimport os\nos._exit(0)\n"
PLANTED = (
    "sync/__init__.py",
    "sync/__main__.py",
    "policies/__init__.py",
    "json.py",
    "re.py",
    "pygit2.py",
    "sitecustomize.py",
)


@pytest.mark.parametrize(
    "environment",
    [{}, {"PYTHONPATH": "."}, {"PYTHONSTARTUP": "json.py"}],
    ids=["plain", "path", "startup"],
)
def test_hooks_import_nothing_of_the_repository(
    installed: Host, environment: Mapping[str, str]
) -> None:
    for path in PLANTED:
        (installed.path / path).parent.mkdir(exist_ok=True)
        (installed.path / path).write_text(HIJACK)
    before = head(installed.path)
    edit(installed)
    ran = attempt(installed.path, "commit", "--quiet", "-a", "-m", "edit", **environment)
    assert ran == Ran(1, "", refused(installed.path))
    assert head(installed.path) == before
    installed.git("checkout", "--quiet", "third_party")
    installed.git("add", "--all")
    assert attempt(installed.path, "commit", "--quiet", "-m", "own modules", **environment) == Ran(
        0, "", ""
    )


# status


def test_status_without_hooks(host: Host) -> None:
    assert host.run("hook", "status") == Ran(1, INSTALLED.replace("installed", "absent") + NEXT, "")


def test_status_names_what_each_hook_is(installed: Host) -> None:
    hooks = installed.path / ".git/hooks"
    script(hooks / f"pre-commit{BEFORE}", "exit 0\n")
    (hooks / "prepare-commit-msg").unlink()
    script(hooks / "commit-msg", "exit 0\n")
    with (hooks / "pre-merge-commit").open("a") as file:
        file.write("# mine\n")
    assert installed.run("hook", "status") == Ran(
        1,
        f"pre-commit          installed, runs pre-commit{BEFORE} first\n"
        "prepare-commit-msg  absent\n"
        f"commit-msg          another program's: {hooks}/commit-msg\n"
        "pre-merge-commit    installed, then changed by hand\n"
        "pre-push            installed\n" + NEXT,
        "",
    )


def test_status_finds_a_hook_that_git_would_not_run(installed: Host) -> None:
    (installed.path / ".git/hooks/commit-msg").chmod(0o644)
    ran = installed.run("hook", "status")
    assert ran.status == 1
    assert (
        ran.out.splitlines()[2]
        == "commit-msg          installed, but git cannot execute it: install it again"
    )
    assert install(installed.path) == Ran(0, INSTALLED, "")


def test_status_finds_an_interpreter_that_is_gone(by_environment: tuple[Host, Path]) -> None:
    host, python = by_environment
    assert host.run("hook", "status") == Ran(0, INSTALLED, "")
    shutil.rmtree(python.parent.parent)
    gone = "installed, but its interpreter is gone: install it again"
    assert host.run("hook", "status") == Ran(1, INSTALLED.replace("installed", gone) + NEXT, "")
    assert install(host.path) == Ran(0, INSTALLED, "")
    assert host.run("hook", "status") == Ran(0, INSTALLED, "")
