"""Every stage a job of its own, all of them running: together they say what the suite says, and act on it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import polars as pl
import pytest

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.errors import BadInput
from connectors.kafka.topic_reader import read_topic
from connectors.lake.reading import scan_events, scan_sessions, scan_signals
from jobs.offline.audit import books as audit_books
from jobs.triggers import table_of
from stack.runs.feed import Feeder
from stack.runs.replay import feed_file
from state.bucket import Bucket, Counts, DictStore, taken
from state.triggers.logic import TriggersLogic
from tests import datasets
from tests.cluster import expected
from tests.cluster.conftest import CONSOLE, Deployer, Document, wait_until

AUDIT_MS = 300_000
STREAM, HOUR_MS, DAY_MS = "taobao_114users", 3_600_000, 86_400_000
JOBS = ("ingest", "visitors", "index", "triggers", "archive", "audit")
CLOCKS = 40  # visitors whose events bring time on: so many that every partition of a topic has one
_OURS = ("clock", "regretful")
_DEADLINE_S = 120.0


class Staged:
    """The six jobs, a stream that they have read, and a late event before it."""

    def __init__(self, deploy: Deployer, folder: Path) -> None:
        self.lake, self.beats = folder / "lake", 0
        # Nothing is late for the only reason that this machine did not come to reading it: partitions are given time.
        self.deployment = deploy(
            archive_dir=str(self.lake), slice_ms=1_000, parallelism=1, idle_timeout_ms=60_000
        )
        self.flink = self.deployment.stack.flink
        with ThreadPoolExecutor(2) as pool:  # a submission keeps one core busy
            self.jobs = dict(zip(JOBS, pool.map(self.deployment.submit, JOBS), strict=True))
        for job in self.jobs.values():
            self.flink.wait_tasks_running(job, _DEADLINE_S)
        self.feeder = Feeder(self.deployment.kafka_properties)
        file = folder / "events.jsonl"
        self.counts = datasets.write_canonical(
            STREAM, file, shuffle_within_ms=1_500, duplicate_share=0.05, seed=6
        )
        first_ms = int(datasets.truth_numbers(STREAM)["first_ms"])
        self._late_purchase(first_ms - 2 * DAY_MS)
        feed_file(self.deployment, file, CONSOLE)
        self.until_ms = int(datasets.truth_numbers(STREAM)["last_ms"]) + 2 * DAY_MS
        self.clocks_strike(self.until_ms)

    def _late_purchase(self, at_ms: int) -> None:
        """A cart is abandoned, and then it turns out that it had been paid for in time."""
        # Of partitions that are all idle, whichever is read first moves time on: none is, when the cart comes.
        self.clocks_strike(at_ms - HOUR_MS)
        visitors = self.jobs["visitors"]
        wait_until(
            lambda: (self.flink.event_time(visitors)[0] or 0) > at_ms - 2 * HOUR_MS,
            _DEADLINE_S,
            "time moves on",
        )
        self._send("cart", "add_to_cart", "regretful", at_ms)
        self.clocks_strike(at_ms + HOUR_MS)
        try:
            wait_until(lambda: self.status() == "active", _DEADLINE_S, "the abandonment")
        except AssertionError:
            held = {one.name: len(self.values(one)) for one in topics.TOPICS}
            raise AssertionError(f"no abandonment; messages by topic: {held}") from None
        self._send(
            "late", "purchase", "regretful", at_ms + HOUR_MS // 4, order={"order_id": "o", "revenue": 1.0}
        )
        self.feeder.flush()

    def status(self) -> str | None:
        """Of the late buyer's abandoned cart."""
        found = self.indexed()["signal"].values()
        carts = [one for one in found if (one["kind"], one["visitor_id"]) == ("cart_abandoned", "regretful")]
        return str(carts[0]["status"]) if carts else None

    def clocks_strike(self, at_ms: int) -> None:
        """Event time goes on in every topic: INGEST hands on the first strike's slice when it has seen the second."""
        self._strike(at_ms)
        self._strike(at_ms + 10_000)

    def _strike(self, at_ms: int) -> None:
        self.beats += 1
        for number in range(CLOCKS):
            self._send(f"strike-{self.beats}", "page_view", f"clock-{number}", at_ms)
        self.feeder.heartbeat(at_ms, f"beat-{self.beats}", at_ms)
        self.feeder.flush()

    def _send(self, name: str, kind: str, visitor: str, at_ms: int, **more: object) -> None:
        event = {
            "schema": "event/1",
            "event_id": f"{visitor}-{name}",
            "event_type": kind,
            "event_time_ms": at_ms,
            "visitor_id": visitor,
            **more,
        }
        self.feeder.send(orjson.dumps(event), visitor, timestamp_ms=at_ms)

    def indexed(self) -> dict[str, expected.ById]:
        """What the index holds."""
        return expected.indexed(self.deployment)

    def values(self, topic: topics.Topic) -> list[bytes]:
        """What a topic holds, of each partition in its order."""
        return [one.value or b"" for one in read_topic(self.deployment.kafka_properties, topic.name)]


@pytest.fixture(scope="module")
def staged(deploy_once: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Staged:
    return Staged(deploy_once, tmp_path_factory.mktemp("staged"))


def test_the_stages_agree_with_the_engine(staged: Staged) -> None:
    found = [one for one in expected.messages(staged.deployment) if b"regretful" not in one.value]
    out = expected.up_to(found, staged.deployment.settings, staged.until_ms - 10_000)
    wanted = _without_ours(expected.newest(out.documents))

    def complete() -> bool:
        return _without_ours(staged.indexed()) == wanted

    try:
        wait_until(complete, _DEADLINE_S, "every document of the engine")
    except AssertionError:
        assert expected.differences(_without_ours(staged.indexed()), wanted)[:20] == []
        raise
    sessions = {
        (one["visitor_id"], one["started_at_ms"], one["ended_at_ms"], one["events"])
        for one in wanted["session"].values()
    }
    assert sessions == datasets.truth_sessions(STREAM)
    assert [staged.flink.restarts(job) for job in staged.jobs.values()] == [0] * len(JOBS)


def _without_ours(found: dict[str, expected.ById]) -> dict[str, expected.ById]:
    return {
        kind: {key: one for key, one in rows.items() if not one.get("visitor_id", "").startswith(_OURS)}
        for kind, rows in found.items()
    }


def test_a_late_purchase_retracts_the_signal(staged: Staged) -> None:
    wait_until(lambda: staged.status() == "retracted", _DEADLINE_S, "the signal is taken back")
    (late,) = staged.values(topics.EVENTS_LATE)
    assert orjson.loads(late)["event_id"] == "regretful-late"


def test_triggers_are_those_of_the_signals(staged: Staged) -> None:
    """The topic of signals is the order in which they are decided."""
    bucket = Bucket(0, TriggersLogic(table_of(staged.deployment.settings)), DictStore(), {}, Counts())
    wait_until(lambda: _signals_are_in(staged), _DEADLINE_S, "every signal in its topic")
    out = taken(bucket, staged.values(topics.SIGNALS), None, 0, late=False)
    wanted = Counter(_content(one.body) for one in out.documents)

    def decided() -> Counter[str]:
        return Counter(
            _content(one)
            for topic in (topics.TRIGGERS, topics.TRIGGERS_SUPPRESSED)
            for one in staged.values(topic)
        )

    wait_until(lambda: decided().total() >= wanted.total(), _DEADLINE_S, "every trigger")
    assert decided() == wanted and wanted.total() > 100


def _content(document: bytes) -> str:
    return orjson.dumps(expected.plain(orjson.loads(document)), option=orjson.OPT_SORT_KEYS).decode()


def _signals_are_in(staged: Staged) -> bool:
    """The index has them after the topic, from which its job reads them."""
    written = {orjson.loads(one)["signal_id"] for one in staged.values(topics.SIGNALS)}
    return set(staged.indexed()["signal"]) == written


def test_the_lake_has_valid_events_and_their_signals(staged: Staged) -> None:
    valid = {orjson.loads(one)["event_id"] for one in staged.values(topics.EVENTS_VALID)}
    lake = staged.lake
    wait_until(
        lambda: set(_column(scan_events(lake), "event_id")) == valid, _DEADLINE_S, "all events in the lake"
    )
    strikes = staged.beats - 1  # INGEST still holds the last one's slice
    assert len(valid) == staged.counts.events + strikes * CLOCKS + 1
    assert Counter(_column(scan_events(lake), "event_id")).most_common(1)[0][1] == 1
    sessions, signals = staged.values(topics.SESSIONS), staged.values(topics.SIGNALS)
    wait_until(
        lambda: len(_column(scan_sessions(lake), "session_id")) == len(sessions), _DEADLINE_S, "sessions"
    )
    wait_until(lambda: len(_column(scan_signals(lake), "signal_id")) == len(signals), _DEADLINE_S, "signals")


def _column(frame: pl.LazyFrame, name: str) -> list[str]:
    try:
        return list(frame.select(name).collect()[name])
    except BadInput:
        return []


def test_the_books_balance(staged: Staged) -> None:
    def windows() -> list[Document]:
        staged.deployment.client.indices.refresh(index=indices.AUDIT.alias)
        found = audit_books.windows(staged.deployment.client, "ingest")
        # INGEST still holds the last strike, in an open slice.
        return [row for row in found if row["window_start_ms"] + AUDIT_MS <= staged.until_ms]

    def balanced() -> bool:
        found = windows()
        return sum(row["read"] for row in found) > staged.counts.lines and not any(
            row["difference"] for row in found
        )

    try:
        wait_until(balanced, _DEADLINE_S, "the audit's windows balance")
    except AssertionError:
        wrong = [row for row in windows() if row["difference"]]
        read = sum(row["read"] for row in windows())
        raise AssertionError(f"{read} read of {staged.counts.lines} and more; {wrong}") from None
    assert sum(row["late"] for row in windows()) == 1
