"""The elements of a CycloneDX document that mirrors and derived forms have in common.

All functions are pure.
"""

from collections.abc import Iterator

from sync.ids import Mode
from sync.quoting import quote_path
from sync.report.formats.sbom import TOOL, File
from sync.report.links import gitoid, swhid_content


def prop(name: str, value: str) -> dict[str, object]:
    return {"name": f"{TOOL}:{name}", "value": value}


def mirror_ref(name: str) -> str:
    """Return the reference of the mirror of this name."""
    return f"mirror:{name}"


def licence_choice(expression: str | None, acknowledgement: str) -> list[dict[str, object]] | None:
    return [{"expression": expression, "acknowledgement": acknowledgement}] if expression else None


def file_component(file: File) -> dict[str, object]:
    """Describe a file.

    A symlink has no hashes: the hash of the target's path would be taken for that of the file that
    it leads to.
    """
    hashes = [
        {"alg": "SHA-1", "content": file.sha1},
        {"alg": "SHA-256", "content": file.fact.sha256},
    ]
    properties = list(_file_properties(file))
    return {
        "type": "file",
        "bom-ref": f"file:{file.name}",
        "name": file.name,
        **({"hashes": hashes} if file.target is None else {}),
        "omniborId": [gitoid(file.fact.blob)],
        "swhid": [swhid_content(file.fact.blob)],
        **({"properties": properties} if properties else {}),
    }


def _file_properties(file: File) -> Iterator[dict[str, object]]:
    if file.fact.mode != Mode.FILE:
        yield prop("mode", f"{file.fact.mode:o}")
    if file.target:
        yield prop("link-target", quote_path(file.target))
