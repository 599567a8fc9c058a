"""What is remembered of a product. New members go to the end and have a default: see state/codec.py."""

from __future__ import annotations

from msgspec import Struct

from state.codec import Codec

NO_ERA = -(1 << 31)  # before all eras: of a sum to which nothing was added


class Pair(Struct, array_like=True, gc=False):
    """Two products in one session: the decayed sum of what that counts, and when it was so last."""

    sum: float
    at: int


class Head(Struct, array_like=True, gc=False):
    """The beginning of an item: what other items ask of it.

    Attributes:
        id: the product.
        era: of its sums (state/items/decay.py).
        total: the sum of what all its pairs count.
    """

    id: str
    era: int
    total: float


class Item(Struct, array_like=True, omit_defaults=True):
    """A product.

    Attributes:
        id, era, total: as in `Head`.
        at: of the last event that it was part of.
        pairs: by the other product.
        popular_era, popular: the decayed sum of its own events, by the clock of popularity.
        category, price, currency, available: as events said last; told_at: when.
        due: when it is to be written; 0: it has not changed. written_at: the step that it was written in.
    """

    id: str
    era: int = NO_ERA
    total: float = 0.0
    at: int = -1
    pairs: dict[str, Pair] = {}
    popular_era: int = NO_ERA
    popular: float = 0.0
    category: str | None = None
    price: float | None = None
    currency: str | None = None
    available: bool = True
    told_at: int = -1
    due: int = 0
    written_at: int = -1


CODEC = Codec(Item, version=1)
