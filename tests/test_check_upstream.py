"""`check --upstream` asks whether the records that a change brings are true.

A change does not choose who is asked: its base does. What could not be asked is never clean.
"""

import json
from pathlib import Path

import pytest

from tests.support.fetching import configure
from tests.support.git import git
from tests.support.git_http import GitHttp, Handler, git_http
from tests.support.hosts import Host, Key, commit, mirror
from tests.support.program import Ran
from tests.support.upstreams import Upstream

CLEAN, FINDINGS, TROUBLE, COULD_NOT_CHECK = 0, 1, 2, 3
FILES = {"a.wit": b"a\n", "LICENSE": b"licence\n"}


@pytest.fixture
def asked(host: Host, upstream: Upstream, site: GitHttp) -> Host:
    """A host with a mirror of v1, and the branch `base`; upstream has a v2 too."""
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"a.wit": b"b\n"})
    pinned(host, site.url(), tag="v1")
    host.git("branch", "base")
    site.requests.clear()
    return host


def pinned(host: Host, url: str, text: str = "", **pin: Key) -> None:
    """Move the one mirror, with the rest of the manifest."""
    host.manifest(text + mirror("up", url, **pin))
    host.sync("--commit")


def check(host: Host, *options: str, **environment: str) -> Ran:
    return host.run("check", "--upstream", *(options or ("--range", "base..HEAD")), **environment)


def answer(host: Host, *options: str, **environment: str) -> tuple[int, set[str], list[str]]:
    """Exit status, the rules of violations, and the mirrors that nobody was asked about."""
    ran = check(host, *(options or ("--range", "base..HEAD")), "--format", "json", **environment)
    rules = {violation["rule"] for violation in ran.violations}
    return ran.status, rules, [one["mirror"] for one in ran.json["unasked"]]


def policy(*patterns: str) -> str:
    return f"[policy]\nupstreams = {json.dumps(patterns)}\n"


def forge(host: Host, home: Path, url: str, **pin: Key) -> None:
    """Put a commit that exists nowhere under upstream's URL, by a rewritten one."""
    other = Upstream.create(home / "forged")
    git(other.path, "config", "uploadpack.allowAnySHA1InWant", "true")
    files = FILES | {"a.wit": b"forged\n"}
    forged = other.release("v2", files)
    key = f"url.{other.path}.insteadOf"
    configure(home, key, url)
    pinned(host, url, **({"commit": forged} if "commit" in pin else {"tag": "v2"}))
    configure(home, "--unset", key)


# what upstream says


def test_a_record_that_upstream_confirms_is_clean(asked: Host, site: GitHttp) -> None:
    pinned(asked, site.url(), tag="v2")
    site.requests.clear()
    assert answer(asked) == (CLEAN, set(), [])
    assert site.visits() == 1


@pytest.mark.parametrize(("kind", "rule"), [("tag", "tag-moved"), ("commit", "commit-unreachable")])
def test_a_forged_commit_is_found(
    asked: Host, site: GitHttp, scratch_home: Path, kind: str, rule: str
) -> None:
    forge(asked, scratch_home, site.url(), **{kind: "v2"})
    assert asked.run("check", "--range", "base..HEAD").status == CLEAN  # nothing here can tell
    assert answer(asked) == (FINDINGS, {rule}, [])
    ran = check(asked)
    assert "as upstreams say" in ran.out
    assert f"git restore --source={asked.git('rev-parse', '--short=12', 'base')}" in ran.out


def test_a_forged_commit_that_is_staged_is_found(
    asked: Host, site: GitHttp, scratch_home: Path
) -> None:
    forge(asked, scratch_home, site.url())
    asked.git("reset", "--quiet", "--soft", "base")
    assert answer(asked, "--staged") == (FINDINGS, {"tag-moved"}, [])


def test_only_records_that_change_are_asked_about(asked: Host, site: GitHttp) -> None:
    (asked.path / "own").write_text("own\n")
    commit(asked)
    assert (answer(asked), site.requests) == ((CLEAN, set(), []), [])


def test_what_a_later_commit_takes_back_is_not_asked_about(asked: Host, site: GitHttp) -> None:
    pinned(asked, site.url(), tag="v2")
    pinned(asked, site.url(), tag="v1")
    site.requests.clear()
    assert (answer(asked), site.requests) == ((CLEAN, set(), []), [])


def test_a_record_that_only_the_base_has_moved_since_is_not_asked_about(
    asked: Host, site: GitHttp
) -> None:
    (asked.path / "own").write_text("own\n")
    commit(asked)
    asked.git("switch", "--quiet", "base")
    pinned(asked, site.url(), tag="v2")
    asked.git("switch", "--quiet", "main")
    site.requests.clear()
    assert (answer(asked), site.requests) == ((CLEAN, set(), []), [])


# whom a change may have asked


@pytest.fixture
def other(tmp_path: Path) -> str:
    """The name of a repository that no record of the base names."""
    Upstream.create(tmp_path / "other").release("v1", FILES)
    return "other"


def test_an_upstream_that_the_base_does_not_name_is_never_contacted(
    asked: Host, site: GitHttp, other: str
) -> None:
    pinned(asked, site.url(other), tag="v1")
    site.requests.clear()
    assert answer(asked) == (COULD_NOT_CHECK, set(), ["up"])
    assert site.requests == []
    head = asked.git("rev-parse", "HEAD")[:12]
    reviewing = f"git verbatim verify --rev {head} --upstream up"
    ran = check(asked)
    assert f"a reviewer asks: `{reviewing}`" in ran.out
    assert ran.out.endswith("could not ask: 1 record in base..HEAD\n")
    assert asked.run(*reviewing.split()[2:]).status == CLEAN


def test_a_change_that_allows_an_upstream_does_not_have_it_asked(
    asked: Host, site: GitHttp, other: str
) -> None:
    pinned(asked, site.url(other), policy(site.url(other)), tag="v1")
    site.requests.clear()
    assert (answer(asked), site.requests) == ((COULD_NOT_CHECK, set(), ["up"]), [])


def test_an_upstream_that_the_base_allows_is_asked(asked: Host, site: GitHttp, other: str) -> None:
    pinned(asked, site.url(), policy(f"{site.base}/*"), tag="v1")
    commit_of = asked.git("rev-parse", "HEAD")
    pinned(asked, site.url(other), policy(f"{site.base}/*"), tag="v1")
    assert answer(asked, "--range", f"{commit_of}..HEAD") == (CLEAN, set(), [])


@pytest.mark.parametrize("spelled", ["upstream/", "upstream.git"])
def test_another_spelling_of_a_known_upstream_is_asked(
    asked: Host, site: GitHttp, tmp_path: Path, spelled: str
) -> None:
    (tmp_path / "upstream.git").symlink_to("upstream")
    pinned(asked, site.url(spelled), tag="v1")
    assert answer(asked) == (CLEAN, set(), [])


def test_a_local_upstream_is_never_read(asked: Host, upstream: Upstream) -> None:
    pinned(asked, upstream.url, tag="v1", local=True)
    asked.git("branch", "--force", "base")
    pinned(asked, upstream.url, tag="v2", local=True)
    upstream.path.rename(upstream.path.with_name("gone"))
    assert answer(asked) == (COULD_NOT_CHECK, set(), ["up"])
    assert "on the machine of whoever synced it" in check(asked).out


def test_a_remote_upstream_that_is_called_local_is_asked_all_the_same(
    asked: Host, site: GitHttp, scratch_home: Path
) -> None:
    forge(asked, scratch_home, site.url())
    manifest = asked.third_party / "mirrors.toml"
    manifest.write_text(manifest.read_text() + "local = true\n")
    commit(asked)
    assert answer(asked) == (FINDINGS, {"tag-moved"}, [])


def test_a_forged_record_is_found_whatever_way_it_came(
    asked: Host, site: GitHttp, scratch_home: Path
) -> None:
    """By a merge, and by a history without a common ancestor."""
    asked.git("switch", "--quiet", "-c", "side")
    forge(asked, scratch_home, site.url())
    asked.git("switch", "--quiet", "main")
    (asked.path / "own").write_text("own\n")
    commit(asked)
    asked.git("merge", "--quiet", "--no-edit", "side")
    assert answer(asked) == (FINDINGS, {"tag-moved"}, [])
    asked.git("checkout", "--quiet", "--orphan", "orphan")
    commit(asked)
    assert answer(asked) == (FINDINGS, {"tag-moved"}, [])


def test_a_range_without_a_base_asks_nobody(asked: Host, site: GitHttp) -> None:
    for scope in ("HEAD", f"{'0' * 40}..HEAD"):
        assert answer(asked, "--range", scope) == (COULD_NOT_CHECK, set(), ["up"])
    assert site.requests == []


def test_all_has_no_base_and_names_what_asks(asked: Host) -> None:
    ran = check(asked, "--all")
    assert (ran.status, "git verbatim verify --rev HEAD --upstream" in ran.err) == (TROUBLE, True)


# what could not be asked


def test_an_upstream_that_does_not_answer_is_not_clean(
    asked: Host, site: GitHttp, upstream: Upstream
) -> None:
    pinned(asked, site.url(), tag="v2")
    upstream.path.rename(upstream.path.with_name("gone"))
    assert answer(asked) == (COULD_NOT_CHECK, set(), ["up"])


def test_what_was_not_asked_hides_no_violation(asked: Host, site: GitHttp, other: str) -> None:
    pinned(asked, site.url(other), tag="v1")
    (asked.third_party / "up" / "a.wit").write_text("edited\n")
    commit(asked)
    status, rules, unasked = answer(asked)
    assert (status, rules, unasked) == (FINDINGS, {"mirror-differs-from-record"}, ["up"])


def test_a_deadline_hides_no_violation(asked: Host, site: GitHttp, tmp_path: Path) -> None:
    def wait(handler: Handler, _: int) -> bool:
        return handler.site.stopped.wait(20)

    record = asked.third_party / "provenance" / "up.json"
    record.write_text(record.read_text().replace('"size": 2', '"size": 3'))
    commit(asked)
    with git_http(tmp_path, trouble=wait) as slow:
        configure(Path.home(), f"url.{slow.url()}.insteadOf", site.url())
        found = answer(asked, "--range", "base..HEAD", "--deadline", "1")
    assert found == (FINDINGS, {"mirror-differs-from-record"}, ["up"])


# without credentials


def test_the_runners_credentials_are_used_only_if_they_are_handed_over(
    host: Host, upstream: Upstream, guarded: GitHttp, scratch_home: Path
) -> None:
    upstream.release("v1", FILES)
    upstream.release("v2", FILES | {"a.wit": b"b\n"})
    (scratch_home / ".netrc").write_text("machine 127.0.0.1 login user password s3cret\n")
    pinned(host, guarded.url(), tag="v1")
    host.git("branch", "base")
    pinned(host, guarded.url(), tag="v2")
    assert answer(host) == (COULD_NOT_CHECK, set(), ["up"])
    assert answer(host, "--range", "base..HEAD", "--with-credentials") == (CLEAN, set(), [])


HEADER = "Authorization: Basic dXNlcjpzM2NyZXQ="


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("http.extraHeader", HEADER),
        ("http.{base}.extraHeader", HEADER),
        ("credential.helper", "!printf 'username=user\\npassword=s3cret\\n' #"),
        ("credential.{base}.helper", "!printf 'username=user\\npassword=s3cret\\n' #"),
        ("url.{scheme}user:s3cret@{rest}/.insteadOf", "{base}/"),
        ("core.askPass", "{askpass}"),
    ],
)
def test_no_configuration_of_the_clone_hands_a_credential_over(
    asked: Host, guarded: GitHttp, scratch_home: Path, key: str, value: str
) -> None:
    """As CI systems leave tokens in the clone that they make."""
    askpass = scratch_home / "askpass"
    askpass.write_text("#!/bin/sh\ncase $1 in User*) echo user ;; *) echo s3cret ;; esac\n")
    askpass.chmod(0o755)
    names = {"base": guarded.base, "scheme": "http://", "rest": guarded.base[7:]}
    asked.git(
        "config",
        key.format(**names),
        value.replace("{askpass}", str(askpass)).replace("{base}", guarded.base),
    )
    pinned(asked, guarded.url(), tag="v1")
    asked.git("branch", "--force", "base")
    pinned(asked, guarded.url(), tag="v2")
    guarded.requests.clear()
    assert answer(asked) == (COULD_NOT_CHECK, set(), ["up"])
    assert guarded.requests
    assert not any("Authorization" in request.headers for request in guarded.requests)
    assert answer(asked, "--range", "base..HEAD", "--with-credentials") == (CLEAN, set(), [])


def test_ssh_is_not_even_tried_without_a_key_that_is_handed_over(asked: Host) -> None:
    url = "git@127.0.0.1:upstream"
    manifest = asked.third_party / "mirrors.toml"
    record = asked.third_party / "provenance" / "up.json"
    for path in (manifest, record):
        path.write_text(path.read_text().replace(asked.record("up")["upstream"]["url"], url))
    commit(asked)
    asked.git("branch", "--force", "base")
    record.write_text(record.read_text().replace('"size": 2', '"size": 3'))
    commit(asked)
    said = check(asked).out
    assert "ssh needs a key" in said
    assert "refused: " in said  # the size is false


def test_credentials_are_for_upstream_alone(host: Host) -> None:
    assert host.run("check", "--with-credentials").status == TROUBLE


# how it is said


def test_every_format_says_what_was_not_asked(asked: Host, site: GitHttp, other: str) -> None:
    pinned(asked, site.url(other), tag="v1")
    for form in ("text", "json", "github", "sarif"):
        ran = check(asked, "--range", "base..HEAD", "--format", form)
        assert (ran.status, "--upstream up" in ran.out) == (COULD_NOT_CHECK, True)
        assert site.url(other) in ran.out
    run = check(asked, "--range", "base..HEAD", "--format", "sarif").json["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["results"] == []
