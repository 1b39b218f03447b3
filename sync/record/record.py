"""The record of a mirror as a value, compared with the manifest and with its own proof."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync.ids import RepoPath
from sync.manifest.paths import as_written
from sync.model.mirrors import (
    Copy,
    Holding,
    Mirror,
    Selection,
    UpstreamCommit,
    entries_of,
)
from sync.model.values import FileFact, Pin, Signature, SignatureState
from sync.quoting import quote_path
from sync.record.places import Place, places_of
from sync.record.proof import proof_problems
from sync.selection.renamed_tag import other_name
from sync.signature.signed import which_object

SCHEMA_VERSION = 2
"""The version of the format in which records are written."""


@dataclass(frozen=True, slots=True)
class Record:
    """A parsed record: what a mirror holds and where it came from."""

    mirror: str
    copies: tuple[str, ...]
    """The directories that hold its copies, from the host's root, sorted."""
    upstream: UpstreamCommit
    selection: Selection
    holding: Holding[FileFact]
    signature: Signature | None = None
    """None if the manifest named no keys when the record was made."""
    schema: int = SCHEMA_VERSION
    """The version of its format; one that was written by an earlier version stays as it is."""

    @property
    def url(self) -> str:
        return self.upstream.url

    @property
    def pin(self) -> Pin:
        """The pin that the record was made for."""
        return self.upstream.pin

    @property
    def source(self) -> RepoPath:
        """The directory of the upstream tree from which the files were copied."""
        return self.selection.source

    @property
    def files(self) -> tuple[FileFact, ...]:
        return self.holding.files

    @property
    def licenses(self) -> tuple[FileFact, ...]:
        return self.holding.licenses

    @property
    def places(self) -> tuple[Place[FileFact], ...]:
        """Where the files lie that it lists: first those of the copies, last licence files."""
        return places_of(self.copies, self.mirror, self.holding)

    @property
    def copy(self) -> Copy:
        """What the mirror has to be according to the record alone; upstream is not asked."""
        return Copy(self.upstream, entries_of(self.holding), self.signature)

    def problems(self) -> list[str]:
        """Return where the record's own proof fails to show what the record says, as phrases.

        There are none if files and commit id agree.
        """
        return proof_problems(self.upstream, self.selection, entries_of(self.holding))

    def answers_pin_of(self, mirror: Mirror) -> bool:
        """Whether the record is of the same URL and pin as the mirror."""
        return self.url == mirror.url and self.pin == mirror.pin

    def differences(self, mirror: Mirror) -> list[str]:
        """Return where the manifest's mirror and the record disagree, as phrases.

        There are none if this is the record of that mirror.
        """
        return [
            *self._copy_differences(mirror),
            *self._place_differences(mirror),
            *self._name_differences(mirror),
            *self._signature_differences(mirror),
        ]

    def is_of_copy(self, mirror: Mirror) -> bool:
        """Whether this is the record of the copy that the mirror asks for.

        Its places and signatures have no say in that.
        """
        return not self._copy_differences(mirror) and not any(self._name_differences(mirror))

    def _name_differences(self, mirror: Mirror) -> Iterator[str]:
        if (named := other_name(mirror, self.upstream.tag_objects)) is not None:
            yield f"tag: the manifest says {mirror.pin}, the tag object calls itself {named}"

    def _copy_differences(self, mirror: Mirror) -> list[str]:
        pairs = {
            "url": (self.url, mirror.url),
            mirror.pin.kind.value: (self.pin, mirror.pin),
            "from": (self.source, mirror.source),
            "include": (self.selection.include, mirror.selection.include),
            "exclude": (self.selection.exclude, mirror.selection.exclude),
        }
        return [
            _difference(key, wanted, recorded)
            for key, (recorded, wanted) in pairs.items()
            if recorded != wanted
        ]

    def _place_differences(self, mirror: Mirror) -> Iterator[str]:
        if self.copies != mirror.places:
            yield _difference("into", _written(mirror.places), _written(self.copies))

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
        wanted = which_object(mirror, is_tagged=self.upstream.tag is not None)
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


def _difference(key: str, wanted: object, recorded: object) -> str:
    return f"{key}: the manifest says {_shown(wanted)}, the record {_shown(recorded)}"


def _written(places: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(as_written, places))


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
    wanted = copy.holding
    holding = Holding(
        wanted.upstream_tree,
        wanted.tree,
        tuple(sorted(files)),
        tuple(sorted(licenses)),
        wanted.proof_trees,
    )
    return Record(
        mirror.name, mirror.places, copy.upstream, mirror.selection, holding, copy.signature
    )
