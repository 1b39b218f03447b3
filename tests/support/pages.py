"""Writes docs/policies.md, and the routes in docs/hooks.md: `python -m tests.support.pages`.

The page comes from the words of `check --explain`, the routes from the tests.
"""

from policies.explanations import EXPLANATIONS, Explanation, with_placeholders
from tests.support.project import ROOT
from tests.support.routes import ROUTES, Route

_DOCS = ROOT / "docs"
POLICIES = _DOCS / "policies.md"
HOOKS = _DOCS / "hooks.md"

_BEGIN = "<!-- routes: made by `make pages` -->\n"
_END = "<!-- routes: end -->\n"

_INTRODUCTION = """\
# Policies

**No commit changes a mirror without its provenance.** `git verbatim check` judges commits by this
policy. [Hooks](hooks.md), [CI](ci.md) and a server's pre-receive hook apply the same rules. (This
page is generated from the program: `git verbatim check --explain RULE` prints the same words.)

```console
$ git verbatim check                                      # what is staged, as if committed
$ git verbatim check --range refs/remotes/origin/main..   # every commit of a range
$ git verbatim check --all                                # all that is wrong in HEAD, old or new
```

`--format json`, `github` and `sarif` are for [machines](ci.md). Exit status 0: nothing is refused.
1: something is. 2: trouble, such as a manifest in one of the commits that cannot be read. 3: could
not check, such as a shallow clone that lacks a needed parent. Every status except 0 stops a hook.

## How a commit is judged

- The **states** before and after a commit decide: manifest, records and the git tree ids of what
  they protect. Messages, authors and diffs decide nothing. So a squash, a rebase, a cherry-pick, a
  revert or an amend is judged by its result.
- A commit is **blamed for what it brings about**, not for what one of its parents had already. A
  merge is blamed for what none of its parents had. `--all` compares with no parents, so it also
  reports what was inherited.
- **What is already wrong excuses nothing else.** If a file of a copy differs both from the record
  and from the parents, it is blamed, even if the record, the manifest or other files were wrong
  before. A commit that repairs a part is not blamed for the rest. If no record shows what is right
  (there is none, it cannot be read, or its proof leads nowhere), every change of the copy is
  blamed, unless a parent has the same.
- Each commit of a range is judged by itself: a later commit does not excuse it. So `git bisect` and
  `git log` of a mirror stay useful.
- Then the range or push is judged as a whole, from the best common ancestors of its end and of what
  was there. A merge can take up something wrong for which no commit of the range is to blame: from
  a history that never had mirrors, or from a commit that was repaired long ago.
- Files that nothing accounts for are blamed only if they are new, or if they are symlinks or
  look-alikes of third_party/ and have changed. So a project whose third_party/ held something
  before it adopted git-verbatim can go on working.
- **Where mirrors may come from** is decided by what a change starts from: the start of a range, and
  in a push what the ref had before. A new ref starts from the default branch, and from the commits
  at which its history leaves the known one: what one of them allows is allowed. So no change allows
  itself, and no old branch forbids what the default branch allows by now. A single commit is judged
  by every parent.
- A verdict also says [what provenance moved](ci.md#what-moved). That changes no exit status.
- A repository without manifest and records is not judged at all. A commit that removes manifest,
  records and copies together ends the policy there. From then on nothing under third_party/ claims
  to be a mirror, and a reviewer sees the removal.
- File content is read in three cases only: sizes and SHA-256s of a new record, attributes that
  might alter bytes, and to say how a refused file differs. The sizes and SHA-256s of a mirror that
  is not checked in cannot be compared with files; `sync` and `verify --upstream` do that.
- No option, environment variable or file changes what counts as a violation.

Offline, `check` cannot tell whether a record's commit is really upstream's: a record made from a
fork, under the same tag, is consistent in itself. `check --upstream` asks about the records that a
change brings ([CI](ci.md#what-upstream-says)), and `git verbatim verify --upstream` about all. It
cannot tell either what a maintainer does who may change the server's hooks. If a file that nothing accounts for was
published in a branch before that branch adopted the tool, it counts as old when the branch is
merged.

## The rules
"""


def policies_page() -> str:
    """docs/policies.md."""
    return "\n".join([_INTRODUCTION, *map(_section, EXPLANATIONS)])


def _section(explanation: Explanation) -> str:
    return f"""\
### {explanation.rule.value}

**Finds** {explanation.finds}.

{explanation.why}

- Put back: `{with_placeholders(explanation.put_back)}`
- Or: {with_placeholders(explanation.go_on)}.
"""


def hooks_page(present: str) -> str:
    """docs/hooks.md with the routes as they are tested."""
    before, _, rest = present.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    head = "| route | pre-commit | pre-merge-commit | commit-msg | pre-push | pre-receive | `check --range` |\n|---|---|---|---|---|---|---|\n"
    return "".join([before, _BEGIN, head, *map(_row, ROUTES), _END, after])


def _row(route: Route) -> str:
    seen = (
        route.pre_commit,
        route.pre_merge_commit,
        route.commit_msg,
        "refuses",
        "refuses",
        "refuses",
    )
    return f"| {route.name} | {' | '.join(seen)} |\n"


if __name__ == "__main__":
    POLICIES.write_text(policies_page())
    HOOKS.write_text(hooks_page(HOOKS.read_text()))
