"""An adapter as a table: their field -> ours. The table is what runs and what the page shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.adapters.reading import Read
from connectors.contracts.absent import is_absent
from connectors.contracts.messages import Document


@dataclass(frozen=True)
class Field:
    """One row: where they have it, where we have it.

    Attributes:
        theirs: path of keys in their element, joined by dots.
        ours: path in the event; `clock.*` are times that are worked up later.
        read: how a value is read; None from it leaves the value where it was, so that it is kept.
        keep: whether the value stays among the properties as well.
    """

    theirs: str
    ours: str
    read: Read
    keep: bool = False


def move(element: Document, fields: Sequence[Field], event: Document) -> None:
    """Moves values from their element into the event; of several rows for one target the first that has one.

    The element is changed: what is left in it no row asks for. Values that are there stay there. A text
    that stands for no value (connectors/contracts/absent.py) is none, whatever the row.

    >>> from connectors.adapters.reading import text
    >>> event, element = {}, {"page": {"url": "u", "title": "t"}, "link": "undefined"}
    >>> rows = [Field("link", "context.url", text), Field("page.url", "context.url", text)]
    >>> move(element, rows, event)
    >>> event, element
    ({'context': {'url': 'u'}}, {'page': {'title': 't'}, 'link': 'undefined'})

    Raises:
        Refused: a value that decides about the event cannot be read.
    """
    for row in fields:
        holder, key = _holder(element, row.theirs)
        if holder is None or (value := holder.get(key)) is None or (type(value) is str and is_absent(value)):
            continue
        block, _, name = row.ours.rpartition(".")
        target = event.setdefault(block, {}) if block else event
        if name in target or (read := row.read(value, row.theirs)) is None:
            continue
        target[name] = read
        if not row.keep:
            del holder[key]


def _holder(element: Document, path: str) -> tuple[Document | None, str]:
    """The object that has the path's last key."""
    *above, key = path.split(".")
    holder: object = element
    for step in above:
        holder = holder.get(step) if isinstance(holder, dict) else None
    return (holder, key) if isinstance(holder, dict) else (None, key)


def left(value: object, nothing: Iterable[str] = ()) -> object:
    """What is left of a value when all that says nothing is taken out; None when that is everything.

    Args:
        value: any JSON value.
        nothing: texts that stand for no value.

    >>> left({"a": None, "b": {"c": []}, "d": "(not set)", "e": [0, ""]}, ["(not set)"])
    {'e': [0, '']}
    """
    if isinstance(value, dict):
        kept = {key: rest for key, inner in value.items() if (rest := left(inner, nothing)) is not None}
        return kept or None
    if isinstance(value, list):
        return [rest for inner in value if (rest := left(inner, nothing)) is not None] or None
    return None if isinstance(value, str) and value in nothing else value


def snake(name: str) -> str:
    """A name as the last part of `custom:<name>`.

    >>> snake("Product Added to Wishlist"), snake("  ")
    ('product_added_to_wishlist', 'unnamed')
    """
    words = "".join(sign if sign.isalnum() else " " for sign in name.lower()).split()
    return "_".join(words)[:100] or "unnamed"
