"""The URLs that an upstream may have.

They name a repository and hold no credentials, and git runs no program for them.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

REMOTE_SCHEMES = frozenset({"https", "http", "ssh", "git"})
_SCHEME = re.compile(r"([A-Za-z0-9][A-Za-z0-9+.-]*)://")
_REMOTE_HELPER = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9+.-]*)?::")
_PLAIN_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
_PLAIN_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_SCP_LIKE = re.compile(
    r"(?:[A-Za-z0-9_.][A-Za-z0-9_.-]*@)?"
    r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_][A-Za-z0-9_.-]*):(?!//)[^:\\-]"
)


@lru_cache(1024)
def same_repository(url: str) -> str:
    """One spelling for the URLs of a repository that differ in no more than how they are written.

    That is `.git` and slashes at the end, and the case of scheme and host. Other paths and schemes
    may lead elsewhere.
    """
    plain = url.rstrip("/").removesuffix(".git").rstrip("/")
    if scheme := _SCHEME.match(plain):
        host, slash, path = plain[scheme.end() :].partition("/")
        user, at, name = host.rpartition("@")
        return f"{scheme[1].lower()}://{user}{at}{name.lower()}{slash}{path}"
    if is_scp_like(plain):
        host, colon, path = plain.partition(":")
        user, at, name = host.rpartition("@")
        return f"{user}{at}{name.lower()}{colon}{path}"
    return plain


def url_problem(url: str, *, local: bool) -> str | None:
    """Why the manifest may not name this URL, or None if it may.

    `local` allows paths and `file:` URLs.
    """
    if not url or not url.isprintable() or url != url.strip():
        return "a URL holds no control characters and no blanks around it"
    if url.startswith("-"):
        return "it begins with a dash, which git would read as an option"
    if _REMOTE_HELPER.match(url):
        return "it names a remote helper, which git would execute"
    scheme = _SCHEME.match(url)
    if scheme is None:
        return (
            None
            if local or is_scp_like(url)
            else "it is a local path; say `local = true` if that is meant"
        )
    if scheme[1] == "file":
        return None if local else "it is a local repository; say `local = true` if that is meant"
    if scheme[1] not in REMOTE_SCHEMES:
        return f"its scheme is none of {', '.join(sorted(REMOTE_SCHEMES))}"
    return _authority_problem(url)


def _authority_problem(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return str(error).lower()
    if not _PLAIN_HOST.fullmatch(parts.netloc.rpartition("@")[2]):
        return "it names no host, or an odd one"
    if parts.username is not None and (parts.scheme != "ssh" or parts.password is not None):
        return (
            "it holds credentials; "
            "a credential helper or an ssh key keeps them out of the repository"
        )
    if parts.username is not None and not _PLAIN_USER.fullmatch(parts.username):
        return "its user name is odd: letters, digits and . _ - are plain"
    if parts.query or parts.fragment:
        return "it has a query or a fragment"
    return None if parts.path.strip("/") else "it names no repository on the host"


def is_scp_like(url: str) -> bool:
    """Whether the URL has git's short form for ssh, `user@host:path`."""
    return _SCHEME.match(url) is None and _SCP_LIKE.match(url) is not None


def is_local(url: str) -> bool:
    """Whether the URL names a repository on this machine's file system."""
    scheme = _SCHEME.match(url)
    return scheme[1] == "file" if scheme else not is_scp_like(url)
