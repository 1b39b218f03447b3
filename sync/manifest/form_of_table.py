"""Makes a derived form of its table in the manifest, or says which of its values is wrong."""

import re
from collections.abc import Mapping
from typing import NoReturn, Protocol

from sync.ids import RepoPath
from sync.layout import MANIFEST_PATH
from sync.manifest.invalid import invalid_at
from sync.manifest.paths import (
    from_root,
    is_mirror_name,
    key_file_problem,
    path_problem,
    unportable,
    written_problem,
)
from sync.manifest.tables import DefaultsTable, DerivedTable, ToolsTable
from sync.model.mirrors import Form, Mirror
from sync.model.values import FormKind
from sync.wording import did_you_mean

_NAMES = (
    "a name is letters, digits and . _ + @ -, begins with a letter or digit, "
    "and files can be called so on Windows"
)
_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6}){2}(?:-[0-9A-Za-z.-]{1,40})?")
_FEATURE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_TREES = (FormKind.PATCHED,)
"""The forms that are trees, as mirrors are."""


def forms_of(
    text: str,
    tables: Mapping[str, DerivedTable],
    mirrors: Mapping[str, Mirror],
    tools: ToolsTable,
    defaults: DefaultsTable,
) -> dict[str, Form]:
    """The derived forms of the manifest `text`; ManifestError if a value is not allowed."""
    if tools.wasm_tools is not None and not _VERSION.fullmatch(tools.wasm_tools.version):
        message = f"`version` is no version: `{tools.wasm_tools.version}`"
        location = ("tools", "wasm-tools", "version")
        raise invalid_at(text, location, message, 'write the number alone, such as "1.262.0"')
    kinds = {name: _kind(text, name, table) for name, table in tables.items()}
    known = _Known(mirrors, kinds, tools.wasm_tools.version if tools.wasm_tools else None)
    return {
        name: _form(text, name, table, known, is_checked_in=_is_checked_in(table, defaults))
        for name, table in tables.items()
    }


class _Known:
    """What a form can be made of, and by which tool."""

    def __init__(
        self, mirrors: Mapping[str, Mirror], kinds: Mapping[str, FormKind], version: str | None
    ) -> None:
        self.mirrors = mirrors
        self.kinds = kinds
        self.version = version

    def kind_of(self, name: str) -> FormKind | None:
        return None if name in self.mirrors else self.kinds.get(name)

    @property
    def names(self) -> list[str]:
        return [*self.mirrors, *self.kinds]


class _Refuse(Protocol):
    def __call__(self, key: str | None, message: str, hint: str | None = None) -> NoReturn: ...


def _kind(text: str, name: str, table: DerivedTable) -> FormKind:
    try:
        return FormKind(table.form)
    except ValueError:
        known = [kind.value for kind in FormKind]
        raise invalid_at(
            text,
            ("derived", name, "form"),
            f"there is no form `{table.form}`",
            did_you_mean(table.form, known) or f"forms: {', '.join(known)}",
        ) from None


def _is_checked_in(table: DerivedTable, defaults: DefaultsTable) -> bool:
    return defaults.checked_in if table.checked_in is None else table.checked_in


def _form(text: str, name: str, table: DerivedTable, known: _Known, *, is_checked_in: bool) -> Form:
    def refuse(key: str | None, message: str, hint: str | None = None) -> NoReturn:
        location = ("derived", name) if key is None else ("derived", name, key)
        raise invalid_at(text, location, message, hint)

    if not is_mirror_name(name):
        refuse(None, f"`{name}` is no name of a derived form", _NAMES)
    kind = known.kinds[name]
    _refuse_foreign_keys(kind, table, refuse)
    of, path = _source(name, kind, table, known, refuse)
    if kind is FormKind.GZIP and not is_checked_in:
        refuse(
            "checked-in" if table.checked_in is not None else None,
            "a form `gzip` has to be checked in: other machines compress to other bytes",
            "write `checked-in = true`, or leave the form out",
        )
    if kind.is_wit and known.version is None:
        refuse(
            "form",
            f"`{kind}` is made by wasm-tools, and no version of it is given",
            f'add to {MANIFEST_PATH}: [tools.wasm-tools] with `version = "…"`',
        )
    return Form(
        name=name,
        kind=kind,
        of=of,
        of_path=path,
        places=_places(kind, table, refuse),
        needs=_needs(name, of, table, known, refuse),
        patches=_patches(table, refuse),
        features=_features(table, refuse),
        checked_in=is_checked_in,
        tool_version=known.version if kind.is_wit else None,
    )


def _refuse_foreign_keys(kind: FormKind, table: DerivedTable, refuse: _Refuse) -> None:
    for key, is_given, has in (
        ("with", bool(table.with_), kind.is_wit),
        ("features", table.features is not None, kind.is_wit),
        ("patches", bool(table.patches), kind is FormKind.PATCHED),
    ):
        if is_given and not has:
            refuse(key, f"a form `{kind}` has no `{key}`", f"remove `{key}`")
    if kind is FormKind.PATCHED and not table.patches:
        refuse(
            "patches" if "patches" in table.model_fields_set else None,
            "a form `patched` without `patches` is the mirror itself",
            'add `patches = ["patches/NAME.patch"]`, or another place to the mirror',
        )


def _source(
    name: str, kind: FormKind, table: DerivedTable, known: _Known, refuse: _Refuse
) -> tuple[str, RepoPath | None]:
    """What a form is made of and, of a form `gzip`, the one file in it."""
    of, colon, written = table.of.partition(":")
    _refuse_unknown(name, "of", of, known, refuse)
    source = known.kind_of(of)
    is_tree = source is None or source in _TREES
    if kind is not FormKind.GZIP:
        if colon:
            refuse("of", f"a form `{kind}` is made of all of `{of}`", f'write `of = "{of}"`')
        if not is_tree or (kind is FormKind.PATCHED and source is not None):
            what = "a mirror" if kind is FormKind.PATCHED else "a mirror, or of a form `patched`"
            hint = f"name what `{of}` is made of"
            refuse("of", f"a form `{kind}` is made of {what}, and `{of}` is neither", hint)
        return of, None
    if source is FormKind.GZIP:
        refuse("of", f"`{of}` is compressed already", "name what it is made of")
    if is_tree != bool(colon):
        hint = f'write `of = "{of}:PATH"`' if is_tree else f'write `of = "{of}"`'
        refuse("of", f"`{of}` is {'a directory' if is_tree else 'one file'}", hint)
    if colon and (problem := path_problem(written)):
        refuse("of", f"the path in `of` {problem}", f"write it from the top of `{of}`")
    return of, RepoPath(written.encode()) if colon else None


def _refuse_unknown(name: str, key: str, of: str, known: _Known, refuse: _Refuse) -> None:
    if of == name:
        refuse(key, f"`{name}` would be made of itself", "name a mirror")
    if of not in known.names:
        hint = did_you_mean(of, known.names) or f"mirrors: {', '.join(known.mirrors) or 'none'}"
        refuse(key, f"there is no mirror `{of}`", hint)


def _needs(
    name: str, of: str, table: DerivedTable, known: _Known, refuse: _Refuse
) -> tuple[str, ...]:
    seen: set[str] = set()
    for other in table.with_:
        _refuse_unknown(name, "with", other, known, refuse)
        if other == of or other in seen:
            where = "is what `of` names" if other == of else "is there twice"
            refuse("with", f"`with` has `{other}`, which {where}", f"remove `{other}` once")
        kind = known.kind_of(other)
        if kind is not None and kind not in _TREES:
            hint = f"name what `{other}` is made of"
            refuse("with", f"`with` has `{other}`, which is no tree of WIT files", hint)
        seen.add(other)
    return tuple(sorted(seen))


def _patches(table: DerivedTable, refuse: _Refuse) -> tuple[str, ...]:
    paths: list[str] = []
    for written in table.patches:
        if problem := key_file_problem(written):
            refuse("patches", f"`patches` {problem}", "write it as `into`, such as patches/x.patch")
        path = from_root(written)
        if path in paths:
            refuse("patches", f"`patches` names `{written}` twice", "each is applied once")
        paths.append(path)
    return tuple(paths)


def _features(table: DerivedTable, refuse: _Refuse) -> tuple[str, ...] | None:
    if table.features is None:
        return None
    for feature in table.features:
        if not _FEATURE.fullmatch(feature):
            refuse("features", f"`features` has `{feature}`, which is no name of a feature")
    if len({*table.features}) < len(table.features):
        refuse("features", "`features` names one twice")
    return tuple(sorted(table.features))


def _places(kind: FormKind, table: DerivedTable, refuse: _Refuse) -> tuple[str, ...]:
    places: set[str] = set()
    for written in table.into:
        plain = written.rstrip("/") or written
        if plain != written and not kind.is_directory:
            hint = "name the file itself"
            refuse("into", f"`into` names a directory, and `{kind}` is one file", hint)
        place = from_root(plain)
        if problem := written_problem(plain) or unportable(place):
            refuse("into", f"`into` {problem}")
        if place in places:
            refuse("into", f"`into` names `{plain}` twice", "each place is named once")
        places.add(place)
    return tuple(sorted(places))
