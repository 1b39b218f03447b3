"""What the files of keys that the manifest names make of the signature of a mirror's upstream tag or commit."""

from dataclasses import dataclass, field
from typing import Protocol

from sync.errors import ManifestError
from sync.layout import THIRD_PARTY
from sync.manifest.manifest import MANIFEST_PATH
from sync.model import Mirror, Signature, SignatureState, SignedObject, UpstreamCommit
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
    """A state of third_party/, as far as its files of keys are read."""

    @property
    def label(self) -> str:
        """What people call this state."""
        ...

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        """The content of a file below it, of a larger one not much more than `limit` bytes; None if there is none."""
        ...


@dataclass(slots=True)
class Judge:
    """Judges by the files of one state of third_party/; each file is read once, each signature checked once."""

    state: Files
    _files: dict[str, KeyFile] = field(default_factory=dict)
    _judged: dict[tuple[SignedObject, Signed, Keys], Judged] = field(default_factory=dict)

    def judge(self, mirror: Mirror, upstream: UpstreamCommit) -> Judged | None:
        """How the signature is; None where the manifest names no keys.

        ManifestError for keys that cannot be used, CouldNotCheckError where a program is missing.
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
            from sync.signature.checkers import (
                judge_signature,
            )  # 5 ms, which only a signature is worth

            self._judged[question] = judge_signature(*question)
        return self._judged[question]

    def _allowed_signers(self, path: str | None) -> KeyFile | None:
        file = self._key_file(path)
        line = find_bad_signer(file.content) if file else None
        if line is not None:
            raise ManifestError(
                f"{THIRD_PARTY}/{path} is no file of allowed signers",
                [f"{THIRD_PARTY}/{path}:{line}: no principals followed by an ssh public key"],
                hint="write lines such as `maintainer@example.org ssh-ed25519 AAAA…` (ssh-keygen(1), ALLOWED SIGNERS)",
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
                f"there is no file {THIRD_PARTY}/{path} in {self.state.label}",
                [f"{MANIFEST_PATH} names it for keys"],
                hint="put the keys there that upstream signs with, or take it out of the manifest",
                reference="signature-keys-missing",
            )
        if len(content) > _MAX_KEY_BYTES:
            raise ManifestError(
                f"{THIRD_PARTY}/{path} has more than {_MAX_KEY_BYTES:,} bytes",
                ["it is read for keys"],
                hint="keep only the keys there that upstream signs with",
                reference="signature-keys-unreadable",
            )
        return content
