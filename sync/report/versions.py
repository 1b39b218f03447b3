"""Derives a version from a tag, and writes it as rpm and Debian require.

All functions are pure.
"""

import re

from sync.ids import ObjectId
from sync.model.values import Pin, PinKind, reads_as_id

# A name may precede the number: `release-1.2`, `wasi_0.2.12`, `curl/v8.1`, `@scope/name@1.2`.
_TAG = re.compile(r"(?:(?P<name>[^0-9]*)[-_/@])?[vV]?(?P<version>[0-9].*)", re.DOTALL)
# These words are no such names: `rc-2` is a second release candidate, not version 2.
_NO_NAME = re.compile(
    r"(?:.*[-_/@])?(?:alpha|beta|candidate|dev|nightly|pre|preview|rc|snapshot)",
    re.DOTALL | re.IGNORECASE,
)
# A pre-release follows a hyphen, as in semver, or begins with a word that no release has:
# `1.0rc1`, `1.0.dev3`, `3.12.0a1`.
_PRE_RELEASE = re.compile(
    r"(?P<release>[0-9]+(?:[._][0-9]+)*)"
    r"(?:-(?=[a-z])|[._]?(?=(?:alpha|beta|dev|pre|preview|rc|snapshot)(?![a-z])|[ab][0-9]))"
    r"(?P<pre>[a-z][^+]*)(?P<build>\+.*)?",
    re.DOTALL | re.IGNORECASE,
)
_DATE = re.compile(r"(?<![0-9])([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])")
_NUMBERED = re.compile(r"(?<=[A-Za-z])-(?=[0-9])")
_RPM = re.compile(r"[0-9][A-Za-z0-9._+~^]*")  # rpm-version(7)
# deb-version(7), without epoch and revision
_DEBIAN = re.compile(r"[0-9][A-Za-z0-9.+~]*")
_SNAPSHOT = re.compile(r"0~git[0-9]{8}\.[0-9a-f]{7}")


def version_of(pin: Pin) -> str | None:
    """Return the version in a tag: `0.2.12` for `v0.2.12`, or the tag itself if it has no number.

    None for a commit, and for a tag that looks like an object id: used as a version it would name a
    commit that it is not.
    """
    if pin.kind is PinKind.COMMIT or reads_as_id(pin.value):
        return None
    match = _TAG.fullmatch(pin.value)
    return match["version"] if match and not _NO_NAME.fullmatch(match["name"] or "") else pin.value


def rpm_version(version: str | None, commit: ObjectId, commit_time: str) -> str:
    """Write the version so that rpm accepts it.

    A pre-release sorts before its release. If there is no version, or rpm cannot express it, the
    result is made of commit date and commit id.
    """
    packaged = None if version is None else _packaged(version)
    return (
        packaged
        if packaged is not None and _RPM.fullmatch(packaged)
        else snapshot(commit, commit_time)
    )


def debian_version(version: str | None, commit: ObjectId, commit_time: str) -> str:
    """Write the version so that Debian accepts it, by the rules of `rpm_version`."""
    packaged = None if version is None else _packaged(version.replace("_", "."))
    return (
        packaged
        if packaged is not None and _DEBIAN.fullmatch(packaged)
        else snapshot(commit, commit_time)
    )


def snapshot(commit: ObjectId, commit_time: str) -> str:
    """Name a commit that has no version, such as `0~git20240910.219ea36`.

    The name is valid for rpm and Debian and sorts before any release.
    """
    return f"0~git{commit_time[:10].replace('-', '')}.{commit[:7]}"


def is_sayable(version: str | None, packaged: str) -> bool:
    """Whether a packaged version contains the version, and not only commit date and commit id."""
    return version is not None and not _SNAPSHOT.fullmatch(packaged)


def _packaged(version: str) -> str:
    """Mark a pre-release with `~`, which sorts before everything.

    Example: `0.3.0-rc-2025-09-16` → `0.3.0~rc20250916`.
    """
    match = _PRE_RELEASE.fullmatch(version)
    if match is None:
        return _dotted(version)
    pre = _NUMBERED.sub("", _DATE.sub(r"\1\2\3", match["pre"]))
    return _dotted(f"{match['release']}~{pre}{match['build'] or ''}")


def _dotted(version: str) -> str:
    """Replace hyphens by dots.

    A hyphen would begin a release or a revision, and rpm refuses two dots in a row.
    """
    return re.sub(r"[-.]+", ".", version).rstrip(".")
