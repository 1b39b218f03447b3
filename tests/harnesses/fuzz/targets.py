"""The readers of bytes from outside, one function for each.

Each function takes any bytes and holds the reader to its laws.
"""

import hashlib
import json
import posixpath
import re
import time
import unicodedata
from collections.abc import Callable
from itertools import combinations

from policies.trailers import parse_trailers, without_trailers
from sync.errors import ManifestError, RecordError
from sync.ids import BLOB_MODES, Mode, RepoPath
from sync.manifest.edit import add_mirror_table, remove_tables
from sync.manifest.paths import is_mirror_name, overlaps, path_problem, place_problem
from sync.manifest.read import parse_manifest
from sync.model.mirrors import Holding, Mirror, Selection, UpstreamCommit
from sync.model.values import Entry
from sync.objects.commits import commit_tree
from sync.objects.portable import collisions, judge_portable
from sync.objects.tree import (
    MalformedObjectError,
    build_trees,
    dump_tree,
    escapes,
    judge_name,
    judge_path,
    parse_tree,
)
from sync.quoting import printable, quote_path, unquote_path
from sync.record.json_file import dump_record, parse_record
from sync.record.proof import proof_problems
from sync.selection.patterns import last_match, parse_pattern
from sync.selection.select import select
from sync.urls import REMOTE_SCHEMES, is_local, is_scp_like, url_problem
from tests.harnesses.fuzz.forgery import forge
from tests.harnesses.fuzz.honest import upstream

MAX_SECONDS = 1
_REFERENCE = re.compile(r"[a-z]+(-[a-z0-9]+)+")
_NOT_PRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_ADDED = "fuzz-added"


def hold(target: Callable[[bytes], None], data: bytes) -> None:
    """Run a target, which may take a second of processor time for any input."""
    started = time.process_time()
    target(data)
    took = time.process_time() - started
    assert took < MAX_SECONDS, f"it took {took:.1f} s"


def tree(data: bytes) -> None:
    """What is read of a tree object is what git would have written, and is written back alike.

    Every name is judged.
    """
    try:
        entries = parse_tree(data)
    except MalformedObjectError as error:
        assert _REFERENCE.fullmatch(error.reference)
        return
    assert dump_tree(entries) == data
    keys = [name + b"/" * (mode == Mode.TREE) for name, mode, _ in entries]
    assert keys == sorted(keys)
    assert len({name for name, _, _ in entries}) == len(entries)
    for name, mode, object_id in entries:
        assert mode in {*BLOB_MODES, Mode.TREE, Mode.GITLINK}
        assert name not in {b"", b".", b".."} and b"/" not in name and b"\0" not in name
        assert re.fullmatch("[0-9a-f]{40}", object_id)
        _hold_name(name)
    if all(mode != Mode.TREE for _, mode, _ in entries):
        files = [(RepoPath(name), mode, object_id) for name, mode, object_id in entries]
        assert build_trees(reversed(files))[b""].raw == data


def _hold_name(name: bytes) -> None:
    if reference := judge_name(name):
        assert _REFERENCE.fullmatch(reference)
        return
    text = name.decode()
    assert 0 < len(name) <= 255
    assert not _NOT_PRINTABLE & {unicodedata.category(c) for c in text}
    assert text.casefold().split(":")[0].rstrip(". ") not in {
        ".git",
        *(f"git~{n}" for n in range(1, 10)),
    }


def record(data: bytes) -> None:
    """What is read is canonical, and what can be proved of a commit that is known is true.

    Nobody can prove url, ref, path, size and sha256: no git object says them. They are compared
    with the manifest and with the bytes on disk instead.
    """
    try:
        parsed = parse_record(data, "up")
    except RecordError as error:
        assert _REFERENCE.fullmatch(error.reference) and error.hint
        return
    assert dump_record(parsed) == data
    assert (
        json.dumps(json.loads(data), sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    ).encode() == data
    assert url_problem(parsed.url, local=True) is None
    of_files = (fact.path for fact in (*parsed.files, *parsed.licenses))
    for path in (*map(str.encode, parsed.copies), *of_files):
        assert judge_path(path) in {None, "name-not-utf8"}
        assert posixpath.normpath(path) == path and not path.startswith((b"/", b"../"))
    if not parsed.problems():
        _assert_true(parsed.upstream, parsed.selection, parsed.copy.holding)


def proof(data: bytes) -> None:
    """The bytes choose a forgery.

    One that is accepted says of the commit what the commit has, and nothing else.
    """
    forged = forge(data)
    if not proof_problems(*forged):
        _assert_true(*forged)


def _assert_true(said: UpstreamCommit, selection: Selection, holding: Holding[Entry]) -> None:
    """Judge by hashes of Python's own.

    Where the commit is our upstream's, judge also by all that the upstream has.
    """
    expected: str = said.tag or said.commit
    for raw in said.tag_objects:
        assert _sha1(b"tag", raw) == expected
        expected = raw.split()[1].decode()
    assert expected == said.commit == _sha1(b"commit", said.commit_object)
    objects, _ = upstream()
    if said.commit in objects:
        assert select(commit_tree(said.commit_object), selection, objects.read).holding == holding
        (seconds,) = re.findall(rb"committer .*> (\d+)", said.commit_object)
        assert said.commit_time == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))


def _sha1(kind: bytes, raw: bytes) -> str:
    return hashlib.sha1(b"%s %d\0%s" % (kind, len(raw), raw)).hexdigest()


def manifest(data: bytes) -> None:
    """What is read is allowed, and no two mirrors overlap.

    An edit adds or removes its mirror and nothing else. An error names a line that is there.
    """
    try:
        mirrors = parse_manifest(data).mirrors
    except ManifestError as error:
        assert _REFERENCE.fullmatch(error.reference)
        line = (
            re.match(r"third_party/mirrors\.toml:(\d+)", error.context[0])
            if error.context
            else None
        )
        assert line is None or 1 <= int(line[1]) <= data.count(b"\n") + 1
        return
    for name, mirror in mirrors.items():
        assert name == mirror.name and is_mirror_name(name)
        assert url_problem(mirror.url, local=mirror.local) is None
        for place in mirror.places:
            assert path_problem(place) is place_problem(place) is None
        assert not mirror.source or path_problem(mirror.source.decode()) is None
        assert str(mirror.pin) and not str(mirror.pin).startswith("-")
    places = [place for mirror in mirrors.values() for place in mirror.places]
    assert not any(overlaps(one, other) for one, other in combinations(places, 2))
    _hold_edits(data.decode(), dict(mirrors))


def _hold_edits(text: str, mirrors: dict[str, Mirror]) -> None:
    for name in mirrors:
        assert _parsed(remove_tables(text, [name])) == {
            other: mirrors[other] for other in mirrors if other != name
        }
    if _ADDED in mirrors:
        return
    added = add_mirror_table(text, _ADDED, {"url": "https://example.org/x", "tag": "v1"})
    try:
        assert _parsed(added).keys() == {*mirrors, _ADDED}
    except ManifestError:
        assert "defaults" in text  # which hold what the other mirrors have of their own
    else:
        assert _parsed(remove_tables(added, [_ADDED])) == mirrors


def _parsed(text: str) -> dict[str, Mirror]:
    return dict(parse_manifest(text.encode()).mirrors)


def message(data: bytes) -> None:
    """Trailers that are read from a commit message can be written, read again and taken out.

    Nothing else goes with them.
    """
    found = parse_trailers(data)
    rest = without_trailers(data)
    assert parse_trailers(rest) == set()
    assert without_trailers(data, found) == rest
    assert without_trailers(data, []) == data
    lines = iter(data.split(b"\n"))
    assert all(
        line in lines for line in rest.split(b"\n") if line
    )  # `in` goes on where it left off
    for trailer in found:
        assert re.fullmatch(r"Mirror-Sync: \S+ \S+ [0-9a-f]{40}", str(trailer), re.ASCII)
        assert parse_trailers(str(trailer).encode()) == {trailer}
        assert parse_trailers(without_trailers(data, [trailer])) == found - {trailer}
        assert parse_trailers(rest + f"\n{trailer}\n".encode()) == {trailer}


def url(data: bytes) -> None:
    """An allowed URL has an allowed scheme, no option, no credentials, nothing unprintable."""
    text = data.decode("utf-8", "surrogateescape")
    if url_problem(text, local=True):
        assert url_problem(text, local=False)
        return
    assert (
        text
        and not text.startswith("-")
        and not _NOT_PRINTABLE & {unicodedata.category(c) for c in text}
    )
    assert not re.match(r"([A-Za-z0-9][A-Za-z0-9+.-]*)?::", text)
    given = re.match(r"([A-Za-z0-9][A-Za-z0-9+.-]*)://", text)
    assert given is None or given[1] in {*REMOTE_SCHEMES, "file"}
    if url_problem(text, local=False):
        assert is_local(text)
        return
    assert not is_local(text)
    if is_scp_like(text):
        colon = text.index(":", text.index("]") if "[" in text.partition(":")[0] else 0)
        scheme, authority = "ssh", text[:colon]
        assert not text.startswith("-", colon + 1)
    else:
        scheme, _, rest = text.partition("://")
        authority = rest.partition("/")[0]
    assert scheme in REMOTE_SCHEMES
    user, at, host = authority.rpartition("@")
    assert re.fullmatch(r"(\w[\w.-]*|\[[0-9A-Fa-f:.]+\])(:\d*)?", host, re.ASCII)
    assert not at or (
        scheme == "ssh" and user and not user.startswith("-") and not {":", "@"} & {*user}
    )


def pattern(data: bytes) -> None:
    """Any line is read as a pattern, and none takes long.

    A path that is written as a pattern matches itself and no other path.
    """
    line, _, rest = data.partition(b"\n")
    path = rest.replace(b"\n", b"")
    parsed = parse_pattern(line.decode("utf-8", "replace"))
    if parsed is not None:
        for is_directory in (True, False):
            matches = parsed.matches(path, is_directory=is_directory)
            assert last_match((parsed,), path, is_directory=is_directory) == (
                matches and not parsed.takes_back
            )
        assert parsed.matches(path, is_directory=True) or not parsed.matches(
            path, is_directory=False
        )
    literal = path.decode("utf-8", "replace").strip("/")
    if literal:
        itself = parse_pattern("/" + re.sub(r"([\\*?\[ ])", r"\\\1", literal))
        assert itself is not None
        assert itself.matches(literal.encode(), is_directory=False)
        assert not itself.matches(literal.encode() + b"x", is_directory=False)


def name(data: bytes) -> None:
    """Quoting of paths and link targets is reversible, and what is shown cannot act.

    A link that leaves is found.
    """
    quoted = quote_path(data)
    assert unquote_path(quoted) == data
    text = data.decode("utf-8", "surrogateescape")
    assert not _NOT_PRINTABLE & {unicodedata.category(c) for c in printable(text)}
    try:
        assert quote_path(unquote_path(text)) == text
    except ValueError:
        assert text.startswith('"') or quote_path(data) != text
    for component in data.split(b"/"):
        _hold_name(component)
        assert judge_portable(component) is None or _REFERENCE.fullmatch(
            judge_portable(component) or ""
        )
    if judge_path(data) is None:
        assert posixpath.normpath(data) == data
        assert list(collisions([RepoPath(data)])) == []
    link, _, target = data.partition(b"\n")
    ends = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
    leaves = ends == b".." or ends.startswith((b"../", b"/")) or not target or b"\0" in target
    if judge_path(link) is None:
        assert escapes(RepoPath(link), target) or not leaves
        # what Windows or a link on the way could make of it is refused besides
        assert leaves or not escapes(RepoPath(link), target) or re.search(rb"\.\.|[\\:]", target)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "tree": tree,
    "record": record,
    "proof": proof,
    "manifest": manifest,
    "message": message,
    "url": url,
    "pattern": pattern,
    "name": name,
}
