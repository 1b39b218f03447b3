"""Judge what a range or a push ends with, beside the commits that were there before it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from policies.facts import Case, PolicedState, Root
from policies.git.history import merge_bases
from policies.rules import Rules
from policies.states import States
from policies.verdict import Judgement, met_in
from policies.ways_out import explain_finding
from sync.beside import Begun
from sync.ids import ObjectId
from sync.judgement.findings import Finding

_FEW = 4
_MOST_COMPARED = 64


@dataclass(frozen=True, slots=True)
class Change:
    """A commit that is to be merged, or that a ref is to name, and what it starts from."""

    tip: ObjectId
    base: ObjectId | None
    """The start of the range, or what the ref named before; None if it is new."""
    is_of_ref: bool = True
    """Whether a ref moves from the base to the tip; if not, the tip is what may be merged there."""


class Tips:
    """The judgement of the ends of one range or push.

    `known` are the commits that were there before, and `default` is that of the default branch.
    """

    def __init__(
        self,
        states: States,
        rules: Rules,
        known: Sequence[ObjectId],
        default: ObjectId | None = None,
    ) -> None:
        self._states = states
        self._objects = states.objects
        self._rules = rules
        self._known = known
        self._default = default
        self.ancestors = lru_cache(None)(self._ancestors)

    def _ancestors(self, tip: ObjectId) -> list[ObjectId]:
        """Return the best common ancestors of a tip and what was known."""
        return merge_bases(tip, self._known) if self._known else []

    def begin(self, changes: Iterable[Change]) -> list[Begun[list[ObjectId]]]:
        """Begin, beside what the caller does, to find the ancestors that `start` asks for."""
        wanted = (change.tip for change in changes if not change.is_of_ref)
        return [Begun(partial(self.ancestors, tip)) for tip in wanted]

    def bases(self, change: Change) -> tuple[ObjectId, ...]:
        """Return the commits whose manifests say where the mirrors of a change may come from.

        It is the one that the change starts from. A new ref starts from the default branch, and
        from where its history leaves the known one: either may allow what the other does not yet.
        """
        if change.base is not None:
            return (change.base,)
        default = [self._default] if self._default is not None else []
        bases = [commit for commit in default if self._states.of(commit).is_governed]
        if not any(self._states.of(commit).allowed_upstreams is None for commit in bases):
            bases += [c for c in self.ancestors(change.tip) if self._states.of(c).is_governed]
        return tuple(dict.fromkeys(bases))

    def start(self, change: Change) -> ObjectId | None:
        """Return the commit since which something has moved by a change.

        What may be merged leaves alone what it has not touched since it left the base. If that is
        no one commit, the base counts, and of a new ref the default branch.
        """
        if change.base is not None and (change.is_of_ref or self._is_same(change)):
            return change.base
        common = self.ancestors(change.tip)
        return common[0] if len(common) == 1 else change.base or self._default

    def _is_same(self, change: Change) -> bool:
        return change.base is not None and self._states.root_of(
            change.base
        ) == self._states.root_of(change.tip)

    def judge(self, changes: Sequence[Change], blamed: set[Finding]) -> list[Judgement]:
        """Return what is wrong with the tips and was found in no commit: it is not `blamed`."""
        roots = set(map(self._states.root_of, self._known)) if changes else set()
        judged: list[Judgement] = []
        for change in changes:
            with met_in(f"commit {change.tip[:12]}, beside what was there"):
                end = None if self._is_there(change.tip, roots) else self._end(change, blamed)
                found = {violation.finding for violation in end.violations} if end else set()
                origins = self._origins(change, roots, blamed | found)
                judged += [one for one in (end, origins) if one is not None]
        return judged

    def _is_there(self, tip: ObjectId, roots: set[Root]) -> bool:
        """Whether a tip has mirrors and one of these roots, and so brings nothing new."""
        root = self._states.root_of(tip)
        return root in roots and self._states.read_if_possible(root).is_governed

    def _end(self, change: Change, blamed: set[Finding]) -> Judgement | None:
        """Judge a tip against what was known, for what no commit of its own is to blame for.

        A merge can inherit something that nobody has judged, such as files of a history without
        mirrors, or of a commit that was mended long ago.
        """
        if len(self._known) <= _FEW and not self._brought_about(change, self._known, blamed):
            return None  # Finding the common ancestors first would take longer.
        ancestors = self.ancestors(change.tip)
        findings = (
            self._brought_about(change, ancestors, blamed)
            if ancestors
            else self._brought_beside(change, blamed)
        )
        if not findings:
            return None
        case = Case(self._states.read(self._states.root_of(change.tip)), self._governed(ancestors))
        return self._judgement(change, findings, case, next(iter(ancestors), None))

    def _origins(self, change: Change, roots: set[Root], blamed: set[Finding]) -> Judgement | None:
        """Judge where a tip's mirrors come from: by its bases, and by the tags of what is known.

        A branch that was cut before a mirror existed has no ancestor with a record of it, and meets
        the other record only when it is merged.
        """
        bases, root = self.bases(change), self._states.root_of(change.tip)
        if self._is_same(change) or (change.base is None and root in roots):
            return None
        before = tuple(dict.fromkeys([*bases, *self._known[:_MOST_COMPARED]]))
        if not before:
            return None
        case = Case(self._states.of(change.tip), self._states.of_all(before))
        found = [*self._rules.moved_tags(case)]
        if bases:  # What only another branch has excuses nothing.
            started = self._states.of_all(bases)
            found += self._rules.upstreams_not_allowed(Case(case.state, started, bases=started))
        new = [finding for finding in found if finding not in blamed]
        return self._judgement(change, new, case, before[0]) if new else None

    def _judgement(
        self, change: Change, findings: Sequence[Finding], case: Case, before: ObjectId | None
    ) -> Judgement:
        explained = (explain_finding(self._objects, case, before, one) for one in findings)
        label = f"commit {change.tip[:12]}, beside what was there"
        return Judgement(label, None, tuple(explained))

    def _brought_beside(self, change: Change, blamed: set[Finding]) -> list[Finding]:
        """Return what is wrong with a history that has no ancestor in common with the known one.

        It matters where both have mirrors: what one push brings, the next one may merge.
        """
        state = self._states.of(change.tip)
        if not state.is_governed or not self._governed(self._known):
            return []
        case = Case(state, (), bases=self._states.of_all(self.bases(change)))
        return [finding for finding in self._rules.findings(case) if finding not in blamed]

    def _brought_about(
        self, change: Change, before: Sequence[ObjectId], blamed: set[Finding]
    ) -> list[Finding]:
        """Return the findings of a tip that no commit of `before` has and that are not `blamed`.

        Commits without mirrors do not count.
        """
        root, governed = self._states.root_of(change.tip), self._governed(before)
        if not governed or any(state.root == root for state in governed):
            return []
        case = Case(
            self._states.read(root), governed, bases=self._states.of_all(self.bases(change))
        )
        return [finding for finding in self._rules.findings(case) if finding not in blamed]

    def _governed(self, commits: Iterable[ObjectId]) -> tuple[PolicedState, ...]:
        return tuple(state for state in self._states.of_all(commits) if state.is_governed)
