"""The record of a mirror as a value, compared with the manifest and with its own proof."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync.ids import ObjectId, RepoPath
from sync.model import (
    Copy,
    FileFact,
    Mirror,
    Pin,
    PinKind,
    Selection,
    Signature,
    SignatureState,
    UpstreamCommit,
)
from sync.objects.commits import commit_time
from sync.quoting import quote_path
from sync.record.proof import Claim, Proof, check_proof
from sync.selection.copy import other_name
from sync.signature.signed import which_object


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed record: what a mirror holds and where it came from."""

    mirror: str
    into: str
    url: str
    ref: str | None
    tag: ObjectId | None
    commit: ObjectId
    commit_time: str
    selection: Selection
    tree: ObjectId
    upstream_tree: ObjectId
    files: tuple[FileFact, ...]
    licenses: tuple[FileFact, ...]
    proof: Proof
    signature: Signature | None = None
    """None if the manifest named no keys when the record was made."""

    @property
    def pin(self) -> Pin:
        """The pin that the record was made for."""
        if self.ref is None:
            return Pin(PinKind.COMMIT, self.commit)
        return Pin(PinKind.TAG, self.ref.removeprefix("refs/tags/"))

    @property
    def source(self) -> RepoPath:
        """The directory of the upstream tree from which the files were copied."""
        return self.selection.source

    @property
    def upstream(self) -> UpstreamCommit:
        """The commit that the pin named, with the raw commit and tag objects."""
        return UpstreamCommit(self.commit, self.tag, self.proof.commit, self.proof.tags)

    @property
    def copy(self) -> Copy:
        """What the mirror has to be according to the record alone; upstream is not asked."""
        return Copy(
            upstream=self.upstream,
            upstream_tree=self.upstream_tree,
            tree=self.tree,
            entries=tuple(fact.entry for fact in self.files),
            licenses=tuple(fact.entry for fact in self.licenses),
            proof_trees=self.proof.trees,
            signature=self.signature,
        )

    @property
    def claim(self) -> Claim:
        """The part of the record that its proof can show."""
        return Claim(
            commit=self.commit,
            commit_time=self.commit_time,
            tag=self.tag,
            selection=self.selection,
            upstream_tree=self.upstream_tree,
            tree=self.tree,
            entries=tuple(fact.entry for fact in self.files),
            licenses=tuple(fact.entry for fact in self.licenses),
        )

    def problems(self) -> list[str]:
        """Return where the record's own proof fails to show what the record says, as phrases.

        There are none if files and commit id agree.
        """
        return check_proof(self.claim, self.proof)

    def answers_pin_of(self, mirror: Mirror) -> bool:
        """Whether the record is of the same URL and pin as the mirror."""
        return self.url == mirror.url and self.pin == mirror.pin

    def differences(self, mirror: Mirror) -> list[str]:
        """Return where the manifest's mirror and the record disagree, as phrases.

        There are none if this is the record of that mirror.
        """
        return [
            *self._copy_differences(mirror),
            *self._name_differences(mirror),
            *self._signature_differences(mirror),
        ]

    def is_of_copy(self, mirror: Mirror) -> bool:
        """Whether this is the record of the copy that the mirror asks for, signatures aside."""
        return not self._copy_differences(mirror) and not any(self._name_differences(mirror))

    def _name_differences(self, mirror: Mirror) -> Iterator[str]:
        if (named := other_name(mirror, self.proof.tags)) is not None:
            yield f"tag: the manifest says {mirror.pin}, the tag object calls itself {named}"

    def _copy_differences(self, mirror: Mirror) -> list[str]:
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

    def _signature_differences(self, mirror: Mirror) -> Iterator[str]:
        recorded = self.signature
        if not mirror.key_files:
            if recorded is not None:
                yield (
                    "allowed-signers, keyring: the manifest names no keys, "
                    "the record says how the signature is"
                )
            return
        key = (
            "require-signature"
            if mirror.require_signature
            else "allowed-signers"
            if mirror.allowed_signers
            else "keyring"
        )
        wanted = which_object(mirror, is_tagged=self.tag is not None)
        if recorded is None or recorded.of is not wanted:
            yield (
                f"{key}: the manifest asks for the signature of the {wanted}, "
                "the record does not say how that is"
            )
        elif mirror.require_signature and recorded.state is not SignatureState.GOOD:
            yield (
                f"{key}: the manifest requires a good signature of the {wanted}, "
                f"the record says {recorded.state}"
            )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return (quote_path(value) or "the root") if isinstance(value, bytes) else str(value)


def make_record(
    mirror: Mirror, copy: Copy, files: Iterable[FileFact], licenses: Iterable[FileFact]
) -> Record:
    """Return the record of a mirror as it was copied.

    `files` and `licenses` are facts that were read back from disk.
    """
    upstream = copy.upstream
    return Record(
        mirror=mirror.name,
        into=mirror.into,
        url=mirror.url,
        ref=mirror.pin.ref,
        tag=upstream.tag,
        commit=upstream.commit,
        commit_time=commit_time(upstream.commit_object),
        selection=mirror.selection,
        tree=copy.tree,
        upstream_tree=copy.upstream_tree,
        files=tuple(sorted(files)),
        licenses=tuple(sorted(licenses)),
        proof=Proof(upstream.commit_object, upstream.tag_objects, copy.proof_trees),
        signature=copy.signature,
    )
