"""Judge signatures by ssh-keygen and gpg, with the given keys alone, as of the time of signing."""

import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote_to_bytes

from sync.errors import CouldNotCheckError, ManifestError
from sync.git.process import Completed, ask_checker, last_lines
from sync.model.values import Signature, SignatureFormat, SignatureState, SignedObject
from sync.quoting import printable
from sync.signature.signed import Judged, KeyFile, Keys, Signed

_GPG = (
    "--no-options",
    "--batch",
    "--no-tty",
    "--no-autostart",
    "--disable-dirmngr",
    "--no-auto-key-retrieve",
    "--status-fd=1",
)
_STATUS = re.compile(rb"^\[GNUPG:\] ([A-Z_]+) ?(.*)$", re.MULTILINE)
# gpg says exactly one of these of each signature (its doc/DETAILS).
_VERDICTS = frozenset({b"GOODSIG", b"EXPSIG", b"EXPKEYSIG", b"REVKEYSIG", b"BADSIG", b"ERRSIG"})
_NO_SIGNATURE = frozenset({b"NODATA", b"BADARMOR", b"UNEXPECTED"})
_REASONS = {
    b"EXPSIG": "it had expired when it was made",
    b"EXPKEYSIG": "its key had expired when it was made",
    b"REVKEYSIG": "its key is revoked",
    b"BADSIG": "it is of something else",
    b"ERRSIG": "gpg does not take its key for one that can have made it",
}
_UNKNOWN_ALGORITHM, _NO_PUBLIC_KEY = b"4", b"9"
_SSH_KEY = re.compile(rb" key (SHA256:[A-Za-z0-9+/]{43})\s*$")
_TOO_OLD = re.compile(
    rb"^usage:|invalid option|unknown option|unsupported operation", re.IGNORECASE | re.MULTILINE
)
# ssh-keygen says this of a line of allowed signers that has the key but does not let it sign for
# this purpose or at that time. Of any other line it says something else, or nothing.
_REFUSED = re.compile(
    rb"^allowed_signers:\d+: (?:key |certificate |no valid principals)", re.MULTILINE
)
_MAX_PRINCIPALS = 100


@dataclass(frozen=True, slots=True)
class _Finding:
    state: SignatureState
    reason: str = ""
    signer: bytes | None = None
    key: bytes | None = None


def judge_signature(of: SignedObject, signed: Signed, keys: Keys) -> Judged:
    """Return what the keys make of a signature.

    Raises CouldNotCheckError if the program that checks it is missing, too old or fails, and
    ManifestError if gpg finds no keys in the keyring.
    """
    found = _find(signed, keys)
    signer = (
        None
        if found.signer is None
        else printable(found.signer.decode("utf-8", "replace")) or "nobody"
    )
    key = None if found.key is None else found.key.decode()
    return Judged(Signature(of, found.state, signed.format, signer, key), found.reason)


def _find(signed: Signed, keys: Keys) -> _Finding:
    if not signed.is_one_block:
        return _Finding(
            SignatureState.BAD,
            "what stands for its signature is not one signature and nothing else",
        )
    with tempfile.TemporaryDirectory(prefix="git-verbatim-") as scratch:
        home = Path(scratch)
        (home / "signature").write_bytes(signed.block)
        if signed.format is SignatureFormat.SSH and keys.allowed_signers is not None:
            return _find_by_ssh(signed, keys.allowed_signers, home)
        if signed.format is SignatureFormat.OPENPGP and keys.keyring is not None:
            return _find_by_gpg(signed, keys.keyring, home)
    return _Finding(
        SignatureState.UNKNOWN_KEY,
        f"its signature is of the kind {signed.format}, of which the manifest names no keys",
    )


def _find_by_ssh(signed: Signed, keys: KeyFile, home: Path) -> _Finding:
    """Ask as git does (gpg-interface.c): who may have signed then, and which of them has."""
    (home / "allowed_signers").write_bytes(keys.content)
    # OpenSSH takes the first second of 1970 for an error.
    time = datetime.fromtimestamp(max(signed.time, 1), tz=UTC).strftime("%Y%m%d%H%M%S")
    by_keys = (f"-Overify-time={time}", "-f", "allowed_signers")
    made = _ssh_keygen(home, signed, "check-novalidate", "-n", "git")
    if made.returncode != 0:
        return _Finding(SignatureState.BAD, f"it is of something else: {_said(made)}")
    match = _SSH_KEY.search(made.stdout)
    key = match[1] if match else b""
    found = _ssh_keygen(home, signed, "find-principals", *by_keys)
    if found.returncode != 0 and not _REFUSED.search(found.stderr):
        return _Finding(
            SignatureState.UNKNOWN_KEY, f"its ssh key {key.decode()} is none of the manifest's"
        )
    tried = found
    for principal in found.stdout.splitlines()[:_MAX_PRINCIPALS]:
        tried = _ssh_keygen(
            home,
            signed,
            "verify",
            "-n",
            "git",
            *by_keys,
            "-I",
            principal.decode("utf-8", "surrogateescape"),
        )
        if tried.returncode == 0:
            return _Finding(SignatureState.GOOD, signer=principal, key=key)
    return _Finding(SignatureState.BAD, f"its ssh key {key.decode()} is not taken: {_said(tried)}")


def _ssh_keygen(home: Path, signed: Signed, action: str, *arguments: str) -> Completed:
    done = ask_checker(
        "ssh-keygen", "-Y", action, "-s", "signature", *arguments, stdin=signed.payload, home=home
    )
    if done.returncode != 0 and _TOO_OLD.search(done.stderr):
        raise CouldNotCheckError(
            "this ssh-keygen is too old to check a signature",
            last_lines(done.stderr)[:1],
            hint="install OpenSSH 8.8 or newer and run the command again",
            reference="signature-program-too-old",
        )
    return done


def _said(done: Completed) -> str:
    return (last_lines(done.stderr) or ["ssh-keygen does not say why"])[0]


def _find_by_gpg(signed: Signed, keys: KeyFile, home: Path) -> _Finding:
    """Judge by what gpg says as of the time at which the signature claims to be made.

    The key may have expired since then.
    """
    (home / "keyring").write_bytes(keys.content)
    imported = ask_checker("gpg", *_GPG, "--import", "keyring", stdin=b"", home=home)
    if not any(
        word == b"IMPORT_RES" and not said.startswith(b"0 ")
        for word, said in _STATUS.findall(imported.stdout)
    ):
        raise ManifestError(
            f"{keys.path} is no keyring of OpenPGP public keys",
            last_lines(imported.stderr)[:1],
            hint="write it with `gpg --armor --export FINGERPRINT`",
            reference="signature-keys-unreadable",
        )
    verdict, said, statuses = _ask_gpg(signed, home)
    if verdict == b"ERRSIG" and said[5:6] in ([_NO_PUBLIC_KEY], [_UNKNOWN_ALGORITHM]):
        return _Finding(
            SignatureState.UNKNOWN_KEY,
            f"its OpenPGP key {said[-1].decode()} is none of the manifest's",
        )
    made = said[4] if verdict == b"ERRSIG" else statuses.get(b"VALIDSIG", [b""] * 3)[2]
    if made.isdigit():
        verdict, said, statuses = _ask_gpg(signed, home, f"--faked-system-time={made.decode()}!")
    if verdict != b"GOODSIG" or b"VALIDSIG" not in statuses:
        return _Finding(
            SignatureState.BAD,
            _REASONS.get(verdict, "what stands for its signature is not one signature"),
        )
    user_id = unquote_to_bytes(b" ".join(said[1:]))
    return _Finding(SignatureState.GOOD, signer=user_id, key=statuses[b"VALIDSIG"][-1])


def _ask_gpg(
    signed: Signed, home: Path, *options: str
) -> tuple[bytes, list[bytes], dict[bytes, list[bytes]]]:
    """Return what gpg says of a signature: the verdict, its arguments, and all status lines.

    Verdict and arguments are empty unless there is exactly one signature. A status line is found by
    its keyword; of several with one keyword the last counts. Raises CouldNotCheckError if gpg says
    nothing that could be a verdict.
    """
    arguments = (*_GPG, "--trust-model=always", *options, "--verify", "signature", "-")
    done = ask_checker("gpg", *arguments, stdin=signed.payload, home=home)
    said = [(word, rest.split(b" ")) for word, rest in _STATUS.findall(done.stdout)]
    verdicts = [(word, rest) for word, rest in said if word in _VERDICTS]
    if not verdicts and not any(word in _NO_SIGNATURE for word, _ in said):
        raise CouldNotCheckError(
            "gpg cannot check a signature",
            last_lines(done.stderr),
            reference="signature-program-failed",
        )
    verdict, rest = verdicts[0] if len(verdicts) == 1 else (b"", [])
    return verdict, rest, dict(said)
