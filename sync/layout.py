"""The names of our files and directories in a host repository; paths start at the host's root."""

from collections.abc import Iterable

THIRD_PARTY = "third_party"
MANIFEST_PATH = f"{THIRD_PARTY}/mirrors.toml"
PROVENANCE = f"{THIRD_PARTY}/provenance"
DERIVED = f"{PROVENANCE}/derived"
"""The directory of the records of derived forms."""
LICENSES = f"{THIRD_PARTY}/licenses"
IGNORE_FILE = ".gitignore"
ATTRIBUTES_FILE = ".gitattributes"
IGNORE_PATH = f"{THIRD_PARTY}/{IGNORE_FILE}"
ATTRIBUTES_PATH = f"{THIRD_PARTY}/{ATTRIBUTES_FILE}"
WORKSPACE = f"{THIRD_PARTY}/.git-verbatim"
"""A directory: the next state is built here, then replaces the present one."""
JOURNAL = "git-verbatim.journal"
"""A file in the git directory: it says what a run has decided to do, until that is done."""
LOCK = "git-verbatim.lock"
"""A file in the git directory that all worktrees share; whoever changes mirrors holds it."""

HOOK_MARK = b"# A hook of git-verbatim, "
"""The beginning of the second line of our hook files."""
HOOK_BEFORE = ".before-git-verbatim"
"""The suffix of a hook that was there before ours; our hook runs it first."""


def record_path(name: str) -> str:
    """The path of the mirror's record."""
    return f"{PROVENANCE}/{name}.json"


def derived_record_path(name: str) -> str:
    """The path of a derived form's record."""
    return f"{DERIVED}/{name}.json"


def license_directory(name: str) -> str:
    """The directory of the mirror's licence files.

    These files cover the mirror but lie outside its selection.
    """
    return f"{LICENSES}/{name}"


def is_in_third_party(path: str) -> bool:
    return path == THIRD_PARTY or path.startswith(f"{THIRD_PARTY}/")


def lies_in(path: str, places: Iterable[str]) -> bool:
    """Whether the path is one of these places, or lies below one."""
    return any(path == place or path.startswith(f"{place}/") for place in places)


def above(path: str) -> list[str]:
    """The directories above a path, outermost first."""
    return [path[:at] for at, sign in enumerate(path) if sign == "/"]
