"""Writes the JSON Schemas in sync/schemas/ from the models: `python -m tests.schemas`."""

import json
from pathlib import Path

from sync.output import SCHEMAS

DIRECTORY = Path(__file__).parent.parent / "sync" / "schemas"


def schema_texts() -> dict[str, str]:
    """File name → content of each shipped schema."""
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
        for name, model in SCHEMAS.items()
    }


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in schema_texts().items():
        (DIRECTORY / name).write_text(text)
