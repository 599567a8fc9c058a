"""The standing watch: windows close, labels mature whichever side comes first, a restart changes nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from cli import models as command
from cli import watch as cli_watch
from connectors.contracts import topics
from connectors.contracts.model_inputs import CHURN, CLUSTER, INTENT, MODELS, OFFERED
from connectors.errors import BadInput, BrokerUnavailable
from connectors.models.registry import Registry
from jobs.offline import prometheus
from jobs.offline.training import maturing, watch_report
from jobs.offline.training.events import Messages
from jobs.offline.training.monitor import HOUR_MS, quality, read_log
from jobs.offline.training.post import LINES, STATE, Post, alone_at, watches_of
from jobs.offline.training.rows import Moments
from jobs.offline.training.watch import BIAS, FALLBACKS, Finding, Spans, Watch
from jobs.settings import Settings
from stack.package import ROOT
from stack.shop.history import generated_events
from tests import model_traffic
from udfs.model_runtime import Model, load_pointed

REGISTRY = Registry(ROOT / "model_artifacts")
HOURS = (3.0, 6.0, 5.0)  # of drift, of quality, of churn's horizon
Topics = dict[str, list[bytes]]


def loaded(name: str) -> Model:
    pointer = REGISTRY.pointer(name)
    assert pointer
    return load_pointed(REGISTRY, name, pointer, OFFERED)


@pytest.fixture(scope="module")
def events() -> Messages:
    """Seventeen hours of the shop that the shipped models were trained on."""
    return generated_events(30_000, seed=1)


@pytest.fixture(scope="module")
def traffic(events: Messages) -> Topics:
    found = [one for name in MODELS for one in model_traffic.scores(loaded(name), events)]
    return {topics.SCORES.name: found, topics.FEATURES.name: list(model_traffic.features(events))}


class Broker:
    """Topics of one partition each, of which a share has been written."""

    def __init__(self, written: Topics) -> None:
        self.written, self.share = written, 1.0

    def __call__(self, topic: str, offsets: dict[int, int]) -> Iterator[bytes]:
        messages = self.written[topic]
        end = int(len(messages) * self.share)
        yield from messages[offsets.get(0, 0) : end]
        offsets[0] = end


def post(folder: Path, hours: tuple[float, float, float] = HOURS) -> Post:
    made = Post(folder, watches_of(REGISTRY, MODELS, Settings(), hours))
    made.open()
    return made


def of(findings: list[Finding], model: str, what: str) -> list[Finding]:
    return [one for one in findings if (one.model, one.what) == (model, what)]


@pytest.fixture(scope="module")
def found(traffic: Topics, tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    return post(tmp_path_factory.mktemp("watch")).look(Broker(traffic))


def test_stable_traffic_does_not_alarm(found: list[Finding]) -> None:
    judged = [one for one in of(found, INTENT, "drift") if one.rows >= 500]
    assert len(judged) >= 4 and of(found, INTENT, "quality")
    assert [one.alarms for one in found] == [()] * len(found)


def test_labels_are_those_of_a_look_back(found: list[Finding], events: Messages, traffic: Topics) -> None:
    manifest = loaded(INTENT).manifest
    log = read_log(traffic[topics.SCORES.name], INTENT)
    behind = quality(log, INTENT, events, Moments(), manifest, int(HOURS[1] * HOUR_MS))
    mine = of(found, INTENT, "quality")
    assert len(mine) >= 2
    for one, other in zip(mine, behind, strict=False):
        assert (one.from_ms, one.rows, one.values["positives"]) == (
            other.from_ms,
            other.rows,
            other.positives,
        )
        assert one.values["auc"][0] == pytest.approx(other.metrics["auc"], abs=1e-6)


def test_churn_is_known_after_its_horizon(found: list[Finding], events: Messages, traffic: Topics) -> None:
    log = read_log(traffic[topics.SCORES.name], CHURN)
    moments = Moments(horizon_ms=int(HOURS[2] * HOUR_MS))
    behind = quality(log, CHURN, events, moments, loaded(CHURN).manifest, int(HOURS[1] * HOUR_MS))
    mine = of(found, CHURN, "quality")
    assert mine
    for one, other in zip(mine, behind, strict=False):
        assert (one.from_ms, one.rows, one.values["positives"]) == (
            other.from_ms,
            other.rows,
            other.positives,
        )


@pytest.mark.parametrize("kind", MODELS)
def test_either_side_may_come_first(traffic: Topics, kind: str) -> None:
    scores = [one for one in map(orjson.loads, traffic[topics.SCORES.name][:9_000]) if one["kind"] == kind]
    features = list(map(orjson.loads, traffic[topics.FEATURES.name][:4_000]))
    labels = []
    for order in (("add_score", "add_features"), ("add_features", "add_score")):
        one = maturing.Maturing(kind, 5 * HOUR_MS)
        for name in order:
            for document in scores if name == "add_score" else features:
                getattr(one, name)(document)
        labels.append([(row.owner, row.at_ms, row.label) for row in one.rows()])
    assert labels[0] == labels[1] and len({label for *_, label in labels[0]}) > 1


def test_a_restart_anywhere_changes_nothing(traffic: Topics, found: list[Finding], tmp_path: Path) -> None:
    broker, chance = Broker(traffic), random.Random(1)
    for share in sorted(chance.random() for _ in range(6)) + [1.0]:
        broker.share = share
        post(tmp_path).look(broker)
        # A process that died after it had written a line and before it had kept its state.
        with (tmp_path / LINES).open("ab") as file:
            file.write(b'{"model": "torn')
    last = post(tmp_path)
    assert sorted(map(str, last.findings)) == sorted(map(str, found))
    assert last.look(broker) == []


def test_what_comes_again_counts_once(traffic: Topics, found: list[Finding], tmp_path: Path) -> None:
    again = {
        name: [one for message in messages for one in (message,) * 2] for name, messages in traffic.items()
    }
    assert post(tmp_path).look(Broker(again)) == found


def test_no_id_is_kept(traffic: Topics, events: Messages, tmp_path: Path) -> None:
    broker = Broker(traffic)
    broker.share = 0.5
    post(tmp_path).look(broker)
    kept = (tmp_path / STATE).read_text() + (tmp_path / LINES).read_text()
    visitors = {orjson.loads(value)["visitor_id"] for _, value in events.messages()}
    assert not any(visitor in kept for visitor in visitors)


def dearer_on_tablets(event: dict[str, Any]) -> dict[str, Any]:
    found = model_traffic.with_product(event, price=5 * event.get("product", {}).get("price", 1))
    return {**found, "context": {**event.get("context", {}), "device": "tablet"}}


def test_changed_traffic_alarms(events: Messages, tmp_path: Path) -> None:
    dearer = model_traffic.changed(events, dearer_on_tablets)
    scores = list(model_traffic.scores(loaded(INTENT), dearer))
    judged = post(tmp_path).look(Broker({topics.SCORES.name: scores, topics.FEATURES.name: []}))
    enough = [one for one in judged if one.rows >= 500]
    assert enough and all("price_max" in one.alarms for one in enough)


def altered(traffic: Topics, change: dict[str, object]) -> Topics:
    """The scores with other values; `score` may be a function of the old one."""
    documents = [orjson.loads(one) for one in traffic[topics.SCORES.name]]
    for one in documents:
        one.update({name: value(one) if callable(value) else value for name, value in change.items()})
    return {**traffic, topics.SCORES.name: [orjson.dumps(one) for one in documents]}


@pytest.mark.parametrize(
    ("change", "what", "alarm"),
    [
        ({"score": lambda one: 1 - one["score"]}, "quality", "auc"),
        ({"score": lambda one: min(one["score"] + 0.2, 1)}, "quality", BIAS),
        ({"evidence": {"band": "low", "fallback": "runtime_error"}}, "drift", FALLBACKS),
    ],
)
def test_worse_scores_alarm(
    traffic: Topics, tmp_path: Path, change: dict[str, object], what: str, alarm: str
) -> None:
    judged = of(post(tmp_path).look(Broker(altered(traffic, change))), INTENT, what)
    enough = [one for one in judged if one.rows >= 500]
    assert enough and all(alarm in one.alarms for one in enough)


def test_what_is_left_out_is_counted(traffic: Topics, tmp_path: Path) -> None:
    watched = post(tmp_path)
    watched.look(Broker(traffic))
    one = watched.watches[INTENT]
    late = orjson.loads(next(m for m in traffic[topics.SCORES.name] if orjson.loads(m)["kind"] == INTENT))
    unknown = {**late, "scored_at_ms": one.scored_ms, "model": {"version": "20200101-00000000"}}
    one.add_scores([late, unknown])
    assert (one.counts["late"], one.counts["unknown_version"]) == (1, 1)


def test_clusters_are_watched_for_drift_alone(traffic: Topics) -> None:
    manifest, hour = loaded(CHURN).manifest, 3_600_000
    one = Watch(CLUSTER, Spans(hour, hour, hour), lambda version: manifest)
    scores = [orjson.loads(m) for m in traffic[topics.SCORES.name]]
    one.add_scores({**score, "kind": CLUSTER} for score in scores if score["kind"] == CHURN)
    one.add_features(map(orjson.loads, traffic[topics.FEATURES.name]))
    assert {finding.what for finding in one.close()} == {"drift"} and not list(one.maturing.rows())


def test_too_many_scores_become_a_sample_of_the_visitors(
    traffic: Topics, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(maturing, "MOST", 1_000)
    monkeypatch.setattr(maturing, "FACTS", 50)
    watched = post(tmp_path, (3.0, 1_000.0, 5.0))
    watched.look(Broker(traffic))
    one = watched.watches[INTENT].maturing
    rows = list(one.rows())
    assert 250 <= len(rows) <= 1_000 and one.share < 1 and len(one.facts) <= 50
    assert max(row.owner for row in rows) <= one.share * 2**63


def test_one_folder_is_for_one_watch(tmp_path: Path) -> None:
    with alone_at(tmp_path), pytest.raises(BadInput, match="another watch is at"), alone_at(tmp_path):
        pass
    with alone_at(tmp_path):
        pass


def test_another_span_needs_another_folder(tmp_path: Path, traffic: Topics) -> None:
    broker = Broker(traffic)
    broker.share = 0.01
    post(tmp_path).look(broker)
    with pytest.raises(BadInput, match="give the same, or another --folder"):
        post(tmp_path, (1.0, 6.0, 5.0))
    with pytest.raises(BadInput, match="give the same, or another --folder"):
        Post(tmp_path, watches_of(REGISTRY, [INTENT], Settings(), HOURS)).open()


def test_numbers_for_prometheus(found: list[Finding]) -> None:
    spans = Spans(HOUR_MS, HOUR_MS, HOUR_MS)
    text = prometheus.text(watch_report.metrics([Watch(INTENT, spans, lambda version: None)], found))
    families = {family.name: family for family in text_string_to_metric_families(text)}
    auc = {"model": INTENT, "version": found[0].version, "metric": "auc"}
    assert [0 < one.value < 1 for one in families["footfall_model_quality"].samples if one.labels == auc] == [
        True
    ]
    assert INTENT in {one.labels["model"] for one in families["footfall_model_alarms"].samples}
    assert "score" in {one.labels["feature"] for one in families["footfall_model_drift_index"].samples}
    assert families["footfall_model_drift_windows"].type == "counter"


def test_the_command(monkeypatch: pytest.MonkeyPatch, traffic: Topics, tmp_path: Path) -> None:
    broker = Broker(traffic)
    monkeypatch.setattr(cli_watch, "from_kafka", lambda properties, topic, offsets: broker(topic, offsets))
    arguments = ["--models", str(REGISTRY.root), "watch", "--once", "--folder", str(tmp_path)]
    arguments += ["--metrics", str(tmp_path / "m.prom"), "--window-hours", "3", "--quality-hours", "6"]
    result = CliRunner().invoke(command.main, arguments)
    assert result.exit_code == 0 and "purchase_intent" in result.output and "stable" in result.output, (
        result.output
    )
    assert "data:image/png" in (tmp_path / "index.html").read_text()
    assert "footfall_model_drift_windows_total" in (tmp_path / "m.prom").read_text()
    broker.written = altered(traffic, {"score": 0.99, "evidence": {"band": "low", "fallback": "x"}})
    alarmed = CliRunner().invoke(command.main, [*arguments, "--folder", str(tmp_path / "other")])
    assert alarmed.exit_code == 1 and "ALARM: " in alarmed.output


def test_a_broker_that_is_away_is_waited_for_unless_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(topic: str, offsets: dict[int, int]) -> Iterator[bytes]:
        raise BrokerUnavailable("gone")

    watched = post(tmp_path)
    assert cli_watch._round(watched, REGISTRY, away, None, once=False) is False
    assert "error: gone\nwhat to do: check kafka_bootstrap_servers" in capsys.readouterr().err
    with pytest.raises(BrokerUnavailable):
        cli_watch._round(watched, REGISTRY, away, None, once=True)
