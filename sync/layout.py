"""Where things lie in a host: the names of our files and directories."""

THIRD_PARTY = "third_party"
MANIFEST = "mirrors.toml"
PROVENANCE = "provenance"
LICENSES = "licenses"
IGNORE_FILE = ".gitignore"
ATTRIBUTES_FILE = ".gitattributes"
WORKSPACE = ".git-verbatim"
"""Where below third_party/ the next state is built before it replaces the present one."""
JOURNAL = "git-verbatim.journal"
"""In the git directory: what a run has decided to do, until it is done."""
LOCK = "git-verbatim.lock"
"""In the git directory that all worktrees share: held by whoever changes third_party/."""

HOOK_MARK = b"# A hook of git-verbatim, "
"""What a hook file of ours begins with, below its first line."""
HOOK_BEFORE = ".before-git-verbatim"
"""What is added to the name of a hook that was there before ours, which runs it first."""


def record_path(name: str) -> str:
    """Where the record of the mirror lies, below third_party/."""
    return f"{PROVENANCE}/{name}.json"


def license_directory(name: str) -> str:
    """Where licence files that cover the mirror but lie outside its selection are kept, below third_party/."""
    return f"{LICENSES}/{name}"
