"""The words about derived forms that several formats have in common.

All functions are pure.
"""

from collections.abc import Sequence

from sync.derived.record import Tool, shown_source
from sync.judgement.findings import Presence
from sync.report.facts import Component, Derived, Facts, Patch
from sync.report.text import version_shown

NOT_MADE_AGAIN = (
    "Derived forms were compared with their records, and the records with what they are made of. "
    "`git verbatim verify --rebuild` makes them again and compares the bytes."
)


def made_shown(form: Derived) -> str:
    """Say what a form is, of what it is made, and by which tool.

    Examples: `wit-binary of cli 1.0.0 with io 1.0.0, by wasm-tools 1.262.0`, and `patched copy of
    io 1.0.0`.
    """
    record = form.record
    source = form.source
    of = shown_source(named(source), record.of_path)
    others = [named(one) for one in form.made_of if one is not source]
    needs = f" with {', '.join(others)}" if others else ""
    by = f", by {tool_shown(record.tool)}" if record.tool else ""
    return f"{'patched copy' if form.is_patched else record.kind} of {of}{needs}{by}"


def named(source: Component | Derived) -> str:
    """Name what something is made of; of a mirror also the version."""
    return source.name if isinstance(source, Derived) else f"{source.name} {version_shown(source)}"


def tool_shown(tool: Tool) -> str:
    return f"{tool.name} {tool.version}"


def patch_shown(patch: Patch) -> str:
    """Say which patch it is, why it is there, whose it is, and whether upstream has it."""
    if patch.story is None:
        return f"{patch.file.path}: why and whose is not said"
    story = patch.story
    forwarded = story.forwarded or "unknown"
    return f"{patch.file.path}: {story.why}; by {story.whose}; forwarded: {forwarded}"


def form_state_shown(form: Derived) -> str:
    """Say in a word or two what it is; a form that is not here is not judged."""
    if form.is_present:
        return "derived, with patches" if form.all_patches else "derived"
    return "removed" if form.presence is Presence.REMOVED else "not here"


def form_places_shown(form: Derived) -> str:
    """Name the places of a form, and those of them that are not here."""
    missing = f"; removed: {', '.join(form.not_here)}" if form.not_here else ""
    return ", ".join(form.places) + missing


def form_elsewhere_shown(form: Derived) -> str:
    """Name a form that is not here, for the comment of an inventory."""
    return f"{form.presence.value}: {form.name} ({made_shown(form)})"


def forms_not_here_shown(facts: Facts) -> list[str]:
    """Name the forms that are not here, and the places of others that are not."""
    places = [
        f"removed: {place} of {form.name}" for form in facts.forms_here for place in form.not_here
    ]
    return [*map(form_elsewhere_shown, facts.forms_elsewhere), *places]


def sources_not_here(form: Derived) -> Sequence[Component]:
    """The mirrors that a form goes back to and whose files are not here."""
    return [mirror for mirror in form.mirrors if not mirror.is_present]
