"""Play a case: build its scene, run what reads it, and gather what the judges of the sinks say."""

import os
import subprocess
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.harnesses.badinput import sinks
from tests.harnesses.badinput.case import Case
from tests.harnesses.badinput.running import Ran, run
from tests.harnesses.badinput.scene import Scene, fresh, look_at
from tests.support.project import ROOT

_READERS = (("status",), ("verify",))
_JSON = (("status", "--json"), ("verify", "--json"))
# what reads a mirror that was accepted, beside these
_JSON_ACCEPTED = (
    ("sync", "--json"),
    ("verify", "--index", "--json"),
    ("check", "--json"),
    ("check", "--format", "sarif"),
    ("report", "json"),
)
_TEXT_ACCEPTED = (
    ("check",),
    ("check", "--format", "github"),
    ("report", "markdown"),
    ("report", "html"),
)


@dataclass
class Verdict:
    """What was found wrong with a case, as (sink, words)."""

    case: Case
    wrong: list[sinks.Complaint] = field(default_factory=list)
    skipped: bool = False
    """Whether it could not be built here: mounting is not allowed."""
    seconds: float = 0


def play(case: Case, template: Path, top: Path, base_kib: int) -> Verdict:
    """Play one case in `top`, which is gone afterwards."""
    verdict = Verdict(case)
    scene = fresh(template, top)
    try:
        case.build(scene)
        _judge(case, scene, verdict, base_kib)
    except PermissionError:
        verdict.skipped = True
    except Exception:  # noqa: BLE001 - the next case is none the worse for it
        verdict.wrong.append((sinks.REFERENCE, f"the case itself fails: {traceback.format_exc()}"))
    finally:
        scene.clear()
    return verdict


def _judge(case: Case, scene: Scene, verdict: Verdict, base_kib: int) -> None:
    def look() -> sinks.Moment:
        return sinks.Moment(look_at(scene.top), _staged(scene))

    def say(*arguments: str, on_terminal: bool = False) -> Ran:
        environment = {
            key: value.replace("{top}", str(scene.top)) for key, value in case.environment.items()
        }
        ran = run(
            scene.top / case.directory,
            arguments,
            environment,
            umask=case.umask,
            anew=case.anew,
            on_terminal=on_terminal,
        )
        runs.append(ran)
        return ran

    runs: list[Ran] = []
    before = look()
    documents = [say(*case.command, "--json", "--dry-run")] if case.command == ("sync",) else []
    documents += [say(*arguments) for arguments in _JSON if case.finding]
    planned = look()
    main = say(*case.command)
    if main.status == 0 and case.command == ("sync",):
        documents += [say(*arguments) for arguments in _JSON_ACCEPTED]
        _judge_reports(verdict, documents, [say(*arguments) for arguments in _TEXT_ACCEPTED])
    elif not main.hung:
        say(*case.command, on_terminal=True)
    if case.in_host or main.status == 0:
        for arguments in _READERS:
            say(*arguments, on_terminal=main.status == 0)
        documents += [say(*arguments) for arguments in _JSON if not case.finding]
    after = look()
    wrong = verdict.wrong
    wrong += [
        (sinks.FILES, f"a dry run: {words}")
        for _, words in sinks.judge_files(_REFUSED, scene, before, planned)
    ]
    wrong += sinks.judge_reference(case, main)
    wrong += sinks.judge_files(case, scene, before, after)
    wrong += sinks.judge_index(case, scene, before, after)
    wrong += sinks.judge_json(documents, case)
    for ran in runs:
        wrong += sinks.judge_terminal(ran)
        wrong += sinks.judge_time(ran, base_kib)
    verdict.seconds = max(ran.seconds for ran in runs)


_REFUSED = Case("a dry run", "", lambda _: None)


def _judge_reports(verdict: Verdict, documents: list[Ran], texts: list[Ran]) -> None:
    checks = {"json": documents[-3], "github": texts[1]}
    verdict.wrong += sinks.judge_annotations(checks)
    verdict.wrong += sinks.judge_page(texts[-1])


def _staged(scene: Scene) -> sinks.Index:
    listed = subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "ls-files", "-s", "-z"],
        cwd=scene.top / "host",
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        return None
    index = {}
    for line in listed.stdout.split(b"\0")[:-1]:
        facts, _, path = line.partition(b"\t")
        mode, blob, stage = facts.decode().split()
        index[path + (f" stage {stage}".encode() if stage != "0" else b"")] = (mode, blob)
    return index


def measure(template: Path, top: Path) -> int:
    """The memory, in KiB, of a run that reads next to nothing."""
    scene = fresh(template, top)
    try:
        return run(scene.host.path, ["status"], {}).kib
    finally:
        scene.clear()


def isolate(home: Path) -> None:
    """Keep everybody's configuration out of this process and those it starts."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_", "SSL_", "SSH_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(
        HOME=str(home),
        GIT_CONFIG_NOSYSTEM="1",
        TERM="xterm",
        COLUMNS="120",
        PYTHONPATH=str(ROOT),
        GIT_AUTHOR_DATE="2026-01-02T03:04:05Z",
        GIT_COMMITTER_DATE="2026-01-02T03:04:05Z",
    )
