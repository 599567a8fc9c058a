"""Writes what repeats the contracts: their JSON Schemas, and the tables of docs/contracts.md.

Run `python -m tools.contracts` after a change of a contract; a test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import Any

from pydantic import BaseModel

from connectors.contracts.exposures import Exposure
from connectors.contracts.rejected import Rejected
from connectors.contracts.segments import Segment
from connectors.contracts.sessions import Session
from connectors.contracts.signals import Signal, Trigger
from connectors.contracts.vocabulary import EVENT_TYPES
from stack.package import ROOT
from tools.event_schema import Schema, event_schema

MODELS: dict[str, type[BaseModel]] = {
    "signal": Signal,
    "segment": Segment,
    "trigger": Trigger,
    "exposure": Exposure,
    "session": Session,
    "rejected": Rejected,
}
NAMES = ("event", *MODELS)
PAGE = ROOT / "docs" / "contracts.md"
SCHEMAS = ROOT / "connectors" / "contracts" / "schemas"
_EXAMPLES = Path(__file__).with_name("contract_examples.json")


def files() -> dict[Path, str]:
    """Text of every generated file by its path."""
    schemas = {name: schema(name) for name in NAMES}
    written = {SCHEMAS / f"{name}.schema.json": _json(one) for name, one in schemas.items()}
    return {**written, PAGE: page(PAGE.read_text(encoding="utf-8"), schemas)}


def schema(name: str) -> Schema:
    """The JSON Schema of a contract, with its examples."""
    examples = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    made = event_schema() if name == "event" else _of_model(name)
    return {**made, "examples": examples[name]}


def page(text: str, schemas: dict[str, Schema]) -> str:
    """The page with its generated parts as they have to be."""
    for name, one in schemas.items():
        text = _between(text, f"fields of {name}", "\n".join(field_rows(one)))
    return _between(text, "types", fill(", ".join(f"`{name}`" for name in EVENT_TYPES), 110))


def field_rows(one: Schema) -> list[str]:
    """The table of a schema's members; those of a block have a dot in their names."""
    rows = ["| field | type | | meaning |", "|---|---|---|---|"]
    for name, what in one["properties"].items():
        rows.append(_row(name, what, name in one["required"]))
        # The counts of a session are the event types, which have a list of their own.
        if name != "counts":
            needed = what.get("required", [])
            inner = what.get("properties", {}).items()
            rows += [_row(f"{name}.{leaf}", about, leaf in needed) for leaf, about in inner]
    return rows


def _row(name: str, what: Schema, required: bool) -> str:
    types = what.get("x-read-as") or what.get("type", "string")
    kind = types if isinstance(types, str) else types[0]
    return f"| `{name}` | {kind} | {'required' if required else 'optional'} | {what['description']} |"


def _between(text: str, part: str, new: str) -> str:
    """Puts a generated part between its two marks.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = f"<!-- {part}: written by `python -m tools.contracts` -->\n", f"\n<!-- end of {part} -->"
    start = text.index(begin) + len(begin)
    return text[:start] + new + text[text.index(end, start) :]


def _of_model(name: str) -> Schema:
    made: Schema = MODELS[name].model_json_schema()
    body = _plain(made, made.pop("$defs", {}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:footfall:schema:{name}:1",
        "title": made["title"],
        "description": made["description"].partition("\n\n")[0].strip(),
        **{key: value for key, value in body.items() if key not in ("title", "description")},
    }


def _plain(node: Any, definitions: Schema) -> Any:
    """As a person would write it: nothing referred to, no titles, no defaults, null among the types."""
    if isinstance(node, list):
        return [_plain(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain({**definitions[node["$ref"].rpartition("/")[2]], **_without(node, "$ref")}, definitions)
    if "anyOf" in node and node["anyOf"][-1] == {"type": "null"}:
        inner = _without(_plain(node["anyOf"][0], definitions), "description")
        own = _plain(_without(node, "anyOf"), definitions)
        return {"type": [inner.pop("type"), "null"], **own, **inner}
    named = node.get("properties")
    first = sorted(node, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))
    kept = {key: _plain(node[key], definitions) for key in first if key not in _SAID_ELSEWHERE}
    if named is not None:  # members may be called `title`, too
        kept["properties"] = {key: _plain(value, definitions) for key, value in named.items()}
    return kept


_FIRST = ("type", "description")
_SAID_ELSEWHERE = ("title", "default", "properties")


def _without(node: Schema, key: str) -> Schema:
    return {name: value for name, value in node.items() if name != key}


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
