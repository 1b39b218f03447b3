"""`report`: what it refuses, and where it writes.

The same facts give the same bytes everywhere.
"""

import json
import os
import pty
import shutil
import stat
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sync.quoting import unquote_path
from sync.report.formats.registry import FORMATS
from tests.support.bundles import Bundle
from tests.support.hosts import Host, commit, mirror
from tests.support.program import Ran, run_tool
from tests.support.project import ROOT
from tests.support.upstreams import Upstream

NAMES = [report.name for report in FORMATS]
FILES = sorted(report.file_name for report in FORMATS)


def written(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


# what stands in the way of a report


def _edit(bundle: Bundle) -> str:
    path = bundle.third_party / "wit/io/poll.wit"
    path.write_bytes(path.read_bytes() + b"\n")
    return "third_party/wit/io/poll.wit: content differs"


def _flip_mode(bundle: Bundle) -> str:
    (bundle.third_party / "wit/io/poll.wit").chmod(0o755)
    return "third_party/wit/io/poll.wit: mode differs"


def _add(bundle: Bundle) -> str:
    (bundle.third_party / "wit/io/.extra").touch()
    return "third_party/wit/io/.extra: not upstream's"


def _delete(bundle: Bundle) -> str:
    (bundle.third_party / "wit/io/poll.wit").unlink()
    return "third_party/wit/io/poll.wit: missing"


def _link(bundle: Bundle) -> str:
    path = bundle.third_party / "wit/io/poll.wit"
    path.unlink()
    path.symlink_to("streams.wit")
    return "third_party/wit/io/poll.wit: is a file of another kind"


def _add_beside(bundle: Bundle) -> str:
    (bundle.third_party / "wit/other/deep").mkdir(parents=True)
    (bundle.third_party / "wit/other/deep/code.c").touch()
    return (
        "third_party/wit/other/deep/code.c: "
        "no mirror, record, licence, manifest or `own` pattern accounts for it"
    )


def _edit_license(bundle: Bundle) -> str:
    (bundle.third_party / "licenses/io/LICENSE.md").write_text("yours\n")
    return "third_party/licenses/io/LICENSE.md: content differs"


def _drop_licenses(bundle: Bundle) -> str:
    shutil.rmtree(bundle.third_party / "licenses/io")
    return "third_party/licenses/io: missing altogether"


def _edit_record(bundle: Bundle) -> str:
    path = bundle.third_party / "provenance/io.json"
    path.write_text(path.read_text().replace('"size": ', '"size": 1'))
    return "third_party/wit/io/poll.wit: the record's size or SHA-256 is wrong"


def _drop_record(bundle: Bundle) -> str:
    (bundle.third_party / "provenance/io.json").unlink()
    return "the manifest has mirror io, but there is no record of it"


def _move_pin(bundle: Bundle) -> str:
    bundle.write_manifest(lambda text: text.replace('tag = "v0.2.0"', 'tag = "v0.2.1"', 1))
    return "tag: the manifest says v0.2.1, the record v0.2.0"


# A mirror whose copies lie in third_party/ and outside of it is judged in each place.


@pytest.mark.parametrize("place", ["crates/part", "third_party/deep/part"])
@pytest.mark.parametrize("removed", [False, True])
def test_what_differs_in_one_place_is_named_whether_the_others_are_here_or_not(
    torture_bundle: Bundle, place: str, removed: bool
) -> None:
    (torture_bundle.path / place / "script.sh").write_text("yours\n")
    if removed:
        (other,) = {"crates/part", "third_party/deep/part"} - {place}
        shutil.rmtree(torture_bundle.path / other)
    ran = torture_bundle.run("report")
    assert (ran.status, ran.out) == (1, "")
    assert f"    {place}/script.sh: content differs\n" in ran.err
    assert ran.err.count("differs\n") == 1


CHANGES = [
    *(_edit, _flip_mode, _add, _delete, _link, _add_beside, _edit_license),
    *(_drop_licenses, _edit_record, _drop_record, _move_pin),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_what_is_not_as_recorded_is_named_and_no_report_is_written(
    nested_bundle: Bundle, tmp_path: Path, change: Callable[[Bundle], str]
) -> None:
    finding = change(nested_bundle)
    ran = nested_bundle.run("report", "--all", "-o", str(tmp_path / "reports"))
    assert (ran.status, ran.out) == (1, "")
    assert finding in ran.err
    assert ran.err.endswith("no report: what is here is not what is recorded\n")
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("name", NAMES)
def test_no_format_is_written_over_drift(nested_bundle: Bundle, tmp_path: Path, name: str) -> None:
    output = tmp_path / "report"
    output.write_text("the one before\n")
    _edit(nested_bundle)
    assert nested_bundle.run("report", name, "-o", str(output)).status == 1
    assert output.read_text() == "the one before\n"


# mirrors that are not here


@pytest.mark.parametrize("with_licenses", [True, False])
def test_a_mirror_that_was_removed_as_a_whole_is_reported_as_removed(
    nested_bundle: Bundle, tmp_path: Path, with_licenses: bool
) -> None:
    shutil.rmtree(nested_bundle.third_party / "wit/io")
    if with_licenses:
        shutil.rmtree(nested_bundle.third_party / "licenses/io")
    components = nested_bundle.components()
    assert [(c["name"], c["presence"], c["unmodified"]) for c in components] == [
        ("io", "removed", None),
        ("clocks", "present", True),
        ("http", "present", True),
    ]
    markdown = nested_bundle.report("markdown").out
    assert markdown.startswith(
        "**wasi-clocks 0.2.0, wasi-http 0.3.0-rc-2025-09-16: both are unmodified copies, as recorded; 1 removed.**\n"
    )
    assert "| io<br>`third_party/wit/io` | 0.2.0 |" in markdown
    nested_bundle.report("--all", "-o", str(tmp_path / "reports"))
    assert sorted(written(tmp_path / "reports")) == FILES
    verified = nested_bundle.run("verify", "--json")
    assert (verified.status, [m["presence"] for m in verified.json["mirrors"]]) == (
        0,
        ["removed", "present", "present"],
    )
    status = nested_bundle.run("status", "--json")
    assert (status.status, [m["standing"] for m in status.json["mirrors"]]) == (
        0,
        ["removed", "clean", "clean"],
    )


def test_a_place_that_was_removed_as_a_whole_is_reported_as_removed_and_the_others_are_here(
    torture_bundle: Bundle, tmp_path: Path
) -> None:
    shutil.rmtree(torture_bundle.path / "crates/part")
    part = torture_bundle.components()[1]
    assert (part["name"], part["presence"], part["places"], part["not_here"]) == (
        "part",
        "present",
        ["crates/part", "third_party/deep/part"],
        ["crates/part"],
    )
    assert [file["paths"] for file in part["files"] if file["mode"] == "100755"] == [
        ["third_party/deep/part/script.sh"]
    ]
    torture_bundle.report("--all", "-o", str(tmp_path / "reports"))
    assert sorted(written(tmp_path / "reports")) == FILES
    for ran in (torture_bundle.run("verify"), torture_bundle.run("status")):
        assert (ran.status, ran.err) == (0, "")
        assert ", 1 place removed" in ran.out
    (torture_bundle.path / "crates/part").mkdir()
    assert torture_bundle.components()[1]["not_here"] == ["crates/part"]


@pytest.mark.parametrize("gone", [("crates/up",), ("crates/up", "third_party/up")])
def test_in_a_repository_a_place_that_is_missing_is_a_finding_of_every_command(
    host: Host, upstream: Upstream, gone: tuple[str, ...]
) -> None:
    upstream.release("v1", {"a.wit": b"package a;"})
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, into=["up", "/crates/up"]))
    host.sync("--commit")
    for place in gone:
        shutil.rmtree(host.path / place)
    commit(host)
    for command in (["verify"], ["report"], ["check", "--all"]):
        ran = host.run(*command)
        assert ran.status == 1, command
        for place in gone:
            assert f"{place}: missing altogether" in ran.out + ran.err, command
    status = host.run("status", "--json")
    assert [finding["path"] for finding in status.json["mirrors"][0]["findings"]] == list(gone)
    assert status.status == 1


def test_where_no_file_is_here_people_get_a_report_and_inventories_an_error(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    shutil.rmtree(nested_bundle.third_party / "wit")
    assert nested_bundle.report("markdown").out.startswith(
        "**Nothing of 3 mirrors is here; 3 removed.**\n"
    )
    for arguments in (["spdx"], ["verify-sh"], ["--all", "-o", str(tmp_path / "reports")]):
        ran = nested_bundle.run("report", *arguments)
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.startswith(
            "error: the files of no mirror are here: there is nothing to list\n  io: removed\n"
        )
    assert not (tmp_path / "reports").exists()


def test_mirrors_that_are_not_checked_in_are_named_from_their_records_alone(tmp_path: Path) -> None:
    kept = shutil.ignore_patterns("wasi", "licenses")
    shutil.copytree(ROOT / "third_party", tmp_path / "release/third_party", ignore=kept)
    bundle = Bundle(tmp_path / "release")
    assert {c["presence"] for c in bundle.components()} == {"absent"}
    assert bundle.report().out.startswith(
        "**Nothing of 18 mirrors is here; 18 not checked in and not here, 8 forms not here.**\n"
    )
    cli = bundle.components()[0]
    assert (cli["name"], cli["version"]["upstream"], cli["tree"]) == (
        "wasi-0.2-cli",
        "0.2.12",
        "002c0173a32555455a5f010361350493057adb3f",
    )
    assert cli["licensing"]["declared"] == "LicenseRef-scancode-w3c-community-cla"


# the same bytes everywhere


def test_reports_are_the_same_in_another_place_under_another_environment(
    bundle: Bundle, tmp_path: Path
) -> None:
    bundle.report(
        "--all", "-o", str(tmp_path / "one"), TZ="UTC", LC_ALL="C.UTF-8", PYTHONHASHSEED="1"
    )
    elsewhere = Bundle(tmp_path / "an other place" / "named so")
    shutil.copytree(bundle.path, elsewhere.path, symlinks=True)
    environment: dict[str, Any] = {
        "TZ": "Asia/Kolkata",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "2",
        "USER": "somebody",
        "HOSTNAME": "somewhere",
    }
    (tmp_path / "home").mkdir()
    ran = run_tool(
        elsewhere.third_party,
        "report",
        "--all",
        "-o",
        str(tmp_path / "two"),
        HOME=str(tmp_path / "home"),
        **environment,
    )
    assert ran.status == 0, ran.err
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert sorted(written(tmp_path / "one")) == FILES


def test_no_report_names_the_machine_or_the_clock(nested_bundle: Bundle, tmp_path: Path) -> None:
    nested_bundle.report("--all", "-o", str(tmp_path / "reports"))
    for content in written(tmp_path / "reports").values():
        assert str(tmp_path).encode() not in content
        assert os.uname().nodename.encode() not in content


def test_the_time_is_source_date_epoch_else_that_of_the_newest_commit(
    nested_bundle: Bundle,
) -> None:
    assert nested_bundle.report("json").json["created"] == "2026-01-02T03:04:05Z"
    assert (
        nested_bundle.report("json", SOURCE_DATE_EPOCH="1700000000").json["created"]
        == "2023-11-14T22:13:20Z"
    )
    for wrong in ("yesterday", "-1", "1e9", "999999999999"):
        ran = nested_bundle.run("report", "json", SOURCE_DATE_EPOCH=wrong)
        assert (ran.status, ran.out) == (2, "")
        assert ran.err.startswith(f"error: SOURCE_DATE_EPOCH is no time: {wrong}\n")


def test_neither_git_nor_network_is_needed(nested_bundle: Bundle, tmp_path: Path) -> None:
    ran = nested_bundle.run("report", "--all", "-o", str(tmp_path / "reports"), PATH="/nonexistent")
    assert (ran.status, ran.err) == (0, f"wrote {len(FORMATS)} reports to {tmp_path}/reports\n")


# where reports go


def test_a_report_goes_to_stdout_or_into_a_file_byte_by_byte(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    markdown = nested_bundle.report().out
    assert (
        markdown
        == nested_bundle.report("markdown").out
        == nested_bundle.report("markdown", "-o", "-").out
    )
    assert nested_bundle.write("markdown", tmp_path).read_text() == markdown
    assert nested_bundle.report("json").out == nested_bundle.report("--json").out
    script = nested_bundle.write("verify-sh", tmp_path)
    assert stat.S_IMODE(script.stat().st_mode) == 0o777 & ~_umask()
    assert stat.S_IMODE((tmp_path / "markdown").stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0o22)
    os.umask(mask)
    return mask


def test_what_a_link_names_is_replaced_and_the_link_stays(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / "real").write_text("old\n")
    (tmp_path / "link").symlink_to("real")
    nested_bundle.report("json", "-o", str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "real").read_bytes())["schema"] == 2


def test_what_is_replaced_keeps_its_permissions(nested_bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "secret").touch(0o600)
    nested_bundle.report("json", "-o", str(tmp_path / "secret"))
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_all_formats_go_into_a_directory_and_leave_alone_what_is_there(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    directory = tmp_path / "made/for it"
    nested_bundle.report("--all", "-o", str(directory))
    assert sorted(written(directory)) == FILES
    (directory / "README").write_text("ours\n")
    nested_bundle.report("--all", "-o", str(directory))
    assert sorted(written(directory)) == sorted([*FILES, "README"])


def test_a_person_on_a_terminal_gets_a_table(nested_bundle: Bundle) -> None:
    lines = _on_terminal(nested_bundle, "report", columns=200).splitlines()
    assert (
        lines[0]
        == "\x1b[1mwasi-io 0.2.0, wasi-clocks 0.2.0, wasi-http 0.3.0-rc-2025-09-16: all 3 are unmodified copies, as recorded\x1b[0m"
    )
    assert lines[2].startswith("\x1b[2mMIRROR  VERSION ")
    assert len(lines) == 3 + 2 * 3 + 4
    assert lines[4] == "\x1b[2m  in third_party/wit/io\x1b[0m"
    assert lines[3].split() == [
        *("io", "0.2.0", "unmodified", "github.com/WebAssembly/wasi-io", "wit", "at"),
        nested_bundle.components()[0]["upstream"]["commit"][:12],
        *("Apache-2.0", "WITH", "LLVM-exception", "(declared)"),
    ]
    assert "  deps/random: no origin found" in _on_terminal(nested_bundle, "report", NO_COLOR="1")
    commit = nested_bundle.components()[0]["upstream"]["commit"][:12]
    assert _on_terminal(nested_bundle, "report", columns=80, NO_COLOR="1").splitlines()[2:6] == [
        "io      0.2.0                unmodified",
        f"  github.com/WebAssembly/wasi-io wit at {commit}",
        "  Apache-2.0 WITH LLVM-exception (declared)",
        "  in third_party/wit/io",
    ]
    assert _on_terminal(nested_bundle, "report", "markdown").startswith("**wasi-io 0.2.0")


def test_the_table_names_each_place(torture_bundle: Bundle) -> None:
    shutil.rmtree(torture_bundle.path / "crates/part")
    assert [
        line
        for line in _on_terminal(torture_bundle, "report", NO_COLOR="1").splitlines()
        if line.startswith("  in ")
    ] == [
        "  in crates/it's here/torture, third_party/torture",
        "  in third_party/deep/part; removed: crates/part",
    ]


def _on_terminal(bundle: Bundle, *arguments: str, columns: int = 120, **environment: str) -> str:
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (40, columns))
    command = [sys.executable, "-m", "sync", *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environment}
    variables.pop("COLUMNS", None)
    with subprocess.Popen(command, cwd=bundle.path, stdout=inner, env=variables) as process:
        os.close(inner)
        shown = b""
        while chunk := _read(outer):
            shown += chunk
    os.close(outer)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""  # the other side has closed


def test_the_json_answers_its_shipped_schema(bundle: Bundle) -> None:
    schema = json.loads((ROOT / "sync/schemas/report.schema.json").read_bytes())
    document = bundle.report("json").json
    jsonschema.Draft202012Validator(schema).validate(document)
    for component in document["components"]:
        record = json.loads(
            (bundle.third_party / "provenance" / f"{component['name']}.json").read_bytes()
        )
        assert (component["tree"], component["upstream"]["commit"]) == (
            record["tree"],
            record["upstream"]["commit"],
        )
        assert [file["sha256"] for file in component["files"]] == [
            file["sha256"] for file in record["files"]
        ]
        assert (component["places"], component["not_here"]) == (record["places"], [])
        assert [unquote_path(path) for file in component["files"] for path in file["paths"]] == [
            os.fsencode(place) + b"/" + unquote_path(file["path"])
            for file in record["files"]
            for place in record["places"]
        ]


# `--check`


def test_check_says_whether_written_reports_are_current(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    directory = tmp_path / "reports"
    nested_bundle.report("--all", "-o", str(directory))
    ran = nested_bundle.run("report", "--check", str(directory))
    assert (ran.status, ran.out) == (0, f"current: {len(FORMATS)} reports in {directory}\n")
    for name in FILES[2:]:
        (directory / name).unlink()
    nested_bundle.write_manifest(
        lambda text: text.replace('license = "Apache-2.0 OR MIT"', 'license = "MIT"')
    )
    ran = nested_bundle.run("report", "--check", str(directory))
    assert ran.status == 1
    assert ran.out.splitlines() == [
        *(f"out of date: {directory}/{name}" for name in FILES[:2]),
        f"hint: write them anew with `git verbatim report --all -o {directory}`",
    ]
    nested_bundle.report("--all", "-o", str(directory))
    assert nested_bundle.run("report", "--check", str(directory)).status == 0


# requests that cannot be


def refused(ran: Ran, *expected: str) -> None:
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert all(words in ran.err for words in expected), ran.err


def test_two_formats_at_once_are_refused(nested_bundle: Bundle) -> None:
    refused(
        nested_bundle.run("report", "spdx", "--json"),
        "`--json` and the format spdx exclude each other",
    )


def test_a_format_may_be_asked_for_by_what_its_files_end_with(nested_bundle: Bundle) -> None:
    refused(nested_bundle.run("report", "md"), "there is no format md", "did you mean markdown?")


def test_an_unknown_format_gets_the_nearest(nested_bundle: Bundle) -> None:
    refused(
        nested_bundle.run("report", "cyclone"),
        "there is no format cyclone",
        "formats: markdown, html, json",
        "did you mean cyclonedx?",
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    {
        "two requests": (
            ["json", "--all", "-o", "x"],
            "FORMAT, `--all` and `--check` are three different things",
        ),
        "check and format": (
            ["json", "--check", "x"],
            "FORMAT, `--all` and `--check` are three different things",
        ),
        "all to nowhere": (["--all"], "name a directory for them"),
        "a check that writes": (["--check", ".", "-o", "x"], "`--check` writes nothing"),
        "a check of nothing": (["--check", "empty"], "there are no reports in empty"),
        "a file that is a directory": (
            ["json", "-o", "empty"],
            "name a file, such as empty/third-party.json",
        ),
        "a directory that is a file": (["--all", "-o", "README"], "cannot write README"),
        "a place below a file": (["json", "-o", "README/x"], "cannot write README/x"),
        "a place that is not there": (["json", "-o", "no/where/x"], "cannot write no/where/x"),
        "a full device": (["json", "-o", "/dev/full"], "no space left on device"),
        "a file in a mirror": (
            ["json", "-o", "third_party/wit/io/x"],
            "a report cannot lie in third_party/",
        ),
        "a directory in third_party/": (
            ["--all", "-o", "third_party/reports"],
            "a report cannot lie in third_party/",
        ),
    }.values(),
)
def test_an_output_that_cannot_be_is_refused_and_nothing_is_written(
    nested_bundle: Bundle, arguments: list[str], expected: str
) -> None:
    (nested_bundle.path / "empty").mkdir()
    (nested_bundle.path / "README").write_text("ours\n")
    before = Host(nested_bundle.path).snapshot()
    refused(nested_bundle.run("report", *arguments), expected)
    assert Host(nested_bundle.path).snapshot() == before


@pytest.mark.parametrize("output", [["json", "-o", "crates/part/x"], ["--all", "-o", "Part/new"]])
def test_no_report_is_written_into_a_place_of_a_mirror(
    torture_bundle: Bundle, output: list[str]
) -> None:
    (torture_bundle.path / "Part").symlink_to("crates/part")
    before = Host(torture_bundle.path).snapshot()
    refused(
        torture_bundle.run("report", *output),
        "a report cannot lie in crates/part",
        "it is a place of the mirror part",
    )
    assert Host(torture_bundle.path).snapshot() == before


def test_a_disk_that_fills_up_leaves_the_reports_of_before(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    directory = tmp_path / "reports"
    nested_bundle.report("--all", "-o", str(directory))
    before = written(directory)
    nested_bundle.write_manifest(
        lambda text: (
            text.replace("[mirrors.", 'description = "more"\n[mirrors.', 0)
            + 'description = "more"\n'
        )
    )
    command = f"ulimit -f 8; exec {sys.executable} -m sync report --all -o {directory}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=nested_bundle.path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "file too large" in done.stderr
    assert written(directory) == before


def test_a_project_without_mirrors_or_without_any_manifest_is_told_so(
    host: Host, tmp_path: Path
) -> None:
    host.manifest("")
    refused(host.run("report"), "there are no mirrors: nothing to report", "git verbatim add")
    refused(run_tool(tmp_path, "report"), "there is no third_party/mirrors.toml here or above")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Apache-2.0 AND", "and requires two or more licenses"),
        ("MIT WITH Apache-2.0", "cannot be used as an exception"),
        ("Apache 2", "did you mean Apache-2.0"),
        ("Apache2", "SPDX lists no licence Apache2"),
        ("proprietary", "a licence that SPDX does not list is a LicenseRef-…"),
        ("(MIT", "invalid expression"),
        ("MIT/X11", "invalid license key"),
    ],
)
def test_a_license_that_is_no_spdx_expression_is_refused_with_file_and_line(
    nested_bundle: Bundle, expression: str, expected: str
) -> None:
    nested_bundle.write_manifest(lambda text: text.replace("Apache-2.0 OR MIT", expression))
    line = next(
        n
        for n, text in enumerate(
            (nested_bundle.third_party / "mirrors.toml").read_text().splitlines(), 1
        )
        if expression in text
    )
    refused(nested_bundle.run("report"), f"third_party/mirrors.toml:{line}: license", expected)


def test_a_license_of_the_defaults_is_refused_in_the_line_of_the_defaults(
    nested_bundle: Bundle,
) -> None:
    nested_bundle.write_manifest(
        lambda text: text.replace("[defaults]\n", '[defaults]\nlicense = "nope"\n')
    )
    refused(
        nested_bundle.run("report"),
        "third_party/mirrors.toml:2: license",
        "SPDX lists no licence nope",
    )


def test_sync_refuses_it_too_before_anything_is_fetched(host: Host, upstream: Upstream) -> None:
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, license="nope"))
    refused(host.run("sync"), "third_party/mirrors.toml:5: license")


def test_licenses_are_said_in_their_canonical_form(nested_bundle: Bundle) -> None:
    nested_bundle.write_manifest(
        lambda text: text.replace("Apache-2.0 OR MIT", "apache-2.0 or (mit and LicenseRef-ours)")
    )
    assert (
        nested_bundle.components()[1]["licensing"]["concluded"]
        == "Apache-2.0 OR (MIT AND LicenseRef-ours)"
    )
