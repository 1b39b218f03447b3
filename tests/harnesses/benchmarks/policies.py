"""Hooks, `check --range` and a push.

They are compared with bare imports, git's own walk, each other and the pre-commit framework.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from policies.git.history import cut_paths
from sync.manifest.outside import with_attributes_above
from tests.harnesses.benchmarks import peers
from tests.harnesses.benchmarks.harness import (
    Command,
    Contender,
    Samples,
    alternate,
    environment,
    extra_bytes,
    measure,
    median_seconds,
    program,
    ratio,
)
from tests.harnesses.benchmarks.histories import Seed, make_history, make_seed
from tests.harnesses.benchmarks.hosts import git
from tests.harnesses.benchmarks.results import Floor, Result
from tests.harnesses.benchmarks.sizes import Sizes

_IMPORTS = "import pygit2, json"
_LEAST = "import json"
_BARE = f'`python -c "{_IMPORTS}"`'
_FINDINGS = (1,)
_COMMITS_UNDER_HOOKS = 300
_FRAMEWORK_CONFIGURATION = """\
repos:
  - repo: local
    hooks: [{id: nothing, name: nothing, entry: "true", language: system, always_run: true, pass_filenames: false}]
"""


def measure_policies(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """All that people wait for when commits are judged."""
    seed = make_seed(sizes, stand_ins, scratch)
    outside = make_seed(sizes, stand_ins, scratch, outside=True)
    return [
        *_hooks(seed, sizes, scratch),
        *_hooks(outside, sizes, scratch),
        *_range(seed, sizes, scratch),
        *_range(outside, sizes, scratch),
        *_push(seed, sizes, scratch),
    ]


@dataclass(frozen=True, slots=True)
class _Host:
    """A host with hooks, and indexes of what is about to be committed.

    The indexes have work elsewhere, a moved mirror, and an edited mirror.
    """

    path: Path

    @property
    def message(self) -> Path:
        return self.path / ".git" / "message"

    def index(self, name: str) -> Path:
        return self.path / ".git" / f"index-{name}"

    def command(self, hook: str, index: str) -> Command:
        """`git verbatim hook run`, as a manager of hooks calls it."""
        return self._as_git_runs(program("hook", "run", hook), hook, index)

    def file(self, hook: str, index: str) -> Command:
        """The hook file that `hook install` wrote."""
        return self._as_git_runs([str(self.path / ".git" / "hooks" / hook)], hook, index)

    def _as_git_runs(self, start: list[str], hook: str, index: str) -> Command:
        given = {
            "commit-msg": [str(self.message)],
            "pre-push": ["origin", "https://example.org/host"],
        }.get(hook, [])
        stdin = self.path / ".git" / f"push-{index}" if hook == "pre-push" else None
        statuses = _FINDINGS if index == "edited" else (0,)
        return Command(
            [*start, *given], self.path, statuses, stdin, {"GIT_INDEX_FILE": str(self.index(index))}
        )


def _make_host(seed: Seed, path: Path, commits: int, scratch: Path) -> _Host:
    host = _Host(make_history(seed, path, commits))
    measure([Command(program("hook", "install"), path)], environment(scratch / "home"))
    for name, tree in (("elsewhere", "elsewhere~2"), ("bumped", "bumped~2"), ("edited", "main")):
        git(path, "read-tree", tree, GIT_INDEX_FILE=str(host.index(name)))
    place = next(iter(seed.places), f"third_party/{next(iter(seed.releases))}")
    edited = git(path, "ls-files", place).splitlines()[0]
    blob = git(path, "rev-parse", "main:third_party/mirrors.toml").strip()
    git(
        path,
        "update-index",
        "--cacheinfo",
        f"100644,{blob},{edited}",
        GIT_INDEX_FILE=str(host.index("edited")),
    )
    host.message.write_text(git(path, "log", "-1", "--format=%B", "bumped~2"))
    at_remote = git(path, "rev-parse", "main").strip()
    for name in ("elsewhere", "bumped"):
        tip = git(path, "rev-parse", name).strip()
        (path / ".git" / f"push-{name}").write_text(
            f"refs/heads/{name} {tip} refs/heads/main {at_remote}\n"
        )
    return host


def _always(command: Command) -> Callable[[Path], list[Command]]:
    return lambda _: [command]


def _bare(name: str, code: str, directory: Path) -> Contender:
    return Contender(name, _always(Command([sys.executable, "-c", code], directory)))


def _hooks(seed: Seed, sizes: Sizes, scratch: Path) -> list[Result]:
    host = _make_host(seed, _room(seed, scratch, "hooks"), _COMMITS_UNDER_HOOKS, scratch)
    untouched = "0.6" if seed.places else "0.5"
    jobs: Mapping[str, tuple[Command, str]] = {
        "`hook run pre-commit`, no mirror touched": (
            host.command("pre-commit", "elsewhere"),
            untouched,
        ),
        "pre-commit as installed, no mirror touched": (
            host.file("pre-commit", "elsewhere"),
            untouched,
        ),
        "commit-msg as installed, no mirror touched": (
            host.file("commit-msg", "elsewhere"),
            untouched,
        ),
        "`hook run pre-commit`, a changed mirror refused": (
            host.command("pre-commit", "edited"),
            "3",
        ),
        "pre-commit as installed, a changed mirror refused": (
            host.file("pre-commit", "edited"),
            "3",
        ),
        "commit-msg as installed, a changed mirror refused": (
            host.file("commit-msg", "edited"),
            "3",
        ),
        "pre-commit as installed, a mirror moved to another tag": (
            host.file("pre-commit", "bumped"),
            "3",
        ),
    }
    bare = [_bare("imports", _IMPORTS, host.path), _bare("least", _LEAST, host.path)]
    contenders = [
        *bare,
        *(Contender(name, _always(command)) for name, (command, _) in jobs.items()),
    ]
    is_compared = not sizes.is_quick and not seed.places
    framework = _framework(host, scratch) if is_compared else None
    samples = alternate(
        [*contenders, *([framework] if framework else [])], sizes, scratch, factor=3
    )
    ours = "pre-commit as installed, no mirror touched"
    floor = Floor(f'`python -c "{_LEAST}"`', ratio(samples, "least", "imports"))
    return [
        *(
            Result(
                _in_host(name, seed, sizes),
                _BARE,
                ratio(samples, name, "imports"),
                goal,
                floor=floor,
            )
            for name, (_, goal) in jobs.items()
        ),
        *(
            [
                Result(
                    _in_host(ours, seed, sizes),
                    framework.name,
                    ratio(samples, ours, framework.name),
                    "1",
                )
            ]
            if framework
            else []
        ),
    ]


def _room(seed: Seed, scratch: Path, name: str) -> Path:
    return scratch / (f"{name}-outside" if seed.places else name)


def _in_host(job: str, seed: Seed, sizes: Sizes) -> str:
    copies = max(1, len(seed.places) // sizes.mirrors)
    files = f"{sizes.mirrors * sizes.mirror_files * copies:,} files"
    where = f" in {len(seed.places)} places outside third_party/" if seed.places else ""
    return f"{job}; host with {sizes.mirrors} mirrors{where}, {files}"


def _framework(host: _Host, scratch: Path) -> Contender | None:
    """The pre-commit framework with a hook that does nothing, on the first contenders' commits."""
    found = peers.hook_framework()
    if found is None:
        return None
    git(host.path, "read-tree", "-m", "-u", "main", "elsewhere~2")
    (host.path / ".pre-commit-config.yaml").write_text(_FRAMEWORK_CONFIGURATION)
    command = Command(
        [str(found), "run"], host.path, variables={"PRE_COMMIT_HOME": str(scratch / "pre-commit")}
    )
    return Contender("the pre-commit framework with one hook that does nothing", _always(command))


def _range(seed: Seed, sizes: Sizes, scratch: Path) -> list[Result]:
    host, short = (
        make_history(seed, _room(seed, scratch, f"range-{n}"), n)
        for n in (sizes.range_commits, sizes.range_commits // 10)
    )
    commits = f"{seed.first}..main"
    walk = ["git", "rev-list", "--full-history", commits, "--"]
    outside = cut_paths(with_attributes_above(seed.places), 1)
    watched = ["third_party", ".gitattributes", *outside]
    check = program("check", "--range", commits)
    contenders = [
        Contender("git", _always(Command([*walk, *(seed.places or ["third_party"])], host))),
        Contender("watched", _always(Command([*walk, *watched], host))),
        Contender(
            "engine", lambda place: [Command(_engine(commits, place), host)], clock=_read_clock
        ),
        Contender("check", _always(Command(check, host))),
        Contender("tenth", _always(Command(check, short))),
    ]
    return _range_results(alternate(contenders, sizes, scratch), seed, sizes)


def _range_results(samples: Samples, seed: Seed, sizes: Sizes) -> list[Result]:
    where = f" in {len(seed.places)} places outside third_party/" if seed.places else ""
    job = f"`check --range` of {sizes.range_commits:,} commits, {sizes.mirrors} mirrors{where}"
    walked = "<all places>" if seed.places else "third_party"
    walk = f"`git rev-list --full-history RANGE -- {walked}`"
    floor = Floor(
        "git's walk over what is watched, `.gitattributes` too",
        ratio(samples, "watched", "git"),
    )
    tenth = f"{sizes.range_commits // 10:,} commits that move as many mirrors"
    speed = sizes.range_commits / median_seconds(samples["engine"])
    return [
        Result(f"{job}, engine", "the clock", speed, "20000", unit="commits/s", is_minimum=True),
        Result(f"{job}, engine", walk, ratio(samples, "engine", "git"), "4", floor=floor),
        Result(f"{job}, whole process", walk, ratio(samples, "check", "git"), None),
        Result(
            f"{job}: peak memory",
            tenth,
            extra_bytes(samples, "check", "tenth") / 1e6,
            "20",
            unit="MB",
        ),
    ]


def _engine(commits: str, place: Path) -> list[str]:
    return [sys.executable, "-m", "tests.harnesses.benchmarks.engine", commits, str(place / "time")]


def _read_clock(place: Path) -> float:
    return float((place / "time").read_text())


def _push(seed: Seed, sizes: Sizes, scratch: Path) -> list[Result]:
    host = _make_host(seed, scratch / "push", sizes.long_history, scratch)
    jobs: Iterable[tuple[str, str]] = (
        ("elsewhere", "no mirror touched"),
        ("bumped", "a mirror moved by each"),
    )
    contenders = [
        Contender(f"{hook} {index}", _always(host.file(hook, index)))
        for index, _ in jobs
        for hook in ("pre-commit", "pre-push")
    ]
    samples = alternate(contenders, sizes, scratch, factor=3)
    return [
        Result(
            f"pre-push of three commits on {sizes.long_history:,}, {words}",
            "pre-commit on one",
            ratio(samples, f"pre-push {index}", f"pre-commit {index}"),
            "1.5",
        )
        for index, words in jobs
    ]
