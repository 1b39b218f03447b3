"""Keeps signals waiting while something is done as a whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_held() -> Iterator[None]:
    """Keep Ctrl-C, SIGTERM and SIGHUP waiting while the next state replaces the present one.

    The signals are also blocked: a handler alone would let them cut system calls short, such as a
    rename on overlayfs, which copies. Signals interrupt only the main thread: in another thread
    nothing has to wait, and no handler can be set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: held.append(number)) for number in _SIGNALS
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for caught, handler in before.items():
            signal.signal(caught, handler)
        for number in held[:1]:
            signal.raise_signal(number)
