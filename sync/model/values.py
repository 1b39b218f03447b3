"""What describes mirrors and forms, as values: files, pins, signatures, the names of recipes."""

import os
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

from sync.ids import ObjectId, RepoPath


class Entry(NamedTuple):
    """One file of a mirror, as a tree lists it."""

    path: RepoPath
    mode: int
    blob: ObjectId


def path_at(place: str, path: bytes) -> RepoPath:
    """The path, from the host's root, of what lies at a path in a place.

    The one file of a place that is a file has an empty path.
    """
    return RepoPath(os.fsencode(place) + b"/" + path if path else os.fsencode(place))


class FileFact(NamedTuple):
    """One file as it was read: its tree entry, and the size in bytes and SHA-256 of its content.

    Of a file that was not read, git's entry is known: its size is 0 unless something else told it,
    and its SHA-256 is empty, which no record has.
    """

    path: RepoPath
    mode: int
    blob: ObjectId
    size: int
    sha256: str

    @classmethod
    def unread(cls, entry: Entry, size: int = 0) -> Self:
        return cls(*entry, size, "")

    @property
    def entry(self) -> Entry:
        return Entry(self.path, self.mode, self.blob)


class PinKind(StrEnum):
    TAG = "tag"
    COMMIT = "commit"


# Readers and programs take these for something else than a tag: ids of objects, words that stand
# where pins stand, other refs, and whatever has blanks, arrows or invisible characters.
_OTHER_WORDS = re.compile(
    r"(?i:removed|@|(?:[a-z]+_)?head|(?:heads|remotes|tags|commit|tag)\b.*)", re.DOTALL
)
_ID = re.compile(r"[0-9]{12}|[0-9]{40}|[0-9]{64}|(?=[0-9]*[a-f])[0-9a-f]{7,64}", re.IGNORECASE)
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Sm"})


def reads_as_id(text: str) -> bool:
    """Whether people or programs take a text for an object id, in full or abbreviated."""
    return _ID.fullmatch(unicodedata.normalize("NFKC", text)) is not None


@dataclass(frozen=True, slots=True)
class Pin:
    """The tag or the full commit id that the manifest names for a mirror.

    As text, a pin cannot be taken for another one: a commit id stands as it is, and a tag that
    reads as something else has `refs/tags/` in front.
    """

    kind: PinKind
    value: str

    @property
    def ref(self) -> str | None:
        return f"refs/tags/{self.value}" if self.kind is PinKind.TAG else None

    def __str__(self) -> str:
        return self.value if self.ref is None or self.is_plain else self.ref

    @property
    def is_plain(self) -> bool:
        """Whether the value alone says what it is."""
        text = self.value
        if self.ref is None or (text.isascii() and text.startswith("v") and text.isprintable()):
            return True
        is_visible = not any(
            unicodedata.category(c) in _NO_TEXT and c not in "+<=>|~" for c in text
        )
        return (
            is_visible
            and not reads_as_id(text)
            and _OTHER_WORDS.fullmatch(unicodedata.normalize("NFKC", text)) is None
        )


class SignedObject(StrEnum):
    """Which of an upstream's objects a signature is on."""

    TAG = "tag"
    COMMIT = "commit"


class SignatureFormat(StrEnum):
    """With what kind of key an object is signed."""

    SSH = "ssh"
    OPENPGP = "openpgp"
    X509 = "x509"


class SignatureState(StrEnum):
    """What the keys that the manifest names make of a signature."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN_KEY = "unknown-key"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Signature:
    """The signature of an upstream's tag or commit, as judged by the manifest's keys."""

    of: SignedObject
    state: SignatureState
    format: SignatureFormat | None = None
    """None where there is no signature, or one of a kind that git does not know."""
    signer: str | None = None
    """The principal or the key's user id of a good signature; printable."""
    key: str | None = None
    """The fingerprint of the ssh key or the OpenPGP primary key of a good signature."""


class FormKind(StrEnum):
    """The recipes of derived forms, a closed set."""

    WIT_BINARY = "wit-binary"
    WAT = "wat"
    WIT_SINGLE = "wit-single"
    WIT_PACKAGE = "wit-package"
    GZIP = "gzip"
    PATCHED = "patched"

    @property
    def is_wit(self) -> bool:
        """Whether wasm-tools makes it of WIT packages."""
        return self not in {FormKind.GZIP, FormKind.PATCHED}

    @property
    def is_directory(self) -> bool:
        """Whether its places are directories; those of all others are files."""
        return self is FormKind.PATCHED
