"""How good lists are. Pure.

With one relevant item or many for each list; a list is ranked against all items, none is sampled away.
Precision, recall, average precision: Manning, Raghavan, Schütze, Introduction to Information Retrieval, 2008,
chapter 8; average precision at k is divided by the hits that the list can have, min(k, relevant). NDCG:
Järvelin, Kekäläinen, ACM TOIS 20, 2002, with gains of 0 and 1. Novelty: the mean self-information of what is
shown (Zhou et al., PNAS 107, 2010). Coverage: the share of items that are shown to anybody (Herlocker et al.,
ACM TOIS 22, 2004).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from jobs.offline.recommend.history import NONE, Codes

Values = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
CUTS = (5, 10, 20)


def hits_of(lists: Codes, relevant: Sequence[Collection[int]]) -> Hits:
    """Which places of each list hold a relevant item.

    >>> hits_of(np.array([[3, 1], [2, -1]]), [{1}, {2}]).tolist()
    [[False, True], [True, False]]
    """
    found = np.zeros(lists.shape, bool)
    for row, (shown, wanted) in enumerate(zip(lists.tolist(), relevant, strict=True)):
        found[row] = [item in wanted and item != NONE for item in shown]
    return found


def precision(hits: Hits, cut: int) -> Values:
    """Share of the first `cut` places that hit; a list that is shorter has misses there."""
    return np.asarray(hits[:, :cut].sum(axis=1) / cut)


def recall(hits: Hits, relevant: Values, cut: int) -> Values:
    """Share of the relevant items among the first `cut` places."""
    return np.asarray(hits[:, :cut].sum(axis=1) / relevant)


def average_precision(hits: Hits, relevant: Values, cut: int) -> Values:
    """Mean precision at the places that hit.

    >>> average_precision(np.array([[True, False, True]]), np.array([2.0]), 3).round(3).tolist()
    [0.833]
    """
    first = hits[:, :cut]
    at_each = np.cumsum(first, axis=1) / np.arange(1, first.shape[1] + 1)
    return np.asarray((at_each * first).sum(axis=1) / np.minimum(relevant, cut))


def ndcg(hits: Hits, relevant: Values, cut: int) -> Values:
    """Gain, discounted by the logarithm of the place, over that of the best list.

    >>> ndcg(np.array([[False, True]]), np.array([1.0]), 2).round(3).tolist()
    [0.631]
    """
    first = hits[:, :cut]
    discounts = 1 / np.log2(np.arange(2, cut + 2))
    best = np.cumsum(discounts)[np.minimum(relevant, cut).astype(int) - 1]
    return np.asarray((first * discounts[: first.shape[1]]).sum(axis=1) / best)


def novelty(lists: Codes, shares: Values, cut: int) -> Values:
    """Mean of -log2 of the share of visitors who knew the item before; 0 of an empty list.

    Args:
        lists: what is shown.
        shares: of each item, above 0.
        cut: places that count.
    """
    shown = lists[:, :cut]
    known = shown != NONE
    bits = np.where(known, -np.log2(shares[np.where(known, shown, 0)]), 0.0)
    return np.asarray(bits.sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def coverage(lists: Codes, items: int, cut: int) -> float:
    """Share of all items that are shown to anybody.

    >>> coverage(np.array([[0, 1], [1, -1]]), 4, 2)
    0.5
    """
    shown = np.unique(lists[:, :cut])
    return float((shown != NONE).sum()) / items


def of_lists(lists: Codes, relevant: Sequence[Collection[int]], shares: Values) -> dict[str, Values]:
    """Every metric of every list, by name, as `recall@20`."""
    hits = hits_of(lists, relevant)
    counts = np.array([len(wanted) for wanted in relevant], np.float64)
    found = dict[str, Values]()
    for cut in CUTS:
        found |= {
            f"precision@{cut}": precision(hits, cut),
            f"recall@{cut}": recall(hits, counts, cut),
            f"map@{cut}": average_precision(hits, counts, cut),
            f"ndcg@{cut}": ndcg(hits, counts, cut),
            f"novelty@{cut}": novelty(lists, shares, cut),
        }
    return found
