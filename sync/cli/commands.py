"""The commands: each parses its arguments, calls one function, prints the result and exits.

Besides this module, only `sync.cli.parameters`, `sync.cli.program` and `policies.cli` know typer.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from json import dumps as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.cli.parameters import Command
from sync.cli.progress import Terminal
from sync.cli.text import (
    render_currency,
    render_error,
    render_findings,
    render_result,
    render_satisfied,
    render_status,
    render_verdicts,
    unseen_words,
)
from sync.errors import ExitStatus, UsageError, VerbatimError
from sync.host.find import Host, find_host_here
from sync.host.inputs import Inputs
from sync.paint import Paint, paint_for
from sync.quoting import shown
from sync.verify.glance import Glance

# Modules that judge, fetch or draw are imported where they are needed: to import them takes twice
# as long as a glance.
if TYPE_CHECKING:
    from pydantic import BaseModel

    from sync.change.commands import Result, SyncOptions
    from sync.judgement.findings import Verdict
    from sync.manifest.edit import Value
    from sync.report.facts import Facts
    from sync.report.publish import Request
    from sync.upstream.fetch import Fetching
    from sync.verify.upstream import Audit


def _mirror_names(incomplete: str) -> list[str]:
    from sync.host.state import read_manifest
    from sync.host.work_tree import WorkTree

    try:
        return [
            n
            for n in read_manifest(WorkTree(find_host_here().third_party)).mirrors
            if n.startswith(incomplete)
        ]
    except Exception:  # noqa: BLE001 - completion is silent
        return []


def _format_names(incomplete: str) -> list[str]:
    from sync.report.formats.registry import FORMATS

    return [known.name for known in FORMATS if known.name.startswith(incomplete)]


Mirrors = Annotated[
    list[str] | None,
    typer.Argument(
        help="Names or globs such as 'wasi-0.2-*'; all if none is given.",
        autocompletion=_mirror_names,
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print facts as JSON on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plan; change nothing.")]
Offline = Annotated[bool, typer.Option("--offline", help="Use the cache alone; ask no upstream.")]
Commit = Annotated[
    bool, typer.Option("--commit", help="Commit exactly what changed, with Mirror-Sync trailers.")
]
NoStage = Annotated[bool, typer.Option("--no-stage", help="Leave the index alone.")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=1, max=64, help="How many upstreams to ask at once.")
]
Discard = Annotated[bool, typer.Option("--discard-local", help="Give up local changes in mirrors.")]
Deadline = Annotated[
    float,
    typer.Option("--deadline", min=1, metavar="SECONDS", help="How long fetching may take in all."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this package to the program."""
    for command in (add, remove, sync, status, verify, report):
        app.command(cls=Command)(command)


def add(
    name: Annotated[str, typer.Argument(help="What to call the mirror.", show_default=False)],
    url: Annotated[str, typer.Argument(help="The upstream repository.", show_default=False)],
    tag: Annotated[str | None, typer.Option(help="The tag to copy.", show_default=False)] = None,
    commit_id: Annotated[
        str | None,
        typer.Option("--commit-id", help="The full commit id to copy.", show_default=False),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--from", help="The directory to copy.", show_default="the root")
    ] = None,
    into: Annotated[
        str | None, typer.Option(help="Where below third_party/.", show_default="the name")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(help="A gitignore pattern of what to copy.", show_default=False),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="A gitignore pattern of what to leave out.", show_default=False),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", help="Admit what is refused by this rule.", show_default=False
        ),
    ] = None,
    not_checked_in: Annotated[
        bool, typer.Option("--not-checked-in", help="Commit the record alone.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="The URL is a repository on this machine.")
    ] = False,
    dry_run: DryRun = False,
    offline: Offline = False,
    commit: Commit = False,
    no_stage: NoStage = False,
    discard_local: Discard = False,
    deadline: Deadline = 600,
    json: Json = False,
) -> None:
    """Add a mirror: its manifest entry, its files and its record."""
    candidates: dict[str, Value | None] = {
        "url": url,
        "tag": tag,
        "commit": commit_id,
        "from": source,
        "into": into,
        "include": include,
        "exclude": exclude,
        "allow": allow,
        "checked-in": False if not_checked_in else None,
        "local": True if local else None,
    }
    values: dict[str, Value] = {
        key: value for key, value in candidates.items() if value not in (None, [])
    }
    from sync.change.commands import add_mirror
    from sync.cli.arguments import in_options, refuse_bytes

    refuse_bytes({"name": name, **values})
    _refuse_both(commit, no_stage)
    host = find_host_here()
    options = _options(host, dry_run, offline, commit, no_stage, discard_local, 1, deadline)
    try:
        _change(lambda reporter: add_mirror(host, name, values, options, reporter), options, json)
    except VerbatimError as error:
        raise in_options(error) from error.__cause__


def remove(
    mirrors: Annotated[
        list[str],
        typer.Argument(help="Names or globs.", autocompletion=_mirror_names, show_default=False),
    ],
    dry_run: DryRun = False,
    commit: Commit = False,
    no_stage: NoStage = False,
    discard_local: Discard = False,
    json: Json = False,
) -> None:
    """Remove mirrors from manifest, tree and records."""
    from sync.change.commands import remove_mirrors

    offline = True
    _refuse_both(commit, no_stage)
    host = find_host_here()
    options = _options(host, dry_run, offline, commit, no_stage, discard_local, 1, 1)
    _change(lambda reporter: remove_mirrors(host, mirrors, options, reporter), options, json)


def sync(
    mirrors: Mirrors = None,
    dry_run: DryRun = False,
    offline: Offline = False,
    commit: Commit = False,
    no_stage: NoStage = False,
    discard_local: Discard = False,
    jobs: Jobs = 8,
    deadline: Deadline = 600,
    json: Json = False,
) -> None:
    """Make mirrors equal to the manifest."""
    patterns = mirrors or []
    _refuse_both(commit, no_stage)
    glance = None if dry_run or commit or no_stage or json else Glance.begin("sync", Path.cwd())
    if glance is not None and (satisfied := glance.recall(patterns)) is not None:
        sys.stdout.write(render_satisfied(len(satisfied), paint_for(sys.stdout)))
        return
    ahead = _ask_ahead(patterns, offline, jobs, deadline)
    try:
        from sync.change.commands import synchronize

        host, inputs = find_host_here(), Inputs()
        options = replace(
            _options(host, dry_run, offline, commit, no_stage, discard_local, jobs, deadline),
            ahead=ahead,
        )
        result = _change(
            lambda reporter: synchronize(host, patterns, options, reporter, inputs), options, json
        )
    finally:
        if ahead is not None:
            ahead.cancel()
    if glance is not None and not result.plan:
        glance.remember(host, result.satisfied, inputs)


def _ask_ahead(patterns: list[str], offline: bool, jobs: int, deadline: float) -> "Fetching | None":
    from sync.change.early_start import ask_ahead
    from sync.upstream.parallel import Options

    return ask_ahead(
        Path.cwd(),
        patterns,
        Options(root=Path.cwd(), offline=offline, jobs=jobs, deadline_seconds=deadline),
    )


def status(mirrors: Mirrors = None, json: Json = False) -> None:
    """Show how each mirror stands: a line a mirror."""
    glance = Glance.begin("status", Path.cwd())
    statuses = None if glance is None or json else glance.recall(mirrors or [])
    if statuses is None:
        from sync.host.reading_ahead import read_ahead

        ahead = read_ahead(Path.cwd(), mirrors or [])

        from sync.verify.commands import status as read_status

        host, inputs = find_host_here(), Inputs()
        statuses = read_status(host, mirrors or [], inputs, ahead)
        if glance is not None:
            glance.remember(host, statuses, inputs)
    if json:
        from sync.cli.json_output import status_output

        _print_json(status_output(statuses))
    else:
        sys.stdout.write(render_status(statuses, paint_for(sys.stdout)))
    raise typer.Exit(ExitStatus.CLEAN if all(s.is_well for s in statuses) else ExitStatus.FINDINGS)


def verify(
    mirrors: Mirrors = None,
    index: Annotated[bool, typer.Option("--index", help="Look at what is staged.")] = False,
    rev: Annotated[
        str | None,
        typer.Option(
            metavar="REV", help="Look at a commit; also in a bare repository.", show_default=False
        ),
    ] = None,
    upstream: Annotated[
        bool, typer.Option("--upstream", help="Ask the upstreams too whether the records are true.")
    ] = False,
    jobs: Jobs = 8,
    deadline: Deadline = 600,
    json: Json = False,
) -> None:
    """Check files against records, and records against their proofs; \
with --upstream also against the upstreams."""  # noqa: D205, D209 - it is the help text
    from sync.host.reading_ahead import read_ahead

    is_elsewhere = index or rev is not None
    ahead = None if is_elsewhere else read_ahead(Path.cwd(), mirrors or [])

    from sync.host.state import open_state, read_manifest
    from sync.verify.commands import verify as verify_state

    host = find_host_here()
    state = open_state(host, index=index, revision=rev, ahead=ahead)
    verdicts = verify_state(state, mirrors or [], host)
    audited: Audit | None = None
    if upstream:
        from sync.upstream.parallel import Options
        from sync.verify.upstream import Subject, audit

        manifest = read_manifest(state)
        subjects = [
            Subject(mirror, verdict.record)
            for verdict in verdicts
            if verdict.record is not None
            and (mirror := manifest.mirrors.get(verdict.mirror)) is not None
            # Upstreams that only a record names are not asked: that is a finding of its own.
            and mirror.url == verdict.record.url
        ]
        with Terminal(None, Paint()) as terminal:
            root = host.root or Path.cwd()
            audited = audit(
                subjects, Options(root=root, jobs=jobs, deadline_seconds=deadline), terminal
            )
    if json:
        from sync.cli.json_output import verify_output

        _print_json(verify_output(state.label, verdicts, audited))
    else:
        sys.stdout.write(render_verdicts(state.label, verdicts, audited, paint_for(sys.stdout)))
    raise typer.Exit(_verify_status(verdicts, audited))


def report(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="FORMAT",
            help="A table on a terminal if none is given.",
            autocompletion=_format_names,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Write to a file; with --all into a directory.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Write every format.")] = False,
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Say whether the reports in a directory are current.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as the format json.")] = False,
) -> None:
    """Say what is bundled, which version, from where, unmodified or not, under which licence; \
from third_party/ alone."""  # noqa: D205, D209 - it is the help text
    from sync.report.gather import gather
    from sync.report.publish import read_request

    host = find_host_here()
    if json and name not in {None, "json"}:
        raise UsageError(
            f"`--json` and the format {name} exclude each other",
            hint="give one of them",
            reference="report-request",
        )
    request = read_request("json" if json else name, output, every=every, check=check)
    with Terminal(None, Paint()) as terminal:
        gathered = gather(host, with_content=request.reads_content, advance=terminal.reading)
    if gathered.facts is None:
        paint = paint_for(sys.stderr)
        sys.stderr.write(
            render_findings(gathered.findings, paint)
            + f"{paint.bad('no report:')} what is here is not what is recorded\n"
        )
        raise typer.Exit(ExitStatus.FINDINGS)
    for words in unseen_words(gathered.unseen):
        sys.stderr.write(f"note: {words}\n")
    _publish(host, request, gathered.facts)


def _publish(host: Host, request: "Request", facts: "Facts") -> None:
    from sync.report.publish import compare, refuse_empty, render, write_report, write_reports

    if request.is_table and sys.stdout.isatty():
        from shutil import get_terminal_size

        from sync.report.formats.table import render_table

        sys.stdout.write(render_table(facts, paint_for(sys.stdout), get_terminal_size().columns))
        return
    refuse_empty(facts, request.formats)
    reports = render(facts, request.formats)
    if request.check is not None:
        currency = compare(request.check, reports)
        sys.stdout.write(render_currency(request.check, currency, paint_for(sys.stdout)))
        raise typer.Exit(ExitStatus.CLEAN if currency else ExitStatus.FINDINGS)
    if request.directory is not None:
        write_reports(host, request.directory, reports)
        sys.stderr.write(f"wrote {len(reports)} reports to {shown(str(request.directory))}\n")
        return
    ((report_format, content),) = reports.items()
    if request.file is None:
        sys.stdout.buffer.write(content)
    else:
        write_report(host, request.file, report_format, content)


def _verify_status(verdicts: "list[Verdict]", audited: "Audit | None") -> ExitStatus:
    if audited is not None and audited.errors:
        for error in audited.errors.values():
            sys.stderr.write(render_error(error, paint_for(sys.stderr)))
        return ExitStatus.COULD_NOT_CHECK
    if all(verdict.is_clean for verdict in verdicts) and not (audited and audited.findings):
        return ExitStatus.CLEAN
    return ExitStatus.FINDINGS


def _options(
    host: Host,
    dry_run: bool,
    offline: bool,
    commit: bool,
    no_stage: bool,
    discard_local: bool,
    jobs: int,
    deadline: float,
) -> "SyncOptions":
    from sync.change.commands import SyncOptions
    from sync.upstream.parallel import Options

    fetching = Options(
        root=host.root or Path.cwd(), offline=offline, jobs=jobs, deadline_seconds=deadline
    )
    return SyncOptions(
        fetching, dry_run=dry_run, discard_local=discard_local, stage=not no_stage, commit=commit
    )


def _refuse_both(commit: bool, no_stage: bool) -> None:
    if commit and no_stage:
        raise UsageError("`--commit` and `--no-stage` exclude each other", hint="give one of them")


def _change(run: "Callable[[Terminal], Result]", options: "SyncOptions", json: bool) -> "Result":
    out = None if json else sys.stdout
    with Terminal(out, paint_for(sys.stdout)) as terminal:
        result = run(terminal)
    if json:
        from sync.cli.json_output import sync_output

        _print_json(sync_output(result, dry_run=options.dry_run))
    else:
        sys.stdout.write(
            render_result(result, dry_run=options.dry_run, paint=paint_for(sys.stdout))
        )
    return result


def _print_json(output: "BaseModel") -> None:
    # The JSON is ASCII, so that it contains no control characters.
    sys.stdout.write(json_text(output.model_dump(by_alias=True), indent=2) + "\n")
