"""Every way that a changed mirror may take into a history, for the tests and the page of hooks."""

from dataclasses import dataclass

SEES, PASS, NONE = "refuses", "passes", "-"
DIFFERS = ("mirror-differs-from-record alpha",)

CONFLICT = (
    "git switch -q -c bad; spoil; echo 1 >../src/x.c; git add ../src; git commit -q -m bad; "
    "git switch -q main; echo 2 >../src/x.c; git add ../src; git commit -q -m own"
)
RESOLVE = "echo 3 >../src/x.c; git add ../src"
HEALED = "bad; publish; git checkout -q HEAD^ -- $A; git commit -q -m mended; publish; work own"


@dataclass(frozen=True)
class Route:
    """A way to make or bring a bad commit, and what each client hook says to it."""

    name: str
    given: str
    when: str
    pre_commit: str
    pre_merge_commit: str
    commit_msg: str
    blamed: str = "HEAD"
    push: str = "HEAD:main"
    rules: tuple[str, ...] = DIFFERS


# fmt: off
ROUTES = (
    #                                                                       pre-commit, pre-merge-commit, commit-msg
    Route("commit", "", "spoil; git commit -q -m bad", SEES, NONE, SEES),
    Route("commit -a", "", "echo >>$A/a.wit; git commit -q -a -m bad", SEES, NONE, SEES),
    Route("commit PATH", "", "echo >>$A/a.wit; git commit -q -m bad $A/a.wit", SEES, NONE, SEES),
    Route("commit --amend", "work own", "spoil; git commit -q --amend --no-edit", SEES, NONE, SEES),
    Route("commit in a linked worktree", "git worktree add -q -b linked ../../linked", "cd ../../linked/third_party; spoil; git commit -q -m bad", SEES, NONE, SEES, "linked", "linked:main"),
    Route("commit without parents", "git checkout -q --orphan other", "spoil; git commit -q -m bad", SEES, NONE, SEES, push="other"),
    Route("commit --no-verify", "", "spoil; git commit -q --no-verify -m bad", NONE, NONE, NONE),
    Route("commit --amend without a change, of a bad commit", "bad", "git commit -q --amend -m 'nothing to see'", PASS, NONE, PASS),
    Route("cherry-pick", "bad_branch; work own", "git cherry-pick bad", NONE, NONE, NONE),
    Route("cherry-pick --no-commit, commit", "bad_branch; work own", "git cherry-pick --no-commit bad; git commit -q -m bad", SEES, NONE, SEES),
    Route("cherry-pick --continue after a conflict", CONFLICT, f"git cherry-pick bad || {RESOLVE}; git cherry-pick --continue", SEES, NONE, SEES),
    Route("revert", HEALED, "git revert --no-edit HEAD^", NONE, NONE, NONE),
    Route("revert --no-commit, commit", HEALED, "git revert --no-commit HEAD^; git commit -q -m bad", SEES, NONE, SEES),
    Route("rebase", "bad_branch; work own", "git switch -q bad; git rebase -q main", NONE, NONE, NONE),
    Route("rebase --apply", "bad_branch; work own", "git switch -q bad; git rebase -q --apply main", NONE, NONE, NONE),
    Route("rebase --continue after a conflict", CONFLICT, f"git switch -q bad; git rebase -q main || {RESOLVE}; git rebase --continue", NONE, NONE, NONE),
    Route("rebase --interactive, fixup", "work own; spoil; git commit -q --fixup HEAD", "GIT_SEQUENCE_EDITOR=true git rebase -q -i --autosquash origin/main", NONE, NONE, NONE),
    Route("am", "bad_branch; git format-patch -q -1 bad -o ../..; work own", "git am -q ../../0001-bad.patch", NONE, NONE, NONE),
    Route("apply --index, commit", "bad_branch; git format-patch -q -1 bad -o ../..", "cd ..; git apply --index ../0001-bad.patch; git commit -q -m bad", SEES, NONE, SEES),
    Route("merge --squash, commit", "bad_branch; work own", "git merge -q --squash bad; git commit -q -m bad", SEES, NONE, SEES),
    Route("merge, fast-forward", "bad_branch", "git merge -q bad", NONE, NONE, NONE),
    Route("merge of a bad commit", "bad_branch; work own", "git merge -q --no-edit bad", NONE, PASS, PASS, "bad"),
    Route("octopus with a bad commit", "bad_branch; git switch -q -c other; work other; git switch -q main; work own", "git merge -q --no-edit other bad", NONE, PASS, PASS, "bad"),
    Route("evil merge", "git switch -q -c other; work other; git switch -q main; work own", "git merge -q --no-commit other; spoil; git commit -q -m evil", SEES, NONE, SEES),
    Route("evil merge after a conflict", CONFLICT.replace("spoil", "true"), f"git merge -q bad || {RESOLVE}; spoil; git commit -q -m evil", SEES, NONE, SEES),
    Route("merge -X ours of two bumps of a mirror", "git reset -q --hard alpha-v3", "git merge -q -X ours --no-edit alpha-v1", NONE, SEES, SEES, rules=DIFFERS),
    Route("stash", "", "spoil; git stash -q", NONE, NONE, NONE, "stash^2", "stash@{0}:refs/heads/stash"),
    Route("commit-tree, update-ref", "", "spoil; git update-ref HEAD $(git commit-tree -p HEAD -m bad $(git write-tree))", NONE, NONE, NONE),
    Route("fast-import", "", """printf "commit refs/heads/main\\ncommitter T <t@e> 0 +0000\\ndata 3\\nbad\\nfrom refs/heads/main^0\\nM 100644 inline $P/a.wit\\ndata 1\\nx\\n" | git fast-import --quiet""", NONE, NONE, NONE),
    Route("filter-branch", "work own", "cd ..; FILTER_BRANCH_SQUELCH_WARNING=1 git filter-branch --tree-filter 'rm $P/a.wit' origin/main..HEAD", NONE, NONE, NONE),
    Route("hidden by a replacement ref", "bad", "git replace HEAD $(git commit-tree -p HEAD^ -m good HEAD^^{tree})", NONE, NONE, NONE),
    Route("on a new branch", "bad_branch", "", NONE, NONE, NONE, "bad", "bad"),
    Route("under a tag alone", "bad_branch; git tag -a -m tagged tagged bad", "", NONE, NONE, NONE, "bad", "tagged"),
    Route("by a force push", "bad_branch; git reset -q --hard main~2; git checkout -q bad -- :/; git commit -q -m bad", "", NONE, NONE, NONE, "HEAD", "+HEAD:main"),
    Route("among many branches", "n=0; while [ $n -lt 40 ]; do n=$((n+1)); git branch b$n $(git commit-tree -p HEAD -m $n HEAD^{tree}); done; bad_branch", "", NONE, NONE, NONE, "bad", "--all"),
    Route("in the middle of a long push", "work own; bad; git tag bad; n=0; while [ $n -lt 60 ]; do n=$((n+1)); git update-ref HEAD $(git commit-tree -p HEAD -m $n HEAD^{tree}); done", "", NONE, NONE, NONE, "bad"),
    Route("brought and taken back in one push", "bad; git tag bad; git revert --no-edit HEAD", "", NONE, NONE, NONE, "bad"),
    Route("under a merge from another root", "git checkout -q --orphan other; bad; git switch -q main; git merge -q --allow-unrelated-histories -X theirs --no-edit other", "", NONE, NONE, NONE, "other"),
    Route("under a merge that keeps nothing of it", "bad_branch; work own; git merge -q -s ours --no-edit bad", "", NONE, NONE, NONE, "bad"),
)
# fmt: on
