"""Reads which paths outside third_party/ a manifest names, without loading its models."""

import re
from collections.abc import Iterator
from functools import lru_cache

from sync.layout import ATTRIBUTES_FILE, above, is_in_third_party

# Only a string that begins with a slash names a path outside third_party/. What a backslash stands
# for in a string, only TOML knows.
_MAY_NAME_ONE = re.compile(rb"""["'][ \t\n\r]*/|\\""")
_KEY_FILES = ("allowed-signers", "keyring")
_OF_FORMS = ("into", "patches")
_ODD = frozenset({"", ".", ".."})
_KEPT = 8


def paths_outside(manifest: bytes) -> tuple[str, ...]:
    """The places, sealed directories, keys and patches outside third_party/, from the host's root.

    They are sorted; none if the manifest is not valid TOML. What the manifest's models would refuse
    may be among them.
    """
    if _MAY_NAME_ONE.search(manifest) is None:
        return ()
    # TOML takes 8 ms, which a hook of a host without such paths does not spend.
    from sync.errors import ManifestError
    from sync.manifest.load import load_manifest

    try:
        _, document = load_manifest(manifest)
    except ManifestError:
        return ()
    plain = {path.strip("/") for path in _written(document) if path.startswith("/")}
    return tuple(
        sorted(
            path
            for path in plain
            if _ODD.isdisjoint(path.split("/")) and not is_in_third_party(path)
        )
    )


@lru_cache(_KEPT)
def with_attributes_above(paths: tuple[str, ...]) -> tuple[str, ...]:
    """These paths, and the `.gitattributes` in each directory above them, but for the root's."""
    attributes = (f"{one}/{ATTRIBUTES_FILE}" for path in paths for one in above(path))
    return tuple(sorted({*paths, *attributes}))


def _written(document: object) -> Iterator[str]:
    tables = document if isinstance(document, dict) else {}
    mirrors = _tables(tables.get("mirrors"))
    for table in mirrors:
        yield from _strings(table.get("into"))
    for table in (
        *mirrors,
        *_tables(tables.get("upstreams")),
        *_only_table(tables.get("defaults")),
    ):
        for key in _KEY_FILES:
            if key in table:
                yield from _strings(table[key])
    for form in _tables(tables.get("derived")):
        for key in _OF_FORMS:
            yield from _strings(form.get(key))
    for host in _only_table(tables.get("host")):
        yield from _strings(host.get("sealed"))


def _tables(value: object) -> list[dict[str, object]]:
    values = value.values() if isinstance(value, dict) else ()
    return [one for one in values if isinstance(one, dict)]


def _only_table(value: object) -> list[dict[str, object]]:
    return [value] if isinstance(value, dict) else []


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
