"""The fields of an event that a rule may look at, their types, and how SQL reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Literal

from connectors.events import CUSTOM_PREFIX, EVENT_TYPES, Context, Order, Product

FieldType = Literal["text", "number"]
_COLUMNS = ("event_type", "user_id", "anonymous_id")
_BLOCKS = {"context": Context, "product": Product, "order": Order}
# A property's name goes into a JSON path, so it is kept to what needs no quoting there.
_PROPERTY = re.compile(r"properties\.[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True)
class EventField:
    """A field.

    Attributes:
        name: as rules write it, `product.category`.
        kind: what its values are; a property is text until it is compared with a number.
        block: the event's JSON object that holds it, or None for a column.
    """

    name: str
    kind: FieldType
    block: str | None

    @property
    def leaf(self) -> str:
        """The name without its block.

        >>> field("product.category").leaf
        'category'
        """
        return self.name.rpartition(".")[2]

    def sql(self, kind: FieldType | None = None) -> str:
        """The expression that reads it; NULL when it is absent or cannot be read.

        >>> field("product.category").sql()
        "JSON_VALUE(`product`, '$.category')"
        >>> field("product.price").sql()
        "TRY_CAST(JSON_VALUE(`product`, '$.price') AS DOUBLE)"
        """
        if self.block is None:
            return f"`{self.name}`"
        text = f"JSON_VALUE(`{self.block}`, '$.{self.leaf}')"
        return f"TRY_CAST({text} AS DOUBLE)" if (kind or self.kind) == "number" else text


def _known() -> dict[str, EventField]:
    found = {name: EventField(name, "text", None) for name in _COLUMNS}
    for block, holder in _BLOCKS.items():
        for leaf in fields(holder):
            kind: FieldType = "text" if "str" in str(leaf.type) else "number"
            name = f"{block}.{leaf.name}"
            found[name] = EventField(name, kind, block)
    return found


FIELDS = _known()


def field(name: str) -> EventField:
    """The field of that name.

    Raises:
        ValueError: no event has it.
    """
    if name in FIELDS:
        return FIELDS[name]
    if _PROPERTY.fullmatch(name):
        return EventField(name, "text", "properties")
    raise ValueError(f"no event has a field {name!r}; known are {', '.join(FIELDS)} and properties.<name>")


def known_type(event_type: object) -> bool:
    """Whether an event can have the type; a heartbeat never reaches a rule.

    >>> known_type("purchase"), known_type("custom:favourite"), known_type("buy")
    (True, True, False)
    """
    if not isinstance(event_type, str):
        return False
    custom = event_type.startswith(CUSTOM_PREFIX) and len(event_type) > len(CUSTOM_PREFIX)
    return event_type in EVENT_TYPES or custom
