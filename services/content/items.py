"""Which items a slot shows: a pure function of what is known of the visitor's items and of the moment.

Never an item that the visitor has bought, has among the last ones looked at or saw in this session, or that
is not available; never more of a category than the slot allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from services.content.model import ItemRow

Source = Literal["related", "nightly", "category", "popular"]
_MOST_RELATED, _MOST_OF_CATEGORY = 40, 20  # candidates; of more only the best can come to be shown
Document = Mapping[str, Any]


class Candidate(Struct, frozen=True, omit_defaults=True):
    """An item that may be shown.

    Attributes:
        item_id: which.
        reason: why: it goes with what the visitor saw last, by the index or by the nightly table; it is
            popular in that category, or in all.
        because: the item, or the category, that it is for.
        score: how much it goes with the last items.
        category, price, currency: of its document.
        available: whether it can be bought.
    """

    item_id: str
    reason: Source
    because: str | None = None
    score: float | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None
    available: bool = True


class Shelf(Struct, frozen=True, omit_defaults=True):
    """All that may be shown to a visitor, and what must not.

    Attributes:
        candidates: the best first.
        hidden: items that the visitor has bought or looked at last.
        seen: items of the visitor's session, which ends at `session_ends_ms`.
    """

    candidates: tuple[Candidate, ...] = ()
    hidden: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    session_ends_ms: int = 0


def chosen(shelf: Shelf, row: ItemRow, now_ms: int) -> tuple[Candidate, ...]:
    """What a slot shows, the best first; each item once."""
    return tuple(_chosen(shelf, row, now_ms))


def _chosen(shelf: Shelf, row: ItemRow, now_ms: int) -> Iterator[Candidate]:
    taken = set(shelf.hidden)
    if now_ms <= shelf.session_ends_ms:
        taken |= shelf.seen
    of_category: Counter[str] = Counter()
    left = row.most
    for one in shelf.candidates:
        category = one.category
        if one.item_id in taken or not one.available:
            continue
        if category is not None and of_category[category] >= row.per_category:
            continue
        taken.add(one.item_id)
        if category is not None:
            of_category[category] += 1
        yield one
        left -= 1
        if not left:
            return


def blended(last: Sequence[str], documents: Mapping[str, Document]) -> list[tuple[str, float, str]]:
    """What goes with the last items, the newest of which counts most: item, score, and what it is for.

    The score is the sum of the cosines, each divided by the place of the item among the last ones.

    >>> related = {"a": {"related": [{"item_id": "x", "cosine": 0.5}]}}
    >>> blended(["z", "a"], related)
    [('x', 0.25, 'a')]
    """
    lists = {
        item: [(one["item_id"], one["cosine"]) for one in document.get("related", ())]
        for item, document in documents.items()
    }
    return blended_lists(last, lists)


def blended_lists(
    last: Sequence[str], lists: Mapping[str, Sequence[tuple[str, float]]]
) -> list[tuple[str, float, str]]:
    """The same of lists of items and scores, by the item that they go with.

    >>> blended_lists(["z", "a"], {"a": [("x", 0.5)]})
    [('x', 0.25, 'a')]
    """
    parts: dict[str, list[tuple[float, str]]] = {}
    for place, item in enumerate(last, 1):
        for name, score in lists.get(item, ()):
            parts.setdefault(name, []).append((score / place, item))
    scores = {name: sum(score for score, _ in found) for name, found in parts.items()}
    best = sorted(scores, key=lambda name: (-round(scores[name], 9), name))[:_MOST_RELATED]
    return [(name, scores[name], max(parts[name], key=lambda part: part[0])[1]) for name in best]


def shelf_of(
    visitor: Document | None,
    related: Sequence[tuple[str, float, str]],
    heads: Mapping[str, Document],
    of_categories: Mapping[str, Sequence[Document]],
    popular: Sequence[Document],
    nightly: Sequence[tuple[str, float, str]] = (),
) -> Shelf:
    """What is known, as candidates: what goes with the last items, then their categories, then all.

    Args:
        visitor: what is known of the visitor's items; None where nothing is.
        related: what `blended` gives.
        heads: documents of those; one without a document is not shown.
        of_categories: documents of the most popular items by category.
        popular: documents of the most popular items.
        nightly: what the nightly table says of those of the last items of which the index knows nothing.
    """
    known = visitor or {}
    lists: tuple[tuple[Source, Sequence[tuple[str, float, str]]], ...]
    lists = (("related", related), ("nightly", nightly))
    found = [
        _candidate(heads[name], reason, because, score)
        for reason, names in lists
        for name, score, because in names
        if name in heads
    ]
    for category, documents in of_categories.items():
        found += [_candidate(one, "category", category) for one in documents[:_MOST_OF_CATEGORY]]
    found += [_candidate(one, "popular") for one in popular]
    return Shelf(
        tuple(found),
        frozenset((*known.get("bought", ()), *known.get("items", ()))),
        frozenset(known.get("seen", ())),
        known.get("session_ends_ms", 0),
    )


def _candidate(
    document: Document, reason: Source, because: str | None = None, score: float | None = None
) -> Candidate:
    return Candidate(
        document["item_id"],
        reason,
        because,
        score,
        document.get("category"),
        document.get("price"),
        document.get("currency"),
        document.get("available", True),
    )
