"""Asks for an upstream without its blobs while another request finds out whether it is large.

Two requests one after the other would wait twice for a distant server.
"""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sync.errors import VerbatimError
from sync.git.terminal import Cancelled
from sync.git.transport import Listener, Progress, Request, TooLargeError, fetch
from sync.git.transport_settings import Settings
from sync.upstream.cache import aside_of, make_bare, remove

# By then a server that is near has said how many objects it has.
_HEAD_START_SECONDS = 0.02


class SecondRequest:
    """A second request, into a repository of its own beside the cache.

    It asks nobody for credentials, and it fails silently.
    """

    def __init__(
        self, cache: Path, settings: Settings, wanted: Sequence[str], listener: Listener
    ) -> None:
        self._cache = cache
        self._aside = aside_of(cache)
        self._settings = replace(settings, asks_nobody=True)
        self._request = Request(wanted, without="blobs", must_filter=True)
        self._listener = listener
        self._is_wanted, self._is_unwanted = threading.Event(), threading.Event()
        self._gave = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        if self._is_unwanted.wait(_HEAD_START_SECONDS):
            return
        make_bare(self._aside)
        listener = Listener(
            progress=self._progress,
            cancelled=lambda: self._is_unwanted.is_set() or self._listener.cancelled(),
        )
        try:
            fetch(self._aside, self._settings, self._request, listener)
        except (VerbatimError, TooLargeError, Cancelled, OSError):
            return  # whoever needs the objects asks again, and gets the error
        self._gave = True

    def _progress(self, progress: Progress) -> None:
        if self._is_wanted.is_set():
            self._listener.progress(progress)

    def take(self) -> bool:
        """Replace the cache by what this request gave; False if it gave nothing."""
        self._is_wanted.set()
        self._thread.join()
        if self._gave:
            remove(self._cache)
            self._aside.rename(self._cache)
        return self._gave

    def end(self) -> None:
        """End the request if it has not ended, and remove what it left."""
        self._is_unwanted.set()
        self._thread.join()
        remove(self._aside)
