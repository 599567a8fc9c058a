"""What a sighting changes: a change for each product that it names, and one for the sum of all pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from state.items.sightings import Product, Sighting

WHOLE = ""  # the item that stands for all: its total is the sum of all pairs


class Change(NamedTuple):
    """What a sighting changes of one item.

    Attributes:
        item_id: which.
        at, sequence, event_id: sort key of the event.
        weight: what each pair counts.
        others: with which items it makes a pair.
        pairs: how many pairs are new in its total.
        product: what the event tells of it, where it is about it.
    """

    item_id: str
    at: int
    sequence: int
    event_id: str
    weight: float
    others: list[str]
    pairs: int
    product: Product | None = None


def changes_of(sighting: Sighting) -> Iterator[Change]:
    """The changes, the whole first.

    >>> seen = Sighting(5, 0, "e", 1.0, [Product("a")], ["b"])
    >>> [(one.item_id, one.others, one.pairs) for one in changes_of(seen)]
    [('', [], 2), ('a', ['b'], 1), ('b', ['a'], 1)]
    """
    at, sequence, event_id, weight = sighting.at, sighting.sequence, sighting.event_id, sighting.weight
    products, before = sighting.products, sighting.before
    names = [product.id for product in products]
    if weight == 0.0:
        for product in products:
            yield Change(product.id, at, sequence, event_id, 0.0, [], 0, product)
        return
    if pairs := len(names) * (len(names) - 1) + 2 * len(names) * len(before):
        yield Change(WHOLE, at, sequence, event_id, weight, [], pairs)
    for product in products:
        others = [name for name in names if name != product.id] + before
        yield Change(product.id, at, sequence, event_id, weight, others, len(others), product)
    for name in before:
        yield Change(name, at, sequence, event_id, weight, names, len(names))
