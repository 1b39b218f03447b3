"""Reports of releases that somebody made to deceive, to act or to stall.

Nothing is left out, nothing acts, and nothing takes long.
"""

import os
import shutil
import subprocess
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from sync.errors import UsageError
from sync.manifest.license_expressions import parse_expression
from sync.model.values import Pin, PinKind
from sync.report.facts import Facts
from sync.report.formats import debian, rpm
from sync.report.known_licenses import licensing_of
from sync.report.links import directory_page, purl, repository_uri
from sync.report.text import headline
from sync.report.versions import version_of
from tests.support.bundles import LICENSE, Bundle
from tests.support.components import component, concluded, rendered, text
from tests.support.hosts import Host, mirror
from tests.support.upstreams import Upstream

BUDGET_SECONDS = 2.0


def release(
    host: Host,
    upstream: Upstream,
    files: dict[str, bytes | tuple[str, bytes]],
    **keys: str | list[str],
) -> Bundle:
    """The host with one mirror of these files."""
    upstream.release("v1", files)
    host.manifest(mirror("up", upstream.url, tag="v1", local=True, **keys))
    host.sync()
    return Bundle(host.path)


# what lies in third_party/ and nobody accounts for


def _link_to_a_directory(third_party: Path) -> str:
    (third_party / "more").mkdir()
    (third_party / "more/link").symlink_to("/etc")
    return "more/link"


def _workspace(third_party: Path) -> str:
    (third_party / ".git-verbatim/0").mkdir(parents=True)
    (third_party / ".git-verbatim/0/evil.c").write_text("evil\n")
    return ".git-verbatim/0/evil.c"


def _directory_in_place_of_a_file(third_party: Path) -> str:
    shutil.rmtree(third_party / ".gitignore", ignore_errors=True)
    (third_party / ".gitignore").unlink(missing_ok=True)
    (third_party / ".gitignore").mkdir()
    (third_party / ".gitignore/evil.c").write_text("evil\n")
    return ".gitignore/evil.c"


def _deeper_than_a_path_can_be(third_party: Path) -> str:
    at = os.open(third_party, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("evil.c", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    return "d/d/d"


@pytest.mark.parametrize(
    "plant",
    [_link_to_a_directory, _workspace, _directory_in_place_of_a_file, _deeper_than_a_path_can_be],
    ids=lambda f: f.__name__,
)
def test_nothing_in_third_party_is_passed_over(
    nested_bundle: Bundle, plant: Callable[[Path], str]
) -> None:
    planted = plant(nested_bundle.third_party)
    ran = nested_bundle.run("report", "json")
    subprocess.run(
        ["rm", "-rf", str(nested_bundle.third_party)], check=True
    )  # pytest cannot remove what is so deep
    assert (ran.status, ran.out) == (1, "")
    assert f"third_party/{planted}" in ran.err


def test_directories_without_files_are_nothing(nested_bundle: Bundle) -> None:
    (nested_bundle.third_party / ".git-verbatim/empty/deep").mkdir(parents=True)
    nested_bundle.report("json")


# licences that are not the mirror's as a whole


@pytest.mark.parametrize("path", ["src/zlib/COPYING", "LICENSES/MIT.txt"])
def test_licences_that_lie_deeper_are_named(host: Host, upstream: Upstream, path: str) -> None:
    bundle = release(host, upstream, {"LICENSE": LICENSE, "a": b"a\n", path: b"Ours, not yours.\n"})
    licensing = bundle.components()[0]["licensing"]
    assert licensing["declared"] == "Apache-2.0 WITH LLVM-exception"
    assert licensing["declared_comment"].endswith(
        f"; also named as licences and not read: third_party/up/{path}"
    )


@pytest.mark.parametrize("value", [b"MIT, perhaps\n", ("120000", b"docs/legal")])
def test_upstream_ships_a_licence_even_if_it_is_deeper_or_a_link(
    host: Host, upstream: Upstream, value: bytes | tuple[str, bytes]
) -> None:
    path = "LICENSE" if isinstance(value, tuple) else "LICENSES/MIT.txt"
    bundle = release(host, upstream, {"docs/legal": b"legal\n", path: value})
    assert bundle.report("spdx").json["packages"][0]["licenseDeclared"] == "NOASSERTION"


def test_a_licence_file_that_is_none_is_not_read_into_memory(
    host: Host, upstream: Upstream
) -> None:
    bundle = release(host, upstream, {"LICENSE": bytes(2 << 20)})
    assert "(2097152 bytes: too long to be quoted)" in bundle.report("debian").out


@pytest.mark.parametrize(
    "expression",
    ["LicenseRef-GPL-2.0", "LicenseRef-MIT-TC OR MIT", "LicenseRef-scancode-w3c-community-cla"],
)
def test_a_licence_of_ones_own_is_not_taken_for_another(expression: str) -> None:
    assert parse_expression(expression) == expression


# copies that are none


def test_empty_files_and_licence_texts_are_no_evidence_of_a_copy(
    host: Host, tmp_path: Path
) -> None:
    one, other = Upstream.create(tmp_path / "one"), Upstream.create(tmp_path / "other")
    one.release("v1", {"LICENSE": LICENSE, "__init__.py": b"", "a": b"a\n"})
    other.release("v1", {"vendor/x/LICENSE": LICENSE, "vendor/x/__init__.py": b""})
    host.manifest("".join(mirror(u.path.name, u.url, tag="v1", local=True) for u in (one, other)))
    host.sync()
    (nested,) = host.run("report", "json").json["components"][1]["nested"]
    assert (nested["path"], nested["origin"]) == ("vendor/x", None)


@pytest.mark.parametrize(
    "tag", ["rc-2", "RC/2", "wasi-beta-3", "nightly-2024-01-01", "release-candidate-1"]
)
def test_a_candidate_is_not_the_release_of_its_number(tag: str) -> None:
    assert version_of(Pin(PinKind.TAG, tag)) == tag


def test_two_upstreams_of_one_name_are_told_apart() -> None:
    of = (
        "https://github.com/WebAssembly/WASI",
        "https://evil.example/WASI.git",
        "https://h.example/.git",
    )
    named = headline(Facts(tuple(component(f"m{n}", url=url) for n, url in enumerate(of)), 0))
    assert named.startswith(
        "github.com/WebAssembly/WASI 1.2, evil.example/WASI.git 1.2, h.example/.git 1.2: all 3 are"
    )


# words that act


def test_json_prints_nothing_that_acts_on_a_terminal(nested_bundle: Bundle) -> None:
    description = "\x9b31m \u202e text"
    nested_bundle.write_manifest(lambda text: text + f'description = "{description}"\n')
    ran = nested_bundle.report("json")
    assert ran.json["components"][-1]["description"] == description
    assert not {c for c in ran.out if c != "\n" and unicodedata.category(c) in {"Cc", "Cf"}}


def test_the_commands_in_markdown_are_one_command_each(
    host: Host, upstream: Upstream, tmp_path: Path
) -> None:
    bundle = release(
        host,
        upstream,
        {"a $(touch pwned)/f": b"f\n"},
        into="x; touch pwned #",
        from_="a $(touch pwned)",
    )
    commands = [
        line
        for line in bundle.report("markdown").out.splitlines()
        if line.startswith("git rev-parse ")
    ]
    assert len(commands) == 2
    ran = subprocess.run(
        ["bash", "-c", "git() { printf '%s\\n' \"$@\"; }\n" + "\n".join(commands)],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert ran.stdout.splitlines()[1] == b"HEAD:third_party/x; touch pwned #"
    assert ran.stdout.splitlines()[3].endswith(b":a $(touch pwned)")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    "words", ["\\%{", "\\\\%{", "\\\\\\%(touch pwned)", "ends in \\", "%{", "\\"]
)
@pytest.mark.skipif(shutil.which("rpmspec") is None, reason="needs rpmspec (rpm)")
def test_no_backslash_makes_a_macro_of_what_rpm_reads(tmp_path: Path, words: str) -> None:
    spec = tmp_path / "x.spec"
    lines = rendered(rpm, component(description=words), component("two"))
    spec.write_text(
        f"Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\n{lines}\n%description\nx\n"
    )
    ran = subprocess.run(
        ["rpmspec", "-q", "--provides", str(spec)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert {line.partition(" ")[0] for line in ran.stdout.splitlines()} >= {
        "bundled(one)",
        "bundled(two)",
    }
    assert not (tmp_path / "pwned").exists()


# crashes and stalls


@pytest.mark.parametrize("url", ["//[x", "a[b:c", "file://[x", "//\u2100/x"])
def test_a_path_that_looks_like_a_broken_url_is_a_path(url: str) -> None:
    odd = component(url=url)
    assert repository_uri(url) is None
    assert directory_page(url, odd.record.upstream.commit, odd.record.source) is None
    assert purl(odd.upstream_directory).startswith("pkg:generic/one@")


@pytest.mark.parametrize(
    "line",
    ["©" * 200_000, "© " * 200_000, "_" * 500_000, "copyright " * 100_000, "© 1111" * 100_000],
)
def test_a_long_line_in_a_licence_takes_no_longer_than_it_is(line: str) -> None:
    began = time.monotonic()
    licensing_of((text(line),), None, None)
    assert time.monotonic() - began < BUDGET_SECONDS


def test_a_long_line_about_an_exception_takes_no_longer_than_it_is() -> None:
    began = time.monotonic()
    licensed = concluded("Apache-2.0 WITH LLVM-exception", text("LLVM " * 100_000))
    rendered(debian, component(licensing=licensed))
    assert time.monotonic() - began < BUDGET_SECONDS


def test_a_licence_of_a_million_alternatives_is_refused_at_once() -> None:
    choices = " AND ".join(f"(LicenseRef-a{n} OR LicenseRef-b{n})" for n in range(20))
    began = time.monotonic()
    with pytest.raises(UsageError, match="so many alternatives"):
        rendered(debian, component(licensing=concluded(f"MIT OR ({choices})")))
    assert time.monotonic() - began < BUDGET_SECONDS


# where reports go


def test_no_link_leads_a_report_into_third_party_or_git(nested_bundle: Bundle) -> None:
    for name, target in {
        "manifest": "third_party/mirrors.toml",
        "new": "third_party/new",
        "hook": ".git/hooks/pre-commit",
    }.items():
        (nested_bundle.path / name).symlink_to(target)
    before = (nested_bundle.third_party / "mirrors.toml").read_bytes()
    for name, expected in {
        "manifest": "in third_party/",
        "new": "in third_party/",
        "hook": "in a git directory",
    }.items():
        ran = nested_bundle.run("report", "verify-sh", "-o", name)
        assert ran.status == 2
        assert f"a report cannot lie {expected}" in ran.err
    assert (nested_bundle.third_party / "mirrors.toml").read_bytes() == before


def test_all_reports_do_not_go_to_stdout(nested_bundle: Bundle) -> None:
    ran = nested_bundle.run("report", "--all", "-o", "-")
    assert (ran.status, (nested_bundle.path / "-").exists()) == (2, False)
    assert "name a directory for them" in ran.err


def test_links_planted_under_the_names_of_reports_lead_nowhere(
    nested_bundle: Bundle, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    reports = nested_bundle.path / "reports"
    reports.mkdir()
    for name in ("third-party.md", "third-party.html"):
        (reports / name).symlink_to(outside)
    nested_bundle.report("--all", "-o", "reports")
    assert outside.read_text() == "mine\n"
    assert not any(path.is_symlink() or path.name.startswith(".") for path in reports.iterdir())
    assert nested_bundle.run("report", "--check", "reports").status == 0
