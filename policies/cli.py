"""The commands `check` and `hook`: parse, call one function, render, exit."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.errors import ExitStatus, UsageError
from sync.host.find import Host, find_host_here
from sync.paint import paint_for
from sync.wording import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from policies.asking import Ask
    from sync.verify.upstream import Audit, Subject


class CheckFormat(StrEnum):
    """How `check` prints what it found."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


Json = Annotated[bool, typer.Option("--json", help="Print facts as JSON on stdout.")]
Staged = Annotated[
    bool, typer.Option("--staged", help="Judge what is staged, as a commit of it (the default).")
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range", metavar="A..B", help="Judge every commit of a range.", show_default=False
    ),
]
Everything = Annotated[
    bool, typer.Option("--all", help="Report all that is wrong in HEAD, whoever did it.")
]
Form = Annotated[CheckFormat, typer.Option("--format", help="What to print on stdout.")]
AskUpstream = Annotated[
    bool,
    typer.Option(
        "--upstream",
        help="Ask upstreams that the base names or allows about the records that change.",
    ),
]
WithCredentials = Annotated[
    bool,
    typer.Option(
        "--with-credentials",
        help="Let git use what it knows of passwords, keys and headers when it asks upstreams.",
    ),
]
Deadline = Annotated[
    float,
    typer.Option(
        "--deadline", min=1, metavar="SECONDS", help="How long asking upstreams may take in all."
    ),
]
Summary = Annotated[
    Path | None,
    typer.Option(
        "--summary",
        metavar="FILE",
        help="Add what moved to a file as Markdown, as GitHub's $GITHUB_STEP_SUMMARY.",
        show_default=False,
    ),
]
ExplainedRule = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="RULE",
        help="Say what a rule wants, why, and its fix.",
        show_default=False,
    ),
]
PreReceive = Annotated[
    bool,
    typer.Option("--pre-receive", help="The server's hook, for a repository that others push to."),
]
HookName = Annotated[str, typer.Argument(help="Which hook.", show_default=False)]
GivenByGit = Annotated[
    list[str] | None, typer.Argument(help="What git gives it.", show_default=False)
]

hook = typer.Typer(help="Git hooks: install, uninstall, status, run.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this package to the program."""
    app.command()(check)
    app.add_typer(hook, name="hook")


def check(
    staged: Staged = False,
    commits: Range = None,
    everything: Everything = False,
    form: Form = CheckFormat.TEXT,
    json: Json = False,
    upstream: AskUpstream = False,
    with_credentials: WithCredentials = False,
    deadline: Deadline = 600,
    summary: Summary = None,
    rule: ExplainedRule = None,
) -> None:
    """Judge commits by the policy: no change of a mirror without its provenance."""
    if rule is not None:
        sys.stdout.write(_explain(rule))
        return
    if sum((staged, commits is not None, everything)) > 1:
        raise UsageError(
            "`--staged`, `--range` and `--all` are three different questions",
            hint="give one of them",
        )
    if json and form not in {CheckFormat.TEXT, CheckFormat.JSON}:
        raise UsageError(
            "`--json` and `--format` ask for two different formats", hint="give one of them"
        )
    _refuse_odd_asking(upstream, with_credentials, everything)
    from policies.check import open_policy

    host = find_host_here()
    policy = open_policy(host)
    ask = _asking(host, with_credentials, deadline) if upstream else None
    if commits is not None:
        report = policy.check_range(commits, ask)
    elif everything:
        report = policy.check_all()
    else:
        report = policy.check_staged(ask=ask)
    from policies.output import render

    sys.stdout.write(render(report, "json" if json else form.value, paint_for(sys.stdout)))
    if summary is not None:
        from policies.github import render_job_summary

        with summary.open("a", encoding="utf-8") as written:
            written.write(render_job_summary(report))
    raise typer.Exit(report.exit_status)


def _refuse_odd_asking(upstream: bool, with_credentials: bool, everything: bool) -> None:
    if upstream and everything:
        raise UsageError(
            "`--all` starts from nothing that could say which upstreams may be asked",
            hint="ask all that HEAD names: `git verbatim verify --rev HEAD --upstream`",
        )
    if with_credentials and not upstream:
        raise UsageError("`--with-credentials` is for `--upstream`", hint="add it")


def _asking(host: Host, with_credentials: bool, deadline: float) -> "Ask":
    from sync.cli.progress import TerminalReporter
    from sync.paint import Paint
    from sync.upstream.parallel import Options
    from sync.verify.upstream import audit

    root = host.root or Path.cwd()
    options = Options(root=root, deadline_seconds=deadline, is_anonymous=not with_credentials)

    def ask(subjects: "Sequence[Subject]") -> "Audit":
        with TerminalReporter(None, Paint()) as terminal:
            return audit(subjects, options, terminal)

    return ask


def _explain(rule: str) -> str:
    from policies.explanations import EXPLANATIONS
    from policies.render import render_explanation

    known = {explanation.rule.value: explanation for explanation in EXPLANATIONS}
    if rule not in known:
        hint = did_you_mean(rule, known) or f"rules: {', '.join(known)}"
        raise UsageError(f"there is no rule {rule}", hint=hint, reference="rule-unknown")
    return render_explanation(known[rule], paint_for(sys.stdout))


@hook.command("install")
def install(pre_receive: PreReceive = False) -> None:
    """Put the hooks in place; what is there already is kept and run first."""
    from policies.hooks.install import find_place
    from policies.hooks.install import install as install_hooks
    from policies.hooks.render import render_hooks

    statuses = install_hooks(find_place(find_host_here(), pre_receive=pre_receive))
    sys.stdout.write(render_hooks(statuses, paint_for(sys.stdout)))
    if pre_receive:
        print(
            "next: `git config receive.fsckObjects true`, "
            "so that no malformed tree is accepted either"
        )


@hook.command("uninstall")
def uninstall(pre_receive: PreReceive = False) -> None:
    """Take the hooks away; what was there before is put back."""
    from policies.hooks.install import find_place
    from policies.hooks.install import uninstall as uninstall_hooks

    host = find_host_here()
    removed = uninstall_hooks(find_place(host, pre_receive=pre_receive or host.root is None))
    for status in removed:
        print(
            f"removed {status.name}"
            + (", put back what was there before" if status.runs_before else "")
        )
    if not removed:
        print("no hooks of git-verbatim are here")


@hook.command("status")
def status(pre_receive: PreReceive = False, json: Json = False) -> None:
    """Show which hooks are in place."""
    from policies.hooks.install import find_place, read_status

    host = find_host_here()
    is_server = pre_receive or host.root is None
    statuses = read_status(find_place(host, pre_receive=is_server))
    if json:
        from policies.output import hooks_json

        sys.stdout.write(hooks_json(statuses))
    else:
        from policies.hooks.render import render_hooks

        sys.stdout.write(render_hooks(statuses, paint_for(sys.stdout)))
        if not all(one.is_well for one in statuses):
            option = " --pre-receive" if is_server else ""
            print(f"next: `git verbatim hook install{option}`, so that git judges each commit here")
    raise typer.Exit(
        ExitStatus.CLEAN if all(one.is_well for one in statuses) else ExitStatus.FINDINGS
    )


@hook.command("run", context_settings={"ignore_unknown_options": True})
def run(
    name: HookName,
    given: GivenByGit = None,
) -> None:
    """Do what a hook does; git, or a manager of hooks, calls it."""
    from policies.hooks.run import run_hook

    raise typer.Exit(run_hook([name, *(given or [])]))
