"""Reports say "as recorded", or what upstream said on a date: never more than was asked."""

import json
import re
from pathlib import Path

import pytest

from sync.report.formats.registry import FORMATS
from tests.support.hosts import Host, mirror
from tests.support.program import Ran
from tests.support.upstreams import Upstream

TROUBLE = 2
DATE = "2026-03-04T05:06:07Z"


@pytest.fixture
def two(host: Host, upstream: Upstream) -> Host:
    """A host with the mirrors `one` and `two`."""
    upstream.release("v1", {"a": b"a\n", "LICENSE": b"licence\n"})
    upstream.release("v2", {"a": b"b\n", "LICENSE": b"licence\n"})
    keys = {"local": True}
    text = mirror("one", upstream.url, tag="v1", **keys) + mirror(
        "two", upstream.url, tag="v2", **keys
    )
    host.manifest(text)
    host.sync()
    return host


def asked(host: Host, *mirrors: str, status: int = 0) -> Path:
    """What `verify --upstream --json` prints, with a date that every run has."""
    ran = host.run("verify", "--upstream", "--json", *mirrors)
    assert ran.status == status, ran
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ran.json["asked"])
    path = host.path.parent / "asked.json"
    path.write_text(json.dumps({**ran.json, "asked": DATE}))
    return path


def report(host: Host, name: str, path: Path | None) -> Ran:
    return host.run("report", name, *(() if path is None else ("--asked", str(path))))


def headline(host: Host, path: Path | None) -> str:
    first = report(host, "markdown", path).out.splitlines()[0]
    return first.strip("*.").rpartition(": ")[2].replace("\\", "")


def test_nobody_knows_that_none_is_a_fork_until_upstream_says_so(two: Host) -> None:
    assert headline(two, None) == "both are unmodified copies, as recorded"
    said = "both are unmodified copies, none is a fork, as upstream said on 2026-03-04"
    assert headline(two, asked(two)) == said


def test_a_report_says_which_mirrors_were_asked_about(two: Host, upstream: Upstream) -> None:
    said = "both are unmodified copies, 1 as upstream said on 2026-03-04, 1 as recorded"
    assert headline(two, asked(two, "one")) == said
    upstream.tag("v2", "v1", force=True)
    path = asked(two, status=1)
    assert headline(two, path) == (
        "both are unmodified copies, 1 as upstream said on 2026-03-04, "
        "1 against what upstream said on 2026-03-04 (tag-moved)"
    )
    one, other = report(two, "json", path).json["components"]
    assert one["upstream"]["asked"] == {"date": DATE, "agrees": True, "found": []}
    assert other["upstream"]["asked"] == {"date": DATE, "agrees": False, "found": ["tag-moved"]}
    assert report(two, "json", None).json["components"][0]["upstream"]["asked"] is None


def test_what_could_not_be_asked_is_as_recorded(two: Host, upstream: Upstream) -> None:
    upstream.path.rename(upstream.path.with_name("gone"))
    path = asked(two, status=3)
    assert [one["upstream"] for one in json.loads(path.read_text())["mirrors"]] == ["not-asked"] * 2
    assert headline(two, path) == "both are unmodified copies, as recorded"


@pytest.mark.parametrize("name", [one.name for one in FORMATS if one.name != "sha256sums"])
def test_every_format_gives_the_date_and_the_same_bytes(two: Host, name: str) -> None:
    path = asked(two)
    out = report(two, name, path).out
    assert "2026-03-04" in out
    assert report(two, name, path).out == out
    assert "2026-03-04" not in report(two, name, None).out


def test_written_reports_are_current_by_the_same_answers(two: Host, tmp_path: Path) -> None:
    path, place = asked(two), str(tmp_path / "reports")
    assert two.run("report", "--all", "-o", place, "--asked", str(path)).status == 0
    assert two.run("report", "--check", place, "--asked", str(path)).status == 0
    assert two.run("report", "--check", place).status == 1


def test_answers_about_other_records_are_refused(two: Host, upstream: Upstream) -> None:
    path = asked(two)
    text = (two.third_party / "mirrors.toml").read_text()
    two.manifest(text.replace('"v1"', '"v2"'))
    two.sync()
    ran = report(two, "markdown", path)
    assert (ran.status, ran.out) == (TROUBLE, "")
    assert "another record: one" in ran.err
    assert "another record: two" not in ran.err
    assert "git verbatim verify --upstream --json" in ran.err
    other = Host.create(two.path.parent / "other")
    other.manifest(mirror("three", upstream.url, tag="v1", local=True))
    other.sync()
    assert "another record: one" in report(other, "json", path).err


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"schema": 9}',
        "\x00",
        '{"schema": 1, "asked": "yesterday", "mirrors": [], "findings": []}',
    ],
)
def test_a_file_that_is_none_is_refused(two: Host, tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(content)
    ran = report(two, "markdown", path)
    assert (ran.status, ran.out) == (TROUBLE, "")
    assert "is not what `git verbatim verify --upstream --json` of this version prints" in ran.err


def test_a_file_for_which_nobody_was_asked_is_refused(two: Host, tmp_path: Path) -> None:
    path = tmp_path / "verified.json"
    ran = two.run("verify", "--json")
    assert ran.json["asked"] is None
    assert {one["upstream"] for one in ran.json["mirrors"]} == {None}
    path.write_text(ran.out)
    assert "no upstream was asked" in report(two, "markdown", path).err
    assert report(two, "markdown", tmp_path / "missing").status == TROUBLE
