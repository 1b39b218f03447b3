"""Facts of mirrors for reports, made by hand."""

from collections.abc import Sequence
from typing import Any

from sync.ids import Mode, ObjectId, RepoPath
from sync.judgement.findings import Presence
from sync.manifest.license_expressions import parse_expression
from sync.model.mirrors import Holding, Mirror, Selection, UpstreamCommit
from sync.model.values import FileFact, Pin, PinKind
from sync.record.record import Record
from sync.report.facts import Component, Facts, LicenseText, Licensing
from tests.support.changed import changed

COMMIT = ObjectId("1" * 40)
TREE = ObjectId("2" * 40)
BLOB = ObjectId("3" * 40)
NO_LICENSING = Licensing(None, "upstream ships no licence file that covers it", None, None, (), ())


def text(
    content: str, expression: str | None = None, path: str = "third_party/licenses/one/LICENSE"
) -> LicenseText:
    return LicenseText(
        path, RepoPath(b"LICENSE"), BLOB, expression, expression and "blob id", content.encode()
    )


def concluded(
    expression: str, *texts: LicenseText, copyright_lines: Sequence[str] = ()
) -> Licensing:
    return Licensing(
        None, "nobody knows", parse_expression(expression), None, texts, tuple(copyright_lines)
    )


def component(name: str = "one", pinned: str | None = "v1.2", **changes: Any) -> Component:
    """A mirror of one file that is here, as the facts have it.

    It `is_root` unless that is denied.
    """
    pin = Pin(PinKind.COMMIT, COMMIT) if pinned is None else Pin(PinKind.TAG, pinned)
    url = f"https://example.org/{name}"
    mirror = Mirror(name, url, pin, (f"third_party/{name}",), Selection())
    root = changes.get("tree", TREE) if changes.pop("is_root", True) else "0" * 40
    upstream = UpstreamCommit(
        url, pin, COMMIT, "2024-09-10T11:12:13Z", None, f"tree {root}\n\n".encode(), ()
    )
    files = (FileFact(RepoPath(b"file"), Mode.FILE, BLOB, 1, "4" * 64),)
    holding = Holding(TREE, TREE, files, (), ())
    record = Record(name, mirror.places, upstream, Selection(), holding)
    return changed(Component(mirror, record, Presence.PRESENT, NO_LICENSING, (), None), **changes)


def rendered(report: Any, *components: Component) -> str:
    return report.render(Facts(components, 0)).decode()
