"""The metrics: against values computed by hand, against `implicit`, and against a naive computation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from implicit.evaluation import ranking_metrics_at_k
from scipy import sparse

from jobs.offline.recommend import metrics


def test_by_hand():
    # Relevant: 1 and 4. Shown: 7 1 9 4 2. Hits at places 2 and 4.
    lists, relevant = np.array([[7, 1, 9, 4, 2]], np.int32), [{1, 4}]
    found = metrics.of_lists(lists, relevant, np.full(10, 0.25))
    assert found["precision@5"] == pytest.approx([2 / 5])
    assert found["recall@5"] == pytest.approx([1.0])
    assert found["map@5"] == pytest.approx([(1 / 2 + 2 / 4) / 2])
    best = 1 / math.log2(2) + 1 / math.log2(3)
    assert found["ndcg@5"] == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / best])
    assert found["novelty@5"] == pytest.approx([2.0])


def test_a_short_list_and_many_relevant():
    lists, relevant = np.array([[3, -1, -1, -1, -1], [-1, -1, -1, -1, -1]], np.int32), [set(range(1, 8)), {3}]
    found = metrics.of_lists(lists, relevant, np.full(10, 0.5))
    assert found["precision@5"] == pytest.approx([1 / 5, 0])
    assert found["recall@5"] == pytest.approx([1 / 7, 0])
    assert found["map@5"] == pytest.approx([1 / 5, 0]), "the best that a list of five can have is five hits"
    assert found["ndcg@5"] == pytest.approx([1 / sum(1 / math.log2(place) for place in range(2, 7)), 0])
    assert found["novelty@5"] == pytest.approx([1.0, 0])
    assert metrics.coverage(lists, 10, 5) == 0.1


class Shows:
    """What `implicit` asks of a model: lists for users."""

    def __init__(self, lists: np.ndarray) -> None:
        self.lists = lists

    def recommend(self, userid, user_items, N, **_):
        return self.lists[userid][:, :N], np.zeros((len(userid), N))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cut", metrics.CUTS)
def test_as_implicit_has_them(seed, cut):
    rng = np.random.default_rng(seed)
    users, items = 60, 40
    lists = np.array([rng.permutation(items)[:20] for _ in range(users)], np.int32)
    wanted = sparse.csr_matrix(
        rng.random((users, items)) < rng.choice([0.03, 0.3], users)[:, None], dtype=np.float32
    )
    asked = np.flatnonzero(np.diff(wanted.indptr))
    found = metrics.of_lists(
        lists[asked], [set(wanted[user].indices.tolist()) for user in asked], np.full(items, 0.5)
    )
    theirs = ranking_metrics_at_k(
        Shows(lists), sparse.csr_matrix((users, items)), wanted, K=cut, show_progress=False, num_threads=1
    )
    assert found[f"map@{cut}"].mean() == pytest.approx(theirs["map"], abs=1e-6)
    assert found[f"ndcg@{cut}"].mean() == pytest.approx(theirs["ndcg"], abs=1e-6)
    counts = np.diff(wanted.indptr)[asked]
    # Theirs is over all users at once, and divides by the hits that there can be.
    hits = found[f"precision@{cut}"] * cut
    assert hits.sum() / np.minimum(counts, cut).sum() == pytest.approx(theirs["precision"], abs=1e-6)


def naive(shown: list[int], wanted: set[int], cut: int) -> tuple[float, float, float, float]:
    first = shown[:cut]
    hits = [place for place, item in enumerate(first, 1) if item in wanted]
    gain = sum(1 / math.log2(place + 1) for place in hits)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(wanted), cut) + 1))
    average = sum((count / place) for count, place in enumerate(hits, 1)) / min(len(wanted), cut)
    return len(hits) / cut, len(hits) / len(wanted), average, gain / best


@pytest.mark.parametrize("seed", range(20))
def test_as_a_naive_computation_has_them(seed):
    rng = np.random.default_rng(seed)
    lists = np.array([rng.permutation(60)[:20] for _ in range(30)], np.int32)
    lists[rng.random(lists.shape) < 0.05] = -1
    relevant = [set(rng.choice(60, rng.integers(1, 25), replace=False).tolist()) for _ in range(30)]
    found = metrics.of_lists(lists, relevant, np.full(60, 0.5))
    for cut in metrics.CUTS:
        for row, (shown, wanted) in enumerate(zip(lists.tolist(), relevant, strict=True)):
            expected = naive(shown, wanted, cut)
            got = [found[f"{name}@{cut}"][row] for name in ("precision", "recall", "map", "ndcg")]
            assert got == pytest.approx(list(expected), abs=1e-12)
