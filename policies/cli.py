"""The commands `check` and `hook`: parse, call one function, render, exit."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from sync.errors import ExitStatus, UsageError
from sync.host.find import find_host_here
from sync.paint import paint_for
from sync.wording import did_you_mean


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
    from policies.check import open_policy

    policy = open_policy(find_host_here())
    if commits is not None:
        report = policy.check_range(commits)
    elif everything:
        report = policy.check_all()
    else:
        report = policy.check_staged()
    from policies.output import render

    sys.stdout.write(render(report, "json" if json else form.value, paint_for(sys.stdout)))
    raise typer.Exit(ExitStatus.CLEAN if report.is_clean else ExitStatus.FINDINGS)


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
