"""Objects that git's own server refuses to serve, from a server that sends them.

The tests say what is refused, and in which words.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harnesses.badinput.scene import commit_of, line, object_id, pack_of, tag_of
from tests.support.caches import left_in_cache
from tests.support.git import git
from tests.support.git_http import git_http
from tests.support.hosts import Host, mirror
from tests.support.misbehaving import sending
from tests.support.upstreams import Upstream

Sent = Sequence[tuple[str, bytes]]
"""Objects; the tag v1 names the last."""
BLOB = ("blob", b"x\n")
TREE = ("tree", line("100644", b"x", object_id(*BLOB)))
COMMIT = ("commit", commit_of(object_id(*TREE)))
LIKE_A_TREE = ("blob", line("100644", b"y", object_id(*BLOB)))


def tree(raw: bytes) -> Sent:
    return BLOB, TREE, LIKE_A_TREE, ("tree", raw), ("commit", commit_of(object_id("tree", raw)))


def commit(raw: bytes) -> Sent:
    return BLOB, TREE, ("commit", raw)


def tag(raw: bytes) -> Sent:
    return BLOB, TREE, COMMIT, ("tag", raw)


ID, LOST = object_id(*COMMIT), "1" * 40
TIMELESS = f"tree {object_id(*TREE)}\nauthor A <a@b>\ncommitter A <a@b>\n\nm\n".encode()
HIDDEN = tag_of(ID, "other").replace(b"\ntag other", b"\ngpgsig-sha256 x\ntag other", 1)

NOT_WHOLE = "the upstream does not send what it offers"
NO_COPY = "mirror up cannot copy the directory {} exactly"
SENT: dict[str, tuple[Sent, str, str]] = {
    "a mode that is no number": (
        tree(line("file", b"a", object_id(*BLOB))),
        NO_COPY.format("/"),
        "mode b'file' of b'a' is none that git writes [mode-unknown]",
    ),
    "a name that is empty": (
        tree(line("100644", b"", object_id(*BLOB))),
        NO_COPY.format("/"),
        "the tree object has an entry named b'' [name-not-a-component]",
    ),
    "a tree that is cut off": (
        tree(TREE[1][:-1]),
        NO_COPY.format("/"),
        "the tree object is truncated [tree-truncated]",
    ),
    "a directory that is a blob": (
        tree(line("40000", b"a", object_id(*LIKE_A_TREE))),
        NO_COPY.format("a"),
        "it is no tree object [object-wrong-kind]",
    ),
    "a file that is missing": (
        tree(line("100644", b"a", LOST)),
        NOT_WHOLE,
        f"bad revision '{LOST}'",
    ),
    "a commit of text": (commit(b"rubbish\n"), NOT_WHOLE, "bogus commit object"),
    "a commit whose tree is missing": (
        commit(commit_of(LOST)),
        f"what the upstream sent lacks object {LOST}",
        "mirror from a repository that has everything",
    ),
    "a commit whose tree is a blob": (
        (LIKE_A_TREE, ("commit", commit_of(object_id(*LIKE_A_TREE)))),
        NO_COPY.format("/"),
        "it is no tree object [object-wrong-kind]",
    ),
    "a commit without a time": (
        commit(TIMELESS),
        "tag v1 names a malformed commit",
        "not a commit object: it has no time",
    ),
    "a tag of text": (tag(b"rubbish\n"), NOT_WHOLE, "nonexistent object"),
    "a tag of a commit that is missing": (
        tag(tag_of(LOST, "v1")),
        f"the upstream lacks object {LOST}",
        "mirror from a repository that has everything",
    ),
    "a tag that says tree of a commit": (
        tag(tag_of(ID, "v1", "tree")),
        "tag v1 does not lead to a commit",
        "pin a tag of a commit",
    ),
    "a tag that hides its name behind a header": (tag(HIDDEN), NOT_WHOLE, "nonexistent object"),
}


@pytest.mark.parametrize("name", SENT)
@pytest.mark.parametrize("part", [False, True], ids=["whole", "part"])
def test_what_is_sent_is_refused(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path, name: str, *, part: bool
) -> None:
    """A part is asked for its trees first.

    Then git no longer looks whether all is there, and only the program judges it.
    """
    upstream.release("any", {"a": b"a\n"})
    git(upstream.path, "config", "uploadpack.allowFilter", "true")
    sent, error, why = SENT[name]
    trouble = sending({"refs/tags/v1": object_id(*sent[-1])}, pack_of(sent), is_large=part)
    with git_http(tmp_path, trouble=trouble) as site:
        host.manifest(mirror("up", site.url(), tag="v1", **({"include": ["/**"]} if part else {})))
        ran = host.run("sync")
    if not part and "time" not in name:
        error, why = NOT_WHOLE, ""
    if "by signal 11" in ran.err:  # some gits fall over such a tag now and then, which is said too
        error, why = "git was killed while it asked the upstream", ""
    assert (ran.err.splitlines()[0], why in ran.err, ran.out) == (f"error: {error}", True, ""), (
        ran.err
    )
    assert ran.status == (2 if {"exactly", "malformed", "lead"} & {*error.split()} else 3)
    assert (list(host.snapshot()), left_in_cache(scratch_home)) == (
        ["third_party/mirrors.toml"],
        [],
    )


def test_another_object_than_was_offered_is_no_answer(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("any", {"a": b"a\n"})
    with git_http(
        tmp_path, trouble=sending({"refs/tags/v1": LOST}, pack_of([BLOB, TREE, COMMIT]))
    ) as site:
        host.manifest(mirror("up", site.url(), tag="v1"))
        ran = host.run("sync")
    assert (ran.status, ran.err.splitlines()[0]) == (3, f"error: {NOT_WHOLE}"), ran.err
