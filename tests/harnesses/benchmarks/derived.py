"""Derived forms: made anew, and where nothing is to be done, against wasm-tools alone."""

import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from sync.derived.wasm_tools import find_wasm_tools
from tests.harnesses.benchmarks.harness import (
    IMPORTS,
    Command,
    Contender,
    Samples,
    alternate,
    environment,
    program,
    ratio,
)
from tests.harnesses.benchmarks.hosts import git, new_host
from tests.harnesses.benchmarks.results import Result
from tests.harnesses.benchmarks.sizes import Sizes
from tests.support.hosts import mirror
from tests.support.upstreams import Upstream
from tests.support.wit import TOOL, TOOLS, form

_KINDS = {
    "wit-binary": ("wasm", ["--wasm"]),
    "wat": ("wat", ["--wat"]),
    "wit-single": ("wit", []),
    "wit-package": ("package.wit", ["--out-dir", "out"]),
}
_NEEDED = 3
"""The other packages that each one needs, if there are so many before it."""
_SATISFIED = 40
_HOOK = "import pygit2, json"


def measure_derived(sizes: Sizes, stand_ins: Path, scratch: Path) -> list[Result]:
    """All four forms of each package; the packages are as large as those of WASI."""
    names = [f"p{number:02}" for number in range(sizes.packages)]
    upstream = Upstream.create(stand_ins / f"wit-{sizes.packages}.{scratch.name}")
    upstream.release("v1", {f"{name}/types.wit": _package(name, names) for name in names})
    base = _host(scratch / "base", upstream, names, [])
    kinds = [(name, kind) for name in names for kind in _KINDS]
    made = _host(scratch / "made", upstream, names, kinds[:_SATISFIED])
    commands = scratch / "alone.sh"
    commands.write_text("".join(_alone(base, name, names, kind) for name, kind in kinds))
    contenders = [
        Contender("alone", lambda place: [Command(["/bin/sh", "-e", str(commands)], place)]),
        Contender("made", partial(_making, base, upstream, names, kinds)),
        *(Contender(code, partial(_python, code, made)) for code in (IMPORTS, _HOOK)),
        Contender("sync", lambda _: [Command(program("sync"), made)]),
        Contender("status", lambda _: [Command(program("status"), made)]),
        Contender("hook", lambda _: [Command(program("hook", "run", "pre-commit"), made)]),
    ]
    return _results(alternate(contenders, sizes, scratch), len(kinds), len(kinds[:_SATISFIED]))


def _results(samples: Samples, forms: int, satisfied: int) -> list[Result]:
    host = f"host with {satisfied} derived forms"
    imports, hook = (f'`python -c "{code}"`' for code in (IMPORTS, _HOOK))
    return [
        Result(
            f"`sync` that makes {forms} derived forms anew",
            f"wasm-tools alone, {forms} times",
            ratio(samples, "made", "alone"),
            "3",
        ),
        Result(f"satisfied `sync`; {host}", imports, ratio(samples, "sync", IMPORTS), "0.75"),
        Result(f"satisfied `status`; {host}", imports, ratio(samples, "status", IMPORTS), "0.75"),
        Result(
            f"`hook run pre-commit`, nothing touched; {host}",
            hook,
            ratio(samples, "hook", _HOOK),
            "0.5",
        ),
    ]


def _needs(name: str, names: list[str]) -> list[str]:
    return names[max(0, names.index(name) - _NEEDED) : names.index(name)]


def _package(name: str, names: list[str]) -> bytes:
    uses = "".join(f"  use b:{one}/types@0.1.0.{{t-{one}}};\n" for one in _needs(name, names))
    functions = "".join(
        f"  /// What function {number} of {name} does, in one line.\n"
        f"  do-{number}: func(a: u32, b: string) -> result<list<u8>, t-{name}>;\n"
        for number in range(60)
    )
    text = f"package b:{name}@0.1.0;\n\ninterface types {{\n{uses}  type t-{name} = u32;\n{functions}}}\n"
    return text.encode()


def _host(path: Path, upstream: Upstream, names: list[str], kinds: list[tuple[str, str]]) -> Path:
    """A host that has all mirrors and these forms, committed."""
    host = new_host(path, _manifest(upstream, names, kinds))
    variables = environment(path.parent / "home")
    for command in ("sync", "sync", "status", "status"):
        subprocess.run(
            program(command), cwd=host, env=variables, check=True, stdout=subprocess.DEVNULL
        )
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git(host, *identity, "commit", "--quiet", "--message=forms")
    return host


def _manifest(upstream: Upstream, names: list[str], kinds: list[tuple[str, str]]) -> str:
    # A path alone would read as a place outside third_party/ to who looks quickly.
    url = f"file://{upstream.url}"
    mirrors = (mirror(n, url, tag="v1", from_=n, into=f"b/{n}", local=True) for n in names)
    forms = (
        form(
            f"{name}.{_KINDS[kind][0]}",
            kind,
            name,
            f"made/{name}.{_KINDS[kind][0]}",
            **({"with_": needs} if (needs := _all_needs(name, names)) else {}),
        )
        for name, kind in kinds
    )
    return "".join([*mirrors, TOOLS, *forms])


def _all_needs(name: str, names: list[str]) -> list[str]:
    """What a package needs, and what that needs."""
    found: set[str] = set()
    for one in _needs(name, names):
        found |= {one, *_all_needs(one, names)}
    return sorted(found)


def _alone(host: Path, name: str, names: list[str], kind: str) -> str:
    """The commands that lay out a package and have wasm-tools make one form of it."""
    tool = find_wasm_tools(TOOL).program
    _, options = _KINDS[kind]
    top = host.parent / "laid-out" / name
    if not top.exists():
        shutil.copytree(host / "third_party/b" / name, top)
        for needed in _all_needs(name, names):
            shutil.copytree(host / "third_party/b" / needed, top / "deps" / needed)
    command = [tool, "component", "wit", str(top), "--all-features", *options]
    return f"{shlex.join(command)} > made\n"


def _making(
    base: Path, upstream: Upstream, names: list[str], kinds: list[tuple[str, str]], place: Path
) -> list[Command]:
    shutil.copytree(base, place / "host")
    (place / "host/third_party/mirrors.toml").write_text(_manifest(upstream, names, kinds))
    return [Command(program("sync"), place / "host")]


def _python(code: str, host: Path, _: Path) -> list[Command]:
    return [Command([sys.executable, "-c", code], host)]
