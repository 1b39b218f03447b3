"""Signatures of tags and commits: good, bad, by an unknown key, or none.

They are made with git, ssh-keygen and gpg, and judged by the manifest's keys alone.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sync.errors import CouldNotCheckError, HostError, ManifestError
from sync.host.work_tree import WorkTree
from sync.ids import ObjectId
from sync.manifest.read import parse_manifest
from sync.model.mirrors import Mirror, UpstreamCommit
from sync.model.values import Pin, PinKind, SignatureState, SignedObject
from sync.signature.keys import Judge
from sync.signature.signed import Judged, signed_part
from tests.support.git import git, git_bytes
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("ssh-keygen")),
    reason="gpg or ssh-keygen is not installed",
)

FILES = {"a.wit": b"a\n"}
GOOD, BAD, UNKNOWN, NONE = SignatureState
HOSTILE = "\x1b[31mEve\n[GNUPG:] GOODSIG 00 Mallory %0A ::error::x ##[error] <e@x>"


def call(*command: str, stdin: bytes = b"", **environment: str) -> bytes:
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C", **environment},
    ).stdout


@dataclass(frozen=True)
class Signers:
    """Keys to sign with, by name, and what the manifest's files say of them."""

    home: Path

    @property
    def gnupg(self) -> dict[str, Any]:
        return {"GNUPGHOME": str(self.home)}

    def gpg(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return call(
            "gpg",
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            "--pinentry-mode",
            "loopback",
            *arguments,
            stdin=stdin,
            **self.gnupg,
        )

    def keyring(self, *names: str) -> bytes:
        return self.gpg("--armor", "--export", *(f"={name}" for name in names))

    def ssh_key(self, name: str) -> str:
        return " ".join((self.home / f"{name}.pub").read_text().split()[:2])

    def signers(self, *names: str, options: str = "") -> bytes:
        return "".join(
            f"{name}@example.org {options}{self.ssh_key(name)}\n" for name in names
        ).encode()

    def configuration(self, name: str) -> list[str]:
        """How git signs with a key: ssh's are files, OpenPGP's user ids."""
        if (self.home / name).exists():
            return ["-c", "gpg.format=ssh", "-c", f"user.signingKey={self.home / name}"]
        return ["-c", "gpg.format=openpgp", "-c", f"user.signingKey=={name}"]

    def tag(self, upstream: Upstream, by: str, commit: str, name: str = "v1") -> None:
        git(
            upstream.path,
            *self.configuration(by),
            "tag",
            "--force",
            "-s",
            "-m",
            name,
            name,
            commit,
            **self.gnupg,
        )

    def commit(self, upstream: Upstream, by: str | None) -> str:
        sign = [*self.configuration(by), "commit-tree", "-S"] if by else ["commit-tree"]
        return git(upstream.path, *sign, "-m", "signed", upstream.tree(FILES), **self.gnupg)


@pytest.fixture(scope="module")
def signers() -> Iterator[Signers]:
    """The agent's socket wants a short path."""
    home = Path(tempfile.mkdtemp(prefix="gv-", dir="/tmp"))
    made = Signers(home)
    for name, kind in (
        ("ann", "ed25519"),
        ("rob", "rsa"),
        ("eck", "ecdsa"),
        ("zoe", "ed25519"),
        ("ca", "ed25519"),
    ):
        call(
            "ssh-keygen",
            "-q",
            "-t",
            kind,
            *(["-b", "2048"] if kind == "rsa" else []),
            "-N",
            "",
            "-f",
            str(home / name),
        )
    for uid, *arguments in (
        ("Ann <ann@x>", "ed25519", "sign", "never"),
        ("Zoe <zoe@x>", "ed25519", "sign", "never"),
        ("Rex <rex@x>", "ed25519", "sign", "never"),
    ):
        made.gpg("--quick-generate-key", uid, *arguments)
    made.gpg(
        "--faked-system-time=20200101T000000!",
        "--quick-generate-key",
        "Old <old@x>",
        "ed25519",
        "sign",
        "never",
    )
    made.gpg("--allow-freeform-uid", "--quick-generate-key", HOSTILE, "ed25519", "sign", "never")
    yield made
    call("gpgconf", "--kill", "all", **made.gnupg)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    """An upstream that many tests sign in."""
    upstream = Upstream.create(tmp_path_factory.mktemp("shop") / "upstream")
    git(upstream.path, "config", "user.name", "Tester")
    git(upstream.path, "config", "user.email", "tester@example.org")
    return upstream


@dataclass(frozen=True)
class Held:
    """A state that holds just these files."""

    held: Mapping[str, bytes]
    label = "the test"
    is_work_tree = False

    # the parameters are those of a state
    def read(self, path: str, limit: int | None = None) -> bytes | None:  # noqa: ARG002
        return self.held.get(path)

    def record_names(self) -> list[str]:
        return []

    def files(self, directory: str) -> None:  # noqa: ARG002 - likewise
        return None


def fetched(upstream: Upstream, commit: str, tag: str | None = None) -> UpstreamCommit:
    raw = git_bytes(upstream.path, "cat-file", "commit", commit)
    tags = (git_bytes(upstream.path, "cat-file", "tag", tag),) if tag else ()
    return _commit(commit, None, raw, tags)


def _commit(
    commit: str, tag: ObjectId | None, raw: bytes, tags: tuple[bytes, ...]
) -> UpstreamCommit:
    """A signature is on the raw objects.

    It does not depend on where they are from and when they were made.
    """
    pin = Pin(PinKind.COMMIT, commit)
    return UpstreamCommit("https://example.org/up", pin, ObjectId(commit), "", tag, raw, tags)


def wanted(**keys: str) -> Mirror:
    return parse_manifest(
        mirror("up", "https://example.org/up", tag="v1", **keys).encode()
    ).mirrors["up"]


def judge(
    found: UpstreamCommit,
    *,
    allowed_signers: bytes | None = None,
    keyring: bytes | None = None,
    **keys: Any,
) -> Judged:
    held = {
        name: content
        for name, content in (("third_party/a", allowed_signers), ("third_party/k", keyring))
        if content is not None
    }
    named = {"allowed_signers": "a"} if "third_party/a" in held else {}
    named |= {"keyring": "k"} if "third_party/k" in held else {}
    judged = Judge(Held(held)).judge(wanted(**named, **keys), found)
    assert judged is not None
    return judged


def signed_by(signers: Signers, shop: Upstream, of: str, by: str) -> UpstreamCommit:
    """A tag or a commit that is signed; the other is not."""
    if of == "commit":
        return fetched(shop, signers.commit(shop, by))
    commit = signers.commit(shop, None)
    signers.tag(shop, by, commit)
    return fetched(shop, commit, "v1")


def tampered(found: UpstreamCommit, old: bytes, new: bytes) -> UpstreamCommit:
    """The same with other content under the same signature."""
    changed = replace(
        found,
        commit_object=found.commit_object.replace(old, new),
        tag_objects=tuple(raw.replace(old, new) for raw in found.tag_objects),
    )
    assert changed != found
    return changed


# the four verdicts


@pytest.mark.parametrize("of", ["tag", "commit"])
@pytest.mark.parametrize("by", ["ann", "rob", "eck", "Ann <ann@x>"])
def test_each_kind_of_key_gives_each_verdict(
    signers: Signers, shop: Upstream, of: str, by: str
) -> None:
    found = signed_by(signers, shop, of, by)
    is_ssh = "<" not in by
    theirs = (
        {"allowed_signers": signers.signers("zoe", by)}
        if is_ssh
        else {"keyring": signers.keyring("Zoe <zoe@x>", by)}
    )
    others = (
        {"allowed_signers": signers.signers("zoe")}
        if is_ssh
        else {"keyring": signers.keyring("Zoe <zoe@x>")}
    )

    good = judge(found, **theirs).signature
    assert (good.of, good.state, good.format) == (of, GOOD, "ssh" if is_ssh else "openpgp")
    assert good.signer == (f"{by}@example.org" if is_ssh else by)
    if is_ssh:
        assert (
            good.key
            == call("ssh-keygen", "-l", "-f", str(signers.home / f"{by}.pub")).decode().split()[1]
        )
    else:
        assert (
            f"fpr:::::::::{good.key}:"
            in signers.gpg("--with-colons", "--list-keys", f"={by}").decode()
        )

    header = b"\ncommitter Tester" if of == "commit" else b"\ntagger Tester"
    bad = judge(tampered(found, header, header + b"ino"), **theirs).signature
    unknown = judge(found, **others).signature
    none = judge(
        tampered(found, b"-----BEGIN", b"=====BEGIN")
        if of == "tag"
        else fetched(shop, signers.commit(shop, None)),
        **theirs,
    )
    assert [(s.of, s.state, s.signer, s.key) for s in (bad, unknown, none.signature)] == [
        (of, BAD, None, None),
        (of, UNKNOWN, None, None),
        (of, NONE, None, None),
    ]


def test_keys_of_the_other_kind_know_nobody(signers: Signers, shop: Upstream) -> None:
    ssh, openpgp = (
        signed_by(signers, shop, "tag", "ann"),
        signed_by(signers, shop, "commit", "Ann <ann@x>"),
    )
    assert judge(ssh, keyring=signers.keyring("Ann <ann@x>")).signature.state == UNKNOWN
    assert judge(openpgp, allowed_signers=signers.signers("ann")).signature.state == UNKNOWN
    both = {"keyring": signers.keyring("Ann <ann@x>"), "allowed_signers": signers.signers("ann")}
    assert [judge(found, **both).signature.state for found in (ssh, openpgp)] == [GOOD, GOOD]


def test_without_a_requirement_the_annotated_tag_is_judged_else_the_commit(
    signers: Signers, shop: Upstream
) -> None:
    keys = {"allowed_signers": signers.signers("ann")}
    commit = signers.commit(shop, "ann")
    git(shop.path, "tag", "--force", "-a", "-m", "v1", "v1", commit)
    assert [judge(fetched(shop, commit, tag), **keys).signature.of for tag in ("v1", None)] == [
        "tag",
        "commit",
    ]
    assert judge(fetched(shop, commit, "v1"), **keys).signature.state == NONE
    assert (
        judge(fetched(shop, commit, "v1"), require_signature="commit", **keys).signature.state
        == GOOD
    )
    lightweight = judge(fetched(shop, commit), require_signature="tag", **keys)
    assert (lightweight.signature.of, lightweight.signature.state) == ("tag", NONE)
    assert "lightweight" in lightweight.reason


# objects that are not what they seem


def block(raw: bytes) -> bytes:
    return raw[raw.rindex(b"-----BEGIN") :]


@pytest.mark.parametrize("by", ["ann", "Ann <ann@x>"])
def test_what_is_not_one_signature_at_the_end_is_bad(
    signers: Signers, shop: Upstream, by: str
) -> None:
    keys = {
        "allowed_signers": signers.signers("ann", "zoe"),
        "keyring": signers.keyring("Ann <ann@x>", "Zoe <zoe@x>"),
    }
    found = signed_by(signers, shop, "tag", by)
    other = signed_by(signers, shop, "tag", by.replace("Ann", "Zoe").replace("ann", "zoe"))
    (tag,), end = found.tag_objects, b"-----END "
    payload, signature = tag[: tag.rindex(b"-----BEGIN")], block(tag)
    two = block(other.tag_objects[0])
    for name, raw, state in (
        ("as it is", tag, GOOD),
        ("blank lines after it", tag + b"\n \n", GOOD),
        ("a second one, which does not sign the first", tag + two, BAD),
        ("words after it that nobody signed", tag + b"take v2 instead\n", BAD),
        ("inside the message", payload + signature + b"and more\n", BAD),
        ("cut off", tag[: tag.rindex(end)], BAD),
        (
            "empty",
            payload + signature.partition(b"\n")[0] + b"\n\n" + signature[signature.rindex(end) :],
            BAD,
        ),
        (
            "no base64",
            payload
            + signature.partition(b"\n")[0]
            + b"\n\n!\n"
            + signature[signature.rindex(end) :],
            BAD,
        ),
        (
            "a header for another hash",
            tag.replace(b"\ntagger ", b"\ngpgsig-sha256 x\n y\ntagger "),
            GOOD,
        ),
        (
            "X.509",
            payload + b"-----BEGIN SIGNED MESSAGE-----\nAAAA\n-----END SIGNED MESSAGE-----\n",
            UNKNOWN,
        ),
        ("in the middle of a line", payload + b" " + signature.replace(b"\n", b"\n "), NONE),
    ):
        assert judge(replace(found, tag_objects=(raw,)), **keys).signature.state == state, name


def test_two_packets_in_one_openpgp_block_are_bad(signers: Signers, shop: Upstream) -> None:
    found = signed_by(signers, shop, "tag", "Ann <ann@x>")
    payload = found.tag_objects[0].removesuffix(block(found.tag_objects[0]))
    both = signers.gpg(
        "--armor", "-u", "=Ann <ann@x>", "-u", "=Zoe <zoe@x>", "--detach-sign", stdin=payload
    )
    twice = replace(found, tag_objects=(payload + both,))
    assert (
        judge(twice, keyring=signers.keyring("Ann <ann@x>", "Zoe <zoe@x>")).signature.state == BAD
    )


def test_of_a_commit_only_its_own_header_counts(signers: Signers, shop: Upstream) -> None:
    found = signed_by(signers, shop, "commit", "ann")
    plain = signers.commit(shop, None)
    signers.tag(shop, "ann", plain, "merged")
    tag = git_bytes(shop.path, "cat-file", "tag", "merged").rstrip().replace(b"\n", b"\n ")
    unsigned = fetched(shop, plain)
    header, _, message = unsigned.commit_object.partition(b"\n\n")
    signature = found.commit_object[
        found.commit_object.index(b"gpgsig ") : found.commit_object.index(b"\n\n")
    ]
    for name, raw, state in (
        ("as it is", found.commit_object, GOOD),
        ("twice", found.commit_object.replace(signature, signature + b"\n" + signature), BAD),
        (
            "for another hash too",
            found.commit_object.replace(signature, signature + b"\ngpgsig-sha256 x\n y"),
            GOOD,
        ),
        ("for another hash alone", header + b"\ngpgsig-sha256 x\n y\n\n" + message, NONE),
        ("of a merged tag", header + b"\nmergetag " + tag + b"\n\n" + message, NONE),
        ("in the message", unsigned.commit_object + b"\n" + signature, NONE),
        ("nothing that git knows", header + b"\ngpgsig hello\n\n" + message, BAD),
        ("no message", header + b"\n", NONE),
    ):
        assert (
            judge(
                replace(found, commit_object=raw), allowed_signers=signers.signers("ann")
            ).signature.state
            == state
        ), name


# keys that do not hold


def test_an_ssh_key_holds_where_and_when_its_line_says(signers: Signers, shop: Upstream) -> None:
    found = signed_by(signers, shop, "tag", "ann")  # tagged on 2026-01-02 at 03:04:05 UTC
    line = signers.ssh_key("ann").encode()
    for before, state, reason in (
        (b'ann valid-before="20260102030406Z" ', GOOD, ""),
        (b'ann valid-before="20260102030406" ', GOOD, ""),
        (b'ann valid-before="20260102030404Z" ', BAD, "expired"),
        (b'ann valid-after="20260102030406Z" ', BAD, "not yet valid"),
        (b'ann namespaces="git" ', GOOD, ""),
        (b'ann namespaces="file,email" ', BAD, "namespace"),
        (b"ann cert-authority ", UNKNOWN, ""),
        (
            b"zoe ssh-ed25519 AAAAx\nzoe bogus " + line.replace(b"AAAAC3", b"AAAAC4") + b"\nann ",
            GOOD,
            "",
        ),
        (b"# nobody\n\n*@example.org,!ann@example.org ", GOOD, ""),
    ):
        judged = judge(found, allowed_signers=before + line + b" a comment\n")
        assert (judged.signature.state, reason in judged.reason) == (state, True), (before, judged)
    twice = b'ann valid-before="20200101" ' + line + b"\nann-again " + line + b"\n"
    assert judge(found, allowed_signers=twice).signature.signer == "ann-again"


def test_a_signature_for_another_use_is_bad(signers: Signers, shop: Upstream) -> None:
    found = signed_by(signers, shop, "tag", "ann")
    payload = found.tag_objects[0].removesuffix(block(found.tag_objects[0]))
    for use, state in (("git", GOOD), ("file", BAD)):
        made = call(
            "ssh-keygen",
            "-q",
            "-Y",
            "sign",
            "-n",
            use,
            "-f",
            str(signers.home / "ann"),
            stdin=payload,
        )
        assert (
            judge(
                replace(found, tag_objects=(payload + made,)),
                allowed_signers=signers.signers("ann"),
            ).signature.state
            == state
        )


@pytest.mark.parametrize(("until", "state"), [("20300101", GOOD), ("20250101", BAD)])
def test_a_certificate_holds_as_its_authority_says(
    signers: Signers, shop: Upstream, until: str, state: str
) -> None:
    ca, key = signers.home / "ca", signers.home / "eck"
    call(
        "ssh-keygen",
        "-q",
        "-s",
        str(ca),
        "-I",
        "id",
        "-n",
        "eck@example.org",
        "-V",
        f"20200101:{until}",
        f"{key}.pub",
    )
    found = signed_by(signers, shop, "tag", "eck")
    payload = found.tag_objects[0].removesuffix(block(found.tag_objects[0]))
    made = call(
        "ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", f"{key}-cert.pub", stdin=payload
    )
    found = replace(found, tag_objects=(payload + made,))
    judged = judge(
        found, allowed_signers=f"*@example.org cert-authority {signers.ssh_key('ca')}\n".encode()
    ).signature
    assert (judged.state, judged.signer) == (state, "eck@example.org" if state == GOOD else None)
    assert judge(found, allowed_signers=signers.signers("ca")).signature.state == UNKNOWN


def test_an_openpgp_key_has_to_hold_when_it_signs_and_no_longer(
    signers: Signers, shop: Upstream
) -> None:
    found = signed_by(signers, shop, "tag", "Old <old@x>")
    fingerprint = (
        signers.gpg("--with-colons", "--list-keys", "=Old <old@x>")
        .decode()
        .split("fpr:::::::::")[1]
        .split(":")[0]
    )
    assert judge(found, keyring=signers.keyring("Old <old@x>")).signature.state == GOOD
    signers.gpg("--faked-system-time=20200102T000000!", "--quick-set-expire", fingerprint, "9d")
    ended = judge(found, keyring=signers.keyring("Old <old@x>"))
    assert (ended.signature.state, ended.reason) == (BAD, "its key had expired when it was made")
    # what was signed while the key held is good for ever
    payload = found.tag_objects[0].removesuffix(block(found.tag_objects[0]))
    then = signers.gpg(
        "--faked-system-time=20200103T000000!",
        "-u",
        fingerprint,
        "--armor",
        "--detach-sign",
        stdin=payload,
    )
    assert (
        judge(
            replace(found, tag_objects=(payload + then,)), keyring=signers.keyring("Old <old@x>")
        ).signature.state
        == GOOD
    )


def test_a_revoked_key_never_holds(signers: Signers, shop: Upstream) -> None:
    found = signed_by(signers, shop, "tag", "Rex <rex@x>")
    fingerprint = (
        signers.gpg("--with-colons", "--list-keys", "=Rex <rex@x>")
        .decode()
        .split("fpr:::::::::")[1]
        .split(":")[0]
    )
    revocation = (
        (signers.home / "openpgp-revocs.d" / f"{fingerprint}.rev")
        .read_bytes()
        .replace(b":-----BEGIN", b"-----BEGIN")
    )
    judged = judge(found, keyring=signers.keyring("Rex <rex@x>") + revocation)
    assert (judged.signature.state, judged.reason) == (BAD, "its key is revoked")


def test_a_keyring_may_be_binary_but_holds_no_secrets(signers: Signers, shop: Upstream) -> None:
    found = signed_by(signers, shop, "tag", "Ann <ann@x>")
    assert judge(found, keyring=signers.gpg("--export")).signature.state == GOOD
    with pytest.raises(ManifestError, match="no keyring of OpenPGP public keys"):
        judge(found, keyring=signers.gpg("--export-secret-keys", "=Ann <ann@x>"))


# words that attack


def test_a_user_id_is_words_and_no_verdict(signers: Signers, shop: Upstream) -> None:
    ours = [
        line
        for line in signers.gpg("--with-colons", "--list-keys").decode().splitlines()
        if line.startswith("fpr")
    ][-1].split(":")[9]
    commit = signers.commit(shop, None)
    git(
        shop.path,
        "-c",
        f"user.signingKey={ours}",
        "tag",
        "--force",
        "-s",
        "-m",
        "v1",
        "v1",
        commit,
        **signers.gnupg,
    )
    found = fetched(shop, commit, "v1")
    keyring = signers.gpg("--export", ours)
    good = judge(found, keyring=keyring).signature
    assert (good.state, good.key) == (GOOD, ours)
    assert (
        good.signer == "\\x1b[31mEve\\x0a[GNUPG:] GOODSIG 00 Mallory %0A ::error::x ##[error] <e@x>"
    )
    assert (
        judge(tampered(found, b"\ntagger T", b"\ntagger U"), keyring=keyring).signature.state == BAD
    )


def test_a_principal_is_words(signers: Signers, shop: Upstream) -> None:
    found = signed_by(signers, shop, "tag", "ann")
    for principal in ("\x1b[31m::error::", "-Overify-time=1", "é"):
        shown = judge(
            found, allowed_signers=f"{principal} {signers.ssh_key('ann')}\n".encode()
        ).signature.signer
        assert shown == principal.replace("\x1b", "\\x1b")


# files of keys


@pytest.mark.parametrize(
    ("key", "content", "reference", "where"),
    [
        (
            "allowed_signers",
            None,
            "signature-keys-missing",
            "there is no file third_party/keys/up in the working tree",
        ),
        ("allowed_signers", b"", "signature-keys-unreadable", "third_party/keys/up:1: "),
        (
            "allowed_signers",
            b"# nobody\n\0\xff\x1b garbage\n",
            "signature-keys-unreadable",
            "third_party/keys/up:2: ",
        ),
        (
            "allowed_signers",
            b"ann ssh-ed25519\n",
            "signature-keys-unreadable",
            "third_party/keys/up:1: ",
        ),
        ("keyring", None, "signature-keys-missing", "third_party/mirrors.toml names it"),
        (
            "keyring",
            b"garbage\n",
            "signature-keys-unreadable",
            "third_party/keys/up is no keyring of OpenPGP public keys",
        ),
        (
            "keyring",
            b"",
            "signature-keys-unreadable",
            "third_party/keys/up is no keyring of OpenPGP public keys",
        ),
    ],
)
def test_keys_that_cannot_be_used_are_an_error(
    signers: Signers,
    shop: Upstream,
    tmp_path: Path,
    key: str,
    content: bytes | None,
    reference: str,
    where: str,
) -> None:
    found = signed_by(signers, shop, "tag", "ann" if key == "allowed_signers" else "Ann <ann@x>")
    (tmp_path / "third_party" / "keys").mkdir(parents=True)
    if content is not None:
        (tmp_path / "third_party" / "keys" / "up").write_bytes(content)
    with pytest.raises(ManifestError) as raised:
        Judge(WorkTree(tmp_path)).judge(wanted(**{key: "keys/up"}), found)
    assert raised.value.reference == reference
    assert where in "\n".join([raised.value.message, *raised.value.context])
    assert raised.value.hint


def test_links_and_huge_files_are_no_keys(signers: Signers, shop: Upstream, tmp_path: Path) -> None:
    found = signed_by(signers, shop, "tag", "ann")
    top = tmp_path / "third_party"
    (top / "keys").mkdir(parents=True)
    (tmp_path / "signers").write_bytes(signers.signers("ann"))
    (top / "keys" / "link").symlink_to(tmp_path / "signers")
    (top / "away").symlink_to(tmp_path)
    with (top / "keys" / "huge").open("wb") as huge:
        huge.truncate(1 << 40)
    for path, reference in (
        ("keys/link", "irregular-file"),
        ("away/signers", "signature-keys-missing"),
        ("keys", "irregular-file"),
        ("keys/huge", "signature-keys-unreadable"),
    ):
        with pytest.raises((ManifestError, HostError)) as raised:
            Judge(WorkTree(tmp_path)).judge(wanted(allowed_signers=path), found)
        assert raised.value.reference == reference


@pytest.mark.parametrize("by", ["ann", "Ann <ann@x>"])
def test_a_missing_program_leaves_the_question_open(
    signers: Signers, shop: Upstream, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    found = signed_by(signers, shop, "tag", by)
    keys = {"allowed_signers": signers.signers("ann"), "keyring": signers.keyring("Ann <ann@x>")}
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CouldNotCheckError) as raised:
        judge(found, **keys)
    assert raised.value.reference == "signature-program-missing"
    assert raised.value.message.startswith("ssh-keygen" if by == "ann" else "gpg")


GOOD_MANIFEST = '[mirrors."up"]\nurl = "https://example.org/up"\ntag = "v1"\n'


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        (
            GOOD_MANIFEST + 'require-signature = "tag"\n',
            "without keys that could decide",
            ":4: mirrors.up.require-signature",
        ),
        (
            GOOD_MANIFEST + 'keyring = "k"\nrequire-signature = "both"\n',
            "`require-signature` is wrong",
            ":5: mirrors.up.require-signature",
        ),
        (
            GOOD_MANIFEST.replace('tag = "v1"', f'commit = "{"0" * 40}"')
            + 'keyring = "k"\nrequire-signature = "tag"\n',
            "wants a signed tag, and a commit is pinned",
            ":5: mirrors.up.require-signature",
        ),
        (
            GOOD_MANIFEST + 'keyring = "../k"\n',
            "`keyring` leaves its directory",
            ":4: mirrors.up.keyring",
        ),
        (
            GOOD_MANIFEST + 'keyring = "/"\n',
            "`keyring` names the host's root",
            ":4: mirrors.up.keyring",
        ),
        (
            GOOD_MANIFEST + 'keyring = "provenance/k"\n',
            "`keyring` is reserved",
            ":4: mirrors.up.keyring",
        ),
        (
            GOOD_MANIFEST + 'keyring = "licenses/k"\n',
            "`keyring` is reserved",
            ":4: mirrors.up.keyring",
        ),
        (
            GOOD_MANIFEST + 'keyring = "a/.git/k"\n',
            "`keyring` names a git directory",
            ":4: mirrors.up.keyring",
        ),
        (
            GOOD_MANIFEST + 'allowed-signers = "UP/keys"\n',
            "`allowed-signers` overlaps mirror up",
            ":4: mirrors.up.allowed-signers",
        ),
        (
            '[defaults]\nkeyring = "up"\n' + GOOD_MANIFEST,
            "`keyring` overlaps mirror up",
            ":3: mirrors.up",
        ),
        (
            GOOD_MANIFEST + 'into = "k/x"\nkeyring = "k"\n',
            "`keyring` overlaps mirror up",
            ":5: mirrors.up.keyring",
        ),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(text: str, message: str, where: str) -> None:
    with pytest.raises(ManifestError) as raised:
        parse_manifest(text.encode())
    assert message in raised.value.message
    assert raised.value.context[0].endswith(where)


def test_defaults_hold_for_every_mirror_that_says_nothing_else() -> None:
    text = '[defaults]\nrequire-signature = "tag"\nkeyring = "k"\n' + GOOD_MANIFEST
    for more, expected in (
        ("", ("tag", None, "third_party/k")),
        (
            'allowed-signers = "a"\nrequire-signature = "commit"\n',
            ("commit", "third_party/a", "third_party/k"),
        ),
    ):
        found = parse_manifest((text + more).encode()).mirrors["up"]
        assert (found.require_signature, found.allowed_signers, found.keyring) == expected


# the commands


def put(host: Host, path: str, content: bytes) -> None:
    (host.third_party / path).parent.mkdir(parents=True, exist_ok=True)
    (host.third_party / path).write_bytes(content)


def requiring(host: Host, upstream: Upstream, signers: Signers, *names: str, **keys: str) -> None:
    """A manifest that wants the tag v1 signed by one of these."""
    keys = {"require_signature": "tag", "allowed_signers": "keys/up", **keys}
    host.manifest(
        mirror(
            "up",
            upstream.url,
            tag="v1",
            local=True,
            **{key: value for key, value in keys.items() if value},
        )
    )
    put(host, "keys/up", signers.signers(*names))


def test_a_good_signature_is_recorded_reported_and_checked_again_anywhere(
    host: Host, upstream: Upstream, signers: Signers, tmp_path: Path
) -> None:
    signers.tag(upstream, "ann", upstream.commit(FILES))
    requiring(host, upstream, signers, "ann")
    assert "  tag signed by ann@example.org, ssh key SHA256:" in host.sync("--commit").out
    record = host.record("up")["signature"]
    assert (record["of"], record["state"], record["signer"], record["format"]) == (
        "tag",
        "good",
        "ann@example.org",
        "ssh",
    )
    assert host.git("status", "--porcelain") == ""
    assert host.run("check", "--all").status == 0
    assert "clean, tag signed by ann@example.org" in host.run("status").out
    assert host.run("verify", "--rev", "HEAD", "--json").json["mirrors"][0]["signature"] == record
    tarball = tmp_path / "unpacked"
    shutil.copytree(host.third_party, tarball / "third_party")
    away = Host(tarball)
    shutil.rmtree(upstream.path)
    assert away.run("report", "json").json["components"][0]["upstream"]["signature"] == record
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git") or "")
    ran = away.run("verify", PATH=str(tmp_path / "bin"))
    assert (ran.status, ran.out) == (3, "")
    assert "error: ssh-keygen is not installed: a signature cannot be checked" in ran.err


@pytest.mark.parametrize(
    ("by", "reference", "message", "hint"),
    [
        (
            "zoe",
            "signature-unknown-key",
            "is none of the manifest's",
            "add it to third_party/keys/up",
        ),
        ("tampered", "signature-bad", "it is of something else", "do not use it"),
        (
            "lightweight",
            "signature-missing",
            "it is a lightweight tag",
            "ask upstream to sign it, or pin another; if its commit",
        ),
    ],
)
def test_what_is_required_and_not_good_stops_sync(
    host: Host,
    upstream: Upstream,
    signers: Signers,
    by: str,
    reference: str,
    message: str,
    hint: str,
) -> None:
    commit = upstream.commit(FILES)
    if by == "zoe":
        signers.tag(upstream, "zoe", commit)
    elif by == "tampered":
        signers.tag(upstream, "ann", commit)
        raw = git_bytes(upstream.path, "cat-file", "tag", "v1").replace(b"\n\nv1\n", b"\n\nv2\n")
        upstream.tag(
            "v1",
            git(upstream.path, "hash-object", "-w", "-t", "tag", "--stdin", stdin=raw),
            force=True,
        )
    else:
        upstream.tag("v1", commit)
    requiring(host, upstream, signers, "ann")
    before = host.snapshot()
    ran = host.run("sync", **signers.gnupg)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: the tag of mirror up has no good signature\n")
    assert f"[{reference}]\n  keys: third_party/keys/up\n  upstream: " in ran.err
    assert message in ran.err
    assert hint in ran.err.splitlines()[-1]
    assert host.snapshot() == before


def test_keys_that_change_are_asked_again_without_upstream(
    host: Host, upstream: Upstream, signers: Signers
) -> None:
    signers.tag(upstream, "ann", upstream.commit(FILES))
    requiring(host, upstream, signers, "zoe", require_signature="")
    host.sync("--commit")
    assert host.record("up")["signature"] == {
        "format": "ssh",
        "key": None,
        "of": "tag",
        "signer": None,
        "state": "unknown-key",
    }
    shutil.rmtree(upstream.path)
    put(host, "keys/up", signers.signers("ann"))
    ran = host.run("verify")
    assert (ran.status, "signature-differs-from-record" in ran.out) == (1, True)
    assert "by the manifest's keys: tag signed by ann@example.org" in ran.out
    host.sync("--commit")
    assert host.record("up")["signature"]["state"] == "good"
    requiring(host, upstream, signers, "zoe")
    assert host.run("verify").status == 1
    ran = host.run("sync")
    assert (ran.status, "[signature-unknown-key]" in ran.err) == (2, True)
    assert host.record("up")["signature"]["state"] == "good"


def test_an_edited_record_is_found(host: Host, upstream: Upstream, signers: Signers) -> None:
    signers.tag(upstream, "zoe", upstream.commit(FILES))
    requiring(host, upstream, signers, "ann", require_signature="")
    host.sync("--commit")
    key = call("ssh-keygen", "-l", "-f", str(signers.home / "ann.pub")).decode().split()[1]
    edited = host.record("up")
    edited["signature"] |= {"state": "good", "signer": "ann@example.org", "key": key}
    put(
        host,
        "provenance/up.json",
        json.dumps(edited, indent=2, ensure_ascii=False).encode() + b"\n",
    )
    ran = host.run("verify")
    assert (ran.status, "tag signed with an unknown ssh key" in ran.out) == (1, True)
    requiring(host, upstream, signers, "ann")
    host.git("checkout", "--quiet", "HEAD", "--", "third_party/provenance")
    host.git("add", "--all")
    ran = host.run("check")
    assert (ran.status, "record-differs-from-manifest" in ran.out) == (1, True)
    assert (
        "require-signature: the staged manifest requires a good signature of the tag, the record says unknown-key"
        in ran.out
    )


def test_only_what_the_manifest_names_may_lie_beside_mirrors(
    host: Host, upstream: Upstream, signers: Signers
) -> None:
    signers.tag(upstream, "ann", upstream.commit(FILES))
    requiring(host, upstream, signers, "ann")
    host.sync("--commit")
    put(host, "keys/other", b"x\n")
    assert "third_party/keys/other" in host.run("report").err
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    (host.third_party / "keys" / "other").unlink()
    host.sync()
    assert "signature" not in host.record("up")
    host.git("add", "--all")
    assert "third_party/keys/up" in host.run("check").out


def test_words_of_a_signer_act_nowhere(
    host: Host, upstream: Upstream, signers: Signers, tmp_path: Path
) -> None:
    signers.tag(upstream, "ann", upstream.commit(FILES))
    requiring(host, upstream, signers, "ann")
    put(host, "keys/up", f"\x1b[31m|<b>`*::error::##[error] {signers.ssh_key('ann')}\n".encode())
    assert "tag signed by \\x1b[31m|<b>`*::error::## [error], ssh key" in host.sync().out
    assert host.run("report", "--all", "-o", str(tmp_path / "reports")).status == 0
    reports = {path.name: path.read_bytes() for path in (tmp_path / "reports").iterdir()}
    assert [name for name, report in reports.items() if b"\x1b" in report] == []
    assert b"<b>`" not in reports["third-party.html"]
    assert b"\\|\\<b\\>\\`\\*::error" in reports["third-party.md"]


def test_a_tag_that_another_signs_anew_is_refused_elsewhere_and_recorded_here(
    host: Host, upstream: Upstream, signers: Signers, tmp_path: Path
) -> None:
    commit = upstream.commit(FILES)
    signers.tag(upstream, "ann", commit)
    requiring(host, upstream, signers, "ann")
    host.sync()
    signers.tag(upstream, "zoe", commit)
    assert host.run("sync").out.startswith("up to date")
    fresh = Host.create(tmp_path / "fresh")
    requiring(fresh, upstream, signers, "ann")
    assert "[signature-unknown-key]" in fresh.run("sync").err


def test_a_mirror_without_keys_has_a_record_as_before(
    host: Host, upstream: Upstream, signers: Signers
) -> None:
    signers.tag(upstream, "ann", upstream.commit(FILES))
    host.manifest(mirror("up", upstream.url, tag="v1", local=True))
    host.sync()
    assert "signature" not in host.record("up")
    assert "signed" not in host.run("report").out
    assert base64.b64decode(host.record("up")["proof"]["tags"][0]).endswith(
        b"-----END SSH SIGNATURE-----\n"
    )


def test_only_what_git_leaves_out_of_a_signed_tag_is_unsigned() -> None:
    tag = b"object %s\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n%s\nv1\n-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----\n"
    said = {}
    for header in (b"", b"gpgsig-sha256 x\n y\n", b"gpgsig-other take v2\n and more\n"):
        signed = signed_part(
            _commit("0" * 40, ObjectId("1" * 40), b"", (tag % (b"0" * 40, header),)),
            SignedObject.TAG,
        )
        assert signed is not None
        said[header] = signed.payload
    assert said[b"gpgsig-sha256 x\n y\n"] == said[b""]
    assert b"take v2" in said[b"gpgsig-other take v2\n and more\n"]
