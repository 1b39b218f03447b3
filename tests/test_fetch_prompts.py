"""Questions of git and ssh reach the terminal, one at a time.

Without a terminal nobody waits, and a command that is called off ends.
"""

import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.caches import left_in_cache
from tests.support.certificates import make_certificate
from tests.support.fetching import FILES, MIRRORED, configure, install_key, mirrored, trust, url_of
from tests.support.git_http import GitHttp, Handler, Trouble, git_http
from tests.support.hosts import Host, mirror
from tests.support.misbehaving import dripping_pack, hang_before_headers
from tests.support.processes import await_none, has_begun, interrupted, processes
from tests.support.scripts import script
from tests.support.ssh import Ssh
from tests.support.terminal import Terminal, on_terminal
from tests.support.upstreams import Upstream
from tests.support.waiting import comes_true


@pytest.fixture(autouse=True)
def released(upstream: Upstream) -> None:
    upstream.release("v1", FILES)


@pytest.fixture
def asking(host: Host, guarded: GitHttp) -> Host:
    """A host whose one upstream asks for a password."""
    host.manifest(mirror("up", guarded.url(), tag="v1"))
    return host


def answer_password(terminal: Terminal, site: GitHttp) -> None:
    """As a person would."""
    user, password = site.account or ("", "")
    terminal.wait_for(f"Username for '{site.base}': ")
    terminal.type(f"{user}\n")
    terminal.wait_for(f"Password for '{site.base.replace('//', f'//{user}@')}': ")
    assert not terminal.echoes
    # the program looks now and again whether a secret is being typed, and has to see it once
    time.sleep(0.1)
    terminal.type(f"{password}\n")


# on a terminal


@pytest.mark.parametrize("options", [(), ("--json",)], ids=str)
def test_a_password_is_asked_for_on_the_terminal(
    asking: Host, guarded: GitHttp, options: tuple[str, ...]
) -> None:
    with on_terminal(asking.path, "sync", *options) as terminal:
        before = terminal.modes
        answer_password(terminal, guarded)
        assert terminal.end() == 0, terminal.shown
        assert terminal.modes == before
    assert mirrored(asking) == MIRRORED
    assert "s3cret" not in terminal.words


def test_a_wrong_password_is_refused(asking: Host, guarded: GitHttp) -> None:
    with on_terminal(asking.path, "sync") as terminal:
        terminal.wait_for("Username for ")
        terminal.type("user\n")
        terminal.wait_for("Password for ")
        terminal.type("wr0ng\n")
        assert terminal.end() == 3
    assert f"error: {guarded.base} asks for credentials" in terminal.words
    assert "wr0ng" not in terminal.words


def test_two_upstreams_that_ask_are_answered_one_after_the_other(
    host: Host, tmp_path: Path
) -> None:
    names = ["one", "two", "three"]
    with ExitStack() as stack:
        sites = {}
        for name in names:
            Upstream.create(tmp_path / name / "upstream").release("v1", {"file": name.encode()})
            account = (f"user-{name}", f"password-{name}")
            sites[name] = stack.enter_context(git_http(tmp_path / name, account=account))
        host.manifest("".join(mirror(name, site.url(), tag="v1") for name, site in sites.items()))
        terminal = stack.enter_context(on_terminal(host.path, "sync"))
        for _ in names:
            prompts = {f"Username for '{site.base}': ": site for site in sites.values()}
            site = prompts[terminal.wait_for(*prompts)]
            await_visits(*sites.values())
            assert "Username for" not in terminal.unread
            user, password = site.account or ("", "")
            terminal.type(f"{user}\n")
            terminal.wait_for(f"Password for '{site.base.replace('//', f'//{user}@')}': ")
            terminal.type(f"{password}\n")
        assert terminal.end() == 0, terminal.shown
    for name in names:
        assert mirrored(host, name) == {f"third_party/{name}/file": name.encode()}


def await_visits(*sites: GitHttp) -> None:
    """Until each has been asked once: all but one then have a question of their own."""
    assert comes_true(lambda: all(site.requests for site in sites), 10)


def test_a_password_is_asked_for_where_others_need_none(
    asking: Host, guarded: GitHttp, site: GitHttp, tmp_path: Path
) -> None:
    Upstream.create(tmp_path / "open").release("v1", {"file": b"open"})
    asking.manifest(
        mirror("up", guarded.url(), tag="v1") + mirror("open", site.url("open"), tag="v1")
    )
    with on_terminal(asking.path, "sync") as terminal:
        answer_password(terminal, guarded)
        assert terminal.end() == 0, terminal.shown
    assert mirrored(asking, "open") == {"third_party/open/file": b"open"}


def test_a_password_is_asked_for_once_in_a_run_however_often_git_connects(
    host: Host, large_template: Path, tmp_path: Path
) -> None:
    """As for a large upstream, and to verify without a cache."""
    with git_http(large_template.parent, account=("user", "s3cret")) as site:
        host.manifest(mirror("up", site.url(), tag="v1", from_="wit"))
        cache = str(tmp_path / "new")
        for command in (("sync",), ("verify", "--upstream")):
            with on_terminal(host.path, *command, XDG_CACHE_HOME=cache) as terminal:
                answer_password(terminal, site)
                assert terminal.end() == 0, terminal.shown
            cache = str(tmp_path / "newer")
    assert len(mirrored(host)) == 2


def test_an_ssh_key_that_nobody_knows_is_asked_about(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    host.manifest(mirror("up", url_of(ssh, upstream), tag="v1"))
    with on_terminal(host.path, "sync") as terminal:
        terminal.wait_for("continue connecting (yes/no")
        terminal.type("yes\n")
        assert terminal.end() == 0, terminal.shown
    assert mirrored(host) == MIRRORED
    assert str(ssh.port) in (scratch_home / ".ssh" / "known_hosts").read_text()


def test_an_ssh_key_that_somebody_does_not_accept_is_refused(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    host.manifest(mirror("up", url_of(ssh, upstream), tag="v1"))
    with on_terminal(host.path, "sync") as terminal:
        terminal.wait_for("continue connecting (yes/no")
        terminal.type("no\n")
        assert terminal.end() == 3
    assert "error: the upstream's identity could not be verified" in terminal.words
    assert not (scratch_home / ".ssh" / "known_hosts").exists()


def test_the_passphrase_of_an_ssh_key_is_asked_for(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    trust(scratch_home, ssh)
    key = scratch_home / ".ssh" / "id_ed25519"
    install_key(ssh, key, passphrase="s3cret")
    host.manifest(mirror("up", url_of(ssh, upstream), tag="v1"))
    with on_terminal(host.path, "sync") as terminal:
        terminal.wait_for(f"Enter passphrase for key '{key}': ")
        assert not terminal.echoes
        terminal.type("s3cret\n")
        assert terminal.end() == 0, terminal.shown
    assert mirrored(host) == MIRRORED


def test_two_ssh_upstreams_ask_for_the_passphrase_one_after_the_other(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path, tmp_path: Path
) -> None:
    Upstream.create(tmp_path / "other").release("v1", {"file": b"other"})
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519", passphrase="s3cret")
    other = Upstream(tmp_path / "other")
    tables = [("up", upstream), ("other", other)]
    host.manifest("".join(mirror(name, url_of(ssh, up), tag="v1") for name, up in tables))
    with on_terminal(host.path, "sync") as terminal:
        for _ in tables:
            terminal.wait_for("Enter passphrase for key ")
            terminal.type("s3cret\n")
        assert terminal.end() == 0, terminal.shown
    assert (mirrored(host), mirrored(host, "other")) == (
        MIRRORED,
        {"third_party/other/file": b"other"},
    )


def test_the_passphrase_of_a_tls_key_is_asked_for(
    host: Host, scratch_home: Path, tmp_path: Path
) -> None:
    """By git's credential machinery, as `http.sslCertPasswordProtected` says."""
    certificate = make_certificate(tmp_path / "tls")
    configure(scratch_home, "http.sslCAInfo", str(certificate.authority))
    configure(scratch_home, "http.sslCert", str(certificate.chain))
    key = tmp_path / "tls" / "encrypted.key"
    encrypting = [
        "-aes256",
        "-passout",
        "pass:s3cret",
        "-in",
        str(certificate.key),
        "-out",
        str(key),
    ]
    subprocess.run(["openssl", "pkey", *encrypting], check=True)
    configure(scratch_home, "http.sslKey", str(key))
    configure(scratch_home, "http.sslCertPasswordProtected", "true")
    with git_http(tmp_path, certificate=certificate) as site:
        host.manifest(mirror("up", site.url(), tag="v1"))
        with on_terminal(host.path, "sync") as terminal:
            terminal.wait_for(f"Password for 'cert:///{certificate.chain}': ")
            terminal.type("s3cret\n")
            assert terminal.end() == 0, terminal.shown
    assert mirrored(host) == MIRRORED


@pytest.mark.parametrize("prompt", ["Username for ", "Password for "])
def test_an_interrupt_while_it_asks_ends_all_and_restores_the_terminal(
    asking: Host, scratch_home: Path, prompt: str
) -> None:
    with on_terminal(asking.path, "sync") as terminal:
        before = terminal.modes
        terminal.wait_for("Username for ")
        if prompt.startswith("Password"):
            terminal.type("user\n")
            terminal.wait_for(prompt)
        terminal.type("\x03")
        start = time.monotonic()
        assert terminal.end() == 130
        assert time.monotonic() - start < 2
        assert terminal.modes == before
    assert terminal.shown.rstrip().endswith("interrupted")
    assert list(asking.snapshot()) == ["third_party/mirrors.toml"]
    assert (left_in_cache(scratch_home), processes(scratch_home)) == ([], [])


def test_an_interrupt_after_it_was_answered_ends_all(
    asking: Host, guarded: GitHttp, scratch_home: Path
) -> None:
    def drips(handler: Handler, number: int) -> bool:
        return "Authorization" in handler.headers and dripping_pack(handler, number)

    guarded.trouble = drips
    with on_terminal(asking.path, "sync") as terminal:
        answer_password(terminal, guarded)
        await_pack(guarded)
        terminal.type("\x03")
        assert terminal.end() == 130
    assert (left_in_cache(scratch_home), processes(scratch_home)) == ([], [])


def await_pack(site: GitHttp) -> None:
    comes_true(lambda: any(fetch.answered for fetch in site.fetches()), 10)


def test_the_deadline_pauses_while_somebody_thinks(asking: Host) -> None:
    with on_terminal(asking.path, "sync", "--deadline", "2") as terminal:
        terminal.wait_for("Username for ")
        time.sleep(2.2)  # longer than the deadline
        terminal.type("user\n")
        terminal.wait_for("Password for ")
        terminal.type("s3cret\n")
        assert terminal.end() == 0, terminal.shown
    assert mirrored(asking) == MIRRORED


def test_the_deadline_counts_again_when_somebody_has_answered(
    asking: Host, guarded: GitHttp
) -> None:
    guarded.trouble = lambda handler, number: (
        "Authorization" in handler.headers and hang_before_headers(handler, number)
    )
    with on_terminal(asking.path, "sync", "--deadline", "1.5") as terminal:
        answer_password(terminal, guarded)
        start = time.monotonic()
        assert terminal.end() == 3
        assert time.monotonic() - start < 4
    assert "error: fetching took too long" in terminal.words


# without a terminal


SOON = 5.0


def refused_soon(host: Host, **environment: str) -> str:
    start = time.monotonic()
    ran = host.run("sync", **environment)
    assert time.monotonic() - start < SOON
    assert (ran.status, list(host.snapshot())) == (3, ["third_party/mirrors.toml"]), ran.err
    assert "\nhint: " in ran.err
    return ran.err


@pytest.mark.parametrize("prompt", ["0", "1", None])
def test_a_password_that_nobody_can_be_asked_for_is_not_waited_for(
    asking: Host, guarded: GitHttp, prompt: str | None
) -> None:
    environment = {} if prompt is None else {"GIT_TERMINAL_PROMPT": prompt}
    said = refused_soon(asking, **environment)
    assert said.splitlines()[0] == f"error: {guarded.base} asks for credentials"
    assert "credential helper" in said


def test_a_terminal_that_git_may_not_ask_on_is_not_asked_on(asking: Host, guarded: GitHttp) -> None:
    with on_terminal(asking.path, "sync", GIT_TERMINAL_PROMPT="0") as terminal:
        assert terminal.end(SOON) == 3
    assert f"error: {guarded.base} asks for credentials" in terminal.words
    assert "Username for" not in terminal.words


def test_a_passphrase_that_nobody_can_be_asked_for_is_not_waited_for(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    trust(scratch_home, ssh)
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519", passphrase="s3cret")
    host.manifest(mirror("up", url_of(ssh, upstream), tag="v1"))
    assert (
        "ssh key" in refused_soon(host, SSH_AUTH_SOCK=str(scratch_home / "gone")).partition("\n")[0]
    )


def test_a_host_key_that_nobody_can_be_asked_about_is_refused(
    host: Host, upstream: Upstream, ssh: Ssh, scratch_home: Path
) -> None:
    install_key(ssh, scratch_home / ".ssh" / "id_ed25519")
    host.manifest(mirror("up", url_of(ssh, upstream), tag="v1"))
    said = refused_soon(host)
    assert said.splitlines()[0] == "error: the upstream's identity could not be verified"


# who is called off leaves nothing behind


_NEVER_ANSWERS = "n=0; while [ $n -lt 30 ]; do n=$((n + 1)); sleep 1; done\n"
HANGING = {"before headers": hang_before_headers, "within the pack": dripping_pack}


@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "deadline"])
@pytest.mark.parametrize("trouble", HANGING.values(), ids=HANGING)
def test_no_process_is_left_of_a_fetch_that_was_called_off(
    host: Host, tmp_path: Path, scratch_home: Path, trouble: Trouble, way: str
) -> None:
    with git_http(tmp_path, trouble=trouble) as site:
        host.manifest(mirror("up", site.url(), tag="v1"))
        if way == "deadline":
            assert host.run("sync", "--deadline", "1").status == 3
        else:
            number = getattr(signal, way)
            code, _, _ = interrupted(host, site, number, lambda: has_begun(site, trouble))
            assert code == 130
        assert (processes(scratch_home), left_in_cache(scratch_home)) == ([], [])


@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "deadline"])
def test_no_process_is_left_that_git_has_started_to_ask(
    asking: Host, guarded: GitHttp, scratch_home: Path, way: str
) -> None:
    """A helper that never answers, and does not end when it is asked to."""
    begun = scratch_home / "begun"
    helper = script(
        scratch_home / "helper", f"trap '' TERM INT HUP\ntouch {begun}\n{_NEVER_ANSWERS}"
    )
    configure(scratch_home, "credential.helper", str(helper))
    if way == "deadline":
        assert asking.run("sync", "--deadline", "1").status == 3
    else:
        code, _, _ = interrupted(asking, guarded, getattr(signal, way), begun.exists)
        assert code == 130
    await_none(scratch_home)
