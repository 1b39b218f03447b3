"""A real sshd, ssh, keys and agent, without anything of the user's own ssh."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.listening import await_port, free_port, started
from tests.support.waiting import comes_true


@dataclass(frozen=True)
class Ssh:
    """A running sshd: where, for whom, and which keys."""

    port: int
    user: str
    host_key: str
    """The public host key, as in a known_hosts file after the host's name."""
    key: Path
    """A private key that is let in."""
    log: Path
    """What sshd says: a line `Accepted publickey` for each who was let in."""

    @property
    def known_hosts(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"


def ssh_trouble() -> str | None:
    """Why sshd cannot be run here, or None."""
    if _sshd() is None:
        return "sshd is not installed"
    if os.geteuid() == 0 and not Path("/run/sshd").is_dir() and _unshared() is None:
        return "sshd as root wants /run/sshd, and there is no mount namespace to make one in"
    return None


def _sshd() -> str | None:
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")


def _unshared() -> list[str] | None:
    """A prefix that gives a command a /run/sshd of its own, without touching the system's."""
    prefix = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"',
        "sh",
    ]
    if shutil.which("unshare") is None:
        return None
    return (
        prefix
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
        else None
    )


def make_ssh_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    options = ["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(["ssh-keygen", *options], check=True, stdin=subprocess.DEVNULL)
    return path


def protect_ssh_key(path: Path, passphrase: str) -> None:
    """Encrypt a key that has no passphrase."""
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def install_ssh(home: Path, directory: Path) -> Path:
    """Make an `ssh` that takes `home` for the user's, in a directory for PATH.

    The real ssh asks the password file for the home. This one reads `~/.ssh/config` and
    `~/.ssh/known_hosts` in `home`, and uses the keys that `~/.ssh/ssh_config` names.
    """
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    hosts = (
        f"Host *\n UserKnownHostsFile {home}/.ssh/known_hosts\n GlobalKnownHostsFile /dev/null\n"
    )
    settings = home / ".ssh" / "ssh_config"
    settings.write_text(f"Include {home}/.ssh/config\n{hosts}")
    settings.chmod(0o600)
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {settings} "$@"\n')
    program.chmod(0o755)
    return directory


@contextmanager
def ssh_server(directory: Path) -> Iterator[Ssh]:
    """An sshd of the current user's own, in `directory`.

    The directory above it is everybody's home there.
    """
    directory.mkdir(parents=True, exist_ok=True)
    home = directory.parent
    host_key, key = make_ssh_key(directory / "host_key"), make_ssh_key(directory / "user_key")
    authorized = directory / "authorized_keys"
    authorized.write_bytes(key.with_suffix(".pub").read_bytes())
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host_key,
        "AuthorizedKeysFile": authorized,
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "yes",
        "AllowAgentForwarding": "no",
        "AcceptEnv": "GIT_PROTOCOL",
        "ForceCommand": f'export HOME={home}; cd; eval "$SSH_ORIGINAL_COMMAND"',
    }
    (directory / "sshd_config").write_text(
        "".join(f"{name} {value}\n" for name, value in settings.items())
    )
    needs_own_run = os.geteuid() == 0 and not Path("/run/sshd").is_dir()
    prefix = (_unshared() or []) if needs_own_run else []
    log = directory / "log"
    command = [str(_sshd()), "-D", "-E", str(log), "-f", str(directory / "sshd_config")]
    with started([*prefix, *command]) as process:
        await_port(port, process)
        public = host_key.with_suffix(".pub").read_text().split()
        user = subprocess.run(
            ["id", "-un"], capture_output=True, text=True, check=True
        ).stdout.strip()
        yield Ssh(port, user, " ".join(public[:2]), key, log)


@contextmanager
def ssh_agent(directory: Path, *keys: Path) -> Iterator[str]:
    """An ssh-agent that holds these keys; gives its socket."""
    path = directory / "agent"
    with started(["ssh-agent", "-D", "-a", str(path)]) as process:
        comes_true(lambda: path.exists() or process.poll() is not None)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
        for key in keys:
            subprocess.run(
                ["ssh-add", "-q", str(key)], env=environment, check=True, capture_output=True
            )
        yield str(path)
