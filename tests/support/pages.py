"""Writes docs/policies.md from the words of `check --explain`, and the routes in docs/hooks.md from the tests: `python -m tests.support.pages`."""

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

**No commit touches a mirror without its provenance.** `git verbatim check` judges commits by that; [hooks](hooks.md), [CI](ci.md) and a server's pre-receive hook
run the same rules. (This page is made from the program's own words: `git verbatim check --explain RULE` prints them.)

```console
$ git verbatim check                                      # what is staged, as a commit of it
$ git verbatim check --range refs/remotes/origin/main..   # every commit of a range
$ git verbatim check --all                                # all that is wrong in HEAD, whoever did it
```

`--format json`, `github` and `sarif` are for [machines](ci.md). Exit status 0: nothing is refused. 1: something is. 2: trouble, such as a manifest in one of the commits
that cannot be read. 3: could not check, such as a shallow clone that hides a needed parent. Whatever is not 0 stops a hook.

## How a commit is judged

- By the **states** that it goes from and to: manifest, records and the git tree ids of what they protect. Messages, authors and diffs decide nothing. So a squash, a rebase, a
  cherry-pick, a revert or an amend is judged by what it gives.
- A commit is **blamed for what it brings about**, not for what one of its parents had already. A merge is blamed for what none of its parents had. `--all` has no parents to
  excuse it: it reports what was inherited too.
- **What is wrong already excuses nothing else**: a file of a copy that is neither as the record has it nor as a parent has it is blamed, though the record, the manifest or other
  files were wrong before. Who mends a part is not to blame for the rest. Where no record shows what is right (there is none, it cannot be read, its proof leads nowhere), every
  change of the copy is blamed, unless a parent has it.
- Each commit of a range is judged by itself: a later one does not heal it. That is what makes `git bisect` and `git log` of a mirror worth reading.
- Then the range or push is judged as a whole, from the best common ancestors of its end and of what was there: a merge can take up, from a history that never had mirrors or
  from a commit that was mended long ago, what no commit of the range is to blame for.
- Of files that nothing accounts for only new ones count, and links, and look-alikes of third_party/, that are others than before. So a project whose third_party/ held something before it took up git-verbatim can work on.
- A repository that has no manifest and no records is not judged at all. A commit that takes away manifest, records and copies together ends the policy there; nothing under
  third_party/ claims to be a mirror from then on, and a reviewer sees it go.
- File content is read in three cases only: sizes and SHA-256s of a record that is new, attributes that might alter bytes, and to say how a refused file differs. The sizes and
  SHA-256s of a mirror that is not checked in cannot be compared with files; `sync` and `verify --upstream` do that.
- No option, environment variable or file changes what counts as a violation.

What it cannot tell, and where to ask: whether a record's commit is really upstream's (a record made from a fork, under the same tag, holds together: `git verbatim verify
--upstream`), and what a maintainer who may change the server's hooks does. A file that was unaccounted for in a branch of its own, published before the tool was adopted
there, counts as there already when that branch is merged.

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
