"""Take signed commits and annotated tags apart as git does, and say how a signature is; pure."""

import re
from dataclasses import dataclass
from itertools import pairwise

from sync.errors import SignatureError
from sync.model.mirrors import Mirror, UpstreamCommit
from sync.model.values import Signature, SignatureFormat, SignatureState, SignedObject

_FORMATS = {
    b"PGP SIGNATURE": SignatureFormat.OPENPGP,
    b"PGP MESSAGE": SignatureFormat.OPENPGP,
    b"SSH SIGNATURE": SignatureFormat.SSH,
    b"SIGNED MESSAGE": SignatureFormat.X509,
}
# git takes a line that begins like this for the beginning of a signature.
_BEGIN = re.compile(rb"^-----BEGIN (%s)-----" % b"|".join(_FORMATS), re.MULTILINE)
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----[ \t\r]*\n(?:(?!-----).*\n)*-----END \1-----\s*")
_TIME = re.compile(rb"^(?:committer|tagger) .*> (\d{1,18}) [+-]\d{4}$", re.MULTILINE)
_LAST_SECOND = 253_402_300_799  # The last second of the year 9999, since 1970.


_KEY_TYPES = (b"ssh-", b"ecdsa-", b"sk-")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed object, taken apart."""

    payload: bytes
    """The bytes that are signed."""
    block: bytes
    """The signature, and whatever else git gives to the checking program with it."""
    format: SignatureFormat | None
    """None if git knows no program for this kind of signature."""
    time: int
    """The time of the tagger or committer, in seconds since 1970.

    The key has to be valid then if the signature has no time of its own.
    """

    @property
    def is_one_block(self) -> bool:
        """Whether `block` is one signature, followed by neither a second one nor unsigned text."""
        return _BLOCK.fullmatch(self.block) is not None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file that the manifest names."""

    path: str
    """The path below third_party/."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """The key files that decide over signatures; None where the manifest names no such file."""

    allowed_signers: KeyFile | None
    keyring: KeyFile | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The state of a signature, and the reason for it."""

    signature: Signature
    reason: str
    """A clause, which may quote arbitrary characters from outside."""


def which_object(mirror: Mirror, *, is_tagged: bool) -> SignedObject:
    """Return which object's signature is judged.

    It is the object that `require-signature` names, else an annotated tag, else the commit.
    """
    return mirror.require_signature or (SignedObject.TAG if is_tagged else SignedObject.COMMIT)


def signed_part(upstream: UpstreamCommit, of: SignedObject) -> Signed | None:
    """Return the commit, or the tag that the ref names, taken apart; None if it is not signed."""
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
    """Return an object without the headers that sign it, and the signature of its `gpgsig` header.

    This follows parse_buffer_signed_by_header in git's commit.c. A `gpgsig-sha256` header signs the
    same object under another hash, so it is left out and not used. A `mergetag` header holds the
    signature of another object, so it stays.
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
    """Return the 1-based number of the first line that names no signer, or None if all do.

    ssh-keygen skips such a line in silence. Blank lines and comments are no error, but without any
    signer the number is that of the last line.
    """
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
    """Return a clause that says who signed, or why the signature is worth nothing."""
    of, kind = signature.of, f"{signature.format} " if signature.format else ""
    return {
        SignatureState.GOOD: f"{of} signed by {signature.signer}, {kind}key {signature.key}",
        SignatureState.BAD: f"{of} has a bad {kind}signature",
        SignatureState.UNKNOWN_KEY: f"{of} signed with an unknown {kind}key",
        SignatureState.NONE: f"{of} not signed",
    }[signature.state]


def refuse_unsigned(mirror: Mirror, judged: Judged | None) -> None:
    """Raise SignatureError if the manifest requires a good signature and this is not one."""
    if (
        judged is None
        or mirror.require_signature is None
        or judged.signature.state is SignatureState.GOOD
    ):
        return
    keys = " or ".join(f"{path}" for path in mirror.key_files)
    reference, hint = {
        SignatureState.BAD: (
            "signature-bad",
            "do not use it before upstream has said why; another pin may be signed as it should be",
        ),
        SignatureState.UNKNOWN_KEY: (
            "signature-unknown-key",
            (
                f"if upstream says that it is their key, add it to {keys} "
                f"and run `git verbatim sync {mirror.name}`"
            ),
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
