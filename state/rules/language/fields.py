"""The fields of an event that a rule may look at, their types, and how SQL reads them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

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

    def text(self, event: Mapping[str, Any]) -> str | None:
        """The value in an event's document as SQL reads it as text; None where that is NULL.

        >>> field("product.product_id").text({"product": {"product_id": 7}})
        '7'
        """
        holder = event if self.block is None else event.get(self.block)
        found = holder.get(self.leaf) if isinstance(holder, Mapping) else None
        if found is None or isinstance(found, (Mapping, list)):
            return None
        return str(found).lower() if isinstance(found, bool) else str(found)

    def number(self, event: Mapping[str, Any]) -> float | None:
        """The value in an event's document as SQL reads it as a number; None where that is NULL."""
        try:
            found = float(self.text(event) or "")
        except ValueError:
            return None
        return found if math.isfinite(found) else None


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
