"""Has wasm-tools read WIT packages, and says in the manifest's words what is wrong with them."""

import re
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path

from sync.derived.ingredients import Ingredients, Input
from sync.derived.layouts import Layouts, wit_files
from sync.derived.wasm_tools import WasmTools, find_wasm_tools
from sync.errors import SelectionError
from sync.git.limited_process import Ended
from sync.git.process import last_lines
from sync.layout import MANIFEST_PATH
from sync.limits import OWN_FILE_BYTES
from sync.quoting import quote_path

_KEPT = 1024
_COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_PACKAGE = re.compile(r"^\s*package\s+([^\s;{]+)\s*;", re.MULTILINE)
_REFERENCE = re.compile(
    r"([a-z][\w-]*:[a-z][\w-]*)/[\w%-]+(@\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?"
)
_NOT_FOUND = re.compile(r"package '([^']+)' not found")
_CYCLE = re.compile(r"package `([^`]+)` creates a dependency cycle")
_IN_DEPS = re.compile(r"(?:[^\s:]*/)?deps/(\d+)/([^\s:]+)")
_IN_MAIN = re.compile(r"(?:[^\s:]*/)?\bmain/([^\s:/]+)")


def run_on_packages(given: Ingredients, *arguments: str, out: bool = False) -> bytes:
    """What `wasm-tools component wit` prints of the packages, with these further arguments.

    With `out` it writes a file a package, and the main package's is returned. `with` has to be
    complete, with nothing too many. Raises SelectionError for WIT that is none, and
    CouldNotCheckError without the tool.
    """
    if given.form.tool_version is None:
        msg = f"the form {given.form.name} names no version of wasm-tools"
        raise ValueError(msg)
    tool = find_wasm_tools(given.form.tool_version)
    with (
        Layouts() as layouts,
        tempfile.TemporaryDirectory(prefix="git-verbatim-") if out else nullcontext() as written,
    ):
        more = ("--out-dir", written) if written else ()
        top = (given.laid_out or layouts.of)(given.of, given.needs)
        features = _features(given.form.features)
        ended = _component_wit(tool, top, features, *arguments, *more)
        if ended.status != 0:
            raise _explained(tool, given, ended)
        _refuse_superfluous(tool, given)
        return _only_file(Path(written)) if written else ended.output


def text_of_binary(binary: bytes, version: str) -> str | None:
    """The WIT text of a package in the binary format; None if this tool cannot read it."""
    tool = find_wasm_tools(version)
    with tempfile.TemporaryDirectory(prefix="git-verbatim-") as scratch:
        (Path(scratch) / "in.wasm").write_bytes(binary)
        ended = tool.run(Path(scratch), "component", "wit", "in.wasm")
    return ended.output.decode("utf-8", "replace") if ended.status == 0 else None


def _component_wit(tool: WasmTools, top: Path, features: Sequence[str], *more: str) -> Ended:
    return tool.run(top, "component", "wit", "main", *features, *more)


def _features(wanted: tuple[str, ...] | None) -> list[str]:
    # Without this option what is unstable would be left out without a word.
    return ["--all-features"] if wanted is None else ["--features", ",".join(wanted)]


def package_of(given: Input) -> str | None:
    """The name of the package that an input holds, such as `wasi:io@0.2.12`; None without one."""
    match = _PACKAGE.search(_text_of(given))
    return match[1] if match else None


@lru_cache(_KEPT)
def _text_of(given: Input) -> str:
    """The WIT text of an input without comments, as much as is read of a file that people write."""
    texts = (data[:OWN_FILE_BYTES].decode("utf-8", "replace") for _, data in wit_files(given))
    return "\n".join(_COMMENTS.sub("", text) for text in texts)


def _only_file(directory: Path) -> bytes:
    found = [path for path in directory.iterdir() if path.is_file()]
    if len(found) != 1:
        raise SelectionError(
            "wasm-tools wrote no one file for the main package",
            [f"it wrote {len(found)} files at the top"],
            reference="tool-failed",
        )
    return found[0].read_bytes()


# What `with` has to say.


def needed(given: Ingredients) -> list[str] | None:
    """The names that `with` has to have; None if the packages cannot be found, or are broken."""
    if given.form.tool_version is None:
        return None
    tool = find_wasm_tools(given.form.tool_version)
    chosen = {each.name: each for each in given.needs}
    while True:
        needs = tuple(chosen.values())
        ended = _tried(tool, given.of, needs, given.form.features)
        if ended.status == 0:
            return sorted(each.name for each in _least(tool, given, needs))
        match = _NOT_FOUND.search(ended.said.decode("utf-8", "replace"))
        found = _nearest(given, match[1]) if match else None
        if found is None or found.name in chosen:
            return None
        chosen[found.name] = found


def _nearest(given: Ingredients, package: str) -> Input | None:
    """The input that holds a package; of several, the one whose name is most like the main's."""
    holding = [each for each in given.others() if package_of(each) == package]
    of = given.form.of
    return max(holding, key=lambda each: _common(each.name, of), default=None)


def _common(one: str, other: str) -> int:
    return next((n for n, pair in enumerate(zip(one, other, strict=False)) if len({*pair}) > 1), 0)


def _least(tool: WasmTools, given: Ingredients, needs: tuple[Input, ...]) -> tuple[Input, ...]:
    """Those without which it does not work: each is left out in turn, until none can be."""
    for each in needs:
        others = tuple(other for other in needs if other is not each)
        if _works(tool, given.of, others, given.form.features):
            return _least(tool, given, others)
    return needs


def _tried(
    tool: WasmTools, of: Input, needs: Sequence[Input], features: tuple[str, ...] | None
) -> Ended:
    with Layouts() as layouts:
        return _component_wit(tool, layouts.of(of, needs), _features(features))


@lru_cache(_KEPT)
def _works(
    tool: WasmTools, of: Input, needs: tuple[Input, ...], features: tuple[str, ...] | None
) -> bool:
    return _tried(tool, of, needs, features).status == 0


def _referenced(given: Ingredients) -> set[str]:
    """The packages that the main one, or one that it needs, names in its text."""
    named = {package_of(each): _named_by(each) for each in (given.of, *given.needs)}
    found, pending = set[str](), [package_of(given.of)]
    while pending:
        more = named.get(pending.pop(), frozenset()) - found
        pending += more
        found |= more
    return found


@lru_cache(_KEPT)
def _named_by(given: Input) -> frozenset[str]:
    """The packages that one names in its text."""
    return frozenset(name + version for name, version in _REFERENCE.findall(_text_of(given)))


def _refuse_superfluous(tool: WasmTools, given: Ingredients) -> None:
    """SelectionError if it works without something that `with` names.

    What no package names in its text is tried: only the tool knows all of WIT.
    """
    referenced = _referenced(given)
    for each in given.needs:
        if package_of(each) in referenced:
            continue
        others = tuple(other for other in given.needs if other is not each)
        if _works(tool, given.of, others, given.form.features):
            least = sorted(one.name for one in _least(tool, given, others))
            raise SelectionError(
                f"form {given.form.name} does not need {each.name}",
                [f"{MANIFEST_PATH}: `with` of [derived.{given.form.name}]"],
                hint=_way_out(given, least),
                reference="with-superfluous",
            )


def _way_out(given: Ingredients, names: Sequence[str]) -> str:
    line = f"write `{with_line(names)}`" if names else "remove `with`"
    return f"{line}, or let `git verbatim derive {given.form.name}` do it"


def with_line(names: Sequence[str]) -> str:
    """The line of the manifest that names what a form needs."""
    listed = ", ".join(f'"{name}"' for name in names)
    return f"with = [{listed}]"


# What went wrong.


def _explained(tool: WasmTools, given: Ingredients, ended: Ended) -> SelectionError:
    said = ended.said.decode("utf-8", "replace")
    form = given.form.name
    if match := _NOT_FOUND.search(said):
        return _missing(given, match[1])
    if "defined in two different locations" in said:
        holding: dict[str | None, list[str]] = {}
        for each in (given.of, *given.needs):
            holding.setdefault(package_of(each), []).append(each.name)
        twice = {package: names for package, names in holding.items() if len(names) > 1}
        package, names = next(iter(twice.items()), (None, []))
        return SelectionError(
            f"form {form} has package {package or 'one'} twice",
            [f"in: {', '.join(names)}"] if names else _quoted(given, said),
            hint="leave one of them out of `with`",
            reference="wit-twice",
        )
    if match := _CYCLE.search(said):
        return SelectionError(
            f"form {form} cannot be made: package {match[1]} needs itself, through others",
            [f"{package_of(each)} is in {each.name}" for each in (given.of, *given.needs)],
            hint="mirror versions of these packages that do not need each other",
            reference="wit-cycle",
        )
    return SelectionError(
        f"form {form} cannot be made: wasm-tools {tool.version} does not take its WIT files",
        _quoted(given, said) or [f"it ended with status {ended.status}"],
        hint="mend `with`, or mirror another version of these packages",
        reference="wit-invalid",
    )


def _missing(given: Ingredients, package: str) -> SelectionError:
    name = package.partition("@")[0]
    having = {
        each.name: held
        for each in given.others()
        if (held := package_of(each)) is not None and held.partition("@")[0] == name
    }
    listed = [f"{held} is in {each}" for each, held in having.items()]
    right = needed(given)
    hint = (
        _way_out(given, right)
        if right is not None
        else f"add a mirror of {package}, and name it in `with`"
    )
    return SelectionError(
        f"form {given.form.name} needs package {package}, which nothing in `with` has",
        listed or ["no mirror has it"],
        hint=hint,
        reference="with-incomplete",
    )


def _quoted(given: Ingredients, said: str) -> list[str]:
    """What the tool said, with the paths of the scratch directory in the manifest's words."""
    names = [each.name for each in given.needs]

    def shown(match: re.Match[str]) -> str:
        number = int(match[1])
        name = names[number] if number < len(names) else match[1]
        return f"{name}: {quote_path(match[2].encode('utf-8', 'surrogateescape'))}"

    text = _IN_DEPS.sub(shown, said)
    text = _IN_MAIN.sub(lambda match: f"{given.of.name}: {match[1]}", text)
    return last_lines(text.encode())
