"""What the observer tells: of each server that answers, and of the canary at exact boundaries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event

import orjson
import pytest
from prometheus_client import generate_latest

from connectors.contracts.canaries import PREFIX, is_canary
from connectors.errors import BrokerUnavailable
from jobs.offline import prometheus
from jobs.offline.doctor.causes import CAUSES, Finding
from jobs.offline.doctor.examination import Facts
from jobs.offline.doctor.kafka import LATE, RAW
from jobs.offline.observing.canary import KIND, Canary
from jobs.offline.observing.families import families
from jobs.offline.observing.observer import Observer
from jobs.settings import Settings
from state.engine import Engine
from tests.engine_runs import FOREVER, MINUTE, T0, scorer, shipped
from tests.trigger_host import NOON, change, decided
from tests.unit.test_doctor import NOW_MS, cluster, indices, suite, traffic
from tools.monitoring.files import the_table
from tools.monitoring.table import metric_names

EVERY = 60_000
HEALTHY = Facts(
    kafka=replace(
        traffic(), newest_ms=NOW_MS - 1_500, lag_s={"footfall-suite": 2.5}, ends={RAW: 1_000, LATE: 3}
    ),
    flink=cluster(),
    index=indices(
        windows=[{"difference": -2, "partition": 0}, {"difference": 3, "partition": 1}],
        ledger_ms=NOW_MS - 60_000,
    ),
)


def told(facts: Facts, *findings: Finding) -> dict[str, float]:
    """The samples as Prometheus reads them."""
    lines = prometheus.text(families(facts, findings)).splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in samples}


def test_a_look_at_the_servers_becomes_metrics_in_seconds() -> None:
    found = told(HEALTHY, Finding("lag", "footfall-suite", "2 s"), Finding("lag", "footfall-index", "2 s"))
    assert found["footfall_input_age_seconds"] == 1.5
    assert found['footfall_lag_seconds{group="footfall-suite"}'] == 2.5
    assert found[f'footfall_messages_total{{topic="{RAW}"}}'] == 1_000
    assert found['footfall_watermark_age_seconds{job="footfall-suite"}'] == 2
    assert found['footfall_checkpoint_age_seconds{job="footfall-suite"}'] == 1
    assert found["footfall_ledger_difference"] == 5
    assert found["footfall_ledger_age_seconds"] == 60
    assert found['footfall_findings{cause="lag"}'] == 2


def test_a_cause_of_the_doctor_that_was_not_found_is_0() -> None:
    found = told(HEALTHY)
    assert {cause: found[f'footfall_findings{{cause="{cause}"}}'] for cause in CAUSES} == dict.fromkeys(
        CAUSES, 0
    )


@pytest.mark.parametrize(
    ("server", "gone"),
    [("kafka", "footfall_messages"), ("flink", "footfall_watermark"), ("index", "footfall_ledger")],
)
def test_a_server_that_does_not_answer_is_down_and_nothing_is_made_up_for_it(server: str, gone: str) -> None:
    found = told(replace(HEALTHY, **{server: Finding(f"{server}_unreachable", "x", "no answer")}))
    assert found[f'footfall_up{{server="{server}"}}'] == 0
    assert sum(value for name, value in found.items() if name.startswith("footfall_up")) == 2
    assert [name for name in found if name.startswith(gone)] == []


def test_a_job_without_a_watermark_or_a_checkpoint_has_no_age() -> None:
    young = suite(event_time=(None, "", ""), checkpoints={"counts": {}, "latest": {"completed": None}})
    found = told(replace(HEALTHY, flink=cluster(jobs=[young])))
    assert [name for name in found if name.startswith(("footfall_watermark", "footfall_checkpoint"))] == []


class Carts:
    """Takes what the canary leaves."""

    def __init__(self) -> None:
        self.left: list[tuple[str, bytes]] = []
        self.canary = Canary(lambda *cart: self.left.append(cart), 30 * MINUTE, EVERY)

    def run(self, *minutes: int) -> None:
        for minute in minutes:
            self.canary.tick(T0 + minute * MINUTE)

    @property
    def visitors(self) -> list[str]:
        return [visitor for visitor, _ in self.left]


def test_a_cart_is_left_when_it_is_time_and_not_before() -> None:
    carts = Carts()
    for at in (0, 1, EVERY - 1, EVERY):
        carts.canary.tick(T0 + at)
    assert carts.visitors == [f"{PREFIX}{T0}", f"{PREFIX}{T0 + EVERY}"]


def test_a_cart_is_overdue_from_its_due_time_until_it_is_found() -> None:
    carts = Carts()
    carts.run(0)
    due = T0 + 30 * MINUTE
    assert [carts.canary.overdue_s(due + more) for more in (-1, 0, 1, 2_000)] == [0, 0, 0.001, 2]
    carts.canary.found(carts.visitors[0], due + 2_000)
    assert (carts.canary.arrived, carts.canary.delay_ms, carts.canary.overdue_s(due + 9_000)) == (1, 2_000, 0)


def test_a_cart_of_which_a_later_one_was_found_is_lost_and_no_longer_overdue() -> None:
    carts = Carts()
    carts.run(0, 1, 2)
    carts.canary.found(carts.visitors[1], T0 + 31 * MINUTE)
    assert (carts.canary.lost, carts.canary.overdue_s(T0 + 33 * MINUTE)) == (1, 60)


def test_a_signal_of_a_visitor_or_one_that_was_found_before_changes_nothing() -> None:
    carts = Carts()
    carts.run(0)
    for visitor in ("anna", carts.visitors[0], carts.visitors[0]):
        carts.canary.found(visitor, T0 + 30 * MINUTE)
    assert (carts.canary.arrived, carts.canary.lost) == (1, 0)


def test_a_cart_that_kafka_does_not_take_is_not_waited_for() -> None:
    def refuse(visitor: str, event: bytes) -> None:
        raise BrokerUnavailable("no broker answers")

    canary = Canary(refuse, 30 * MINUTE, EVERY)
    with pytest.raises(BrokerUnavailable):
        canary.tick(T0)
    assert (canary.sent, canary.overdue_s(T0 + 60 * MINUTE)) == (0, 0)


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_the_engine_says_when_the_cart_is_due_under_its_own_id_and_asks_no_model(key: bytes | None) -> None:
    carts = Carts()
    carts.run(0)
    engine = Engine(FOREVER, shipped(), scorer(), key=key)
    early = engine.take([carts.left[0][1]], [("footfall.events.raw", 0, 0, T0)], T0 + 1_000)
    documents = [*early.documents, *engine.finish().documents]
    signals = [orjson.loads(one.body) for one in documents if one.kind == "signal"]
    (found,) = [one for one in signals if one["kind"] == KIND]
    assert (found["visitor_id"], found["occurred_at_ms"]) == (carts.visitors[0], T0 + 30 * MINUTE)
    assert [one for one in signals if "model" in one] == []
    assert [one for one in documents if one.kind == "score"] == []


def test_no_trigger_is_sent_for_a_canary() -> None:
    cart = change(1, NOON)
    assert decided(cart) != []
    assert decided(cart | {"visitor_id": f"{PREFIX}1"}) == []
    assert is_canary(f"{PREFIX}1")


@pytest.fixture
def observer() -> Observer:
    """One whose servers are not there."""
    settings = Settings.of(
        {"kafka_bootstrap_servers": "127.0.0.1:1", "elasticsearch_url": "http://127.0.0.1:1"}
    )
    return Observer("http://127.0.0.1:1", settings, look_s=60, canary_s=1)


def test_where_nothing_answers_the_observer_says_so_and_goes_on(
    observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.kafka.client._OURS", {"bootstrap_timeout_ms": 100})
    over = Event()
    over.set()
    observer.run(over)
    observer.tick()
    text = generate_latest(observer.registry).decode()
    for server in ("kafka", "flink", "index"):
        assert f'footfall_up{{server="{server}"}} 0.0' in text
    for part in ("letters", "searchable", "canary"):
        assert f'footfall_observer_failures_total{{part="{part}"}} 1.0' in text


def test_what_was_not_foreseen_ends_the_observer(observer: Observer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("jobs.offline.observing.observer._TICK_S", 0)
    monkeypatch.setattr(observer, "tick", fail)
    monkeypatch.setattr(observer, "look", lambda: None)
    monkeypatch.setattr(observer, "_look_s", 0.01)
    with pytest.raises(ZeroDivisionError):
        observer.run(Event())


def _exported(observer: Observer, ask: Callable[[Facts], Facts] = lambda facts: facts) -> set[str]:
    observer._families = families(ask(HEALTHY), [])
    return {sample.name for metric in observer.registry.collect() for sample in metric.samples}


def test_each_metric_of_ours_in_the_table_is_exported(observer: Observer) -> None:
    observer._rejected.labels("not_json"), observer._latency.labels("k"), observer._failed.labels("look")
    of_the_watch = {"footfall_model_drift_index", "footfall_model_watched_until_seconds"}
    asked = {name for one in (*the_table().watched, *the_table().panel) for name in metric_names(one.metric)}
    ours = {name for name in asked if name.startswith("footfall_")}
    assert ours - _exported(observer) - of_the_watch == set()
