"""Adds a derived form to the manifest, and finds out which other packages it needs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sync.change.look import Reporter
from sync.change.run import Result, Run, SyncOptions, opened
from sync.derived.wasm_tools import NAME, installed_version
from sync.derived.wit import needed
from sync.errors import ManifestError, UsageError
from sync.host.find import Host
from sync.host.form_inputs import FormInputs
from sync.host.state import read_manifest
from sync.host.work_tree import WorkTree
from sync.layout import MANIFEST_PATH
from sync.manifest.read import Manifest, parse_manifest
from sync.model.values import FormKind

if TYPE_CHECKING:
    from sync.manifest.edit import Value


def derive(
    host: Host, name: str, values: "Mapping[str, Value]", options: SyncOptions, reporter: Reporter
) -> Result:
    """Add a derived form: its table, its files and its record; or find `with` of one anew.

    Without `values` the form has to be in the manifest already. Raises SelectionError if it cannot
    be made of what is here.
    """
    with opened(host, options, reporter) as state:
        before = read_manifest(state)
        text = _with_form(before, name, values)
        try:
            manifest = _with_needs(host, state, text, name)
        except ManifestError as error:
            # No file has these lines yet.
            error.context = [f"the form {name}", *error.context[1:]]
            raise
        run = Run(host, manifest, before.source, options, reporter)
        run.command = f"git verbatim sync {name}"
        return run.carry_out([], {}, forms=[name])


def _with_form(before: Manifest, name: str, values: "Mapping[str, Value]") -> str:
    """The manifest with the form's table, and with one for the tool that makes it."""
    from sync.manifest.edit import add_table  # tomlkit takes 20 ms: only an edit needs it

    text = before.source.decode()
    if not values:
        if name not in before.forms:
            raise UsageError(
                f"there is no form {name}",
                hint="give `--form`, `--of` and `--into` to add one",
                reference="form-unknown",
            )
        return text
    if name in before.forms:
        raise UsageError(
            f"there is a form {name} already",
            hint=f"edit it in {MANIFEST_PATH}; `git verbatim derive {name}` alone finds its `with`",
            reference="form-exists",
        )
    text = add_table(text, "derived", name, dict(values))
    is_wit = values.get("form") in {kind.value for kind in FormKind if kind.is_wit}
    has_tool = any(form.tool_version for form in before.forms.values()) or "[tools." in text
    if is_wit and not has_tool:
        text = add_table(text, "tools", NAME, {"version": installed_version()})
    return text


def _with_needs(host: Host, state: WorkTree, text: str, name: str) -> Manifest:
    """The manifest in which the form's `with` is complete, and has none too many."""
    from sync.manifest.edit import set_value

    manifest = parse_manifest(text.encode())
    form = manifest.forms[name]
    if not form.kind.is_wit:
        return manifest
    inputs = FormInputs(state, manifest, host.require_repository())
    found = needed(inputs.ingredients(form))
    if found is None or tuple(found) == form.needs:
        return manifest  # making it says what is missing
    changed = set_value(text, "derived", name, "with", found or None)
    return parse_manifest(changed.encode())
