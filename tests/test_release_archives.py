"""A release archive of a host verifies, or `check` says beforehand why not.

Git's own archives, unpacked, are the oracle.
"""

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from policies.check import Policy
from sync.errors import HostError
from sync.host.attributes_and_ignores import ATTRIBUTES, EARLIER_ATTRIBUTES
from sync.host.find import find_host
from sync.report.gather import gather
from tests.support.git import git_bytes
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Content, Upstream

FILES: dict[str, Content] = {
    "LICENSE": b"do what you like\n",
    "wit/a.wit": b"package a;\n",
    "wit/version.txt": b"$Format:%H$\n",
    "wit/img/x.png": b"\x89PNG\0",
    "wit/img/deep/y.wit": b"package y;\n",
    "wit/link": ("120000", b"a.wit"),
}
PATHS = (
    *(
        "*",
        "/third_party",
        "third_party/",
        "third_party/**",
        "/up",
        "up/",
        "up/**",
        "third_party/up",
        "third_party/up/*",
    ),
    *(
        "img",
        "img/",
        "IMG",
        "img/*",
        "/img",
        "*.wit",
        "*.png",
        "a.wit",
        "deep",
        "link",
        "version.txt",
        "third_party/up/img",
    ),
    *(
        "LICENSE",
        "licenses",
        "licenses/up",
        "third_party/licenses",
        "/licenses/up/",
        "*.json",
        "provenance",
        "up.json",
    ),
    *(
        "/crates",
        "/crates/up",
        "crates/up/",
        "crates/up/img",
        "crates/*",
        "/crates/up/a.wit",
    ),
    *(
        "provenance/up.json",
        "mirrors.toml",
        "*.toml",
        "/mirrors.toml",
        ".gitattributes",
        "other",
        "other/*",
        "/other/link",
    ),
)
SAID = (
    *(
        "export-ignore",
        "-export-ignore",
        "!export-ignore",
        "export-ignore=yes",
        "export-subst",
        "-export-subst",
    ),
    *(
        "export-ignore export-subst",
        "binary",
        "mine",
        "linguist-vendored",
        "merge=union",
        "text=auto eol=lf",
    ),
)
LINES = st.builds("{} {}\n".format, st.sampled_from(PATHS), st.sampled_from(SAID))
MACRO = "[attr]mine export-ignore\n"
TOPS = (ATTRIBUTES, *EARLIER_ATTRIBUTES, "* -text\n", "")
NESTED = (
    *(
        "",
        "* text=auto eol=lf\n",
        "/img export-ignore\n",
        "IMG export-ignore\n",
        "* export-ignore\n",
        "link export-ignore\n",
    ),
    *("*.txt export-subst\n", "*.png mine\n", "* binary\n/img -export-ignore\n"),
)
"""Of upstream's own; each costs a sync."""


@dataclass(frozen=True)
class Bench:
    """A host with two mirrors, of which one may have attributes of its own, at two places.

    It is synced once for each such file of attributes.
    """

    host: Host
    upstream: Upstream
    kept: dict[str, str]

    def tree(self, root: str, top: str, nested: str) -> str:
        """A commit of the host with these attributes; `nested` are upstream's."""
        self._sync(nested)
        self.host.git("read-tree", self.kept[nested])
        for path, content in ((".gitattributes", root), ("third_party/.gitattributes", top)):
            blob = self.host.git("hash-object", "-w", "--stdin", stdin=content.encode())
            self.host.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
        return self.host.git("commit-tree", "-m", "release", self.host.git("write-tree"))

    def _sync(self, nested: str) -> None:
        if nested in self.kept:
            return
        tag = f"v{len(self.kept)}"
        self.upstream.release(
            tag, {**FILES, **({"wit/.gitattributes": nested.encode()} if nested else {})}
        )
        excluded = {"exclude": [".gitattributes"]} if nested else {}
        tables = [
            mirror(name, self.upstream.url, tag=tag, from_="wit", local=True, **more)
            for name, more in (("up", {"into": ["up", "/crates/up"]}), ("other", excluded))
        ]
        self.host.manifest("".join(tables))
        self.host.git("read-tree", "--empty")
        self.host.sync()
        self.host.git("add", "third_party/mirrors.toml")
        self.kept[nested] = self.host.git("write-tree")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    directory = tmp_path_factory.mktemp("archives")
    return Bench(Host.create(directory / "host"), Upstream.create(directory / "upstream"), {})


def found(host: Host, commit: str) -> set[str]:
    """What `check --all` finds of attributes in a commit."""
    host.git("update-ref", "--no-deref", "HEAD", commit)
    report = Policy(find_host(host.path).require_repository()).check_all()
    findings = [
        violation.finding for judgement in report.judgements for violation in judgement.violations
    ]
    assert {str(finding.rule) for finding in findings} <= {"attributes-alter-bytes"}, findings
    return {finding.message for finding in findings if "git archive" in finding.message}


def unpack(host: Host, commit: str, to: Path, *options: str) -> Path:
    archive = git_bytes(host.path, *options, "archive", "--format=tar", "--prefix=release/", commit)
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        members.extractall(to, filter="fully_trusted")
    return to / "release"


def is_well(release: Path) -> bool:
    """Whether all that a release holds verifies, or nothing of mirrors is in it."""
    left = [
        path
        for path in release.rglob("*")
        if path.is_file() and path.name not in {".gitattributes", ".gitignore"}
    ]
    if not left:
        return True
    try:
        return (
            gather(find_host(release), with_content=False, advance=lambda *_: None).facts
            is not None
        )
    except HostError:
        return False  # the manifest is missing


@example(root=["/crates/up export-ignore\n"], top=ATTRIBUTES, below=[], nested="")
@example(root=["/crates/up/a.wit export-ignore\n"], top=ATTRIBUTES, below=[], nested="")
@example(root=[], top=ATTRIBUTES, below=["/up export-ignore\n"], nested="")
@given(
    root=st.lists(LINES, max_size=3),
    top=st.sampled_from(TOPS),
    below=st.lists(LINES, max_size=2),
    nested=st.sampled_from(NESTED),
)
@settings(
    max_examples=50,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_check_says_so_exactly_where_an_archive_does_not_verify(
    bench: Bench,
    tmp_path_factory: pytest.TempPathFactory,
    root: Sequence[str],
    top: str,
    below: Sequence[str],
    nested: str,
) -> None:
    commit = bench.tree(MACRO + "".join(root), top + "".join(below), nested)
    said = found(bench.host, commit)
    releases = [
        unpack(
            bench.host, commit, tmp_path_factory.mktemp("release"), "-c", f"core.ignoreCase={world}"
        )
        for world in ("false", "true")
    ]
    assert (not said) == all(map(is_well, releases)), said
