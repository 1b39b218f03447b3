"""Limits what this process may allocate while a server decides how much that is."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STATUS = Path("/proc/self/statm")
_DATA_PAGES = 5  # which field of it (proc_pid_statm)


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Let allocations fail that would make this process's data larger by more than `more_bytes`; on Linux only.

    libgit2 believes what a pack or a list of refs says of its size, and has no limit of its own. It survives a failing
    allocation, and says so.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with suppress(OSError, ValueError):  # a lower hard limit holds instead; elsewhere than on Linux this limit means little
        now = int(_STATUS.read_text().split()[_DATA_PAGES]) * os.sysconf("SC_PAGESIZE")
        resource.setrlimit(resource.RLIMIT_DATA, (now + more_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
