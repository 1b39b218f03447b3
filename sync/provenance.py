"""A record as a value: what is there and where it came from, whom it answers, and whether its proof holds."""

from collections.abc import Iterable
from dataclasses import dataclass

from sync.model import Derived, FileFact, Mirror, ObjectId, Pin, PinKind, RepoPath, Selection, UpstreamCommit
from sync.names import quote_path
from sync.proof import Claim, Proof, check_proof, commit_time


@dataclass(frozen=True, slots=True)
class Record:
    """What is there and where it came from: a parsed record."""

    mirror: str
    into: str
    url: str
    ref: str | None
    tag: ObjectId | None
    commit: ObjectId
    commit_time: str
    source: RepoPath
    selection: Selection
    tree: ObjectId
    upstream_tree: ObjectId
    files: tuple[FileFact, ...]
    licenses: tuple[FileFact, ...]
    proof: Proof

    @property
    def pin(self) -> Pin:
        """The pin that the record answers."""
        if self.ref is None:
            return Pin(PinKind.COMMIT, self.commit)
        return Pin(PinKind.TAG, self.ref.removeprefix("refs/tags/"))

    def problems(self) -> list[str]:
        """Where the record's own proof fails to show what it says; empty if files and commit id hang together."""
        claim = Claim(
            commit=self.commit,
            commit_time=self.commit_time,
            tag=self.tag,
            source=self.source,
            selection=self.selection,
            upstream_tree=self.upstream_tree,
            tree=self.tree,
            entries=tuple(fact.entry for fact in self.files),
            licenses=tuple(fact.entry for fact in self.licenses),
        )
        return check_proof(claim, self.proof)

    def answers_pin_of(self, mirror: Mirror) -> bool:
        """Whether the record says what the mirror's pin is at its upstream."""
        return self.url == mirror.url and self.pin == mirror.pin

    def differences(self, mirror: Mirror) -> list[str]:
        """Where the manifest's entry and the record say different things, in words; empty if it is the record of this entry."""
        pairs = {
            "url": (self.url, mirror.url),
            mirror.pin.kind.value: (self.pin, mirror.pin),
            "from": (self.source, mirror.source),
            "into": (self.into, mirror.into),
            "include": (self.selection.include, mirror.selection.include),
            "exclude": (self.selection.exclude, mirror.selection.exclude),
        }
        return [
            f"{key}: the manifest says {_shown(wanted)}, the record {_shown(recorded)}"
            for key, (recorded, wanted) in pairs.items()
            if recorded != wanted
        ]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return (quote_path(value) or "the root") if isinstance(value, bytes) else str(value)


def make_record(mirror: Mirror, derived: Derived, files: Iterable[FileFact], licenses: Iterable[FileFact]) -> Record:
    """The record of a mirror as it was derived, with the facts of its files as they were read back from disk."""
    upstream = derived.upstream
    return Record(
        mirror=mirror.name,
        into=mirror.into,
        url=mirror.url,
        ref=mirror.pin.ref,
        tag=upstream.tag,
        commit=upstream.commit,
        commit_time=commit_time(upstream.commit_object),
        source=mirror.source,
        selection=mirror.selection,
        tree=derived.tree,
        upstream_tree=derived.upstream_tree,
        files=tuple(sorted(files)),
        licenses=tuple(sorted(licenses)),
        proof=Proof(upstream.commit_object, upstream.tag_objects, derived.proof_trees),
    )


def derived_of(record: Record) -> Derived:
    """What the record says a mirror has to be, without asking anybody."""
    return Derived(
        upstream=UpstreamCommit(record.commit, record.tag, record.proof.commit, record.proof.tags),
        upstream_tree=record.upstream_tree,
        tree=record.tree,
        entries=tuple(fact.entry for fact in record.files),
        licenses=tuple(fact.entry for fact in record.licenses),
        proof_trees=record.proof.trees,
    )
