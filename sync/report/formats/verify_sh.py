"""A POSIX shell script that verifies mirrors and derived forms with coreutils alone.

It also finds files that were added to them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby

from sync.ids import Mode
from sync.model.values import FileFact, path_at
from sync.quoting import printable
from sync.record.places import Place
from sync.report.facts import Component, Content, Derived, Facts
from sync.report.form_text import forms_not_here_shown, made_shown
from sync.report.text import headline, not_here_shown

_PREAMBLE = """
Verifies that the mirrors are what they were when this was written: contents, executable bits, \
symlinks,
nothing missing and nothing added (`sha256sum -c` alone sees but contents, and nothing that was \
added). Needs a POSIX shell and,
of coreutils or busybox, sha256sum, readlink, ls and od. Looks at nothing but the places of \
mirrors and their licence files.
That the mirrors are upstream's is what the records prove: `git verbatim verify`.

usage: sh third-party.verify.sh [--allow-removed] [DIR]
"""
_OF_FORMS = """
What is said of mirrors here holds of derived forms too: they are made of mirrors, \
and `git verbatim verify --rebuild` makes them again.
"""
_FOR_FORMS = re.compile(r"^# <forms>\n(.*?)^# </forms>\n", re.MULTILINE | re.DOTALL)
_PLAIN_WORD = re.compile(r"[A-Za-z0-9._/@+-]+")


def render(facts: Facts) -> bytes:
    """Write the program, then the files of each place that is here, then the call."""
    more = _OF_FORMS.splitlines() if facts.forms else []
    comments = [headline(facts), *more, *_PREAMBLE.splitlines()]
    comments += [*not_here_shown(facts), *forms_not_here_shown(facts)]
    head = "".join(f"# {printable(comment)}".rstrip() + "\n" for comment in comments)
    listed = [(component, _lists(component, at)) for at, component in enumerate(facts.present, 1)]
    lists = "".join(_function(component, one) for component, own in listed for one in own)
    forms = [(form, _lists_of_form(form, at)) for at, form in enumerate(facts.forms_here, 1)]
    lists += "".join(_function_of_form(form, one) for form, own in forms for one in own)
    every = _all([own for _, own in listed], [own for _, own in forms])
    return f'#!/bin/sh\n{head}\n{_program(facts)}{lists}\n{every}\nmain "$@"\n'.encode()


def _program(facts: Facts) -> str:
    """Return the program, without what is marked as needed for forms where there are none."""
    program = (files("sync.report.formats") / "verify.sh").read_text("utf-8")
    return _FOR_FORMS.sub(r"\1" if facts.forms_here else "", program)


@dataclass(frozen=True, slots=True)
class _List:
    """A function of the script that lists what lies in one place."""

    name: str
    place: Place[FileFact]
    is_copy: bool
    """False of licence files."""

    @property
    def call(self) -> tuple[str, str]:
        """The words that name it, and where it lies."""
        return self.name, self.place.directory


def _lists(component: Component, number: int) -> list[_List]:
    """Return the lists of a mirror: of each copy that is here, then of its licences, if any."""
    copies = [place for place in component.places if place.directory in component.here]
    lists = [
        _List(f"mirror_{number}" + (f"_at_{at}" if len(copies) > 1 else ""), place, is_copy=True)
        for at, place in enumerate(copies, 1)
    ]
    beside = [place for place in component.places if place not in copies and place.files]
    return lists + [_List(f"licences_{number}", place, is_copy=False) for place in beside]


def _lists_of_form(form: Derived, number: int) -> list[_List]:
    """Return the lists of a form, one for each place that is here."""
    return [
        _List(
            f"form_{number}" + (f"_at_{at}" if len(form.here) > 1 else ""),
            Place(place, form.record.id, form.record.outputs),
            is_copy=True,
        )
        for at, place in enumerate(form.here, 1)
    ]


def _all(mirrors: Sequence[Sequence[_List]], forms: Sequence[Sequence[_List]]) -> str:
    """Write the function that goes through all lists."""
    directories = {one.place.directory for lists in (*mirrors, *forms) for one in lists}
    above = sorted(
        {
            directory[:at]
            for directory in directories
            for at, sign in enumerate(directory)
            if sign == "/"
        }
    )
    calls = [*map(_mirror, mirrors), *map(_form, forms)]
    lines = "".join(f"    {call}\n" for call in calls)
    return f"all() {{\n    {_command('above', map(str.encode, above))}\n{lines}}}\n"


def _mirror(lists: Sequence[_List]) -> str:
    """Write the call for a mirror: the list of its licences, then that of each place, and where."""
    licences = next((one.name for one in lists if not one.is_copy), "no_licences")
    words = [word.encode() for one in lists if one.is_copy for word in one.call]
    return _command("mirror", [licences.encode(), *words])


def _form(lists: Sequence[_List]) -> str:
    """Write the call for a form: the list of each place, and where."""
    return _command("form", [word.encode() for one in lists for word in one.call])


def _function(component: Component, one: _List) -> str:
    about = component.name + ("" if one.is_copy else ": licence files")
    return _shell_function(about, one, component.required_content)


def _function_of_form(form: Derived, one: _List) -> str:
    about = f"{form.name}, {made_shown(form)}"
    is_file = not form.record.is_directory
    return _shell_function(about, one, form.required_content, is_file=is_file)


def _shell_function(
    about: str, one: _List, content: Callable[[], Content], *, is_file: bool = False
) -> str:
    lines = "".join(f"    {line}\n" for line in _lines(one, content, is_file=is_file))
    return f"\n# {printable(about)}\n{one.name}() {{\n{lines}}}\n"


def _lines(one: _List, content: Callable[[], Content], *, is_file: bool) -> Iterator[str]:
    directory, _, facts = one.place
    listings = {} if is_file else _listings(directory.encode(), facts)
    for path, names in listings.items():
        yield _command("directory", [path, *sorted(names, key=_shell_order)])
    for fact in facts:
        path = path_at(directory, fact.path)
        if fact.mode == Mode.SYMLINK:
            yield _command("symlink", [content().links[fact.path], path])
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
