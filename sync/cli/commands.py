"""The commands: each parses its arguments, calls one function, prints the result and exits.

What can be given to them is in `sync.cli.options`. Besides these two modules, only
`sync.cli.parameters`, `sync.cli.program` and `policies.cli` know typer.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from json import dumps as json_text
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from sync.cli.options import (
    Allow,
    AskedPath,
    AskUpstream,
    CheckedDirectory,
    Commit,
    CommitId,
    Deadline,
    Discard,
    DryRun,
    EveryFormat,
    Exclude,
    Feature,
    FormatName,
    FormKindOption,
    FormNameArgument,
    From,
    Include,
    InIndex,
    Into,
    Jobs,
    Json,
    JsonFormat,
    Local,
    Message,
    Mirrors,
    MirrorsToRemove,
    NewName,
    NoStage,
    NotCheckedIn,
    Of,
    Offline,
    Output,
    Patch,
    Rebuild,
    Rev,
    RewriteRecords,
    SameDirectories,
    Signoff,
    Tag,
    Tools,
    UpstreamName,
    Url,
    Verbose,
)
from sync.cli.parameters import Command
from sync.cli.progress import TerminalReporter
from sync.cli.text import (
    render_currency,
    render_error,
    render_findings,
    render_plan,
    render_result,
    render_satisfied,
    render_status,
    render_summary,
    render_undeclared,
    render_verdicts,
    unseen_words,
)
from sync.errors import ExitStatus, UsageError, VerbatimError
from sync.host.find import Host, find_host_here
from sync.host.inputs import Inputs
from sync.paint import Paint, paint_for
from sync.quoting import shown
from sync.verify.glance import Glance, Judged

# Modules that judge, fetch or draw are imported where they are needed: to import them takes twice
# as long as a glance.
if TYPE_CHECKING:
    from pydantic import BaseModel

    from sync.change.plan import Plan
    from sync.change.run import Result, SyncOptions
    from sync.host.state import State
    from sync.judgement.findings import Finding, Verdict
    from sync.report.facts import Facts
    from sync.report.publish import ReportRequest
    from sync.upstream.fetch import Fetching
    from sync.upstream.parallel import Options
    from sync.verify.commands import Verified
    from sync.verify.upstream import Audit


def register(app: typer.Typer) -> None:
    """Add the commands of this package to the program."""
    for command in (add, derive, remove, sync, status, verify, report):
        app.command(cls=Command)(command)


def add(
    name: NewName,
    url: Url = None,
    upstream: UpstreamName = None,
    tag: Tag = None,
    commit_id: CommitId = None,
    source: From = None,
    into: Into = None,
    include: Include = None,
    exclude: Exclude = None,
    allow: Allow = None,
    not_checked_in: NotCheckedIn = False,
    local: Local = False,
    dry_run: DryRun = False,
    offline: Offline = False,
    commit: Commit = False,
    message: Message = None,
    signoff: Signoff = False,
    no_stage: NoStage = False,
    discard_local: Discard = False,
    deadline: Deadline = 600,
    json: Json = False,
) -> None:
    """Add a mirror: its manifest entry, its files and its record."""
    if (url is None) == (upstream is None):
        raise UsageError(
            "a mirror has either a URL or an upstream of the manifest",
            hint="give URL and `--tag TAG`, or `--upstream NAME`",
        )
    table = {
        "upstream": upstream,
        "url": url,
        "tag": tag,
        "commit": commit_id,
        "from": source,
        "into": into[0] if into and len(into) == 1 else into,
        "include": include,
        "exclude": exclude,
        "allow": allow,
        "checked-in": False if not_checked_in else None,
        "local": True if local else None,
    }
    from sync.change.commands import add_mirror
    from sync.change.commit_message import Wording
    from sync.change.run import SyncOptions
    from sync.cli.arguments import given, in_options, refuse_bytes

    values = given(table)
    refuse_bytes({"name": name, **values})
    _refuse_odd(commit, no_stage, message, signoff)
    host = find_host_here()
    fetching = _fetching(host, offline=offline, deadline=deadline)
    options = SyncOptions(
        fetching,
        dry_run=dry_run,
        discard_local=discard_local,
        stage=not no_stage,
        commit=commit,
        wording=Wording(message, signoff),
    )
    try:
        _change(lambda reporter: add_mirror(host, name, values, options, reporter), options, json)
    except VerbatimError as error:
        raise in_options(error) from error.__cause__


def derive(
    name: FormNameArgument,
    form: FormKindOption = None,
    of: Of = None,
    into: Into = None,
    patch: Patch = None,
    feature: Feature = None,
    not_checked_in: NotCheckedIn = False,
    dry_run: DryRun = False,
    commit: Commit = False,
    message: Message = None,
    signoff: Signoff = False,
    no_stage: NoStage = False,
    json: Json = False,
) -> None:
    """Add a derived form, with the other packages that it needs; \
of one that is there, find these anew."""  # noqa: D205, D209 - it is the help text
    table = {
        "form": form,
        "of": of,
        "into": into[0] if into and len(into) == 1 else into,
        "patches": patch,
        "features": feature,
        "checked-in": False if not_checked_in else None,
    }
    from sync.change.commit_message import Wording
    from sync.change.derive import derive as add_form
    from sync.change.run import SyncOptions
    from sync.cli.arguments import given, in_options, refuse_bytes

    values = given(table)
    refuse_bytes({"name": name, **values})
    _refuse_odd(commit, no_stage, message, signoff)
    host = find_host_here()
    options = SyncOptions(
        _fetching(host),
        dry_run=dry_run,
        stage=not no_stage,
        commit=commit,
        wording=Wording(message, signoff),
    )
    try:
        _change(lambda reporter: add_form(host, name, values, options, reporter), options, json)
    except VerbatimError as error:
        raise in_options(error) from error.__cause__


def remove(
    mirrors: MirrorsToRemove,
    dry_run: DryRun = False,
    commit: Commit = False,
    message: Message = None,
    signoff: Signoff = False,
    no_stage: NoStage = False,
    discard_local: Discard = False,
    json: Json = False,
) -> None:
    """Remove mirrors from manifest, tree and records."""
    from sync.change.commands import remove_mirrors
    from sync.change.commit_message import Wording
    from sync.change.run import SyncOptions

    _refuse_odd(commit, no_stage, message, signoff)
    host = find_host_here()
    fetching = _fetching(host, offline=True)
    options = SyncOptions(
        fetching,
        dry_run=dry_run,
        discard_local=discard_local,
        stage=not no_stage,
        commit=commit,
        wording=Wording(message, signoff),
    )
    _change(lambda reporter: remove_mirrors(host, mirrors, options, reporter), options, json)


def sync(
    mirrors: Mirrors = None,
    dry_run: DryRun = False,
    offline: Offline = False,
    commit: Commit = False,
    message: Message = None,
    signoff: Signoff = False,
    no_stage: NoStage = False,
    discard_local: Discard = False,
    rewrite_records: RewriteRecords = False,
    jobs: Jobs = 8,
    deadline: Deadline = 600,
    verbose: Verbose = False,
    json: Json = False,
) -> None:
    """Make mirrors equal to the manifest."""
    patterns = mirrors or []
    _refuse_odd(commit, no_stage, message, signoff)
    is_odd = dry_run or commit or no_stage or json
    is_plain = not (is_odd or discard_local or rewrite_records)
    glance = Glance.begin("sync", Path.cwd()) if is_plain else None
    if glance is not None and (satisfied := glance.recall(patterns)) is not None:
        mirrors_there, forms_there = len(satisfied.mirrors), len(satisfied.forms)
        sys.stdout.write(render_satisfied(mirrors_there, paint_for(sys.stdout), forms_there))
        return
    ahead = _ask_ahead(patterns, offline, jobs, deadline)
    try:
        from sync.change.commands import synchronize
        from sync.change.commit_message import Wording
        from sync.change.run import SyncOptions

        host, inputs = find_host_here(), Inputs()
        options = SyncOptions(
            _fetching(host, offline=offline, jobs=jobs, deadline=deadline),
            dry_run=dry_run,
            discard_local=discard_local,
            rewrite_records=rewrite_records,
            stage=not no_stage,
            commit=commit,
            wording=Wording(message, signoff),
            ahead=ahead,
        )
        result = _change(
            lambda reporter: synchronize(host, patterns, options, reporter, inputs),
            options,
            json,
            _ALL_FILES if verbose else render_summary,
        )
    finally:
        if ahead is not None:
            ahead.cancel()
    if glance is not None and not result.plan:
        glance.remember(host, Judged(result.satisfied, result.satisfied_forms), inputs)


def _ask_ahead(patterns: list[str], offline: bool, jobs: int, deadline: float) -> "Fetching | None":
    from sync.change.early_start import ask_ahead
    from sync.upstream.parallel import Options

    return ask_ahead(
        Path.cwd(),
        patterns,
        Options(root=Path.cwd(), offline=offline, jobs=jobs, deadline_seconds=deadline),
    )


def status(mirrors: Mirrors = None, same: SameDirectories = False, json: Json = False) -> None:
    """Show how each mirror stands: a line a mirror."""
    glance = Glance.begin("status", Path.cwd())
    recalled = None if glance is None or json else glance.recall(mirrors or [])
    if recalled is not None:
        sys.stdout.write(
            render_status(recalled.mirrors, paint_for(sys.stdout), forms=recalled.forms)
        )
        if same:
            _print_undeclared(find_host_here(), sys.stdout)
        return
    from sync.host.reading_ahead import reading_ahead

    with reading_ahead(Path.cwd(), mirrors or []) as ahead:
        from sync.verify.commands import status as read_status

        host, inputs = find_host_here(), Inputs()
        statuses = read_status(host, mirrors or [], inputs, ahead)
    if glance is not None and statuses.host.is_nothing:
        glance.remember(host, Judged(statuses.mirrors, statuses.forms), inputs)
    if json:
        from sync.cli.json_output import status_output

        _print_json(status_output(statuses))
    else:
        sys.stdout.write(
            render_status(statuses.mirrors, paint_for(sys.stdout), statuses.host, statuses.forms)
        )
        if same:
            _print_undeclared(host, sys.stdout)
    raise typer.Exit(ExitStatus.CLEAN if statuses.is_well else ExitStatus.FINDINGS)


def _print_undeclared(host: Host, stream: TextIO) -> None:
    from sync.verify.commands import undeclared_copies

    stream.write(render_undeclared(undeclared_copies(host), paint_for(stream)))


def verify(
    mirrors: Mirrors = None,
    index: InIndex = False,
    rev: Rev = None,
    upstream: AskUpstream = False,
    rebuild: Rebuild = False,
    tools: Tools = False,
    jobs: Jobs = 8,
    deadline: Deadline = 600,
    json: Json = False,
) -> None:
    """Check files against records, and records against their proofs; \
with --upstream also against the upstreams."""  # noqa: D205, D209 - it is the help text
    from sync.host.reading_ahead import reading_ahead

    if tools:
        _print_tools(index=index, rev=rev)
        return
    is_elsewhere = index or rev is not None
    with nullcontext() if is_elsewhere else reading_ahead(Path.cwd(), mirrors or []) as ahead:
        from sync.host.state import open_state
        from sync.verify.commands import verify as verify_state

        host = find_host_here()
        state = open_state(host, index=index, revision=rev, ahead=ahead)
        verified = verify_state(state, mirrors or [], host, rebuild=rebuild)
    audited = _audit(host, state, verified.verdicts, jobs, deadline) if upstream else None
    if json:
        from sync.cli.json_output import verify_output

        _print_json(verify_output(state.label, verified, audited))
    else:
        sys.stdout.write(render_verdicts(state.label, verified, audited, paint_for(sys.stdout)))
    raise typer.Exit(_verify_status(verified, audited, rebuild=rebuild))


def _print_tools(*, index: bool, rev: str | None) -> None:
    from sync.derived.wasm_tools import requirement
    from sync.host.state import open_state, read_manifest

    state = open_state(find_host_here(), index=index, revision=rev)
    forms = read_manifest(state).forms.values()
    for version in sorted({form.tool_version for form in forms if form.tool_version}):
        sys.stdout.write(f"{requirement(version)}\n")


def _audit(
    host: Host, state: "State", verdicts: "Sequence[Verdict]", jobs: int, deadline: float
) -> "Audit":
    """What the upstreams say of the records that were verified."""
    from sync.host.state import read_manifest
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
    with TerminalReporter(None, Paint()) as terminal:
        return audit(subjects, _fetching(host, jobs=jobs, deadline=deadline), terminal)


def _verify_status(verified: "Verified", audited: "Audit | None", *, rebuild: bool) -> ExitStatus:
    if audited is not None and audited.errors:
        for error in audited.errors.values():
            sys.stderr.write(render_error(error, paint_for(sys.stderr)))
        return ExitStatus.COULD_NOT_CHECK
    if verified.findings or (audited and audited.findings):
        return ExitStatus.FINDINGS
    is_open = rebuild and any(form.not_compared for form in verified.forms)
    return ExitStatus.COULD_NOT_CHECK if is_open else ExitStatus.CLEAN


def report(
    name: FormatName = None,
    output: Output = None,
    every: EveryFormat = False,
    check: CheckedDirectory = None,
    asked: AskedPath = None,
    json: JsonFormat = False,
) -> None:
    """Say what is bundled, which version, from where, unmodified or not, under which licence; \
from what is here alone."""  # noqa: D205, D209 - it is the help text
    from sync.report.asked import read_asked
    from sync.report.gather import gather
    from sync.report.publish import read_request

    host = find_host_here()
    _refuse_other_format(name, json)
    request = read_request("json" if json else name, output, every=every, check=check)
    answers = read_asked(asked) if asked is not None else None
    with TerminalReporter(None, Paint()) as terminal:
        gathered = gather(
            host, with_content=request.reads_content, advance=terminal.reading, asked=answers
        )
    if gathered.facts is None:
        _print_findings(gathered.findings)
        raise typer.Exit(ExitStatus.FINDINGS)
    for words in unseen_words(gathered.unseen):
        sys.stderr.write(f"note: {words}\n")
    if not (name or json or every or check or output):
        _print_undeclared(host, sys.stderr)  # for whoever reads along: it is no fact of a report
    _publish(host, request, gathered.facts)


def _refuse_other_format(name: str | None, json: bool) -> None:
    if json and name not in {None, "json"}:
        raise UsageError(
            f"`--json` and the format {name} exclude each other",
            hint="give one of them",
            reference="report-request",
        )


def _print_findings(findings: "Sequence[Finding]") -> None:
    paint = paint_for(sys.stderr)
    sys.stderr.write(
        render_findings(findings, paint)
        + f"{paint.bad('no report:')} what is here is not what is recorded\n"
    )


def _publish(host: Host, request: "ReportRequest", facts: "Facts") -> None:
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
        write_reports(host, facts, request.directory, reports)
        sys.stderr.write(f"wrote {len(reports)} reports to {shown(str(request.directory))}\n")
        return
    ((report_format, content),) = reports.items()
    if request.file is None:
        sys.stdout.buffer.write(content)
    else:
        write_report(host, facts, request.file, report_format, content)


def _fetching(
    host: Host, *, offline: bool = False, jobs: int = 1, deadline: float = 600
) -> "Options":
    from sync.upstream.parallel import Options

    root = host.root or Path.cwd()
    return Options(root=root, offline=offline, jobs=jobs, deadline_seconds=deadline)


def _refuse_odd(commit: bool, no_stage: bool, message: str | None, signoff: bool) -> None:
    """UsageError for options of a commit that exclude each other or mean nothing."""
    if commit and no_stage:
        raise UsageError("`--commit` and `--no-stage` exclude each other", hint="give one of them")
    if not commit and (message is not None or signoff):
        option = "--signoff" if message is None else "--message"
        raise UsageError(f"`{option}` is for a commit", hint="add `--commit`, or leave it out")
    if message is not None and not message.strip():
        raise UsageError("the message is empty", hint="say something, or leave `--message` out")


_ALL_FILES = partial(render_plan, shown_files=sys.maxsize)


def _change(
    run: "Callable[[TerminalReporter], Result]",
    options: "SyncOptions",
    json: bool,
    render: "Callable[[Plan, Paint], str]" = render_plan,
) -> "Result":
    out = None if json else sys.stdout
    with TerminalReporter(out, paint_for(sys.stdout), render) as terminal:
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
