"""The JSON Schema of a rule, for editors; `python -m state.rules.language.schema` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from state.rules.language.fields import FIELDS
from state.rules.language.loading import adapter

PATH = Path(__file__).parents[1] / "rule.schema.json"


def schema() -> dict[str, Any]:
    """The schema; of what a rule means as a whole it cannot tell, `scripts/rules validate` does."""
    found = adapter().json_schema(by_alias=True)
    conditions = found["$defs"]["Where"]
    # An editor completes the fields that it is told of; properties.<name> and nothing else may come on top.
    reference = {"$ref": "#/$defs/Condition"}
    conditions["properties"].update({name: reference for name in FIELDS})
    conditions["patternProperties"] = {r"^properties\.[A-Za-z_][A-Za-z0-9_]{0,63}$": reference}
    conditions["additionalProperties"] = False
    bare = [{"type": "string"}, {"type": "number"}, found["$defs"]["Condition"]]
    found["$defs"]["Condition"] = {"anyOf": bare, "description": "A value, or operators with theirs."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Footfall rule", **found}


def text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
