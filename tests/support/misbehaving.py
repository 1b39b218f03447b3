"""What can go wrong on the server: each is a trouble that `git_http` takes."""

import select
from collections.abc import Callable

from tests.support.git_http import Handler, Trouble

_PIECE = 60_000
"""How much of a pack fits into one line of git's protocol."""
_UPLOADED = {"Content-Type": "application/x-git-upload-pack-result"}
_PATIENCE_SECONDS = 3


def status(code: int, *, times: int | None = None, **headers: str) -> Trouble:
    """Answer with a status: always, or the first `times` requests."""

    def trouble(handler: Handler, number: int) -> bool:
        if times is not None and number >= times:
            return False
        handler.answer(code, b"sorry\n", headers)
        return True

    return trouble


def hang_before_headers(handler: Handler, _: int) -> bool:
    """Take the request and say nothing."""
    handler.site.stopped.wait()
    handler.close_connection = True
    return True


def reset_connection(handler: Handler, _: int) -> bool:
    handler.reset()
    return True


def web_page(handler: Handler, _: int) -> bool:
    """What a hosting site says where there is no repository but a page."""
    handler.answer(200, b"<html><body>Welcome</body></html>\n", {"Content-Type": "text/html"})
    return True


def redirect_loop(handler: Handler, _: int) -> bool:
    handler.answer(302, b"", {"Location": handler.site.base + handler.path})
    return True


def redirect_to(base: Callable[[], str]) -> Trouble:
    """Send every request for refs on to another server."""

    def trouble(handler: Handler, _: int) -> bool:
        handler.answer(301, b"", {"Location": base() + handler.path})
        return True

    return trouble


def _begun_pack(handler: Handler) -> bytes | None:
    """What git answers with a pack in it, of which only the head is sent here.

    None stands for a request that gets no pack.
    """
    if not handler.path.endswith("/git-upload-pack"):
        return None
    code, headers, content = handler.backend()
    if b"PACK" not in content:  # what a shallow fetch asks first
        return None
    handler.begin(code, headers)
    return content


def only_half_a_pack(handler: Handler, _: int) -> bool:
    """End the response in the middle of the pack, as if that were all."""
    content = _begun_pack(handler)
    if content is None:
        return False
    handler.chunk(content[: len(content) // 2])
    handler.end()
    return True


def dripping_pack(handler: Handler, _: int) -> bool:
    """Send a part of the pack, then a byte now and again."""
    content = _begun_pack(handler)
    if content is None:
        return False
    start = len(content) // 2
    handler.chunk(content[:start])
    for position in range(start, len(content)):
        if handler.site.stopped.wait(0.5):
            break
        handler.chunk(content[position : position + 1])
    handler.close_connection = True
    return True


_LARGE = b"Enumerating objects: 9999, done.\n"


def sending(refs: dict[str, str], pack: bytes, *, is_large: bool = False) -> Trouble:
    """Offer these refs and send this pack, whatever is asked for.

    It speaks version 2 of the protocol. Whoever asks a large one for everything hears how much that
    would be, and nothing more: it waits until the program hangs up.
    """

    def trouble(handler: Handler, _: int) -> bool:
        lines = handler.request_made.lines
        if "command=ls-refs" in lines:
            content = b"".join(
                _line(f"{target} {name}\n".encode()) for name, target in refs.items()
            )
        elif "command=fetch" in lines:
            if is_large and not any(line.startswith("filter") for line in lines):
                handler.begin(200, _UPLOADED)
                handler.chunk(_line(b"packfile\n") + _line(b"\x02" + _LARGE))
                select.select([handler.connection], [], [], _PATIENCE_SECONDS)
                handler.close_connection = True
                return True
            pieces = [pack[start : start + _PIECE] for start in range(0, len(pack), _PIECE)]
            content = _line(b"packfile\n") + b"".join(_line(b"\x01" + piece) for piece in pieces)
        else:
            return False
        handler.answer(200, content + b"0000", _UPLOADED)
        return True

    return trouble


def _line(content: bytes) -> bytes:
    """A line of git's protocol (gitprotocol-common)."""
    return b"%04x%b" % (len(content) + 4, content)


def endless_refs(handler: Handler, _: int) -> bool:
    """Offer one tag after the other, until the client has enough."""
    if handler.is_version_2:
        if "command=ls-refs" not in handler.request_made.lines:
            return False
        handler.begin(200, {"Content-Type": "application/x-git-upload-pack-result"})
    else:
        handler.begin(200, {"Content-Type": "application/x-git-upload-pack-advertisement"})
        handler.chunk(b"001e# service=git-upload-pack\n0000")
    for start in range(0, 10_000_000, 10_000):
        if handler.site.stopped.is_set():
            break
        handler.chunk(
            b"".join(
                b"0040%040x refs/tags/t%07d\n" % (n + 1, n) for n in range(start, start + 10_000)
            )
        )
    handler.close_connection = True
    return True


def endless_headers(handler: Handler, _: int) -> bool:
    """Send one header after the other, until the client has enough."""
    handler.send_response(200)
    for number in range(10_000_000):
        if handler.site.stopped.is_set():
            break
        handler.send_header(f"X-{number}", "x" * 1000)
        handler.flush_headers()
    handler.close_connection = True
    return True


def endless_words(handler: Handler, _: int) -> bool:
    """Say what is being done (side-band 2), without end, where a pack is asked for."""
    content = _begun_pack(handler)
    if content is None:
        return False
    handler.chunk(content[: content.index(b"PACK") - len(b"0000" + b"\x01")])
    while not handler.site.stopped.is_set():
        handler.chunk(b"%04x\x02%b" % (1004 + 1, b"counting objects\r".ljust(1000)) * 100)
    handler.close_connection = True
    return True
