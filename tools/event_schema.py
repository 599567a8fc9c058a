"""The JSON Schema of an event: exactly what the judge of the contract takes, of one JSON object."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from connectors.contracts import absent, events
from connectors.contracts.blocks import Context, Order, Product, Source
from connectors.contracts.vocabulary import CUSTOM_PREFIX, EVENT_TYPES, HEARTBEAT_TYPE

Schema = dict[str, Any]
# Whatever comes in these is taken: what cannot be read counts as absent.
READ_AS = {"str": "string", "int": "integer", "float": "number", "Mapping[str, Any]": "object"}
_BLOCKS = {"context": Context, "product": Product, "order": Order, "source": Source}
_END = r"(?![\s\S])"  # of the text; `$` would pass over a newline in some languages
_DIGITS = 18  # of a number in text
_TEMPLATES = (r"\{\{[\s\S]*\}\}", r"\$\{[\s\S]*\}", r"%%[\s\S]*%%")
_DESCRIPTION = (
    "What a tracker sends. Whatever this schema takes the job takes, and the reverse; only the message's "
    "size, its nesting and the time of its record are not said here. Unknown properties are allowed at every "
    "level, "
    "and kept in context, product, order and properties. Null means absent. `x-read-as` is what a member is "
    "read as; where nothing else stands, what cannot be read so counts as absent."
)


def event_schema() -> Schema:
    """The schema, without examples."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:footfall:schema:event:1",
        "title": "Event",
        "description": _DESCRIPTION,
        "type": "object",
        "required": list(events.REQUIRED_FIELDS),
        "anyOf": [
            {"required": [name], "properties": {name: _ref("somebody")}} for name in events.VISITOR_FIELDS
        ],
        "properties": _members(),
        "$defs": _definitions(),
    }


def _members() -> Schema:
    properties = {
        one.name: {"x-read-as": _read_as(str(one.type)), "description": one.metadata["help"]}
        for one in fields(events.Event)
        if one.metadata
    }
    taken = _taken()
    members = {name: {**what, **taken.get(name, {})} for name, what in properties.items()}
    for name, block in _BLOCKS.items():
        members[name]["properties"] = {
            leaf.name: {"x-read-as": _read_as(str(leaf.type)), "description": leaf.metadata["help"]}
            for leaf in fields(block)
        }
    return {
        "schema": {"const": events.SCHEMA, "description": "Name and version of this contract."},
        **members,
    }


def _taken() -> Schema:
    """What the members must be that are judged hard."""
    return {
        "event_id": {
            "anyOf": [
                {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": events.EVENT_ID_MAX_LENGTH,
                    "not": _ref("no_event_id"),
                },
                _ref("number_id"),
            ]
        },
        "event_type": {
            "type": "string",
            "anyOf": [
                {"enum": list(EVENT_TYPES)},
                {"pattern": rf"^{CUSTOM_PREFIX}[\s\S]"},
                {"const": HEARTBEAT_TYPE},
            ],
        },
        "event_time_ms": {"anyOf": _whole(events.EVENT_TIME_MAX_MS)},
        "visitor_id": {"anyOf": [_ref("somebody"), _ref("nobody"), {"type": "null"}]},
        "sequence": {"anyOf": [*_whole(events.SEQUENCE_MAX), {"type": "null"}]},
    }


def _definitions() -> Schema:
    nobody_text = _stripped([*map(re.escape, _sorted(absent.ABSENT_IDS)), *_TEMPLATES])
    limit = events.NUMBER_ID_LIMIT
    return {
        "number_id": {"type": "number", "exclusiveMinimum": -limit, "exclusiveMaximum": limit},
        "no_event_id": {
            "description": "A text that names no event, blanks around it or not.",
            "type": "string",
            "anyOf": [
                {"pattern": _stripped(map(re.escape, _sorted(absent.ABSENT)))},
                {"enum": list(events.NIL_IDS)},
            ],
        },
        "nobody": {
            "description": "An id that is nobody's: a text without value, blanks around it or not; 0, -1.",
            "anyOf": [{"type": "string", "pattern": nobody_text}, {"enum": [0, -1]}],
        },
        "somebody": {
            "description": "An id that is somebody's.",
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": events.VISITOR_ID_MAX_LENGTH},
                _ref("number_id"),
            ],
            "not": _ref("nobody"),
        },
    }


def _whole(most: int) -> list[Schema]:
    """A whole number from 0 on, as a number or as text."""
    size = f"(?=[0-9]{{1,{_DIGITS}}}{_END})"
    text = f"^(?:{size}0*{_at_most(most)}|-0{{1,{_DIGITS}}}){_END}"
    return [{"type": "integer", "minimum": 0, "maximum": most}, {"type": "string", "pattern": text}]


def _at_most(most: int) -> str:
    """Matches the digits of the numbers from 0 to the largest one.

    >>> bool(re.fullmatch(_at_most(405), "405")), bool(re.fullmatch(_at_most(405), "406"))
    (True, False)
    """
    digits = str(most)
    ways = [f"[0-9]{{1,{len(digits) - 1}}}", digits]
    for index, digit in enumerate(digits):
        if (first := int(digit)) > 0:
            ways.append(f"{digits[:index]}[0-{first - 1}][0-9]{{{len(digits) - index - 1}}}")
    return f"(?:{'|'.join(ways)})"


def _stripped(ways: Any) -> str:
    """Matches one of the ways, with blanks around it or not."""
    blanks = f"[{''.join(_ranges(sorted(map(ord, absent.BLANKS))))}]*"
    return f"^{blanks}(?:{'|'.join(ways)}){blanks}{_END}"


def _ranges(codes: list[int]) -> list[str]:
    r"""Code points as the inside of a class of characters.

    >>> _ranges([1, 2, 3, 160]) == [r"\u0001-\u0003", r"\u00a0"]
    True
    """
    starts = [code for code in codes if code - 1 not in codes]
    ends = [code for code in codes if code + 1 not in codes]
    pairs = zip(starts, ends, strict=True)
    return [f"\\u{low:04x}" + (f"-\\u{high:04x}" if high > low else "") for low, high in pairs]


def _sorted(texts: frozenset[str]) -> list[str]:
    return sorted(texts)


def _read_as(kind: str) -> str:
    name = kind.removesuffix(" | None")
    return READ_AS.get(name, "object")


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}
