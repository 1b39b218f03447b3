"""The composition root: assembles the program from the commands of `sync` and `policies`."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

import policies.cli
import sync.cli.commands
from sync.cli.parameters import Group
from sync.errors import VerbatimError
from sync.host.find import Host, find_host_here
from sync.layout import MANIFEST_PATH
from sync.quoting import shown

if TYPE_CHECKING:
    from sync.change.init import Made

app = typer.Typer(
    name="git-verbatim",
    cls=Group,
    help="Exact copies of upstream git trees in third_party/, "
    "with records of where every byte came from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        import pygit2

        print(
            f"git-verbatim {version('git-verbatim')} "
            f"(pygit2 {version('pygit2')}, libgit2 {pygit2.LIBGIT2_VERSION})"
        )
        raise typer.Exit


@app.callback()
def program(
    directory: Annotated[
        str | None,
        typer.Option("-C", metavar="DIR", help="Run as if started in DIR.", show_default=False),
    ] = None,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError as error:
            raise VerbatimError(
                f"cannot change to {directory}", [(error.strerror or str(error)).lower()]
            ) from error


@app.command()
def init(
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Start from a shipped manifest: wasi.", show_default=False
        ),
    ] = None,
    no_hooks: Annotated[bool, typer.Option("--no-hooks", help="Install no git hooks.")] = False,
) -> None:
    """Write a manifest and the attributes that keep git from converting mirrors, \
and install the hooks."""  # noqa: D205, D209 - it is the help text
    from sync.change.init import initialize

    host = find_host_here()
    made = initialize(host, preset)
    for name in made.written:
        print(f"wrote {name}")
    for name in made.kept:
        print(f"kept  {name}")
    for one in made.own:
        print(f"own   {shown(one.pattern.removeprefix('/'))} ({shown(one.seen)})")
    if made.own:
        print(f"the manifest declares these in `[host] own`: look through {MANIFEST_PATH}")
    if not no_hooks:
        _install_hooks(host)
    if made.has_binaries:
        print("to see binaries as text in diffs: `*.wasm diff=wit` in .gitattributes, and")
        print("  `git config diff.wit.textconv 'wasm-tools component wit'`")
    print(f"next: `git verbatim {_next_command(made, preset)}`")


def _next_command(made: "Made", preset: str | None) -> str:
    """What a maintainer does after `init`, or a contributor in a clone that has mirrors already."""
    if made.has_mirrors:
        return "status"
    return "sync" if preset else "add NAME URL --tag TAG"


def _install_hooks(host: Host) -> None:
    """Install the hooks.

    If that is impossible, say why and go on: the hooks are not required.
    """
    from policies.hooks.install import find_place, install

    try:
        installed = install(find_place(host, pre_receive=False))
    except VerbatimError as error:
        print(f"no hooks: {shown(error.message)}; `git verbatim hook install` says more")
    else:
        print(f"hooks: {', '.join(status.name for status in installed)}")


sync.cli.commands.register(app)
policies.cli.register(app)
