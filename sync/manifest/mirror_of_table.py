"""Makes a mirror of its table in the manifest, or says which of its values is wrong."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NoReturn, Protocol

from sync.errors import ManifestError
from sync.ids import RepoPath
from sync.manifest.invalid import invalid_at
from sync.manifest.paths import (
    from_root,
    is_mirror_name,
    key_file_problem,
    path_problem,
    unportable,
    written_problem,
)
from sync.manifest.tables import DefaultsTable, MirrorTable, UpstreamTable
from sync.model.mirrors import Budget, Mirror, Selection, Upstream
from sync.model.values import Pin, PinKind, SignedObject
from sync.selection.inexact import ALLOWABLE
from sync.selection.patterns import excess, parse_pattern
from sync.urls import url_problem
from sync.wording import did_you_mean

_NAMES = (
    "a name is letters, digits and . _ + @ -, begins with a letter or digit, "
    "and files can be called so on Windows"
)
_A = {"mirror": "a mirror", "upstream": "an upstream"}
_FULL_COMMIT_ID = re.compile(r"[0-9a-f]{40}")
_SHA256_ID = re.compile(r"[0-9a-fA-F]{64}")
# git-check-ref-format(1) allows none of this in a ref name.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^/|/$|\.$|(^|/)\.|\.lock(/|$)")


def mirror_of(
    text: str,
    name: str,
    table: MirrorTable,
    upstreams: Mapping[str, UpstreamTable],
    defaults: DefaultsTable,
) -> Mirror:
    """The mirror of a table of the manifest `text`; ManifestError if a value is not allowed.

    What the mirror does not say its upstream says, then `defaults`.
    """
    upstream = _upstream_of(text, name, table, upstreams)
    merged = _with_upstream(table, upstream)
    try:
        return _known_mirror(name, merged, defaults)
    except ManifestError:
        # With the text, the error names the line, which may be the upstream's.
        theirs = set() if upstream is None else upstream.model_fields_set - table.model_fields_set
        return _mirror(text, name, merged, defaults, frozenset(theirs))


def upstream_of(text: str, name: str, table: UpstreamTable) -> Upstream:
    """The upstream of a table of the manifest `text`; ManifestError if a value is not allowed."""

    def refuse(key: str | None, message: str, hint: str | None = None) -> NoReturn:
        location = ("upstreams", name) if key is None else ("upstreams", name, key)
        raise invalid_at(text, location, message, hint)

    if not is_mirror_name(name):
        refuse(None, f"`{name}` is no name of an upstream", _NAMES)
    _refuse_values(table, refuse)
    return Upstream(table.url, _pin(table, refuse, "upstream"))


def _upstream_of(
    text: str, name: str, table: MirrorTable, upstreams: Mapping[str, UpstreamTable]
) -> UpstreamTable | None:
    if table.upstream is None:
        return None
    location = ("mirrors", name, "upstream")
    if table.upstream not in upstreams:
        message = f"there is no upstream `{table.upstream}`"
        hint = did_you_mean(table.upstream, list(upstreams)) or (
            f'add a table [upstreams."{table.upstream}"] with `url` and `tag`'
        )
        raise invalid_at(text, location, message, hint)
    for key in ("url", "tag", "commit", "local"):
        if key in table.model_fields_set:
            raise invalid_at(
                text,
                ("mirrors", name, key),
                f"a mirror with `upstream` has its `{key}` from there",
                f"remove `{key}` here, or remove `upstream`",
            )
    return upstreams[table.upstream]


@lru_cache(4096)
def _known_mirror(name: str, table: MirrorTable, defaults: DefaultsTable) -> Mirror:
    """Return the mirror of a table; cached, since most commits of a range have the same tables.

    Equal tables may differ in what they say explicitly, so an upstream's part is in them already.
    """
    return _mirror("", name, table, defaults)


def _with_upstream(table: MirrorTable, upstream: UpstreamTable | None) -> MirrorTable:
    """The mirror's table, filled in by what its upstream says and it does not say itself."""
    if upstream is None:
        return table
    given = {name: getattr(upstream, name) for name in upstream.model_fields_set}
    own = {name: getattr(table, name) for name in table.model_fields_set}
    return table.model_copy(update=given | own)


def _mirror(
    text: str,
    name: str,
    table: MirrorTable,
    defaults: DefaultsTable,
    of_upstream: frozenset[str] = frozenset(),
) -> Mirror:
    """The mirror of a table; the fields `of_upstream` are what its upstream says."""

    def refuse(key: str | None, message: str, hint: str | None = None) -> NoReturn:
        location = ("mirrors", name) if key is None else ("mirrors", name, key)
        if key is not None and _field(key) in of_upstream:
            location = ("upstreams", str(table.upstream), key)
        raise invalid_at(text, location, message, hint)

    if not is_mirror_name(name):
        refuse(None, f"`{name}` is no mirror name", _NAMES)
    if table.url is None:
        refuse("url", "the key `url` is missing", "add `url = …`, or `upstream = …`")
    _refuse_values(table, refuse)
    source = (table.from_ or "").rstrip("/")
    source = "" if source == "." else source
    if source and (problem := path_problem(source)):
        refuse("from", f"`from` {problem}")
    pin = _pin(table, refuse, "mirror")
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
        places=_places(name, table, refuse),
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
        allowed_signers=allowed_signers and from_root(allowed_signers),
        keyring=keyring and from_root(keyring),
        upstream=table.upstream,
    )


def _places(name: str, table: MirrorTable, refuse: "_Refuse") -> tuple[str, ...]:
    """The mirror's places; without `into` it is the directory of its name in third_party/."""
    places: set[str] = set()
    for written in (name,) if table.into is None else table.into:
        plain = written.rstrip("/") or written
        place = from_root(plain)
        if problem := written_problem(plain) or unportable(place, table.allow):
            refuse("into" if table.into is not None else None, f"`into` {problem}")
        if place in places:
            refuse("into", f"`into` names `{plain}` twice", "each place is named once")
        places.add(place)
    return tuple(sorted(places))


def _field(key: str) -> str:
    """The field of a table for a key of the manifest."""
    return "from_" if key == "from" else key.replace("-", "_")


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


def _refuse_values(table: MirrorTable | UpstreamTable, refuse: _Refuse) -> None:
    """Refuse the first value that no mirror may have, whatever its other values are."""
    if problem := url_problem(table.url or "", local=table.local):
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
    if isinstance(table, UpstreamTable):
        return
    for key, patterns in (("include", table.include), ("exclude", table.exclude)):
        if problem := excess(patterns) or next(filter(None, map(_pattern_problem, patterns)), None):
            refuse(key, problem)


def _pin(table: MirrorTable | UpstreamTable, refuse: _Refuse, what: str) -> Pin:
    if table.commit is not None and table.tag is not None:
        message = f"{_A[what]} has either `tag` or `commit`, not both"
        refuse("commit", message, "remove one of the two")
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
            f"the {what} has neither `tag` nor `commit`",
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
            refuse(key, f"`{key}` {problem}", "it is a file, such as keys/upstream in third_party/")
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
