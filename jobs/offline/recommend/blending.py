"""What is shown to a visitor: the related items of the last products, put together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from heapq import nsmallest
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def blended(
    lists: Iterable[Iterable[tuple[Item, float]]], left_out: Collection[Item], most: int
) -> list[Item]:
    """The best of related items of the last products, the newest product first.

    The list of the k-th last product weighs 1 / k. Equal scores are ranked by item.

    >>> blended([[("cup", 0.5), ("pan", 0.2)], [("pot", 1.0), ("pan", 0.8)]], {"pot"}, 5)
    ['pan', 'cup']
    """
    scores = dict[Item, float]()
    for place, related in enumerate(lists, 1):
        for item, score in related:
            scores[item] = scores.get(item, 0.0) + score / place
    for item in left_out:
        scores.pop(item, None)
    return [item for _, item in nsmallest(most, ((-score, item) for item, score in scores.items()))]


def filled(shown: Sequence[Item], more: Iterable[Item], most: int) -> list[Item]:
    """A list with others behind it, each once, until it is long enough.

    >>> filled(["pan"], ["cup", "pan", "pot"], 2)
    ['pan', 'cup']
    """
    return list(dict.fromkeys((*shown, *more)))[:most]
