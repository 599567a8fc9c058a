"""Tables: against dense naive computations and `implicit`; ties, bounds, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from implicit.nearest_neighbours import CosineRecommender
from scipy import sparse

from jobs.offline.recommend import methods
from jobs.offline.recommend.blending import blended, filled
from jobs.offline.recommend.history import NONE, SHOWN, Looks
from jobs.offline.recommend.methods import METHODS, matrix_of
from services.content import items as served


def looks(rng: np.random.Generator, visitors: int = 80, items: int = 30, many: int = 900) -> Looks:
    popular = rng.dirichlet(np.full(items, 0.5))
    return Looks(
        rng.integers(0, visitors, many).astype(np.int32), rng.choice(items, many, p=popular).astype(np.int32),
        np.arange(many, dtype=np.int64), [f"i{number:02}" for number in range(items)], visitors,
    )  # fmt: skip


def dense(found: Looks, least: int) -> np.ndarray:
    """Visitors × items by a loop over the looks."""
    table = {who: set() for who in found.visitors.tolist()}
    for who, item in zip(found.visitors.tolist(), found.items.tolist(), strict=True):
        table[who].add(item)
    kept = [sorted(seen) for _, seen in sorted(table.items()) if len(seen) >= least]
    rows = np.zeros((len(kept), len(found.names)))
    for row, seen in enumerate(kept):
        rows[row, seen] = 1
    return rows


def similar(rows: np.ndarray, name: str) -> np.ndarray:
    """Items × items, written down as the papers have it."""
    items = rows.shape[1]
    found = np.zeros((items, items))
    for one in range(items):
        for other in range(items):
            if one != other and (rows[:, one] * rows[:, other]).any():
                found[one, other] = likeness(rows[:, one], rows[:, other], name)
    return found


def likeness(one: np.ndarray, other: np.ndarray, name: str) -> float:
    if name.endswith("pearson"):
        one, other = one - one.mean(), other - other.mean()
    scale = np.sqrt((one * one).sum() * (other * other).sum())
    return float((one * other).sum() / scale) if scale > 1e-12 else 0.0


def by_visitors(rows: np.ndarray, name: str, neighbours: int) -> np.ndarray:
    items = rows.shape[1]
    found = np.zeros((items, items))
    for item in range(items):
        alone = np.zeros(items)
        alone[item] = 1
        alike = {who: likeness(alone, row, name) for who, row in enumerate(rows) if row[item]}
        for who in sorted(alike, key=lambda who: (-round(alike[who], 9), who))[:neighbours]:
            found[item] += alike[who] * rows[who]
    return found


@pytest.mark.parametrize("name", ["item_cosine", "item_pearson", "user_cosine", "user_pearson"])
@pytest.mark.parametrize("seed", range(3))
def test_as_a_naive_computation_has_them(name, seed, monkeypatch):
    monkeypatch.setattr(methods, "NEIGHBOURS", 7)
    monkeypatch.setattr(methods, "_BLOCK", 11)  # blocks that the items do not fill
    found = looks(np.random.default_rng(seed))
    rows = dense(found, METHODS[name].least_items)
    expected = similar(rows, name) if name.startswith("item") else by_visitors(rows, name, 7)
    np.fill_diagonal(expected, 0)
    table = METHODS[name].fit(matrix_of(found, METHODS[name].least_items), 1)
    for item in range(len(found.names)):
        came = table.related(item)
        scores = {other: score for other, score in enumerate(expected[item]) if score > 5e-7}
        best = sorted(scores, key=lambda other: (-round(scores[other], 6), other))[:SHOWN]
        assert [score for _, score in came] == pytest.approx([scores[other] for other in best], abs=2e-6)
        assert all(score == pytest.approx(scores[other], abs=2e-6) for other, score in came)


@pytest.mark.filterwarnings("ignore::implicit.utils.ParameterWarning")  # of a matrix that it makes itself
def test_item_cosine_is_that_of_implicit():
    matrix = matrix_of(looks(np.random.default_rng(5)), 2)
    theirs = CosineRecommender(K=matrix.shape[1], num_threads=1)
    theirs.fit(sparse.csr_matrix(matrix), show_progress=False)
    table = METHODS["item_cosine"].fit(matrix, 1)
    for item in range(matrix.shape[1]):
        expected = dict(zip(*theirs.similar_items(item, SHOWN + 1), strict=True))
        for other, score in table.related(item):
            assert score == pytest.approx(expected.get(other, score), abs=1e-6)
        assert len(table.related(item)) == min(
            SHOWN, max(int((theirs.similarity[item].data > 0).sum()) - 1, 0)
        )


def test_equal_scores_are_ranked_by_item():
    found = Looks(
        np.repeat([0, 1], 4).astype(np.int32),
        np.array([3, 1, 2, 0] * 2, np.int32),
        np.arange(8),
        list("abcd"),
        2,
    )
    assert [item for item, _ in METHODS["item_cosine"].fit(matrix_of(found, 2), 1).related(2)] == [0, 1, 3]


def test_only_the_newest_items_of_a_visitor_count(monkeypatch):
    monkeypatch.setattr(methods, "MOST_OF_VISITOR", 3)
    found = Looks(
        np.zeros(7, np.int32), np.array([0, 1, 2, 3, 4, 0, 5], np.int32), np.arange(7), list("abcdef"), 1
    )
    assert matrix_of(found, 1).toarray().tolist() == [[1, 0, 0, 0, 1, 1]]


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_table(name):
    matrix = matrix_of(looks(np.random.default_rng(2)), 2)
    first, again = (METHODS[name].fit(matrix, 3) for _ in range(2))
    assert first.items.tobytes() == again.items.tobytes() and first.scores.tobytes() == again.scores.tobytes()
    assert (first.items != np.arange(len(first.items))[:, None]).all(), "no item goes with itself"
    known = first.items != NONE
    assert (np.diff(np.where(known, first.scores, 0), axis=1) <= 0).all() and (first.scores[known] > 0).all()


@pytest.mark.parametrize("name", ["als", "bpr"])
def test_factors_find_what_goes_together(name):
    rng = np.random.default_rng(4)
    visitors = np.repeat(np.arange(300), 4)
    items = (
        rng.integers(0, 6, 300)[:, None] * 6 + np.array([rng.permutation(6)[:4] for _ in range(300)])
    ).ravel()
    found = Looks(
        visitors.astype(np.int32),
        items.astype(np.int32),
        np.arange(1200),
        [f"{n:02}" for n in range(36)],
        300,
    )
    table = METHODS[name].fit(matrix_of(found, 2), 1)
    hits = [other // 6 == item // 6 for item in range(36) for other, _ in table.related(item)[:5]]
    assert np.mean(hits) > 0.95


@pytest.mark.parametrize("seed", range(5))
def test_lists_are_blended_as_the_api_does_it(seed):
    rng = np.random.default_rng(seed)
    names = [f"i{number}" for number in range(40)]
    related = {
        name: [(other, float(rng.random())) for other in rng.permutation(names)[:20].tolist()]
        for name in names
    }
    last = rng.permutation(names)[:5].tolist()
    documents = {
        name: {"related": [{"item_id": other, "cosine": score} for other, score in found]}
        for name, found in related.items()
    }
    theirs = [name for name, _, _ in served.blended(last, documents)]
    assert blended((related[name] for name in last), set(), len(theirs)) == theirs
    assert filled([1, 2], [2, 3, 4], 3) == [1, 2, 3]
