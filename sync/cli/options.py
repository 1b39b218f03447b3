"""The words and types of what can be given to each command, and how a shell completes them."""

from pathlib import Path
from typing import Annotated

import typer

from sync.host.find import find_host_here


def _mirror_names(incomplete: str) -> list[str]:
    from sync.host.state import read_manifest
    from sync.host.work_tree import WorkTree

    try:
        manifest = read_manifest(WorkTree(find_host_here().require_root()))
        return [n for n in (*manifest.mirrors, *manifest.forms) if n.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - completion is silent
        return []


def _format_names(incomplete: str) -> list[str]:
    from sync.report.formats.registry import FORMATS

    return [known.name for known in FORMATS if known.name.startswith(incomplete)]


# several commands

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
Message = Annotated[
    str | None,
    typer.Option(
        "--message",
        "-m",
        metavar="TEXT",
        help="What the commit says above its trailers.",
        show_default=False,
    ),
]
Signoff = Annotated[bool, typer.Option("--signoff", "-s", help="Add Signed-off-by to the commit.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="List every file that changes.")]
NoStage = Annotated[bool, typer.Option("--no-stage", help="Leave the index alone.")]
RewriteRecords = Annotated[
    bool, typer.Option("--rewrite-records", help="Bring records into the newest format.")
]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", min=1, max=64, help="How many upstreams to ask at once.")
]
Discard = Annotated[bool, typer.Option("--discard-local", help="Give up local changes.")]
Deadline = Annotated[
    float,
    typer.Option("--deadline", min=1, metavar="SECONDS", help="How long fetching may take in all."),
]

# add

NewName = Annotated[str, typer.Argument(help="What to call the mirror.", show_default=False)]
Url = Annotated[
    str | None,
    typer.Argument(help="The upstream repository, unless `--upstream`.", show_default=False),
]
UpstreamName = Annotated[
    str | None,
    typer.Option(
        "--upstream",
        metavar="NAME",
        help="A table of the manifest that says URL and pin.",
        show_default=False,
    ),
]
Tag = Annotated[str | None, typer.Option(help="The tag to copy.", show_default=False)]
CommitId = Annotated[
    str | None,
    typer.Option("--commit-id", help="The full commit id to copy.", show_default=False),
]
From = Annotated[
    str | None, typer.Option("--from", help="The directory to copy.", show_default="the root")
]
Into = Annotated[
    list[str] | None,
    typer.Option(
        help="A place: below third_party/, or with a slash in front from the host's root.",
        show_default="the name",
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(help="A gitignore pattern of what to copy.", show_default=False),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(help="A gitignore pattern of what to leave out.", show_default=False),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(metavar="RULE", help="Admit what is refused by this rule.", show_default=False),
]
NotCheckedIn = Annotated[bool, typer.Option("--not-checked-in", help="Commit the record alone.")]
Local = Annotated[bool, typer.Option("--local", help="The URL is a repository on this machine.")]

# derive

FormNameArgument = Annotated[str, typer.Argument(help="What to call the form.", show_default=False)]
FormKindOption = Annotated[
    str | None,
    typer.Option(
        "--form",
        metavar="FORM",
        help="wit-binary, wat, wit-single, wit-package, gzip or patched.",
        show_default=False,
    ),
]
Of = Annotated[
    str | None,
    typer.Option("--of", help="The mirror, or form, that it is made of.", show_default=False),
]
Patch = Annotated[
    list[str] | None,
    typer.Option(help="A patch file, as `--into`; may be repeated, in order.", show_default=False),
]
Feature = Annotated[
    list[str] | None,
    typer.Option(help="A feature of WIT packages; all if none is given.", show_default=False),
]

# remove

MirrorsToRemove = Annotated[
    list[str],
    typer.Argument(help="Names or globs.", autocompletion=_mirror_names, show_default=False),
]

# verify

InIndex = Annotated[bool, typer.Option("--index", help="Look at what is staged.")]
Rev = Annotated[
    str | None,
    typer.Option(
        metavar="REV", help="Look at a commit; also in a bare repository.", show_default=False
    ),
]
SameDirectories = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Also name directories that hold a mirror's files without being its place.",
    ),
]
Rebuild = Annotated[
    bool, typer.Option("--rebuild", help="Also make derived forms again, and compare the bytes.")
]
Tools = Annotated[
    bool,
    typer.Option("--tools", help="Print what pip installs for --rebuild, and do nothing else."),
]
AskUpstream = Annotated[
    bool, typer.Option("--upstream", help="Ask the upstreams too whether the records are true.")
]

# report

FormatName = Annotated[
    str | None,
    typer.Argument(
        metavar="FORMAT",
        help="A table on a terminal if none is given.",
        autocompletion=_format_names,
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Write to a file; with --all into a directory.",
        show_default=False,
    ),
]
EveryFormat = Annotated[bool, typer.Option("--all", help="Write every format.")]
CheckedDirectory = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Say whether the reports in a directory are current.",
        show_default=False,
    ),
]
AskedPath = Annotated[
    Path | None,
    typer.Option(
        "--asked",
        metavar="FILE",
        help="What `verify --upstream --json` printed: reports say so, with its date.",
        show_default=False,
    ),
]
JsonFormat = Annotated[bool, typer.Option("--json", help="The same as the format json.")]
