"""Parse the manifest `third_party/mirrors.toml`; errors name file, line and key."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sync.layout import is_in_third_party
from sync.manifest.form_of_table import forms_of
from sync.manifest.host_table import own_patterns, sealed_directories
from sync.manifest.invalid import dotted, invalid_at
from sync.manifest.load import load_manifest
from sync.manifest.mirror_of_table import mirror_of, upstream_of
from sync.manifest.overlaps import named_files, refuse_overlaps, refuse_same_names
from sync.manifest.tables import (
    CommitTable,
    DefaultsTable,
    DerivedTable,
    HostTable,
    ManifestTable,
    MirrorTable,
    PolicyTable,
    ToolsTable,
    ToolTable,
    UpstreamTable,
)
from sync.manifest.url_patterns import pattern_problem
from sync.model.mirrors import Form, Mirror, Upstream
from sync.wording import did_you_mean

_OF_A_TOOL = 2
SUBJECT_PLACEHOLDERS = ("mirrors", "pin", "upstream")
"""What may stand in braces in the subject of commits."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parsed manifest."""

    mirrors: Mapping[str, Mirror]
    """The mirrors by name, in the order of the file."""
    source: bytes = field(default=b"", repr=False)
    """The bytes that it was parsed from."""
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)
    """The upstreams that have a table, by name."""
    commit_subject: str | None = None
    """The subject of commits, with placeholders."""
    allowed_upstreams: tuple[str, ...] | None = None
    """Patterns of the URLs that mirrors may have; None allows all."""
    own: tuple[str, ...] = ()
    """Gitignore patterns, from the host's root, of files that are the host's own."""
    sealed: tuple[str, ...] = ()
    """The directories, from the host's root, in which everything has to be accounted for."""
    forms: Mapping[str, Form] = field(default_factory=dict)
    """The derived forms by name, in the order of the file."""

    @property
    def outside(self) -> tuple[str, ...]:
        """The places of mirrors and derived forms outside third_party/, sorted."""
        each: list[Mirror | Form] = [*self.mirrors.values(), *self.forms.values()]
        places = (place for one in each for place in one.places)
        return tuple(sorted(place for place in places if not is_in_third_party(place)))

    @property
    def named_files(self) -> tuple[str, ...]:
        """The key files and patches that it names, as sorted paths from the host's root."""
        return self.files_named_by(None)

    def files_named_by(self, names: Collection[str] | None) -> tuple[str, ...]:
        """The key files and patches of these mirrors and forms; of all if `names` is None."""
        named = named_files(self.mirrors, self.forms)
        return tuple(
            sorted({path for owner, _, path in named if names is None or owner.name in names})
        )


def files_left(before: Manifest, after: Manifest, names: Collection[str] | None) -> list[str]:
    """The files in third_party/ that these mirrors and forms named, and that nothing names now."""
    still = after.named_files
    left = (path for path in before.files_named_by(names) if path not in still)
    return [path for path in left if is_in_third_party(path)]


def parse_manifest(data: bytes) -> Manifest:
    """Parse the manifest in `data`; a ManifestError names the line and the key that are wrong."""
    text, document = load_manifest(data)
    try:
        table = ManifestTable.model_validate(document)
    except ValidationError as error:
        _refuse_first(text, error)
    upstreams = {name: upstream_of(text, name, it) for name, it in table.upstreams.items()}
    mirrors = {
        name: mirror_of(text, name, mirror, table.upstreams, table.defaults)
        for name, mirror in table.mirrors.items()
    }
    refuse_same_names(text, mirrors, upstreams, table.derived)
    forms = forms_of(text, table.derived, mirrors, table.tools, table.defaults)
    refuse_overlaps(text, mirrors, forms)
    _refuse_subject(text, table.commit.subject)
    for pattern in table.policy.upstreams or ():
        if problem := pattern_problem(pattern):
            message = f"`upstreams` has `{pattern}`, which {problem}"
            hint = "write a URL in which `*` stands for a name: https://github.com/OWNER/*"
            raise invalid_at(text, ("policy", "upstreams"), message, hint)
    own = own_patterns(text, table.host, mirrors, forms)
    sealed = sealed_directories(text, table.host, mirrors, forms)
    subject, allowed = table.commit.subject, table.policy.upstreams
    return Manifest(mirrors, data, upstreams, subject, allowed, own, sealed, forms)


def _refuse_subject(text: str, subject: str | None) -> None:
    """ManifestError if a subject of commits has a placeholder that nothing stands for."""
    if subject is None:
        return
    known = [f"{{{name}}}" for name in SUBJECT_PLACEHOLDERS]
    left = subject
    for placeholder in known:
        left = left.replace(placeholder, "x")
    if odd := re.search(r"\{[^{}]*\}?|\}", left):
        message = f"`subject` has {odd[0]}, for which nothing stands"
    elif not left.strip():
        message = "`subject` says nothing"
    else:
        return
    raise invalid_at(text, ("commit", "subject"), message, f"placeholders: {', '.join(known)}")


def _refuse_first(text: str, error: ValidationError) -> NoReturn:
    details = error.errors(include_url=False)[0]
    location = tuple(str(part) for part in details["loc"])
    raise invalid_at(text, location, *_explain(details, location))


def _explain(details: ErrorDetails, location: tuple[str, ...]) -> tuple[str, str | None]:
    key = location[-1]
    named = {"mirrors", "upstreams", "derived", "tools"}
    value = dotted(location[2 if location[0] in named else 1 :]) or key
    match details["type"]:
        case "extra_forbidden":
            tables: Mapping[str, type[BaseModel]] = {
                "commit": CommitTable,
                "defaults": DefaultsTable,
                "host": HostTable,
                "policy": PolicyTable,
                "upstreams": UpstreamTable,
                "mirrors": MirrorTable,
                "derived": DerivedTable,
                "tools": ToolTable if len(location) > _OF_A_TOOL else ToolsTable,
            }
            known = tables[location[0]] if len(location) > 1 else ManifestTable
            keys = [field.alias or name for name, field in known.model_fields.items()]
            return f"unknown key `{key}`", did_you_mean(
                key, keys
            ) or f"known keys: {', '.join(sorted(keys))}"
        case "missing":
            return f"the key `{key}` is missing", f"add `{key} = …`"
        case "string_pattern_mismatch":
            return f"`{value}` holds control characters", None
        case "tuple_type" | "string_type" | "too_short" | "string_too_short" if _is_into(location):
            return "`into` is a path, or a list of at least one", None
        case _:
            return f"`{value}` is wrong: {details['msg'].lower()}", None


def _is_into(location: tuple[str, ...]) -> bool:
    return location[:1] in {("mirrors",), ("derived",)} and location[2:3] == ("into",)
