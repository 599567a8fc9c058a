"""The JSON Schema of a file of segments, for editors; `python -m` with this module writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from state.segments.language.loading import adapter

PATH = Path(__file__).parents[1] / "segments.schema.json"


def schema() -> dict[str, Any]:
    """The schema; of what a file means as a whole it cannot tell, `scripts/segments validate` does."""
    found = adapter().json_schema()
    for kind in ("Segment", "RfmClass"):
        members = found["$defs"][kind]["properties"]
        for name in {"enter", "stay"} & set(members):
            members[name] = {"anyOf": [*_alternatives(members[name]), _one_of(members[name])]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Footfall segments", **found}


def _alternatives(member: dict[str, Any]) -> list[dict[str, Any]]:
    """What the member may be: a list, or nothing."""
    return list(member.get("anyOf", [member]))


def _one_of(member: dict[str, Any]) -> dict[str, Any]:
    """One condition, which may stand without its list."""
    found: dict[str, Any] = next(one["items"] for one in _alternatives(member) if "items" in one)
    return found


def text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
