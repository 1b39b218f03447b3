"""Identifiers that others can resolve: purl, SWHID, gitoid, and web pages of an exact commit.

All functions are pure.
"""

import re
from urllib.parse import SplitResult, quote, quote_from_bytes, urlsplit

from sync.ids import ObjectId, RepoPath
from sync.quoting import quote_path
from sync.report.facts import Component, UpstreamDirectory
from sync.urls import REMOTE_SCHEMES, is_scp_like

_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]]+\]|[^/:]+):(?P<path>.+)")
# The pages of a directory and of a file at a commit, for each forge.
_FORGES = {
    "github.com": ("/tree/{commit}/{path}", "/blob/{commit}/{path}"),
    "gitlab.com": ("/-/tree/{commit}/{path}", "/-/blob/{commit}/{path}"),
    "codeberg.org": ("/src/commit/{commit}/{path}", "/src/commit/{commit}/{path}"),
    "bitbucket.org": ("/src/{commit}/{path}", "/src/{commit}/{path}"),
    "git.sr.ht": ("/tree/{commit}/item/{path}", "/tree/{commit}/item/{path}"),
}
_GITHUB_PATH = 2


def repository_url(url: str) -> str:
    """Return the upstream's URL as a URI; git's short form for ssh becomes an `ssh://` URI."""
    if not is_scp_like(url) or not (match := _SCP_LIKE.fullmatch(url)):
        return url
    user = f"{match['user']}@" if match["user"] else ""
    return f"ssh://{user}{match['host']}/{match['path'].lstrip('/')}"


def repository_uri(url: str) -> str | None:
    """Return the upstream's URL as a URI that others can resolve; None for a local path."""
    written_out = repository_url(url)
    return (
        quote(written_out, safe="%:/?#[]@!$&'()*+,;=")
        if _split(url).scheme in REMOTE_SCHEMES
        else None
    )


def _split(url: str) -> SplitResult:
    """Split an upstream's URL into its parts.

    All parts are empty for a local path that looks like a URL and is not a valid one, such as
    `//[x`.
    """
    try:
        return urlsplit(repository_url(url))
    except ValueError:
        return SplitResult("", "", "", "", "")


def _base(url: str) -> tuple[str, str] | None:
    """Return host and repository page of an upstream; None if the forge is not in `_FORGES`."""
    parts = _split(url)
    host = (parts.hostname or "").lower()
    path = parts.path.strip("/").removesuffix(".git")
    return (host, f"https://{host}/{quote(path)}") if host in _FORGES and path else None


def directory_page(url: str, commit: ObjectId, path: RepoPath) -> str | None:
    """Return the web page of a directory at exactly this commit; None if no page is known."""
    return _page(url, commit, path, 0)


def file_page(url: str, commit: ObjectId, path: RepoPath) -> str | None:
    """Return the web page of a file at exactly this commit; None if no page is known."""
    return _page(url, commit, path, 1)


def _page(url: str, commit: ObjectId, path: RepoPath, kind: int) -> str | None:
    base = _base(url)
    if base is None:
        return None
    host, page = base
    return page + _FORGES[host][kind].format(commit=commit, path=quote_from_bytes(path)).rstrip("/")


def purl(copied: UpstreamDirectory) -> str:
    """Return the package URL.

    It is `pkg:github/…` for GitHub, else `pkg:generic/…` with repository and commit.
    """
    upstream = copied.mirror.record.upstream
    parts = _split(upstream.url)
    path = parts.path.strip("/").removesuffix(".git")
    version = _percent(upstream.pin.value if upstream.pin.is_plain else upstream.commit)
    subpath = "/".join(_percent_bytes(part) for part in copied.path.split(b"/") if part)
    where = f"#{subpath}" if subpath else ""
    if (parts.hostname or "").lower() == "github.com" and len(path.split("/")) == _GITHUB_PATH:
        return f"pkg:github/{_percent_path(path.lower())}@{version}{where}"
    uri = repository_uri(upstream.url)
    vcs = f"?vcs_url={_percent(f'git+{uri}@{upstream.commit}')}" if uri else ""
    return f"pkg:generic/{_percent(copied.mirror.name)}@{version}{vcs}{where}"


def _percent(text: str) -> str:
    return quote(text, safe=":")  # purl encodes all but unreserved characters and the colon


def _percent_path(text: str) -> str:
    return "/".join(map(_percent, text.split("/")))


def _percent_bytes(part: bytes) -> str:
    return quote_from_bytes(part, safe=":")


def swhid_directory(tree: ObjectId) -> str:
    return f"swh:1:dir:{tree}"


def swhid_content(blob: ObjectId) -> str:
    return f"swh:1:cnt:{blob}"


def swhid_revision(commit: ObjectId) -> str:
    return f"swh:1:rev:{commit}"


def swhid_release(tag: ObjectId) -> str:
    return f"swh:1:rel:{tag}"


def swhid_qualified(copied: UpstreamDirectory) -> str:
    """Return the qualified SWHID of the upstream's directory (ISO/IEC 18670).

    An archive that has the repository can resolve it. It names all of the upstream's directory: no
    archive knows the tree id of a selection.
    """
    upstream = copied.mirror.record.upstream
    path = f";path=/{quote_from_bytes(copied.path, safe='/')}" if copied.path else ""
    uri = repository_uri(upstream.url)
    origin = f";origin={uri.replace('%', '%25').replace(';', '%3B')}" if uri else ""
    anchor = swhid_revision(upstream.commit)
    return f"{swhid_directory(copied.id)}{origin};anchor={anchor}{path}"


def swhids(component: Component) -> list[str]:
    """Return all SWHIDs of a mirror.

    They are the qualified one of the directory, the one of the mirror's own tree if it is a
    selection, then those of the commit and of the annotated tag.
    """
    upstream = component.record.upstream
    own = [] if component.is_whole else [swhid_directory(component.record.holding.tree)]
    release = [swhid_release(upstream.tag)] if upstream.tag else []
    directory = swhid_qualified(component.upstream_directory)
    return [directory, *own, swhid_revision(upstream.commit), *release]


def gitoid(blob: ObjectId) -> str:
    """Return the OmniBOR artifact id of a file, which is its git blob id as a URI."""
    return f"gitoid:blob:sha1:{blob}"


def readable_source(component: Component) -> str:
    """Return the directory in the upstream's tree as text for people; `.` is its root."""
    return quote_path(component.record.source) or "."
