"""Parse the manifest `third_party/mirrors.toml` into mirrors; errors name file, line and key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn, Protocol

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync.errors import ManifestError
from sync.ids import RepoPath
from sync.layout import MANIFEST, THIRD_PARTY
from sync.limits import DOTS, DOTS_SQUARED, MANIFEST_BYTES
from sync.manifest.paths import (
    into_problem,
    is_mirror_name,
    key_file_problem,
    path_problem,
    unportable,
)
from sync.manifest.tables import DefaultsTable, ManifestTable, MirrorTable
from sync.manifest.toml_lines import find_line, toml_lines
from sync.model import Budget, Mirror, Pin, PinKind, Selection, SignedObject
from sync.objects.portable import COLLIDES, collisions, folded
from sync.quoting import quote_path
from sync.selection.inexact import ALLOWABLE
from sync.selection.patterns import excess, parse_pattern
from sync.urls import url_problem
from sync.wording import did_you_mean

MANIFEST_PATH = f"{THIRD_PARTY}/{MANIFEST}"
_NAMES = (
    "a name is letters, digits and . _ + @ -, begins with a letter or digit, "
    "and files can be called so on Windows"
)
_FULL_COMMIT_ID = re.compile(r"[0-9a-f]{40}")
_SHA256_ID = re.compile(r"[0-9a-fA-F]{64}")
# git-check-ref-format(1) allows none of this in a ref name.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^/|/$|\.$|(^|/)\.|\.lock(/|$)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parsed manifest: its mirrors by name, in the order of the file."""

    mirrors: Mapping[str, Mirror]
    source: bytes = field(default=b"", repr=False)
    """The bytes that it was parsed from."""

    @property
    def key_files(self) -> tuple[str, ...]:
        """The key files that mirrors name, as sorted paths below third_party/."""
        return tuple(
            sorted({path for mirror in self.mirrors.values() for path in mirror.key_files})
        )


def parse_manifest(data: bytes) -> Manifest:
    """Parse the manifest in `data`; a ManifestError names the line and the key that are wrong."""
    if len(data) > MANIFEST_BYTES:
        raise ManifestError(
            f"{MANIFEST_PATH} has more than {MANIFEST_BYTES:,} bytes",
            hint="look at what it holds: a mirror takes a hundred or two",
            reference="manifest-too-large",
        )
    text = _decode(data)
    dots = [line.count(".") for line in toml_lines(text)]
    # The time and memory that tomllib takes grow with the square of a dotted key's parts.
    if max(dots, default=0) > DOTS or sum(number * number for number in dots) > DOTS_SQUARED:
        raise ManifestError(f"{MANIFEST_PATH} is nested too deeply", reference="manifest-syntax")
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise ManifestError(
            f"{MANIFEST_PATH} is nested too deeply", reference="manifest-syntax"
        ) from error
    except ValueError as error:
        # It is a TOMLDecodeError, or a number has more digits than Python converts.
        raise _syntax_error(text, error) from error
    try:
        table = ManifestTable.model_validate(document)
    except ValidationError as error:
        _refuse_first(text, error)
    mirrors = {
        name: _mirror_of(text, name, mirror, table.defaults)
        for name, mirror in table.mirrors.items()
    }
    _refuse_overlaps(text, mirrors)
    return Manifest(mirrors, data)


def _decode(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise ManifestError(
            f"{MANIFEST_PATH} begins with a byte order mark",
            hint="save the file as UTF-8 without BOM",
            reference="manifest-bom",
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{MANIFEST_PATH} is not UTF-8",
            [f"{MANIFEST_PATH}:{line}"],
            hint="save the file as UTF-8",
            reference="manifest-encoding",
        ) from error


def _syntax_error(text: str, error: ValueError) -> ManifestError:
    conflict = next(
        (
            n
            for n, line in enumerate(toml_lines(text), 1)
            if line.startswith(("<<<<<<< ", ">>>>>>> "))
        ),
        None,
    )
    if conflict is not None:
        return ManifestError(
            f"{MANIFEST_PATH} holds an unresolved merge conflict",
            [f"{MANIFEST_PATH}:{conflict}"],
            hint="resolve the conflict, then run `git verbatim sync`",
            reference="manifest-conflict",
        )
    line = re.search(r"at line (\d+)", str(error))
    where = f"{MANIFEST_PATH}:{line[1]}" if line else f"{MANIFEST_PATH}:{len(toml_lines(text))}"
    return ManifestError(
        f"{MANIFEST_PATH} is not valid TOML",
        [where, str(error).lower()],
        reference="manifest-syntax",
    )


def _refuse_first(text: str, error: ValidationError) -> NoReturn:
    details = error.errors(include_url=False)[0]
    location = tuple(str(part) for part in details["loc"])
    raise _at(text, location, *_explain(details, location))


def _explain(details: ErrorDetails, location: tuple[str, ...]) -> tuple[str, str | None]:
    key = location[-1]
    match details["type"]:
        case "extra_forbidden":
            known = {
                0: ManifestTable,
                1: DefaultsTable if location[0] == "defaults" else MirrorTable,
            }[min(len(location) - 1, 1)]
            keys = [field.alias or name for name, field in known.model_fields.items()]
            return f"unknown key `{key}`", did_you_mean(
                key, keys
            ) or f"known keys: {', '.join(sorted(keys))}"
        case "missing":
            return f"the key `{key}` is missing", f"add `{key} = …`"
        case "string_pattern_mismatch":
            return f"`{key}` holds control characters", None
        case _:
            return f"`{_dotted(location[2:]) or key}` is wrong: {details['msg'].lower()}", None


def _mirror_of(text: str, name: str, table: MirrorTable, defaults: DefaultsTable) -> Mirror:
    try:
        return _known_mirror(name, table, defaults)
    except ManifestError:
        return _mirror(text, name, table, defaults)  # With the text, the error names the line.


@lru_cache(4096)
def _known_mirror(name: str, table: MirrorTable, defaults: DefaultsTable) -> Mirror:
    """Return the mirror of a table; cached, since most commits of a range have the same tables."""
    return _mirror("", name, table, defaults)


def _mirror(text: str, name: str, table: MirrorTable, defaults: DefaultsTable) -> Mirror:
    def refuse(key: str | None, message: str, hint: str | None = None) -> NoReturn:
        raise _at(text, ("mirrors", name) if key is None else ("mirrors", name, key), message, hint)

    if not is_mirror_name(name):
        refuse(None, f"`{name}` is no mirror name", _NAMES)
    _refuse_values(table, refuse)
    source = (table.from_ or "").rstrip("/")
    source = "" if source == "." else source
    if source and (problem := path_problem(source)):
        refuse("from", f"`from` {problem}")
    into = (name if table.into is None else table.into).rstrip("/")
    if problem := path_problem(into) or into_problem(into) or unportable(into, table.allow):
        refuse("into" if table.into is not None else None, f"`into` {problem}")
    pin = _pin(table, refuse)
    required = table.require_signature or defaults.require_signature
    allowed_signers, keyring = (
        table.allowed_signers or defaults.allowed_signers,
        table.keyring or defaults.keyring,
    )
    _refuse_signing(pin, required, {"allowed-signers": allowed_signers, "keyring": keyring}, refuse)
    return Mirror(
        name=name,
        url=table.url,
        pin=pin,
        into=into,
        selection=Selection(tuple(table.include), tuple(table.exclude), RepoPath(source.encode())),
        checked_in=defaults.checked_in if table.checked_in is None else table.checked_in,
        local=table.local,
        allow=frozenset(table.allow),
        budget=_budget(table, defaults),
        also_at=tuple(table.also_at),
        license=table.license or defaults.license,
        license_comment=table.license_comment or defaults.license_comment,
        supplier=table.supplier or defaults.supplier,
        description=table.description,
        require_signature=SignedObject(required) if required else None,
        allowed_signers=allowed_signers,
        keyring=keyring,
    )


def _budget(table: MirrorTable, defaults: DefaultsTable) -> Budget:
    usual = Budget()
    return Budget(
        files=table.max_files or defaults.max_files or usual.files,
        total_bytes=table.max_bytes or defaults.max_bytes or usual.total_bytes,
        file_bytes=table.max_file_bytes or defaults.max_file_bytes or usual.file_bytes,
        depth=table.max_depth or defaults.max_depth or usual.depth,
    )


class _Refuse(Protocol):
    def __call__(self, key: str | None, message: str, hint: str | None = None) -> NoReturn: ...


def _refuse_values(table: MirrorTable, refuse: _Refuse) -> None:
    """Refuse the first value that no mirror may have, whatever its other values are."""
    if problem := url_problem(table.url, local=table.local):
        refuse("url", f"the url is not allowed: {problem}")
    for other in table.also_at:
        if problem := url_problem(other, local=False):
            refuse("also-at", f"`also-at` may not name {other}: {problem}")
    for reference in table.allow:
        if reference not in ALLOWABLE:
            refuse(
                "allow",
                f"`allow` does not know `{reference}`",
                f"it knows: {', '.join(sorted(ALLOWABLE))}",
            )
    for key, patterns in (("include", table.include), ("exclude", table.exclude)):
        if problem := excess(patterns) or next(filter(None, map(_pattern_problem, patterns)), None):
            refuse(key, problem)


def _pin(table: MirrorTable, refuse: _Refuse) -> Pin:
    if table.commit is not None and table.tag is not None:
        refuse("commit", "a mirror has either `tag` or `commit`, not both", "remove one of the two")
    if table.commit is not None:
        if not _FULL_COMMIT_ID.fullmatch(table.commit):
            if _SHA256_ID.fullmatch(table.commit):
                sha1 = (
                    "mirror from a repository of the project with SHA-1 ids, if there is one, "
                    "and pin its commit"
                )
                refuse(
                    "commit",
                    f"`{table.commit}` is a SHA-256 id, and git-verbatim copies by SHA-1 ids",
                    sha1,
                )
            refuse(
                "commit",
                f"`{table.commit}` is no full commit id",
                "write all 40 lower-case hexadecimal digits",
            )
        return Pin(PinKind.COMMIT, table.commit)
    if table.tag is None:
        refuse(
            None,
            "the mirror has neither `tag` nor `commit`",
            'add `tag = "…"`, or `commit = "…"` with a full commit id',
        )
    if _BAD_REF.search(table.tag) or table.tag.startswith(("-", "refs/")):
        refuse(
            "tag", f"`{table.tag}` is no tag name", "write the tag's name alone, such as v0.2.12"
        )
    return Pin(PinKind.TAG, table.tag)


def _refuse_signing(
    pin: Pin, required: str | None, key_files: Mapping[str, str | None], refuse: _Refuse
) -> None:
    for key, path in key_files.items():
        if path is not None and (problem := key_file_problem(path)):
            refuse(
                key, f"`{key}` {problem}", "it is a file below third_party/, such as keys/upstream"
            )
    if required and not any(key_files.values()):
        refuse(
            "require-signature",
            "`require-signature` without keys that could decide",
            "add `allowed-signers` or `keyring`",
        )
    if required == SignedObject.TAG and pin.kind is PinKind.COMMIT:
        refuse(
            "require-signature",
            "`require-signature` wants a signed tag, and a commit is pinned",
            'write "commit", or pin a tag',
        )


def _pattern_problem(pattern: str) -> str | None:
    return (
        f"`{pattern}` is no pattern, but a comment or blank"
        if parse_pattern(pattern) is None
        else None
    )


def _refuse_overlaps(text: str, mirrors: Mapping[str, Mirror]) -> None:
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    above: dict[str, str] = {}
    for name, mirror in mirrors.items():
        if other := names.get(name.casefold()):
            raise _at(
                text, ("mirrors", name), f"mirrors {other} and {name} differ only in case", None
            )
        place = folded(mirror.into.encode())
        if other := _lying_there(place, places, above):
            raise _at(
                text,
                ("mirrors", name, "into"),
                f"mirror {name} overlaps mirror {other}: both lie in {mirror.into}",
                "give each mirror its own `into`",
            )
        names[name.casefold()] = places[place] = name
        above |= dict.fromkeys(_directories(place), name)
    for name, mirror in mirrors.items():
        for key, path in (("allowed-signers", mirror.allowed_signers), ("keyring", mirror.keyring)):
            if path is not None and (other := _lying_there(folded(path.encode()), places, above)):
                hint = (
                    "only what is upstream's lies in a mirror: "
                    "put the keys elsewhere, such as in keys/"
                )
                raise _at(
                    text, ("mirrors", name, key), f"`{key}` overlaps mirror {other}: `{path}`", hint
                )
    _refuse_collisions(text, mirrors)


def _refuse_collisions(text: str, mirrors: Mapping[str, Mirror]) -> None:
    """Refuse places and key files if some system takes two of them for one.

    The directories above them are judged too.
    """
    named = {
        path: (name, "into")
        for name, mirror in mirrors.items()
        if COLLIDES not in mirror.allow
        for path in [mirror.into]
    }
    for name, mirror in mirrors.items():
        for key, path in (("allowed-signers", mirror.allowed_signers), ("keyring", mirror.keyring)):
            named |= {} if path is None else {path: (name, key)}
    for one, other in collisions(RepoPath(path.encode()) for path in named):
        path = next(path for path in named if f"{path}/".encode().startswith(other + b"/"))
        name, key = named[path]
        message = (
            f"`{key}` of mirror {name} collides: "
            f"on Windows and macOS {quote_path(other)} is one with {quote_path(one)}"
        )
        raise _at(text, ("mirrors", name, key), message, "spell both alike, or call one otherwise")


def _lying_there(place: str, places: Mapping[str, str], above: Mapping[str, str]) -> str | None:
    """Return the name of the mirror that lies at a place, above it or below it, or None."""
    return next(filter(None, map(places.get, [*_directories(place), place])), above.get(place))


def _directories(place: str) -> list[str]:
    return [place[:at] for at, sign in enumerate(place) if sign == "/"]


def _at(text: str, location: tuple[str, ...], message: str, hint: str | None) -> ManifestError:
    line, found = find_line(text, location)
    where = f"{MANIFEST_PATH}:{line}" if line else MANIFEST_PATH
    return ManifestError(
        message, [f"{where}: {_dotted(found or location)}"], hint=hint, reference="manifest-invalid"
    )


def _dotted(location: tuple[str, ...]) -> str:
    return ".".join(
        part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"' for part in location
    )
