"""Reads what a patch says of itself: why, whose, whether upstream has it, and of which files."""

import re
from binascii import a2b_base64, a2b_qp
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync.ids import ObjectId
from sync.quoting import quote_path

DIFF = "git diff --binary --full-index --src-prefix=a/ --dst-prefix=b/"
"""Makes a patch as we need it, whatever the user's settings are."""
_ANEW = f"make it anew with `{DIFF}`, or with `git format-patch` and the same options"
_FULL = re.compile(rb"[0-9a-f]{40}")
_INDEX = re.compile(rb"index ([0-9a-f]+)\.\.([0-9a-f]+)(?: [0-7]{6})?")
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
_LETTERS = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
}
_DIFF = b"diff --git "
_PREFIXED = re.compile(rb'diff --git "?a/.* "?b/')
_HEADERS = (
    b"--- ",
    b"+++ ",
    b"old mode ",
    b"new mode ",
    b"new file mode ",
    b"deleted file mode ",
    b"copy from ",
    b"copy to ",
    b"rename from ",
    b"rename to ",
    b"similarity index ",
    b"dissimilarity index ",
    b"index ",
)
_BODY = (b"@@ ", b"GIT binary patch", b"Binary files ")
_HUNK = re.compile(rb"@@ -\d+(?:,(\d{1,10}))? \+\d+(?:,(\d{1,10}))? @@")
_SIZE = re.compile(rb"^(?:literal|delta) [ \t+]*(\d{1,19})", re.MULTILINE)
_WHY = ("description", "subject")
_WHOSE = ("origin", "author", "from")
_TOLD = {*_WHY, *_WHOSE, "forwarded"}
_HEADER_BYTES = 64 << 10
_KEY = re.compile(r"[!-9;-~]+")
_FOLD = re.compile(r"\r?\n[ \t]+")
# An encoded word of RFC 2047, and the blank before the next one, which belongs to neither. Python
# knows encodings that take too long, or whose text cannot be printed: only those of mail are read.
_WORD = re.compile(
    r"=\?(utf-8|us-ascii|iso-8859-\d+|windows-125\d|koi8-[ru]|iso-2022-jp|shift_jis|euc-jp|euc-kr"
    r"|big5|gb2312|gbk|gb18030)(?:\*[^?\s]*)?\?([qb])\?([^?\s]*)\?=(?:\s+(?==\?))?",
    re.IGNORECASE,
)


class PatchError(ValueError):
    """A patch that does not say what it has to; the message is a phrase that follows its path."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Story:
    """What the header of a patch says (DEP-3, or a mail of git-format-patch)."""

    why: str
    whose: str
    forwarded: str | None
    """`no`, `not-needed` or a URL; None where the patch does not say whether upstream has it."""


@dataclass(frozen=True, slots=True)
class FilePatch:
    """What a patch does to one file; paths are those in the tree that it is made for."""

    old: bytes | None
    """None where the file is new."""
    new: bytes | None
    """None where the file goes."""
    before: ObjectId | None
    """The blob that it is made for; None where the content does not change."""
    after: ObjectId | None


def read_story(patch: bytes) -> Story:
    """Read why the patch is there and whose it is; PatchError if it does not say so."""
    said = _told(patch)
    why = next((said[key] for key in _WHY if said.get(key)), None)
    whose = next((said[key] for key in _WHOSE if said.get(key)), None)
    lacking = [
        what for what, found in (("why it is there", why), ("whose it is", whose)) if found is None
    ]
    if why is None or whose is None:
        raise PatchError(
            f"does not say {' or '.join(lacking)}",
            "begin it with the lines `Description: …` and `Author: …` and a blank one (DEP-3), "
            "or make it with `git format-patch`",
        )
    return Story(why, whose, said.get("forwarded") or None)


def _told(patch: bytes) -> dict[str, str]:
    """The wanted headers, each on one line; Python's reader of mail fails at odd addresses."""
    head = patch[:_HEADER_BYTES].partition(b"\n" + _DIFF)[0]
    lines = _FOLD.sub(" ", head.decode("utf-8", "replace")).split("\n")
    if lines[0].startswith("From "):  # the first line of a mail box
        del lines[0]
    told = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if not (colon and _KEY.fullmatch(key)):
            break
        if key.lower() in _TOLD:
            told[key.lower()] = " ".join(_WORD.sub(_decoded, value).split())
    return told


def _decoded(word: re.Match[str]) -> str:
    """The text of an encoded word; the word itself if it is broken."""
    charset, encoding, text = word.groups()
    is_base64 = encoding in "bB"
    try:
        raw = a2b_base64(text + "==") if is_base64 else a2b_qp(text, header=True)
        return raw.decode(charset, "replace")
    except (LookupError, ValueError):
        return word[0]


def read_files(patch: bytes) -> list[FilePatch]:
    """Read which files a patch changes; PatchError if it does not say of which contents."""
    sections = list(_sections(patch))
    if not sections:
        raise PatchError("holds no diff as git makes it", _ANEW)
    files = [_file(lines) for lines in sections]
    if (twice := _changed_twice(files)) is not None:
        raise PatchError(
            f"changes {quote_path(twice)} twice",
            "make one patch of each change, and name them in order in `patches`",
        )
    return files


def _changed_twice(files: Sequence[FilePatch]) -> bytes | None:
    """A file that goes and comes again is a file of another kind, which is one change."""
    old = Counter(file.old for file in files if file.new in {None, file.old})
    new = Counter(file.new for file in files)
    twice = (path for path, times in [*old.items(), *new.items()] if path and times > 1)
    return next(twice, None)


def largest_size(patch: bytes) -> int:
    """The largest size of binary content that a patch names; 0 if it names none."""
    return max((int(size) for size in _SIZE.findall(patch)), default=0)


def _sections(patch: bytes) -> Iterator[list[bytes]]:
    """The header lines of each file, and the line that follows them.

    What lies between the files is passed over, as git does it. PatchError if git would apply a
    part of it.
    """
    lines = patch.split(b"\n")
    at = 0
    while at < len(lines):
        if lines[at].startswith(_DIFF):
            body = _after_headers(lines, at + 1)
            yield lines[at : body + 1]
            at = _after_hunks(lines, body)
        elif _is_traditional(lines, at):
            raise PatchError(
                f"changes a file without a line `diff --git`, at line {at + 1:,}",
                f"indent the line if it is text, else {_ANEW}",
            )
        else:
            at += 1


def _is_traditional(lines: list[bytes], at: int) -> bool:
    following = lines[at + 1] if at + 1 < len(lines) else b""
    return lines[at].startswith(b"--- ") and following.startswith(b"+++ ")


def _after_headers(lines: list[bytes], at: int) -> int:
    while at < len(lines) and lines[at].startswith(_HEADERS):
        at += 1
    return at


def _after_hunks(lines: list[bytes], at: int) -> int:
    """Where the hunks end; their numbers say so, since a line of one may look like a header."""
    while at < len(lines) and (hunk := _HUNK.match(lines[at])) is not None:
        old, new = (int(count or 1) for count in hunk.groups())
        at += 1
        while at < len(lines) and (old > 0 or new > 0 or lines[at][:1] == b"\\"):
            kind = lines[at][:1]
            if kind not in {b"", b" ", b"-", b"+", b"\\"}:
                break
            old -= kind in {b"", b" ", b"-"}
            new -= kind in {b"", b" ", b"+"}
            at += 1
    return at


def _file(lines: list[bytes]) -> FilePatch:
    said = dict(filter(None, map(_named, lines[1:])))
    path = _of_header(lines[0])
    old = None if _has(lines, b"new file mode ") else said.get("old", path)
    new = None if _has(lines, b"deleted file mode ") else said.get("new", path)
    if _has(lines, b"Binary files "):
        raise PatchError("leaves out what is binary", _ANEW)
    index = next(filter(None, map(_INDEX.fullmatch, lines)), None)
    if index is None and lines[-1].startswith(_BODY):
        raise PatchError("does not say which contents it is made for", _ANEW)
    if index is None:
        return FilePatch(old, new, None, None)
    if not all(_FULL.fullmatch(one) for one in index.groups()):
        raise PatchError("abbreviates the ids of the contents that it is made for", _ANEW)
    before, after = (ObjectId(one.decode()) for one in index.groups())
    return FilePatch(old, new, before, after)


def _has(lines: list[bytes], begin: bytes) -> bool:
    return any(line.startswith(begin) for line in lines)


def _named(line: bytes) -> tuple[str, bytes] | None:
    """The path that a header line names, and whether it is the one before or after."""
    for begin, which, prefix in (
        (b"rename from ", "old", b""),
        (b"copy from ", "old", b""),
        (b"rename to ", "new", b""),
        (b"copy to ", "new", b""),
        (b"--- ", "old", b"a/"),
        (b"+++ ", "new", b"b/"),
    ):
        if line.startswith(begin):
            path = _unquoted(line.removeprefix(begin).removesuffix(b"\t"))
            if path != b"/dev/null":
                return which, path.removeprefix(prefix)
    return None


def _of_header(line: bytes) -> bytes:
    """The path of `diff --git a/PATH b/PATH`, where both are the same."""
    if line.endswith(b"\r"):
        raise PatchError(
            "has CRLF line ends, and git needs LF", f"make it anew with `{DIFF} --output=FILE`"
        )
    if not _PREFIXED.match(line):
        raise PatchError("names files without a/ and b/ in front", _ANEW)
    names = line.removeprefix(_DIFF)
    half = names[: len(names) // 2]
    return _unquoted(half).removeprefix(b"a/")


def _unquoted(path: bytes) -> bytes:
    if not (path.startswith(b'"') and path.endswith(b'"')):
        return path

    def unescaped(match: re.Match[bytes]) -> bytes:
        sequence = match[1]
        if len(sequence) == 3:  # noqa: PLR2004 - three octal digits
            return bytes([int(sequence, 8)])
        return _LETTERS.get(sequence, sequence)

    return _ESCAPE.sub(unescaped, path[1:-1])
