"""What every report is made of: the facts about each mirror and derived form, as frozen values.

They are gathered once; the formats only write them down.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync.derived.patch_text import Story
from sync.derived.record import DerivedRecord, PatchFact
from sync.ids import ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.model.mirrors import Form, Mirror
from sync.model.values import FileFact, FormKind, Pin, path_at
from sync.objects.commits import commit_tree
from sync.record.places import Place
from sync.record.record import Record
from sync.report.versions import version_of


@dataclass(frozen=True, slots=True)
class LicenseText:
    """A licence file that covers a mirror."""

    path: str
    """The path from the host's root, quoted as git quotes it; in the first place that is here."""
    upstream_path: RepoPath
    """The path in the upstream's tree."""
    blob: ObjectId
    expression: str | None
    """The SPDX expression for exactly this text; None if the text is not known."""
    known_by: str | None
    """How the text is known: "blob id" or "licenseclassifier"."""
    content: bytes
    is_notice: bool = False
    """Whether the file is known to name the licence without containing its text."""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Licensing:
    """What upstream ships and what the host's owner decided: two statements that are never mixed.

    None means unknown.
    """

    declared: str | None
    """The SPDX expression that is declared by the licence texts covering the mirror."""
    declared_comment: str
    """How the declared licence is known, or why it is not; a clause without a full stop."""
    concluded: str | None
    """The manifest's `license`, a valid SPDX expression."""
    concluded_comment: str | None
    """The manifest's `license-comment`."""
    texts: tuple[LicenseText, ...]
    """The files nearest to the selection that state its licence; empty if upstream ships none."""
    copyright: tuple[str, ...]
    """The copyright lines of `texts`; empty if there are none."""
    others: tuple[str, ...] = ()
    """Files that are named like licences but are none of `texts`.

    Their paths start at the host's root, as those of `texts`. They lie deeper inside the mirror, or
    are symlinks.
    """

    @property
    def is_unlicensed(self) -> bool:
        """Whether upstream ships no file that is named like a licence."""
        return not self.texts and not self.others

    @property
    def effective(self) -> str | None:
        """The licence that applies: the concluded one if there is one, else the declared one."""
        return self.concluded or self.declared

    def is_text_of(self, text: LicenseText, license_id: str) -> bool:
        """Whether a text is that of this licence.

        Either the text is known to be this licence's, or it is unknown and covers files for which
        exactly this licence was concluded.
        """
        return text.expression == license_id or (
            text.expression is None and self.effective == license_id
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a nested copy comes from, according to a record of this host."""

    mirror: str
    """The mirror whose record lists the same files."""
    url: str
    pin: Pin
    commit: ObjectId
    path: RepoPath
    """The path in the upstream's tree; empty for its root."""
    same_tree: bool
    """Whether the copy has the same tree id as the directory it was copied from.

    If not, each of its files has the blob id of the file at the same path there.
    """


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the mirrored project itself has recorded about a nested copy.

    The record lies beside the copy in the mirror. Its own proof leads from the copy's tree to the
    commit id. That upstream was not asked, and no manifest of this host names it.
    """

    by: str
    """The mirror of this host in which that record lies."""
    mirror: str
    """The name that the mirrored project gives to its copy."""
    url: str
    pin: Pin
    commit: ObjectId
    path: RepoPath
    """The path in that upstream's tree; empty for its root."""


@dataclass(frozen=True, slots=True)
class Nested:
    """A copy of something else inside a mirror, such as `deps/io` in WIT."""

    path: RepoPath
    """The path inside the mirror."""
    tree: ObjectId
    """The tree id, or the blob id of a single file."""
    files: tuple[RepoPath, ...]
    """The paths of its files inside the mirror."""
    origin: Origin | None
    """None if no record of this host lists the copy."""
    recorded: Recorded | None = None
    """What the mirrored project has recorded about it, if that project uses git-verbatim too."""

    @property
    def name(self) -> bytes:
        return self.path.rpartition(b"/")[2]


@dataclass(frozen=True, slots=True)
class Content:
    """The facts that can only be computed from the content of a mirror's files."""

    sha1: Mapping[RepoPath, str]
    """The SHA-1 of each file's content in hexadecimal, which is not git's blob id.

    For a symlink it is the SHA-1 of its target.
    """
    license_sha1: Mapping[RepoPath, str]
    """The same for the licence files beside the mirror."""
    links: Mapping[RepoPath, bytes]
    """The targets of its symlinks."""
    nar_sha256: bytes
    """SHA-256 of the mirror's directory as a Nix archive; 32 bytes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What upstream said of a mirror's record when it was asked."""

    date: str
    """When it was asked, as `YYYY-MM-DDThh:mm:ssZ`."""
    agrees: bool
    """Whether it confirmed the record."""
    found: tuple[str, ...]
    """The rules by which it said otherwise."""

    @property
    def day(self) -> str:
        return self.date[:10]


@dataclass(frozen=True, slots=True)
class Component:
    """One mirror: what it is, where it came from, and that it is not modified."""

    mirror: Mirror
    """What the manifest says of it."""
    record: Record
    presence: Presence
    licensing: Licensing
    nested: tuple[Nested, ...]
    content: Content | None
    """None if no format needs it, or if the files are not here."""
    asked: Asked | None = None
    """What upstream said; None if nobody asked it, so that all is as recorded."""
    not_here: tuple[str, ...] = ()
    """The directories of its copies that are not here, though others are."""

    @property
    def name(self) -> str:
        return self.mirror.name

    @property
    def version(self) -> str | None:
        """The version according to the tag.

        None for a mirror pinned by commit, and for a tag that looks like a commit id.
        """
        return version_of(self.record.pin)

    @property
    def here(self) -> tuple[str, ...]:
        """The directories of its copies that are here, from the host's root, sorted."""
        if not self.is_present:
            return ()
        return tuple(one for one in self.record.copies if one not in self.not_here)

    @property
    def directories(self) -> tuple[str, ...]:
        """The directories of its copies that are here; of a mirror that is not here, all of them.

        They start at the host's root and are sorted.
        """
        return self.here or self.record.copies

    @property
    def places(self) -> tuple[Place[FileFact], ...]:
        """What it holds in `directories`, then its licence files."""
        return tuple(p for p in self.record.places if p.directory not in self.not_here)

    @property
    def license_directory(self) -> str:
        """The directory of the copies of the record's licence files, from the host's root."""
        return self.mirror.license_directory

    @property
    def upstream_directory(self) -> "UpstreamDirectory":
        """The directory that the mirror is a copy of."""
        record = self.record
        return UpstreamDirectory(self, record.source, record.holding.upstream_tree, self.is_whole)

    @property
    def is_whole(self) -> bool:
        """Whether it is the upstream's tree at `source` with nothing left out."""
        return self.record.holding.tree == self.record.holding.upstream_tree

    @property
    def is_root(self) -> bool:
        """Whether it is the whole tree of the upstream commit, which is what a fetcher gets."""
        return self.record.holding.tree == commit_tree(self.record.upstream.commit_object)

    @property
    def is_present(self) -> bool:
        return self.presence is Presence.PRESENT

    def required_content(self) -> Content:
        """Return `content`; ValueError if it was not read, which a format has to ask for."""
        if self.content is None:
            msg = f"the content of {self.name} was not read"
            raise ValueError(msg)
        return self.content


@dataclass(frozen=True, slots=True)
class UpstreamDirectory:
    """A directory, or a file, of a mirror's upstream, of which something here is a copy."""

    mirror: Component
    path: RepoPath
    """The path in the upstream's tree; empty for its root."""
    id: ObjectId
    """The tree id of it, or the blob id of a file."""
    is_whole: bool
    """Whether the copy leaves nothing of it out."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch that is part of a derived form."""

    file: PatchFact
    story: Story | None
    """What it says of itself; None if it says nothing that can be read."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Derived:
    """One derived form: what it is made of, by which recipe, and with which tool.

    Its files were compared with its record, and the record's inputs with what is here. Whether the
    recipe gives these bytes is no fact of a report: that depends on which tools a machine has, and
    a report is the same on every machine.
    """

    form: Form
    """What the manifest says of it."""
    record: DerivedRecord
    presence: Presence
    made_of: tuple["Component | Derived", ...]
    """The mirrors and other forms that it is made of, in the order of the record's inputs."""
    patches: tuple[Patch, ...]
    """Its own patches, in the order in which they were applied."""
    licensing: Licensing
    """That of the mirrors which it goes back to, together."""
    content: Content | None
    """None if no format needs it, or if the files are not here."""
    not_here: tuple[str, ...] = ()
    """The places that are not here, though others are."""

    @property
    def name(self) -> str:
        return self.form.name

    @property
    def is_present(self) -> bool:
        return self.presence is Presence.PRESENT

    @property
    def here(self) -> tuple[str, ...]:
        """The places that are here, from the host's root, sorted."""
        if not self.is_present:
            return ()
        return tuple(one for one in self.record.places if one not in self.not_here)

    @property
    def places(self) -> tuple[str, ...]:
        """The places that are here; of a form that is not here, all of them."""
        return self.here or self.record.places

    @property
    def files(self) -> Iterator[tuple[RepoPath, FileFact]]:
        """The files in each place that is here; their paths start at the host's root."""
        return ((path_at(p, fact.path), fact) for p in self.here for fact in self.record.outputs)

    @property
    def is_patched(self) -> bool:
        """Whether it is a mirror's tree with patches applied."""
        return self.record.kind is FormKind.PATCHED

    @property
    def source(self) -> "Component | Derived":
        """What `of` names."""
        return next(one for one in self.made_of if one.name == self.record.of)

    @property
    def main_mirror(self) -> Component:
        """The mirror that `of` leads to, maybe through other forms."""
        source = self.source
        return source if isinstance(source, Component) else source.main_mirror

    @property
    def mirrors(self) -> tuple[Component, ...]:
        """All mirrors that it goes back to, each once."""
        return mirrors_of(self.made_of)

    @property
    def all_patches(self) -> tuple[Patch, ...]:
        """Its own patches, and those of the forms that it is made of."""
        inner = (one.all_patches for one in self.made_of if isinstance(one, Derived))
        every = [*self.patches, *(patch for patches in inner for patch in patches)]
        return tuple({patch.file.path: patch for patch in every}.values())

    def required_content(self) -> Content:
        """Return `content`; ValueError if it was not read, which a format has to ask for."""
        if self.content is None:
            msg = f"the content of {self.name} was not read"
            raise ValueError(msg)
        return self.content


def mirrors_of(sources: Sequence[Component | Derived]) -> tuple[Component, ...]:
    """All mirrors that these go back to, each once."""
    found: dict[str, Component] = {}
    for one in sources:
        for mirror in (one,) if isinstance(one, Component) else one.mirrors:
            found.setdefault(mirror.name, mirror)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report says: mirrors and forms in the manifest's order, and the report's date."""

    components: tuple[Component, ...]
    timestamp: int
    """Seconds since 1970: SOURCE_DATE_EPOCH if it is set, else the newest recorded commit time."""
    forms: tuple[Derived, ...] = ()
    """What is made of mirrors, and is no copy of anything."""

    @property
    def present(self) -> tuple[Component, ...]:
        return tuple(component for component in self.components if component.is_present)

    @property
    def elsewhere(self) -> tuple[Component, ...]:
        """The mirrors whose files are not here: they are absent or removed."""
        return tuple(component for component in self.components if not component.is_present)

    @property
    def here(self) -> tuple[Component | Derived, ...]:
        """The mirrors that are here, then the forms."""
        return (*self.present, *self.forms_here)

    @property
    def forms_here(self) -> tuple[Derived, ...]:
        return tuple(form for form in self.forms if form.is_present)

    @property
    def forms_elsewhere(self) -> tuple[Derived, ...]:
        """The forms whose files are not here: they are absent or removed."""
        return tuple(form for form in self.forms if not form.is_present)
