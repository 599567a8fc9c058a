"""What a worker does with its models: swaps between batches, shadows, falls back, refuses."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from connectors.errors import ModelRefused
from connectors.models.registry import SHADOW, Registry
from jobs.offline import models as roles
from state.drift import distribution
from tests import clusters, models
from tests.models import NAMES, graph
from udfs.model_scorer import POLL_SECONDS, Limits, Scorer

INTENT = "purchase_intent"
ROWS = np.array([[1, 0], [5, 1], [9, 3]], np.float32)


class World:
    """A registry, a clock and a scorer over them."""

    def __init__(self, folder, limits=None):
        self.folder, self.now = folder, 0.0
        self.registry = Registry(folder / "registry")
        self.limits = limits

    def version(self, bias, **changes):
        manifest = models.write(self.folder / "built", bias=bias, **changes)
        roles.publish(self.registry, self.folder / "built" / manifest.version)
        return manifest.version

    def promote(self, version, **options):
        roles.promote(self.registry, INTENT, version, **options)

    def scorer(self):
        scorer = Scorer(self.registry, NAMES, self.limits, clock=lambda: self.now)
        scorer.open([INTENT])
        return scorer

    def wait(self):
        self.now += POLL_SECONDS


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def scored(scorer, rows=ROWS):
    return scorer.score([INTENT] * len(rows), rows)


def test_an_answer_names_the_version_and_its_reasons(world):
    version = world.version(-1.0)
    world.promote(version)
    answers = scored(world.scorer())
    assert [answer["model"]["version"] for answer in answers] == [version] * 3
    assert np.allclose(
        [answer["score"] for answer in answers], models.score_of(ROWS, (0.1, 0.5), -1.0), atol=1e-5
    )
    assert [answer["evidence"]["band"] for answer in answers] == ["low", "medium", "high"]
    assert "reasons" not in answers[0]["evidence"]
    # The golden rows' medians are 4 and 5: nine events raise the score, three added products lower it.
    without = models.score_of(np.array([[4, 3]]), (0.1, 0.5), -1.0)[0]
    effect = pytest.approx(answers[2]["score"] - without, abs=1e-3)
    assert answers[2]["evidence"]["reasons"] == [{"feature": "events", "value": 9.0, "effect": effect}]


def test_a_job_does_not_start_without_its_model(world):
    with pytest.raises(ModelRefused, match="no version is live"):
        world.scorer()


def test_a_promoted_version_scores_from_the_next_look_on(world):
    old, new = world.version(-1.0), world.version(-2.0)
    world.promote(old)
    scorer = world.scorer()
    world.promote(new)
    assert {answer["model"]["version"] for answer in scored(scorer)} == {old}
    world.wait()
    assert {answer["model"]["version"] for answer in scored(scorer)} == {new}
    assert scorer.counts["swaps"] == 1 and scorer.live(INTENT).version == new


def test_an_invalid_version_is_refused_and_the_old_one_stays(world):
    old, new = world.version(-1.0), world.version(-2.0)
    world.promote(old)
    scorer = world.scorer()
    world.promote(new)
    (world.registry.root / INTENT / new / "model.onnx").write_bytes(b"other")
    world.wait()
    assert {answer["model"]["version"] for answer in scored(scorer)} == {old}
    world.wait()
    scored(scorer)
    assert scorer.counts["refused"] == 1, "it is told once, not at every look"


def test_a_pointer_that_vanishes_changes_nothing(world):
    world.promote(world.version(-1.0))
    scorer = world.scorer()
    (world.registry.root / INTENT / "live.json").unlink()
    world.wait()
    assert len(scored(scorer)) == 3


def test_the_shadow_scores_beside_and_changes_nothing(world):
    live, shadow = world.version(-1.0), world.version(-2.0)
    world.promote(live)
    scorer = world.scorer()
    alone = scored(scorer)
    world.promote(shadow, role=SHADOW)
    world.wait()
    both = scored(scorer)
    assert [{**answer, "shadow": None} for answer in both] == [{**answer, "shadow": None} for answer in alone]
    assert {answer["shadow"]["version"] for answer in both} == {shadow}
    expected = models.score_of(ROWS, (0.1, 0.5), -2.0)
    assert np.allclose([answer["shadow"]["score"] for answer in both], expected, atol=1e-5)
    world.registry.clear(INTENT)
    world.wait()
    assert all("shadow" not in answer for answer in scored(scorer))


# Golden rows do not reach it: the logarithm of a number below zero.
NAN_FOR_MANY = {
    "content": graph((-1.0, 0.0), 21.0, operator="Log"),
    "golden": [{"features": [19, 0], "score": float(np.log(2))}],
}


def test_a_row_without_a_score_gets_the_fallback_and_a_reason(world):
    world.promote(world.version(0.0, **NAN_FOR_MANY))
    scorer = world.scorer()
    answers = scored(scorer, np.array([[19, 0], [30, 0]], np.float32))
    assert "fallback" not in answers[0]["evidence"] and answers[0]["score"] == pytest.approx(
        np.log(2), abs=1e-5
    )
    assert answers[1]["score"] == 0.1
    assert answers[1]["evidence"] == {"band": "low", "fallback": "not_a_probability"}
    assert scorer.counts["fallbacks"] == 1


def test_a_worker_refuses_a_new_version_that_falls_back_too_often_and_writes_nothing(world):
    world.limits = Limits(rows=3)
    good, bad = world.version(-1.0), world.version(0.0, **NAN_FOR_MANY)
    world.promote(good)
    first = world.scorer()
    world.promote(bad)
    pointer = world.registry.pointer(INTENT)
    world.wait()
    assert {answer["model"]["version"] for answer in scored(first, ROWS + 30)} == {bad}
    assert {answer["model"]["version"] for answer in scored(first)} == {good}
    assert first.counts["taken_back"] == 1
    world.wait()
    assert {answer["model"]["version"] for answer in scored(first)} == {good}, "until the pointer changes"
    assert world.registry.pointer(INTENT) == pointer, "a worker never writes the registry"


def test_a_worker_refuses_a_new_version_whose_scores_have_moved(world):
    world.limits = Limits(rows=600)
    rows = np.column_stack([np.linspace(0, 20, 800), np.zeros(800)]).astype(np.float32)
    usual = distribution(models.score_of(rows, (0.1, 0.5), -1.0))
    good, moved = world.version(-1.0, scores=usual), world.version(1.5, scores=usual)
    world.promote(good)
    scorer = world.scorer()
    scored(scorer, rows)
    world.promote(moved)
    world.wait()
    scored(scorer, rows)
    assert {answer["model"]["version"] for answer in scored(scorer, rows)} == {good}
    assert scorer.counts["taken_back"] == 1


def test_traffic_that_has_moved_is_no_reason_to_refuse(world):
    world.limits = Limits(rows=600)
    rows = np.column_stack([np.linspace(0, 20, 800), np.zeros(800)]).astype(np.float32)
    other = distribution(models.score_of(rows, (0.1, 0.5), 3.0))
    old, new = world.version(-1.0, scores=other), world.version(-1.1, scores=other)
    world.promote(old)
    scorer = world.scorer()
    scored(scorer, rows)
    world.promote(new)
    world.wait()
    scored(scorer, rows)
    assert scorer.live(INTENT).version == new


def test_swaps_under_load_score_every_row_once_by_a_version_that_was_live(world):
    """Twenty swaps while batches run; the clock is the number of batches, so that each one looks."""
    versions = [world.version(-1.0 - number / 10) for number in range(5)]
    world.promote(versions[0])
    scorer = world.scorer()
    log = [versions[0]]
    stop = threading.Event()

    def swap():
        for number in range(1, 21):
            version = versions[number % 5]
            log.append(version)
            world.promote(version)
        stop.set()

    thread = threading.Thread(target=swap)
    thread.start()
    batches = 0
    while not stop.is_set() or batches < 50:
        known = len(log)
        world.wait()
        answers = scored(scorer)
        seen = {answer["model"]["version"] for answer in answers}
        assert len(answers) == 3 and len(seen) == 1, "one version a batch"
        assert seen <= set(log[max(known - 2, 0) : len(log) + 1])
        batches += 1
    thread.join()
    world.wait()
    assert scored(scorer)[0]["model"]["version"] == versions[0]
    assert scorer.counts["rows"] == 3 * (batches + 1)


# ------------------------------------------------------------------------------------------ clusters

CLUSTER = "visitor_cluster"
SHORT_LONG = np.array([[1, 0], [3, 0], [30, 0]], np.float32)


def cluster_world(world, **changes):
    """A job whose model is live, and a version of clusters that is not."""
    world.promote(world.version(-1.0))
    manifest = models.write(world.folder / "built", **clusters.two_clusters(**changes))
    roles.publish(world.registry, world.folder / "built" / manifest.version)
    scorer = Scorer(world.registry, NAMES, clock=lambda: world.now)
    scorer.open([INTENT], [CLUSTER])
    return scorer, manifest.version


def test_clusters_are_served_from_the_moment_they_are_live(world):
    scorer, version = cluster_world(world)
    assert scorer.live(CLUSTER) is None
    assert scorer.score([CLUSTER, INTENT], ROWS[:2])[0] == {}, (
        "a question of before a restart is answered, too"
    )
    roles.promote(world.registry, CLUSTER, version)
    world.wait()
    answers = scorer.score([CLUSTER] * 3, SHORT_LONG)
    assert [answer["evidence"] for answer in answers] == [
        {"band": "low", "cluster": "short"}, {"band": "low", "cluster": "short"}, {"band": "low", "cluster": "long"},
    ]  # fmt: skip
    assert [answer["score"] for answer in answers] == [
        pytest.approx(1 - 1 / 19, abs=1e-6), pytest.approx(1 - 1 / 17, abs=1e-6), pytest.approx(1 - 10 / 28, abs=1e-6),
    ]  # fmt: skip
    assert answers[0]["model"]["version"] == version


def test_another_version_of_clusters_shadows_and_takes_over(world):
    scorer, first = cluster_world(world)
    roles.promote(world.registry, CLUSTER, first)
    manifest = models.write(
        world.folder / "built", **clusters.two_clusters(border=25.0, clusters=("few", "many"))
    )
    roles.publish(world.registry, world.folder / "built" / manifest.version)
    roles.promote(world.registry, CLUSTER, manifest.version, role=SHADOW)
    world.wait()
    answer = scorer.score([CLUSTER], np.array([[15, 0]], np.float32))[0]
    assert answer["evidence"]["cluster"] == "long"
    assert answer["shadow"] == {
        "version": manifest.version,
        "score": pytest.approx(1 - 13 / 33),
        "cluster": "few",
    }
    roles.promote(world.registry, CLUSTER, manifest.version)
    world.wait()
    assert scorer.score([CLUSTER], np.array([[15, 0]], np.float32))[0]["evidence"]["cluster"] == "few"


def test_a_row_that_is_in_no_cluster_says_so(world):
    scorer, version = cluster_world(world)
    roles.promote(world.registry, CLUSTER, version)
    world.wait()
    (answer,) = scorer.score([CLUSTER], np.array([[np.inf, 0]], np.float32))
    assert answer["score"] == 0.0
    assert answer["evidence"] == {"band": "low", "fallback": "not_a_probability"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"golden": [{"features": [1.0], "cluster": 1, "score": 1 - 1 / 19}]}, "another cluster"),
        ({"golden": [{"features": [1.0], "score": 1 - 1 / 19}]}, "another cluster"),
        ({"content": graph((0.0,))}, "must give 'score' and 'cluster'"),
    ],
)
def test_clusters_that_are_not_what_they_say_are_refused(world, changes, words):
    with pytest.raises(ModelRefused, match=words):
        cluster_world(world, **changes)
