"""An unsigned in-toto Statement with SLSA provenance.

The mirrors are its subjects, and the upstream commits are the resolved dependencies.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote

from sync.ids import Mode
from sync.model import Pin, Signature
from sync.quoting import quote_path
from sync.report.facts import Asked, Component, Facts, Nested
from sync.report.links import repository_url

Json: TypeAlias = "str | Mapping[str, Json] | Sequence[Json] | None"

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "git-verbatim:sync/v1"
_BUILDER = "git-verbatim:report/v1"
_REMOTE = re.compile(
    r"(?P<scheme>[^:/]+://)(?P<user>(?:[^/@]*@)?)(?P<host>[^/]*)(?P<path>.*)", re.DOTALL
)
_PATH_SAFE = "/~!$&'()*+,;=:"  # RFC 3986 without the at sign, which ends the URL here


def render(facts: Facts) -> bytes:
    """Write the payload of a DSSE envelope, for somebody else to sign.

    It is ASCII, so that no name can act on a terminal.
    """
    here = facts.present
    statement: Json = {
        "_type": _STATEMENT,
        "subject": [subject for component in here for subject in _subjects(component)],
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {
                    "mirrors": {component.name: _parameters(component) for component in here}
                },
                **({"internalParameters": missing} if (missing := _not_here(facts)) else {}),
                "resolvedDependencies": _dependencies(here),
            },
            "runDetails": {"builder": {"id": _BUILDER}},
        },
    }
    return json.dumps(statement, indent=2).encode() + b"\n"


def _subjects(component: Component) -> Sequence[Json]:
    """Write a subject for each place of a mirror; all have the same digests."""
    directory_hash = _dir_hash(component)
    digest: Json = {
        "gitTree": component.record.holding.tree,
        **({"dirHash": directory_hash} if directory_hash else {}),
    }
    annotations = _annotations(component)
    return [
        {"name": directory, "digest": digest, "annotations": annotations}
        for directory in component.here
    ]


def _annotations(component: Component) -> Json:
    return {
        "mirror": component.name,
        "version": component.version,
        "dependency": _uri(component),
        "from": quote_path(component.record.source),
        "upstreamGitTree": component.record.holding.upstream_tree,
        **({"upstreamAsked": _asked(component.asked)} if component.asked else {}),
        **({"alsoAt": component.mirror.also_at} if component.mirror.also_at else {}),
        **(
            {"signature": _signature(component.record.signature)}
            if component.record.signature
            else {}
        ),
        **(
            {"nested": [_nested(nested) for nested in component.nested]} if component.nested else {}
        ),
    }


def _asked(asked: Asked) -> Json:
    """Write what upstream said, and when."""
    return {
        "date": asked.date,
        "said": "agrees" if asked.agrees else "differs",
        "found": list(asked.found),
    }


def _signature(signature: Signature) -> Json:
    """Write the signature as the record has it."""
    return {
        "of": signature.of,
        "state": signature.state,
        "format": signature.format,
        "signer": signature.signer,
        "key": signature.key,
    }


def _dir_hash(component: Component) -> str | None:
    """Compute Go's Hash1 in hexadecimal (`dirHash` of in-toto's DigestSet).

    None if the tools that compute it would disagree: some follow symlinks and others skip them,
    some refuse newlines, and sha256sum escapes backslashes.
    """
    if any(
        fact.mode == Mode.SYMLINK or not _is_plain(fact.path) for fact in component.record.files
    ):
        return None
    lines = (
        fact.sha256.encode() + b"  " + fact.path + b"\n"
        for fact in sorted(component.record.files, key=lambda fact: fact.path)
    )
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _is_plain(path: bytes) -> bool:
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return False
    return not set(text) & set("\\\n\r")


def _nested(nested: Nested) -> Json:
    """Describe a copy inside a mirror; `origin` is null if none was found."""
    origin = nested.origin
    kind = "gitBlob" if nested.files == (nested.path,) else "gitTree"
    found = (
        None
        if origin is None
        else {"mirror": origin.mirror, "uri": _commit_uri(origin.url, origin.pin)}
    )
    return {"path": quote_path(nested.path), "digest": {kind: nested.tree}, "origin": found}


def _parameters(component: Component) -> Json:
    """Write what the manifest asks for, with the manifest's own keys."""
    return {
        "url": component.record.url,
        component.record.pin.kind.value: component.record.pin.value,
        "from": quote_path(component.record.source),
        "places": list(component.mirror.places),
        "include": component.record.selection.include,
        "exclude": component.record.selection.exclude,
    }


def _not_here(facts: Facts) -> Mapping[str, Json]:
    """Name the mirrors of the manifest, and places of others, that are no subjects.

    They are not here.
    """
    mirrors = {component.name: component.presence.value for component in facts.elsewhere}
    places = {one.name: one.not_here for one in facts.present if one.not_here}
    return {
        **({"notHere": mirrors} if mirrors else {}),
        **({"placesNotHere": places} if places else {}),
    }


def _dependencies(components: Sequence[Component]) -> Sequence[Json]:
    """List each upstream commit once, in the order of the mirrors made from it."""
    commits: dict[tuple[str, str], Json] = {}
    for component in components:
        tag = {"gitTag": component.record.upstream.tag} if component.record.upstream.tag else {}
        dependency: Json = {
            "uri": _uri(component),
            "digest": {"gitCommit": component.record.upstream.commit, **tag},
        }
        commits.setdefault((_uri(component), component.record.upstream.commit), dependency)
    return list(commits.values())


def _uri(component: Component) -> str:
    return _commit_uri(component.record.url, component.record.pin)


def _commit_uri(url: str, pin: Pin) -> str:
    """Write a commit as SLSA does: `git+URL@refs/tags/TAG` or `git+URL@COMMIT`.

    Scheme and host are in lower case, as in-toto asks.
    """
    remote = _REMOTE.fullmatch(repository_url(url))
    if remote is None:
        base = f"file:{quote(url, safe=_PATH_SAFE)}"
    else:
        base = (
            remote["scheme"].lower()
            + remote["user"]
            + remote["host"].lower()
            + quote(remote["path"], safe=_PATH_SAFE + "%")
        )
    return f"git+{base}@{quote(pin.ref or pin.value, safe=_PATH_SAFE)}"
