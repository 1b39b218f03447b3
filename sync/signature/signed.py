"""What a signature in a raw commit or annotated tag signs, as git takes the object apart, and what is said of it; pure."""

import re
from dataclasses import dataclass
from itertools import pairwise

from sync.errors import SignatureError
from sync.layout import THIRD_PARTY
from sync.model import (
    Mirror,
    Signature,
    SignatureFormat,
    SignatureState,
    SignedObject,
    UpstreamCommit,
)

_FORMATS = {
    b"PGP SIGNATURE": SignatureFormat.OPENPGP,
    b"PGP MESSAGE": SignatureFormat.OPENPGP,
    b"SSH SIGNATURE": SignatureFormat.SSH,
    b"SIGNED MESSAGE": SignatureFormat.X509,
}
# what begins a line at which git takes a signature to begin
_BEGIN = re.compile(rb"^-----BEGIN (%s)-----" % b"|".join(_FORMATS), re.MULTILINE)
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----[ \t\r]*\n(?:(?!-----).*\n)*-----END \1-----\s*")
_TIME = re.compile(rb"^(?:committer|tagger) .*> (\d{1,18}) [+-]\d{4}$", re.MULTILINE)
_LAST_SECOND = 253_402_300_799  # of the year 9999


_KEY_TYPES = (b"ssh-", b"ecdsa-", b"sk-")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed object, taken apart."""

    payload: bytes
    """What is signed."""
    block: bytes
    """The signature, with all that git gives to the program that checks it."""
    format: SignatureFormat | None
    """None for what git knows no program for."""
    time: int
    """Of the tagger or committer, in seconds since 1970: when the key has to be valid that has no time of its own."""

    @property
    def is_one_block(self) -> bool:
        """Whether the signature is just that: neither a second one nor words that nobody signed follow."""
        return _BLOCK.fullmatch(self.block) is not None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Keys as the manifest names them."""

    path: str
    """Below third_party/."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """All that decides over signatures; None: the manifest names no such file."""

    allowed_signers: KeyFile | None
    keyring: KeyFile | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A signature's state, and why it is so."""

    signature: Signature
    reason: str
    """A clause; what comes from outside in it may hold anything."""


def which_object(mirror: Mirror, *, is_tagged: bool) -> SignedObject:
    """Whose signature is judged: the required one, else an annotated tag's, else the commit's."""
    return mirror.require_signature or (SignedObject.TAG if is_tagged else SignedObject.COMMIT)


def signed_part(upstream: UpstreamCommit, of: SignedObject) -> Signed | None:
    """The signature of the commit, or of the tag that the ref names, taken apart; None if it has none."""
    if of is SignedObject.COMMIT:
        return _signed_commit(upstream.commit_object)
    return _signed_tag(upstream.tag_objects[0]) if upstream.tag_objects else None


def _signed_commit(raw: bytes) -> Signed | None:
    payload, block = _without_signatures(raw)
    return _signed(payload, block) if block else None


def _signed_tag(raw: bytes) -> Signed | None:
    begins = [match.start() for match in _BEGIN.finditer(raw)]
    if not begins:
        return None
    payload, _ = _without_signatures(raw[: begins[-1]])
    return _signed(payload, raw[begins[-1] :])


def _signed(payload: bytes, block: bytes) -> Signed:
    begin = _BEGIN.match(block)
    time = _TIME.search(payload.partition(b"\n\n")[0])
    return Signed(
        payload,
        block,
        _FORMATS[begin[1]] if begin else None,
        min(int(time[1]), _LAST_SECOND) if time else 0,
    )


def _without_signatures(raw: bytes) -> tuple[bytes, bytes]:
    """An object without the headers that sign it, and what `gpgsig` says (git's commit.c, parse_buffer_signed_by_header).

    A `gpgsig-sha256` signs the same object under another hash and is of no use here; what a `mergetag` holds is another object's.
    """
    header, blank, body = raw.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    lines = kept
    for line in header.split(b"\n"):
        said = line
        if line.startswith(b"gpgsig "):
            lines, said = signature, line.removeprefix(b"gpgsig ")
        elif line.startswith(b" "):
            said = line[1:] if lines is signature else line
        else:
            lines = [] if line.startswith(b"gpgsig-sha256 ") else kept
        lines.append(said)
    return b"\n".join(kept) + blank + body, b"".join(line + b"\n" for line in signature)


def find_bad_signer(allowed_signers: bytes) -> int | None:
    """The first line that is no signer, which ssh-keygen passes over in silence; the last if there is no signer at all."""
    signers = 0
    lines = allowed_signers.split(b"\n")
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        if not any(
            kind.startswith(_KEY_TYPES) and key.startswith(b"AAAA")
            for kind, key in pairwise(words[1:])
        ):
            return number
        signers += 1
    return None if signers else len(lines)


def signature_shown(signature: Signature) -> str:
    """A signature in a clause: by whom, or why it is worth nothing."""
    of, kind = signature.of, f"{signature.format} " if signature.format else ""
    return {
        SignatureState.GOOD: f"{of} signed by {signature.signer}, {kind}key {signature.key}",
        SignatureState.BAD: f"{of} has a bad {kind}signature",
        SignatureState.UNKNOWN_KEY: f"{of} signed with an unknown {kind}key",
        SignatureState.NONE: f"{of} not signed",
    }[signature.state]


def refuse_unsigned(mirror: Mirror, judged: Judged | None) -> None:
    """SignatureError if the manifest requires a good signature and this is none."""
    if (
        judged is None
        or mirror.require_signature is None
        or judged.signature.state is SignatureState.GOOD
    ):
        return
    keys = " or ".join(f"{THIRD_PARTY}/{path}" for path in mirror.key_files)
    reference, hint = {
        SignatureState.BAD: (
            "signature-bad",
            "do not use it before upstream has said why; another pin may be signed as it should be",
        ),
        SignatureState.UNKNOWN_KEY: (
            "signature-unknown-key",
            f"if upstream says that it is their key, add it to {keys} and run `git verbatim sync {mirror.name}`",
        ),
    }.get(judged.signature.state, ("signature-missing", _hint_for_unsigned(mirror)))
    raise SignatureError(
        f"the {judged.signature.of} of mirror {mirror.name} has no good signature",
        [
            f"{judged.reason} [{reference}]",
            f"keys: {keys}",
            f"upstream: {mirror.url} at {mirror.pin}",
        ],
        hint=hint,
        reference=reference,
    )


def _hint_for_unsigned(mirror: Mirror) -> str:
    other = (
        SignedObject.COMMIT if mirror.require_signature is SignedObject.TAG else SignedObject.TAG
    )
    instead = f'; if its {other} is signed: require-signature = "{other}"' if mirror.pin.ref else ""
    return f"ask upstream to sign it, or pin another{instead}"
