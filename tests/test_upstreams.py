"""One table of the manifest says URL and pin for all mirrors of an upstream: one line moves them all."""

import pytest

from sync.errors import ManifestError
from sync.manifest.edit import add_mirror_table
from sync.manifest.read import parse_manifest
from sync.model.mirrors import Upstream
from sync.model.values import Pin, PinKind
from tests.support.hosts import Host
from tests.support.upstreams import Upstream as Repository

WASI = '[upstreams."wasi"]\nurl = "https://example.org/wasi"\ntag = "v1"\n'
CLI = '[mirrors."cli"]\nupstream = "wasi"\n'
TROUBLE, FINDINGS = 2, 1


@pytest.fixture
def released(upstream: Repository) -> Repository:
    """Two tags; the second changes both directories."""
    for tag in ("v1", "v2"):
        upstream.release(tag, {"cli/a": f"{tag}\n".encode(), "io/b": f"{tag}\n".encode()})
    return upstream


def two_mirrors(url: str, tag: str) -> str:
    return (
        f'[upstreams."up"]\nurl = "{url}"\ntag = "{tag}"\nlocal = true\n\n'
        '[mirrors."cli"]\nupstream = "up"\nfrom = "cli"\n\n'
        '[mirrors."io"]\nupstream = "up"\nfrom = "io"\n'
    )


# the manifest


def test_a_mirror_says_before_its_upstream_and_that_before_the_defaults() -> None:
    text = (
        '[defaults]\nsupplier = "D"\nlicense = "MIT"\nmax-files = 7\nchecked-in = false\n'
        f'{WASI}supplier = "U"\nlicense = "ISC"\nalso-at = ["https://example.org/u"]\n'
        f'allow = ["name-collides"]\nallowed-signers = "keys/u"\nmax-depth = 5\n{CLI}license = "Zlib"\n'
        '[mirrors."io"]\nupstream = "wasi"\nallow = []\nalso-at = ["https://example.org/io"]\n'
    )
    manifest = parse_manifest(text.encode())
    cli, io = manifest.mirrors["cli"], manifest.mirrors["io"]
    assert manifest.upstreams == {
        "wasi": Upstream("https://example.org/wasi", Pin(PinKind.TAG, "v1"))
    }
    assert (cli.url, cli.pin, cli.upstream) == (
        "https://example.org/wasi",
        Pin(PinKind.TAG, "v1"),
        "wasi",
    )
    assert (cli.supplier, cli.license, io.license) == ("U", "Zlib", "ISC")
    assert (cli.budget.files, cli.budget.depth, cli.checked_in) == (7, 5, False)
    assert (cli.allow, io.allow) == (frozenset({"name-collides"}), frozenset())
    assert (cli.also_at, io.also_at) == (("https://example.org/u",), ("https://example.org/io",))
    assert cli.allowed_signers == io.allowed_signers == "third_party/keys/u"


def test_it_is_the_same_mirror_whether_it_or_its_upstream_says_the_pin() -> None:
    plain = '[mirrors."cli"]\nurl = "https://example.org/wasi"\ntag = "v1"\n'
    assert parse_manifest((WASI + CLI).encode()).mirrors == parse_manifest(plain.encode()).mirrors


BAD = {
    "an unknown upstream": (
        WASI + CLI.replace("wasi", "wsai"),
        "there is no upstream `wsai`",
        ":5: mirrors.cli.upstream",
        "did you mean wasi?",
    ),
    "no upstream at all": (
        CLI,
        "there is no upstream `wasi`",
        ":2: mirrors.cli.upstream",
        'add a table [upstreams."wasi"] with `url` and `tag`',
    ),
    "a pin of its own": (
        WASI + CLI + 'tag = "v2"\n',
        "a mirror with `upstream` has its `tag` from there",
        ":6: mirrors.cli.tag",
        "remove `tag` here, or remove `upstream`",
    ),
    "a URL of its own": (
        WASI + CLI + 'url = "https://example.org/x"\n',
        "a mirror with `upstream` has its `url` from there",
        ":6: mirrors.cli.url",
        "remove `url` here",
    ),
    "local": (
        WASI + CLI + "local = false\n",
        "a mirror with `upstream` has its `local` from there",
        ":6: mirrors.cli.local",
        "remove `local` here",
    ),
    "both kinds of pin": (
        WASI + f'commit = "{"1" * 40}"\n',
        "an upstream has either `tag` or `commit`, not both",
        ":4: upstreams.wasi.commit",
        "remove one of the two",
    ),
    "no pin": (
        WASI.replace('tag = "v1"\n', "") + CLI,
        "the upstream has neither `tag` nor `commit`",
        ":1: upstreams.wasi",
        "add `tag =",
    ),
    "a pin that is none": (
        WASI.replace("v1", "a b"),
        "`a b` is no tag name",
        ":3: upstreams.wasi.tag",
        "write the tag's name alone",
    ),
    "no URL": (
        WASI.replace('url = "https://example.org/wasi"\n', ""),
        "the key `url` is missing",
        ":1: upstreams.wasi",
        "add `url",
    ),
    "a URL that runs a program": (
        WASI.replace("https://example.org/wasi", "ext::sh"),
        "the url is not allowed",
        ":2: upstreams.wasi.url",
        None,
    ),
    "a key of mirrors": (
        WASI + 'from = "x"\n',
        "unknown key `from`",
        ":4: upstreams.wasi.from",
        "known keys: ",
    ),
    "a wrong type": (
        WASI + 'supplier = ["x"]\n',
        "`supplier` is wrong",
        ":4: upstreams.wasi.supplier",
        None,
    ),
    "the name of a mirror": (
        WASI + CLI.replace('"cli"', '"WASI"'),
        "upstream wasi has the name of mirror WASI",
        ":1: upstreams.wasi",
        "call one of them otherwise",
    ),
    "the name of another": (
        WASI + WASI.replace('"wasi"', '"Wasi"'),
        "upstreams wasi and Wasi differ only in case",
        ":4: upstreams.Wasi",
        "call one of them otherwise",
    ),
    "a name that is none": (
        WASI.replace('"wasi"', '"a b"'),
        "`a b` is no name of an upstream",
        ':1: upstreams."a b"',
        "a name is letters",
    ),
    "a signature without keys": (
        WASI + 'require-signature = "tag"\n' + CLI,
        "`require-signature` without keys that could decide",
        ":4: upstreams.wasi.require-signature",
        "add `allowed-signers` or `keyring`",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_where_it_stands(name: str) -> None:
    text, message, where, hint = BAD[name]
    with pytest.raises(ManifestError) as raised:
        parse_manifest(text.encode())
    error = raised.value
    assert error.message.startswith(message)
    assert error.context[0].startswith(f"third_party/mirrors.toml{where}")
    assert hint is None or (error.hint or "").startswith(hint)


# sync


def test_one_line_moves_all_mirrors_of_an_upstream(host: Host, released: Repository) -> None:
    host.manifest(two_mirrors(released.url, "v1"))
    host.sync("--commit")
    host.manifest(two_mirrors(released.url, "v2"))
    host.sync("--commit")
    assert [host.record(name)["upstream"]["ref"] for name in ("cli", "io")] == ["refs/tags/v2"] * 2
    assert host.git("log", "-1", "--format=%(trailers:key=Mirror-Sync,valueonly)").split()[::3] == [
        "cli",
        "io",
    ]
    assert host.run("check", "--range", "HEAD~1..HEAD").status == 0


def test_naming_one_mirror_of_an_upstream_that_moved_means_all_of_them(
    host: Host, released: Repository
) -> None:
    host.manifest(two_mirrors(released.url, "v1"))
    host.sync("--commit")
    host.manifest(two_mirrors(released.url, "v2"))
    ran = host.run("sync", "io", "--commit")
    assert ran.status == 0
    assert host.record("cli")["upstream"]["ref"] == "refs/tags/v2"
    assert host.run("verify").status == host.run("check", "--all").status == 0


def test_naming_one_mirror_of_an_upstream_that_has_not_moved_means_that_one(
    host: Host, released: Repository
) -> None:
    host.manifest(two_mirrors(released.url, "v1"))
    host.sync("--commit")
    for name in ("cli/a", "io/b"):
        (host.third_party / name).unlink()
    host.sync("io")
    assert [(host.third_party / name).exists() for name in ("cli/a", "io/b")] == [False, True]


def test_a_table_for_what_mirrors_said_themselves_changes_nothing(
    host: Host, released: Repository
) -> None:
    plain = "".join(
        f'[mirrors."{name}"]\nurl = "{released.url}"\ntag = "v1"\nlocal = true\nfrom = "{name}"\n'
        for name in ("cli", "io")
    )
    host.manifest(plain)
    host.sync("--commit")
    before = host.snapshot()
    host.manifest(two_mirrors(released.url, "v1"))
    assert host.run("sync").out == "staged third_party/mirrors.toml, 2 up to date\n"
    after = host.snapshot()
    assert {path for path in after if after[path] != before.get(path)} == {
        "third_party/mirrors.toml"
    }
    assert host.run("verify").status == 0


def test_a_finding_about_the_pin_names_the_upstreams_line(host: Host, released: Repository) -> None:
    host.manifest(two_mirrors(released.url, "v1"))
    host.sync("--commit")
    host.manifest(two_mirrors(released.url, "v2"))
    host.git("add", "third_party")
    ran = host.run("check")
    assert ran.status == FINDINGS
    assert "third_party/mirrors.toml:3" in ran.out
    assert ran.out.count("record-differs-from-manifest") >= 2


# add


def test_add_takes_url_and_pin_from_an_upstream(host: Host, released: Repository) -> None:
    host.manifest(two_mirrors(released.url, "v1").partition("[mirrors")[0])
    ran = host.run("add", "io", "--upstream", "up", "--from", "io")
    assert ran.status == 0, ran.err
    text = (host.third_party / "mirrors.toml").read_text()
    assert text.endswith('[mirrors."io"]\nupstream = "up"\nfrom = "io"\n')
    assert host.record("io")["upstream"]["url"] == released.url
    assert (host.third_party / "io/b").read_bytes() == b"v1\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "a mirror has either a URL or an upstream of the manifest"),
        (("URL", "--upstream", "up"), "a mirror has either a URL or an upstream of the manifest"),
        (("--upstream", "pu"), "there is no upstream `pu`"),
        (
            ("--upstream", "up", "--tag", "v2"),
            "a mirror with `--upstream` has its `--tag` from there",
        ),
    ],
    ids=["neither", "both", "an unknown one", "a pin of its own"],
)
def test_add_refuses_what_the_manifest_would(
    host: Host, released: Repository, arguments: tuple[str, ...], error: str
) -> None:
    host.manifest(two_mirrors(released.url, "v1").partition("[mirrors")[0])
    before = host.snapshot()
    ran = host.run("add", "new", *arguments)
    assert (ran.status, ran.err.splitlines()[0]) == (TROUBLE, f"error: {error}")
    assert "hint: " in ran.err
    assert host.snapshot() == before


def test_add_proposes_the_upstream_that_has_this_url_and_pin(
    host: Host, released: Repository
) -> None:
    host.manifest(two_mirrors(released.url, "v1").partition("[mirrors")[0])
    ran = host.run("add", "io", released.url, "--tag", "v1", "--local", "--from", "io")
    assert (ran.status, "with `--upstream up` instead" in ran.err) == (0, True)
    ran = host.run("add", "new", released.url, "--tag", "v2", "--local", "--from", "io")
    assert (ran.status, "upstream" in ran.err) == (0, False)


def test_add_proposes_a_table_for_two_mirrors_of_one_pin(host: Host, released: Repository) -> None:
    host.run("init", "--no-hooks")
    for name in ("cli", "io"):
        ran = host.run("add", name, released.url, "--tag", "v1", "--local", "--from", name)
        assert (ran.status, "mirror cli has this URL and pin too" in ran.err) == (0, name == "io")


def test_an_upstreams_table_survives_what_add_and_remove_write(
    host: Host, released: Repository
) -> None:
    commented = "# ours\n" + two_mirrors(released.url, "v1").replace(
        "tag =", "# the one knob\ntag ="
    )
    host.manifest(commented)
    host.sync()
    assert host.run("remove", "io").status == 0
    kept = commented.partition('[mirrors."io"]')[0]
    assert (host.third_party / "mirrors.toml").read_text() == kept
    added = add_mirror_table(commented, "new", {"upstream": "up"})
    assert added == commented + '\n[mirrors."new"]\nupstream = "up"\n'


def test_naming_one_mirror_gives_up_the_changes_of_no_other(
    host: Host, released: Repository
) -> None:
    host.manifest(two_mirrors(released.url, "v1"))
    host.sync("--commit")
    (host.third_party / "io/b").write_text("mine\n")
    (host.third_party / "provenance/cli.json").write_text("broken\n")
    assert host.run("sync", "--discard-local", "cli").status == 0
    assert (host.third_party / "io/b").read_text() == "mine\n"
    assert host.record("cli")["upstream"]["ref"] == "refs/tags/v1"
    host.manifest(two_mirrors(released.url, "v2"))
    before = host.snapshot()
    ran = host.run("sync", "--discard-local", "cli")
    assert (ran.status, "third_party/io/b" in ran.err) == (TROUBLE, True)
    assert host.snapshot() == before


def test_a_mirror_without_a_record_moves_no_other(host: Host, released: Repository) -> None:
    host.manifest(two_mirrors(released.url, "v1"))
    host.sync("io")
    (host.third_party / "io/b").unlink()
    host.sync("cli")
    assert not (host.third_party / "io/b").exists()


def test_tables_that_differ_only_in_what_they_say_are_not_taken_for_one() -> None:
    wide = WASI + 'allow = ["name-collides"]\n'
    silent = parse_manifest((wide + CLI).encode()).mirrors["cli"]
    strict = parse_manifest((wide + CLI + "allow = []\n").encode()).mirrors["cli"]
    again = parse_manifest((wide + CLI).encode()).mirrors["cli"]
    assert (silent.allow, strict.allow, again.allow) == (
        frozenset({"name-collides"}),
        frozenset(),
        frozenset({"name-collides"}),
    )
