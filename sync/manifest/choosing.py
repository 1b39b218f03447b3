"""Choose the mirrors and forms that names and globs mean; pure."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sync.errors import UsageError
from sync.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sync.model.mirrors import Form, Mirror


def choose(patterns: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the mirrors that names or globs such as `wasi-0.2-*` mean, in the order of `known`.

    Without a pattern these are all of them. Raises UsageError if a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise _unknown(pattern, known)
    return [name for name in known if not patterns or any(fnmatchcase(name, p) for p in patterns)]


def with_fed(
    names: Sequence[str],
    mirrors: "Mapping[str, Mirror]",
    has_moved: "Callable[[Mirror], bool]",
) -> list[str]:
    """The chosen mirrors and, if the pin of an upstream has moved, all others that it feeds.

    `has_moved` says of a mirror whether its record is of another pin.
    """
    asked = {mirrors[name].upstream for name in names} - {None}
    moved = {one.upstream for one in mirrors.values() if one.upstream in asked and has_moved(one)}
    return [name for name, one in mirrors.items() if name in names or one.upstream in moved]


def made_of(forms: "Mapping[str, Form]", inputs: "Iterable[str]") -> list[str]:
    """The forms that are made of these mirrors or forms, or of what is made of them."""
    known = {*inputs}
    while True:
        more = [
            name
            for name, form in forms.items()
            if name not in known and not known.isdisjoint(form.inputs)
        ]
        if not more:
            return [name for name in forms if name in known]
        known.update(more)


def needed_for(forms: "Mapping[str, Form]", names: "Iterable[str]") -> list[str]:
    """All that these forms are made of, directly or through other forms; themselves not."""
    pending, found = [*names], dict[str, None]()
    while pending:
        form = forms.get(pending.pop())
        new = [one for one in form.inputs if one not in found] if form is not None else []
        found |= dict.fromkeys(new)
        pending += new
    return list(found)


def _unknown(pattern: str, known: Sequence[str]) -> UsageError:
    listed = f"mirrors: {', '.join(known) or 'none'}"
    if any(sign in pattern for sign in "*?["):
        return UsageError(f"no mirror matches {pattern}", hint=listed, reference="mirror-unknown")
    hint = did_you_mean(pattern, known) or listed
    return UsageError(f"there is no mirror {pattern}", hint=hint, reference="mirror-unknown")
