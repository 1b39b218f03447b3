"""The cache of upstreams: who shares it, what is in its way, and what damage it heals."""

import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pygit2
import pytest

from sync.git.transport_configuration import TransportConfiguration
from tests.support.caches import caches, delete, left_in_cache
from tests.support.certificates import make_certificate
from tests.support.fetching import (
    FILES,
    MIRRORED,
    configure,
    mirrored,
    refused,
    sync_of,
)
from tests.support.git import git, git_bytes
from tests.support.git_http import GitHttp, Trouble, git_http
from tests.support.hosts import Host, mirror
from tests.support.misbehaving import dripping_pack
from tests.support.processes import interrupted
from tests.support.program import limited, run_under, start_tool
from tests.support.scripts import script
from tests.support.terminal import on_terminal
from tests.support.upstreams import Upstream
from tests.support.waiting import comes_true

LARGE = {"a.wit": b"a\n", "large": random.Random(7).randbytes(200_000)}


# who uses it, and how it is damaged


def test_a_second_tag_is_fetched_into_a_shallow_cache(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.commit({"oldest": b"oldest"})
    first = upstream.release("v1", {"old": b"old"})
    second = upstream.release("v2", FILES)
    sync_of(host, site.url(), tag="v1")
    assert sync_of(host, site.url(), tag="v2") == MIRRORED
    assert [sorted((cache / "shallow").read_text().split()) for cache in caches(scratch_home)] == [
        sorted([first, second])
    ]


def test_an_older_tag_is_fetched_into_a_shallow_cache(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", {"new": b"new"})
    sync_of(host, site.url(), tag="v2")
    assert sync_of(host, site.url(), tag="v1") == MIRRORED


def test_a_tag_of_a_commit_in_the_cache_is_found(
    host: Host, upstream: Upstream, site: GitHttp
) -> None:
    commit = upstream.release("v1", FILES)
    sync_of(host, site.url(), tag="v1")
    upstream.tag("v1-again", commit, annotated=True)
    assert sync_of(host, site.url(), tag="v1-again") == MIRRORED


def test_two_hosts_share_a_cache(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    sync_of(Host.create(tmp_path / "other"), site.url())
    assert len(caches(scratch_home)) == 1


def test_xdg_cache_home_is_where_the_cache_is(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    tmp_path: Path,
    scratch_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream.release("v1", FILES)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    sync_of(host, site.url())
    assert len(list((tmp_path / "xdg" / "git-verbatim").glob("*.git"))) == 1
    assert caches(scratch_home) == []


def test_the_cache_may_be_deleted_at_any_time(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"new": b"new"})
    sync_of(host, site.url(), tag="v1")
    delete(scratch_home / ".cache")
    assert sync_of(host, site.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}


def test_a_mirror_is_rebuilt_after_the_cache_was_deleted(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url(), checked_in=False)
    delete(scratch_home / ".cache")
    delete(host.third_party / "up")
    host.sync("--discard-local")
    assert mirrored(host) == MIRRORED


def damage_pack(cache: Path) -> None:
    for pack in cache.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        content = bytearray(pack.read_bytes())
        content[len(content) // 2] ^= 0xFF
        pack.write_bytes(content)


def remove_packs(cache: Path) -> None:
    for part in cache.glob("objects/pack/*"):
        part.unlink()


def truncate_packs(cache: Path) -> None:
    for pack in cache.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:50])


def remove_head(cache: Path) -> None:
    (cache / "HEAD").unlink()


def replace_by_file(cache: Path) -> None:
    delete(cache)
    cache.write_bytes(b"not a repository\n")


def spoil_configuration(cache: Path) -> None:
    (cache / "config").write_bytes(b"[core\n")


DAMAGES = [
    damage_pack,
    remove_packs,
    truncate_packs,
    remove_head,
    replace_by_file,
    spoil_configuration,
]


def test_a_commit_that_came_along_without_its_tree_is_fetched(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    later = upstream.commit(FILES | {"new": b"new"})
    raw = git_bytes(upstream.path, "cat-file", "commit", later)
    for cache in caches(scratch_home):
        git(cache, "hash-object", "-w", "-t", "commit", "--stdin", "--literally", stdin=raw)
    host.manifest(mirror("up", site.url(), commit=later))
    host.sync()
    assert mirrored(host) == MIRRORED | {"third_party/up/new": b"new"}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_cache_never_gives_wrong_bytes(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    scratch_home: Path,
    damage: Callable[[Path], None],
) -> None:
    upstream.release("v1", FILES)
    host.manifest(mirror("up", site.url(), tag="v1", checked_in=False))
    host.sync()
    delete(host.third_party / "up")
    for cache in caches(scratch_home):
        damage(cache)
    ran = host.run("sync", "--discard-local")
    assert mirrored(host) == (MIRRORED if ran.status == 0 else {})
    assert ran.status in {0, 2, 3}
    assert "bug" not in ran.err


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_cache_is_made_anew(
    host: Host,
    upstream: Upstream,
    site: GitHttp,
    scratch_home: Path,
    damage: Callable[[Path], None],
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url(), tag="v1")
    upstream.release("v2", FILES | {"new": b"new"})
    for cache in caches(scratch_home):
        damage(cache)
    assert sync_of(host, site.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}


# what one project is answered, and another is not told


def offline(
    path: Path, url: str, *configuration: str, **environment: str
) -> tuple[int, dict[str, bytes]]:
    """What a project that has never asked takes from the cache for tag v1 of a URL."""
    host = Host.create(path)
    for setting in configuration:
        host.git("config", *setting.split("=", 1))
    host.manifest(mirror("up", url, tag="v1", local=not url.startswith(("http", "ssh"))))
    ran = host.run("sync", "--offline", **environment)
    if ran.status:
        assert ran.err.startswith("error: tag v1 is not in the cache\n"), ran.err
    return ran.status, mirrored(host)


NOT_CACHED: tuple[int, dict[str, bytes]] = (3, {})
CACHED = (0, MIRRORED)


def test_what_a_project_rewrites_is_no_answer_of_the_upstream(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    forged = f"url.{site.base}/.insteadOf=https://forge.invalid/"
    host.git("config", *forged.split("=", 1))
    sync_of(host, "https://forge.invalid/upstream")
    assert offline(tmp_path / "other", "https://forge.invalid/upstream") == NOT_CACHED
    assert offline(tmp_path / "likewise", "https://forge.invalid/upstream", forged) == CACHED
    assert offline(tmp_path / "direct", site.url()) == CACHED


def test_what_the_environment_rewrites_is_no_answer_of_the_upstream(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.release("v1", FILES)
    with monkeypatch.context() as patch:
        patch.setenv("GIT_CONFIG_COUNT", "1")
        patch.setenv("GIT_CONFIG_KEY_0", f"url.{site.base}/.insteadOf")
        patch.setenv("GIT_CONFIG_VALUE_0", "https://forge.invalid/")
        sync_of(host, "https://forge.invalid/upstream")
    assert offline(tmp_path / "other", "https://forge.invalid/upstream") == NOT_CACHED


def test_a_project_that_rewrites_does_not_hide_what_the_upstream_answered(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    Upstream.create(tmp_path / "forged" / "upstream").release("v1", {"evil": b"evil"})
    forger = Host.create(tmp_path / "forger")
    forger.git("config", f"url.{tmp_path}/forged/.insteadOf", f"{site.base}/")
    assert sync_of(forger, site.url()) == {"third_party/up/evil": b"evil"}
    assert offline(tmp_path / "other", site.url()) == CACHED


def test_behind_a_mirror_of_ones_own_the_cache_serves_every_project(
    host: Host, upstream: Upstream, site: GitHttp, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    configure(scratch_home, f"url.{site.base}/.insteadOf", "https://forge.invalid/")
    sync_of(host, "https://forge.invalid/upstream")
    site.requests.clear()
    assert (offline(tmp_path / "other", "https://forge.invalid/upstream"), site.requests) == (
        CACHED,
        [],
    )


def test_one_relative_path_of_two_projects_is_two_upstreams(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Upstream.create(tmp_path / name / "upstream").release("v1", {"file": name.encode()})
        assert sync_of(Host.create(tmp_path / name / "host"), "../upstream", local=True) == {
            "third_party/up/file": name.encode()
        }
    delete(tmp_path / "one" / "host")
    assert offline(tmp_path / "one" / "host", "../upstream") == (0, {"third_party/up/file": b"one"})
    assert offline(tmp_path / "three" / "host", "../upstream") == NOT_CACHED


def test_a_path_and_its_file_url_are_one_upstream(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, upstream.url, local=True)
    assert offline(tmp_path / "other", f"file://{upstream.path}") == CACHED


UNVERIFIED = {
    "in configuration": (("http.sslVerify=false",), {}),
    "in the environment": ((), {"GIT_SSL_NO_VERIFY": "1"}),
}


@pytest.mark.parametrize(("configuration", "environment"), UNVERIFIED.values(), ids=UNVERIFIED)
def test_what_one_project_fetched_without_verification_no_other_believes(
    upstream: Upstream, tmp_path: Path, configuration: tuple[str, ...], environment: dict[str, str]
) -> None:
    upstream.release("v1", FILES)
    careless = Host.create(tmp_path / "careless")
    for setting in configuration:
        careless.git("config", *setting.split("=", 1))
    with git_http(tmp_path, certificate=make_certificate(tmp_path / "tls")) as site:
        careless.manifest(mirror("up", site.url(), tag="v1"))
        assert careless.run("sync", **environment).status == 0
        assert offline(tmp_path / "other", site.url()) == NOT_CACHED
        assert offline(tmp_path / "likewise", site.url(), *configuration, **environment) == CACHED


@pytest.mark.parametrize("names_it", ["its own path", "a path from its top"])
def test_whom_one_projects_authority_vouched_for_no_other_believes(
    upstream: Upstream, tmp_path: Path, names_it: str
) -> None:
    upstream.release("v1", FILES)
    certificate = make_certificate(tmp_path / "tls")
    trusting = Host.create(tmp_path / "trusting")
    (trusting.path / "authority.pem").write_bytes(certificate.authority.read_bytes())
    setting = (
        "authority.pem"
        if names_it == "a path from its top"
        else str(trusting.path / "authority.pem")
    )
    trusting.git("config", "http.sslCAInfo", setting)
    with git_http(tmp_path, certificate=certificate) as site:
        trusting.manifest(mirror("up", site.url(), tag="v1"))
        assert trusting.run("-C", "third_party", "sync").status == 0
        other = setting if names_it == "a path from its top" else "/none"
        assert offline(tmp_path / "other", site.url(), f"http.sslCAInfo={other}") == NOT_CACHED
        assert offline(tmp_path / "third", site.url()) == NOT_CACHED


WAYS = {
    "a proxy, of what is not verified": (
        "http://127.0.0.1:1/upstream",
        "http.proxy=http://proxy.invalid",
    ),
    "another address, of what is not verified": (
        "http://127.0.0.1:1/upstream",
        "http.curloptResolve=127.0.0.1:1:127.0.0.2",
    ),
    "a header": ("https://127.0.0.1:1/upstream", "http.extraHeader=X-Forwarded-Host: evil.invalid"),
    "an ssh command": ("ssh://git@127.0.0.1:1/upstream", "core.sshCommand=ssh -F ssh_config"),
    "a proxy for git's protocol": ("git://127.0.0.1:1/upstream", "core.gitProxy=./proxy"),
}


@pytest.mark.parametrize(("url", "setting"), WAYS.values(), ids=WAYS)
def test_another_way_to_an_upstream_is_another_answer(
    tmp_path: Path, url: str, setting: str
) -> None:
    host = Host.create(tmp_path / "host")
    plain = TransportConfiguration(host.path).settings_for(url).identity
    host.git("config", *setting.split("=", 1))
    assert plain == url
    assert TransportConfiguration(host.path).settings_for(url).identity not in {plain, url}


SAME_ANSWER = {
    "a token": "http.extraHeader=Authorization: Basic dXNlcjpzZWNyZXQ=",
    "a proxy, of what TLS vouches for": "http.proxy=http://proxy.invalid",
    "a password": "url.https://user:s3cret@forge.invalid/.insteadOf=https://forge.invalid/",
    "where to push": "url.https://elsewhere.invalid/.pushInsteadOf=https://forge.invalid/",
}


@pytest.mark.parametrize("setting", SAME_ANSWER.values(), ids=SAME_ANSWER)
def test_who_asks_makes_no_other_answer(tmp_path: Path, setting: str) -> None:
    host = Host.create(tmp_path / "host")
    key, _, value = setting.rpartition("=") if "insteadOf" in setting else setting.partition("=")
    host.git("config", key, value)
    assert (
        TransportConfiguration(host.path).settings_for("https://forge.invalid/up").identity
        == "https://forge.invalid/up"
    )


# full disks, other runs, and what is left of them


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB for the cache; skips where mounting is not allowed."""
    place = tmp_path / "small"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("transport", ["http", "local"])
def test_a_full_disk_in_the_cache(
    host: Host, upstream: Upstream, site: GitHttp, small_disk: Path, transport: str
) -> None:
    upstream.release("v1", FILES)
    upstream.tag("v1", upstream.commit({"large": os.urandom(1 << 20)}), force=True)
    url = site.url() if transport == "http" else upstream.url
    ran = refused(host, url, codes=(2,), XDG_CACHE_HOME=str(small_disk))
    assert "no space left on device" in ran.err.lower()
    assert site.visits() <= 1
    assert [path for path in small_disk.rglob("tmp_*") if path.is_file()] == []


def test_a_limit_on_files_in_the_cache(host: Host, upstream: Upstream, site: GitHttp) -> None:
    """As a quota: RLIMIT_FSIZE, below what the pack needs."""
    upstream.release("v1", FILES)
    upstream.tag("v1", upstream.commit({"large": os.urandom(1 << 20)}), force=True)
    host.manifest(mirror("up", site.url(), tag="v1"))
    ran = run_under(host.path, limited("ulimit -f 512"), "sync")
    assert ran.status in {2, 3}, ran.err
    assert (list(host.snapshot()), left_in_cache(Path.home())) == (["third_party/mirrors.toml"], [])
    assert "Traceback" not in ran.err


def test_of_two_runs_that_want_one_cache_the_second_waits_and_says_so(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.release("v1", FILES)
    free = threading.Event()

    def gate(*_: object) -> bool:
        free.wait(20)
        return False

    other = Host.create(tmp_path / "other")
    with git_http(tmp_path, trouble=gate) as site:
        for one in (host, other):
            one.manifest(mirror("up", site.url(), tag="v1"))
        first = start_tool(host.path, "sync")
        assert comes_true(lambda: site.requests)
        with on_terminal(other.path, "sync") as second:  # it says only there that it waits
            second.wait_for("waiting for another git-verbatim")
            assert site.visits() == 1
            free.set()
            first.communicate(timeout=30)
            assert (first.returncode, second.end()) == (0, 0), second.shown
    assert [mirrored(one) for one in (host, other)] == [MIRRORED, MIRRORED]


def test_a_cache_of_the_version_before_is_used_or_replaced(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    """What libgit2 made: shallow, with refs of its own, and nothing that says what it lacks."""
    upstream.release("v1", FILES)
    first = upstream.resolve("v1")
    upstream.release("v2", FILES | {"new": b"new"})
    sync_of(host, site.url())
    cache = caches(scratch_home)[0]
    refs = git(cache, "for-each-ref", "--format=%(refname)").splitlines()
    shutil.rmtree(cache)
    old = pygit2.init_repository(str(cache), bare=True)
    git(cache, "fetch", "-q", "--depth=1", str(upstream.path), "refs/tags/v1:refs/pins/before")
    assert first is not None
    for ref in refs:
        old.references.create(ref, pygit2.Oid(hex=first))
    assert sync_of(host, site.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}
    assert sync_of(host, site.url(), tag="v1") == MIRRORED


def test_locks_that_a_killed_git_has_left_in_the_cache_hold_nobody_up(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"new": b"new"})
    sync_of(host, site.url())
    cache = caches(scratch_home)[0]
    for name in ("shallow.lock", "packed-refs.lock", "config.lock", "HEAD.lock", "FETCH_HEAD.lock"):
        (cache / name).touch()
    for ref in git(cache, "for-each-ref", "--format=%(refname)").splitlines():
        (cache / ref).parent.mkdir(parents=True, exist_ok=True)
        (cache / f"{ref}.lock").touch()
    (cache / "objects/pack/tmp_pack_x").write_bytes(b"half")
    assert sync_of(host, site.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}
    assert left_in_cache(scratch_home) == []


@pytest.mark.parametrize("name", ["HEAD", "config"])
def test_a_file_of_the_cache_that_a_killed_run_has_cut_off_is_written_anew(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path, name: str
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"new": b"new"})
    sync_of(host, site.url())
    (caches(scratch_home)[0] / name).write_bytes(b"")
    assert sync_of(host, site.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}


SETTINGS_OF_A_CACHE = {
    "hooks": "[core]\n\thooksPath = {here}/hooks\n",
    "ssh": "[core]\n\tsshCommand = {here}/hooks/program\n",
    "a helper": "[credential]\n\thelper = {here}/hooks/program\n",
    "another upstream": '[url "{here}/other/"]\n\tinsteadOf = http://\n',
    "a promise": '[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tpartialClone = x\n[remote "x"]\n\turl = {here}/other/upstream\n\tpromisor = true\n',
}


@pytest.mark.parametrize("settings", SETTINGS_OF_A_CACHE.values(), ids=SETTINGS_OF_A_CACHE)
def test_what_is_written_into_the_configuration_of_a_cache_is_not_heard(
    host: Host,
    upstream: Upstream,
    guarded: GitHttp,
    scratch_home: Path,
    tmp_path: Path,
    settings: str,
) -> None:
    """It may be shared with others, or be what an older version has left."""
    upstream.release("v1", FILES)
    configure(scratch_home, "credential.helper", "!echo username=user; echo password=s3cret; :")
    upstream.release("v2", FILES | {"new": b"new"})
    Upstream.create(tmp_path / "other" / "upstream").release("v2", {"evil": b"evil"})
    for name in ("reference-transaction", "program"):
        script(tmp_path / "hooks" / name, f"touch {tmp_path}/pwned\n")
    sync_of(host, guarded.url())
    with (caches(scratch_home)[0] / "config").open("a") as file:
        file.write(settings.format(here=tmp_path))
    assert sync_of(host, guarded.url(), tag="v2") == MIRRORED | {"third_party/up/new": b"new"}
    assert not (tmp_path / "pwned").exists()


def test_what_a_killed_run_has_fetched_beside_the_cache_is_not_kept(
    host: Host, upstream: Upstream, site: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    sync_of(host, site.url())
    aside = caches(scratch_home)[0].with_suffix(".aside")
    (aside / "objects" / "pack").mkdir(parents=True)
    (aside / "objects" / "pack" / "tmp_pack_x").write_bytes(b"half")
    assert host.run("verify", "--upstream").status == 0
    assert not aside.exists()


def test_what_a_killed_sync_left_in_the_cache_is_swept_away(
    host: Host, upstream: Upstream, tmp_path: Path, scratch_home: Path
) -> None:
    upstream.release("v1", LARGE)
    trouble: list[Trouble] = [dripping_pack]
    with git_http(
        tmp_path, trouble=lambda handler, number: bool(trouble) and trouble[0](handler, number)
    ) as site:
        interrupted(host, site, signal.SIGKILL, lambda: left_in_cache(scratch_home))
        assert left_in_cache(scratch_home) != []
        trouble.clear()
        ran = host.run("sync")
    assert ran.status == 0, ran.err
    assert left_in_cache(scratch_home) == []
