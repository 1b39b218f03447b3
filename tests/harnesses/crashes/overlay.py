"""Overlays, in a mount namespace of the harness's own: when it ends nothing stays mounted."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

UNSHARE = ("unshare", "--map-root-user", "--mount")
# the layers lie in memory: an overlay cannot have its upper layer on another overlay,
# and in a container everything may lie on one
_MOUNT = """\
mkdir "$2" "$3" && mount -t tmpfs tmpfs "$3" && mkdir "$3/upper" "$3/work" &&
mount -t overlay overlay -o "userxattr,lowerdir=$1,upperdir=$3/upper,workdir=$3/work" "$2"
"""
_TRY = (
    'mkdir -p "$1/d" && { '
    + _MOUNT
    + '} && rmdir "$2/d" && mkdir "$2/d" "$2/e" && mv -T "$2/e" "$2/d"'
)


def refusal() -> str | None:
    """Why there can be no overlays here; None if there can."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(Path(scratch, name)) for name in ("lower", "merged", "layers")]
        try:
            done = subprocess.run(
                _shell(_TRY, paths, UNSHARE), capture_output=True, text=True, check=False
            )
        except FileNotFoundError as error:
            return str(error)
    return None if done.returncode == 0 else done.stderr.strip()


def mount(lower: Path, merged: Path, layers: Path) -> None:
    """Mount at `merged` what is in `lower`; changes go to `layers`."""
    subprocess.run(_shell(_MOUNT, [str(path) for path in (lower, merged, layers)]), check=True)


def unmount(merged: Path, layers: Path) -> None:
    subprocess.run(["umount", str(merged), str(layers)], check=True)


def _shell(script: str, arguments: Sequence[str], prefix: Sequence[str] = ()) -> list[str]:
    return [*prefix, "sh", "-c", script, "sh", *arguments]
