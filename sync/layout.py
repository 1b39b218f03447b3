"""The names of our files and directories in a host repository."""

THIRD_PARTY = "third_party"
MANIFEST = "mirrors.toml"
MANIFEST_PATH = f"{THIRD_PARTY}/{MANIFEST}"
PROVENANCE = "provenance"
LICENSES = "licenses"
IGNORE_FILE = ".gitignore"
ATTRIBUTES_FILE = ".gitattributes"
WORKSPACE = ".git-verbatim"
"""A directory below third_party/: the next state is built here, then replaces the present one."""
JOURNAL = "git-verbatim.journal"
"""A file in the git directory: it says what a run has decided to do, until that is done."""
LOCK = "git-verbatim.lock"
"""A file in the git directory that all worktrees share; whoever changes third_party/ holds it."""

HOOK_MARK = b"# A hook of git-verbatim, "
"""The beginning of the second line of our hook files."""
HOOK_BEFORE = ".before-git-verbatim"
"""The suffix of a hook that was there before ours; our hook runs it first."""


def record_path(name: str) -> str:
    """The path of the mirror's record, below third_party/."""
    return f"{PROVENANCE}/{name}.json"


def license_directory(name: str) -> str:
    """The directory, below third_party/, of the mirror's licence files.

    These files cover the mirror but lie outside its selection.
    """
    return f"{LICENSES}/{name}"
