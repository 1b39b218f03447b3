"""Add to a finding its line, the command that undoes it, and the way to what was wanted."""

import os
import shlex
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from policies.explanations import BY_RULE, RESTORE
from policies.facts import Case, FormFacts, MirrorFacts, PolicedState
from policies.objects import Objects
from sync.derived.record import DerivedRecord, PatchFact
from sync.ids import Mode, ObjectId
from sync.judgement.findings import FORM_NOT_CHECKED_IN, NOT_CHECKED_IN, Difference, Finding, Rule
from sync.layout import (
    ATTRIBUTES_FILE,
    ATTRIBUTES_PATH,
    DERIVED,
    MANIFEST_PATH,
    above,
    derived_record_path,
    is_in_third_party,
    license_directory,
    lies_in,
    record_path,
)
from sync.manifest.toml_lines import find_line
from sync.quoting import printable, quote_path, unquote_path

_SHORT = 12
_OF_THE_COPY = frozenset(
    {
        Rule.MIRROR_DIFFERS_FROM_RECORD,
        Rule.RECORD_UNREADABLE,
        Rule.PROOF_BROKEN,
        Rule.DERIVED_DIFFERS_FROM_RECORD,
    }
)
_ALL_OF_IT = (MANIFEST_PATH, "{record}", "{directory}")
_OF_FORMS = frozenset(
    {
        Rule.DERIVED_DIFFERS_FROM_RECORD,
        Rule.DERIVED_STALE,
        Rule.DERIVED_WITHOUT_RECORD,
        Rule.RECORD_WITHOUT_DERIVED,
    }
)
_NOT_IN_GIT = frozenset({NOT_CHECKED_IN, FORM_NOT_CHECKED_IN})
_REGULAR = frozenset({Mode.FILE, Mode.EXECUTABLE})
_TOOLS, _TOOL = "tools", "wasm-tools"
_MAGIC = frozenset(b"*?[")
_PLAIN = frozenset(string.ascii_letters + string.digits + "/._- ")


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding, where to look for it, and what to do about it."""

    finding: Finding
    path: str
    """The path to point people to, from the host's root, quoted as by git."""
    line: int | None
    put_back: str
    """The command that undoes it."""
    go_on: str
    """How to get what was wanted."""

    @property
    def raw_path(self) -> bytes:
        """The path without quotes, as the repository has it."""
        return unquote_path(self.path)


def explain_finding(
    objects: Objects, case: Case, before: ObjectId | None, finding: Finding
) -> Violation:
    """Return the finding with its path, its line and its ways out.

    `before` is the commit to go back to, or None if none is known to be right.
    """
    path, line = _place(objects, case.state, finding)
    words = BY_RULE[finding.rule]
    names = {
        "mirror": finding.mirror or "MIRROR",
        "path": _pathspec(unquote_path(path)),
        "directory": _directory(case.state, finding) or path,
        "record": (derived_record_path if is_of_form(finding) else record_path)(finding.mirror),
        "before": before[:_SHORT] if before else "HEAD",
    }
    put_back, go_on = words.put_back.format_map(names), words.go_on.format_map(names)
    if words.restored:
        put_back = _restoring(objects, case, finding, names, path, line)
    if finding.rule is Rule.DERIVED_STALE:
        put_back = _made_fresh(objects, case, before, finding)
        go_on = _without_lost_patches(case, finding) or go_on
    elif words.restored and (
        before is None or (finding.rule in _OF_THE_COPY and not _has_record(case, finding))
    ):
        put_back = _from_the_record(objects, case.state, finding)
    if finding.message in _NOT_IN_GIT:
        go_on = f"to take it out of git: `git verbatim sync {finding.mirror} --commit`"
    if finding.difference is Difference.MISSING and finding.path == names["directory"]:
        what = "form" if is_of_form(finding) else "mirror"
        go_on = f"to take the {what} away: `git verbatim remove {finding.mirror} --commit`"
    return Violation(finding, path, line, put_back, go_on)


def _restoring(
    objects: Objects,
    case: Case,
    finding: Finding,
    names: Mapping[str, str],
    path: str,
    line: int | None,
) -> str:
    """Return the command that restores what a rule says, or what to write in the manifest."""
    wanted = [
        *BY_RULE[finding.rule].restored,
        *(_ALL_OF_IT if _is_brought_with_mirror(case, finding) else ()),
        *([MANIFEST_PATH] if _was_in_git(case, finding) else ()),
    ]
    paths = [
        path
        for one in wanted
        for path in (
            _directories(case, finding, names["directory"])
            if one == "{directory}"
            else [one.format_map(names)]
        )
    ]
    # git restores nothing at all if it does not know one of the paths.
    known = [path for path in paths if _is_known(objects, case, path)]
    if MANIFEST_PATH in known and _says_more(case, finding.mirror):
        where = f"{path}:{line or 1}" if path == MANIFEST_PATH else MANIFEST_PATH
        whose = _TOOL if _differing_key(finding) == _TOOLS else finding.mirror
        return f"in {where} write again what commit {names['before']} says of {whose}"
    return " ".join([RESTORE.format_map(names), *(_pathspec(path.encode()) for path in known)])


def _made_fresh(objects: Objects, case: Case, before: ObjectId | None, finding: Finding) -> str:
    """Return the command after which a form is not stale.

    Patches come back that are lost, and also those that are edited if nothing else has moved.
    """
    facts, sync = case.state.forms[finding.mirror], f"git verbatim sync {finding.mirror}"
    if not isinstance(facts.record, DerivedRecord):
        return sync
    now, made_of = dict(facts.inputs), facts.record.inputs
    has_moved = any(now.get(one.name) not in {None, one.id} for one in made_of)
    blobs = dict(facts.patches)
    ways = [
        _patch_back(objects, case, before, patch)
        for patch in facts.record.patches
        if blobs[patch.path] is None or (not has_moved and blobs[patch.path] != patch.blob)
    ]
    is_anew = has_moved or None in ways or not ways
    return " && ".join([*filter(None, ways), *([sync] if is_anew else [])])


def _patch_back(
    objects: Objects, case: Case, before: ObjectId | None, patch: PatchFact
) -> str | None:
    """Return the command that brings a patch back as the record has it; None if there is none."""
    for parent in case.parents[:1]:
        entry = objects.at(parent.root.tree, os.fsencode(patch.path))
        if before and entry is not None and entry.id == patch.blob:
            return f"{RESTORE.format(before=before[:_SHORT])} {_pathspec(patch.path.encode())}"
    if before or not objects.repository.has(patch.blob):
        return None
    what = shlex.quote(f"{Mode.FILE:o},{patch.blob},{patch.path}")
    add = f"git update-index --add --replace --cacheinfo {what}"
    return f"{add} && git restore -- {_pathspec(patch.path.encode())}"


def _without_lost_patches(case: Case, finding: Finding) -> str | None:
    """Return how to do without the patches of a form that are lost; None if none is."""
    if all(blob for _, blob in case.state.forms[finding.mirror].patches):
        return None
    command = f"git verbatim sync {finding.mirror} --commit"
    return f"take the patch out of `patches` in {MANIFEST_PATH}, and run `{command}`"


def _from_the_record(objects: Objects, state: PolicedState, finding: Finding) -> str:
    """Return what makes a mirror or form again where no commit is known that has it right."""
    sync = "git verbatim sync --discard-local"
    if finding.rule in _OF_THE_COPY and (
        paths := list(dict.fromkeys(_in_the_way(objects, state, finding)))
    ):
        names = [name for name, places in _places_by_name(state) if _is_below(places, paths)]
        return f"git rm -r -f -q -- {' '.join(map(_pathspec, paths))} && {sync} {' '.join(names)}"
    if finding.rule is Rule.ATTRIBUTES_ALTER_BYTES:
        files = _attributes_above(state, finding)
        if files == [ATTRIBUTES_PATH]:
            return f"git rm -f -q -- :/{ATTRIBUTES_PATH} && git verbatim sync"
        if files:
            return f"take out of {' or '.join(files)} what alters the bytes"
    return f"{sync} {finding.mirror}".rstrip()


def _is_below(places: Iterable[str], paths: Iterable[bytes]) -> bool:
    return any(lies_in(place, map(os.fsdecode, paths)) for place in places)


def _places_by_name(state: PolicedState) -> Iterator[tuple[str, Sequence[str]]]:
    for each in (state.mirrors, state.forms):
        yield from ((name, facts.places) for name, facts in each.items())


def _in_the_way(objects: Objects, state: PolicedState, finding: Finding) -> Iterator[bytes]:
    """Yield what is of another kind than a place, or than a directory above it, has to be."""
    facts = _facts_of(state, finding)
    for place in facts.places if facts else ():
        is_file = isinstance(facts, FormFacts) and not _is_directory(facts)
        for path in (*above(place), place):
            entry = objects.at(state.root.tree, os.fsencode(path))
            wanted = _REGULAR if is_file and path == place else {Mode.TREE}
            if entry is not None and entry.mode not in wanted:
                yield os.fsencode(path)


def _is_directory(facts: FormFacts) -> bool:
    known = facts.record if isinstance(facts.record, DerivedRecord) else facts.form
    return known is not None and known.kind.is_directory


def _attributes_above(state: PolicedState, finding: Finding) -> list[str]:
    """Return the attribute files that may outrank what a sync writes, the nearest first.

    Those of the mirrors themselves are not among them.
    """
    path = unquote_path(finding.path or "")
    places = [place for _, places in _places_by_name(state) for place in places]
    files = sorted({entry.path for entry in state.attribute_files}, key=len, reverse=True)
    return [
        quote_path(file)
        for file in files
        if file.count(b"/")
        and path.startswith(file.removesuffix(ATTRIBUTES_FILE.encode()))
        and not lies_in(os.fsdecode(file), places)
    ]


def is_of_form(finding: Finding) -> bool:
    """Whether a finding is about a derived form."""
    return finding.rule in _OF_FORMS or (finding.path or "").startswith(f"{DERIVED}/")


def _facts_of(state: PolicedState, finding: Finding) -> MirrorFacts | FormFacts | None:
    """Return what a state holds of the mirror or form that a finding is about."""
    return (state.forms if is_of_form(finding) else state.mirrors).get(finding.mirror)


def _directories(case: Case, finding: Finding, directory: str) -> list[str]:
    """Return the directory to restore, or all places if the first parent has another record.

    What one record says of all places is restored with it.
    """
    here, *before = [_facts_of(state, finding) for state in (case.state, *case.parents[:1])]
    if here is None or not before or before[0] is None:
        return [directory]
    if before[0].record_entry == here.record_entry:
        return [directory]
    return list(dict.fromkeys([directory, *here.places, *before[0].places]))


def _was_in_git(case: Case, finding: Finding) -> bool:
    """Whether it is the manifest that has said since the first parent not to check this in."""
    before = [_facts_of(parent, finding) for parent in case.parents[:1]]
    wanted = [one.mirror if isinstance(one, MirrorFacts) else one.form for one in before if one]
    return finding.message in _NOT_IN_GIT and any(one and one.checked_in for one in wanted)


def _is_brought_with_mirror(case: Case, finding: Finding) -> bool:
    """Whether the attributes to blame may have come with a change since the first parent.

    That is a change of the mirror that the finding is about, or its addition.
    """
    here, *before = [state.mirrors.get(finding.mirror) for state in (case.state, *case.parents[:1])]
    changed = here is not None and any(one is None or one.content != here.content for one in before)
    return finding.rule is Rule.ATTRIBUTES_ALTER_BYTES and changed


def _says_more(case: Case, mirror: str) -> bool:
    """Whether the manifest differs from the first parent's in other mirrors or forms too.

    Restoring it would lose these differences.
    """
    here, *before = [
        {
            name: wanted
            for name, wanted in (
                *((name, facts.mirror) for name, facts in state.mirrors.items()),
                *((name, facts.form) for name, facts in state.forms.items()),
            )
            if name != mirror and wanted
        }
        for state in (case.state, *case.parents[:1])
    ]
    return any(here != one for one in before)


def _has_record(case: Case, finding: Finding) -> bool:
    """Whether the first parent has a record to go back to."""
    before = (_facts_of(parent, finding) for parent in case.parents[:1])
    return any(facts is not None and facts.record_entry is not None for facts in before)


def _is_known(objects: Objects, case: Case, path: str) -> bool:
    """Whether a path is in the state or in its first parent, or is no plain path of the host."""
    is_plain = is_in_third_party(path) or path in {*_places_of(case)}
    trees = [state.root.tree for state in (case.state, *case.parents[:1])]
    return not is_plain or any(objects.at(tree, os.fsencode(path)) is not None for tree in trees)


def _places_of(case: Case) -> Iterator[str]:
    for state in (case.state, *case.parents[:1]):
        for _, places in _places_by_name(state):
            yield from places


def _pathspec(path: bytes) -> str:
    """Return a path from the top of the working tree as a pathspec, quoted for a command line.

    Bytes that are not plain text are written so that bash and zsh read them.
    """
    top = (
        ":(top,literal)"
        if set(path) & _MAGIC and b"*.gitattributes" not in path
        else ""
        if path.startswith(b":/")
        else ":/"
    )
    try:
        text = path.decode()
    except UnicodeDecodeError:
        text = ""
    if text and printable(text) == text:
        return shlex.quote(top + text)
    return f"$'{top}" + "".join(chr(b) if chr(b) in _PLAIN else f"\\{b:03o}" for b in path) + "'"


def _directory(state: PolicedState, finding: Finding) -> str | None:
    """Return the place of the mirror or form, or the licences' if the finding is there."""
    facts = _facts_of(state, finding)
    if facts is None:
        return None
    licenses, *places = license_directory(finding.mirror), *facts.places
    found = [
        place
        for place in (licenses, *places)
        if finding.path is not None and f"{finding.path}/".startswith(f"{place}/")
    ]
    return next(iter(found or places), None)


def _place(objects: Objects, state: PolicedState, finding: Finding) -> tuple[str, int | None]:
    path = finding.path or MANIFEST_PATH
    match finding.rule:
        case Rule.RECORD_DIFFERS_FROM_MANIFEST:
            return MANIFEST_PATH, _manifest_line(objects, state, finding, _differing_key(finding))
        case Rule.MIRROR_WITHOUT_RECORD | Rule.DERIVED_WITHOUT_RECORD | Rule.DERIVED_STALE:
            return MANIFEST_PATH, _manifest_line(objects, state, finding, None)
        case Rule.MIRROR_DIFFERS_FROM_RECORD if finding.difference in {
            Difference.CONTENT,
            Difference.LINE_ENDINGS,
        }:
            return path, _first_differing_line(objects, finding)
        case Rule.TRAILER_MISSING:
            return path, None
        case _:
            return path, 1


def _differing_key(finding: Finding) -> str:
    """Return the key with which the message begins if manifest and record differ."""
    return finding.message.partition(":")[0]


def _manifest_line(
    objects: Objects, state: PolicedState, finding: Finding, key: str | None
) -> int | None:
    entry = objects.at(state.root.tree, MANIFEST_PATH.encode())
    if entry is None:
        return None
    text, facts = objects.text(entry.id), state.mirrors.get(finding.mirror)
    named = "derived" if is_of_form(finding) else "mirrors", finding.mirror
    location = named if key is None else (*named, key)
    if is_of_form(finding) and key == _TOOLS:
        location = (_TOOLS, _TOOL, "version")
    line, found = find_line(text, location)
    if is_of_form(finding):
        return line
    if key is not None and found != location and facts and facts.mirror and facts.mirror.upstream:
        of_upstream = ("upstreams", facts.mirror.upstream, key)
        theirs, found = find_line(text, of_upstream)
        return theirs if found == of_upstream else line
    return line


def _first_differing_line(objects: Objects, finding: Finding) -> int | None:
    sides = [
        _lines(objects, fact.blob) if fact is not None else None
        for fact in (finding.expected, finding.found)
    ]
    expected, found = sides
    if expected is None or found is None:
        return 1
    differing = next(
        (n for n, (one, other) in enumerate(zip_longest(expected, found), 1) if one != other), 1
    )
    return min(differing, max(len(found), 1))


def _lines(objects: Objects, blob: ObjectId) -> list[bytes] | None:
    if not objects.repository.has(blob):
        return None
    content = objects.explaining(blob)
    return None if content is None else content.splitlines(keepends=True)
