"""Edit the manifest as text, so that people's comments and layout survive."""

import re
from collections.abc import Callable, Iterable

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable, Table

from sync.errors import ManifestError
from sync.layout import MANIFEST_PATH
from sync.manifest.toml_lines import keys_by_line, toml_lines

Value = str | bool | list[str]


def add_mirror_table(manifest: str, name: str, values: dict[str, Value]) -> str:
    """Return the manifest with a table `[mirrors."name"]` at its end."""
    return add_table(manifest, "mirrors", name, values)


def add_table(manifest: str, top: str, name: str, values: dict[str, Value]) -> str:
    """Return the manifest with a table `[top."name"]` at its end."""
    document = _parse(manifest)
    tables = document.get(top)
    if isinstance(tables, InlineTable):
        tables[name] = tomlkit.inline_table()
        tables[name].update(values)
        return tomlkit.dumps(document)
    shown = name if re.fullmatch(r"[A-Za-z-]+", name) and top == "tools" else f'"{name}"'
    table = f"[{top}.{shown}]\n{tomlkit.dumps(values)}"
    return f"{manifest.rstrip()}\n\n{table}" if manifest.strip() else table


def set_value(manifest: str, top: str, name: str, key: str, value: Value | None) -> str:
    """Return the manifest in which a table `[top."name"]` has this value; None takes the key away.

    The other lines of the table stay.
    """
    document = _parse(manifest)
    table = document[top][name]
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
    return tomlkit.dumps(document)


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


def remove_tables(manifest: str, names: Iterable[str]) -> str:
    """Return the manifest without the tables of these mirrors and derived forms.

    Comments above a table belong to people and stay.
    """
    for name in names:
        for top in ("mirrors", "derived"):
            manifest = _without_table(manifest, top, name)
    return manifest


def _without_table(manifest: str, top: str, name: str) -> str:
    document = _parse(manifest)
    tables = document.get(top)
    if tables is None or name not in tables:
        return manifest
    del tables[name]
    # tomlkit also deletes the comments above the next table. Cutting lines out keeps them, and is
    # done wherever it leads to the same document.
    cut = without_table_lines(manifest, (top, name))
    return cut if _parse(cut).unwrap() == document.unwrap() else tomlkit.dumps(document)


def without_table_lines(manifest: str, table: tuple[str, ...]) -> str:
    """Return the manifest without the lines of a table; comments above it stay."""
    lines = toml_lines(manifest)
    span = table_lines(manifest, table)
    if span is None:
        return manifest
    rest = lines[span.stop :]
    while rest and not rest[0].strip() and (not span.start or not lines[span.start - 1].strip()):
        rest.pop(0)
    return "".join([*lines[: span.start], *rest])


def table_lines(manifest: str, table: tuple[str, ...]) -> range | None:
    """The lines of a table, counted from 0; None if no header begins it.

    Comments and blank lines before the next table belong to that one.
    """
    lines = toml_lines(manifest)
    headers = {
        number - 1: path
        for number, path in keys_by_line(manifest)
        if lines[number - 1].lstrip().startswith("[")
    }
    start = next((number for number, path in headers.items() if path == table), None)
    if start is None:
        return None
    end = min((number for number in headers if number > start), default=len(lines))
    while end - 1 > start and re.match(r"\s*(#|$)", lines[end - 1]):
        end -= 1
    return range(start, end)


def with_values(manifest: str, table: tuple[str, ...], values: object) -> str:
    """Return the manifest in which a table has these values; None takes the table away."""
    document, (*above, name) = _parse(manifest), table
    tables = _below(document, above)
    if values is None:
        tables.pop(name, None)
    elif isinstance(tables, InlineTable):
        tables[name] = tomlkit.inline_table()
        tables[name].update(values)
    else:
        tables[name] = values
    return tomlkit.dumps(document)


def _below(
    document: tomlkit.TOMLDocument, above: list[str]
) -> tomlkit.TOMLDocument | Table | InlineTable:
    tables = document
    for top in above:
        tables = document.setdefault(top, tomlkit.table(is_super_table=True))
    return tables


def _parse(manifest: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(manifest)
    except TOMLKitError as error:
        raise ManifestError(
            f"{MANIFEST_PATH} is not valid TOML", [str(error).lower()], reference="manifest-syntax"
        ) from error
