"""The error of a wrong manifest, which names file, line and key."""

import re

from sync.errors import ManifestError
from sync.layout import MANIFEST_PATH
from sync.manifest.toml_lines import find_line


def invalid_at(
    text: str, location: tuple[str, ...], message: str, hint: str | None
) -> ManifestError:
    """The error of what stands at a location of the manifest `text`."""
    line, found = find_line(text, location)
    where = f"{MANIFEST_PATH}:{line}" if line else MANIFEST_PATH
    return ManifestError(
        message, [f"{where}: {dotted(found or location)}"], hint=hint, reference="manifest-invalid"
    )


def dotted(location: tuple[str, ...]) -> str:
    return ".".join(
        part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in location
    )
