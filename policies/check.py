"""Apply the policy to an index, a commit, a range or a push, and report what it finds."""

import itertools
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policies.account import Moved, account
from policies.facts import Case, PolicedState, Root
from policies.git.changes import StagedChange, staged_changes, staged_changes_at
from policies.git.history import (
    Commit,
    Walk,
    commits_of_refs,
    cut_off_commits,
    merge_heads,
    peel,
)
from policies.objects import Objects
from policies.rules import Rules, missing_trailers
from policies.states import States
from policies.tips import Change, Tips
from policies.trailers import Trailer, wanted_trailers
from policies.verdict import CheckReport, Judgement, met_in, worth_a_report
from policies.ways_out import Violation, explain_finding
from sync.beside import Child
from sync.errors import CouldNotCheckError, UsageError
from sync.git.naming import named_commit
from sync.git.repository import Repository
from sync.host.find import Host
from sync.ids import EMPTY_TREE, NO_COMMIT, ObjectId, RepoPath
from sync.judgement.findings import Finding
from sync.manifest.outside import with_attributes_above
from sync.model.values import Entry

if TYPE_CHECKING:  # Asking needs all that fetches; hooks never ask.
    from policies.asking import Ask, Inquiry

_FETCH_ALL = (
    "all with `git fetch --unshallow` "
    "(in GitHub Actions `fetch-depth: 0`, in GitLab CI `GIT_DEPTH: 0`)"
)
_FETCH_ONE = "such as `git fetch origin refs/heads/main:refs/remotes/origin/main`"
_WORTH_A_PROCESS = 100


def _of_the_index(judgement: Judgement) -> Judgement:
    """The judgement in words that tell the staged manifest from the one on disk."""
    return replace(
        judgement,
        violations=tuple(
            replace(
                one,
                finding=replace(
                    one.finding,
                    message=one.finding.message.replace("the manifest", "the staged manifest"),
                ),
            )
            for one in judgement.violations
        ),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What some commits come to, and what decides whether other commits count as well."""

    judgements: tuple[Judgement, ...]
    """Those that are worth a report."""
    outside: frozenset[str]
    """The paths outside third_party/ that these commits or their parents name."""

    def __add__(self, other: "_Judged") -> "_Judged":
        return _Judged(self.judgements + other.judgements, self.outside | other.outside)


def _in_order(
    commits: Sequence[ObjectId], judgements: Iterable[Judgement]
) -> tuple[Judgement, ...]:
    by_commit = {one.commit.id: one for one in judgements if one.commit is not None}
    return tuple(by_commit[commit] for commit in commits if commit in by_commit)


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
        ask: "Ask | None" = None,
    ) -> CheckReport:
        """Judge what a commit of the index would bring about.

        With the commit's `message`, missing trailers are violations too. `merged` are further
        parents, for a merge that git has not recorded in MERGE_HEAD yet. `ask` asks the upstreams
        that HEAD names about staged records.
        """
        changes = staged_changes() if changes is None else changes
        head = self.repository.commit_of("HEAD")
        with met_in("the index"):
            case = self._staged_case(head, changes, message, merged)
            judgement = self._judge("the index", None, head, case)
            before = self._states.of(head) if head else None
            moved = self._moved(before, case.state)
        judgement = _of_the_index(judgement)
        if message is not None:
            judgement = replace(
                judgement, violations=(*judgement.violations, *judgement.notices), notices=()
            )
        report = CheckReport("the index", 1 if changes else 0, worth_a_report([judgement]), moved)
        if ask is None:
            return report
        from policies.asking import inquire

        bases = (before,) if before else ()
        return self._asked(report, ask, inquire(before, bases, case.state, "--index"), case, head)

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
        return Case(state, tuple(self._states.of(parent) for parent in parents), message)

    def _staged_tree(self, head: ObjectId | None, changes: Sequence[StagedChange]) -> ObjectId:
        """Return the tree of a commit of the index, as far as policies look at it."""
        base = self.repository.tree_of(head) if head else EMPTY_TREE
        tree = self._overlaid(base, changes)
        # A record may name a place that no manifest names: nobody has asked for that yet.
        roots = self._states.root(base), self._states.root(tree)
        named = {path for one in roots for path in self._states.named_outside(one.third_party)}
        known = {path for one in roots for path in one.paths}
        if more := known.difference(with_attributes_above(tuple(sorted(named)))):
            tree = self._overlaid(base, [*changes, *staged_changes_at(base, sorted(more))])
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
        with met_in(label):
            state = self._states.read(self._states.root_of(head))
            judgement = self._judge(label, None, None, Case(state, ()))
        return CheckReport(label, 1, worth_a_report([judgement]))

    def check_range(self, text: str, ask: "Ask | None" = None) -> CheckReport:
        """Judge what each commit of the range `A..B` brings about.

        If `A` is git's null id, or the text is just `B`, these are all commits that `B` reaches.
        `ask` asks the upstreams that `A` names about the records that the range brings.
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
        change = Change(wanted, next(iter(excluded), None), is_of_ref=False)
        tips = self._tips(excluded)
        report = self._judge_commits(text, Walk([wanted], excluded), [change], tips)
        if ask is None:
            return report
        from policies.asking import inquire

        bases, began = self._states.of_all(tips.bases(change)), self._start_of(change, tips)
        case = Case(self._states.of(wanted), (began,) if began else ())
        inquiry = inquire(began, bases, case.state, f"--rev {wanted[:12]}")
        return self._asked(report, ask, inquiry, case, tips.start(change))

    def _asked(
        self,
        report: CheckReport,
        ask: "Ask",
        inquiry: "Inquiry",
        case: Case,
        before: ObjectId | None,
    ) -> CheckReport:
        """Add to a report what the upstreams say."""
        findings, errors = inquiry.answered(ask)
        violations = self._explained(findings, case, before)
        told = Judgement(f"{report.scope}, as upstreams say", None, violations)
        return replace(
            report,
            judgements=(*worth_a_report([told]), *report.judgements),
            unasked=inquiry.left_open(errors),
        )

    def check_push(
        self,
        scope: str,
        updates: Sequence[tuple[str, str]],
        known_to: Sequence[str],
        default: str = "HEAD",
    ) -> CheckReport:
        """Judge the commits that a push brings, as updates of refs: object id before and after.

        These are the commits that the pushed commits and tags reach, but neither those that the
        refs had before nor the refs that `known_to` names as options of `git rev-list`. `default`
        names the default branch.
        """
        pushed = [
            (self._known(old), peel(self.repository, ObjectId(new)))
            for old, new in dict.fromkeys(updates)
        ]
        changes = [Change(new, old) for old, new in pushed if new is not None]
        tips = list(dict.fromkeys(change.tip for change in changes))
        has = list(dict.fromkeys(old for old, _ in pushed if old is not None))
        known = [*has, *commits_of_refs(self.repository, known_to)]
        walk = Walk(tips, has, known_to)
        tops = self._tips(known, named_commit(self.repository, default))
        return self._judge_commits(scope, walk, changes, tops)

    def _known(self, name: str) -> ObjectId | None:
        """Return the commit that a ref had before a push; None if it is new, or not known here."""
        if name == NO_COMMIT or not self.repository.has(ObjectId(name)):
            return None
        return peel(self.repository, ObjectId(name))

    def _tips(self, known: Sequence[ObjectId], default: ObjectId | None = None) -> Tips:
        return Tips(self._states, self._rules, known, default)

    def _judge_commits(
        self, scope: str, walk: Walk, changes: Sequence[Change], tips: Tips
    ) -> CheckReport:
        commits, judged = self._judge_walk(walk, changes, tips) if changes else ((), ())
        blamed = {violation.finding for judgement in judged for violation in judgement.violations}
        at_ends = tips.judge(changes, blamed)
        moved = dict.fromkeys(
            one
            for change in changes
            for one in self._moved(self._start_of(change, tips), self._states.of(change.tip))
        )
        return CheckReport(scope, len(commits), worth_a_report(at_ends) + judged, tuple(moved))

    def _judge_walk(
        self, walk: Walk, changes: Sequence[Change], tips: Tips
    ) -> tuple[Sequence[ObjectId], tuple[Judgement, ...]]:
        """Judge the commits of a walk; return these, and the judgements worth a report."""
        with walk.roughly() as rough:
            begun = tips.begin(changes)
            ends = {*(c.tip for c in changes), *(c.base for c in changes if c.base is not None)}
            outside = self._outside(ends)
            commits = rough.commits(sorted(outside))
            for one in begun:
                one.result()  # a process that is copied should have no other thread
            bases = {base for c in changes for base in tips.bases(c)} if commits else set()
            states = self._states.of_all(sorted(bases))
            found = self._judge_all(commits, states)
            if rough.are_all() and found.outside <= outside:
                return commits, found.judgements
        # A path counts if any manifest or record in between names it, before or after.
        known, commits = {*commits}, walk.commits(sorted(outside | found.outside))
        more = [commit for commit in commits if commit not in known]
        return commits, _in_order(
            commits, found.judgements + self._judge_all(more, states).judgements
        )

    def _outside(self, commits: Iterable[ObjectId]) -> frozenset[str]:
        """Return the paths outside third_party/ that manifests or records of commits name."""
        roots = map(self._states.root_of, commits)
        return frozenset(path for root in roots for path in root.paths)

    def _start_of(self, change: Change, tips: Tips) -> PolicedState | None:
        start = tips.start(change)
        return None if start is None else self._states.of(start)

    def _moved(self, before: PolicedState | None, after: PolicedState) -> tuple[Moved, ...]:
        return account(before, after, lambda entry: self.objects.text(entry.blob))

    def _judge_all(self, commits: Sequence[ObjectId], bases: tuple[PolicedState, ...]) -> "_Judged":
        """Judge commits; of many, a second process judges the older part at the same time."""
        if len(commits) < _WORTH_A_PROCESS:
            return self._judge_each(commits, bases)
        at = len(commits) // 2
        child = Child(lambda: pickle.dumps(self._judge_each(commits[at:], bases)))
        try:
            judged = self._judge_each(commits[:at], bases)
            given = child.result()
        finally:
            child.abandon()
        if given is None:
            return judged + self._judge_each(commits[at:], bases)  # A failure here says what it is.
        told: _Judged = pickle.loads(given)  # noqa: S301 - from our own child
        return judged + told

    def _judge_each(
        self, commits: Iterable[ObjectId], bases: tuple[PolicedState, ...]
    ) -> "_Judged":
        judged, named = [], set[tuple[str, ...]]()
        for commit_id in commits:
            with met_in(f"commit {commit_id[:12]}"):
                commit = self._states.commit(commit_id)
                root = self._states.root(commit.tree)
                before = [self._states.root_of(parent) for parent in commit.parents]
                named |= {one.paths for one in (root, *before)}
                judged.append(self._judge_commit(commit, root, before, bases))
        return _Judged(worth_a_report(judged), frozenset(itertools.chain.from_iterable(named)))

    def _judge_commit(
        self,
        commit: Commit,
        root: Root,
        before: Sequence[Root],
        bases: tuple[PolicedState, ...],
    ) -> Judgement:
        """Judge a commit with this root, whose parents had those roots before."""
        label = f"commit {commit.id[:12]}"
        if all(one == root for one in before) and before:
            return Judgement(label, commit, ())
        first = next(iter(commit.parents), None)
        parents = tuple(map(self._states.read_if_possible, before))
        if root in before:
            # What a merge takes over whole was judged, except against its other parents.
            case = Case(self._states.read_if_possible(root), parents)
            moved = self._rules.moved_tags(case)
            return Judgement(label, commit, self._explained(moved, case, first))
        case = Case(self._states.read(root), parents, commit.message, bases)
        return self._judge(label, commit, first, case)

    def _judge(
        self, label: str, commit: Commit | None, before: ObjectId | None, case: Case
    ) -> Judgement:
        findings = self._rules.findings(case)
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
