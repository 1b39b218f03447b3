"""The real pre-commit framework (https://pre-commit.com) on a real repository.

It runs the hooks of .pre-commit-hooks.yaml.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.originals import released
from tests.support.program import Ran, run_tool
from tests.support.project import ROOT
from tests.support.upstreams import Upstream

pytest.importorskip("pre_commit")
yaml = pytest.importorskip("yaml")

MANIFEST = ROOT / ".pre-commit-hooks.yaml"
OWN = ROOT / ".pre-commit-config.yaml"
HOOKS = yaml.safe_load(MANIFEST.read_text())
STAGES = {"pre-commit", "pre-merge-commit", "prepare-commit-msg", "commit-msg", "pre-push"}
ALL = tuple(hook["id"] for hook in HOOKS)

# what reaches a package index here, before the scratch home hides it
_PIP_FILES = [
    path
    for path in (Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf")
    if path.is_file()
]
NETWORK = {
    name: value
    for name, value in os.environ.items()
    if name.lower().endswith("_proxy") or name.startswith("SSL_")
}
NETWORK |= {"PIP_CONFIG_FILE": str(_PIP_FILES[0])} if _PIP_FILES else {}


@dataclass(frozen=True)
class Framework:
    """A host whose hooks are pre-commit's, and a remote that has its first commits."""

    host: Host
    remote: Path
    upstream: Upstream
    environment: dict[str, str]

    def attempt(self, *arguments: str, **environment: str) -> Ran:
        """Run git, which may fail."""
        return self._run(["git", *arguments], environment)

    def pre_commit(self, *arguments: str, **environment: str) -> Ran:
        return self._run([sys.executable, "-m", "pre_commit", *arguments], environment)

    def _run(self, command: list[str], environment: dict[str, str]) -> Ran:
        environment = {**os.environ, **self.environment, **environment}
        done = subprocess.run(
            command,
            cwd=self.host.path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    @property
    def head(self) -> str:
        return self.host.git("rev-parse", "HEAD")

    def remote_refs(self) -> str:
        return git(self.remote, "for-each-ref", "--format=%(refname) %(objectname)")

    def commit(self, subject: str, *, edited: bool = False) -> str:
        """A commit that no hook sees.

        It changes something of the host's own, or it edits a mirror.
        """
        path = self.host.third_party / "up/a.wit" if edited else self.host.path / "own"
        path.write_text(f"{subject}\n")
        self.host.git("add", str(path))
        self.host.git("-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", subject)
        return self.head


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Framework:
    """A project with pre-commit's configuration, made once.

    The configuration has the entries of .pre-commit-hooks.yaml, without an environment of their
    own.
    """
    place = tmp_path_factory.mktemp("original")
    environment = {
        "PRE_COMMIT_HOME": str(place / "pre-commit"),
        "PRE_COMMIT_COLOR": "never",
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    program = place / "bin/python"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    with released(place) as upstream:
        framework = Framework(
            Host.create(place / "host"), place / "remote.git", upstream, environment
        )
        local = [
            {key: value for key, value in hook.items() if key != "minimum_pre_commit_version"}
            for hook in HOOKS
        ]
        configure(
            framework.host,
            {"repo": "local", "hooks": [{**hook, "language": "system"} for hook in local]},
        )
        framework.host.manifest(mirror("up", upstream.url, tag="v1", local=True))
        framework.host.sync("--commit")
        git(place, "init", "--quiet", "--bare", str(framework.remote))
        framework.host.git("remote", "add", "origin", str(framework.remote))
        framework.host.git("push", "--quiet", "--set-upstream", "origin", "main")
        ran = framework.pre_commit("install")
        assert ran.status == 0, ran
        assert {
            path.name
            for path in (framework.host.path / ".git/hooks").iterdir()
            if path.suffix != ".sample"
        } == STAGES
    return framework


def configure(host: Host, *repositories: dict, **settings: str) -> None:
    """The configuration of pre-commit, committed; JSON is YAML."""
    config = {"default_install_hook_types": sorted(STAGES), "repos": list(repositories), **settings}
    (host.path / ".pre-commit-config.yaml").write_text(json.dumps(config))
    host.git("add", ".pre-commit-config.yaml")
    host.git("-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "pre-commit")


@pytest.fixture
def framework(original: Framework, tmp_path: Path) -> Framework:
    host = Host(Path(shutil.copytree(original.host.path, tmp_path / "host", symlinks=True)))
    remote = Path(shutil.copytree(original.remote, tmp_path / "remote.git", symlinks=True))
    host.git("remote", "set-url", "origin", str(remote))
    return Framework(host, remote, original.upstream, dict(original.environment))


def only(stage: str) -> str:
    """What SKIP has to be so that one hook alone is run."""
    return ",".join(name for name in ALL if name != f"git-verbatim-{stage}")


def test_the_hooks_are_as_the_framework_wants_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", MANIFEST],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_there_is_one_hook_a_stage_and_each_runs_its_own() -> None:
    assert {tuple(hook["stages"]): hook["entry"] for hook in HOOKS} == {
        (stage,): f"python -I -m sync hook run {stage}" for stage in STAGES
    }
    assert [hook["id"] for hook in HOOKS] == [f"git-verbatim-{hook['stages'][0]}" for hook in HOOKS]


# commits


def test_an_honest_sync_passes_every_stage(framework: Framework) -> None:
    before = framework.head
    framework.host.manifest(mirror("up", framework.upstream.url, tag="v2", local=True))
    ran = framework.host.run("sync", "--commit", **framework.environment)
    assert ran.status == 0, ran.err
    assert framework.host.git("rev-parse", "HEAD^") == before
    ran = framework.attempt("push", "origin", "main")
    assert (
        ran.status,
        ran.out.count("no mirror changes without its record (push)"),
        ran.out.count("Passed"),
    ) == (0, 1, 1)
    assert framework.remote_refs() == f"refs/heads/main {framework.head}"


def test_a_sync_committed_by_hand_gets_its_trailer(framework: Framework) -> None:
    framework.host.manifest(mirror("up", framework.upstream.url, tag="v2", local=True))
    framework.host.sync()
    framework.host.git("add", "third_party/mirrors.toml")
    ran = framework.attempt("commit", "-m", "move up")
    assert (ran.status, ran.err.count("Passed")) == (0, 3), ran
    tree = git(framework.upstream.path, "rev-parse", "v2^{tree}")
    assert framework.host.git("log", "-1", "--format=%B") == f"move up\n\nMirror-Sync: up v2 {tree}"


def test_a_commit_of_something_else_passes(framework: Framework) -> None:
    (framework.host.path / "own").write_text("own\n")
    framework.host.git("add", "own")
    ran = framework.attempt("commit", "-m", "own")
    assert (ran.status, ran.err.count("Passed")) == (0, 3), ran


@pytest.mark.parametrize("arguments", [["-a"], ["third_party/up/a.wit"]])
def test_an_edited_mirror_is_refused_at_pre_commit(
    framework: Framework, arguments: list[str]
) -> None:
    before = framework.head
    (framework.host.third_party / "up/a.wit").write_text("edited\n")
    ran = framework.attempt("commit", "-m", "edit", *arguments)
    assert (ran.status, framework.head) == (1, before)
    lines = ran.err.splitlines()
    assert lines[0].startswith("no mirror changes without its record....")
    assert lines[0].endswith("Failed")
    assert "  mirror-differs-from-record  up" in lines
    assert "refused: 1 violation in the index" in lines


def test_a_deleted_file_of_a_mirror_is_refused_though_no_file_is_left_to_pass(
    framework: Framework,
) -> None:
    before = framework.head
    framework.host.git("rm", "--quiet", "third_party/up/a.wit")
    ran = framework.attempt("commit", "-m", "delete")
    assert (ran.status, framework.head) == (1, before)
    assert "refused: 1 violation in the index" in ran.err.splitlines()


def test_an_edited_mirror_is_refused_at_commit_msg(framework: Framework) -> None:
    before = framework.head
    (framework.host.third_party / "up/a.wit").write_text("edited\n")
    ran = framework.attempt("commit", "-a", "-m", "edit", SKIP=only("commit-msg"))
    assert (ran.status, framework.head) == (1, before)
    assert "- hook id: git-verbatim-commit-msg\n- exit code: 1\n" in ran.err
    assert "  mirror-differs-from-record  up\n" in ran.err


def test_a_missing_trailer_is_refused_at_commit_msg(framework: Framework) -> None:
    before = framework.head
    framework.host.manifest(mirror("up", framework.upstream.url, tag="v2", local=True))
    framework.host.sync()
    framework.host.git("add", "third_party/mirrors.toml")
    ran = framework.attempt("commit", "-m", "move up", SKIP="git-verbatim-prepare-commit-msg")
    assert (ran.status, framework.head) == (1, before)
    assert "- hook id: git-verbatim-commit-msg\n- exit code: 1\n" in ran.err
    assert "  trailer-missing  up\n" in ran.err


def test_a_merge_that_leaves_a_file_without_its_mirror_is_refused_at_pre_merge_commit(
    framework: Framework,
) -> None:
    host = framework.host
    host.git("checkout", "--quiet", "-b", "side")
    (host.third_party / "up/new.wit").write_text("new\n")
    host.git("add", "third_party")
    host.git(
        "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "a file beside upstream's"
    )
    host.git("checkout", "--quiet", "main")
    removed = host.run("remove", "up", "--commit", **framework.environment)
    assert removed.status == 0, removed.err
    before = framework.head
    ran = framework.attempt("merge", "--no-edit", "side")
    assert (ran.status, framework.head) == (1, before), ran
    assert "- hook id: git-verbatim-pre-merge-commit\n- exit code: 1\n" in ran.err
    assert (
        "    third_party/up/new.wit: no mirror, record, licence, manifest or `own` pattern accounts for it\n"
        in ran.err
    )


def test_commits_in_a_linked_worktree_are_judged(framework: Framework, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    framework.host.git("worktree", "add", "--quiet", "-b", "linked", str(linked))
    (linked / "third_party/up/a.wit").write_text("edited\n")
    ran = framework.attempt("-C", str(linked), "commit", "-a", "-m", "edit")
    assert (ran.status, git(linked, "rev-parse", "HEAD")) == (1, framework.head)
    assert "refused: 1 violation in the index" in ran.err


# pushes


def assert_refused(framework: Framework, ran: Ran, *bad: str) -> None:
    assert ran.status == 1, ran
    assert "- hook id: git-verbatim-pre-push\n- exit code: 1\n" in ran.out
    blamed = [line.split()[1] for line in ran.out.splitlines() if line.startswith("commit ")]
    assert blamed == [commit[:12] for commit in bad]
    assert all(commit not in framework.remote_refs() for commit in bad)


def test_a_bad_commit_is_refused_at_pre_push(framework: Framework) -> None:
    before = framework.remote_refs()
    bad = framework.commit("edit", edited=True)
    framework.commit("on top")
    assert_refused(framework, framework.attempt("push", "origin", "main"), bad)
    assert framework.remote_refs() == before


def test_a_bad_commit_is_refused_on_a_new_branch(framework: Framework) -> None:
    framework.host.git("checkout", "--quiet", "-b", "topic")
    bad = framework.commit("edit", edited=True)
    framework.commit("on top")
    assert_refused(framework, framework.attempt("push", "origin", "topic"), bad)


def test_the_first_commit_of_a_new_branch_is_judged_too(framework: Framework) -> None:
    framework.commit("not pushed yet")
    framework.host.git("checkout", "--quiet", "-b", "topic", "HEAD^")
    bad = framework.commit("edit", edited=True)
    assert_refused(framework, framework.attempt("push", "origin", "topic"), bad)


def test_a_bad_commit_is_refused_when_all_of_the_history_is_new_to_the_remote(
    framework: Framework, tmp_path: Path
) -> None:
    """The framework then names no range at all, but the branch."""
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "new.git"))
    framework.host.git("remote", "add", "new", str(tmp_path / "new.git"))
    bad = framework.commit("edit", edited=True)
    framework.commit("on top")
    assert_refused(framework, framework.attempt("push", "new", "main"), bad)
    assert git(tmp_path / "new.git", "for-each-ref") == ""


def test_an_honest_history_is_accepted_when_all_of_it_is_new_to_the_remote(
    framework: Framework, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "new.git"))
    framework.host.git("remote", "add", "new", str(tmp_path / "new.git"))
    ran = framework.attempt("push", "new", "main")
    assert (ran.status, git(tmp_path / "new.git", "rev-parse", "main")) == (0, framework.head), ran


def test_a_bad_commit_is_refused_when_the_remote_is_given_by_its_url(
    framework: Framework, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "new.git"))
    bad = framework.commit("edit", edited=True)
    assert_refused(
        framework,
        framework.attempt("push", str(tmp_path / "new.git"), "HEAD:refs/heads/topic"),
        bad,
    )
    assert_refused(framework, framework.attempt("push", str(framework.remote), "main"), bad)


def test_what_the_remote_has_already_is_not_judged_again(framework: Framework) -> None:
    framework.commit("edit", edited=True)
    framework.host.git("push", "--quiet", "--no-verify", "origin", "main:old")
    framework.commit("on top")
    ran = framework.attempt("push", "origin", "main")
    assert ran.status == 0, ran
    assert framework.remote_refs().count(framework.head) == 1


def test_a_deletion_has_nothing_to_judge(framework: Framework) -> None:
    framework.host.git("push", "--quiet", "--no-verify", "origin", "main:old")
    ran = framework.attempt("push", "origin", ":old")
    assert ran.status == 0, ran
    assert (
        framework.remote_refs() == f"refs/heads/main {git(framework.remote, 'rev-parse', 'main')}"
    )


def test_of_several_refs_the_framework_shows_the_first_alone(framework: Framework) -> None:
    """The framework shows the first ref only; the documentation names this limit.

    To have all refs judged, install our own hooks, or ask the server.
    """
    framework.host.git("branch", "a-good")
    framework.commit("good")
    framework.host.git("branch", "--force", "a-good")
    bad = framework.commit("edit", edited=True)
    framework.host.git("branch", "b-bad")
    ran = framework.attempt("push", "origin", "a-good", "b-bad")
    assert (ran.status, bad in framework.remote_refs()) == (0, True)
    framework.host.git(
        "push",
        "--quiet",
        "origin",
        "--delete",
        "a-good",
        "b-bad",
        PATH=framework.environment["PATH"],
    )
    ours = run_tool(
        framework.host.path,
        "hook",
        "run",
        "pre-push",
        "origin",
        str(framework.remote),
        stdin="".join(
            f"refs/heads/{name} {framework.host.git('rev-parse', name)} refs/heads/{name} {'0' * 40}\n"
            for name in ("a-good", "b-bad")
        ).encode(),
    )
    assert (ours.status, f"commit {bad[:12]}  edit\n" in ours.err) == (1, True)


# as CI calls it


@pytest.mark.parametrize("edited", [True, False])
def test_a_range_named_by_hand_is_judged(framework: Framework, *, edited: bool) -> None:
    bad = framework.commit("edit", edited=edited)
    ran = framework.pre_commit(
        "run", "--hook-stage", "pre-push", "--from-ref", "origin/main", "--to-ref", "HEAD"
    )
    assert ran.status == int(edited), ran
    assert (f"commit {bad[:12]}  edit\n" in ran.out) is edited


def test_a_push_without_commits_to_judge_is_not_called_clean(framework: Framework) -> None:
    ran = framework.pre_commit("run", "--hook-stage", "pre-push", "--all-files")
    assert ran.status == 1
    assert (
        "- exit code: 2\n\nerror: the pre-commit framework names no commits to judge\n" in ran.out
    )


def test_what_is_staged_is_judged_by_a_run_over_all_files(framework: Framework) -> None:
    assert framework.pre_commit("run", "--all-files").status == 0
    (framework.host.third_party / "up/a.wit").write_text("edited\n")
    framework.host.git("add", "third_party")
    ran = framework.pre_commit("run", "--all-files")
    assert (ran.status, "refused: 1 violation in the index\n" in ran.out) == (1, True)


def test_a_configuration_that_keeps_the_message_file_away_refuses_to_commit(
    framework: Framework,
) -> None:
    config = framework.host.path / ".pre-commit-config.yaml"
    config.write_text(json.dumps({**json.loads(config.read_text()), "files": "^src/"}))
    framework.host.git("add", "--all")
    before = framework.head
    ran = framework.attempt("commit", "-m", "own", SKIP=only("commit-msg"))
    assert (ran.status, framework.head) == (1, before)
    assert "error: commit-msg wants the file of the commit message\n" in ran.err


# as users have it: from a repository, in an environment that the framework makes


@pytest.mark.timeout(600)
def test_hooks_from_a_repository_in_their_own_environment(
    framework: Framework, tmp_path: Path
) -> None:
    """This is the only slow test here, of half a minute.

    It installs the program as it is now with all that it needs.
    """
    program = tmp_path / "program"
    for package in ("sync", "policies"):
        shutil.copytree(
            ROOT / package, program / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE", MANIFEST.name):
        shutil.copy2(ROOT / name, program / name)
    git(program, "init", "--quiet")
    git(program, "add", "--all", "--force")
    git(program, "commit", "--quiet", "-m", "program")
    configure(
        framework.host,
        {
            "repo": str(program),
            "rev": git(program, "rev-parse", "HEAD"),
            "hooks": [{"id": name} for name in ALL],
        },
    )
    framework.environment.update(
        {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit"), "PATH": os.environ["PATH"]}
    )
    made = framework.pre_commit("install", "--install-hooks", **NETWORK)
    if made.status != 0 and any(
        words in made.out for words in ("No matching distribution", "connection", "Connection")
    ):
        pytest.skip("no package index is reached from here")
    assert made.status == 0, made.out
    before = framework.head
    (framework.host.third_party / "up/a.wit").write_text("edited\n")
    ran = framework.attempt("commit", "-a", "-m", "edit")
    assert (ran.status, framework.head) == (1, before)
    assert "- hook id: git-verbatim-pre-commit\n- exit code: 1\n" in ran.err
    assert "refused: 1 violation in the index" in ran.err
    framework.host.git("checkout", "--quiet", "third_party")
    framework.host.manifest(mirror("up", framework.upstream.url, tag="v2", local=True))
    framework.host.sync()
    framework.host.git("add", "third_party/mirrors.toml")
    ran = framework.attempt("commit", "-m", "move up")
    assert (ran.status, ran.err.count("Passed")) == (0, 3), ran
    assert framework.host.git("log", "-1", "--format=%(trailers:key=Mirror-Sync)").startswith(
        "Mirror-Sync: up v2 "
    )
    bad = framework.commit("edit", edited=True)
    assert_refused(framework, framework.attempt("push", "origin", "main"), bad)


# as this project has it: .pre-commit-config.yaml


@pytest.fixture
def own(framework: Framework) -> Framework:
    """A host with this project's configuration, and with the `.venv` that the hooks start."""
    (framework.host.path / ".venv").symlink_to(sys.prefix)
    shutil.copy2(OWN, framework.host.path / OWN.name)
    framework.host.git("add", OWN.name)
    framework.host.git(
        "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", "this project's"
    )
    return framework


def test_our_configuration_is_as_the_framework_wants_it_and_has_all_hooks_that_we_ship() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", OWN],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    content = yaml.safe_load(OWN.read_text())
    assert set(content["default_install_hook_types"]) == STAGES
    hooks = {hook["id"]: hook for repository in content["repos"] for hook in repository["hooks"]}
    for shipped in HOOKS:
        ours = hooks[shipped["id"]]
        assert ours["entry"] == f".venv/bin/{shipped['entry']}"
        for key in ("name", "stages", "always_run", "pass_filenames"):
            assert ours.get(key) == shipped.get(key)


def test_our_configuration_judges_mirrors_and_formats_python(own: Framework) -> None:
    before = own.head
    (own.host.third_party / "up/a.wit").write_text("edited\n")
    ran = own.attempt("commit", "-a", "-m", "edit")
    assert (ran.status, own.head) == (1, before)
    assert "- hook id: git-verbatim-pre-commit\n- exit code: 1\n" in ran.err
    own.host.git("checkout", "--quiet", "third_party")
    module = own.host.path / "module.py"
    module.write_text("x=1\n")
    own.host.git("add", "module.py")
    ran = own.attempt("commit", "-m", "module")
    assert (ran.status, own.head, module.read_text()) == (1, before, "x = 1\n")
    own.host.git("add", "module.py")
    ran = own.attempt("commit", "-m", "module")
    assert (ran.status, own.host.git("rev-parse", "HEAD^")) == (0, before), ran


def test_our_configuration_refuses_what_ruff_check_finds(own: Framework) -> None:
    before = own.head
    (own.host.path / "module.py").write_text("import os\n")
    own.host.git("add", "module.py")
    ran = own.attempt("commit", "-m", "module")
    assert (ran.status, own.head) == (1, before)
    assert "- hook id: ruff-check\n- exit code: 1\n" in ran.err
