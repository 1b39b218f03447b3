"""The caches below a home, and what is left in them."""

import subprocess
from pathlib import Path


def caches(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "git-verbatim").glob("*.git"))


def delete(path: Path) -> None:
    subprocess.run(["rm", "-rf", str(path)], check=True)


def left_in_cache(home: Path) -> list[str]:
    """Temporary files in the cache: git's and libgit2's unfinished packs, and locks of refs."""
    cache = home / ".cache" / "git-verbatim"
    unfinished = [*cache.glob("*.git/objects/pack/*"), *cache.glob("*.git/**/*.lock")]
    names = sorted(path.name for path in unfinished)
    return [
        name
        for name in names
        if not name.endswith((".pack", ".idx", ".rev", ".promisor"))
        or name.startswith(("tmp", "pack_"))
    ]
