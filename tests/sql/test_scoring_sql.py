"""Scoring over streams: the moments that models learn from, each scored once; signals, log, shadow, visitors."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pyflink.table import DataTypes, Schema

from cli import local_flink
from cli.package import ROOT
from connectors import kafka
from connectors.errors import ModelRefused
from connectors.features import NAMES
from connectors.indices import SHADOW_SCORES, VISITORS
from connectors.model_inputs import CHURN, INTENT, MODELS, OFFERED
from connectors.model_registry import SHADOW, Registry
from connectors.scores import SCHEMA
from connectors.signals import Signal, signal_id
from jobs import scoring, wiring
from jobs.settings import Settings
from jobs.training import rows as training
from jobs.training.events import table
from state.sql import statement
from tests import datasets, models
from tests.random_streams import stream
from tests.sql.tables import Flink, Row
from tests.sql.test_features_sql import furnished
from tests.sql.vocabulary import ORDERS, Document, placed

EVERY, MOST = 2, 9
GAP = 1_800_000
POLICY = {"score_every_events": EVERY, "score_max_events": MOST, "scoring": True}
MOMENTS = training.Moments(every=EVERY, most_events=MOST)
STREAMS = [furnished(event) for seed in range(2000, 2100) for event in stream(seed)]
VIEWS = ["score_documents", "score_signals", "shadow_documents", "visitor_documents"]
OUT = ["feature_documents", "session_features", *VIEWS]
Scores = dict[tuple[str, str], Document]  # by model and event


def expected(events: Iterable[Document], moments: training.Moments) -> dict[tuple[str, str], Row]:
    """The rows that training takes of the same events, by model and event."""
    valid = table(json.dumps(event).encode() for event in events)
    taken = {
        INTENT: training._intent_moments(valid, moments).collect(),
        CHURN: training._churn_moments(valid, moments).collect(),
    }
    return {(model, row["event_id"]): row for model in MODELS for row in taken[model].to_dicts()}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Scores that fall in a session, and from its sixth event on are none; risks that fall from session to session."""
    root = tmp_path_factory.mktemp("models")
    golden = [{"features": [n, 0.0], "score": math.sqrt(1 - 0.19 * n)} for n in range(5)]
    content = models.graph((-0.19, 0.0), 1.0, operator="Sqrt")
    intent = models.write(root / INTENT, content=content, golden=golden, high=0.75)
    shadow = models.write(root / INTENT, (0.1, 0.5))
    names = ("visitor_sessions", "events")
    churn = models.write(root / CHURN, (-1.0, 0.0), 2.5, name=CHURN, names=names)
    registry = Registry(root)
    for one in (intent, churn):
        registry.promote(one.name, one.version)
    registry.promote(INTENT, shadow.version, SHADOW)
    return registry


@pytest.fixture(scope="module", params=ORDERS)
def rows(flink: Flink, registry: Registry, request: pytest.FixtureRequest) -> dict[str, list[Row]]:
    arrange, settings = ORDERS[request.param]
    return flink.run(arrange(STREAMS), OUT, model_dir=str(registry.root), **POLICY, **settings)


@pytest.fixture(scope="module")
def moments() -> dict[tuple[str, str], Row]:
    return expected(STREAMS, MOMENTS)


def documents(rows: Mapping[str, list[Row]], view: str) -> list[Document]:
    return [json.loads(row["document"]) for row in rows[view]]


def by_moment(scores: Iterable[Document]) -> Scores:
    """Each moment once, or the test fails."""
    scores = list(scores)
    found = {(one["kind"], one["event_id"]): one for one in scores}
    assert len(found) == len(scores) == len({one["score_id"] for one in scores})
    return found


def score_of(kind: str, row: Row) -> float:
    """What the models of `registry` give."""
    if kind == CHURN:
        return 1 / (1 + math.exp(row["visitor_sessions"] - 2.5))
    return math.sqrt(1 - 0.19 * row["events"]) if row["events"] <= 5 else 0.1


def test_the_stream_scores_at_the_moments_of_training(
    rows: dict[str, list[Row]], moments: dict[tuple[str, str], Row]
) -> None:
    found = by_moment(documents(rows, "score_documents"))
    assert found.keys() == moments.keys()
    kinds = Counter(kind for kind, _ in moments)
    points = {name for row in moments.values() for name in str(row["points"]).split("+")}
    assert min(kinds.values()) > 100 and {"event", "first_cart", "checkout", "session_end"} <= points


def test_what_is_scored_is_what_training_sees(
    rows: dict[str, list[Row]], moments: dict[tuple[str, str], Row]
) -> None:
    for key, found in by_moment(documents(rows, "score_documents")).items():
        row = moments[key]
        for name, here in zip(NAMES, found["values"], strict=True):
            there = row[name]
            assert (here is None) == (there is None or math.isnan(there)), (key, name)
            assert here is None or math.isclose(here, there, rel_tol=1e-4, abs_tol=1e-4), (key, name)
        assert math.isclose(found["score"], score_of(key[0], row), abs_tol=1e-5), key
        assert found["scored_at_ms"] == row["event_time_ms"] + (GAP if key[0] == CHURN else 0)
        assert found["schema"] == SCHEMA and found["visitor_id"] == row["visitor_id"]


def test_a_row_without_a_probability_has_the_fallback_and_says_so(rows: dict[str, list[Row]]) -> None:
    found = [one for one in documents(rows, "score_documents") if one["kind"] == INTENT]
    without = [one for one in found if one["values"][0] > 5]
    assert len(without) > 20
    assert all(one["evidence"] == {"band": "low", "fallback": "not_a_probability"} for one in without)
    assert {one["score"] for one in without} == {0.1}
    assert not any("fallback" in one["evidence"] for one in found if one["values"][0] <= 5)


def told(scores: Iterable[Document]) -> list[Document]:
    """Naive: what each score makes of the signal of its session, or of its visitor."""
    raised: dict[tuple[str, str], str] = {}
    found = []
    for one in sorted(
        scores, key=lambda one: (one["scored_at_ms"], one["values"][NAMES.index("visitor_events")])
    ):
        anchor = "visitor" if one["kind"] == CHURN else one["session_id"]
        owner = one["kind"], one["visitor_id"]
        band = one["evidence"]["band"]
        if band == "high":
            raised[owner] = anchor
        if raised.get(owner) == anchor:
            found.append(one | {"status": "retracted" if band == "low" else "active", "anchor": anchor})
    return found


def test_a_signal_begins_with_a_high_score_and_follows_the_others(rows: dict[str, list[Row]]) -> None:
    signals = [Signal.model_validate_json(row["document"]) for row in rows["score_signals"]]
    scores = told(documents(rows, "score_documents"))
    assert Counter((one.signal_id, one.version, one.status, one.score) for one in signals) == Counter(
        (
            signal_id(one["kind"], one["kind"], one["visitor_id"], one["anchor"]),
            one["scored_at_ms"],
            one["status"],
            one["score"],
        )
        for one in scores
    )
    assert all(row["version"] == one.version for row, one in zip(rows["score_signals"], signals, strict=True))
    assert all(one.kind == one.model.name and one.evidence["band"] for one in signals if one.model)
    kinds = Counter((one.kind, one.status) for one in signals)
    assert min(kinds[kind, status] for kind in MODELS for status in ("active", "retracted")) > 10
    assert signals[0].context["device"] in ("mobile", "desktop")


def test_the_shadow_has_documents_of_its_own(rows: dict[str, list[Row]]) -> None:
    found = documents(rows, "shadow_documents")
    logs = {one["score_id"]: one for one in documents(rows, "score_documents")}
    assert {one["score_id"] for one in found} == {key for key, one in logs.items() if one["kind"] == INTENT}
    for one in found:
        assert set(one) == set(SHADOW_SCORES.properties)
        assert (
            one["shadow"] == logs[one["score_id"]]["shadow"]
            and one["score"] == logs[one["score_id"]]["score"]
        )


def test_a_visitor_keeps_its_last_scores(rows: dict[str, list[Row]]) -> None:
    last: dict[str, dict[str, Document]] = defaultdict(dict)
    scores = documents(rows, "score_documents")
    for one in sorted(
        scores, key=lambda one: (one["scored_at_ms"], one["values"][NAMES.index("visitor_events")])
    ):
        last[one["visitor_id"]][one["kind"]] = {
            "model": one["kind"], "version": one["model"]["version"], "score": one["score"],
            "scored_at_ms": one["scored_at_ms"],
        }  # fmt: skip
    newest: dict[str, Document] = {}
    for document in sorted(documents(rows, "visitor_documents"), key=lambda one: one["version"]):
        before = newest.get(document["visitor_id"], {"scores": [], "last_seen_ms": 0, "version": -1})
        assert document["version"] > before["version"] and document["last_seen_ms"] >= before["last_seen_ms"]
        assert {one["model"] for one in before["scores"]} <= {one["model"] for one in document["scores"]}
        newest[document["visitor_id"]] = document
    assert newest.keys() == last.keys()
    for visitor, document in newest.items():
        assert set(document) <= set(VISITORS.properties)
        assert {one["model"]: one for one in document["scores"]} == last[visitor]
        assert document["features"]["event_time_ms"] == document["last_seen_ms"]


def test_on_its_own_over_its_topic_it_says_the_same(
    flink: Flink, registry: Registry, rows: dict[str, list[Row]], tmp_path: Path
) -> None:
    """The views that read the topic back stand for those of FEATURES."""
    topic = sorted(
        (json.loads(row["document"]) for view in OUT[:2] for row in rows[view]),
        key=lambda one: (
            one.get("closed_at_ms", one["event_time_ms"]),
            "closed_at_ms" in one,
            one["event_no"],
        ),
    )
    lines = (
        {"record_key": one["visitor_id"], "record_value": json.dumps(one, separators=(",", ":"))}
        for one in topic
    )
    (tmp_path / "features.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    settings = Settings({"bounded": True, "parallelism": 1, "model_dir": str(registry.root), **POLICY})
    env = flink.environment(settings)
    builder = Schema.new_builder()
    for name in ("record_key", "record_value"):
        builder = builder.column(name, DataTypes.STRING())
    # Rows of one millisecond come one after the other: the first must not make the next one late.
    builder = builder.column_by_expression("ts", kafka.FEATURES_TIME)
    builder = builder.watermark("ts", "ts - INTERVAL '0.001' SECOND")
    source = local_flink.files(tmp_path / "features.jsonl", builder.build(), {"format": "json"})
    env.create_temporary_table("features_read", source)
    filled = wiring.values(settings)
    wiring.add_view(env, "feature_documents", statement("scoring/features_read_back", filled))
    wiring.add_view(env, "session_features", statement("scoring/session_features_read_back", filled))
    wiring.add_view(env, "visitor_features", statement("features/visitor_features", filled))
    scoring.build(env, settings)
    alone = local_flink.collect(env, {view: flink.new_folder() for view in VIEWS})
    for view in VIEWS[:-1]:
        assert timeless(alone[view]) == timeless(rows[view]), view
    # The time attribute inside the suite is some milliseconds more: a window may end between two changes.
    assert timeless(newest_of(alone)) == timeless(newest_of(rows))


def newest_of(rows: Mapping[str, list[Row]]) -> list[Row]:
    """The last document of each visitor."""
    found = {
        row["visitor_id"]: row for row in sorted(rows["visitor_documents"], key=lambda row: row["version"])
    }
    return list(found.values())


def timeless(rows: list[Row]) -> Counter[str]:
    """The rows without the wall clock."""
    found = [row | {"document": json.loads(row["document"])} for row in rows]
    for row in found:
        row["document"].pop("detected_at_ms", None)
    return Counter(json.dumps(row, sort_keys=True) for row in found)


def test_a_real_stream_is_scored_as_it_would_be_offline(flink: Flink) -> None:
    """With the models that ship, out of the package."""
    events = list(islice(datasets.canonical_events("ga360_20160801_20160814"), 25_000))
    arrived = [event | {"received_at_ms": event["event_time_ms"]} for event in events]
    rows = flink.run(placed(arrived), OUT, scoring=True)
    found, wanted = by_moment(documents(rows, "score_documents")), expected(events, training.Moments())
    assert found.keys() == wanted.keys() and len(found) > 3_000
    shipped = Registry(ROOT / "model_artifacts")
    for kind in MODELS:
        keys = [key for key in wanted if key[0] == kind]
        vectors = pl.DataFrame([wanted[key] for key in keys], infer_schema_length=None).select(
            pl.col(OFFERED).cast(pl.Float32)
        )
        pointer = shipped.pointer(kind)
        assert pointer
        model = shipped.load(kind, pointer, OFFERED)
        places = [OFFERED.index(name) for name in model.manifest.names]
        scores = model.score(vectors.to_numpy().astype(np.float32)[:, places])
        here = np.array([found[key]["score"] for key in keys])
        assert np.abs(here - scores).max() < 1e-3


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "cannot be read"),
        (lambda folder: (folder / "model.onnx").write_bytes(b"other"), "changed after publishing"),
        (lambda folder: (folder / "model.onnx").write_bytes(b" " * (33 << 20)), "at most"),
    ],
)
def test_a_job_whose_model_is_not_sound_is_not_submitted(
    flink: Flink, tmp_path: Path, spoil: Any, reason: str
) -> None:
    manifest = models.write(tmp_path / INTENT)
    Registry(tmp_path).promote(INTENT, manifest.version)
    spoil(tmp_path / INTENT / manifest.version)
    with pytest.raises(ModelRefused, match=reason):
        scoring.build(flink.environment(Settings()), Settings({"model_dir": str(tmp_path)}))
