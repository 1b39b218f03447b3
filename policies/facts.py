"""What policies look at, as values: roots, the facts of mirrors and forms, states, cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync.derived.record import DerivedRecord
from sync.errors import RecordError
from sync.ids import EMPTY_TREE, ObjectId
from sync.layout import license_directory
from sync.model.mirrors import Form, Mirror, is_checked_in
from sync.model.values import Entry
from sync.objects.tree import TreeEntry
from sync.record.record import Record


@dataclass(frozen=True, slots=True)
class Root:
    """The part of a root tree that policies depend on; equal roots have equal findings."""

    third_party: TreeEntry | None = None
    attributes: TreeEntry | None = None
    """The `.gitattributes` of the root."""
    lookalikes: tuple[TreeEntry, ...] = ()
    """The entries that some file systems take for third_party/ or the root's `.gitattributes`."""
    paths: tuple[str, ...] = field(default=(), hash=False)
    """The paths outside third_party/ that manifest or records name, and those of the
    `.gitattributes` above; sorted."""
    there: tuple[TreeEntry | None, ...] = field(default=(), hash=False)
    """What lies at each of these paths."""
    tree: ObjectId = field(default=EMPTY_TREE, compare=False)
    """The root tree itself, in which other paths are looked up."""

    @property
    def outside(self) -> tuple[tuple[str, TreeEntry | None], ...]:
        """What lies outside third_party/ where it is looked at, with its path."""
        return tuple(zip(self.paths, self.there, strict=True))


@dataclass(frozen=True, slots=True)
class MirrorFacts:
    """All that the findings about one mirror depend on; equal facts have equal findings."""

    name: str
    mirror: Mirror | None
    """The mirror as the manifest has it; None if the manifest does not have it."""
    record_entry: TreeEntry | None
    copies: tuple[tuple[str, TreeEntry | None], ...]
    """The entry in each place, with its path: the record's places, or else the manifest's."""
    licenses: TreeEntry | None
    elsewhere: tuple[tuple[str, TreeEntry | None], ...]
    """The entries in those places of the manifest that the record does not name."""
    record: Record | RecordError | None = field(compare=False)

    @property
    def places(self) -> tuple[str, ...]:
        """The paths of the copies: the record's places, then the manifest's."""
        return tuple(place for place, _ in (*self.copies, *self.elsewhere))

    @property
    def is_checked_in(self) -> bool:
        """Whether git has it; it does not have what the manifest lacks."""
        return is_checked_in(self.mirror)

    @property
    def directories(self) -> tuple[tuple[str, TreeEntry | None], ...]:
        """The entry in each directory of the record, with its path: copies, then licences."""
        return *self.copies, (license_directory(self.name), self.licenses)

    @property
    def content(self) -> tuple[TreeEntry | None, ...]:
        """The entries of which a commit changes at least one if it changes the mirror."""
        return self.record_entry, *(entry for _, entry in self.directories)


@dataclass(frozen=True, slots=True)
class FormFacts:
    """All that the findings about one derived form depend on; equal facts have equal findings."""

    name: str
    form: Form | None
    """The form as the manifest has it; None if the manifest does not have it."""
    record_entry: TreeEntry | None
    copies: tuple[tuple[str, TreeEntry | None], ...]
    """The entry in each place of the record, with its path; without a record the manifest's."""
    inputs: tuple[tuple[str, ObjectId | None], ...]
    """What it is made of, by the records of the state; None where no record says it."""
    patches: tuple[tuple[str, ObjectId | None], ...]
    """The blob of each patch that the record names; None where there is no such file."""
    record: DerivedRecord | RecordError | None = field(compare=False)
    source: "MirrorFacts | FormFacts | None" = None
    """What the manifest says that it is made of; what is a source here has none itself."""

    @property
    def places(self) -> tuple[str, ...]:
        """The paths of the copies."""
        return tuple(place for place, _ in self.copies)

    @property
    def is_checked_in(self) -> bool:
        """Whether git has it; it does not have what the manifest lacks."""
        return is_checked_in(self.form)


@dataclass(frozen=True, slots=True)
class PolicedState:
    """What policies look at in one commit or index."""

    root: Root
    mirrors: Mapping[str, MirrorFacts]
    has_manifest: bool
    stray: tuple[Entry, ...]
    """The entries that nothing accounts for, with their paths from the host's root.

    A directory stands for all that it holds if nothing in it is accounted for.
    """
    attribute_files: tuple[Entry, ...]
    """The `.gitattributes` that may apply to mirrored files, with paths from the host's root."""
    own_files: tuple[Entry, ...] = ()
    """The manifest and the key files that it names, with paths from the host's root."""
    allowed_upstreams: tuple[str, ...] | None = None
    """The manifest's patterns of the URLs that mirrors may have; None allows all."""
    own: tuple[str, ...] = ()
    """The manifest's patterns of the host's own files."""
    sealed: tuple[str, ...] = ()
    """The directories that the manifest seals."""
    forms: Mapping[str, FormFacts] = field(default_factory=dict)
    """The derived forms that manifest or records name."""

    def is_alike_under_attributes(self, other: "PolicedState") -> bool:
        """Whether all is the same that decides whether attributes alter bytes."""
        return (
            self.attribute_files == other.attribute_files
            and self.own_files == other.own_files
            and self.forms == other.forms
            and self.mirrors.keys() == other.mirrors.keys()
            and all(
                facts.content == other.mirrors[name].content for name, facts in self.mirrors.items()
            )
        )

    @property
    def is_governed(self) -> bool:
        """Whether there is a manifest or a record, which say what third_party/ should hold.

        Without them the repository may hold there what it likes.
        """
        return self.has_manifest or bool(self.mirrors) or bool(self.forms)


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: a state, its parents' states, and the commit's message if there is one.

    The first commit has no parents.
    """

    state: PolicedState
    parents: tuple[PolicedState, ...]
    message: bytes | None = None
    bases: tuple[PolicedState, ...] = ()
    """What a range or a push starts from, of which one is enough to allow something.

    Without any the parents decide, all of them.
    """
