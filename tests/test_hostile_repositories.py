"""A contributor's branch and a hostile upstream against a maintainer who runs the program.

The name of each test says what must hold.
"""

import base64
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.ids import ObjectId, RepoPath
from sync.manifest.read import parse_manifest
from sync.model.mirrors import Copy, UpstreamCommit
from sync.model.values import Entry, FileFact
from sync.objects.commits import commit_time
from sync.objects.tree import TreeEntry, build_trees, dump_tree, object_id
from sync.record.json_file import dump_record
from sync.record.record import make_record
from sync.selection.select import select
from tests.support.git import git
from tests.support.hosts import Host, mirror
from tests.support.program import Ran
from tests.support.upstreams import Upstream

FILE, LINK, TREE = 0o100644, 0o120000, 0o040000
URL = "https://example.org/up"


def raw_commit(tree: str, time: str = "1700000000 +0000") -> bytes:
    return f"tree {tree}\nauthor A <a@b> {time}\ncommitter A <a@b> {time}\n\nm\n".encode()


def write_raw(upstream: Upstream, kind: str, raw: bytes) -> str:
    return git(upstream.path, "hash-object", "-w", "-t", kind, "--stdin", "--literally", stdin=raw)


def forge(
    host: Host,
    name: str,
    table: str,
    files: dict[bytes, tuple[int, bytes]],
    trees: dict[str, bytes] | None = None,
) -> dict:
    """A record that holds together, made by somebody who writes the commit object too.

    Nothing else is written.
    """
    facts = [
        FileFact(
            RepoPath(path),
            mode,
            object_id("blob", content),
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        for path, (mode, content) in files.items()
    ]
    built = build_trees(fact.entry for fact in facts)
    known = {tree.id: tree.raw for tree in built.values()} | (trees or {})
    root = built[b""].id
    commit = raw_commit(root)
    wanted = parse_manifest(table.encode()).mirrors[name]
    selected = select(root, wanted.selection, known.__getitem__)
    upstream = UpstreamCommit(
        wanted.url, wanted.pin, object_id("commit", commit), commit_time(commit), None, commit, ()
    )
    copy = Copy(upstream, selected.holding)
    taken = {entry.path for entry in selected.holding.files}
    record = make_record(wanted, copy, [f for f in facts if f.path in taken], [])
    host.manifest(table)
    place = host.third_party / "provenance" / f"{name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(dump_record(record))
    return json.loads(place.read_bytes())


def rewrite(host: Host, name: str, record: dict) -> None:
    data = json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"
    (host.third_party / "provenance" / f"{name}.json").write_bytes(data)


def plant_journal(host: Host, *steps: dict) -> None:
    """A journal where a branch can bring one; the tool's own is in the git directory."""
    workspace = host.third_party / ".git-verbatim"
    workspace.mkdir(parents=True)
    defaults = {"kind": "file", "slot": 0, "new": None, "old": None, "checked_in": True}
    for name in ("journal.json", "git-verbatim.journal"):
        (workspace / name).write_text(
            json.dumps({"replacements": [defaults | s for s in steps], "stage": True})
        )


def is_clear(ran: Ran, *statuses: int) -> None:
    assert ran.status in (statuses or (2,)), (ran.status, ran.err, ran.out)
    assert "this is a bug" not in ran.err, ran.err


# execution, writing, reading, deleting


def test_a_record_never_makes_sync_write_a_git_directory(host: Host) -> None:
    """The next `git status` there runs what the planted .git/config says.

    A prompt, an editor, or git in a submodule runs `git status`.
    """
    pwned = host.path.parent / "pwned"
    files = {
        b".git/HEAD": (FILE, b"ref: refs/heads/main\n"),
        b".git/config": (
            FILE,
            f'[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfsmonitor = "touch {pwned}; false"\n'.encode(),
        ),
        b".git/objects/x": (FILE, b"x"),
        b".git/refs/x": (FILE, b"x"),
        b"README": (FILE, b"hello\n"),
    }
    table = mirror("m", URL, tag="v1", checked_in=False)
    forge(host, "m", table, files)
    for number, (_, content) in enumerate(files.values()):
        (host.path / f"doc{number}").write_bytes(
            content
        )  # so that the host's own objects have the content
    host.git("add", "-A")
    host.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},third_party/m")
    host.git("commit", "-q", "-m", "pull request")
    ran = host.run("sync")
    subprocess.run(
        ["git", "status"],
        cwd=host.third_party / "m" if (host.third_party / "m").is_dir() else host.path,
        capture_output=True,
        check=False,
    )
    assert not pwned.exists()
    assert not (host.third_party / "m" / ".git").exists()
    is_clear(ran)


def test_an_upstream_that_made_the_record_too_never_makes_sync_write_a_git_directory(
    host: Host, upstream: Upstream
) -> None:
    files = {b".git/config": (FILE, b"[core]\n"), b"README": (FILE, b"hello\n")}
    table = mirror("m", upstream.url, tag="v1", local=True, checked_in=False)
    record = forge(host, "m", table, files)
    for _, content in files.values():
        upstream.blob(content)
    for tree in build_trees(
        Entry(RepoPath(p), m, object_id("blob", c)) for p, (m, c) in files.items()
    ).values():
        write_raw(upstream, "tree", tree.raw)
    commit = write_raw(upstream, "commit", base64.b64decode(record["proof"]["commit"]))
    git(upstream.path, "update-ref", "refs/tags/v1", commit)
    is_clear(host.run("sync"))
    assert not (host.third_party / "m").exists()


def test_a_record_never_makes_sync_write_a_symlink_out_of_the_mirror(host: Host) -> None:
    files = {b"link": (LINK, b"../../../../../etc/passwd"), b"README": (FILE, b"hello\n")}
    forge(host, "m", mirror("m", URL, tag="v1", checked_in=False), files)
    for number, (_, content) in enumerate(files.values()):
        (host.path / f"doc{number}").write_bytes(content)
    host.git("add", "-A")
    is_clear(host.run("sync"))
    assert not (host.third_party / "m" / "link").is_symlink()


class _Asking(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        sent = self.headers.get("Authorization")
        given = base64.b64decode(sent.split()[1]) if sent else b""
        self.server.got.append(given)  # type: ignore[attr-defined]
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_a_records_url_never_gets_the_credentials_of_another_host(
    host: Host, scratch_home: Path
) -> None:
    """`%0a` in a user name adds lines to what the credential helper is asked.

    CVE-2020-5260 was such a case.
    """
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Asking)
    server.got = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with (scratch_home / ".gitconfig").open("a") as config:
        config.write("[credential]\n\thelper = store\n")
    (scratch_home / ".git-credentials").write_text("https://alice:SECRET@github.example\n")
    record = forge(host, "m", mirror("m", URL, tag="v1"), {b"a": (FILE, b"a")})
    (host.third_party / "m").mkdir()
    (host.third_party / "m" / "a").write_bytes(b"a")
    record["upstream"]["url"] = (
        f"http://alice%0aprotocol=https%0ahost=github.example@127.0.0.1:{server.server_port}/r.git"
    )
    rewrite(host, "m", record)
    ran = host.run("verify", "--upstream")
    server.shutdown()
    server.server_close()
    assert not any(b"SECRET" in got for got in server.got)  # type: ignore[attr-defined]
    is_clear(ran, 1, 2, 3)


def test_a_records_url_is_held_to_the_manifests_rules(host: Host, upstream: Upstream) -> None:
    """A local repository is read only where the manifest says `local = true`."""
    upstream.release("v1", {"a": b"a"})
    record = forge(host, "m", mirror("m", URL, tag="v1"), {b"a": (FILE, b"a")})
    record["upstream"]["url"] = upstream.url
    rewrite(host, "m", record)
    ran = host.run("verify", "--upstream")
    assert (ran.status, "record-differs-from-manifest" in ran.out) == (1, True)
    assert "upstream-tree-differs" not in ran.out


def test_a_records_url_that_is_no_url_is_no_bug(host: Host) -> None:
    record = forge(host, "m", mirror("m", URL, tag="v1"), {b"a": (FILE, b"a")})
    record["upstream"]["url"] = "ssh://example.org:99999999/x"
    rewrite(host, "m", record)
    is_clear(host.run("verify", "--upstream"), 1, 2, 3)


def test_a_committed_journal_reads_nothing_outside_third_party(host: Host) -> None:
    host.manifest("")
    secret = host.path.parent / "secret"
    secret.write_text("do not read me\n")
    plant_journal(host, {"target": "../../secret", "new": "x", "old": "x"})
    host.run("sync")
    blob = object_id("blob", secret.read_bytes())
    assert (
        subprocess.run(
            ["git", "cat-file", "-e", blob], cwd=host.path, check=False, capture_output=True
        ).returncode
        != 0
    )


def test_a_committed_journal_deletes_nothing(host: Host) -> None:
    host.manifest("")
    (host.third_party / "own").mkdir()
    (host.third_party / "own" / "file").write_text("mine\n")
    tree = host.git("hash-object", "-w", "third_party/own/file") and object_id(
        "tree", dump_tree([TreeEntry(b"file", FILE, object_id("blob", b"mine\n"))])
    )
    plant_journal(host, {"target": "own", "kind": "directory", "old": tree})
    host.git("add", "-A", "-f")
    host.git("commit", "-q", "-m", "pull request")
    host.run("sync")
    assert (host.third_party / "own" / "file").exists()


def test_a_symlink_in_place_of_a_journal_is_not_followed(host: Host) -> None:
    """To /dev/zero it fills the memory, to a terminal or FIFO it hangs."""
    host.manifest("")
    fifo = host.path.parent / "fifo"
    os.mkfifo(fifo)
    (host.path / ".git" / "git-verbatim.journal").symlink_to(fifo)
    is_clear(host.run("status", timeout=10))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Somebody's file, to which a link is planted."""
    path = tmp_path / "outside"
    path.write_bytes(b"precious\n")
    return path


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symlink", "hard link"])
@pytest.mark.parametrize(
    "name",
    ["git-verbatim.journal.draft", "git-verbatim.lock", "info/attributes.draft", "info/attributes"],
)
def test_nothing_in_the_git_directory_is_written_through_a_link(
    host: Host, upstream: Upstream, outside: Path, name: str, link: Callable[[Path, Path], None]
) -> None:
    upstream.release("v1", {"a": b"a\n"})
    planted = host.path / ".git" / name
    planted.unlink(missing_ok=True)
    planted.parent.mkdir(exist_ok=True)
    link(outside, planted)
    before = outside.stat()
    made = host.run("init", "--no-hooks")
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    synced = host.run("sync")
    kept = outside.stat()
    assert (outside.read_bytes(), kept.st_mtime_ns, kept.st_mode) == (
        b"precious\n",
        before.st_mtime_ns,
        before.st_mode,
    )
    for ran in (made, synced):
        is_clear(ran, 0, 2)
    refused = [ran.err for ran in (made, synced) if ran.status]
    assert len(refused) == (
        link is os.symlink and name in {"git-verbatim.lock", "info/attributes"}
    ), refused
    assert all(str(planted) in error for error in refused)


def test_a_linked_info_directory_gets_the_line_from_its_owner(host: Host, tmp_path: Path) -> None:
    """As the program `repo` makes them; the hint leads out."""
    (host.path / ".git/info").rename(tmp_path / "info")
    (host.path / ".git/info").symlink_to(tmp_path / "info")
    ran = host.run("init", "--no-hooks")
    assert ran.status == 2
    assert not (tmp_path / "info/attributes").exists()
    line = ran.err.splitlines()[-1].removeprefix(
        "hint: add this line to it, then run the command again: "
    )
    (tmp_path / "info/attributes").write_text(line + "\n")
    assert host.run("init", "--no-hooks").status == 0
    assert (tmp_path / "info/attributes").read_text() == f"{line}\n"


def test_a_link_in_place_of_a_cache_is_made_a_cache(
    host: Host, upstream: Upstream, scratch_home: Path, tmp_path: Path
) -> None:
    upstream.release("v1", {"a": b"a\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync()
    (cache,) = (scratch_home / ".cache/git-verbatim").glob("*.git")
    elsewhere = Upstream.create(tmp_path / "elsewhere").path
    before = sorted(elsewhere.rglob("*"))
    shutil.rmtree(cache)
    cache.symlink_to(elsewhere)
    upstream.release("v2", {"a": b"a2\n"})
    host.manifest(mirror("up", upstream.url, tag="v2", local=True))
    host.sync()
    assert (cache.is_symlink(), sorted(elsewhere.rglob("*"))) == (False, before)


def test_a_journal_that_is_none_is_one_clear_error(host: Host) -> None:
    host.manifest("")
    (host.path / ".git" / "git-verbatim.journal").write_bytes(b"\0")
    is_clear(host.run("status"))
    is_clear(host.run("sync"))


# verify says 0


@pytest.mark.parametrize("planted", ["symlink", "file", "symlinked parent"])
def test_a_mirror_that_is_not_checked_in_is_not_absent_where_something_lies_in_its_place(
    host: Host, planted: str
) -> None:
    forge(
        host, "m", mirror("m", URL, tag="v1", into="a/b", checked_in=False), {b"x": (FILE, b"true")}
    )
    evil = host.path / "evil"
    (evil / "b").mkdir(parents=True)
    (evil / "b" / "x").write_bytes(b"false")
    if planted == "symlinked parent":
        (host.third_party / "a").symlink_to("../evil")
    else:
        (host.third_party / "a").mkdir()
    if planted == "symlink":
        (host.third_party / "a" / "b").symlink_to("../../evil/b")
    if planted == "file":
        (host.third_party / "a" / "b").write_bytes(b"false")
    host.git("add", "-A", "-f")
    host.git("commit", "-q", "-m", "pull request")
    statuses = {
        arguments: host.run("verify", *arguments).status
        for arguments in ((), ("--index",), ("--rev", "HEAD"))
    }
    assert set(statuses.values()) <= {1, 2}, statuses
    assert host.run("status").status in (1, 2)


def test_a_submodule_in_place_of_a_mirror_that_is_not_checked_in_is_found(host: Host) -> None:
    forge(
        host, "m", mirror("m", URL, tag="v1", into="a/b", checked_in=False), {b"x": (FILE, b"true")}
    )
    host.git("add", "-A")
    host.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},third_party/a/b")
    host.git("commit", "-q", "-m", "pull request")
    assert host.run("verify", "--index").status == 1
    assert host.run("verify", "--rev", "HEAD").status == 1


@pytest.mark.parametrize("planted", ["symlink", "file"])
def test_something_in_place_of_a_licence_directory_is_found(host: Host, planted: str) -> None:
    forge(host, "m", mirror("m", URL, tag="v1"), {b"x": (FILE, b"true")})
    (host.third_party / "m").mkdir()
    (host.third_party / "m" / "x").write_bytes(b"true")
    (host.third_party / "licenses").mkdir()
    place = host.third_party / "licenses" / "m"
    if planted == "symlink":
        place.symlink_to("../../elsewhere")
    else:
        place.write_bytes(b"extra")
    host.git("add", "-A")
    host.git("commit", "-q", "-m", "pull request")
    statuses = {
        arguments: host.run("verify", *arguments).status
        for arguments in ((), ("--index",), ("--rev", "HEAD"))
    }
    assert set(statuses.values()) <= {1, 2}, statuses


def test_verify_upstream_notices_a_false_sha256_of_a_mirror_that_is_not_here(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"a": b"a"})
    host.manifest(mirror("m", upstream.url, tag="v1", local=True, checked_in=False))
    host.sync()
    record = host.record("m")
    record["files"][0]["sha256"] = "0" * 64
    record["files"][0]["size"] = 12345
    rewrite(host, "m", record)
    subprocess.run(["rm", "-r", str(host.third_party / "m")], check=True)
    assert host.run("verify", "--upstream").status == 1


def test_a_records_ref_is_a_full_tag_ref(host: Host) -> None:
    record = forge(
        host, "m", mirror("m", URL, tag="HEAD", checked_in=False), {b"x": (FILE, b"true")}
    )
    record["upstream"]["ref"] = "HEAD"
    rewrite(host, "m", record)
    assert host.run("verify").status == 1


def test_a_records_base64_is_canonical(host: Host) -> None:
    record = forge(host, "m", mirror("m", URL, tag="v1", checked_in=False), {b"x": (FILE, b"true")})
    commit = record["proof"]["commit"]
    for spoiled in (
        commit[:-2] + chr(ord(commit[-2]) + 1) + "=",
        commit[:-3] + chr(ord(commit[-3]) + 1) + "==",
    ):
        record["proof"]["commit"] = spoiled
        if base64.b64decode(spoiled) == base64.b64decode(commit):
            rewrite(host, "m", record)
            assert host.run("verify").status == 1


# loss of users' files


@pytest.mark.parametrize("kind", ["file", "symlink", "fifo"])
def test_what_lies_at_into_before_the_first_sync_is_never_deleted(
    host: Host, upstream: Upstream, kind: str
) -> None:
    upstream.release("v1", {"a": b"a"})
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    place = host.third_party / "m"
    if kind == "file":
        place.write_text("my only copy\n")
    elif kind == "symlink":
        place.symlink_to("somewhere")
    else:
        os.mkfifo(place)
    ran = host.run("sync")
    assert place.is_symlink() or not place.is_dir()
    is_clear(ran)


def test_what_lies_at_the_licence_directory_before_the_first_sync_is_never_deleted(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"LICENSE": b"free", "d/a": b"a"})
    host.manifest(mirror("m", upstream.url, tag="v1", from_="d", local=True))
    (host.third_party / "licenses").mkdir()
    (host.third_party / "licenses" / "m").write_text("my only copy\n")
    is_clear(host.run("sync"))
    assert (host.third_party / "licenses" / "m").read_text() == "my only copy\n"


@pytest.mark.parametrize("name", [".", ".."])
def test_a_record_named_like_a_directory_reaches_no_other_mirror(
    host: Host, upstream: Upstream, name: str
) -> None:
    upstream.release("v1", {"a": b"a"})
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    host.sync()
    (host.third_party / "licenses").mkdir(exist_ok=True)
    (host.third_party / "licenses" / "own").write_text("x")
    record = host.record("m") | {"mirror": name, "path": "elsewhere"}
    (host.third_party / "provenance" / f"{name}.json").write_text(
        json.dumps(record, indent=2) + "\n"
    )
    ran = host.run("remove", name, "--discard-local")
    assert (host.third_party / "m" / "a").exists()
    is_clear(ran, 0, 2)
    is_clear(host.run("status"), 0, 1)  # no run is left that can never be finished


# hangs, memory, tracebacks


def bomb(leaf: ObjectId, depth: int) -> tuple[ObjectId, dict[str, bytes]]:
    trees: dict[str, bytes] = {}
    current, mode = leaf, FILE
    for _ in range(depth):
        raw = dump_tree([TreeEntry(name, mode, current) for name in (b"a", b"b")])
        current, mode = object_id("tree", raw), TREE
        trees[current] = raw
    return current, trees


def test_a_tree_bomb_in_a_record_is_refused_within_seconds(host: Host) -> None:
    record = forge(
        host,
        "m",
        mirror("m", URL, tag="v1", include=["/x"], checked_in=False),
        {b"x": (FILE, b"true")},
    )
    inner, trees = bomb(object_id("blob", b""), 40)
    root = dump_tree(
        [TreeEntry(b"d", TREE, inner), TreeEntry(b"x", FILE, object_id("blob", b"true"))]
    )
    trees[object_id("tree", root)] = root
    commit = raw_commit(object_id("tree", root))
    record["proof"]["commit"] = base64.b64encode(commit).decode()
    record["proof"]["trees"] = [base64.b64encode(trees[tree]).decode() for tree in sorted(trees)]
    record["upstream"]["commit"] = object_id("commit", commit)
    record["upstream_tree"] = object_id("tree", root)
    rewrite(host, "m", record)
    is_clear(host.run("verify", timeout=20), 1)


def test_a_tree_bomb_upstream_is_refused_within_seconds(host: Host, upstream: Upstream) -> None:
    upstream.blob(b"")
    root, trees = bomb(object_id("blob", b""), 40)
    for raw in trees.values():
        write_raw(upstream, "tree", raw)
    git(
        upstream.path, "update-ref", "refs/tags/v1", write_raw(upstream, "commit", raw_commit(root))
    )
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    is_clear(host.run("sync", timeout=20))


def test_a_pattern_that_backtracks_is_no_hang(host: Host) -> None:
    forge(host, "m", mirror("m", URL, tag="v1", checked_in=False), {b"a" * 250: (FILE, b"true")})
    record = host.record("m")
    record["selection"]["exclude"] = ["*a" * 25 + "b"]
    rewrite(host, "m", record)
    host.manifest(mirror("m", URL, tag="v1", exclude=["*a" * 25 + "b"], checked_in=False))
    is_clear(host.run("verify", timeout=20), 0, 1)


def test_a_path_of_very_many_components_in_a_record_is_refused_within_seconds(host: Host) -> None:
    record = forge(host, "m", mirror("m", URL, tag="v1", checked_in=False), {b"x": (FILE, b"true")})
    record["files"][0]["path"] = "a/" * 100_000 + "x"
    rewrite(host, "m", record)
    is_clear(host.run("verify", timeout=20), 1)


def test_a_directory_600_deep_is_no_bug(host: Host) -> None:
    forge(host, "m", mirror("m", URL, tag="v1"), {b"x": (FILE, b"true")})
    deep = host.third_party / "m" / "/".join("d" * 600)
    deep.mkdir(parents=True)
    (deep / "x").write_bytes(b"")
    is_clear(host.run("verify"), 1, 2)
    is_clear(host.run("status"), 1, 2)


@pytest.mark.parametrize("path", ["a\0b", "x" * 300, "\x1b[31mred", "a\nb"])
def test_a_records_path_that_no_mirror_may_have_is_a_finding(host: Host, path: str) -> None:
    record = forge(host, "m", mirror("m", URL, tag="v1"), {b"x": (FILE, b"true")})
    record["path"] = path
    text = json.dumps(record, indent=2, ensure_ascii=False).replace("\x1b", "\x1b") + "\n"
    (host.third_party / "provenance" / "m.json").write_text(text)
    is_clear(host.run("verify"), 1)
    is_clear(host.run("status"), 1)
    is_clear(host.run("sync", "--offline"), 2, 3)


def test_a_file_name_with_a_newline_does_not_mislead_status(host: Host) -> None:
    forge(host, "m", mirror("m", URL, tag="v1"), {b"a": (FILE, b"a"), b"a\nb": (FILE, b"b")})
    (host.third_party / "m").mkdir()
    (host.third_party / "m" / "a").write_bytes(b"a")
    (host.third_party / "m" / "a\nb").write_bytes(b"b")
    (host.path / "b").write_bytes(b"")
    is_clear(host.run("status"), 0, 1)


@pytest.mark.parametrize(
    "document",
    [
        "x = " + "[" * 5000 + "]" * 5000,
        "x = " + "{a=" * 3000 + "1" + "}" * 3000,
        "a." * 3000 + "b = 1",
    ],
)
def test_a_manifest_nested_deeply_is_no_bug(host: Host, document: str) -> None:
    host.manifest(document + "\n")
    is_clear(host.run("status", timeout=30))


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "\u009b31m", "\udcff", "\u202egpj"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("verify",),
        ("status",),
        ("verify", "--json"),
        ("status", "--json"),
        ("verify", "--rev", "HEAD"),
    ],
)
def test_a_record_file_of_any_name_is_reported_printably(
    host: Host, name: str, arguments: tuple[str, ...]
) -> None:
    host.manifest("")
    (host.third_party / "provenance").mkdir()
    (host.third_party / "provenance" / f"{name}.json").write_text("{}")
    host.git("add", "-A")
    host.git("commit", "-q", "-m", "pull request")
    ran = host.run(*arguments)
    is_clear(ran, 1)
    text = ran.out + ran.err
    assert not any(c in text for c in ("\x1b", "\x9b", "\u202e")), text


@pytest.mark.parametrize("mode", ["100664", "100600"])
def test_a_host_with_a_legacy_mode_in_its_tree_is_no_bug(host: Host, mode: str) -> None:
    raw = f"{mode} README\0".encode() + bytes.fromhex(
        git(host.path, "hash-object", "-w", "--stdin", stdin=b"x")
    )
    tree = git(host.path, "hash-object", "-w", "-t", "tree", "--stdin", "--literally", stdin=raw)
    commit = git(host.path, "commit-tree", "-m", "old", tree)
    is_clear(host.run("verify", "--rev", commit), 2, 3)


@pytest.mark.parametrize(
    "time", ["99999999999999 +0000", "1 +051800", "-99999999999 +0000", "x", "1700000000 +000"]
)
def test_a_commit_with_an_odd_time_is_no_bug(host: Host, upstream: Upstream, time: str) -> None:
    commit = write_raw(upstream, "commit", raw_commit(upstream.tree({"a": b"a"}), time))
    git(upstream.path, "update-ref", "refs/tags/v1", commit)
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    is_clear(host.run("sync"), 0, 2, 3)


@pytest.mark.parametrize("raw", [b"tre\n\n", b"", b"author A\n\n"])
def test_a_commit_without_a_tree_is_no_bug(host: Host, upstream: Upstream, raw: bytes) -> None:
    commit = write_raw(upstream, "commit", raw)
    (upstream.path / "refs" / "tags" / "v1").write_text(commit + "\n")
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    is_clear(host.run("sync"), 2, 3)


BLOB = bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
NASTY_TREES = {
    "slash": b"100644 a/b\0" + BLOB,
    "empty": b"100644 \0" + BLOB,
    "dotdot": b"100644 ..\0" + BLOB,
    "dotdot slash": b"100644 ../x\0" + BLOB,
    "absolute": b"100644 /x\0" + BLOB,
    "double": b"100644 a\0" + BLOB + b"100644 a\0" + BLOB,
    "dot git": b"100644 .GIT\0" + BLOB,
    "setuid": b"104755 a\0" + BLOB,
    "truncated": b"100644 a\0" + BLOB[:7],
    "no mode": b"\0",
    "backslash": b"100644 ..\\x\0" + BLOB,
    "long": b"100644 " + b"x" * 300 + b"\0" + BLOB,
    "escape": b"100644 \x1b[31m\0" + BLOB,
    "tree is blob": b"40000 a\0" + BLOB,
    "missing": b"100644 a\0" + b"1" * 20,
    "missing tree": b"40000 a\0" + b"1" * 20,
    "null": b"100644 a\0" + b"\0" * 20,
}


@pytest.mark.parametrize("case", NASTY_TREES)
def test_a_malformed_upstream_tree_is_one_clear_error_and_changes_nothing(
    host: Host, upstream: Upstream, case: str
) -> None:
    upstream.blob(b"")
    tree = write_raw(upstream, "tree", NASTY_TREES[case])
    (upstream.path / "refs" / "tags" / "v1").write_text(
        write_raw(upstream, "commit", raw_commit(tree)) + "\n"
    )
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    before = host.snapshot()
    is_clear(host.run("sync"), 2, 3)
    assert host.snapshot() == before


def test_an_index_with_a_name_that_is_not_utf8_elsewhere_is_no_hindrance(
    host: Host, upstream: Upstream
) -> None:
    upstream.release("v1", {"a": b"a"})
    (host.path / os.fsdecode(b"caf\xe9")).write_text("x")
    host.git("add", "-A")
    host.manifest(mirror("m", upstream.url, tag="v1", local=True))
    host.sync()
    host.git("add", "-A")
    is_clear(host.run("status"), 0)
    is_clear(host.run("verify", "--index"), 0)


def test_a_commit_message_has_no_trailer_that_a_record_name_smuggles_in(host: Host) -> None:
    host.manifest("")
    (host.third_party / "provenance").mkdir()
    record = forge(host, "m", mirror("m", URL, tag="v1"), {b"x": (FILE, b"true")})
    host.manifest("")
    name = "x\nSigned-off-by: Maintainer <m@example.org>"
    record["mirror"] = name
    (host.third_party / "provenance" / f"{name}.json").write_text(
        json.dumps(record, indent=2) + "\n"
    )
    host.git("add", "-A")
    host.git("commit", "-q", "-m", "pull request")
    host.run("remove", "*", "--commit", "--discard-local")
    assert "\nSigned-off-by" not in host.git("log", "-1", "--format=%B")


@pytest.mark.parametrize("name", [".gitattributes", ".gitignore", ".GITATTRIBUTES"])
@pytest.mark.parametrize(
    ("pattern", "refused"),
    [
        ("**/" * 600 + "x", True),
        ("a*" * 21, True),
        ("**/a/**/b/**/*.[ch]", False),
        ("# **/**/**/**/**/", False),
    ],
    ids=["double stars", "stars", "an honest one", "a comment"],
)
def test_patterns_that_git_would_match_for_years_are_refused(
    host: Host, upstream: Upstream, name: str, pattern: str, *, refused: bool
) -> None:
    """They would hang every git in every clone of the host."""
    upstream.release(
        "v1", {f"d/{name}": f"*.png -diff\n{pattern} -diff\n".encode(), "d/e/f/g.wit": b"g\n"}
    )
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    before = host.snapshot()
    ran = host.run("sync", timeout=30)
    assert (ran.status, "patterns-too-costly" in ran.err) == (
        (2, True) if refused else (0, False)
    ), ran
    if refused:
        assert host.snapshot() == before
        host.manifest(mirror("up", upstream.url, tag="v1", local=True, exclude=[name]))
        host.sync()
