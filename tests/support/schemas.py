"""Writes the shipped JSON Schemas from the models: `python -m tests.support.schemas`.

They lie in sync/schemas/ and policies/schemas/.
"""

import json
from collections.abc import Mapping

from pydantic import BaseModel

import policies.output
import sync.cli.json_output
from tests.support.project import ROOT

DIRECTORY = ROOT / "sync" / "schemas"
SHIPPED = {
    DIRECTORY: sync.cli.json_output.SCHEMAS,
    ROOT / "policies" / "schemas": policies.output.SCHEMAS,
}
"""Directory → what is in it."""


def schema_texts(
    models: Mapping[str, type[BaseModel]] = sync.cli.json_output.SCHEMAS,
) -> dict[str, str]:
    """File name → content of each of these schemas."""
    return {
        f"{name}.schema.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **model.model_json_schema(by_alias=True, mode="serialization"),
            },
            indent=2,
            sort_keys=True,
        )
        + "\n"
        for name, model in models.items()
    }


if __name__ == "__main__":
    for directory, shipped in SHIPPED.items():
        directory.mkdir(exist_ok=True)
        for name, text in schema_texts(shipped).items():
            (directory / name).write_text(text)
