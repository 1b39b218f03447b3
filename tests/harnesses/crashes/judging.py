"""What has to be so after a run that was hit, and what was found instead."""

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.harnesses.crashes.points import INTERRUPTS, KILL, MAIN, SHORT, Point
from tests.harnesses.crashes.running import hit, run, was_hit
from tests.harnesses.crashes.scenes import NOTE, STAGED, Job, Scenes
from tests.support.hosts import Host
from tests.support.program import Ran

TORN, MISSING, UNHEALED, UNCLEAR = "torn", "missing", "not healed", "unclear"
WORKSPACE = "third_party/.git-verbatim"
# git and the tool keep these; whoever holds none of them by flock is gone
_LOCK_FILES = {".git/git-verbatim.lock"}
_MEMORY = {f".git/git-verbatim.{command}" for command in ("status", "sync")}


@dataclass(frozen=True)
class State:
    """What a job changes: files with their modes, the index, the commit."""

    files: dict[str, tuple[int, bytes]]
    directories: frozenset[str]
    index: str
    head: str

    @classmethod
    def of(cls, host: Host) -> "State":
        files, directories = {}, set()
        for path in _below(host.path):
            name = str(path.relative_to(host.path))
            if path.is_dir() and not path.is_symlink():
                directories.add(name)
            else:
                content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
                files[name] = (path.lstat().st_mode, content)
        return cls(
            files,
            frozenset(directories),
            host.git("ls-files", "--stage"),
            host.git("rev-parse", "HEAD"),
        )

    def without_directories(self) -> "State":
        return replace(self, directories=frozenset())


def _below(top: Path) -> Iterator[Path]:
    for path in sorted(top.iterdir()):
        if path.name in {".git", Path(WORKSPACE).name}:
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


@dataclass(frozen=True)
class Law:
    """What a job begins with and what it ends with."""

    job: Job
    old: State
    new: State

    @classmethod
    def of(cls, scenes: Scenes, job: Job, top: Path) -> "Law":
        with scenes.fresh(job, top) as host:
            old = State.of(host)
            ran = run(scenes, top, job.command)
            if ran.status != 0:
                raise AssertionError(f"the job {job.name} fails by itself:\n{ran.err}")
            return cls(job, old, State.of(host))


@dataclass
class Verdict:
    """What was found wrong in one case, as (column, words)."""

    point: Point
    kind: str
    wrong: list[tuple[str, str]] = field(default_factory=list)
    outcome: str = ""
    reached: bool = True

    def says(self, column: str, words: str) -> None:
        self.wrong.append((column, words))


def judge(scenes: Scenes, law: Law, case: tuple[Point, str], top: Path) -> Verdict:
    """Hit a fresh copy of the job at the point.

    Then judge what it left, and whether one run heals it.
    """
    point, kind = case
    verdict = Verdict(point, kind)
    with scenes.fresh(law.job, top) as host:
        ran = hit(scenes, point, kind, top)
        after = State.of(host)
        verdict.reached = kind == SHORT or was_hit(top, kind)
        _judge_tree(verdict, law, after, run(scenes, top, ("verify",)))
        if kind in INTERRUPTS and verdict.reached and not point.is_gits:
            _judge_interrupted(verdict, ran, host)
        elif kind != KILL:
            _judge_words(verdict, law, ran, after)
        _judge_user(verdict, law, host, after, "then")
        _take_gits_locks(verdict, host)
        _judge_healing(verdict, law, run(scenes, top, law.job.command), host)
        _judge_looks(verdict, scenes, top)
        _judge_leftovers(verdict, host)
    return verdict


def _ours(state: State) -> dict[str, tuple[int, bytes]]:
    """All files but the user's."""
    return {name: value for name, value in state.files.items() if name not in {NOTE, STAGED}}


def _judge_tree(verdict: Verdict, law: Law, after: State, verified: Ran) -> None:
    """The tree is old or new, and so is the index with it.

    Otherwise the next command says that a run was interrupted.
    """
    is_interrupted = verified.status == 2 and "interrupted" in verified.err
    files, index = _ours(after), after.index
    kind = next(
        (name for name, state in (("old", law.old), ("new", law.new)) if files == _ours(state)),
        "mixed",
    )
    verdict.outcome = f"{kind}{' and interrupted' if is_interrupted else ''}"
    if is_interrupted:
        return
    if kind == "mixed":
        both = _ours(law.old).keys() & _ours(law.new).keys()
        lost = sorted(both - files.keys())
        verdict.says(
            MISSING if lost else TORN,
            f"neither old nor new, and not announced (verify: {verified.status}) {lost}",
        )
    elif index not in {law.old.index, law.new.index} or (kind == "old") != (index == law.old.index):
        verdict.says(TORN, f"the tree is {kind}, its index is not, and that is not announced")
    elif after.head not in {law.old.head, law.new.head}:
        verdict.says(TORN, "a commit that is none of the two")


def _judge_interrupted(verdict: Verdict, ran: Ran, host: Host) -> None:
    """A run that is interrupted says so, and tidies up."""
    if (ran.status, ran.err.splitlines()[-1:]) != (130, ["interrupted"]) or "Traceback" in ran.err:
        verdict.says(UNCLEAR, f"exit status {ran.status}: {_last(ran)}")
    if left := leftovers(host):
        verdict.says(UNHEALED, f"left over by who was interrupted: {sorted(left)}")


def _judge_words(verdict: Verdict, law: Law, ran: Ran, after: State) -> None:
    """A run that met an error succeeds completely or says clearly what failed."""
    if "Traceback" in ran.err or "this is a bug" in ran.err:
        verdict.says(UNCLEAR, f"a crash: {_last(ran)}")
    elif ran.status == 0:
        if after != law.new and not (
            _keeps_directories(verdict)
            and after.without_directories() == law.new.without_directories()
        ):
            verdict.says(TORN, "it exits 0 without the new state")
    elif (
        verdict.point.is_gits
        and verdict.kind == "INT"
        and ran.err.splitlines()[-1:] == ["interrupted"]
    ):
        verdict.outcome += ", as by ^C"
    elif ran.status not in (
        {2} if verdict.point.scope == MAIN and verdict.kind != SHORT else {2, 3}
    ):  # 3 where it fetches
        verdict.says(UNCLEAR, f"exit status {ran.status}: {_last(ran)}")
    elif not verdict.point.is_output and not re.search(r"^error: .+", ran.err, re.MULTILINE):
        verdict.says(UNCLEAR, f"no error is said: {_last(ran)}")
    verdict.outcome += f", exit {ran.status}"


def _keeps_directories(verdict: Verdict) -> bool:
    """Whether an empty directory may stay.

    It is no content, and the error may have been that it cannot be removed.
    """
    return verdict.kind != KILL and verdict.point.call in {"unlinkat", "rmdir"}


def _judge_user(verdict: Verdict, law: Law, host: Host, state: State, when: str) -> None:
    for name in (NOTE, STAGED):
        path = host.path / name
        if not path.is_file() or path.read_bytes() != law.old.files[name][1]:
            verdict.says(MISSING, f"{when}: the user's {name}")
    if _staged(state.index) != _staged(law.old.index):
        verdict.says(MISSING, f"{when}: what the user had staged")


def _staged(listing: str) -> list[str]:
    return [line for line in listing.splitlines() if line.endswith(f"\t{STAGED}")]


def _take_gits_locks(verdict: Verdict, host: Host) -> None:
    """Delete the locks that a git left when it was hit, as git's own words tell.

    Every later git says which file to delete.
    """
    for lock in (host.path / ".git/HEAD.lock", *(host.path / ".git/refs/heads").rglob("*.lock")):
        if verdict.point.scope != MAIN and lock.exists():
            lock.unlink()
            verdict.outcome += ", git's lock"


def _judge_healing(verdict: Verdict, law: Law, ran: Ran, host: Host) -> None:
    """One run of the same job brings the new state.

    What was removed already cannot be removed again, and the run says so.
    """
    is_gone = law.job.command[0] == "remove" and ran.status == 2 and "no mirror" in ran.err
    if ran.status != 0 and not is_gone:
        verdict.says(UNHEALED, f"the next run exits {ran.status}: {_last(ran)}")
    healed = State.of(host)
    if healed.files != law.new.files:
        names = {
            name
            for name in {*healed.files, *law.new.files}
            if healed.files.get(name) != law.new.files.get(name)
        }
        verdict.says(UNHEALED, f"files differ: {sorted(names)}")
    if healed.directories != law.new.directories and not _keeps_directories(verdict):
        verdict.says(
            UNHEALED, f"directories differ: {sorted(healed.directories ^ law.new.directories)}"
        )
    if healed.index != law.new.index:
        verdict.says(UNHEALED, "the index differs")
    if healed.head != law.new.head:
        verdict.says(UNHEALED, "the commit differs")
    _judge_user(verdict, law, host, healed, "healed")


def _judge_looks(verdict: Verdict, scenes: Scenes, top: Path) -> None:
    for look_at in (("verify",), ("verify", "--index"), ("status",)):
        ran = run(scenes, top, look_at)
        if ran.status != 0:
            verdict.says(UNHEALED, f"{' '.join(look_at)} exits {ran.status}: {_last(ran)}")


def _judge_leftovers(verdict: Verdict, host: Host) -> None:
    """Nothing of the tool's is left; every object is whole."""
    if left := leftovers(host):
        verdict.says(UNHEALED, f"left over: {sorted(left)}")
    try:
        host.git("fsck", "--strict", "--no-dangling")
    except AssertionError as error:
        verdict.says(UNHEALED, f"git fsck: {str(error).splitlines()[1:3]}")


def leftovers(host: Host) -> set[str]:
    """Locks, journals, drafts, the workspace."""
    git_directory = host.path / ".git"
    left = {
        str(path.relative_to(host.path)) for path in git_directory.rglob("*.lock")
    } - _LOCK_FILES
    left |= (
        {f".git/{path.name}" for path in git_directory.glob("git-verbatim*")}
        - _LOCK_FILES
        - _MEMORY
    )
    left |= {WORKSPACE} if (host.path / WORKSPACE).exists() else set()
    locks = [git_directory / "git-verbatim.lock", *(host.path.parent / "home").rglob("*.lock")]
    return left | {
        f"{lock.name}, still held" for lock in locks if lock.is_file() and not _is_free(lock)
    }


def _is_free(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _last(ran: Ran) -> str:
    return " | ".join((ran.err or ran.out).strip().splitlines()[-4:])[:400]
