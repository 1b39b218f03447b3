"""A POSIX shell script that verifies the mirrors with coreutils alone.

It also finds files that were added to them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby

from sync.ids import Mode
from sync.model import FileFact
from sync.quoting import printable
from sync.report.facts import Component, Facts
from sync.report.text import elsewhere_shown, headline

_PREAMBLE = """
Verifies that the mirrors in third_party/ are what they were when this was written: contents, \
executable bits, symlinks,
nothing missing and nothing added (`sha256sum -c` alone sees but contents, and nothing that was \
added). Needs a POSIX shell and,
of coreutils or busybox, sha256sum, readlink, ls and od. Looks at nothing else in third_party/.
That the mirrors are upstream's is what the records prove: `git verbatim verify`.

usage: sh third-party.verify.sh [--allow-removed] [DIR]
"""
_PLAIN_WORD = re.compile(r"[A-Za-z0-9._/@+-]+")


def render(facts: Facts) -> bytes:
    """Write the program, then for each mirror that is here the list of its files, then the call."""
    comments = [headline(facts), *_PREAMBLE.splitlines()]
    comments += map(elsewhere_shown, facts.elsewhere)
    head = "".join(f"# {printable(comment)}".rstrip() + "\n" for comment in comments)
    lists = "".join(_list(number, component) for number, component in enumerate(facts.present, 1))
    program = (files("sync.report.formats") / "verify.sh").read_text("utf-8")
    return f'#!/bin/sh\n{head}\n{program}{lists}\n{_all(facts.present)}\nmain "$@"\n'.encode()


def _all(components: Sequence[Component]) -> str:
    """Write the function that goes through all lists."""
    directories = {
        directory for component in components for directory, _ in _directories(component)
    }
    above = sorted(
        {
            directory[:at]
            for directory in directories
            for at, sign in enumerate(directory)
            if sign == "/"
        }
    )
    lines = [
        f"    mirror mirror_{number} {_word(c.directory.encode())}\n"
        for number, c in enumerate(components, 1)
    ]
    return (
        f"all() {{\n    {_command('above', [path.encode() for path in above])}\n"
        f"{''.join(lines)}}}\n"
    )


def _list(number: int, component: Component) -> str:
    lines = [
        line
        for directory, facts in _directories(component)
        for line in _lines(component, directory, facts)
    ]
    return (
        f"\n# {printable(component.name)}\nmirror_{number}() {{\n"
        + "".join(f"    {line}\n" for line in lines)
        + "}\n"
    )


def _directories(component: Component) -> list[tuple[str, Sequence[FileFact]]]:
    """The directories that have to be there, from the host's root, with their files."""
    return [
        (place.directory, place.files)
        for place in component.record.places
        if place.files or place.directory in component.record.copies
    ]


def _lines(component: Component, directory: str, facts: Sequence[FileFact]) -> Iterator[str]:
    for path, names in _listings(directory.encode(), facts).items():
        yield _command("directory", [path, *sorted(names, key=_shell_order)])
    for fact in facts:
        path = f"{directory}/".encode() + fact.path
        if fact.mode == Mode.SYMLINK:
            yield _command("symlink", [component.required_content().links[fact.path], path])
        else:
            yield _command(
                "executable" if fact.mode == Mode.EXECUTABLE else "plain",
                [fact.sha256.encode(), path],
            )


def _listings(root: bytes, facts: Iterable[FileFact]) -> dict[bytes, set[bytes]]:
    """Map the path of each directory to the names in it."""
    names: dict[bytes, set[bytes]] = {root: set()}
    for fact in facts:
        path = root + b"/" + fact.path
        while path != root:
            path, _, name = path.rpartition(b"/")
            names.setdefault(path, set()).add(name)
    return names


def _shell_order(name: bytes) -> tuple[bool, bool, bytes]:
    """Sort names in the order in which `*`, `.[!.]*` and `..?*` find them."""
    return name.startswith(b".."), name.startswith(b"."), name


def _command(name: str, words: Iterable[bytes]) -> str:
    return " ".join([name, *map(_word, words)])


def _word(raw: bytes) -> str:
    """Write bytes as one word of the shell.

    Bytes that are not printable UTF-8 are spelt out, so that the script is plain text.
    """
    text = raw.decode("utf-8", "surrogateescape")
    if _PLAIN_WORD.fullmatch(text):
        return text
    return (
        "".join(_quoted(kind, "".join(characters)) for kind, characters in groupby(text, key=_kind))
        or "''"
    )


def _kind(character: str) -> str:
    if character == "\n":
        return "newline"
    return "plain" if printable(character) == character else "bytes"


def _quoted(kind: str, text: str) -> str:
    if kind == "newline":
        return '"$nl"' * len(text)  # a command substitution would drop a newline at the end
    if kind == "plain":
        return "'" + text.replace("'", "'\\''") + "'"
    return (
        "\"$(bytes '"
        + "".join(f"\\0{byte:03o}" for byte in text.encode("utf-8", "surrogateescape"))
        + "')\""
    )
