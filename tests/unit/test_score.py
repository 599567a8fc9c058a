"""The function that workers run: features in, the texts of a score out, its counters and gauges."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from connectors.errors import ModelRefused
from connectors.features import NAMES
from connectors.model_inputs import CHURN, CONTEXT, INTENT, OFFERED
from connectors.scores import TEXTS, answer_texts, score_id
from udfs.score import Score, matrix


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
    function, metrics = Score(model_dir), Metrics()
    function.open(SimpleNamespace(get_metric_group=lambda: metrics))
    return function, metrics


REQUEST = {
    "visitor_id": "v", "session_id": "5" * 32, "event_id": "e", "event_type": "search", "event_time_ms": 50,
    "device": "mobile", "channel": "direct", "values": [float(number % 7) for number in range(len(NAMES))],
}  # fmt: skip


def test_each_row_is_scored_by_the_model_that_it_names():
    function, metrics = opened()
    models = pd.Series([INTENT, CHURN, INTENT])
    answers = [dict(zip(TEXTS, texts, strict=True)) for texts in function.eval(models, requests(3))]
    said = [json.loads(f"{{{answer['said']}}}") for answer in answers]
    assert [one["model"]["name"] for one in said] == models.tolist()
    assert [one["model"]["version"] for one in said] == [answer["model_version"] for answer in answers]
    assert [one["score"] for one in said] == [float(answer["score"]) for answer in answers]
    assert [one["evidence"]["band"] for one in said] == [answer["band"] for answer in answers]
    assert answers[0]["score"] == answers[2]["score"] != answers[1]["score"]
    assert [answer["score_id"] for answer in answers] == [score_id(model, "v", "e") for model in models]
    assert json.loads(answers[0]["context"]) == {"device": "mobile", "channel": "direct"}
    assert {answer["shadow"] for answer in answers} == {None}
    assert metrics.counts["rows"] == 3 and metrics.counts["fallbacks"] == 0
    for model, one in zip(models, said, strict=True):
        assert metrics.gauges[f"{model}_version"]() == int(one["model"]["sha256"][:7], 16)


def requests(count):
    return pd.Series([json.dumps(REQUEST)] * count)


def test_the_planner_may_give_one_model_for_all_rows():
    function, _ = opened()
    assert len(function.eval(CHURN, requests(2))) == 2


def test_missing_values_are_nan():
    rows = matrix(
        [
            {"event_type": "page_view", "device": "Tablet", "values": [1.0] + [None] * (len(NAMES) - 1)},
            {"event_type": "search", "channel": "Organic Search", "values": [None] * len(NAMES)},
        ]
    )
    assert rows.shape == (2, len(OFFERED)) and rows.dtype == np.float32
    assert (
        rows[0, 0] == 1 and np.isnan(rows[0, 1 : len(NAMES)]).all() and np.isnan(rows[1, : len(NAMES)]).all()
    )
    asked = [dict(zip(CONTEXT, row[len(NAMES) :], strict=True)) for row in rows]
    yes = [[name for name, answer in answers.items() if answer] for answers in asked]
    assert yes == [["is_tablet"], ["from_organic", "last_search"]]


def test_a_shadow_is_told_apart_from_what_is_said():
    shadow = {"version": "other", "score": 0.25}
    model = {"name": INTENT, "version": "20260101-00000000", "sha256": "0" * 64}
    answer = {"model": model, "score": 0.5, "evidence": {"band": "low"}, "shadow": shadow}
    texts = dict(zip(TEXTS, answer_texts(INTENT, REQUEST, answer, 7), strict=True))
    assert json.loads(texts["shadow"]) == shadow and "shadow" not in texts["said"]
    said = {"detected_at_ms": 7, "model": model, "score": 0.5, "evidence": {"band": "low"}}
    assert json.loads(f"{{{texts['said']}}}") == said


def test_a_worker_without_models_does_not_start(tmp_path):
    with pytest.raises(ModelRefused, match="no version is live"):
        opened(str(tmp_path))
