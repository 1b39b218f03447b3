"""Mirrors, forms and upstreams as a manifest has them, and copies of mirrors, as frozen values."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sync.ids import ROOT, ObjectId, RepoPath
from sync.layout import derived_record_path, license_directory, record_path
from sync.model.values import Entry, FileFact, FormKind, Pin, Signature, SignedObject


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of an upstream tree is copied: what patterns select below a directory."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    source: RepoPath = ROOT
    """The manifest's `from`; empty for the root of the upstream tree."""

    @property
    def is_everything(self) -> bool:
        return not self.include and not self.exclude


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a mirror may hold.

    More is hardly intended, or is intended to do harm. No real mirror that was tried comes near it.
    """

    files: int = 100_000
    total_bytes: int = 2 << 30
    file_bytes: int = 100 << 20
    depth: int = 100
    """The directories that lie one inside the other."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A pin of a repository that several mirrors share."""

    url: str
    pin: Pin


@dataclass(frozen=True, slots=True)
class Mirror:
    """One mirror as the manifest wants it."""

    name: str
    url: str
    pin: Pin
    places: tuple[str, ...]
    """The directories that hold its copies, from the host's root, sorted."""
    selection: Selection
    checked_in: bool = True
    local: bool = False
    allow: frozenset[str] = frozenset()
    budget: Budget = Budget()
    also_at: tuple[str, ...] = ()
    """Other repositories that have the same tree; reports name them, and nobody asks them."""
    license: str | None = None
    license_comment: str | None = None
    supplier: str | None = None
    description: str | None = None
    require_signature: SignedObject | None = None
    """The upstream's object that must have a good signature."""
    allowed_signers: str | None = None
    """A file of OpenSSH keys, from the host's root."""
    keyring: str | None = None
    """A file of OpenPGP keys, from the host's root."""
    upstream: str | None = field(default=None, compare=False)
    """The table that says URL and pin for it; whether it or the mirror says them, is the same."""

    @property
    def source(self) -> RepoPath:
        """The directory of the upstream tree that is copied from."""
        return self.selection.source

    @property
    def is_part(self) -> bool:
        """Whether only a directory, or what patterns include, is taken of the upstream tree."""
        return bool(self.source or self.selection.include)

    @property
    def key_files(self) -> tuple[str, ...]:
        """The key files that alone decide about signatures, from the host's root.

        Without any, signatures are not checked.
        """
        return tuple(path for path in (self.allowed_signers, self.keyring) if path is not None)

    @property
    def record_path(self) -> str:
        return record_path(self.name)

    @property
    def license_directory(self) -> str:
        return license_directory(self.name)


@dataclass(frozen=True, slots=True)
class Form:
    """One derived form as the manifest wants it: what is made, by which recipe, of what."""

    name: str
    kind: FormKind
    of: str
    """The mirror, or another form, that it is made of."""
    places: tuple[str, ...]
    """The files, or directories, that hold it, from the host's root, sorted."""
    of_path: RepoPath | None = None
    """The one file that is taken of a mirror or of a directory; None where all of it is."""
    needs: tuple[str, ...] = ()
    """The manifest's `with`: what else it is made of, sorted."""
    patches: tuple[str, ...] = ()
    """The patch files, from the host's root, in the order in which they are applied."""
    features: tuple[str, ...] | None = None
    """The features of WIT packages that it has, sorted; None is all of them."""
    checked_in: bool = True
    tool_version: str | None = None
    """The only version of wasm-tools that makes it; None where no tool is needed."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of all that it is made of, sorted."""
        return tuple(sorted({self.of, *self.needs}))

    @property
    def record_path(self) -> str:
        return derived_record_path(self.name)


@dataclass(frozen=True, slots=True)
class UpstreamCommit:
    """Where a copy comes from: the commit that a pin names, and the raw objects that lead there."""

    url: str
    pin: Pin
    commit: ObjectId
    commit_time: str
    """The committer's time as `YYYY-MM-DDThh:mm:ssZ`."""
    tag: ObjectId | None
    """The id of the annotated tag object; None for a lightweight tag or a commit pin."""
    commit_object: bytes
    tag_objects: tuple[bytes, ...]
    """The annotated tags from the ref inwards; more than one where tags are nested."""


_F = TypeVar("_F", Entry, FileFact)


@dataclass(frozen=True, slots=True)
class Holding(Generic[_F]):
    """What a mirror holds: as entries what it has to be, as facts what was read.

    Both lists are sorted by path, and no path in one of them is also a directory of it.
    """

    upstream_tree: ObjectId
    """The id of the upstream's tree at `source`; the same as `tree` if nothing is left out."""
    tree: ObjectId
    """The id of the tree of the files."""
    files: tuple[_F, ...]
    """The copied files; the paths are relative to the mirror."""
    licenses: tuple[_F, ...]
    """The licence files in `source` or above that are not copied; paths from upstream's root."""
    proof_trees: tuple[bytes, ...]
    """Raw tree objects, sorted by id.

    They lead from the commit to `source`, and give what the copied files cannot rebuild.
    """


def entries_of(holding: Holding[FileFact]) -> Holding[Entry]:
    """The same holding without sizes and SHA-256."""
    return Holding(
        holding.upstream_tree,
        holding.tree,
        tuple(fact.entry for fact in holding.files),
        tuple(fact.entry for fact in holding.licenses),
        holding.proof_trees,
    )


@dataclass(frozen=True, slots=True)
class Copy:
    """What a mirror has to be, computed from the upstream's objects."""

    upstream: UpstreamCommit
    holding: Holding[Entry]
    signature: Signature | None = None
    """None where the manifest names no keys."""


def is_checked_in(wanted: Mirror | Form | None) -> bool:
    """Whether git has a mirror or form; it does not have what the manifest lacks."""
    return wanted is not None and wanted.checked_in
