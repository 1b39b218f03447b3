"""Read the manifest's concluded licences as canonical SPDX expressions."""

from collections.abc import Iterable, Mapping
from functools import cache

from sync.errors import ManifestError
from sync.layout import MANIFEST_PATH
from sync.manifest.license_expressions import ExpressionError, parse_expression
from sync.manifest.toml_lines import find_line
from sync.model.mirrors import Mirror

_canonical = cache(parse_expression)


def concluded_licenses(manifest: bytes, mirrors: Iterable[Mirror]) -> Mapping[str, str | None]:
    """Return the canonical expression of each mirror's `license`, by the mirror's name.

    It is None where the manifest concludes nothing. `manifest` is the content of the file: the
    ManifestError that is raised for anything but an SPDX expression names the line in it.
    """
    return {mirror.name: _concluded(manifest, mirror) for mirror in mirrors}


def _concluded(manifest: bytes, mirror: Mirror) -> str | None:
    if mirror.license is None:
        return None
    try:
        return _canonical(mirror.license)
    except ExpressionError as error:
        raise ManifestError(
            f"the license of mirror {mirror.name} is no SPDX expression: {mirror.license}",
            [f"{MANIFEST_PATH}:{_line(manifest.decode(), mirror.name)}: license", str(error)],
            hint=error.hint,
            reference="license-invalid",
        ) from error


def _line(text: str, name: str) -> int | None:
    line, found = find_line(text, ("mirrors", name, "license"))
    return line if found[-1:] == ("license",) else find_line(text, ("defaults", "license"))[0]
