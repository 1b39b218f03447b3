"""The table of recipes: which module makes which form, and the record of what it made."""

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sync.derived.forms import gzip, patched, wat, wit_binary, wit_package, wit_single
from sync.derived.ingredients import Ingredients, Made
from sync.derived.record import DerivedRecord, InputFact, PatchFact, Tool
from sync.derived.wasm_tools import NAME
from sync.model.mirrors import Form
from sync.model.values import FormKind
from sync.objects.tree import hash_tree, object_id


class Recipe(NamedTuple):
    """How a form is made; a new version of a recipe makes other bytes."""

    version: int
    make: Callable[[Ingredients], Made]


RECIPES: Mapping[FormKind, Recipe] = {
    FormKind.WIT_BINARY: Recipe(wit_binary.VERSION, wit_binary.make),
    FormKind.WAT: Recipe(wat.VERSION, wat.make),
    FormKind.WIT_SINGLE: Recipe(wit_single.VERSION, wit_single.make),
    FormKind.WIT_PACKAGE: Recipe(wit_package.VERSION, wit_package.make),
    FormKind.GZIP: Recipe(gzip.VERSION, gzip.make),
    FormKind.PATCHED: Recipe(patched.VERSION, patched.make),
}


def make(given: Ingredients) -> Made:
    """Make a form.

    Raises SelectionError for what cannot be made, and CouldNotCheckError without the tool in the
    manifest's version.
    """
    return RECIPES[given.form.kind].make(given)


def differences(record: DerivedRecord, form: Form) -> list[str]:
    """Where the manifest's form and the record disagree, as phrases; none if they agree."""
    return record.differences(form, RECIPES[form.kind].version)


def record_of(given: Ingredients, made: Made) -> DerivedRecord:
    """The record of what was made of these ingredients."""
    form = given.form
    inputs = (given.inputs[name] for name in form.inputs)
    return DerivedRecord(
        name=form.name,
        kind=form.kind,
        version=RECIPES[form.kind].version,
        tool=None if form.tool_version is None else Tool(NAME, form.tool_version),
        of=form.of,
        of_path=form.of_path,
        inputs=tuple(InputFact(one.name, one.id, one.is_tree) for one in inputs),
        features=form.features,
        patches=tuple(
            PatchFact(
                one.path,
                object_id("blob", one.content),
                hashlib.sha256(one.content).hexdigest(),
            )
            for one in given.patches
        ),
        places=form.places,
        outputs=made.outputs,
        tree=hash_tree(fact.entry for fact in made.outputs) if form.kind.is_directory else None,
        content=made.content,
    )
