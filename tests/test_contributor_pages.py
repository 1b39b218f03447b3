"""What contributors are given is so.

Workflows call what exists, pages lead to files, and commands name tests.
"""

import ast
import json
import os
import re
import subprocess
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema.validators import validator_for
from ruamel.yaml import YAML

from tests.support.project import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
PAGES = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs/release.md",
    *sorted((ROOT / "docs/decisions").glob("*.md")),
]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)) | {".venv/dev"}


def yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


def assert_valid(schema_name: str, content: object) -> None:
    """By the schemas that check-jsonschema brings."""
    schema = json.loads(
        (files("check_jsonschema") / "builtin_schemas/vendor" / f"{schema_name}.json").read_text(
            "utf-8"
        )
    )
    validator_for(schema)(schema).validate(content)


def make_targets(script: str) -> set[str]:
    """What its `make` commands ask for, without options and variables."""
    commands = re.findall(r"(?:^|`|\bfresh )make ([^`#\n&;|]+)", script, re.MULTILINE)
    return {
        word
        for command in commands
        for word in command.split()
        if "=" not in word and not word.startswith("-")
    }


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_only_and_names_actions_by_commit(path: Path) -> None:
    workflow = yaml(path)
    assert_valid("github-workflows", workflow)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    used = re.findall(r"uses: (.+)", path.read_text("utf-8"))
    assert len(used) == sum("uses" in step for step in steps(workflow))
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9.]+", name) for name in used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_make_and_what_every_change_has_to_pass_and_nothing_else(
    path: Path,
) -> None:
    scripts = [step["run"] for step in steps(yaml(path)) if "run" in step]
    assert scripts
    for script in scripts:
        if script.startswith("make "):
            assert make_targets(script) <= TARGETS
        else:
            assert script == ".ci/run"
            assert os.access(ROOT / script, os.X_OK)


def test_the_suite_runs_from_the_oldest_python_on_and_on_both_systems() -> None:
    matrix = yaml(GITHUB / "workflows/tests.yml")["jobs"]["test"]["strategy"]["matrix"]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "requires-python"
    ]
    assert f">={matrix['python'][0]}" == oldest
    assert matrix["python"] == [f"3.{minor}" for minor in range(11, 15)]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "macos"}


def test_what_every_change_has_to_pass_calls_targets_that_exist() -> None:
    asked = make_targets((ROOT / ".ci/run").read_text("utf-8"))
    assert {"lint", "types", "layers", "demo", "test"} <= asked <= TARGETS


def test_issue_templates_are_as_github_wants_them() -> None:
    forms = {path.name: yaml(path) for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml")}
    assert_valid("github-issue-config", forms.pop("config.yml"))
    assert set(forms) == {"bug.yml", "idea.yml"}
    for form in forms.values():
        assert_valid("github-issue-forms", form)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in re.findall(r"\]\((?!https:)([^)\s]+)\)", page.read_text("utf-8")):
        path, _, heading = link.partition("#")
        target = page.parent / path
        assert target.is_file(), link
        titles = [
            re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings(target)
        ]
        assert not heading or heading in titles, link


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_a_page_names_exist(page: Path) -> None:
    assert make_targets(page.read_text("utf-8")) <= TARGETS


def test_the_tests_that_contributing_runs_are_there() -> None:
    commands = re.findall(r"pytest -q (\S+)(?: -k (\w+))?", PAGES[0].read_text("utf-8"))
    assert len(commands) == 2
    for path, word in commands:
        functions = [
            node.name
            for node in ast.parse((ROOT / path).read_bytes()).body
            if isinstance(node, ast.FunctionDef)
        ]
        assert any(name.startswith("test_") and word in name for name in functions)


def test_decisions_are_numbered_listed_and_of_one_form() -> None:
    index, *records = PAGES[2:][::-1]
    records.reverse()
    assert index.name == "README.md"
    assert re.findall(r"\]\((0[^)]+)\)", index.read_text("utf-8")) == [
        record.name for record in records
    ]
    for number, record in enumerate(records, 1):
        title, *rest = headings(record)
        assert title.startswith(f"{number}. ")
        assert record.name.startswith(f"{number:04}-")
        assert rest == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize(("status", "is_helped"), [(0, False), (1, False), (3, True)])
def test_sync_wasi_without_a_network_names_the_ways_on(
    tmp_path: Path, status: int, is_helped: bool
) -> None:
    program = tmp_path / "git-verbatim"
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)
    command = ["make", "-s", "-o", ".venv/installed", "sync-wasi", f"BIN={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (status == 0)
    assert ("`make demo`" in done.stderr and "insteadOf" in done.stderr) == is_helped
