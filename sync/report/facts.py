"""What every report is made of: frozen values about each mirror, gathered once, which formats only write down."""

from collections.abc import Mapping
from dataclasses import dataclass

from sync.ids import ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.layout import THIRD_PARTY, license_directory
from sync.model import FileFact, Pin, Signature


@dataclass(frozen=True, slots=True)
class LicenseText:
    """A licence file that covers a mirror."""

    path: str
    """From the host's root, quoted as by git."""
    upstream_path: RepoPath
    """In the upstream's tree."""
    blob: ObjectId
    expression: str | None
    """The SPDX expression that this very text is known to be; None: unknown."""
    known_by: str | None
    """What knows it: "blob id" or "licenseclassifier"."""
    content: bytes
    is_notice: bool = False
    """Whether it is known to say only under which licence something is, without the licence's text."""

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Licensing:
    """Two statements that are never mixed: what upstream ships, and what the host's owner decided. None: unknown."""

    declared: str | None
    """An SPDX expression, by the licence texts that cover the mirror at this commit."""
    declared_comment: str
    """How that is known, or why not; a clause without a full stop."""
    concluded: str | None
    """The manifest's `license`, a valid SPDX expression."""
    concluded_comment: str | None
    """The manifest's `license-comment`."""
    texts: tuple[LicenseText, ...]
    """The files nearest to the selection that say under which licence it is; empty: upstream ships none."""
    copyright: tuple[str, ...]
    """The lines of `texts` that say whose it is; empty: none does."""
    others: tuple[str, ...] = ()
    """Paths of files named as licences that are none of `texts`, from the host's root: deeper inside the mirror, or links."""

    @property
    def is_unlicensed(self) -> bool:
        """Whether upstream ships nothing that is named as a licence."""
        return not self.texts and not self.others

    @property
    def effective(self) -> str | None:
        """What holds here: concluded if somebody has, else declared."""
        return self.concluded or self.declared

    def is_text_of(self, text: LicenseText, license_id: str) -> bool:
        """Whether a text is known to be this licence's, or is what covers files of which just this licence was concluded."""
        return text.expression == license_id or (
            text.expression is None and self.effective == license_id
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a nested copy comes from: what a record of this host names."""

    mirror: str
    """The mirror whose record has the same files."""
    url: str
    pin: Pin
    commit: ObjectId
    path: RepoPath
    """In the upstream's tree; empty for its root."""
    same_tree: bool
    """Whether the copy has the same tree id; else each of its files has the blob id of one there, at the same path."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the record of a nested copy says that lies beside it in the mirror: its project's word.

    Its own proof leads from the copy's tree to the commit id. Nobody here asked that upstream, and no manifest here names it.
    """

    by: str
    """The mirror of this host in which the record lies."""
    mirror: str
    """What the project calls its copy."""
    url: str
    pin: Pin
    commit: ObjectId
    path: RepoPath
    """In that upstream's tree; empty for its root."""


@dataclass(frozen=True, slots=True)
class Nested:
    """A copy of something else inside a mirror, such as `deps/io` in WIT."""

    path: RepoPath
    """Inside the mirror."""
    tree: ObjectId
    """The tree id, or the blob id of a single file."""
    files: tuple[RepoPath, ...]
    """Paths inside the mirror."""
    origin: Origin | None
    """None: no record of this host has it."""
    recorded: Recorded | None = None
    """What the mirrored project has recorded of it, where it keeps its copies as this host does."""

    @property
    def name(self) -> bytes:
        return self.path.rpartition(b"/")[2]


@dataclass(frozen=True, slots=True)
class Content:
    """What only the bytes of a mirror say."""

    sha1: Mapping[RepoPath, str]
    """Of the content of each of its files, which is not git's blob id; of a symlink: of its target. In hexadecimal."""
    license_sha1: Mapping[RepoPath, str]
    """Likewise, of the licence files beside it."""
    links: Mapping[RepoPath, bytes]
    """The targets of its symlinks."""
    nar_sha256: bytes
    """SHA-256 of the mirror's directory as a Nix archive; 32 bytes."""


@dataclass(frozen=True, slots=True)
class Component:
    """One mirror: what it is, where it came from, and that it is unmodified."""

    name: str
    into: str
    """Below third_party/."""
    presence: Presence
    description: str | None
    supplier: str | None
    url: str
    also_at: tuple[str, ...]
    """Other repositories that have the same tree, by the manifest."""
    pin: Pin
    version: str | None
    """By the tag; None for a mirror pinned by commit, or by a tag that reads as a commit id."""
    tag: ObjectId | None
    """The id of the annotated tag object; None for a lightweight tag or a commit pin."""
    commit: ObjectId
    commit_time: str
    """`YYYY-MM-DDThh:mm:ssZ`."""
    source: RepoPath
    """The directory in the upstream's tree; empty for its root."""
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    tree: ObjectId
    upstream_tree: ObjectId
    """The upstream's tree at `source`; `tree` unless the selection leaves something out."""
    is_root: bool
    """Whether it is the whole of the upstream commit's tree, which is what a fetcher would get."""
    files: tuple[FileFact, ...]
    """Sorted by path; paths inside the mirror."""
    license_files: tuple[FileFact, ...]
    """Kept beside it because they cover it; paths in the upstream's tree, copies at `license_directory`."""
    licensing: Licensing
    nested: tuple[Nested, ...]
    content: Content | None
    """None where no format asked for it, or where the files are not here."""
    signature: Signature | None = None
    """As it was judged again before the report; None where the manifest names no keys."""

    @property
    def directory(self) -> str:
        """Where the copy lies, from the host's root."""
        return f"{THIRD_PARTY}/{self.into}"

    @property
    def license_directory(self) -> str:
        """Where copies of `license_files` lie, from the host's root."""
        return f"{THIRD_PARTY}/{license_directory(self.name)}"

    @property
    def is_whole(self) -> bool:
        """Whether it is the upstream's tree at `source` with nothing left out."""
        return self.tree == self.upstream_tree

    @property
    def is_present(self) -> bool:
        return self.presence is Presence.PRESENT

    def required_content(self) -> Content:
        """The content of a mirror that is here, for formats that have asked for it."""
        if self.content is None:
            msg = f"the content of {self.name} was not read"
            raise ValueError(msg)
        return self.content


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report says: the mirrors in the manifest's order, and the time that it names."""

    components: tuple[Component, ...]
    timestamp: int
    """Seconds since 1970: SOURCE_DATE_EPOCH, else the newest recorded commit time."""

    @property
    def present(self) -> tuple[Component, ...]:
        return tuple(component for component in self.components if component.is_present)

    @property
    def elsewhere(self) -> tuple[Component, ...]:
        """Those that are not here: absent or removed."""
        return tuple(component for component in self.components if not component.is_present)
