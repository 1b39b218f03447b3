"""What both SBOM formats have in common: parts with files, origins and licences.

All functions are pure.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic_core import to_json

from sync.ids import Mode, RepoPath
from sync.model.values import FileFact
from sync.objects.tree import join
from sync.quoting import printable, quote_path
from sync.report.facts import (
    Component,
    Derived,
    Facts,
    LicenseText,
    Nested,
    Origin,
    UpstreamDirectory,
)
from sync.report.form_text import made_shown
from sync.report.links import (
    purl,
    repository_uri,
    swhid_content,
    swhid_directory,
    swhid_qualified,
)
from sync.report.text import known_shown, origin_shown
from sync.signature.signed import signature_shown

TOOL = "git-verbatim"
"""The tool's name without a version: a newer tool alone does not outdate committed reports."""

_NAMESPACE = uuid.UUID("83027f63-35e4-5e7d-9a11-20034c7062fb")  # of the name git-verbatim


@dataclass(frozen=True, slots=True)
class File:
    """One file that is here."""

    path: RepoPath
    """The path from the host's root."""
    fact: FileFact
    sha1: str
    target: bytes | None
    """The target of a symlink, which has no content of its own; None for other files."""
    license: LicenseText | None
    """The licence text that the file contains; None if it is none of the mirror's licence texts."""

    @property
    def name(self) -> str:
        """The path as text, from which the bytes can be restored."""
        return quote_path(self.path)


@dataclass(frozen=True, slots=True)
class Statement:
    """The licence of a part; None means unknown."""

    declared: str | None
    concluded: str | None
    is_unlicensed: bool
    """Whether it is known that upstream ships no licence."""
    comments: tuple[str, ...]
    copyright: tuple[str, ...]


_NOT_CONCLUDED = "concluded: nothing; the manifest speaks of mirrors, not of copies inside them"
_UNSTATED = Statement(
    None,
    None,
    False,  # noqa: FBT003
    ("declared: no licence text is known to cover it", _NOT_CONCLUDED),
    (),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A mirror that is here, or a copy of something else inside one."""

    component: Component
    """The mirror that the part is or lies in."""
    nested: Nested | None
    """The nested copy; None if the part is the mirror itself."""
    copied: UpstreamDirectory | None
    """What it is a copy of, of a mirror's upstream; None if no origin was found."""
    statement: Statement
    files: tuple[File, ...]
    """The part's own files in each of its places, without those of the parts inside.

    Those of a mirror include the licence files beside it.
    """
    inside: tuple["Part", ...]

    @property
    def upstream(self) -> Component | None:
        """The mirror that the part is, or of whose upstream it is a copy."""
        return self.copied.mirror if self.copied else None

    @property
    def name(self) -> str:
        return self.component.name if self.nested is None else quote_path(self.nested.name)

    @property
    def directories(self) -> tuple[RepoPath, ...]:
        """The directories that are this part, from the host's root, all alike.

        They are one in each place of the mirror. For a copy of a single file they are that file.
        """
        tops = [RepoPath(directory.encode()) for directory in self.component.here]
        return tuple(tops if self.nested is None else (join(top, self.nested.path) for top in tops))

    @property
    def directory(self) -> RepoPath:
        """The first of the directories, which identifies the part."""
        return self.directories[0]

    @property
    def version(self) -> str | None:
        upstream = self.upstream
        return None if upstream is None else upstream.version or upstream.record.upstream.commit

    @property
    def supplier(self) -> str | None:
        """The supplier; None if nobody has named one."""
        return (self.upstream.mirror.supplier or "").strip() or None if self.upstream else None

    @property
    def purl(self) -> str | None:
        return None if self.copied is None else purl(self.copied)

    @property
    def is_file(self) -> bool:
        """Whether it is a copy of a single file."""
        return self.nested is not None and self.nested.files == (self.nested.path,)

    @property
    def swhid(self) -> str:
        tree = self.component.record.holding.tree if self.nested is None else self.nested.tree
        return swhid_content(tree) if self.is_file else swhid_directory(tree)

    @property
    def swhid_in_context(self) -> str | None:
        """The qualified SWHID of the upstream's directory that is the part or contains it.

        An archive that has the repository can resolve it. None for a single file, and if no URL is
        known that others can resolve.
        """
        copied = self.copied
        if copied is None or self.is_file or repository_uri(copied.mirror.record.url) is None:
            return None
        return swhid_qualified(copied)

    @property
    def source(self) -> RepoPath:
        """The path in its mirror's upstream: fetching that gives exactly these files."""
        path = self.component.record.source
        return path if self.nested is None else join(path, self.nested.path)

    @property
    def provenance(self) -> str:
        """Of what it is an unmodified copy, and how one sees that; a clause without a full stop."""
        return (
            _mirrored(self.component)
            if self.nested is None
            else _copied(self.component, self.nested)
        )

    def all(self) -> Iterator["Part"]:
        """Yield the part and all parts inside it."""
        yield self
        for part in self.inside:
            yield from part.all()


def parts(facts: Facts) -> tuple[Part, ...]:
    """Return the mirrors that are here, each with the copies inside it."""
    known = {component.name: component for component in facts.components}
    return tuple(_mirror(component, known) for component in facts.present)


def _mirror(component: Component, known: Mapping[str, Component]) -> Part:
    licensing = component.licensing
    concluded = licensing.concluded_comment or (
        "by the manifest" if licensing.concluded else "nothing"
    )
    comments = f"declared: {licensing.declared_comment}", f"concluded: {concluded}"
    statement = Statement(
        licensing.declared,
        licensing.concluded,
        licensing.is_unlicensed,
        comments,
        licensing.copyright,
    )
    facts = {fact.path: fact for fact in component.record.files}
    copied = {path for nested in component.nested for path in nested.files}
    own = _files(component, [fact for path, fact in facts.items() if path not in copied])
    beside = [_file_beside(component, fact) for fact in component.record.licenses]
    inside = [_copy(component, nested, facts, known) for nested in component.nested]
    return Part(
        component, None, component.upstream_directory, statement, (*own, *beside), _nest(inside)
    )


def _copy(
    component: Component,
    nested: Nested,
    facts: Mapping[RepoPath, FileFact],
    known: Mapping[str, Component],
) -> Part:
    files = tuple(_files(component, [facts[path] for path in nested.files]))
    origin = nested.origin
    mirror = known.get(origin.mirror) if origin else None
    if origin is None or mirror is None:
        return Part(component, nested, None, _UNSTATED, files, ())
    whole = nested.tree if origin.same_tree else mirror.record.holding.upstream_tree
    copied = UpstreamDirectory(mirror, origin.path, whole, is_whole=whole == nested.tree)
    source = mirror.record.source
    is_inside = not source or (origin.path + b"/").startswith(source + b"/")
    return Part(
        component, nested, copied, _stated_for(mirror) if is_inside else _UNSTATED, files, ()
    )


def _stated_for(mirror: Component) -> Statement:
    """Return the licence of a copy of a mirror.

    What upstream declares for the mirror applies to the copy too; what the host concluded need not.
    """
    licensing = mirror.licensing
    declared = (
        f"declared: as for the mirror {mirror.name}, of which it is a copy: "
        f"{licensing.declared_comment}"
    )
    return Statement(
        licensing.declared,
        None,
        licensing.is_unlicensed,
        (declared, _NOT_CONCLUDED),
        licensing.copyright,
    )


def _nest(copies: Sequence[Part]) -> tuple[Part, ...]:
    """Nest the copies: those that lie inside another are moved inside it."""
    outer: list[tuple[Part, list[Part]]] = []
    for part in sorted(copies, key=lambda part: part.directory.split(b"/")):
        if outer and part.directory.startswith(outer[-1][0].directory + b"/"):
            outer[-1][1].append(part)
        else:
            outer.append((part, []))
    return tuple(replace(part, inside=_nest(inside)) for part, inside in outer)


def _files(component: Component, facts: Sequence[FileFact]) -> list[File]:
    """Return these files of a mirror in each of its places."""
    content = component.required_content()
    source = component.record.source
    return [
        File(
            join(directory.encode(), fact.path),
            fact,
            content.sha1[fact.path],
            content.links.get(fact.path),
            _license(component, join(source, fact.path)),
        )
        for directory in component.here
        for fact in facts
    ]


def _file_beside(component: Component, fact: FileFact) -> File:
    target = b"" if fact.mode == Mode.SYMLINK else None  # the facts do not have its target
    return File(
        join(component.license_directory.encode(), fact.path),
        fact,
        component.required_content().license_sha1[fact.path],
        target,
        _license(component, fact.path),
    )


def _license(component: Component, upstream_path: RepoPath) -> LicenseText | None:
    texts = component.licensing.texts
    return next((text for text in texts if text.upstream_path == upstream_path), None)


def _mirrored(component: Component) -> str:
    upstream = component.record.upstream
    pin = f", tag {upstream.pin}" if upstream.pin.ref else ""
    where = f"{_at(component.record.source, upstream.url)} at commit {upstream.commit}{pin}"
    also = (
        f"; by the manifest the same tree is at {', '.join(component.mirror.also_at)}"
        if component.mirror.also_at
        else ""
    )
    also += (
        f"; by the project's keys: {signature_shown(component.record.signature)}"
        if component.record.signature
        else ""
    )
    also += f"; {known_shown(component)}" if component.asked else ""
    if component.is_whole:
        return (
            f"unmodified copy of {where}: git tree {component.record.holding.tree}, "
            f"nothing left out, nothing added{also}"
        )
    patterns = (
        ("include", component.record.selection.include),
        ("exclude", component.record.selection.exclude),
    )
    selection = " and ".join(f"{word} {', '.join(lines)}" for word, lines in patterns if lines)
    left = (
        f"what {selection} leaves of upstream's git tree {component.record.holding.upstream_tree}"
    )
    return (
        f"unmodified copy of a part of {where}: git tree {component.record.holding.tree}, "
        f"{left}, nothing added{also}"
    )


def _copied(component: Component, nested: Nested) -> str:
    where = (
        f"{quote_path(nested.path)} in the mirror {component.name}, "
        f"as {component.record.url} has it at commit {component.record.upstream.commit}"
    )
    return (
        f"copy of {_origin(nested.origin)}; it is {where}"
        if nested.origin
        else f"{origin_shown(nested)} for {where}"
    )


def _origin(origin: Origin) -> str:
    same = "the same git id" if origin.same_tree else "each file has the git id of one there"
    return (
        f"{_at(origin.path, origin.url)} at commit {origin.commit}, "
        f"by the record of the mirror {origin.mirror}: {same}"
    )


def made_files(form: Derived) -> tuple[File, ...]:
    """Return the files of a form that is here, in each of its places."""
    content = form.required_content()
    return tuple(
        File(path, fact, content.sha1[fact.path], content.links.get(fact.path), None)
        for path, fact in form.files
    )


def made_of_shown(form: Derived) -> str:
    """Say of what exactly a form is made; a clause without a full stop."""
    record = form.record
    inputs = (
        f"{one.name}, git {'tree' if one.is_tree else 'blob'} {one.id}" for one in record.inputs
    )
    return (
        f"derived: {made_shown(form)}; made of {'; '.join(inputs)}; "
        f"version {record.version} of the recipe; as recorded"
    )


def source_version(source: Component | Derived) -> str:
    """Return the version of a mirror, or its commit; of a form, that of what it is made of."""
    mirror = source if isinstance(source, Component) else source.main_mirror
    return mirror.version or mirror.record.upstream.commit


def made_licence_comments(form: Derived) -> list[str]:
    """Say whence the licence of a form is known."""
    licensing = form.licensing
    concluded = licensing.concluded_comment or "nothing"
    return [f"declared: {licensing.declared_comment}", f"concluded: {concluded}"]


def missing_sources(facts: Facts) -> tuple[Component | Derived, ...]:
    """Return what is not here of all that the forms which are here go back to."""
    found: dict[str, Component | Derived] = {}
    waiting = [source for form in facts.forms_here for source in form.made_of]
    while waiting:
        source = waiting.pop(0)
        if not source.is_present:
            found.setdefault(source.name, source)
            waiting += source.made_of if isinstance(source, Derived) else ()
    return tuple(found.values())


def _at(path: RepoPath, url: str) -> str:
    return f"{quote_path(path)} of {url}" if path else url


def content_uuid(document: Mapping[str, object]) -> uuid.UUID:
    """Derive the id of a document from its content, so that it is the same for everybody."""
    return uuid.uuid5(_NAMESPACE, hashlib.sha256(to_json(document)).hexdigest())


def json_bytes(document: Mapping[str, object]) -> bytes:
    """Write JSON with one key per line, in which no character can act on a terminal."""
    text = to_json(document, indent=2).decode() + "\n"
    return re.sub("[\x7f-\U0010ffff]", _escape, text).encode()


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if printable(character) == character:
        return character
    return re.sub("(....)", r"\\u\1", character.encode("utf-16-be").hex())
