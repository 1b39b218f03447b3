"""Keeps one marked block of lines in a file that people edit too; all other lines stay; pure."""

from sync.errors import HostError

END = "# git-verbatim: end"
"""The last line of every block."""


def with_block(present: str | None, begin: str, lines: list[str], path: str) -> str | None:
    """The text with just these lines between `begin` and `END`; without lines there is no block.

    None is no file. A block that is there keeps its place, a new one comes last. Line endings are
    those of the text, and a text without a final newline still has none. Raises HostError for a
    block that is broken or doubled; `path` is the file's, for the message.
    """
    text = present or ""
    ending = "\r\n" if "\r\n" in text else "\n"
    block = ending.join([begin, *lines, END]) if lines else ""
    found = _find(text, begin, path)
    if found is not None:
        start, end = found
        if block:
            return text[:start] + block + text[end:]
        return _without(text, start, end, ending) or None
    if not block:
        return present
    if not text or text.endswith("\n"):
        return text + block + ending
    return text + ending + block


def _find(text: str, begin: str, path: str) -> tuple[int, int] | None:
    """Where the block starts and ends, its last line ending aside; None if there is none."""
    at, start, end = 0, 0, 0
    marks: list[str] = []
    for line in text.split("\n"):
        word = line.rstrip("\r")
        if word in {begin, END}:
            marks.append(word)
            start = at if word == begin else start
            end = at + len(word) if word == END else end
        at += len(line) + 1
    if not marks:
        return None
    if marks != [begin, END]:
        raise HostError(
            f"the block of git-verbatim in {path} is broken or there twice",
            [f"it begins with the line `{begin}` and ends with `{END}`, each there once"],
            hint=f"delete these lines, and what stands between them, from {path}, "
            "then run the command again",
            reference="block-broken",
        )
    return start, end


def _without(text: str, start: int, end: int, ending: str) -> str:
    before, after = text[:start], text[end:]
    if not after:  # then the text before it had no final newline
        return before.removesuffix(ending)
    return before + after.removeprefix(ending)
