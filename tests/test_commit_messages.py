"""What the commits of the tool say: a subject of ours, the project's or the user's, and trailers."""

import re
import shlex
import subprocess
from collections.abc import Callable

import pytest

from sync.change.commit_message import Synced, commit_message
from sync.errors import ManifestError
from sync.ids import ObjectId
from sync.manifest.read import parse_manifest
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

TREE = ObjectId("a" * 40)
ONE, OTHER = Synced("cli", "v2", TREE), Synced("io", "v2", TREE)
WASI = '[upstreams."wasi"]\nurl = "https://example.org/wasi"\ntag = "v2"\n'
FED = parse_manifest(
    (WASI + "".join(f'[mirrors."{n}"]\nupstream = "wasi"\n' for n in ("cli", "io"))).encode()
).mirrors
TRAILER = f"Mirror-Sync: cli v2 {TREE}\n"
TROUBLE = 2


@pytest.fixture
def ready(host: Host, upstream: Upstream) -> Host:
    """A host that a first sync would commit."""
    upstream.release("v1", {"a": b"a\n"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    return host


def last_message(host: Host) -> str:
    return host.git("log", "-1", "--format=%B")


@pytest.mark.parametrize(
    ("template", "synced", "subject"),
    [
        (None, [ONE], "third_party: sync cli to v2"),
        (None, [ONE, OTHER], "third_party: sync 2 mirrors"),
        (None, [Synced("cli", "removed", TREE)], "third_party: remove cli"),
        (None, [], "third_party: update the manifest"),
        ("build: move {upstream} to {pin}", [ONE, OTHER], "build: move wasi to v2"),
        ("build: {mirrors} at {pin}", [ONE], "build: cli at v2"),
        ("build: {mirrors} at {pin}", [ONE, OTHER], "build: 2 mirrors at v2"),
        ("{upstream} {pin}", [Synced("gone", "removed", TREE)], "gone removed"),
        ("{pin}", [ONE, Synced("io", "v1", TREE)], "2 pins"),
        ("{pin}", [Synced("cli", "b" * 40, TREE)], "b" * 12),
        ("chore: mirrors", [], "third_party: update the manifest"),
    ],
)
def test_the_subject_says_what_moved_in_the_projects_words(
    template: str | None, synced: list[Synced], subject: str
) -> None:
    said = commit_message(synced, template=template, mirrors=FED)
    assert said.splitlines()[0] == subject
    assert said.count("Mirror-Sync: ") == len(synced)


@pytest.mark.parametrize(
    ("message", "whole"),
    [
        ("build: wasi", f"build: wasi\n\n{TRAILER}"),
        ("build: wasi\n\nBecause.\n\n\n", f"build: wasi\n\nBecause.\n\n{TRAILER}"),
        ("build\n\nChange-Id: I1\n", f"build\n\nChange-Id: I1\n{TRAILER}"),
        ("fix: one line", f"fix: one line\n\n{TRAILER}"),
    ],
)
def test_the_trailers_come_last_and_in_one_paragraph(message: str, whole: str) -> None:
    said = commit_message([ONE], message=message, template="never {pin}")
    assert said == whole
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"],
        input=said,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert parsed.endswith(TRAILER)
    assert ("Change-Id" in parsed) == ("Change-Id" in message)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("{upstrem}", "`subject` has {upstrem}, for which nothing stands"),
        ("{0}", "`subject` has {0}, for which nothing stands"),
        ("{}", "`subject` has {}, for which nothing stands"),
        ("{pin.kind}", "`subject` has {pin.kind}, for which nothing stands"),
        ("{pin:d}", "`subject` has {pin:d}, for which nothing stands"),
        ("{pin:>99999999999}", "`subject` has {pin:>99999999999}, for which nothing stands"),
        ("{pin!x}", "`subject` has {pin!x}, for which nothing stands"),
        ("{pin", "`subject` has {pin, for which nothing stands"),
        ("pin}", "`subject` has }, for which nothing stands"),
        ("{{pin}}", "`subject` has {x}, for which nothing stands"),
        ("   ", "`subject` says nothing"),
    ],
)
def test_a_subject_that_cannot_be_filled_in_is_refused_where_it_stands(
    subject: str, message: str
) -> None:
    with pytest.raises(ManifestError) as raised:
        parse_manifest(f'[commit]\nsubject = "{subject}"\n'.encode())
    assert raised.value.message == message
    assert raised.value.context == ["third_party/mirrors.toml:2: commit.subject"]
    assert raised.value.hint == "placeholders: {mirrors}, {pin}, {upstream}"


def test_the_manifests_subject_is_the_commits(ready: Host) -> None:
    text = (ready.third_party / "mirrors.toml").read_text()
    ready.manifest('[commit]\nsubject = "build: move {upstream} to {pin}"\n' + text)
    ready.sync("--commit")
    assert last_message(ready).splitlines()[:2] == ["build: move up to v1", ""]
    assert ready.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_a_message_and_a_signoff_of_the_users(ready: Host) -> None:
    ready.sync("--commit", "--message", "build: bring up\n\nWe need it.", "--signoff")
    lines = last_message(ready).splitlines()
    assert lines[:4] == ["build: bring up", "", "We need it.", ""]
    assert [line.partition(":")[0] for line in lines[4:] if line] == [
        "Mirror-Sync",
        "Signed-off-by",
    ]
    assert ready.run("check", "--range", "HEAD~1..HEAD").status == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--message", "x"), "`--message` is for a commit"),
        (("--signoff",), "`--signoff` is for a commit"),
        (("--commit", "--message", " \n"), "the message is empty"),
    ],
)
def test_words_without_a_commit_are_refused_before_anything_is_done(
    ready: Host, options: tuple[str, ...], error: str
) -> None:
    before = ready.snapshot()
    ran = ready.run("sync", *options)
    assert (ran.status, ran.err.splitlines()[0]) == (TROUBLE, f"error: {error}")
    assert ready.snapshot() == before


def test_the_way_on_after_a_hook_that_refuses_says_the_same_words(ready: Host) -> None:
    hook = ready.path / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ngrep -q "^build: " "$1" || { echo "begin with build:"; exit 1; }\n')
    hook.chmod(0o755)
    ran = ready.run("sync", "--commit", "--message", "it's up", "--signoff")
    assert ran.status == TROUBLE
    assert "begin with build:" in ran.err
    assert "`git verbatim sync --commit --message 'it'\"'\"'s up' --signoff`" in ran.err
    assert ready.run("sync", "up", "--commit", "--message", "build: up").status == 0
    assert last_message(ready).startswith("build: up\n\nMirror-Sync: up v1 ")


LINES = [f"line {number} of what was said" for number in range(100)]
SAID = "\n".join(f"echo '{line}' >&2" for line in LINES)


def refusing_hook(host: Host) -> None:
    hook = host.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{SAID}\nexit 1\n")
    hook.chmod(0o755)


def no_signing_key(host: Host) -> None:
    host.git("config", "gpg.program", "false")
    host.git("config", "commit.gpgsign", "true")


def mend(host: Host) -> None:
    (host.path / ".git/hooks/pre-commit").unlink(missing_ok=True)
    host.git("config", "commit.gpgsign", "false")


@pytest.mark.parametrize("trouble", [refusing_hook, no_signing_key])
@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("sync", "sync --commit"),
        ("sync up", "sync up --commit"),
        ("sync u* --signoff", "sync 'u*' --commit --signoff"),
        ("add more URL --tag v1 --local", "sync more --commit"),
        ("remove up", "sync up --commit"),
    ],
)
def test_where_git_makes_no_commit_all_that_it_says_is_shown_and_the_command_to_go_on_with(
    ready: Host,
    upstream: Upstream,
    trouble: Callable[[Host], None],
    command: str,
    again: str,
) -> None:
    ready.sync("--commit")
    upstream.release("v2", {"a": b"2\n"})
    other = mirror("other", upstream.url, tag="v2", local=True) if command != "sync" else ""
    tag = "v1" if command == "remove up" else "v2"
    ready.manifest(mirror("up", upstream.url, tag=tag, local=True) + other)
    trouble(ready)
    by_hand = subprocess.run(
        ["git", "commit", "--allow-empty", "--message", "by hand"],
        cwd=ready.path,
        capture_output=True,
        text=True,
        check=False,
    )
    ran = ready.run(*command.replace("URL", upstream.url).split(), "--commit")
    said = ran.err.splitlines()
    assert (ran.status, [line.strip() for line in said[1:-1]]) == (
        TROUBLE,
        by_hand.stderr.strip().splitlines(),
    )
    assert said[0] == "error: git commit failed: what was synced is in place, and staged"
    assert said[-1] == f"hint: mend what git says, then `git verbatim {again}`"
    mend(ready)
    ran = ready.run(*shlex.split(again))
    assert ran.status == 0, ran.err
    assert "other" not in last_message(ready)
    changed = ready.git("diff", "--name-only", "HEAD").splitlines()
    assert changed == ([] if command == "sync" else ["third_party/mirrors.toml"])
    assert ready.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_without_an_identity_nothing_is_begun_and_the_command_is_repeated(ready: Host) -> None:
    ready.git("config", "--global", "--remove-section", "user")
    ready.git("config", "user.useConfigOnly", "true")
    before = ready.snapshot()
    ran = ready.run("sync", "--commit")
    assert (ran.status, ran.err.splitlines()[0]) == (
        TROUBLE,
        "error: git does not know who commits",
    )
    whole = subprocess.run(
        ["git", "var", "GIT_AUTHOR_IDENT"],
        cwd=ready.path,
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    assert [line.strip() for line in whole.splitlines() if line.strip()] == [
        line.strip() for line in ran.err.splitlines()[1:-1]
    ]
    assert ready.snapshot() == before
    for setting in re.findall("`git config ([a-z.]+)`", ran.err):
        ready.git("config", setting, "us")
    ready.sync("--commit")
