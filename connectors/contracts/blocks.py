"""The blocks of an event: what they may hold, and how a leaf is read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

from connectors.contracts.absent import is_absent, is_absent_id
from connectors.contracts.messages import decimal_of, integer_of, text_of

ID_LEAVES = frozenset({"order_id"})  # leaves of a block that are read as strictly as a visitor's id


def documented(help_: str) -> dict[str, str]:
    """What schema and page say of a member, for its `field`."""
    return {"help": help_}


def optional(help_: str) -> Any:
    """A member that may be absent, with what schema and page say of it."""
    return field(default=None, metadata=documented(help_))


def leaf_of(value: object, kind: str, name: str) -> Any:
    """A leaf as text or number; None when there is none or it cannot be read as the kind says."""
    if value is None or kind.startswith("int"):
        return integer_of(value)
    text = text_of(value)
    if kind.startswith("float"):
        return decimal_of(text)
    absent = is_absent_id if name in ID_LEAVES else is_absent
    return None if absent(text) else text


class _Block:
    """A block of an event: all fields are optional, read from a JSON object as well as they can be."""

    @classmethod
    def read(cls, value: object) -> Self | None:
        """The block, or None when the value is not an object."""
        if not isinstance(value, dict):
            return None
        known = fields(cls)  # type: ignore[arg-type]
        return cls(**{leaf.name: leaf_of(value.get(leaf.name), str(leaf.type), leaf.name) for leaf in known})


@dataclass(frozen=True)
class Context(_Block):
    """Where and how the visitor came."""

    device: str | None = optional("Kind of device, e.g. mobile.")
    os: str | None = optional("Operating system.")
    browser: str | None = optional("Browser.")
    country: str | None = optional("Country.")
    language: str | None = optional("Language.")
    channel: str | None = optional("Marketing channel.")
    referrer: str | None = optional("Where from.")
    url: str | None = optional("Address of the page.")
    path: str | None = optional("Path of the page.")
    consent: str | None = optional(
        "The visitor's consent status as the tracker knew it: `granted`, `denied`."
    )


@dataclass(frozen=True)
class Product(_Block):
    """The product that the event is about; price per piece."""

    product_id: str | None = optional("Product.")
    category: str | None = optional("Category.")
    brand: str | None = optional("Brand.")
    price: float | None = optional("Price of one piece, in the currency.")
    quantity: int | None = optional("Pieces.")
    currency: str | None = optional("ISO 4217 code.")


@dataclass(frozen=True)
class Order(_Block):
    """The order of a purchase or refund; several events may name the same one."""

    order_id: str | None = optional("Order; several events may name the same one.")
    revenue: float | None = optional("Of the whole order, in the currency.")
    currency: str | None = optional("ISO 4217 code.")


@dataclass(frozen=True)
class Source(_Block):
    """Where the event was read."""

    adapter: str | None = optional("Adapter that made the event.")
    topic: str | None = optional("Kafka topic.")
    partition: int | None = optional("Kafka partition.")
    offset: int | None = optional("Kafka offset.")
    timestamp_ms: int | None = optional("Timestamp of the Kafka record. Epoch milliseconds, UTC.")
