"""The fields of an event that a rule may look at, their types, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Literal

from connectors.contracts.blocks import Context, Order, Product
from connectors.contracts.vocabulary import CUSTOM_PREFIX, EVENT_TYPES
from state.events import Block, Event, integer_in, number_in, text_in

FieldType = Literal["text", "number"]
TextReader = Callable[[Event], "str | None"]
NumberReader = Callable[[Event], "float | None"]
_COLUMNS = ("event_type", "user_id", "anonymous_id")
_BLOCKS = {"context": Context, "product": Product, "order": Order}
MONEY = ("product.price", "order.revenue")  # amounts in the currency of their block
_LARGEST = 1e12  # of an amount: a number may be written as 1e400, and no sum survives it
_LONGEST_CODE = 8  # characters of a currency
# A property's name goes into a pattern of the schema for editors: it is kept to what needs no quoting there.
_PROPERTY = re.compile(r"properties\.[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True)
class EventField:
    """A field.

    Attributes:
        name: as rules write it, `product.category`.
        kind: what its values are; a property is text until it is compared with a number.
        block: the event's JSON object that holds it, or None for a member of the event itself.
        whole: whether only whole numbers count.
    """

    name: str
    kind: FieldType
    block: str | None
    whole: bool = False

    @property
    def leaf(self) -> str:
        """The name without its block.

        >>> field("product.category").leaf
        'category'
        """
        return self.name.rpartition(".")[2]

    def text_reader(self) -> TextReader:
        """Reads it as text; None where it is absent or no leaf."""
        if self.block is None:
            found: TextReader = attrgetter(self.name)
            return found
        leaf, block_of = self.leaf, _block_reader(self.block)

        def read(event: Event) -> str | None:
            block = block_of(event)
            return None if isinstance(block.get(leaf), (dict, list)) else text_in(block, leaf)

        return read

    def number_reader(self) -> NumberReader:
        """Reads it as a finite number; None where it is absent or none."""
        leaf, block_of = self.leaf, _block_reader(self.block or "")
        if self.whole:
            return lambda event: integer_in(block_of(event), leaf)
        return lambda event: number_in(block_of(event), leaf)


def _block_reader(block: str) -> Callable[[Event], Block]:
    return attrgetter(block)


def amount_reader(name: str, currencies: frozenset[str] = frozenset()) -> NumberReader:
    """Reads an amount that a sum survives; one in a currency that is not asked for counts as absent."""
    number, currency = field(name).number_reader(), currency_reader(name)

    def read(event: Event) -> float | None:
        found = number(event)
        if found is None or not -_LARGEST <= found <= _LARGEST:
            return None
        return found if not currencies or currency(event) in currencies or not currency(event) else None

    return read


def currency_reader(name: str) -> Callable[[Event], str]:
    """Reads the currency of an amount, in capitals and cut short; empty where none is given."""
    block = field(name).block
    if block not in ("product", "order"):
        return lambda event: ""
    read = field(f"{block}.currency").text_reader()
    return lambda event: (read(event) or "")[:_LONGEST_CODE].upper()


def _known() -> dict[str, EventField]:
    found = {name: EventField(name, "text", None) for name in _COLUMNS}
    for block, holder in _BLOCKS.items():
        for leaf in fields(holder):
            kind: FieldType = "text" if "str" in str(leaf.type) else "number"
            name = f"{block}.{leaf.name}"
            found[name] = EventField(name, kind, block, "int" in str(leaf.type))
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
