"""Real repositories, whole: each is mirrored, and git itself says whether the copy is exact.

    python -m tests.harnesses.real_repositories DIR    # or, with others: make test-real UPSTREAMS=DIR

DIR holds bare repositories as <owner>/<name>. The newest tag (or HEAD) of each is mirrored into a
host of its own. What cannot be copied is found without the program. The program has to refuse just
that, and to copy all the rest once that is left out or allowed.
"""

import argparse
import os
import posixpath
import re
import shutil
import sys
import tarfile
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sync.model.mirrors import Budget
from sync.objects.tree import object_id
from sync.quoting import printable, quote_path
from tests.support.git import CONFIGURATIONS, USER_CONFIGURATION, git, git_bytes
from tests.support.hosts import Host, mirror
from tests.support.program import Ran

_FORGE = "https://forge.invalid/"
_CONFIGURATION = f"{USER_CONFIGURATION}[gc]\n\tauto = 0\n"
_SECONDS = 1800
_MODES = {"100644": 0o644, "100755": 0o755}
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_MAX_BYTES = 1024
_DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    "conin$",
    "conout$",
    *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"),
}
_REFUSAL = re.compile(
    r"error: mirror copy cannot copy (?P<path>.*) exactly\n.* \[(?P<rule>[a-z0-9-]+)\]\n"
)
_ALLOWABLE = (
    "name-collides",
    "name-not-utf8",
    "name-trailing-dot-or-blank",
    "name-windows-character",
    "name-windows-reserved",
)

Uncopyable = dict[str, list[bytes]]
"""What a mirror may not hold, or only if it is allowed: rule → paths."""


@dataclass(frozen=True)
class File:
    """A line of `git ls-tree`."""

    path: bytes
    mode: str
    id: str
    size: int
    """-1 if the repository lacks the content."""


@dataclass
class Outcome:
    """What became of one repository."""

    repository: str
    pin: str
    files: list[File]
    uncopyable: Uncopyable = field(default_factory=dict)
    refused: str | None = None
    """What the program said when it was asked for everything."""
    is_false_refusal: bool = False
    altered: int = 0
    """How many files upstream's own attributes make git convert, so that `check` refuses them."""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def is_incomplete(self) -> bool:
        """Whether the repository lacks content of the pin here, as a partial clone does."""
        return any(file.size < 0 for file in self.files)

    @property
    def verdict(self) -> str:
        return "false" if self.is_false_refusal else "right" if self.refused or self.altered else ""

    @property
    def left_out(self) -> list[bytes]:
        return sorted(
            path
            for rule, paths in self.uncopyable.items()
            if rule not in _ALLOWABLE
            for path in paths
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.harnesses.real_repositories",
        description="Mirror real repositories, whole.",
    )
    parser.add_argument("directory", type=Path, help="bare repositories as <owner>/<name>")
    parser.add_argument(
        "--only", action="append", metavar="OWNER/NAME", help="just this one; may be repeated"
    )
    options = parser.parse_args()
    directory = options.directory.resolve()
    names = options.only or sorted(
        f"{path.parent.name}/{path.name}"
        for path in directory.glob("*/*")
        if (path / "objects").is_dir()
    )
    with tempfile.TemporaryDirectory(prefix="git-verbatim-real-") as scratch:
        _isolate(Path(scratch) / "home", directory)
        outcomes = [_mirrored(directory / name, name, Path(scratch)) for name in names]
    print(_render(outcomes))
    return 1 if not outcomes or any(outcome.wrong for outcome in outcomes) else 0


def _isolate(home: Path, directory: Path) -> None:
    """Keep everybody's configuration out of this process and those that it starts.

    The forge's repositories are those in `directory`.
    """
    for name in list(os.environ):
        if name.startswith(("GIT_", "XDG_", "SSL_", "SSH_")) or name.lower().endswith("_proxy"):
            del os.environ[name]
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'{_CONFIGURATION}[url "{directory}/"]\n\tinsteadOf = {_FORGE}\n'
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ.update(
        HOME=str(home), XDG_CACHE_HOME=str(home / "cache"), GIT_CONFIG_NOSYSTEM="1", PATH=path
    )


def _mirrored(upstream: Path, name: str, scratch: Path) -> Outcome:
    start = time.monotonic()
    work = scratch / "work"
    work.mkdir()
    kind, pin = _newest(upstream)
    commit = git(upstream, "rev-parse", f"refs/tags/{pin}^{{commit}}" if kind == "tag" else pin)
    outcome = Outcome(name, pin, list(_files(upstream, commit)))
    try:
        if outcome.is_incomplete:
            return outcome
        outcome.uncopyable = _uncopyable(upstream, commit, outcome.files)
        _mirror(Host.create(work / "host"), upstream, commit, {kind: pin}, outcome)
    except Exception as error:  # noqa: BLE001 - the trouble with one is not the next one's
        outcome.wrong.append(f"{type(error).__name__}: {error}")
    finally:
        outcome.seconds = time.monotonic() - start
        for leftover in (work, Path(os.environ["XDG_CACHE_HOME"])):
            shutil.rmtree(leftover, ignore_errors=True)
        result = "; ".join([_result(outcome), *outcome.wrong])
        print(
            f"{name} {pin}: {len(outcome.files)} files, {outcome.seconds:.1f} s, {result}",
            file=sys.stderr,
            flush=True,
        )
    return outcome


def _newest(upstream: Path) -> tuple[str, str]:
    """The tag made last that names a commit, else HEAD's commit."""
    form = "%(objecttype)%(*objecttype) %(refname:lstrip=2)"
    for line in git(
        upstream, "for-each-ref", "--sort=-creatordate", f"--format={form}", "refs/tags"
    ).splitlines():
        kind, _, tag = line.partition(" ")
        if kind in {"commit", "tagcommit"}:
            return "tag", tag
    return "commit", git(upstream, "rev-parse", "HEAD^{commit}")


def _files(upstream: Path, treeish: str) -> Iterator[File]:
    for line in git_bytes(upstream, "ls-tree", "-r", "-l", "-z", "--full-tree", treeish).split(
        b"\0"
    )[:-1]:
        facts, _, path = line.partition(b"\t")
        mode, _, blob, size = facts.decode().split()
        yield File(path, mode, blob, int({"-": "0", "BAD": "-1"}.get(size, size)))


def _mirror(
    host: Host, upstream: Path, commit: str, pin: Mapping[str, str], outcome: Outcome
) -> None:
    assert host.run("init", "--no-hooks").status == 0
    host.git("add", "--all")
    host.git("commit", "--quiet", "-m", "init")
    ran = _sync(host, outcome, pin, [], [])
    allow = [rule for rule in _ALLOWABLE if rule in outcome.uncopyable]
    exclude = [_pattern(path) for path in outcome.left_out]
    if ran.status != 0 or outcome.uncopyable:
        _judge_refusal(ran, outcome)
        ran = _sync(host, outcome, pin, exclude, allow)
    tree = _tree_without(upstream, commit, outcome.left_out, host.path.parent / "objects")
    outcome.wrong += _differences(host, ran, tree)
    attributes = [
        file.path for file in outcome.files if posixpath.basename(file.path) == b".gitattributes"
    ]
    if attributes and not outcome.wrong:
        _judge_attributes(host, outcome)
    if outcome.altered:
        ran = _sync(host, outcome, pin, [*exclude, ".gitattributes"], allow)
        tree = _tree_without(
            upstream, commit, [*outcome.left_out, *attributes], host.path.parent / "objects"
        )
        outcome.wrong += _differences(host, ran, tree)
    outcome.wrong += _answers(host, "check", "--all")


def _sync(
    host: Host, outcome: Outcome, pin: Mapping[str, str], exclude: list[str], allow: list[str]
) -> Ran:
    host.manifest(mirror("copy", _FORGE + outcome.repository, **pin, exclude=exclude, allow=allow))
    return host.run("sync", "--commit", timeout=_SECONDS)


def _judge_attributes(host: Host, outcome: Outcome) -> None:
    """`check` names just the files that git's attributes would change.

    These are the files whose bytes a clone, an archive or somebody's commit would have otherwise.
    """
    ran = host.run("check", "--all", "--format", "json", timeout=_SECONDS)
    outcome.wrong += [
        f"check: {one['rule']} {one['path']}"
        for one in ran.violations
        if one["rule"] != "attributes-alter-bytes"
    ]
    named = {one["path"].removeprefix("third_party/copy/") for one in ran.violations}
    altered = {quote_path(path) for path in _altered(host)}
    outcome.wrong += [
        f"check is wrong about the attributes of {path}" for path in sorted(named ^ altered)
    ]
    outcome.altered = len(named)


def _altered(host: Host) -> set[bytes]:
    """The files that attributes alter: in a clone, in an archive, or when they are added.

    A clone checks them out with other bytes or through a filter, or adds them so when they were
    touched.
    """
    wanted = {
        file.path: file.id
        for file in _files(host.path, "HEAD:third_party/copy")
        if file.mode in _MODES
    }
    asked = b"".join(b"third_party/copy/" + path + b"\0" for path in wanted)
    filters = git_bytes(
        host.path, "check-attr", "--cached", "--stdin", "-z", "filter", stdin=asked
    ).split(b"\0")[2::3]
    altered = {
        path
        for path, named in zip(wanted, filters, strict=True)
        if named not in {b"unspecified", b"unset"}
    }
    altered |= set(_altered_in_archive(host, wanted))
    for configured in CONFIGURATIONS:
        altered |= set(_altered_in_clone(host, wanted, configured))
    return altered


def _altered_in_clone(
    host: Host, wanted: Mapping[bytes, str], configured: Sequence[str]
) -> Iterator[bytes]:
    clone = host.path.parent / "clone"
    git(host.path.parent, *configured, "clone", "--quiet", "host", "clone")
    checked_out = _on_disk(clone / "third_party" / "copy")
    for path in wanted:
        os.utime(os.fsencode(clone) + b"/third_party/copy/" + path, (0, 0))
    git(clone, *configured, "add", "--all", "--force")
    added = {
        file.path: file.id for file in _files(clone, f"{git(clone, 'write-tree')}:third_party/copy")
    }
    shutil.rmtree(clone)
    yield from (
        path for path, blob in wanted.items() if checked_out[path][1] != blob or added[path] != blob
    )


def _altered_in_archive(host: Host, wanted: Mapping[bytes, str]) -> Iterator[bytes]:
    archive = host.path.parent / "archive.tar"
    git(host.path, "archive", "--output", str(archive), "HEAD")
    with tarfile.open(archive) as members:
        held = {
            os.fsencode(member.name).removeprefix(b"third_party/copy/"): object_id(
                "blob", file.read()
            )
            for member in members
            if member.isreg() and (file := members.extractfile(member))
        }
        links = {
            os.fsencode(member.name).removeprefix(b"third_party/copy/")
            for member in members
            if member.issym()
        }
    archive.unlink()
    if not any(path in held for path in wanted):
        return
    yield from (path for path, blob in wanted.items() if held.get(path) != blob)
    yield from (
        f.path
        for f in _files(host.path, "HEAD:third_party/copy")
        if f.mode == "120000" and f.path not in links
    )


def _judge_refusal(ran: Ran, outcome: Outcome) -> None:
    """A refusal is right if it names what is uncopyable, by the rule that says so."""
    if ran.status == 0:
        outcome.wrong.append(f"not refused: {outcome.uncopyable}")
        return
    found = _REFUSAL.search(ran.err)
    rule, path = (found["rule"], found["path"]) if found else ("?", " ".join(ran.err.split()))
    outcome.refused = f"{path} [{rule}]"
    outcome.is_false_refusal = path not in {
        printable(quote_path(path)) for path in outcome.uncopyable.get(rule, ())
    }
    if outcome.is_false_refusal:
        outcome.wrong.append(f"refused wrongly: {ran.status}")


def _pattern(path: bytes) -> str:
    """The gitignore pattern of just this path."""
    return "/" + re.sub(r"([\\*?\[ ])", r"\\\1", path.decode())


# what may not be copied: what docs/manifest.md names,
# and names with a backslash or with invisible characters


def _uncopyable(upstream: Path, commit: str, files: Sequence[File]) -> Uncopyable:
    found: Uncopyable = {
        "submodule": [file.path for file in files if file.mode == "160000"],
        "lfs-pointer": list(_lfs_pointers(upstream, commit, files)),
        "symlink-escapes": [
            f.path
            for f in files
            if f.mode == "120000" and _leaves(f.path, git_bytes(upstream, "cat-file", "blob", f.id))
        ],
        "name-collides": _colliding(file.path for file in files),
    }
    for entry in sorted(_entries(file.path for file in files)):
        for rule in _judged(entry.rpartition(b"/")[2]):
            found.setdefault(rule, []).append(entry)
    return {rule: paths for rule, paths in found.items() if paths}


def _lfs_pointers(upstream: Path, commit: str, files: Iterable[File]) -> Iterator[bytes]:
    search = ("grep", "--no-color", "-alzFe", _POINTER.decode().strip(), "--max-depth=-1", commit)
    try:
        named = git_bytes(upstream, *search).split(b"\0")[:-1]
    except AssertionError:  # git grep has found nothing
        return
    candidates = {line.removeprefix(commit.encode() + b":") for line in named}
    for file in files:
        is_small = (
            file.path in candidates and file.mode in _MODES and file.size <= _POINTER_MAX_BYTES
        )
        if is_small and git_bytes(upstream, "cat-file", "blob", file.id).startswith(_POINTER):
            yield file.path


def _leaves(link: bytes, target: bytes) -> bool:
    end = posixpath.normpath(posixpath.join(b"/mirror", posixpath.dirname(link), target))
    return posixpath.isabs(target) or not (end + b"/").startswith(b"/mirror/")


def _entries(paths: Iterable[bytes]) -> set[bytes]:
    """The paths and all directories above them."""
    entries: set[bytes] = set()
    for path in paths:
        components = path.split(b"/")
        entries.update(b"/".join(components[:n]) for n in range(1, len(components) + 1))
    return entries


def _colliding(paths: Iterable[bytes]) -> list[bytes]:
    folded: dict[str, list[bytes]] = {}
    for entry in _entries(paths):
        text = unicodedata.normalize("NFC", entry.decode("utf-8", "surrogateescape"))
        folded.setdefault(unicodedata.normalize("NFC", text.casefold()), []).append(entry)
    return sorted(entry for entries in folded.values() if len(entries) > 1 for entry in entries)


def _judged(name: bytes) -> Iterator[str]:
    text = name.decode("utf-8", "replace")
    if "\ufffd" in text and text.encode() != name:
        yield "name-not-utf8"
    if "\\" in text:
        yield "name-backslash"
    if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in text):
        yield "name-unprintable"
    if text.rstrip(". ").lower() in {".git", "git~1"}:
        yield "name-dot-git"
    if text.partition(".")[0].rstrip().lower() in _DEVICES:
        yield "name-windows-reserved"
    if set('<>:"|?*') & set(text):
        yield "name-windows-character"
    if text.endswith((".", " ")):
        yield "name-trailing-dot-or-blank"


# what the copy has to be, and whether it is


def _tree_without(upstream: Path, commit: str, left_out: Sequence[bytes], objects: Path) -> str:
    """The tree of the commit less some paths, built by git.

    What git writes goes to `objects`, not to the upstream.
    """
    objects.mkdir(exist_ok=True)
    environment = {
        "GIT_INDEX_FILE": str(objects / "index"),
        "GIT_OBJECT_DIRECTORY": str(objects),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(upstream / "objects"),
    }
    if not left_out:
        return git(upstream, "rev-parse", f"{commit}^{{tree}}")
    git(upstream, "read-tree", commit, **environment)
    lines = b"".join(b"0 " + b"0" * 40 + b"\t" + path + b"\0" for path in left_out)
    git(upstream, "update-index", "-z", "--index-info", stdin=lines, **environment)
    return git(upstream, "write-tree", "--missing-ok", **environment)


def _differences(host: Host, ran: Ran, tree: str) -> Iterator[str]:
    """Everything in which git finds the copy to be another than `tree`."""
    if ran.status != 0:
        yield f"not copied: {' '.join(ran.err.split())}"
        return
    committed = host.git("rev-parse", "HEAD:third_party/copy")
    if committed != tree or host.git("write-tree") != host.git("rev-parse", "HEAD^{tree}"):
        yield f"the commit has {committed}, not {tree}"
        return
    wanted = {file.path: (file.mode, file.id) for file in _files(host.path, tree)}
    on_disk = _on_disk(host.third_party / "copy")
    yield from (
        f"{quote_path(path)} differs on disk"
        for path in sorted(wanted.keys() | on_disk)
        if wanted.get(path) != on_disk.get(path)
    )
    if status := host.git("status", "--porcelain"):
        yield f"git status is not clean: {status}"
    yield from _answers(host, "verify")
    yield from _answers(host, "verify", "--rev", "HEAD")


def _answers(host: Host, *command: str) -> Iterator[str]:
    ran = host.run(*command, timeout=_SECONDS)
    if ran.status != 0:
        yield f"{' '.join(command)} says {ran.status}: {' '.join((ran.out + ran.err).split())}"


def _on_disk(directory: Path) -> dict[bytes, tuple[str, str]]:
    """Path → mode and blob id of every file; what git cannot hold has its mode in octal."""
    top = os.fsencode(directory)
    modes: dict[bytes, str] = {}
    links: dict[bytes, tuple[str, str]] = {}
    for place, directories, names in os.walk(top):
        for name in names + [d for d in directories if os.path.islink(os.path.join(place, d))]:
            full = os.path.join(place, name)
            path = os.path.relpath(full, top)
            mode = os.lstat(full).st_mode
            if os.path.islink(full):
                links[path] = (
                    "120000",
                    git(
                        directory, "hash-object", "--no-filters", "--stdin", stdin=os.readlink(full)
                    ),
                )
            else:
                modes[path] = next(
                    (known for known, bits in _MODES.items() if mode & 0o7777 == bits), oct(mode)
                )
    listed = b"".join(top + b"/" + path + b"\n" for path in modes)
    blobs = git(directory, "hash-object", "--no-filters", "--stdin-paths", stdin=listed).split()
    return links | {
        path: (mode, blob) for (path, mode), blob in zip(modes.items(), blobs, strict=True)
    }


# the table


def _render(outcomes: Sequence[Outcome]) -> str:
    lines = ["| repository | at | refused | verdict | then |", "|---|---|---|---|---|"]
    for outcome in outcomes:
        if outcome.refused or outcome.altered or outcome.wrong:
            then = "; ".join(outcome.wrong) or "exact"
            lines.append(
                f"| {outcome.repository} | {outcome.pin} | {'; '.join(_refusals(outcome))} | {outcome.verdict} | {then} |"
            )
    counts = Counter(_result(outcome) for outcome in outcomes)
    summary = ", ".join(f"{result}: {counts[result]}" for result in sorted(counts))
    seconds = sum(outcome.seconds for outcome in outcomes)
    return "\n".join(
        [*lines, "", f"repositories: {len(outcomes)}, {summary}; {seconds:.0f} s", _sizes(outcomes)]
    )


def _refusals(outcome: Outcome) -> Iterator[str]:
    if outcome.refused:
        yield outcome.refused
    yield from (f"{rule} × {len(paths)}" for rule, paths in outcome.uncopyable.items())
    if outcome.altered:
        yield f"by check: attributes-alter-bytes × {outcome.altered}"


def _result(outcome: Outcome) -> str:
    if outcome.is_incomplete:
        return "not tried: objects are missing"
    if outcome.is_false_refusal:
        return "false refusals"
    if outcome.wrong:
        return "wrong"
    if outcome.left_out:
        return "exact after exclusion"
    if outcome.uncopyable:
        return "exact once names were allowed"
    return (
        "byte-exact, refused by check for upstream's attributes"
        if outcome.altered
        else "byte-exact"
    )


def _sizes(outcomes: Sequence[Outcome]) -> str:
    """The most that was seen, and the budget that a mirror has by default."""
    budget = Budget()
    outcomes = [outcome for outcome in outcomes if not outcome.is_incomplete]
    files = [file for outcome in outcomes for file in outcome.files]
    most = {
        "files": (max(len(outcome.files) for outcome in outcomes), budget.files),
        "bytes": (
            max(sum(file.size for file in outcome.files) for outcome in outcomes),
            budget.total_bytes,
        ),
        "bytes of a file": (max(file.size for file in files), budget.file_bytes),
        "directories deep": (max(file.path.count(b"/") for file in files), budget.depth),
    }
    return "most seen: " + ", ".join(
        f"{seen:,} {what} (of {limit:,})" for what, (seen, limit) in most.items()
    )


if __name__ == "__main__":
    sys.exit(main())
