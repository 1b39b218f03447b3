"""The elements of an SPDX document that mirrors and derived forms have in common.

All functions are pure.
"""

import hashlib
import re
from collections.abc import Sequence

from sync.quoting import quote_path
from sync.report.facts import Component
from sync.report.formats.sbom import File

UNKNOWN = "NOASSERTION"
_SAFE_ID = re.compile(r"[A-Za-z0-9.-]+")


def element_id(kind: str, name: str) -> str:
    """Return the id of what has a name; a name that no id can hold is hashed."""
    if _SAFE_ID.fullmatch(name):
        return f"SPDXRef-{kind}-{name}"
    return f"SPDXRef-{kind}--{digest(name.encode())}"


def mirror_id(component: Component) -> str:
    return element_id("Mirror", component.name)


def file_id(path: bytes) -> str:
    return f"SPDXRef-File-{digest(path)}"


def digest(path: bytes) -> str:
    return hashlib.sha256(path).hexdigest()[:32]


def file_name(path: bytes) -> str:
    return quote_path(b"./" + path)


def listed_files(files: Sequence[File]) -> list[File]:
    """Return the files without symlinks, which have no content."""
    return [file for file in files if file.target is None]


def verification_code(files: Sequence[File]) -> dict[str, object]:
    """Compute the package verification code (SPDX 2.3, 7.9).

    It is the SHA-1 of the sorted SHA-1s of the package's files.
    """
    hashes = "".join(sorted(file.sha1 for file in listed_files(files)))
    value = hashlib.sha1(hashes.encode(), usedforsecurity=False).hexdigest()
    excluded = [file_name(file.path) for file in files if file.target is not None]
    names = {"packageVerificationCodeExcludedFiles": excluded} if excluded else {}
    return {**names, "packageVerificationCodeValue": value}


def reference(category: str, kind: str, locator: str, comment: str | None) -> dict[str, object]:
    said = {"comment": comment} if comment else {}
    return {
        "referenceCategory": category,
        "referenceType": kind,
        "referenceLocator": locator,
        **said,
    }


def spdx_file(file: File) -> dict[str, object]:
    return {
        "SPDXID": file_id(file.path),
        "fileName": file_name(file.path),
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": file.sha1},
            {"algorithm": "SHA256", "checksumValue": file.fact.sha256},
        ],
        **(
            {"licenseInfoInFiles": [file.license.expression]}
            if file.license and file.license.expression
            else {}
        ),
    }


def relation(
    element: str, kind: str, related: str, comment: str | None = None
) -> dict[str, object]:
    said = {"comment": comment} if comment else {}
    return {
        "spdxElementId": element,
        "relationshipType": kind,
        "relatedSpdxElement": related,
        **said,
    }
