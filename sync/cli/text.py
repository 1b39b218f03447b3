"""Renders values as text for people.

All functions are pure. Text from outside is made printable. `Paint` adds colours, or none.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from sync.errors import VerbatimError
from sync.host.sparse_and_modes import Unseen
from sync.ids import RepoPath
from sync.judgement.standing import FormStatus, MirrorStatus, Standing
from sync.layout import MANIFEST_PATH, is_in_third_party, license_directory
from sync.model.values import Signature, SignatureState
from sync.paint import Paint
from sync.quoting import no_commands, quote_path, shown
from sync.wording import count, short_pin

# A command that has nothing to do prints without loading the modules that judge and plan.
if TYPE_CHECKING:
    from sync.change.plan import Change, FileChanges, FormChange, Plan
    from sync.change.run import Result
    from sync.judgement.derived_forms import FormVerdict
    from sync.judgement.findings import Finding, Verdict
    from sync.report.publish import Currency
    from sync.verify.commands import Verified
    from sync.verify.same_directories import SameDirectory
    from sync.verify.upstream import Audit
    from sync.verify.whole_host import HostFindings

_SHOWN_FILES = 12
_SHORT = 12
_SYNC = "bring the mirrors up to the manifest with `git verbatim sync`"


def render_error(error: VerbatimError, paint: Paint) -> str:
    """Write `error: …`, the indented context, and the hint."""
    lines = [f"{paint.bad('error:')} {shown(error.message)}"]
    lines += [f"  {shown(line)}" for line in error.context]
    if error.hint:
        lines.append(f"{paint.change('hint:')} {shown(error.hint)}")
    return no_commands("\n".join(lines)) + "\n"


def render_plan(plan: "Plan", paint: Paint, *, shown_files: int = _SHOWN_FILES) -> str:
    """Write what changes, for a reviewer.

    For each mirror these are old pin → new pin, the files, and the licences that change. Of each
    kind `shown_files` at most are listed.
    """
    lines = [
        *(line for change in plan.changes for line in _change_lines(change, paint, shown_files)),
        *(line for change in plan.forms for line in _form_lines(change, paint, shown_files)),
    ]
    return "".join(f"{line}\n" for line in lines)


def render_summary(plan: "Plan", paint: Paint) -> str:
    """Write the same, but of a mirror that had no record only the number of its files."""
    lines: list[str] = []
    for change in plan.changes:
        if change.before is not None or change.copy is None:
            lines += _change_lines(change, paint, _SHOWN_FILES)
            continue
        files = count(len(change.copy.holding.files), "file")
        lines.append(f"{_head(change, paint)}  {files}")
        if change.copy.signature is not None:
            lines.append(f"  {_signature(change.copy.signature, paint)}")
    for form_change in plan.forms:
        whole = list(_form_lines(form_change, paint, _SHOWN_FILES))
        lines += whole if form_change.before is not None else whole[:1]
    return "".join(f"{line}\n" for line in lines)


def _form_lines(change: "FormChange", paint: Paint, most: int) -> Iterator[str]:
    from sync.derived.record import shown_source

    name, form, record = paint.strong(shown(change.name)), change.form, change.record
    if form is None or record is None:
        yield f"{name}  {paint.bad('removed')}"
        return
    first, *others = change.copies
    more = f" and {count(len(others), 'more place')}" if others else ""
    source = shown(shown_source(form.of, form.of_path))
    yield f"{name}  {form.kind} of {source}  {paint.faint(f'{shown(first)}{more}')}"
    for place in others:
        yield f"  also in {paint.faint(shown(place))}"
    for place in change.moved_from:
        yield f"  moves from {shown(place)}"
    if change.before is not None and change.before.tool != record.tool and record.tool:
        old = f"{change.before.tool.version} → " if change.before.tool else ""
        yield f"  {record.tool.name} {old}{record.tool.version}"
    if form.kind.is_directory:
        yield from _file_lines(change.files, "", paint, most)
    elif change.before is None or change.before.is_directory:
        yield f"  {paint.good('+')} {record.outputs[0].size:,} bytes"
    elif change.before.outputs != record.outputs:
        sizes = f"{change.before.outputs[0].size:,} → {record.outputs[0].size:,} bytes"
        yield f"  {paint.change('~')} {sizes}"
        yield from (f"    {_diff_line(line, paint)}" for line in change.diff[: 2 * most])
        if len(change.diff) > 2 * most:
            yield f"    … {len(change.diff)} lines of the diff in all (`--verbose` shows them)"


def _head(change: "Change", paint: Paint) -> str:
    name = paint.strong(shown(change.name))
    others = change.copies[1:]
    more = f" and {count(len(others), 'more place')}" if others else ""
    where = f"{shown(change.copies[0])}{more}" if change.copies else "nobody knows where it lay"
    return f"{name}  {_pins(change, paint)}  {paint.faint(where)}"


def _change_lines(change: "Change", paint: Paint, most: int) -> Iterator[str]:
    from sync.record.record import SCHEMA_VERSION

    yield _head(change, paint)
    for place in change.copies[1:]:
        yield f"  also in {paint.faint(shown(place))}"
    for place in change.moved_from:
        yield f"  moves from {shown(place)}"
    before, copy = change.before, change.copy
    if copy is not None and (before is None or before.upstream.commit != copy.upstream.commit):
        old = f"{before.upstream.commit[:_SHORT]} → " if before else ""
        yield f"  commit {old}{copy.upstream.commit[:_SHORT]}, tree {copy.holding.tree[:_SHORT]}"
    if copy is not None and before is not None and before.schema != SCHEMA_VERSION:
        yield f"  record of schema {before.schema} → {SCHEMA_VERSION}"
    if copy is not None and copy.signature is not None:
        yield f"  {_signature(copy.signature, paint)}"
    yield from _file_lines(change.files, "", paint, most)
    for path in change.changed_licenses[:_SHOWN_FILES]:
        yield f"  {paint.change('the licence text changes:')} read {shown(path)}"
    yield from _file_lines(change.licenses, f"{license_directory(change.name)}/", paint, most)


def _diff_line(line: str, paint: Paint) -> str:
    mark = {"+": paint.good, "-": paint.bad}.get(line[:1], paint.faint)
    return mark(shown(line))


def _pins(change: "Change", paint: Paint) -> str:
    old, new = (
        shown(short_pin(pin)) for pin in (str(change.old_pin or ""), str(change.new_pin or ""))
    )
    if change.copy is None:
        return f"{old} → {paint.bad('removed')}" if old else paint.bad("removed")
    if not old:
        return paint.good(new)
    return f"{old} → {paint.change(new)}" if old != new else new


def _signature(signature: Signature, paint: Paint) -> str:
    from sync.signature.signed import signature_shown

    said = shown(signature_shown(signature))
    return said if signature.state is SignatureState.GOOD else paint.change(said)


def _file_lines(changes: "FileChanges", prefix: str, paint: Paint, most: int) -> Iterator[str]:
    marked = [
        *((paint.good("+"), path) for path in changes.added),
        *((paint.change("~"), path) for path in changes.changed),
        *((paint.bad("-"), path) for path in changes.removed),
    ]
    for mark, path in marked[:most]:
        yield f"  {mark} {prefix}{_path(path)}"
    if len(marked) > most:
        counts = (
            f"{len(changes.added)} added, {len(changes.changed)} changed, "
            f"{len(changes.removed)} removed"
        )
        yield f"  … {len(marked)} files in all: {counts} (`--json` lists them)"


def _path(path: RepoPath) -> str:
    return shown(quote_path(path))


def render_result(result: "Result", *, dry_run: bool, paint: Paint) -> str:
    """Write the last line of a sync."""
    changed = len(result.plan.changes)
    satisfied = len(result.plan.satisfied)
    if not result.plan and not result.staged and result.commit is None:
        return render_satisfied(satisfied, paint, len(result.plan.satisfied_forms))
    removed = sum(change.copy is None for change in result.plan.changes)
    done = {"would change": changed} if dry_run else {"synced": changed - removed}
    done |= {} if dry_run else {"removed": removed}
    parts = [f"{what} {count(number, 'mirror')}" for what, number in done.items() if number]
    parts += _form_parts(result.plan, dry_run=dry_run)
    if not result.plan and result.commit is None:
        parts.append(f"{'would stage' if dry_run else 'staged'} {MANIFEST_PATH}")
    if result.plan.unstaged:
        parts.append(
            f"{'would stage' if dry_run else 'staged'} {count(len(result.plan.unstaged), 'mirror')}"
        )
    if satisfied and (changed or not result.plan):
        parts.append(f"{satisfied} up to date")
    if result.commit:
        parts.append(f"commit {result.commit[:_SHORT]}")
    return f"{paint.good(', '.join(parts))}\n"


def _form_parts(plan: "Plan", *, dry_run: bool) -> Iterator[str]:
    """Say how many derived forms were made, removed and staged."""
    removed = sum(change.form is None for change in plan.forms)
    made = len(plan.forms) - removed
    for what, number in (
        ("would make" if dry_run else "made", made),
        ("would remove" if dry_run else "removed", removed),
        ("would stage" if dry_run else "staged", len(plan.unstaged_forms)),
    ):
        if number:
            yield f"{what} {count(number, 'form')}"


def render_satisfied(mirrors: int, paint: Paint, forms: int = 0) -> str:
    """Write the only line of a sync that had nothing to do."""
    more = f", {count(forms, 'form')}" if forms else ""
    return f"{paint.good('up to date:')} {count(mirrors, 'mirror')}{more}\n"


def render_status(
    statuses: Sequence[MirrorStatus],
    paint: Paint,
    host: "HostFindings | None" = None,
    forms: Sequence[FormStatus] = (),
) -> str:
    """Write a line for each mirror, with what is made of it beneath, and what was found besides.

    Last comes what to do.
    """
    more = (
        render_findings(host.findings, paint) + render_notices(host.notices, paint) if host else ""
    )
    if not statuses and not forms:
        return f"{more}no mirrors: add one with `git verbatim add`\n"
    rows = list(_status_rows(statuses, forms, paint))
    names, pins = max(len(name) for name, _, _ in rows), max(len(pin) for _, pin, _ in rows)
    lines = [f"{name:<{names}}  {pin:<{pins}}  {standing}" for name, pin, standing in rows]
    each: list[MirrorStatus | FormStatus] = [*statuses, *forms]
    altered = [shown(path) for status in each for path in status.altered_by_add]
    notes = [
        f"{paint.change('note:')} `git add` would change the bytes of {path}" for path in altered
    ]
    notes += [f"{paint.change('note:')} {words}" for words in map(_left_out, statuses) if words]
    hints = "".join(f"{line}\n" for line in _status_hints(statuses, forms, paint))
    return "\n".join([*lines, *notes]) + "\n" + more + hints


def _status_rows(
    statuses: Sequence[MirrorStatus], forms: Sequence[FormStatus], paint: Paint
) -> Iterator[tuple[str, str, str]]:
    """The name, the pin or recipe, and the standing of each, in the order of the lines."""
    left = list(forms)

    def beneath(name: str, depth: int) -> Iterator[tuple[str, str, str]]:
        for form in [one for one in left if one.of.partition(":")[0] == name]:
            left.remove(form)
            yield f"{'  ' * depth}{shown(form.name)}", str(form.kind or "?"), _made(form, paint)
            yield from beneath(form.name, depth + 1)

    for status in statuses:
        yield shown(status.name), shown(_pin_of(status)), _standing(status, paint)
        yield from beneath(status.name, 1)
    for form in list(left):
        if form in left:
            left.remove(form)
            yield shown(form.name), str(form.kind or "?"), _made(form, paint)
            yield from beneath(form.name, 1)


def _made(form: FormStatus, paint: Paint) -> str:
    """How a form stands."""
    if form.standing is Standing.CLEAN:
        seen = paint.change(", not made again to compare") if form.not_compared else ""
        return paint.good("clean") + seen + ("" if form.staged else paint.change(", not staged"))
    if form.standing is Standing.ABSENT:
        return paint.faint("absent (not checked in)")
    if form.standing is Standing.REMOVED:
        return paint.faint("removed")
    return paint.bad(form.standing.value)


def render_notices(notices: Sequence[str], paint: Paint) -> str:
    """Write what somebody should know, though it is nothing wrong."""
    return "".join(f"{paint.change('note:')} {shown(notice)}\n" for notice in notices)


def render_undeclared(found: "Sequence[SameDirectory]", paint: Paint) -> str:
    """Write which directories hold a mirror without being its place, and what would change that."""
    return "".join(
        f"{paint.change('note:')} {shown(one.directory)} holds what mirror {shown(one.mirror)} "
        f'holds: add "{shown(one.entry)}" to its `into`\n'
        for one in found
    )


def _left_out(status: MirrorStatus) -> str:
    """Say that packages may lack a mirror that is not checked in, unless nobody packs it."""
    outside = [place for place in status.places if not is_in_third_party(place)]
    if status.checked_in or not outside:
        return ""
    where = ", ".join(map(shown, outside))
    return f"cargo, npm and others leave out of packages what git ignores: {where}"


def _pin_of(status: MirrorStatus) -> str:
    old, new = short_pin(str(status.recorded_pin or "")), short_pin(str(status.pin or ""))
    return f"{old} → {new}" if old and new and old != new else new or old or "?"


def _standing(status: MirrorStatus, paint: Paint) -> str:
    if status.standing is Standing.CLEAN:
        signed = f", {_signature(status.signature, paint)}" if status.signature else ""
        seen = "".join(paint.change(f", {words}") for words in unseen_words(status.unseen))
        return (
            paint.good("clean")
            + signed
            + (paint.faint(f", {removed_places(status.not_here)}") if status.not_here else "")
            + seen
            + ("" if status.staged else paint.change(", not staged"))
        )
    if status.standing is Standing.ABSENT:
        return paint.faint("absent (not checked in)")
    if status.standing is Standing.REMOVED:
        return paint.faint("removed")
    files = sum(1 for finding in status.findings if finding.path and finding.difference)
    return paint.bad(status.standing.value + (f": {count(files, 'file')}" if files else ""))


def _status_hints(
    statuses: Sequence[MirrorStatus], forms: Sequence[FormStatus], paint: Paint
) -> Iterator[str]:
    each: list[MirrorStatus | FormStatus] = [*statuses, *forms]
    standings = {status.standing for status in each}
    hint = paint.change("hint:")
    if Standing.DRIFT in standings or Standing.BROKEN_RECORD in standings:
        yield f"{hint} see what differs with `git verbatim verify`"
    to_sync = {Standing.ABSENT, Standing.NOT_SYNCED, Standing.PIN_CHANGED, Standing.ORPHAN}
    to_sync |= {Standing.NOT_MADE, Standing.STALE}
    if standings & to_sync or any(s.is_well and not s.staged for s in each):
        yield f"{hint} {_SYNC}"
    if way_back := next((back for status in statuses if (back := status.unseen.way_back)), None):
        yield f"{hint} bring hidden files back with `{shown(way_back)}`"
    altered = {path.lstrip('"') for status in each for path in status.altered_by_add}
    for command, is_inside in (("init", True), ("sync", False)):
        if any(is_in_third_party(path) is is_inside for path in altered):
            yield f"{hint} keep git's conversions away from mirrors with `git verbatim {command}`"


def removed_places(places: Sequence[str]) -> str:
    return f"{count(len(places), 'place')} removed"


def unseen_words(unseen: Unseen) -> list[str]:
    """List what was not judged by the files on disk, in words that follow a verdict."""
    hidden = (
        f"{count(unseen.hidden, 'hidden file')} judged as in the index" if unseen.hidden else ""
    )
    modes = (
        f"modes of {count(unseen.modes, 'file')} not judged: nothing here tells them"
        if unseen.modes
        else ""
    )
    return [words for words in (hidden, modes) if words]


def render_verdicts(
    state: str,
    verified: "Verified",
    audited: "Audit | None",
    paint: Paint,
) -> str:
    """Write the findings grouped by mirror, then a line that sums up."""
    findings = [*verified.findings, *(audited.findings if audited else ())]
    return (
        render_findings(findings, paint)
        + render_notices(verified.host.notices, paint)
        + _summary(state, verified, findings, audited, paint)
        + "\n"
        + "".join(f"{paint.change('hint:')} {way}\n" for way in _ways_to_mend(state, verified))
    )


def _ways_to_mend(state: str, verified: "Verified") -> Iterator[str]:
    """What mends findings of the working tree."""
    otherwise = {form.name for form in verified.forms if form.is_made_otherwise}
    found = [one for one in verified.findings if one.mirror not in otherwise]
    if _is_mended_by_sync(state, found):
        yield _SYNC
    if otherwise and _is_mended_by_sync(state, verified.findings):
        names = " ".join(sorted(otherwise))
        yield f"give up what is in the files: `git verbatim sync --discard-local {names}`"


def _is_mended_by_sync(state: str, found: "Sequence[Finding]") -> bool:
    """Whether a sync mends some of the findings, or says what would be lost or is to be mended."""
    from sync.host.work_tree import WorkTree
    from sync.judgement.findings import Rule

    others = {Rule.TAG_MOVED, Rule.UNRECORDED_FILE, Rule.UPSTREAM_NOT_ALLOWED}
    return state == WorkTree.label and any(one.rule not in others for one in found)


def render_findings(findings: "Sequence[Finding]", paint: Paint) -> str:
    """Write the findings grouped by mirror; those of no mirror come first, as the host's."""
    lines: list[str] = []
    for mirror, of_mirror in groupby(
        sorted(findings, key=lambda f: f.mirror), key=lambda f: f.mirror
    ):
        lines += [
            paint.strong(shown(mirror or "the host")),
            *_finding_lines(list(of_mirror), paint),
        ]
    return "".join(f"{line}\n" for line in lines)


def render_currency(directory: Path, currency: "Currency", paint: Paint) -> str:
    """Write which reports are out of date, and the command that writes them again."""
    if currency:
        of = f" of {currency.formats}" if len(currency.current) < currency.formats else ""
        return (
            f"{paint.good('current:')} {len(currency.current)}{of} reports "
            f"in {shown(str(directory))}\n"
        )
    lines = [
        f"{paint.bad('out of date:')} {shown(str(directory / name))}" for name in currency.stale
    ]
    lines.append(
        f"{paint.change('hint:')} write them anew with "
        f"`git verbatim report --all -o {shown(str(directory))}`"
    )
    return "\n".join(lines) + "\n"


def _finding_lines(findings: "Sequence[Finding]", paint: Paint) -> Iterator[str]:
    from sync.judgement.findings import Rule

    for rule, of_rule in groupby(findings, key=lambda f: f.rule):
        listed = list(of_rule)
        yield f"  {paint.bad(rule.value)}"
        for finding in listed[: 2 * _SHOWN_FILES]:
            is_of_file = finding.difference or rule is Rule.ATTRIBUTES_ALTER_BYTES
            where = f"{shown(finding.path)}: " if finding.path and is_of_file else ""
            yield f"    {where}{shown(finding.message)}"
        if len(listed) > 2 * _SHOWN_FILES:
            yield f"    … {len(listed)} in all; `--json` lists every one"


def _summary(
    state: str,
    verified: "Verified",
    findings: "Sequence[Finding]",
    audited: "Audit | None",
    paint: Paint,
) -> str:
    verdicts, forms = verified.verdicts, verified.forms
    each = [count(len(verdicts), "mirror")] if verdicts or not forms else []
    each += [count(len(forms), "form")] if forms else []
    judged = ", ".join(each)
    what = f"{judged} in {state}"
    files = sum(map(_files_here, verdicts)) + sum(map(_files_of_form, forms))
    details = [count(files, "file"), *_not_here(verdicts), *_made_again(forms)]
    details += unseen_words(
        Unseen(sum(v.unseen.hidden for v in verdicts), sum(v.unseen.modes for v in verdicts))
    )
    affected = {finding.mirror for finding in findings} - {""}
    if findings:
        of_mirrors = f"in {len(affected)} of {judged} of "
        found = paint.bad(count(len(findings), "finding"))
        return f"{found} {of_mirrors if affected else 'in '}{state}"
    if not verdicts and not forms:
        return f"nothing to verify: there are no mirrors in {state}"
    if audited is not None and audited.errors:
        return f"{paint.change('could not check all')}: {what}"
    proven = "files, records and upstream agree" if audited else "files, records and proofs agree"
    return f"{paint.good('verified')}: {what}, {', '.join(details)}; {proven}"


def _files_of_form(verdict: "FormVerdict") -> int:
    """Count the files of a form in all places, if it is here."""
    record = verdict.record
    return len(record.outputs) * len(record.places) if record and verdict.is_present else 0


def _made_again(forms: "Sequence[FormVerdict]") -> Iterator[str]:
    """Say how many forms were made again, since the others were only compared with records."""
    if forms:
        made = sum(verdict.is_made_again for verdict in forms)
        yield f"{made} of {count(len(forms), 'form')} made again"
    for reason in dict.fromkeys(filter(None, (verdict.not_compared for verdict in forms))):
        names = [shown(one.name) for one in forms if one.not_compared == reason]
        yield f"not compared: {', '.join(names)} ({shown(reason)})"


def _files_here(verdict: "Verdict") -> int:
    """Count the files of a mirror in all places that are here."""
    record = verdict.record
    if record is None:
        return 0
    return len(record.files) * (len(record.copies) - len(verdict.not_here))


def _not_here(verdicts: "Sequence[Verdict]") -> Iterator[str]:
    """Say of how many mirrors, or places of others, only the records were checked."""
    elsewhere = [v.presence.value for v in verdicts if not v.is_present]
    parts = [
        f"{elsewhere.count(word)} {word}" for word in ("absent", "removed") if word in elsewhere
    ]
    if parts:
        yield f"{' and '.join(parts)}, of which only the records were checked"
    if places := [place for v in verdicts if v.is_present for place in v.not_here]:
        yield removed_places(places)
