"""attributes-alter-bytes: what the rule says of attributes and a content is what git does.

Git itself is the oracle.
"""

import hashlib
import io
import itertools
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sync.errors import CouldNotCheckError
from sync.git.attributes import attributes_of
from sync.host.attributes_and_ignores import ATTRIBUTES as OURS
from sync.host.attributes_and_ignores import EARLIER_ATTRIBUTES
from sync.ids import RepoPath
from sync.judgement.conversion import conversion
from tests.support.git import CONFIGURATIONS, git, git_bytes
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

TEXTS = (
    "",
    "text",
    "-text",
    "text=auto",
    "text=input",
    "crlf",
    "-crlf",
    "crlf=input",
    "crlf=auto",
    "binary",
)
EOLS = ("", "eol=lf", "eol=crlf", "-eol")
OTHERS = ("", "ident", "-ident")
ENCODINGS = (
    "working-tree-encoding=UTF-8",
    "working-tree-encoding=UTF-16LE",
    "working-tree-encoding=ISO-8859-1",
    "-working-tree-encoding",
)
ARCHIVED = (
    "-text export-subst",
    "-text -export-subst",
    "-text export-subst=yes",
    "-text export-ignore=yes",
)
ATTRIBUTES = [
    " ".join(filter(None, chosen)) for chosen in itertools.product(TEXTS, EOLS, OTHERS)
] + [*ENCODINGS, *ARCHIVED]
CONTENTS = (
    b"",
    b"one line",
    b"a\nb\n",
    b"a\r\nb\r\n",
    b"a\r\nb\n",
    b"a\rb\n",
    b"a\0b\n",
    b"\x01\x02\x03\n" + b"a" * 50,
    b"\x01" + b"a" * 300 + b"\n",
    b"\x1b[1mbold\x08\n\x1a",
    b"$Id$\n",
    b"$Id: 1234$\n",
    b"$Id: not\nclosed$\n",
    b"$Idea$\n",
    "größe\n".encode(),
    b"plain ASCII",
    b"$Format:%H$",
    b"of $Format:%H\n$ two lines",
    b"$Format:$",
    b"$Format:%H",
)


def test_a_conversion_is_named_exactly_where_git_changes_bytes_for_somebody(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    files = {
        f"{number}/{content}": CONTENTS[content]
        for number in range(len(ATTRIBUTES))
        for content in range(len(CONTENTS))
    }
    attribute_files = {
        f"{number}/.gitattributes": f"* {text}\n".encode()
        for number, text in enumerate(ATTRIBUTES)
        if text
    }
    _write(tmp_path, files | attribute_files)
    blobs = _stage(tmp_path, files | attribute_files)
    changed = set().union(
        *(_changed(tmp_path, files, blobs, configured) for configured in CONFIGURATIONS)
    )

    there = {RepoPath(path.encode()): content for path, content in attribute_files.items()}
    asked = attributes_of(there, [path.encode() for path in files])
    said = {
        path
        for (path, content), attributes in zip(files.items(), asked, strict=True)
        if conversion(attributes, content)
    }

    def shown(paths: set[str]) -> list[tuple[str, bytes]]:
        return [(ATTRIBUTES[int(path.split("/")[0])], files[path]) for path in sorted(paths)]

    assert shown(said - changed) == []
    assert shown(changed - said) == []
    assert len(changed) > 100
    assert len(files) - len(changed) > 100


def _changed(
    repository: Path, files: Mapping[str, bytes], blobs: bytes, configured: Sequence[str]
) -> set[str]:
    """The files that git checks out, adds or archives with other bytes, configured so."""
    git(repository, "update-index", "-z", "--index-info", stdin=blobs)
    git(repository, *configured, "checkout-index", "--all", "--force", "--quiet")
    changed = {
        path for path, content in files.items() if (repository / path).read_bytes() != content
    }
    commit = git(repository, "commit-tree", "-m", "all", git(repository, "write-tree"))
    archived = _archived(repository, commit, *configured)
    changed |= {path for path, content in files.items() if archived.get(path) != content}
    _write(repository, files)
    git(repository, *configured, "add", "--all")
    staged = dict(
        line.split("\t")[::-1] for line in git(repository, "ls-files", "--stage").splitlines()
    )
    return changed | {
        path for path, content in files.items() if staged[path].split()[1] != _blob(content)
    }


def _archived(repository: Path, commit: str, *configured: str) -> dict[str, bytes]:
    data = git_bytes(repository, *configured, "archive", "--format=tar", commit)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            member.name: file.read()
            for member in archive
            if member.isreg() and (file := archive.extractfile(member))
        }


@pytest.mark.parametrize(
    ("attributes", "content", "words"),
    [
        ({"filter": "lfs"}, b"a\n", "`filter=lfs` runs a filter over it"),
        ({"filter": "unset", "text": "unset"}, b"a\n", None),
        ({"filter": "set", "text": "unset"}, b"a\n", None),
        (
            {"working-tree-encoding": "no-such-encoding"},
            b"a\n",
            "`working-tree-encoding=no-such-encoding` encodes it anew",
        ),
        (
            {"working-tree-encoding": "UTF-16"},
            b"\xff\xfe",
            "`working-tree-encoding=UTF-16` encodes it anew",
        ),
        ({"eol": "crlf"}, b"a\n", "`eol=crlf` makes its line endings CRLF on checkout"),
        (
            {"text": "auto", "eol": "crlf"},
            b"a\n",
            "`text=auto eol=crlf` makes its line endings CRLF on checkout",
        ),
        ({"text": "set"}, b"a\r\n", "`text` makes its CRLF line endings LF on `git add`"),
        ({"eol": "lf"}, b"a\r\n", "`eol=lf` makes its CRLF line endings LF on `git add`"),
        (
            {"text": "set"},
            b"a\n",
            "`text` makes its line endings CRLF on checkout where that is the system's",
        ),
        (
            {"text": "auto"},
            b"a\n",
            "`text=auto` makes its line endings CRLF on checkout where that is the system's",
        ),
        (
            {},
            b"a\n",
            "`core.autocrlf=true` makes its line endings CRLF on checkout, since nothing forbids it",
        ),
        ({}, b"a\0\n", None),
        ({"ident": "set"}, b"$Id$", "`ident` rewrites its $Id$"),
        (
            {"export-subst": "set"},
            b"$Format:%H$",
            "`export-subst` replaces its $Format:…$ in `git archive`",
        ),
    ],
)
def test_a_conversion_in_words(
    attributes: dict[str, str], content: bytes, words: str | None
) -> None:
    assert conversion(attributes, content) == words


def test_only_the_attribute_files_of_the_state_have_a_say(
    tmp_path: Path, scratch_home: Path
) -> None:
    git(tmp_path, "init", "--quiet")
    (scratch_home / "attributes").write_text("* eol=crlf\n")
    git(tmp_path, "config", "--global", "core.attributesFile", str(scratch_home / "attributes"))
    (tmp_path / ".git/info/attributes").write_text("* ident\n")
    (tmp_path / ".gitattributes").write_text("* filter=x\n")
    there = {RepoPath(b".gitattributes"): b"*.a text=auto\n[attr]mine ident eol=lf\n*.b mine\n"}
    asked = attributes_of(
        there,
        [b"x.a", b"deep/down/x.a", b"x.b", b"x.c", b"na\xefve\n.a"],
    )
    assert asked == [
        {"text": "auto"},
        {"text": "auto"},
        {"ident": "set", "eol": "lf"},
        {},
        {"text": "auto"},
    ]


def test_a_pattern_that_git_would_match_for_years_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sync.git.attributes._SECONDS", 0.3)
    there = {RepoPath(b".gitattributes"): b"**/" * 600 + b"x text\n"}
    with pytest.raises(CouldNotCheckError, match="git check-attr takes too long") as stopped:
        attributes_of(there, [b"d/" * 9 + b"f"])
    assert "patterns of the .gitattributes" in (stopped.value.hint or "")


def _write(directory: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(content)


def _stage(repository: Path, files: Mapping[str, bytes]) -> bytes:
    """The files' content in the repository, and what tells `update-index` of them."""
    for content in set(files.values()):
        git(repository, "hash-object", "-w", "--stdin", "--literally", stdin=content)
    return b"".join(
        f"100644 {_blob(content)}\t{path}\0".encode() for path, content in files.items()
    )


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


OWN = "third_party/.gitattributes"
PROTECTED = "whoever clones it has upstream's bytes"
CONVERTED = "somebody who clones it has others"


@pytest.mark.parametrize(
    ("attributes", "clones"),
    [
        pytest.param({OWN: OURS}, PROTECTED, id="the tool's own"),
        pytest.param({OWN: EARLIER_ATTRIBUTES[0]}, PROTECTED, id="an earlier version's"),
        pytest.param({}, CONVERTED, id="none"),
        pytest.param({OWN: "* text\n"}, CONVERTED, id="text"),
        pytest.param({OWN: f"{OURS}* text\n"}, CONVERTED, id="text behind the tool's own"),
        pytest.param(
            {OWN: f"{OURS}*.json !text\n"}, CONVERTED, id="records not protected any more"
        ),
        pytest.param(
            {OWN: f"{OURS}mirrors.toml text eol=crlf\n"},
            PROTECTED,
            id="a manifest with line endings of one's own",
        ),
        pytest.param(
            {".gitattributes": "third_party/** -text\n"}, PROTECTED, id="protected by the root"
        ),
        pytest.param({".gitattributes": "* binary\n"}, PROTECTED, id="all binary"),
        pytest.param({".gitattributes": "* text=auto eol=lf\n"}, PROTECTED, id="LF everywhere"),
        pytest.param({".gitattributes": "* text=auto\n"}, CONVERTED, id="as the system has it"),
        pytest.param(
            {".gitattributes": "* text=auto\n", OWN: OURS},
            PROTECTED,
            id="the tool's own below those of the root",
        ),
        pytest.param(
            {".gitattributes": "third_party/m/** -text\n"}, CONVERTED, id="only the files protected"
        ),
        pytest.param(
            {".gitattributes": "*.json -text\nthird_party/m/** -text\n"},
            CONVERTED,
            id="no licence protected",
        ),
    ],
)
def test_check_refuses_attributes_under_which_a_clone_does_not_verify(
    host: Host, upstream: Upstream, attributes: dict[str, str], clones: str
) -> None:
    upstream.release("v1", {"wit/a.wit": b"a\nb\n", "LICENSE": b"do what you like\n"})
    host.manifest(mirror("m", upstream.url, tag="v1", from_="wit", local=True))
    host.sync("--commit")
    (host.path / OWN).unlink()
    for path, text in attributes.items():
        (host.path / path).write_text(text)
    host.git("add", "--all")
    refused = host.run("check").status
    host.git("commit", "--quiet", "--allow-empty", "-m", "attributes")
    verified = []
    for number, configured in enumerate(CONFIGURATIONS):
        clone = host.path.parent / f"clone{number}"
        git(host.path, *configured, "clone", "--quiet", str(host.path), str(clone))
        verified.append(Host(clone).run("verify").status)
    assert (refused, max(verified)) == ((0, 0) if clones == PROTECTED else (1, 1))
    assert host.run("check", "--range", "HEAD~1..HEAD").status == refused
    assert host.run("check", "--all").status == refused
    (host.path / "src.c").write_text("int x;\n")
    host.git("add", "src.c")
    assert host.run("check").status == 0
    host.git("commit", "--quiet", "-m", "other work")
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_two_branches_that_moved_a_mirror_are_not_merged_by_lines_and_sync_settles_it(
    host: Host, upstream: Upstream
) -> None:
    def manifest(tag: str) -> None:
        host.manifest(mirror("m", upstream.url, tag=tag, from_="wit", local=True))

    for tag, text in (
        ("v1", b"one\n\n\n\ntwo\n"),
        ("v2", b"ONE  \n\n\n\ntwo\n"),
        ("v3", b"one\n\n\n\nTWO  \n"),
    ):
        upstream.release(tag, {"wit/a.wit": text})
    for branch, tag in (("base", "v1"), ("theirs", "v2"), ("ours", "v3")):
        host.git("switch", "--quiet", "-c", branch, *(["base"] if branch != "base" else []))
        manifest(tag)
        host.sync("--commit")
        assert (
            host.git("diff", "--check", "HEAD~1") == ""
        )  # whose white space it is, is no matter of ours
    with pytest.raises(AssertionError, match=r"CONFLICT.*third_party/m/a\.wit"):
        host.git("merge", "theirs")
    assert (host.third_party / "m/a.wit").read_bytes() == b"one\n\n\n\nTWO  \n"
    manifest("v2")
    host.sync()
    host.git("add", "third_party/mirrors.toml")
    host.git("commit", "--quiet", "-m", "merged")
    assert host.run("check", "--all").status == 0


@pytest.mark.parametrize("name", [".GITATTRIBUTES", "gitatt~1", "GI7D29~1"])
def test_what_some_system_takes_for_attributes_is_judged_as_attributes(
    host: Host, upstream: Upstream, name: str
) -> None:
    upstream.release(
        "v1",
        {
            "wit/a.wit": b"a\n",
            f"wit/{name}": b"*.wit text eol=crlf\n",
            f"other/{name}": b"*.wit -text\n",
        },
    )
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync("--commit")
    ran = host.run("check", "--all")
    assert (
        ran.status,
        "attributes-alter-bytes" in ran.out,
        "third_party/up/wit/a.wit" in ran.out,
    ) == (1, True, True), ran.out
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, exclude=[name]))
    host.sync("--commit")
    assert host.run("check", "--all").status == 0
