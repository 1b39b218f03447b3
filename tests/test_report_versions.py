"""Versions as rpm and Debian can say them.

There are tables of real tags, and laws that rpm and dpkg judge themselves.
"""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.ids import ObjectId
from sync.model.values import Pin, PinKind
from sync.report.versions import debian_version, is_sayable, rpm_version, version_of

COMMIT = ObjectId("219ea36" + "0" * 33)
TIME = "2024-09-10T11:12:13Z"
SNAPSHOT = "0~git20240910.219ea36"

needs_rpm = pytest.mark.skipif(
    shutil.which("rpmspec") is None, reason="needs rpmspec, of the Debian package rpm"
)
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs dpkg")
law = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# tag: version, of rpm, of Debian
TAGS = {
    "v0.2.12": ("0.2.12", "0.2.12", "0.2.12"),
    "0.2.12": ("0.2.12", "0.2.12", "0.2.12"),
    "V1": ("1", "1", "1"),
    "release/1.2": ("1.2", "1.2", "1.2"),
    "release-1.2": ("1.2", "1.2", "1.2"),
    "curl-8_1_0": ("8_1_0", "8_1_0", "8.1.0"),
    "v1_2_3": ("1_2_3", "1_2_3", "1.2.3"),
    "@scope/name@1.2.3": ("1.2.3", "1.2.3", "1.2.3"),
    "2024-01-02": ("2024-01-02", "2024.01.02", "2024.01.02"),
    "v1.2.3-4": ("1.2.3-4", "1.2.3.4", "1.2.3.4"),
    "v1.-2": ("1.-2", "1.2", "1.2"),
    "v1.2-": ("1.2-", "1.2", "1.2"),
    # pre-releases
    "v0.3.0-rc-2025-09-16": ("0.3.0-rc-2025-09-16", "0.3.0~rc20250916", "0.3.0~rc20250916"),
    "v0.2.0-draft+505fc98": ("0.2.0-draft+505fc98", "0.2.0~draft+505fc98", "0.2.0~draft+505fc98"),
    "v1.0-rc.1": ("1.0-rc.1", "1.0~rc.1", "1.0~rc.1"),
    "v1.0-rc-1": ("1.0-rc-1", "1.0~rc1", "1.0~rc1"),
    "v1.0-rc-1-2": ("1.0-rc-1-2", "1.0~rc1.2", "1.0~rc1.2"),
    "v1.0-alpha-beta": ("1.0-alpha-beta", "1.0~alpha.beta", "1.0~alpha.beta"),
    "v1.0.0-rc.1+build-7": ("1.0.0-rc.1+build-7", "1.0.0~rc.1+build.7", "1.0.0~rc.1+build.7"),
    "v1.0rc1": ("1.0rc1", "1.0~rc1", "1.0~rc1"),
    "v1.0.dev3": ("1.0.dev3", "1.0~dev3", "1.0~dev3"),
    "v3.12.0a1": ("3.12.0a1", "3.12.0~a1", "3.12.0~a1"),
    "v1_2_RC1": ("1_2_RC1", "1_2~RC1", "1.2~RC1"),
    # letters after the number that belong to a release
    "OpenSSL_1.0.2u": ("1.0.2u", "1.0.2u", "1.0.2u"),
    "v1.0.post1": ("1.0.post1", "1.0.post1", "1.0.post1"),
    "V_8_9_P1": ("8_9_P1", "8_9_P1", "8.9.P1"),
    # what neither can say
    "latest": ("latest", SNAPSHOT, SNAPSHOT),
    "日本": ("日本", SNAPSHOT, SNAPSHOT),
    "v1.2-日本": ("1.2-日本", SNAPSHOT, SNAPSHOT),
    "v1.2%{x}": ("1.2%{x}", SNAPSHOT, SNAPSHOT),
    "v1/2": ("1/2", SNAPSHOT, SNAPSHOT),
}


@pytest.mark.parametrize(("tag", "said"), TAGS.items(), ids=map(ascii, TAGS))
def test_a_tag_names_a_version_that_rpm_and_debian_can_say(
    tag: str, said: tuple[str, str, str]
) -> None:
    version = version_of(Pin(PinKind.TAG, tag))
    assert (
        version,
        rpm_version(version, COMMIT, TIME),
        debian_version(version, COMMIT, TIME),
    ) == said


def test_a_commit_has_no_version_and_is_said_by_date_and_commit() -> None:
    version = version_of(Pin(PinKind.COMMIT, COMMIT))
    assert (version, rpm_version(version, COMMIT, TIME), debian_version(version, COMMIT, TIME)) == (
        None,
        SNAPSHOT,
        SNAPSHOT,
    )


@pytest.mark.parametrize(
    ("version", "sayable"), [("1.2", True), ("0-git7", True), ("latest", False), (None, False)]
)
def test_whether_a_version_is_said_or_only_date_and_commit(
    version: str | None, sayable: bool
) -> None:
    assert is_sayable(version, rpm_version(version, COMMIT, TIME)) is sayable
    assert is_sayable(version, debian_version(version, COMMIT, TIME)) is sayable


# the judges


def rpmspec_accepts(directory: Path, versions: Sequence[str]) -> bool:
    """Whether rpm's parser takes each version in `Provides:` of a spec file."""
    spec = directory / "judged.spec"
    provides = "".join(
        f"Provides: bundled(x{at}) = {version}\n" for at, version in enumerate(versions)
    )
    head = "Name: judged\nVersion: 1\nRelease: 1\nSummary: judged\nLicense: MIT\n"
    spec.write_text(f"{head}{provides}%description\njudged\n")
    ran = subprocess.run(
        ["rpmspec", "-q", "--provides", str(spec)], capture_output=True, text=True, check=False
    )
    return not ran.returncode and {f"bundled(x{at}) = {v}" for at, v in enumerate(versions)} <= set(
        ran.stdout.splitlines()
    )


def dpkg_accepts(version: str) -> bool:
    return not subprocess.run(
        ["dpkg", "--validate-version", version], capture_output=True, check=False
    ).returncode


def rpm_sorts(versions: Sequence[str]) -> bool:
    """Whether rpm sorts each before the next."""
    pairs = "".join(
        f'print(rpm.vercmp("{one}", "{other}"), "")' for one, other in pairwise(versions)
    )
    ran = subprocess.run(
        ["rpm", "--eval", f"%{{lua: {pairs}}}"], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split()) == {"-1"}


def dpkg_sorts(versions: Sequence[str]) -> bool:
    pairs = pairwise(versions)
    return all(
        not subprocess.run(["dpkg", "--compare-versions", one, "lt", other], check=False).returncode
        for one, other in pairs
    )


@needs_rpm
def test_rpm_accepts_every_version_of_the_table(tmp_path: Path) -> None:
    assert rpmspec_accepts(tmp_path, [rpm for _, rpm, _ in TAGS.values()])


@needs_dpkg
def test_dpkg_accepts_every_version_of_the_table() -> None:
    assert all(dpkg_accepts(debian) for debian in {debian for _, _, debian in TAGS.values()})


@needs_rpm
@needs_dpkg
@pytest.mark.parametrize("version", ["0.3.0-rc-2025-09-16", "1..0", "1.0,2"])
def test_the_judges_refuse_what_is_in_no_grammar(tmp_path: Path, version: str) -> None:
    assert not rpmspec_accepts(tmp_path, [version])
    assert not dpkg_accepts("日本") and not dpkg_accepts("latest") and not dpkg_accepts("1_2")


# what a tag may hold, with what versions are made of made likely
TAG_TEXT = st.text(
    st.one_of(
        st.sampled_from("0123456789.-_+/vrcab@%"),
        st.characters(codec="utf-8", exclude_categories=["Cs"]),
    )
)


@needs_rpm
@law
@given(st.lists(TAG_TEXT.filter(bool), min_size=20, max_size=60))
def test_whatever_the_tag_rpm_accepts_its_version(tmp_path: Path, tags: list[str]) -> None:
    versions = [rpm_version(version_of(Pin(PinKind.TAG, tag)), COMMIT, TIME) for tag in tags]
    assert rpmspec_accepts(tmp_path, versions)


@needs_dpkg
@law
@given(st.lists(TAG_TEXT.filter(bool), min_size=5, max_size=10))
def test_whatever_the_tag_dpkg_accepts_its_version(tags: list[str]) -> None:
    assert all(
        dpkg_accepts(debian_version(version_of(Pin(PinKind.TAG, tag)), COMMIT, TIME))
        for tag in tags
    )


RELEASES = st.lists(st.integers(0, 3000), min_size=1, max_size=4).map(
    lambda numbers: ".".join(map(str, numbers))
)
WORDS = st.sampled_from(
    ["alpha", "beta", "rc", "draft", "dev", "pre", "preview", "snapshot", "nightly-x", "RC"]
)
COUNTED: Sequence[Callable[[str, int], str]] = (
    lambda word, number: f"-{word}.{number}",
    lambda word, number: f"-{word}-{number}",
    lambda word, number: f"-{word}{number}",
    lambda word, number: f"-{word}-2025-09-{number % 28 + 1:02}",
)
GRAMMARS = [
    pytest.param(rpm_version, rpm_sorts, marks=needs_rpm, id="rpm"),
    pytest.param(debian_version, dpkg_sorts, marks=needs_dpkg, id="dpkg"),
]


@pytest.mark.parametrize(("packaged", "sorts"), GRAMMARS)
@law
@given(
    RELEASES, WORDS, st.integers(0, 26), st.sampled_from(COUNTED), st.sampled_from(["", "+505fc98"])
)
def test_snapshot_then_pre_releases_in_turn_then_the_release(
    packaged: Callable[[str | None, ObjectId, str], str],
    sorts: Callable[[Sequence[str]], bool],
    release: str,
    word: str,
    number: int,
    counted: Callable[[str, int], str],
    build: str,
) -> None:
    tags = [
        f"v{release}{counted(word, number)}{build}",
        f"v{release}{counted(word, number + 1)}{build}",
        f"v{release}",
    ]
    versions = [packaged(version_of(Pin(PinKind.TAG, tag)), COMMIT, TIME) for tag in tags]
    assert sorts(versions)
    assert release.strip("0.") == "" or sorts([packaged(None, COMMIT, TIME), *versions])


@pytest.mark.parametrize(("packaged", "sorts"), GRAMMARS)
def test_the_judges_see_a_wrong_order(
    packaged: Callable[[str | None, ObjectId, str], str], sorts: Callable[[Sequence[str]], bool]
) -> None:
    assert not sorts([packaged("1.0", COMMIT, TIME), packaged("1.0-rc1", COMMIT, TIME)])
    assert not sorts(["1.0", "1.0.rc1", "1.0"])
