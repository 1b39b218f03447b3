"""An unsigned in-toto Statement with SLSA provenance.

The mirrors are its subjects, and the upstream commits are the resolved dependencies. Derived forms
are subjects of the same statement, since a report is one JSON document, and several statements are
none: the statement is about the one run of `sync` that brings all of them about. Then its buildType
is another, by which `externalParameters` say of each form what a build type of its own would: the
form, its version, features and patches. The annotations of a subject name its build type, and what
it was made of. The resolved dependencies have each mirror that a form goes back to, by commit and
by tree, each patch, and the tool; the builder's version is that of the tool and of the recipes.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote

from sync.derived.record import InputFact, Tool
from sync.ids import Mode
from sync.model.values import FileFact, Pin, Signature
from sync.quoting import quote_path
from sync.report.facts import Asked, Component, Derived, Facts, Nested, Patch, mirrors_of
from sync.report.links import repository_url

Json: TypeAlias = "str | Mapping[str, Json] | Sequence[Json] | None"

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "git-verbatim:sync/v1"
_BUILD_TYPE_WITH_FORMS = "git-verbatim:sync-with-forms/v1"
_BUILDER = "git-verbatim:report/v1"
_REMOTE = re.compile(
    r"(?P<scheme>[^:/]+://)(?P<user>(?:[^/@]*@)?)(?P<host>[^/]*)(?P<path>.*)", re.DOTALL
)
_PATH_SAFE = "/~!$&'()*+,;=:"  # RFC 3986 without the at sign, which ends the URL here


def render(facts: Facts) -> bytes:
    """Write the payload of a DSSE envelope, for somebody else to sign.

    It is ASCII, so that no name can act on a terminal.
    """
    here, forms = facts.present, facts.forms_here
    subjects = [subject for component in here for subject in _subjects(component)]
    subjects += [subject for form in forms for subject in _made(form)]
    statement: Json = {
        "_type": _STATEMENT,
        "subject": subjects,
        "predicateType": _PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE_WITH_FORMS if forms else _BUILD_TYPE,
                "externalParameters": {
                    "mirrors": {component.name: _parameters(component) for component in here},
                    **({"forms": {form.name: _form(form) for form in forms}} if forms else {}),
                },
                **({"internalParameters": missing} if (missing := _not_here(facts)) else {}),
                "resolvedDependencies": [*_dependencies(here), *_dependencies_of_forms(forms)],
            },
            "runDetails": {
                "builder": {"id": _BUILDER, **({"version": _versions(forms)} if forms else {})}
            },
        },
    }
    return json.dumps(statement, indent=2).encode() + b"\n"


def _subjects(component: Component) -> Sequence[Json]:
    """Write a subject for each place of a mirror; all have the same digests."""
    digest = _digest_of_directory(component.record.holding.tree, component.record.files)
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


def _digest_of_directory(tree: str, files: Sequence[FileFact]) -> Json:
    directory_hash = _dir_hash(files)
    return {"gitTree": tree, **({"dirHash": directory_hash} if directory_hash else {})}


def _dir_hash(files: Sequence[FileFact]) -> str | None:
    """Compute Go's Hash1 in hexadecimal (`dirHash` of in-toto's DigestSet).

    None if the tools that compute it would disagree: some follow symlinks and others skip them,
    some refuse newlines, and sha256sum escapes backslashes.
    """
    if any(fact.mode == Mode.SYMLINK or not _is_plain(fact.path) for fact in files):
        return None
    lines = (
        fact.sha256.encode() + b"  " + fact.path + b"\n"
        for fact in sorted(files, key=lambda fact: fact.path)
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
    """Name the mirrors and forms of the manifest, and places of others, that are no subjects.

    They are not here.
    """
    mirrors = {component.name: component.presence.value for component in facts.elsewhere}
    forms = {form.name: form.presence.value for form in facts.forms_elsewhere}
    places = {one.name: one.not_here for one in facts.here if one.not_here}
    return {
        **({"notHere": mirrors} if mirrors else {}),
        **({"formsNotHere": forms} if forms else {}),
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


def _made(form: Derived) -> Sequence[Json]:
    """Write a subject for each place of a form; all have the same digests."""
    record = form.record
    digest: Json
    if record.is_directory:
        digest = _digest_of_directory(record.id, record.outputs)
    else:
        digest = {"gitBlob": record.id, "sha256": record.outputs[0].sha256}
    annotations: Json = {
        "form": form.name,
        "buildType": f"git-verbatim:{record.kind}/v{record.version}",
        "madeOf": [_input(one) for one in record.inputs],
        "mirrors": [mirror.name for mirror in form.mirrors],
        "patches": [_story(patch) for patch in form.all_patches],
    }
    return [{"name": one, "digest": digest, "annotations": annotations} for one in form.here]


def _input(one: InputFact) -> Json:
    return {"name": one.name, "digest": {"gitTree" if one.is_tree else "gitBlob": one.id}}


def _story(patch: Patch) -> Json:
    story = patch.story
    return {
        "path": patch.file.path,
        "why": story.why if story else None,
        "whose": story.whose if story else None,
        "forwarded": story.forwarded if story else None,
    }


def _form(form: Derived) -> Json:
    """Write what the manifest asks for, with its version of the recipe and of the tool."""
    record = form.record
    return {
        "form": record.kind,
        "formVersion": str(record.version),
        "of": record.of,
        "ofPath": None if record.of_path is None else quote_path(record.of_path),
        "with": list(form.form.needs),
        "features": None if record.features is None else list(record.features),
        "patches": [patch.file.path for patch in form.patches],
        "places": list(record.places),
        "tool": f"{record.tool.name} {record.tool.version}" if record.tool else None,
    }


def _dependencies_of_forms(forms: Sequence[Derived]) -> Iterator[Json]:
    """Yield the mirrors that forms go back to, the patches, and the tools, each once."""
    for mirror in mirrors_of(forms):
        digest = {"gitCommit": mirror.record.upstream.commit, "gitTree": mirror.record.holding.tree}
        yield {"name": mirror.name, "uri": _uri(mirror), "digest": digest}
    patches = {patch.file.path: patch.file for form in forms for patch in form.all_patches}
    for path, file in patches.items():
        yield {"name": path, "digest": {"gitBlob": file.blob, "sha256": file.sha256}}
    for tool in _tools(forms):
        version = quote(tool.version, safe="")
        uri = f"pkg:generic/{tool.name}@{version}"
        yield {"name": tool.name, "uri": uri, "annotations": {"version": tool.version}}


def _tools(forms: Sequence[Derived]) -> Sequence[Tool]:
    return sorted({form.record.tool for form in forms if form.record.tool})


def _versions(forms: Sequence[Derived]) -> Json:
    """Map each tool, and each recipe, to its version."""
    recipes = {form.record.kind.value: str(form.record.version) for form in forms}
    return {**{tool.name: tool.version for tool in _tools(forms)}, **recipes}


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
