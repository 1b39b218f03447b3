"""Render reports as SARIF 2.1.0, the format of code scanning."""

import hashlib
import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from urllib.parse import quote

from pydantic import JsonValue

from policies.explanations import EXPLANATIONS, Explanation, with_placeholders
from policies.verdict import CheckReport, Judgement, unasked_line
from policies.ways_out import Violation
from sync.judgement.findings import Rule
from sync.quoting import printable

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_INDEX = {explanation.rule: index for index, explanation in enumerate(EXPLANATIONS)}


def render_sarif(report: CheckReport) -> str:
    """Return a log of one run, with all rules and a result for each violation and notice.

    It is ASCII, so that no control character is raw.
    """
    rules: list[JsonValue] = [_rule(explanation) for explanation in EXPLANATIONS]
    results: list[JsonValue] = [
        result for judgement in report.judgements for result in _results(judgement)
    ]
    driver: JsonValue = {"name": "git-verbatim", "version": version("git-verbatim"), "rules": rules}
    log: JsonValue = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "invocations": [_invocation(report)],
                "results": results,
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _invocation(report: CheckReport) -> JsonValue:
    """Return the run with what moved, and what was not asked, as notifications (3.20.21).

    They raise no alert.
    """
    told: list[JsonValue] = [
        {
            "level": "warning" if moved.is_suspect else "note",
            "message": {"text": _message(f"moved: {moved}")},
        }
        for moved in report.moved
    ]
    told += [
        {"level": "error", "message": {"text": _message(f"not asked: {unasked_line(one)}")}}
        for one in report.unasked
    ]
    return {"executionSuccessful": not report.unasked, "toolExecutionNotifications": told}


def _rule(explanation: Explanation) -> JsonValue:
    headline = re.split("[:;]", explanation.finds)[0]
    put_back, go_on = with_placeholders(explanation.put_back), with_placeholders(explanation.go_on)
    sections = {
        "Finds": f"{explanation.finds}.",
        "Why": explanation.why,
        "Put back": f"`{put_back}`",
        "Or": f"{go_on}.",
    }
    return {
        "id": explanation.rule.value,
        "shortDescription": {"text": f"{headline[0].upper()}{headline[1:]}."},
        "fullDescription": {"text": f"Finds {explanation.finds}. {explanation.why}"},
        "help": {
            "text": "\n".join(f"{title}: {text}" for title, text in sections.items()),
            "markdown": "\n\n".join(f"**{title}:** {text}" for title, text in sections.items()),
        },
        "defaultConfiguration": {
            "level": "note" if explanation.rule is Rule.TRAILER_MISSING else "error"
        },
    }


def _results(judgement: Judgement) -> Iterator[JsonValue]:
    for violation in judgement.violations:
        yield _result("error", judgement, violation)
    for notice in judgement.notices:
        yield _result("note", judgement, notice)


def _result(level: str, judgement: Judgement, violation: Violation) -> JsonValue:
    finding = violation.finding
    about = f"{finding.mirror}: {finding.message}" if finding.mirror else finding.message
    uri = quote(violation.raw_path)
    return {
        "ruleId": finding.rule.value,
        "ruleIndex": _INDEX[finding.rule],
        "level": level,
        "message": {"text": _message(f"{about} (in {judgement.label})")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
                    # GitHub rejects a result without a region.
                    "region": {"startLine": violation.line or 1},
                }
            }
        ],
        # GitHub reads only a fingerprint of this name. It depends on the finding alone, so that the
        # same finding in a later commit is the same alert.
        "partialFingerprints": {
            "primaryLocationLineHash": _digest(
                finding.rule.value, finding.mirror, uri, finding.message
            )
        },
        "properties": {
            "commit": judgement.commit.id if judgement.commit else None,
            "mirror": finding.mirror or None,
            "putBack": violation.put_back,
            "goOn": violation.go_on,
        },
    }


def _message(text: str) -> str:
    """Return text from outside as a SARIF message, in which it is no placeholder and no link.

    See 3.11.5 and 3.11.6 of the specification.
    """
    return printable(text).replace("{", "{{").replace("}", "}}").replace("](", "] (")


def _digest(*fields: str) -> str:
    return hashlib.sha256("\0".join(fields).encode("utf-8", "backslashreplace")).hexdigest()
