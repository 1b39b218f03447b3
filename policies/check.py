"""Apply the policy to an index, a commit, a range or a push, and report what it finds."""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from policies.git.changes import StagedChange, staged_changes, staged_changes_at
from policies.git.history import (
    Commit,
    commits_of_interest,
    commits_of_refs,
    cut_off_commits,
    merge_bases,
    merge_heads,
    peel,
    read_commit,
)
from policies.objects import Objects
from policies.rules import Rules, missing_trailers
from policies.states import Case, PolicedState, Root, States
from policies.trailers import Trailer, wanted_trailers
from policies.ways_out import Violation, explain_finding
from sync.beside import Child
from sync.errors import CouldNotCheckError, UsageError, VerbatimError
from sync.git.naming import named_commit
from sync.git.repository import Repository
from sync.host.find import Host
from sync.ids import EMPTY_TREE, NO_COMMIT, ObjectId, RepoPath
from sync.judgement.findings import Finding
from sync.layout import THIRD_PARTY
from sync.manifest.outside import with_attributes_above
from sync.model import Entry

_FETCH_ALL = (
    "all with `git fetch --unshallow` "
    "(in GitHub Actions `fetch-depth: 0`, in GitLab CI `GIT_DEPTH: 0`)"
)
_FETCH_ONE = "such as `git fetch origin refs/heads/main:refs/remotes/origin/main`"
_WORTH_A_PROCESS = 100
_FEW = 4
_MOST_BASES = 64


@dataclass(frozen=True, slots=True)
class Judgement:
    """The violations and notices that one commit, or the index, brings about."""

    label: str
    commit: Commit | None
    violations: tuple[Violation, ...]
    notices: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was judged, and what was found."""

    scope: str
    judged: int
    """The number of commits that touch what policies depend on.

    It is 1 for an index that does, and for the state of HEAD.
    """
    judgements: tuple[Judgement, ...]
    """The judgements that have violations or notices, newest first."""

    @property
    def is_clean(self) -> bool:
        return not any(judgement.violations for judgement in self.judgements)


class Policy:
    """The policy over one repository."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.objects = Objects(repository)
        self._states = States(self.objects)
        self._rules = Rules(self._states)

    # The index, which is about to be committed.

    def check_staged(
        self,
        changes: Sequence[StagedChange] | None = None,
        message: bytes | None = None,
        merged: Sequence[ObjectId] = (),
    ) -> CheckReport:
        """Judge what a commit of the index would bring about.

        With the commit's `message`, missing trailers are violations too. `merged` are further
        parents, for a merge that git has not recorded in MERGE_HEAD yet.
        """
        changes = staged_changes() if changes is None else changes
        head = self.repository.commit_of("HEAD")
        with _met_in("the index"):
            case = self._staged_case(head, changes, message, merged)
            judgement = self._judge("the index", None, head, case)
        if message is not None:
            judgement = replace(
                judgement, violations=(*judgement.violations, *judgement.notices), notices=()
            )
        return CheckReport("the index", 1 if changes else 0, _worth_a_report([judgement]))

    def wanted_trailers(self, changes: Sequence[StagedChange]) -> list[Trailer]:
        """Return the trailers that a commit of the index should have."""
        case = self._staged_case(self.repository.commit_of("HEAD"), changes, None, ())
        return wanted_trailers(case.state, case.parents)

    def _staged_case(
        self,
        head: ObjectId | None,
        changes: Sequence[StagedChange],
        message: bytes | None,
        merged: Sequence[ObjectId],
    ) -> Case:
        parents = [*([head] if head else []), *(merge_heads(self.repository) or merged)]
        state = self._states.read(self._states.root(self._staged_tree(head, changes)))
        return Case(state, tuple(self._state_of(parent) for parent in parents), message)

    def _staged_tree(self, head: ObjectId | None, changes: Sequence[StagedChange]) -> ObjectId:
        """Return the tree of a commit of the index, as far as policies look at it."""
        base = self.repository.tree_of(head) if head else EMPTY_TREE
        tree = self._overlaid(base, changes)
        # A record may name a place that no manifest names.
        known = {*self._states.root(base).outside, *self._states.root(tree).outside}
        if known and changes:
            more = staged_changes_at(base, sorted({path for path, _ in known}))
            tree = self._overlaid(base, [*changes, *more])
        return tree

    def _overlaid(self, base: ObjectId, changes: Sequence[StagedChange]) -> ObjectId:
        changed = (Entry(RepoPath(path), mode, blob) for path, mode, blob in changes)
        return self.objects.overlay(self.objects.tree(base), changed)

    # Commits.

    def check_all(self) -> CheckReport:
        """Report everything that is wrong in HEAD, whichever commit brought it about."""
        head = self.repository.commit_of("HEAD")
        if head is None:
            raise UsageError(
                "there is no commit yet", hint="`git verbatim check --staged` looks at the index"
            )
        label = f"the state of HEAD, commit {head[:12]}"
        with _met_in(label):
            state = self._states.read(self._root_of(head))
            judgement = self._judge(label, None, None, Case(state, ()))
        return CheckReport(label, 1, _worth_a_report([judgement]))

    def check_range(self, text: str) -> CheckReport:
        """Judge what each commit of the range `A..B` brings about.

        If `A` is git's null id, or the text is just `B`, these are all commits that `B` reaches.
        """
        start, dots, end = text.rpartition("..")
        if start.endswith(".") or (dots and not start) or not text:
            hint = (
                "write A..B, such as refs/remotes/origin/main..HEAD; "
                "A may be what a variable should have said"
            )
            raise UsageError(f"`{text}` is no range", hint=hint, reference="range-invalid")
        wanted = self._commit(end or "HEAD")
        excluded = [self._commit(start)] if dots and start != NO_COMMIT else []
        for commit, before in cut_off_commits(self.repository, [wanted], excluded):
            raise CouldNotCheckError(
                f"this clone is shallow and hides parents of commit {commit[:12]}, "
                f"which is in {text}",
                hint=f"fetch at least {before + 1} commits with `git fetch --depth={before + 1}`, "
                f"or {_FETCH_ALL}",
                reference="history-shallow",
            )
        return self._judge_commits(
            text, self._commits_of_interest([wanted], excluded), [wanted], excluded
        )

    def check_push(
        self, scope: str, pushed: Sequence[str], there: Sequence[str], known_to: Sequence[str]
    ) -> CheckReport:
        """Judge the commits that a push brings.

        These are the commits that the `pushed` commits and tags reach, but neither the commits that
        are `there` nor the refs that `known_to` names as options of `git rev-list`.
        """
        tips = [
            tip
            for name in dict.fromkeys(pushed)
            if (tip := peel(self.repository, ObjectId(name))) is not None
        ]
        has = [ObjectId(commit) for commit in there if self.repository.has(ObjectId(commit))]
        known = [*has, *commits_of_refs(self.repository, known_to)]
        commits = self._commits_of_interest(tips, has, known_to) if tips else []
        return self._judge_commits(scope, commits, tips, known)

    def _commits_of_interest(
        self, reached: Sequence[ObjectId], unreached: Sequence[str], known_to: Sequence[str] = ()
    ) -> list[ObjectId]:
        """Return the commits that may bring something new to what policies depend on.

        A path outside third_party/ counts if any manifest among them names it, before or after.
        """
        found = list(commits_of_interest(reached, unreached, known_to))
        commits = {*reached, *found}
        for commit in found:
            commits.update(read_commit(self.repository, commit).parents)
        named = {path for commit in commits for path in self._named_outside(commit)}
        if not named:
            return found
        paths = with_attributes_above(tuple(sorted(named)))
        return list(commits_of_interest(reached, unreached, known_to, paths))

    def _named_outside(self, commit: ObjectId) -> tuple[str, ...]:
        tree = read_commit(self.repository, commit).tree
        return self._states.named_outside(self.objects.entry(tree, THIRD_PARTY.encode()))

    def _judge_commits(
        self,
        scope: str,
        commits: Sequence[ObjectId],
        tips: Sequence[ObjectId],
        known: Sequence[ObjectId],
    ) -> CheckReport:
        judged = self._judge_all(commits)
        blamed = {violation.finding for judgement in judged for violation in judgement.violations}
        roots = set(map(self._root_of, known)) if tips else set()
        ends = [
            self._judge_end(tip, known, blamed) for tip in tips if not self._is_there(tip, roots)
        ]
        ends += [
            self._judge_origins(tip, known, blamed)
            for tip in tips
            if self._root_of(tip) not in roots
        ]
        return CheckReport(
            scope, len(commits), _worth_a_report(end for end in ends if end) + judged
        )

    def _is_there(self, tip: ObjectId, roots: set[Root]) -> bool:
        """Whether a tip has mirrors and one of these roots, and so brings nothing new."""
        with _met_in(f"commit {tip[:12]}"):
            root = self._root_of(tip)
            return root in roots and self._states.read_if_possible(root).is_governed

    def _judge_end(
        self, tip: ObjectId, known: Sequence[ObjectId], blamed: set[Finding]
    ) -> Judgement | None:
        """Judge a tip against the `known` commits, for what no commit of its own is to blame for.

        A merge can inherit something that nobody has judged, such as files of a history without
        mirrors, or of a commit that was mended long ago.
        """
        label = f"commit {tip[:12]}, beside what was there"
        with _met_in(label):
            root = self._root_of(tip)
            if len(known) <= _FEW and not self._brought_about(root, known, blamed):
                return None  # Finding the common ancestors first would take longer.
            bases = merge_bases(tip, known) if known else []
            judge, before_it = (
                (self._brought_about, bases) if bases else (self._brought_beside, known)
            )
            findings = judge(root, before_it, blamed)
            if not findings:
                return None
            case = Case(self._states.read(root), self._governed(bases))
            return Judgement(label, None, self._explained(findings, case, next(iter(bases), None)))

    def _judge_origins(
        self, tip: ObjectId, known: Sequence[ObjectId], blamed: set[Finding]
    ) -> Judgement | None:
        """Judge where a tip's mirrors come from by the `known` commits themselves.

        A branch that was cut before a mirror existed has no ancestor with a record of it, and meets
        the other record only when it is merged.
        """
        label = f"commit {tip[:12]}, beside what was there"
        if not known:
            return None
        with _met_in(label):
            bases = tuple(self._state_of(commit) for commit in known[:_MOST_BASES])
            case = Case(self._state_of(tip), bases)
            findings = [
                finding
                for rule in (self._rules.moved_tags, self._rules.upstreams_not_allowed)
                for finding in rule(case)
                if finding not in blamed
            ]
            if not findings:
                return None
            return Judgement(label, None, self._explained(findings, case, known[0]))

    def _brought_beside(
        self, root: Root, known: Sequence[ObjectId], blamed: set[Finding]
    ) -> list[Finding]:
        """Return what is wrong with a history that has no ancestor in common with the known one.

        It matters where both have mirrors: what one push brings, the next one may merge.
        """
        state = self._states.read_if_possible(root)
        if not state.is_governed or not self._governed(known):
            return []
        return [finding for finding in self._findings(Case(state, ())) if finding not in blamed]

    def _brought_about(
        self, root: Root, before: Sequence[ObjectId], blamed: set[Finding]
    ) -> list[Finding]:
        """Return the findings of a root that no commit of `before` has and that are not `blamed`.

        Commits without mirrors do not count.
        """
        governed = self._governed(before)
        if not governed or any(state.root == root for state in governed):
            return []
        case = Case(self._states.read(root), governed)
        return [finding for finding in self._findings(case) if finding not in blamed]

    def _governed(self, commits: Sequence[ObjectId]) -> tuple[PolicedState, ...]:
        return tuple(state for commit in commits if (state := self._state_of(commit)).is_governed)

    def _root_of(self, commit: ObjectId) -> Root:
        return self._states.root(read_commit(self.repository, commit).tree)

    def _judge_all(self, commits: Sequence[ObjectId]) -> tuple[Judgement, ...]:
        """Return the judgements of these commits that are worth a report.

        Of many commits, a second process judges the older part at the same time.
        """
        if len(commits) < _WORTH_A_PROCESS:
            return self._judge_each(commits)
        # An old object takes longer to read, since it is deeper in its pack's chain of deltas.
        at = len(commits) * 11 // 20
        child = Child(lambda: pickle.dumps(self._judge_each(commits[at:])))
        try:
            judged = self._judge_each(commits[:at])
            given = child.result()
        finally:
            child.abandon()
        if given is None:
            return judged + self._judge_each(commits[at:])  # A failure here says what it is.
        told: tuple[Judgement, ...] = pickle.loads(given)  # noqa: S301 - from our own child
        return judged + told

    def _judge_each(self, commits: Iterable[ObjectId]) -> tuple[Judgement, ...]:
        return _worth_a_report(map(self._judge_commit, commits))

    def _judge_commit(self, commit_id: ObjectId) -> Judgement:
        commit = read_commit(self.repository, commit_id)
        label = f"commit {commit_id[:12]}"
        with _met_in(label):
            root = self._states.root(commit.tree)
            before = [self._root_of(parent) for parent in commit.parents]
            if all(one == root for one in before) and before:
                return Judgement(label, commit, ())
            first = next(iter(commit.parents), None)
            parents = tuple(map(self._states.read_if_possible, before))
            if root in before:
                # What a merge takes over whole was judged, except against its other parents.
                case = Case(self._states.read_if_possible(root), parents)
                moved = self._rules.moved_tags(case)
                return Judgement(label, commit, self._explained(moved, case, first))
            case = Case(self._states.read(root), parents, commit.message)
            return self._judge(label, commit, first, case)

    def _judge(
        self, label: str, commit: Commit | None, before: ObjectId | None, case: Case
    ) -> Judgement:
        findings = self._findings(case)
        broken = {finding.mirror for finding in findings}
        lacking = [finding for finding in missing_trailers(case) if finding.mirror not in broken]
        return Judgement(
            label,
            commit,
            self._explained(findings, case, before),
            self._explained(lacking, case, before),
        )

    def _explained(
        self, findings: Iterable[Finding], case: Case, before: ObjectId | None
    ) -> tuple[Violation, ...]:
        return tuple(explain_finding(self.objects, case, before, one) for one in findings)

    def _findings(self, case: Case) -> list[Finding]:
        return [finding for rule in self._rules.all for finding in rule(case)]

    def _state_of(self, commit: ObjectId) -> PolicedState:
        return self._states.read_if_possible(self._root_of(commit))

    def _commit(self, revision: str) -> ObjectId:
        commit = named_commit(self.repository, revision)
        if commit is None and self.repository.is_shallow:
            raise CouldNotCheckError(
                f"this clone is shallow and does not have {revision}",
                hint=f"fetch it, {_FETCH_ONE}, or {_FETCH_ALL}",
                reference="history-shallow",
            )
        if commit is None:
            raise UsageError(
                f"there is no commit {revision}",
                hint=f"write A..B of what is here; what is not has to be fetched, {_FETCH_ONE}",
                reference="revision-unknown",
            )
        return commit


def open_policy(host: Host) -> Policy:
    return Policy(host.require_repository())


def _worth_a_report(judgements: Iterable[Judgement]) -> tuple[Judgement, ...]:
    return tuple(judgement for judgement in judgements if judgement.violations or judgement.notices)


@contextmanager
def _met_in(label: str) -> Iterator[None]:
    try:
        yield
    except VerbatimError as error:
        error.context = [f"in {label}", *error.context]
        raise
