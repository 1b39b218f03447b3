"""Versions: from a tag to a version, and to what the grammars of rpm and Debian can say; pure."""

import re

from sync.ids import ObjectId
from sync.model import Pin, PinKind, reads_as_id

# a name before the number, as in `release-1.2`, `wasi_0.2.12`, `curl/v8.1` or `@scope/name@1.2`
_TAG = re.compile(r"(?:(?P<name>[^0-9]*)[-_/@])?[vV]?(?P<version>[0-9].*)", re.DOTALL)
# which is no name: `rc-2` is the second candidate of something, not version 2
_NO_NAME = re.compile(
    r"(?:.*[-_/@])?(?:alpha|beta|candidate|dev|nightly|pre|preview|rc|snapshot)",
    re.DOTALL | re.IGNORECASE,
)
# semver's, after a hyphen; without one the words that are never a release's: `1.0rc1`, `1.0.dev3`, `3.12.0a1`
_PRE_RELEASE = re.compile(
    r"(?P<release>[0-9]+(?:[._][0-9]+)*)"
    r"(?:-(?=[a-z])|[._]?(?=(?:alpha|beta|dev|pre|preview|rc|snapshot)(?![a-z])|[ab][0-9]))"
    r"(?P<pre>[a-z][^+]*)(?P<build>\+.*)?",
    re.DOTALL | re.IGNORECASE,
)
_DATE = re.compile(r"(?<![0-9])([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])")
_NUMBERED = re.compile(r"(?<=[A-Za-z])-(?=[0-9])")
_RPM = re.compile(r"[0-9][A-Za-z0-9._+~^]*")  # rpm-version(7)
_DEBIAN = re.compile(
    r"[0-9][A-Za-z0-9.+~]*"
)  # deb-version(7), of a version without epoch and revision
_SNAPSHOT = re.compile(r"0~git[0-9]{8}\.[0-9a-f]{7}")


def version_of(pin: Pin) -> str | None:
    """The version that a tag names: `0.2.12` of `v0.2.12`; the tag itself if it holds no number, None for a commit.

    None also for a tag that reads as an object id: as a version it would name a commit that it is not.
    """
    if pin.kind is PinKind.COMMIT or reads_as_id(pin.value):
        return None
    match = _TAG.fullmatch(pin.value)
    return match["version"] if match and not _NO_NAME.fullmatch(match["name"] or "") else pin.value


def rpm_version(version: str | None, commit: ObjectId, commit_time: str) -> str:
    """The version as rpm can say it; pre-releases sort before their release, what has no version is named by date and commit."""
    packaged = None if version is None else _packaged(version)
    return (
        packaged
        if packaged is not None and _RPM.fullmatch(packaged)
        else snapshot(commit, commit_time)
    )


def debian_version(version: str | None, commit: ObjectId, commit_time: str) -> str:
    """The version as Debian can say it, likewise."""
    packaged = None if version is None else _packaged(version.replace("_", "."))
    return (
        packaged
        if packaged is not None and _DEBIAN.fullmatch(packaged)
        else snapshot(commit, commit_time)
    )


def snapshot(commit: ObjectId, commit_time: str) -> str:
    """What both can call a state without a version, before any release: `0~git20240910.219ea36`."""
    return f"0~git{commit_time[:10].replace('-', '')}.{commit[:7]}"


def is_sayable(version: str | None, packaged: str) -> bool:
    """Whether a packaged version says the version, and not only date and commit."""
    return version is not None and not _SNAPSHOT.fullmatch(packaged)


def _packaged(version: str) -> str:
    """`0.3.0-rc-2025-09-16` → `0.3.0~rc20250916`: a pre-release with the sign that sorts before everything."""
    match = _PRE_RELEASE.fullmatch(version)
    if match is None:
        return _dotted(version)
    pre = _NUMBERED.sub("", _DATE.sub(r"\1\2\3", match["pre"]))
    return _dotted(f"{match['release']}~{pre}{match['build'] or ''}")


def _dotted(version: str) -> str:
    """With dots for hyphens, which would begin a release or revision; rpm refuses two dots in a row."""
    return re.sub(r"[-.]+", ".", version).rstrip(".")
