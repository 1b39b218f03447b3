"""attributes-alter-bytes: what is said of attributes and a content is what git does with them; git itself is the oracle."""

import hashlib
import itertools
from pathlib import Path

import pytest

from policies.attributes import conversion
from sync.git.attributes import attributes_of
from sync.git.repository import Repository
from sync.model import Entry, Mode, ObjectId, RepoPath
from tests.support import git

TEXTS = ("", "text", "-text", "text=auto", "text=input", "crlf", "-crlf", "crlf=input", "crlf=auto", "binary")
EOLS = ("", "eol=lf", "eol=crlf", "-eol")
OTHERS = ("", "ident", "-ident")
ENCODINGS = (
    "working-tree-encoding=UTF-8",
    "working-tree-encoding=UTF-16LE",
    "working-tree-encoding=ISO-8859-1",
    "-working-tree-encoding",
)
ATTRIBUTES = [" ".join(filter(None, chosen)) for chosen in itertools.product(TEXTS, EOLS, OTHERS)] + list(ENCODINGS)
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
)


def test_a_conversion_is_named_exactly_where_git_changes_bytes(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    files = {f"{number}/{content}": CONTENTS[content] for number in range(len(ATTRIBUTES)) for content in range(len(CONTENTS))}
    attribute_files = {f"{number}/.gitattributes": f"* {text}\n".encode() for number, text in enumerate(ATTRIBUTES) if text}
    _stage(tmp_path, files | attribute_files)
    for path, content in attribute_files.items():
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_bytes(content)
    git(tmp_path, "checkout-index", "--all", "--force", "--quiet")
    changed = {path for path, content in files.items() if (tmp_path / path).read_bytes() != content}
    for path, content in files.items():
        (tmp_path / path).write_bytes(content)
    git(tmp_path, "add", "--all")
    staged = dict(line.split("\t")[::-1] for line in git(tmp_path, "ls-files", "--stage").splitlines())
    changed |= {path for path, content in files.items() if staged[path].split()[1] != _blob(content)}

    entries = [Entry(RepoPath(path.encode()), Mode.FILE, ObjectId(_blob(content))) for path, content in attribute_files.items()]
    asked = attributes_of(Repository.open(tmp_path), entries, [path.encode() for path in files])
    said = {path for (path, content), attributes in zip(files.items(), asked, strict=True) if conversion(attributes, content)}

    def shown(paths: set[str]) -> list[tuple[str, bytes]]:
        return [(ATTRIBUTES[int(path.split("/")[0])], files[path]) for path in sorted(paths)]

    assert shown(said - changed) == []
    assert shown(changed - said) == []
    assert len(changed) > 100


@pytest.mark.parametrize(
    ("attributes", "content", "words"),
    [
        ({"filter": "lfs"}, b"a\n", "`filter=lfs` runs a filter over it"),
        ({"filter": "unset"}, b"a\n", None),
        ({"filter": "set"}, b"a\n", None),
        ({"working-tree-encoding": "no-such-encoding"}, b"a\n", "`working-tree-encoding=no-such-encoding` encodes it anew"),
        ({"working-tree-encoding": "UTF-16"}, b"\xff\xfe", "`working-tree-encoding=UTF-16` encodes it anew"),
        ({"eol": "crlf"}, b"a\n", "`eol=crlf` makes its line endings CRLF on checkout"),
        ({"text": "auto", "eol": "crlf"}, b"a\n", "`text=auto eol=crlf` makes its line endings CRLF on checkout"),
        ({"text": "set"}, b"a\r\n", "`text` makes its CRLF line endings LF on `git add`"),
        ({"eol": "lf"}, b"a\r\n", "`eol=lf` makes its CRLF line endings LF on `git add`"),
        ({"ident": "set"}, b"$Id$", "`ident` rewrites its $Id$"),
    ],
)
def test_a_conversion_in_words(attributes: dict[str, str], content: bytes, words: str | None) -> None:
    assert conversion(attributes, content) == words


def test_only_the_attribute_files_of_the_state_have_a_say(tmp_path: Path, scratch_home: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (scratch_home / "attributes").write_text("* eol=crlf\n")
    git(tmp_path, "config", "--global", "core.attributesFile", str(scratch_home / "attributes"))
    (tmp_path / ".git/info/attributes").write_text("* ident\n")
    (tmp_path / ".gitattributes").write_text("* filter=x\n")
    blob = git(tmp_path, "hash-object", "-w", "--stdin", stdin=b"*.a text=auto\n[attr]mine ident eol=lf\n*.b mine\n")
    entries = [Entry(RepoPath(b".gitattributes"), Mode.FILE, ObjectId(blob))]
    asked = attributes_of(Repository.open(tmp_path), entries, [b"x.a", b"deep/down/x.a", b"x.b", b"x.c", b"na\xefve\n.a"])
    assert asked == [{"text": "auto"}, {"text": "auto"}, {"ident": "set", "eol": "lf"}, {}, {"text": "auto"}]


def _stage(repository: Path, files: dict[str, bytes]) -> None:
    for content in set(files.values()):
        git(repository, "hash-object", "-w", "--stdin", "--literally", stdin=content)
    lines = b"".join(f"100644 {_blob(content)}\t{path}\0".encode() for path, content in files.items())
    git(repository, "update-index", "-z", "--index-info", stdin=lines)


def _blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
