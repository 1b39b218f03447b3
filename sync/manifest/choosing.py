"""Choose the mirrors that names and globs mean; pure."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sync.errors import UsageError
from sync.wording import did_you_mean


def choose(patterns: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the mirrors that names or globs such as `wasi-0.2-*` mean, in the order of `known`.

    Without a pattern these are all of them. Raises UsageError if a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise _unknown(pattern, known)
    return [name for name in known if not patterns or any(fnmatchcase(name, p) for p in patterns)]


def _unknown(pattern: str, known: Sequence[str]) -> UsageError:
    listed = f"mirrors: {', '.join(known) or 'none'}"
    if any(sign in pattern for sign in "*?["):
        return UsageError(f"no mirror matches {pattern}", hint=listed, reference="mirror-unknown")
    hint = did_you_mean(pattern, known) or listed
    return UsageError(f"there is no mirror {pattern}", hint=hint, reference="mirror-unknown")
