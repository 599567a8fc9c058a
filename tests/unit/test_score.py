"""The function that workers run: arrays or documents in, members of a signal out, its counters and gauges."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from connectors.errors import ModelRefused
from connectors.features import NAMES
from connectors.indices import SHADOW_SCORES
from connectors.model_inputs import CHURN, CONTEXT, INTENT, OFFERED
from connectors.scores import answer_lines
from connectors.signals import Signal, signal_id
from udfs.score import Score, Spans, matrix


class Metrics:
    """Flink's metric group, as far as it is used."""

    def __init__(self):
        self.counts, self.gauges = Counter(), {}

    def add_group(self, name):
        return self

    def counter(self, name):
        return SimpleNamespace(inc=lambda count: self.counts.update({name: count}))

    def gauge(self, name, value):
        self.gauges[name] = value


def opened(model_dir=""):
    function, metrics = Score(model_dir, Spans(session_gap_ms=1_800_000, expires_after_ms=1_000)), Metrics()
    function.open(SimpleNamespace(get_metric_group=lambda: metrics))
    return function, metrics


VALUES = [float(number % 7) for number in range(len(NAMES))]
REQUEST = {
    "visitor_id": "v", "session_id": "5" * 32, "event_id": "e", "event_type": "search", "event_time_ms": 50,
    "device": "mobile", "channel": "direct",
}  # fmt: skip


def test_a_vector_and_a_document_with_the_same_values_give_the_same_score():
    function, metrics = opened()
    vectors = pd.Series([np.array(VALUES, np.float32), None, None], dtype=object)
    requests = pd.Series([json.dumps(REQUEST)] + [json.dumps(REQUEST | {"values": VALUES})] * 2)
    models = pd.Series([INTENT, INTENT, CHURN])
    answers = [text.splitlines() for text in function.eval(models, requests, vectors)]
    signals = [Signal.model_validate_json(lines[3]) for lines in answers]
    assert [lines[0] for lines in answers] == [signal.signal_id for signal in signals]
    assert [lines[2] for lines in answers] == ["50", "50", "1800050"]
    assert signals[0].score == signals[1].score and len({lines[1] for lines in answers}) == 2
    assert [signal.model.name for signal in signals] == [signal.kind for signal in signals] == models.tolist()
    assert signals[0].signal_id == signal_id(INTENT, INTENT, "v", REQUEST["session_id"])
    assert signals[2].signal_id == signal_id(CHURN, CHURN, "v", "visitor")
    assert signals[0].context == {"device": "mobile", "channel": "direct"}
    logs = [json.loads(lines[4]) for lines in answers]
    assert [log["values"] for log in logs] == [VALUES] * 3
    assert [log["score_id"] for log in logs] == [lines[1] for lines in answers]
    assert metrics.counts["rows"] == 3 and metrics.counts["fallbacks"] == 0
    for model, signal in zip(models, signals, strict=True):
        assert metrics.gauges[f"{model}_version"]() == int(signal.model.sha256[:7], 16)


def test_the_planner_may_give_one_model_for_all_rows_and_no_vector():
    function, _ = opened()
    requests = pd.Series([json.dumps(REQUEST | {"values": VALUES})] * 2)
    assert len(function.eval(CHURN, requests, None)) == 2


def test_missing_values_are_nan():
    vector = np.array([1.0] + [None] * (len(NAMES) - 1))
    requests = [
        {"event_type": "page_view", "device": "Tablet"},
        {"event_type": "search", "channel": "Organic Search"},
    ]
    rows = matrix(requests, [vector, None])
    assert rows.shape == (2, len(OFFERED)) and rows.dtype == np.float32
    assert (
        rows[0, 0] == 1 and np.isnan(rows[0, 1 : len(NAMES)]).all() and np.isnan(rows[1, : len(NAMES)]).all()
    )
    asked = [dict(zip(CONTEXT, row[len(NAMES) :], strict=True)) for row in rows]
    yes = [[name for name, answer in answers.items() if answer] for answers in asked]
    assert yes == [["is_tablet"], ["from_organic", "last_search"]]


def test_the_shadow_has_a_document_of_its_own():
    shadow = {"version": "other", "score": 0.25}
    answer = {"model": {"name": INTENT}, "score": 0.5, "evidence": {}, "shadow": shadow}
    lines = answer_lines(INTENT, REQUEST, answer, [1.0, float("nan")], (1, 2, 3)).splitlines()
    signal, log, compared = (json.loads(line) for line in lines[3:])
    assert "shadow" not in signal and log["shadow"] == compared["shadow"] == shadow
    assert log["values"] == [1.0, None] and compared["score"] == 0.5
    assert set(compared) == set(SHADOW_SCORES.properties)


def test_a_worker_without_models_does_not_start(tmp_path):
    with pytest.raises(ModelRefused, match="no version is live"):
        opened(str(tmp_path))
