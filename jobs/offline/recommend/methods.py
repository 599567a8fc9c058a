"""Ways to a table of related items: neighbours of items and of visitors, and factors.

Each takes who looked at what, a sparse matrix of visitors × items, and gives for every item the SHOWN that
go with it best. A visitor of the moment is known by a few products of the session, so a method says what goes
with one product, and what is shown is blended of several: the same as with the live table.

- item_cosine, item_pearson: items are alike when the same visitors look at them (Sarwar et al., Item-based
  collaborative filtering, WWW 2001). Pearson's correlation is the cosine of columns less their means; columns
  stay sparse, the means are taken off the sums.
- user_cosine, user_pearson: the visitors who are most like one who has looked at the item alone say what else
  they looked at (Herlocker et al., SIGIR 1999).
- als: factors of implicit feedback (Hu, Koren, Volinsky, ICDM 2008); bpr: factors that rank pairs (Rendle et
  al., UAI 2009). Items are alike by the cosine of their factors. Both are those of the package `implicit`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from scipy import sparse
from threadpoolctl import threadpool_limits

from jobs.offline.recommend.history import NONE, SHOWN, Codes, Looks

Matrix = Any  # scipy.sparse.csr_array, visitors × items; scipy has no types
Scores = npt.NDArray[np.float32]
MOST_OF_VISITOR = 500  # items: the newest; a crawl must not fill the memory with pairs
NEIGHBOURS = 200
_BLOCK = 512  # items at a time: what is dense is as wide as this


@dataclass(frozen=True)
class Table:
    """For each item the items that go with it, the best first; NONE where there are no more."""

    items: Codes
    scores: Scores

    def related(self, item: int) -> list[tuple[int, float]]:
        """What goes with an item."""
        known = self.items[item] != NONE
        return list(zip(self.items[item][known].tolist(), self.scores[item][known].tolist(), strict=True))


@dataclass(frozen=True)
class Method:
    """One way.

    Attributes:
        fit: makes the table of a matrix, with a seed.
        least_items: that a visitor must have looked at to be learnt from.
        parameters: for the manifest.
    """

    fit: Callable[[Matrix, int], Table]
    least_items: int
    parameters: Mapping[str, Any]


def matrix_of(looks: Looks, least_items: int) -> Matrix:
    """Visitors × items, 1 where the visitor looked at the item; of visitors with enough items."""
    pairs = np.unique(np.column_stack([looks.visitors[::-1], looks.items[::-1]]), axis=0, return_index=True)
    (visitors, items), newest = pairs[0].T, pairs[1]
    order = np.lexsort((newest, visitors))
    visitors, items = visitors[order], items[order]
    starts = np.searchsorted(visitors, visitors)
    kept = np.arange(len(visitors)) - starts < MOST_OF_VISITOR
    visitors, items = visitors[kept], items[kept]
    known, rows, counts = np.unique(visitors, return_inverse=True, return_counts=True)
    enough = counts >= least_items
    places = np.cumsum(enough) - 1
    chosen = enough[rows]
    shape = (int(enough.sum()), len(looks.names))
    ones = np.ones(int(chosen.sum()), np.float32)
    return sparse.csr_array((ones, (places[rows[chosen]], items[chosen])), shape=shape)


def _item_cosine(matrix: Matrix, seed: int) -> Table:
    scaled = matrix @ _diagonal(_inverse(np.sqrt(_sums(matrix))))
    columns = scaled.T.tocsr()
    return _table(columns[block] @ scaled for block in _blocks(matrix))


def _item_pearson(matrix: Matrix, seed: int) -> Table:
    visitors, sums = matrix.shape[0], _sums(matrix)
    means = sums / visitors
    spread = _inverse(np.sqrt(np.maximum(sums - visitors * means * means, 0)))
    columns = matrix.T.tocsr()

    def correlated(block: slice) -> Matrix:
        found = (columns[block] @ matrix).tocoo()
        rows = found.row + block.start
        less = found.data - visitors * means[rows] * means[found.col]
        return sparse.csr_array((less * spread[rows] * spread[found.col], found.coords), shape=found.shape)

    return _table(correlated(block) for block in _blocks(matrix))


def _user_cosine(matrix: Matrix, seed: int) -> Table:
    return _of_neighbours(matrix, _inverse(np.sqrt(_sums(matrix.T))))


def _user_pearson(matrix: Matrix, seed: int) -> Table:
    items = matrix.shape[1]
    means = _sums(matrix.T) / items
    # What the correlation comes to of ones and zeros, where one of the two visitors has a single one.
    return _of_neighbours(matrix, (1 - means) * _inverse(np.sqrt((items - 1) * means * (1 - means))))


def _of_neighbours(matrix: Matrix, likeness: npt.NDArray[np.float64]) -> Table:
    """`likeness`: of each visitor who has looked at an item to one who has looked at it alone."""
    columns = matrix.T.tocsr()

    def weighed(block: slice) -> Matrix:
        found = columns[block] @ _diagonal(likeness)
        for row in range(found.shape[0]):
            part = slice(found.indptr[row], found.indptr[row + 1])
            far = np.lexsort((found.indices[part], -found.data[part]))[NEIGHBOURS:]
            found.data[part][far] = 0
        return found @ matrix

    return _table(weighed(block) for block in _blocks(matrix))


def _als(matrix: Matrix, seed: int) -> Table:
    return _of_factors(AlternatingLeastSquares, "als", matrix, seed)


def _bpr(matrix: Matrix, seed: int) -> Table:
    return _of_factors(BayesianPersonalizedRanking, "bpr", matrix, seed)


def _of_factors(kind: Callable[..., Any], name: str, matrix: Matrix, seed: int) -> Table:
    with threadpool_limits(1, "blas"):  # sums of several threads come in any order
        model = kind(random_state=seed, num_threads=1, use_gpu=False, **METHODS[name].parameters)
        model.fit(sparse.csr_matrix(matrix), show_progress=False)
        factors = model.item_factors.astype(np.float64)
        factors /= np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-12)
        factors *= (_sums(matrix) > 0)[:, None]  # of what nobody looked at there is only the random beginning
        return _table(sparse.csr_array(factors[block] @ factors.T) for block in _blocks(matrix))


def _sums(matrix: Matrix) -> npt.NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=0), np.float64).ravel()


def _inverse(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _diagonal(values: npt.NDArray[np.float64]) -> Matrix:
    return sparse.diags_array(values)


def _blocks(matrix: Matrix) -> Iterator[slice]:
    items = matrix.shape[1]
    return (slice(first, min(first + _BLOCK, items)) for first in range(0, items, _BLOCK))


def _table(blocks: Iterator[Matrix]) -> Table:
    """The best of each row of what is above 0, without the item itself; equal scores by item."""
    items, scores = list[Codes](), list[Scores]()
    for block in blocks:
        rows = block.tocsr()
        for row in range(rows.shape[0]):
            part = slice(rows.indptr[row], rows.indptr[row + 1])
            best = _best(len(items), rows.indices[part], np.round(rows.data[part], 6))
            items.append(best[0])
            scores.append(best[1])
    return Table(np.array(items, np.int32), np.array(scores, np.float32))


def _best(item: int, others: Codes, scores: npt.NDArray[np.float64]) -> tuple[Codes, Scores]:
    kept = (others != item) & (scores > 0)
    others, scores = others[kept], scores[kept]
    order = np.lexsort((others, -scores))[:SHOWN]
    missing = SHOWN - len(order)
    return (
        np.append(others[order], [NONE] * missing).astype(np.int32),
        np.append(scores[order], [0.0] * missing).astype(np.float32),
    )


METHODS: dict[str, Method] = {
    "item_cosine": Method(_item_cosine, 2, {}),
    "item_pearson": Method(_item_pearson, 5, {}),
    "user_cosine": Method(_user_cosine, 5, {"neighbours": NEIGHBOURS}),
    "user_pearson": Method(_user_pearson, 5, {"neighbours": NEIGHBOURS}),
    "als": Method(_als, 2, {"factors": 64, "regularization": 0.05, "alpha": 1.0, "iterations": 15}),
    "bpr": Method(_bpr, 2, {"factors": 64, "learning_rate": 0.05, "regularization": 0.01, "iterations": 100}),
}
