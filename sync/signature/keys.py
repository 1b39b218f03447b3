"""Judge the signature of a mirror's tag or commit by the key files that the manifest names."""

from dataclasses import dataclass, field
from typing import Protocol

from sync.errors import ManifestError
from sync.layout import MANIFEST_PATH
from sync.model.mirrors import Mirror, UpstreamCommit
from sync.model.values import Signature, SignatureState, SignedObject
from sync.signature.signed import (
    Judged,
    KeyFile,
    Keys,
    Signed,
    find_bad_signer,
    signed_part,
    which_object,
)

_MAX_KEY_BYTES = 4 << 20


class Files(Protocol):
    """A state of third_party/ from which key files can be read."""

    @property
    def label(self) -> str:
        """The name of this state in messages."""
        ...

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        """Return the content of a file, by its path below third_party/; None if there is none.

        Of a file that is larger than `limit` bytes not much more than these are returned.
        """
        ...


@dataclass(slots=True)
class Judge:
    """A judge of signatures by the key files of one state of third_party/.

    It reads each file once, and has each signature checked once.
    """

    state: Files
    _files: dict[str, KeyFile] = field(default_factory=dict)
    _judged: dict[tuple[SignedObject, Signed, Keys], Judged] = field(default_factory=dict)

    def judge(self, mirror: Mirror, upstream: UpstreamCommit) -> Judged | None:
        """Return how good the signature is, or None if the manifest names no keys.

        Raises ManifestError if the keys cannot be used, and CouldNotCheckError if ssh-keygen or gpg
        cannot check the signature.
        """
        if not mirror.key_files:
            return None
        keys = Keys(self._allowed_signers(mirror.allowed_signers), self._key_file(mirror.keyring))
        of = which_object(mirror, is_tagged=bool(upstream.tag_objects))
        signed = signed_part(upstream, of)
        if signed is None:
            lightweight = of is SignedObject.TAG and not upstream.tag_objects
            reason = (
                "it is a lightweight tag, which has no signature"
                if lightweight
                else "it is not signed"
            )
            return Judged(Signature(of, SignatureState.NONE), reason)
        question = of, signed, keys
        if question not in self._judged:
            # This import takes 5 ms, which only a signature is worth.
            from sync.signature.checkers import judge_signature

            self._judged[question] = judge_signature(*question)
        return self._judged[question]

    def _allowed_signers(self, path: str | None) -> KeyFile | None:
        file = self._key_file(path)
        line = find_bad_signer(file.content) if file else None
        if line is not None:
            raise ManifestError(
                f"{path} is no file of allowed signers",
                [f"{path}:{line}: no principals followed by an ssh public key"],
                hint="write lines such as `maintainer@example.org ssh-ed25519 AAAA…` "
                "(ssh-keygen(1), ALLOWED SIGNERS)",
                reference="signature-keys-unreadable",
            )
        return file

    def _key_file(self, path: str | None) -> KeyFile | None:
        if path is None:
            return None
        if path not in self._files:
            self._files[path] = KeyFile(path, self._read(path))
        return self._files[path]

    def _read(self, path: str) -> bytes:
        content = self.state.read(path, _MAX_KEY_BYTES)
        if content is None:
            raise ManifestError(
                f"there is no file {path} in {self.state.label}",
                [f"{MANIFEST_PATH} names it for keys"],
                hint="put the keys there that upstream signs with, or take it out of the manifest",
                reference="signature-keys-missing",
            )
        if len(content) > _MAX_KEY_BYTES:
            raise ManifestError(
                f"{path} has more than {_MAX_KEY_BYTES:,} bytes",
                ["it is read for keys"],
                hint="keep only the keys there that upstream signs with",
                reference="signature-keys-unreadable",
            )
        return content
