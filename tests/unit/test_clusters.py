"""Clusters: what is found in groups that are known, what is refused, what the graph says; figures against plain sums."""

from __future__ import annotations

import math

import numpy as np
import pytest

from connectors.contracts.model_inputs import OFFERED
from connectors.errors import BadInput
from jobs.offline.segments import cores, fitting, gate, judging, naming
from jobs.offline.segments.cores import Cores, agreement, cores_of
from jobs.offline.segments.export import OUTPUTS, parity, to_graph
from jobs.offline.segments.fitting import Candidate, Fitted
from jobs.offline.segments.methods import BY_DENSITY, BY_REACH, HIERARCHICAL, KMEANS, Method
from jobs.offline.segments.naming import matched
from jobs.offline.segments.scaling import CONSIDERED, Scaling, fit_scaling
from jobs.offline.segments.visitors import visitors_of
from jobs.offline.training.events import Messages
from tests.clusters import blobs, naive, shop
from tests.engine_runs import DAY, Document, lines
from udfs.model_runtime import open_session

SIZES = (300, 200, 100)
TRUTH = np.repeat(np.arange(3), SIZES)


def quiet(_: str) -> None:
    """Tells nobody."""


@pytest.mark.parametrize(
    "method", [Method(KMEANS, 3), Method(HIERARCHICAL, 3), Method(BY_REACH, 0.95), Method(BY_DENSITY)]
)
def test_each_way_finds_groups_that_are_far_apart(method: Method) -> None:
    points = blobs(SIZES)
    fitted = method.fit(points, seed=1)
    assert fitted is not None
    found, agrees = fitted
    labels, clearly = found.assign(points)
    assert judging.jaccard(TRUTH, labels).max(axis=1).min() > 0.98
    assert agrees > 0.9 and clearly.min() >= 0 and clearly.max() <= 1


def test_a_method_that_finds_no_two_clusters_finds_none() -> None:
    assert Method(BY_REACH, 0.95).fit(blobs((300,), apart=0), seed=1) is None


def test_noise_and_shapes_that_cores_cannot_follow_are_disagreement() -> None:
    points = blobs(SIZES)
    assert agreement(points, TRUTH, seed=1) == 1.0
    noisy = np.where(np.arange(len(TRUTH)) % 10 == 0, cores.NOISE, TRUTH)
    assert agreement(points, noisy, seed=1) == pytest.approx(0.9, abs=0.03)
    assert agreement(points, np.random.default_rng(1).integers(3, size=len(points)), seed=1) < 0.6
    lonely = np.where(np.arange(len(TRUTH)) == 0, 3, TRUTH)
    assert agreement(points, lonely, seed=1) == 0.0


def test_a_larger_cluster_has_more_cores() -> None:
    found = cores_of(blobs(SIZES), TRUTH, seed=1)
    assert found.counts == (32, 21, 11) and len(found.points) == 64


def test_the_silhouette_is_that_of_the_book() -> None:
    points, labels = blobs((12, 9), apart=1.5), np.repeat([0, 1], (12, 9))

    def of(index: int) -> float:
        others = [i for i in range(len(points)) if i != index]
        near, far = (
            np.mean(
                [math.dist(points[index], points[i]) for i in others if (labels[i] == labels[index]) is same]
            )
            for same in (True, False)
        )
        return (far - near) / max(near, far)

    labels = [int(one) for one in labels]
    expected = sum(map(of, range(len(points)))) / len(points)
    assert judging.silhouette(points, np.array(labels), seed=1) == pytest.approx(expected)
    assert judging.silhouette(points, np.zeros(len(points), int), seed=1) == -1.0


def test_resampled_visitors_give_the_same_clusters_where_there_are_some() -> None:
    points = blobs(SIZES)
    found = judging.stability(Method(KMEANS, 3), points, TRUTH, seed=1)
    assert min(found.jaccard) > 0.97 and found.rand > 0.97
    one_group = blobs((600, 0, 0), apart=0)
    labels, _ = Method(KMEANS, 6).fit(one_group, seed=1)[0].assign(one_group)  # type: ignore[index]
    loose = judging.stability(Method(KMEANS, 6), one_group, labels, seed=1)
    assert min(loose.jaccard) < fitting.STABLE and loose.rand < 0.8


def fitted_to(points: np.ndarray, *methods: Method, seed: int = 1) -> Fitted:  # type: ignore[type-arg]
    scaling = Scaling(
        tuple(OFFERED[: points.shape[1]]), np.zeros(points.shape[1], bool), np.zeros(1), np.ones(1)
    )
    found = fitting.fit(scaling, points, methods, seed, quiet)
    assert found is not None
    return found


def test_the_number_of_clusters_is_found_and_the_gate_lets_it_pass() -> None:
    found = fitted_to(blobs(SIZES), *(Method(KMEANS, number) for number in range(2, 6)))
    assert len(found.chosen.cores.counts) == 3 and gate.objections(found) == []
    assert found.chosen.shares.tolist() == [0.5, 1 / 3, 1 / 6], "the largest first"


def test_the_gate_refuses_small_clusters_and_what_chance_finds_too() -> None:
    small = fitted_to(blobs((290, 290, 20)), Method(KMEANS, 3))
    assert any("smallest cluster has 3.3%" in one for one in gate.objections(small))
    nothing = fitted_to(np.random.default_rng(1).normal(size=(800, 4)), Method(KMEANS, 4))
    told = " ".join(gate.objections(nothing))
    assert "there are no groups" in told or "drawn anew" in told


def candidate(silhouette: float, bouldin: float, agrees: float = 1.0) -> Candidate:
    two = Cores(np.array([[0.0], [1.0]]), (1, 1))
    return Candidate(Method(KMEANS, 2), two, agrees, np.array([0, 1]), silhouette, bouldin)


def test_davies_bouldin_decides_between_near_silhouettes() -> None:
    best, near, far, unfit = (
        candidate(0.50, 1.2), candidate(0.495, 0.9), candidate(0.47, 0.5), candidate(0.9, 0.1, agrees=0.94)
    )  # fmt: skip
    assert fitting.ranked([far, unfit, best, near]) == [near, best, far, unfit]


# ------------------------------------------------------------------------------------------ names


def test_a_cluster_keeps_its_name_as_long_as_mostly_the_same_visitors_are_in_it() -> None:
    before = np.repeat([0, 1, 2], (50, 30, 20))
    assert matched(before).names == ("cluster_1", "cluster_2", "cluster_3")
    now = np.where(before == 0, 2, before - 1)  # in another order
    assert matched(now, before, ("a", "b", "cluster_7")) == naming.Matched(("b", "cluster_7", "a"), 1.0, 3)


def test_the_name_of_a_cluster_that_has_dissolved_is_not_used_again() -> None:
    before, now = np.repeat([0, 1], (50, 50)), np.tile([0, 1], 50)
    found = matched(now, before, ("cluster_1", "cluster_4"))
    assert found.names == ("cluster_5", "cluster_6") and found.kept == 0
    assert found.rand == pytest.approx(-0.01, abs=0.02)
    assert "0 of 2 clusters" in (gate.warning(found) or "")


def test_an_empty_cluster_of_before_gives_its_name_to_none() -> None:
    before, now = np.repeat([0, 2], (50, 50)), np.repeat([0, 1], (50, 50))
    assert matched(now, before, ("a", "b", "c")).names == ("a", "c")


def test_a_description_names_what_sets_a_cluster_apart() -> None:
    columns = np.column_stack([np.repeat([10.0, 0.0], 50), np.tile([1.0, 2.0], 50)]).astype(np.float32)
    points = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    is_in = np.arange(100) < 50
    told = naming.description(0.5, points, columns, is_in, ("count_add_to_cart", "events"))
    assert told == "50% of the visitors. More: events add to cart 10 (all 5)."
    alike = naming.description(0.5, points[:, 1:], columns[:, 1:], is_in, ("events",))
    assert alike == "50% of the visitors, like the average of all."


# ------------------------------------------------------------------------------- features and graph


def rows_with(**columns: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    count = len(next(iter(columns.values())))
    rows = np.zeros((count, len(OFFERED)), np.float32)
    for name, values in columns.items():
        rows[:, OFFERED.index(name)] = values
    return rows


def test_constant_and_repeated_features_are_left_out() -> None:
    rng = np.random.default_rng(1)
    events = rng.integers(1, 50, 1_000)
    rare = np.where(np.arange(1_000) < 40, 1, 0)
    rows = rows_with(
        visitor_events=events, events=events, session_seconds=rng.exponential(100, 1_000),
        visitor_purchases=rare, funnel_step=rng.integers(0, 4, 1_000), hour_utc=rng.integers(0, 24, 1_000),
    )  # fmt: skip
    found = fit_scaling(rows)
    assert found.names == ("visitor_events", "session_seconds", "funnel_step")
    assert found.logged.tolist() == [True, True, False]
    points = found.points(rows)
    assert np.allclose(points.mean(axis=0), 0, atol=1e-9) and np.allclose(points.std(axis=0), 1)
    assert fit_scaling(rows, ["visitor_events"]).names[:1] == ("events",)
    with pytest.raises(BadInput, match="two features in which visitors differ are required, none came"):
        fit_scaling(rows, CONSIDERED)


def test_a_missing_value_counts_as_none() -> None:
    rng = np.random.default_rng(1)
    rows = rows_with(events=rng.integers(1, 50, 300), price_mean=rng.exponential(10, 300))
    scaling = fit_scaling(rows)
    rows[0, OFFERED.index("price_mean")] = np.nan
    assert scaling.columns(rows)[0, scaling.names.index("price_mean")] == 0


@pytest.mark.parametrize("algorithm", [KMEANS, HIERARCHICAL])
def test_the_graph_says_what_a_naive_answer_says(algorithm: str) -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([1.0, 40.0, 400.0], (300, 200, 100))
    rows = rows_with(
        events=rng.poisson(groups), session_seconds=rng.gamma(2, groups), funnel_step=rng.integers(0, 4, 600)
    )  # fmt: skip
    scaling = fit_scaling(rows)
    fitted = Method(algorithm, 3).fit(scaling.points(rows), 1)
    assert fitted is not None
    graph = to_graph(scaling, fitted[0])
    assert graph == to_graph(scaling, fitted[0])
    assert parity(scaling, fitted[0], graph, rows) < 1e-6
    columns = scaling.columns(rows)
    scores, numbers = open_session(graph, "test").run(list(OUTPUTS), {"features": columns})
    for index in range(0, 600, 7):
        cluster, clearly = naive(scaling, fitted[0], columns[index].tolist())
        assert (int(numbers[index]), float(scores[index])) == (cluster, pytest.approx(clearly, abs=1e-5))


# ---------------------------------------------------------------------------------------- visitors


def test_a_visitor_s_row_is_as_of_its_last_session_and_knows_nothing_later() -> None:
    first = shop(200)
    later = [
        {**one, "event_id": f"{one['event_id']}-b", "event_time_ms": one["event_time_ms"] + 5 * DAY}
        for one in first
    ]
    once, twice = (visitors_of(Messages(lines(events))) for events in (first, first + later))
    assert (len(once), len(once.moments), len(twice), len(twice.moments)) == (200, 200, 200, 400)
    sessions = OFFERED.index("visitor_sessions")
    assert set(once.rows[:, sessions]) == {1.0} and set(twice.rows[:, sessions]) == {2.0}
    before = twice.moments[twice.moments[:, sessions] == 1]
    assert np.array_equal(np.sort(before, axis=0), np.sort(once.rows, axis=0), equal_nan=True)
    assert (once.from_ms, once.to_ms) == (min_end(first), max(one["event_time_ms"] for one in first))


def min_end(events: list[Document]) -> int:
    """When the first session ended."""
    last = {one["visitor_id"]: one["event_time_ms"] for one in events}
    return min(last.values())
