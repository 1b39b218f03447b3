"""One law: verify, status, check --all and report agree about every state of a host."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.check import open_policy
from sync.errors import VerbatimError
from sync.host.find import find_host
from sync.host.state import open_state
from sync.report.gather import gather
from sync.verify.commands import status, verify
from tests.support.git import git_bytes
from tests.support.hosts import Host, mirror
from tests.support.laws import EVERY_ROW, each
from tests.support.upstreams import Upstream

Edit = Callable[[Path], None]


def _written(path: str, content: str = "mine\n") -> Edit:
    def edit(root: Path) -> None:
        file = root / path
        if file.is_symlink() or file.parent.is_file():
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    return edit


def _appended(path: str, content: str) -> Edit:
    def edit(root: Path) -> None:
        if (root / path).is_file():
            with (root / path).open("a") as file:
                file.write(content)

    return edit


def _removed(path: str) -> Edit:
    def edit(root: Path) -> None:
        if (root / path).is_dir():
            shutil.rmtree(root / path)
        else:
            (root / path).unlink(missing_ok=True)

    return edit


def _replaced(path: str, old: str, new: str) -> Edit:
    def edit(root: Path) -> None:
        if (root / path).is_file():
            (root / path).write_text((root / path).read_text().replace(old, new))

    return edit


RECORD, MANIFEST = "third_party/provenance/up.json", "third_party/mirrors.toml"
FORM_RECORD = "third_party/provenance/derived/patched.json"
PATCH = "third_party/patches/a.patch"
FORMS = """\
[derived.zip]
form = "gzip"
of = "up:a.wit"
into = ["/crates/w/up.gz", "up.gz"]
[derived.patched]
form = "patched"
of = "up"
patches = ["patches/a.patch"]
into = ["/crates/w/deps/patched", "patched"]
"""
EDITS: dict[str, Edit] = {
    "an edited copy": _written("third_party/up/a.wit"),
    "an edited copy in a crate": _written("crates/w/deps/up/a.wit"),
    "a file more in a copy": _written("crates/w/deps/up/new.wit"),
    "a missing file": _removed("third_party/up/a.wit"),
    "a missing place": _removed("crates/w/deps/up"),
    "no copy at all": _removed("third_party/up"),
    "a missing licence": _removed("third_party/licenses/up"),
    "an edited licence": _written("third_party/licenses/up/LICENSE"),
    "a stray": _written("third_party/stray.txt"),
    "a stray directory": _written("third_party/some/deep/stray.txt"),
    "a stray among records": _written("third_party/provenance/README"),
    "a stray among licences": _written("third_party/licenses/README"),
    "a stray in a sealed directory": _written("crates/w/deps/mine.wit"),
    "a file outside": _written("crates/w/src/lib.rs"),
    "an own file": _written("third_party/up.BUILD"),
    "an own file in a sealed directory": _written("crates/w/deps/own/x"),
    "a lookalike": _written("Third_Party/x"),
    "an edited record": _replaced(RECORD, '"size": 4', '"size": 5'),
    "another tree": _replaced(RECORD, '"tree": "', '"tree": "0'),
    "a broken record": _written(RECORD, "{"),
    "no record": _removed(RECORD),
    "a record of nobody": _written("third_party/provenance/nobody.json", "{}\n"),
    "a moved pin": _replaced(MANIFEST, '"v1"', '"v2"'),
    "another URL": _replaced(MANIFEST, "https://example.org/", "https://example.com/"),
    "a place more": _replaced(MANIFEST, '"up"]', '"up", "/elsewhere"]'),
    "not checked in": _appended(MANIFEST, "checked-in = false\n"),
    "a table that is gone": _replaced(MANIFEST, "[mirrors", "[mirrors.other]\n[mirrors"),
    "a policy": _appended(MANIFEST, '[policy]\nupstreams = ["https://example.net/*"]\n'),
    "attributes of the root": _written(".gitattributes", "* text eol=crlf\n"),
    "attributes of third_party": _written("third_party/.gitattributes", "*.wit text\n"),
    "attributes in a crate": _written("crates/.gitattributes", "*.wit text eol=crlf\n"),
    "an edited form": _written("third_party/up.gz"),
    "an edited form in a crate": _written("crates/w/up.gz"),
    "an edited patched copy": _written("crates/w/deps/patched/a.wit"),
    "a file more in a patched copy": _written("third_party/patched/new.wit"),
    "a missing form": _removed("crates/w/up.gz"),
    "no form at all": _removed("third_party/patched"),
    "an edited patch": _appended(PATCH, "more\n"),
    "no patch": _removed(PATCH),
    "an edited record of a form": _replaced(FORM_RECORD, '"size": ', '"size": 1'),
    "a broken record of a form": _written(FORM_RECORD, "{"),
    "no record of a form": _removed(FORM_RECORD),
    "a record of no form": _written("third_party/provenance/derived/nothing.json", "{}\n"),
    "a stray among records of forms": _written("third_party/provenance/derived/README"),
    "another form": _replaced(MANIFEST, '"up:a.wit"', '"up:b/c.wit"'),
    "another place of a form": _replaced(MANIFEST, '"up.gz"', '"other.gz"'),
    "a form that is gone": _replaced(MANIFEST, "[derived.zip]", "[derived.zap]"),
    "attributes at a patch": _written("third_party/patches/.gitattributes", "* text eol=crlf\n"),
    "attributes at a form": _written("crates/w/.gitattributes", "*.gz text eol=crlf\n"),
    "harmless attributes": _written("crates/.gitattributes", "*.rs text\n"),
    "an export-ignore": _written("crates/w/.gitattributes", "a.wit export-ignore\n"),
}


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """A host with a mirror in two places, one of them in a sealed directory, and two forms of it."""
    directory = tmp_path_factory.mktemp("law")
    upstream = Upstream.create(directory / "up")
    upstream.release("v1", {"wit/a.wit": b"one\n", "wit/b/c.wit": b"two\n", "LICENSE": b"l\n"})
    host = Host.create(directory / "host")
    url = "https://example.org/up"
    places = ["/crates/w/deps/up", "up"]
    table = mirror("up", url, tag="v1", from_="wit", into=places)
    own = '[host]\nown = ["*.BUILD", "/crates/w/deps/own/"]\nsealed = ["/crates/w/deps"]\n'
    host.manifest(own + FORMS + table)
    one, other = (host.git("hash-object", "-w", "--stdin", stdin=x) for x in (b"one\n", b"1\n"))
    patch = host.path / PATCH
    patch.parent.mkdir()
    diff = git_bytes(host.path, "diff", "--full-index", one, other)
    for blob in (one, other):
        diff = diff.replace(b"/" + blob.encode(), b"/a.wit")
    patch.write_bytes(b"Description: a\nAuthor: A\n\n" + diff)
    host.git("config", f"url.{upstream.url}.insteadOf", url)
    host.sync("--commit")
    return host


def _verdicts(root: Path) -> dict[str, object]:
    """What each command makes of a host: whether it is clean, or which error stops it."""
    host = find_host(root)

    def told(judge: Callable[[], bool]) -> object:
        try:
            return judge()
        except VerbatimError as error:
            return error.reference

    return {
        "verify": told(lambda: not verify(open_state(host), [], host).findings),
        "verify --index": told(lambda: not verify(open_state(host, index=True), [], host).findings),
        "verify --rev": told(
            lambda: not verify(open_state(host, revision="HEAD"), [], host).findings
        ),
        "status": told(lambda: status(host, []).is_well),
        "check --all": told(lambda: open_policy(host).check_all().is_clean),
        "report": told(
            lambda: not gather(host, with_content=False, advance=lambda _, __: None).findings
        ),
    }


def _agreeing(synced: Host, root: Path, edits: list[str]) -> dict[str, object]:
    shutil.copytree(synced.path, root, symlinks=True)
    for name in edits:
        EDITS[name](root)
    host = Host(root)
    host.git("add", "--all", "--force")
    host.git("commit", "--quiet", "--allow-empty", "--no-verify", "-m", "edits")
    return _verdicts(root)


@pytest.mark.parametrize("edit", each(4, EDITS))
def test_every_command_finds_what_one_of_them_finds(
    synced: Host, tmp_path: Path, edit: str
) -> None:
    verdicts = _agreeing(synced, tmp_path / "host", [edit])
    assert len({str(one) for one in verdicts.values()}) == 1, verdicts


def test_each_state_that_is_only_the_hosts_business_is_clean(synced: Host, tmp_path: Path) -> None:
    own = ["a file outside", "an own file", "an own file in a sealed directory"]
    verdicts = _agreeing(synced, tmp_path / "host", [*own, "harmless attributes"])
    assert {*verdicts.values()} == {True}, verdicts


@given(st.lists(st.sampled_from(sorted(EDITS)), min_size=2, max_size=4, unique=True))
@settings(
    max_examples=300 if EVERY_ROW else 6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_they_agree_about_any_edits_together(
    synced: Host, tmp_path_factory: pytest.TempPathFactory, edits: list[str]
) -> None:
    verdicts = _agreeing(synced, tmp_path_factory.mktemp("state") / "host", edits)
    assert len({str(one) for one in verdicts.values()}) == 1, (edits, verdicts)
