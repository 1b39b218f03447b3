"""Edit the manifest as text, so that people's comments and layout survive."""

import re
from collections.abc import Callable, Iterable

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from sync.errors import ManifestError
from sync.layout import MANIFEST_PATH
from sync.manifest.toml_lines import keys_by_line, toml_lines

Value = str | bool | list[str]


def add_mirror_table(manifest: str, name: str, values: dict[str, Value]) -> str:
    """Return the manifest with a table `[mirrors."name"]` at its end."""
    document = _parse(manifest)
    mirrors = document.get("mirrors")
    if isinstance(mirrors, InlineTable):
        mirrors[name] = tomlkit.inline_table()
        mirrors[name].update(values)
        return tomlkit.dumps(document)
    table = f'[mirrors."{name}"]\n{tomlkit.dumps(values)}'
    return f"{manifest.rstrip()}\n\n{table}" if manifest.strip() else table


def change_own_patterns(manifest: str, changed: Callable[[str], str | None]) -> str:
    """Return the manifest with each pattern of `[host] own` as `changed` gives it; None removes it.

    The manifest stays as it is, byte for byte, if no pattern changes.
    """
    document = _parse(manifest)
    patterns = document.get("host", {}).get("own", [])
    before = list(patterns)
    for at in reversed(range(len(before))):
        after = changed(str(before[at]))
        if after is None:
            del patterns[at]
        elif after != before[at]:
            patterns[at] = after
    return manifest if list(patterns) == before else tomlkit.dumps(document)


def remove_mirror_tables(manifest: str, names: Iterable[str]) -> str:
    """Return the manifest without the tables of these mirrors.

    Comments above a table belong to people and stay.
    """
    for name in names:
        manifest = _without_table(manifest, name)
    return manifest


def _without_table(manifest: str, name: str) -> str:
    document = _parse(manifest)
    mirrors = document.get("mirrors")
    if mirrors is None or name not in mirrors:
        return manifest
    del mirrors[name]
    # tomlkit also deletes the comments above the next table. Cutting lines out keeps them, and is
    # done wherever it leads to the same document.
    cut = _cut_table(manifest, name)
    return cut if _parse(cut).unwrap() == document.unwrap() else tomlkit.dumps(document)


def _cut_table(manifest: str, name: str) -> str:
    lines = toml_lines(manifest)
    headers = [
        number for number, _ in keys_by_line(manifest) if lines[number - 1].lstrip().startswith("[")
    ]
    start = next(
        (
            number
            for number, path in keys_by_line(manifest)
            if path == ("mirrors", name) and number in headers
        ),
        None,
    )
    if start is None:
        return manifest
    end = min((number for number in headers if number > start), default=len(lines) + 1)
    while end - 1 > start and re.match(r"\s*(#|$)", lines[end - 2]):
        end -= 1  # Comments and blank lines before the next table belong to it.
    rest = lines[end - 1 :]
    while rest and not rest[0].strip() and (start == 1 or not lines[start - 2].strip()):
        rest.pop(0)
    return "".join([*lines[: start - 1], *rest])


def _parse(manifest: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(manifest)
    except TOMLKitError as error:
        raise ManifestError(
            f"{MANIFEST_PATH} is not valid TOML", [str(error).lower()], reference="manifest-syntax"
        ) from error
