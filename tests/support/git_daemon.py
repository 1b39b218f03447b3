"""The git daemon, which serves repositories over git://."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.listening import await_port, free_port, started


@contextmanager
def git_daemon(root: Path) -> Iterator[str]:
    """Serve the bare repositories below `root` over git://.

    It gives the URL to which their names are added.
    """
    executable = subprocess.run(
        ["git", "--exec-path"], capture_output=True, text=True, check=True
    ).stdout.strip()
    port = free_port()
    listening = ["--listen=127.0.0.1", f"--port={port}", "--reuseaddr"]
    command = [f"{executable}/git-daemon", "--export-all", f"--base-path={root}", *listening]
    with started(command) as process:
        await_port(port, process)
        yield f"git://127.0.0.1:{port}"
