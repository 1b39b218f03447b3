"""What the tests of fetching share: an upstream's files, a sync of them, what users set for git."""

import time
from pathlib import Path
from typing import Any

from tests.support.git import git
from tests.support.git_http import GitHttp
from tests.support.hosts import Host, mirror
from tests.support.program import Ran
from tests.support.ssh import Ssh, protect_ssh_key
from tests.support.upstreams import Upstream

FILES = {"a.wit": b"a\r\n", "deep/b.wit": b"b", "LICENSE": b"licence\n"}
SOON = 6.0
"""In how many seconds a sync that cannot fetch has to say so."""
MIRRORED = {f"third_party/up/{path}": content for path, content in FILES.items()}


def configure(home: Path, *arguments: str) -> None:
    git(home, "config", "--file", str(home / ".gitconfig"), *arguments)


def mirrored(host: Host, name: str = "up") -> dict[str, bytes]:
    return {
        path: content
        for path, content in host.snapshot().items()
        if path.startswith(f"third_party/{name}/")
    }


def sync_of(host: Host, url: str, **keys: str | bool) -> dict[str, bytes]:
    """Sync the one mirror of this URL, by default at tag v1; its files."""
    host.manifest(mirror("up", url, **({"tag": "v1"} | keys)))
    host.sync()
    return mirrored(host)


def trust(home: Path, ssh: Ssh) -> None:
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    (home / ".ssh" / "known_hosts").write_text(ssh.known_hosts)


def install_key(ssh: Ssh, path: Path, passphrase: str = "") -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_bytes(ssh.key.read_bytes())
    path.chmod(0o600)
    if passphrase:
        protect_ssh_key(path, passphrase)
    path.with_name(f"{path.name}.pub").write_bytes(
        ssh.key.with_name(f"{ssh.key.name}.pub").read_bytes()
    )
    if path.name.startswith("id_"):  # a usual place
        with (path.parent / "ssh_config").open("a") as settings:
            settings.write(f" IdentityFile {path}\n")


def configure_ssh(home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)
    (home / ".ssh" / "config").chmod(0o600)


def elsewhere(site: GitHttp) -> str:
    """The same server by another name."""
    return site.base.replace("127.0.0.1", "localhost")


def said(home: Path, name: str, value: str) -> dict[str, Any]:
    """Say it in git's configuration, or in the environment, which is then given."""
    if "." not in name:
        return {name: value}
    configure(home, name, value)
    return {}


def url_of(ssh: Ssh, upstream: Upstream) -> str:
    return f"ssh://{ssh.user}@127.0.0.1:{ssh.port}{upstream.path}"


def refused(
    host: Host, url: str, *options: str, codes: tuple[int, ...] = (3,), **environment: str
) -> Ran:
    """A sync that says soon and in one error that it could not check, and changes nothing."""
    host.manifest(mirror("up", url, tag="v1", local="://" not in url))
    before = host.snapshot()
    start = time.monotonic()
    ran = host.run("sync", *options, **environment)
    assert time.monotonic() - start < SOON
    assert (ran.status in codes, host.snapshot()) == (True, before), ran
    assert ran.err.startswith("error: ")
    assert (ran.err.count("\nerror: "), ran.err.count("\nhint: ")) == (0, 1), ran.err
    return ran
