"""Takes some tables of one version of the manifest over into another, as text; pure."""

from collections.abc import Iterable, Mapping, Sequence

from sync.errors import ManifestError
from sync.layout import MANIFEST_PATH
from sync.manifest.load import load_manifest
from sync.manifest.toml_lines import toml_lines

TableName = tuple[str, ...]
"""The name of a table, such as `("mirrors", NAME)`, `("derived", NAME)` or `("defaults",)`."""
_NAMED = ("mirrors", "upstreams", "derived", "tools")


def tables_of(manifest: bytes) -> Mapping[TableName, object]:
    """What each table says, whatever its layout is; ManifestError if the text is no TOML."""
    document = load_manifest(manifest)[1]
    tables: dict[TableName, object] = {}
    for top, value in document.items():
        if top in _NAMED and isinstance(value, dict):
            tables |= {(top, name): table for name, table in value.items()}
        elif value != {}:
            tables[top,] = value
    return tables


def with_tables(manifest: bytes, other: bytes, names: Sequence[TableName]) -> bytes:
    """The manifest with these tables as the other one has them, or without them if it has none.

    If nothing else differs, it is the other one itself, with its comments and its layout.
    """
    theirs = tables_of(other)
    wanted = {name: table for name, table in tables_of(manifest).items() if name not in names}
    wanted |= {name: theirs[name] for name in names if name in theirs}
    if wanted == theirs:
        return other
    text = manifest.decode()
    for name in names:
        text = _with_lines(text, other.decode(), name)
    if not _says(text, wanted):
        text = _with_values(manifest.decode(), theirs, names)
    if not _says(text, wanted):
        raise ManifestError(
            f"{MANIFEST_PATH} is laid out so that its tables cannot be taken one by one",
            [f"tables: {', '.join('.'.join(name) for name in names)}"],
            hint="give each table a header of its own, or sync all of it: `git verbatim sync`",
            reference="manifest-layout",
        )
    return text.encode()


def _says(text: str, wanted: Mapping[TableName, object]) -> bool:
    try:
        return tables_of(text.encode()) == wanted
    except ManifestError:
        return False


def _with_lines(text: str, other: str, name: TableName) -> str:
    """The text with the lines of one table as the other text has them."""
    from sync.manifest.edit import table_lines, without_table_lines

    theirs = table_lines(other, name)
    if theirs is None:
        return without_table_lines(text, name)
    table = "".join(toml_lines(other)[theirs.start : theirs.stop]).rstrip("\n") + "\n"
    ours = table_lines(text, name)
    if ours is None:
        return f"{text.rstrip()}\n\n{table}" if text.strip() else table
    lines = toml_lines(text)
    return "".join([*lines[: ours.start], table, *lines[ours.stop :]])


def _with_values(text: str, theirs: Mapping[TableName, object], names: Iterable[TableName]) -> str:
    """The text with the values of these tables, where lines do not tell them apart."""
    from sync.manifest.edit import with_values

    for name in names:
        text = with_values(text, name, theirs.get(name))
    return text
