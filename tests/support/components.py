"""Facts of mirrors for reports, made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.manifest.license_expressions import parse_expression
from sync.model import FileFact, Pin, PinKind
from sync.report.facts import Component, Facts, LicenseText, Licensing
from sync.report.versions import version_of

COMMIT = ObjectId("1" * 40)
TREE = ObjectId("2" * 40)
BLOB = ObjectId("3" * 40)
NO_LICENSING = Licensing(None, "upstream ships no licence file that covers it", None, None, (), ())


def text(content: str, expression: str | None = None, path: str = "third_party/licenses/one/LICENSE") -> LicenseText:
    return LicenseText(path, RepoPath(b"LICENSE"), BLOB, expression, expression and "blob id", content.encode())


def concluded(expression: str, *texts: LicenseText, copyright_lines: Sequence[str] = ()) -> Licensing:
    return Licensing(None, "nobody knows", parse_expression(expression), None, texts, tuple(copyright_lines))


def component(name: str = "one", pinned: str | None = "v1.2", **changes: Any) -> Component:
    """A mirror that is here, of one file, as the facts have it."""
    pin = Pin(PinKind.COMMIT, COMMIT) if pinned is None else Pin(PinKind.TAG, pinned)
    plain = Component(
        name=name,
        into=name,
        presence=Presence.PRESENT,
        description=None,
        supplier=None,
        url=f"https://example.org/{name}",
        also_at=(),
        pin=pin,
        version=version_of(pin),
        tag=None,
        commit=COMMIT,
        commit_time="2024-09-10T11:12:13Z",
        source=RepoPath(b""),
        include=(),
        exclude=(),
        tree=TREE,
        upstream_tree=TREE,
        is_root=True,
        files=(FileFact(RepoPath(b"file"), Mode.FILE, BLOB, 1, "4" * 64),),
        license_files=(),
        licensing=NO_LICENSING,
        nested=(),
        content=None,
    )
    return replace(plain, **changes)


def rendered(report: Any, *components: Component) -> str:
    return report.render(Facts(components, 0)).decode()
