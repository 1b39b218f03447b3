"""Identifiers that outsiders resolve: purl, SWHID, gitoid, and web pages of an exact commit; pure."""

import re
from urllib.parse import SplitResult, quote, quote_from_bytes, urlsplit

from sync.ids import ObjectId, RepoPath
from sync.quoting import quote_path
from sync.report.facts import Component
from sync.selection.selection import join
from sync.urls import REMOTE_SCHEMES, is_scp_like

_SCP_LIKE = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[^\]]+\]|[^/:]+):(?P<path>.+)")
# how these forges name a directory and a file of a commit
_FORGES = {
    "github.com": ("/tree/{commit}/{path}", "/blob/{commit}/{path}"),
    "gitlab.com": ("/-/tree/{commit}/{path}", "/-/blob/{commit}/{path}"),
    "codeberg.org": ("/src/commit/{commit}/{path}", "/src/commit/{commit}/{path}"),
    "bitbucket.org": ("/src/{commit}/{path}", "/src/{commit}/{path}"),
    "git.sr.ht": ("/tree/{commit}/item/{path}", "/tree/{commit}/item/{path}"),
}
_GITHUB_PATH = 2


def repository_url(url: str) -> str:
    """The upstream's URL as a URI: git's short form for ssh is written out."""
    if not is_scp_like(url) or not (match := _SCP_LIKE.fullmatch(url)):
        return url
    user = f"{match['user']}@" if match["user"] else ""
    return f"ssh://{user}{match['host']}/{match['path'].lstrip('/')}"


def repository_uri(url: str) -> str | None:
    """The upstream's URL as a URI that others can resolve; None for a path on some machine."""
    written_out = repository_url(url)
    return (
        quote(written_out, safe="%:/?#[]@!$&'()*+,;=")
        if _split(url).scheme in REMOTE_SCHEMES
        else None
    )


def _split(url: str) -> SplitResult:
    """The parts of an upstream's URL; none of a path on some machine that looks like a URL but is none, such as `//[x`."""
    try:
        return urlsplit(repository_url(url))
    except ValueError:
        return SplitResult("", "", "", "", "")


def _base(url: str) -> tuple[str, str] | None:
    """Host and repository page of an upstream on a forge whose pages are known."""
    parts = _split(url)
    host = (parts.hostname or "").lower()
    path = parts.path.strip("/").removesuffix(".git")
    return (host, f"https://{host}/{quote(path)}") if host in _FORGES and path else None


def directory_page(url: str, commit: ObjectId, path: RepoPath) -> str | None:
    """The web page of a directory at exactly this commit; None where no page is known."""
    return _page(url, commit, path, 0)


def file_page(url: str, commit: ObjectId, path: RepoPath) -> str | None:
    """The web page of a file at exactly this commit; None where no page is known."""
    return _page(url, commit, path, 1)


def _page(url: str, commit: ObjectId, path: RepoPath, kind: int) -> str | None:
    base = _base(url)
    if base is None:
        return None
    host, page = base
    return page + _FORGES[host][kind].format(commit=commit, path=quote_from_bytes(path)).rstrip("/")


def upstream_path(component: Component, path: RepoPath) -> RepoPath:
    """A path inside the mirror as one in the upstream's tree."""
    return join(component.source, path)


def purl(component: Component) -> str:
    """The package URL: `pkg:github/…` for GitHub, else `pkg:generic/…` with the repository and commit."""
    parts = _split(component.url)
    path = parts.path.strip("/").removesuffix(".git")
    version = _percent(component.pin.value if component.pin.is_plain else component.commit)
    subpath = "/".join(_percent_bytes(part) for part in component.source.split(b"/") if part)
    where = f"#{subpath}" if subpath else ""
    if (parts.hostname or "").lower() == "github.com" and len(path.split("/")) == _GITHUB_PATH:
        return f"pkg:github/{_percent_path(path.lower())}@{version}{where}"
    uri = repository_uri(component.url)
    vcs = f"?vcs_url={_percent(f'git+{uri}@{component.commit}')}" if uri else ""
    return f"pkg:generic/{_percent(component.name)}@{version}{vcs}{where}"


def _percent(text: str) -> str:
    return quote(text, safe=":")  # purl: everything but the unreserved and the colon


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


def swhid_qualified(component: Component) -> str:
    """The upstream's directory in its context (ISO/IEC 18670): an archive that has the repository resolves it.

    It names `upstream_tree`; the id of a tree of which something was left out is known to no archive.
    """
    path = f";path=/{quote_from_bytes(component.source, safe='/')}" if component.source else ""
    uri = repository_uri(component.url)
    origin = f";origin={uri.replace('%', '%25').replace(';', '%3B')}" if uri else ""
    return f"{swhid_directory(component.upstream_tree)}{origin};anchor={swhid_revision(component.commit)}{path}"


def swhids(component: Component) -> list[str]:
    """All persistent identifiers of a mirror: qualified directory, its own tree, commit, annotated tag."""
    own = [] if component.is_whole else [swhid_directory(component.tree)]
    release = [swhid_release(component.tag)] if component.tag else []
    return [swhid_qualified(component), *own, swhid_revision(component.commit), *release]


def gitoid(blob: ObjectId) -> str:
    """The OmniBOR artifact id of a file: the git blob id as a URI."""
    return f"gitoid:blob:sha1:{blob}"


def readable_source(component: Component) -> str:
    """The directory in the upstream's tree for people: `.` for its root."""
    return quote_path(component.source) or "."
