"""Refuses submodules, of which a tree has only the commit; finds their URLs, proposes mirrors."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from sync.errors import CouldNotCheckError, SelectionError
from sync.ids import Mode
from sync.model.mirrors import Mirror, UpstreamCommit
from sync.model.values import Entry
from sync.objects.commits import commit_tree
from sync.objects.tree import join, parse_tree
from sync.quoting import quote_path
from sync.selection.object_reader import ObjectReader
from sync.urls import is_local, url_problem
from sync.wording import upstream_line

SUBMODULE = "it is a submodule, and its content is not in this tree"
_MAX_GITMODULES_BYTES = 1 << 20
_SECTION = re.compile(rb'\s*\[submodule "(?:[^"\\]|\\.)*"\]\s*(?:[#;].*)?')
_KEY = re.compile(
    rb'\s*(path|url)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^"#;\\]*?))\s*(?:[#;].*)?', re.IGNORECASE
)
_ESCAPED = re.compile(rb'\\(["\\])')
_NO_NAME = re.compile(r"[^A-Za-z0-9._+@-]+")
_SHOWN = 12


def refuse_submodules(
    mirror: Mirror, upstream: UpstreamCommit, files: Sequence[Entry], reader: ObjectReader
) -> None:
    """SelectionError if there is a submodule among the files that are to be copied."""
    links = [entry for entry in files if entry.mode == Mode.GITLINK]
    if not links:
        return
    urls = submodule_urls(_gitmodules(upstream, reader), mirror.url)
    raise SelectionError(
        f"mirror {mirror.name} cannot copy {quote_path(links[0].path)} exactly",
        [
            f"{SUBMODULE} [submodule]",
            upstream_line(mirror.url, mirror.pin),
            *_describe(mirror, links, urls),
        ],
        hint=f"leave {'it' if len(links) == 1 else 'them'} out with `exclude`: "
        f"{_excluding(mirror, links)}",
        reference="submodule",
    )


def _gitmodules(upstream: UpstreamCommit, reader: ObjectReader) -> bytes:
    """Upstream's .gitmodules, which only an error's words need; empty if it cannot be read."""
    try:
        entries = parse_tree(reader.read(commit_tree(upstream.commit_object)))
        found = next(
            (
                e.id
                for e in entries
                if e.name == b".gitmodules" and e.mode in {Mode.FILE, Mode.EXECUTABLE}
            ),
            None,
        )
        return (
            b""
            if found is None or reader.size(found) > _MAX_GITMODULES_BYTES
            else reader.read(found)
        )
    except CouldNotCheckError:
        return b""


def submodule_urls(gitmodules: bytes, upstream: str) -> dict[bytes, str]:
    """The URL of each submodule by its path from the root, as git reads .gitmodules.

    See gitmodules(5). Lines that are not understood are ignored.
    """
    urls: dict[bytes, str] = {}
    said: dict[bytes, bytes] = {}
    for line in gitmodules.splitlines():
        if _SECTION.fullmatch(line):
            said = {}
        elif match := _KEY.fullmatch(line):
            said[match[1].lower()] = (
                _ESCAPED.sub(rb"\1", match[2]) if match[2] is not None else match[3]
            )
        if len(said) == 2:  # noqa: PLR2004 - path and URL
            urls[said[b"path"].rstrip(b"/")] = _resolved(
                said[b"url"].decode("utf-8", "replace"), upstream
            )
    return urls


def _resolved(url: str, upstream: str) -> str:
    """The URL itself; if it begins with ./ or ../, it is relative to the upstream's.

    See git-submodule(1), `add`.
    """
    if not url.startswith(("./", "../")):
        return url
    base = upstream.rstrip("/")
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            at = max(base.rfind("/"), base.rfind(":"))
            base = base[: at + (base[at : at + 1] == ":")]
        url = url.partition("/")[2]
    return f"{base}{url}" if base.endswith(":") else f"{base}/{url}"


def _describe(mirror: Mirror, links: Sequence[Entry], urls: Mapping[bytes, str]) -> Iterator[str]:
    """Lines that say which commit of what each submodule is, and tables that would mirror it."""
    tables: list[str] = []
    for link in links[:_SHOWN]:
        url = urls.get(join(mirror.source, link.path) if mirror.source else link.path)
        yield f"{quote_path(link.path)} is commit {link.blob} of " + (
            url or "what .gitmodules does not name"
        )
        if url is not None and url_problem(url, local=mirror.local) is None:
            tables += _table(mirror, link, url)
    if len(links) > _SHOWN:
        yield f"… {len(links)} in all"
    if tables:
        yield "for a mirror of its own, in third_party/mirrors.toml:"
        yield from tables


def _table(mirror: Mirror, link: Entry, url: str) -> Iterator[str]:
    name = _NO_NAME.sub("-", f"{mirror.name}-{quote_path(link.path)}").rstrip("-.")
    yield f'[mirrors."{name}"]'
    yield f"url = {_quoted(url)}"
    yield f"commit = {_quoted(link.blob)}"
    if is_local(url):
        yield "local = true"


def _excluding(mirror: Mirror, links: Sequence[Entry]) -> str:
    """The manifest's line that leaves the submodules out, and also what it leaves out already."""
    patterns = [*mirror.selection.exclude, *(_pattern(link.path) for link in links)]
    return f"exclude = [{', '.join(map(_quoted, patterns))}]"


def _pattern(path: bytes) -> str:
    text = re.sub(r"([\\*?\[])", r"\\\1", path.decode("utf-8", "replace")).replace("\ufffd", "?")
    return f"/{text[:-1]}\\ " if text.endswith(" ") else f"/{text}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
