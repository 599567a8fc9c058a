"""What Flink still remembers when a story is over, weighed in checkpoints of one running job.

Sizes are compared with those of the same job before any visitor came, to the byte: what is equal has forgotten
everybody. Only event ids stay, for as long as dedup_ttl says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pyflink.common import JobClient
from pyflink.table import TableDescriptor

from jobs import suite, wiring
from jobs.settings import Settings
from stack.ports import LOOPBACK, free_ports
from tests.sql.tables import NO_ELASTICSEARCH, NO_KAFKA, Flink, columns, events_file
from tests.sql.vocabulary import Document, by_arrival, cart, heartbeat, page, placed, purchase, t

VISITORS = 100
TTL_MS = 1_000
VIEWS = ("sessions", "signal_documents", "ledger", "message_gaps")
# What only the operator's own description in the job's plan has; the first that fits counts.
OPERATORS = {
    "last offsets": "OverAggregate(partitionBy=[source_topic",
    "event ids": "OverAggregate(partitionBy=[event_id",
    "devices": "partitionBy=[device_id], orderBy=[sequence",
    "ledger": "GlobalWindowAggregate(",
    "answered waits": "Join(",
    "sessions": "AS started_at_ms",
    "open carts": "gap=[30 min], partition keys=[rule",
}
Sizes = dict[str, int]


class Job:
    """A running job over a folder of message files, watched over REST."""

    def __init__(self, flink: Flink) -> None:
        (port,) = free_ports(1)
        folder = flink.new_folder()
        self._messages = folder / "messages"
        self._messages.mkdir()
        self._files = 0
        self._client = _submit(flink, self._messages, _options(folder, port))
        self._url = f"http://{LOOPBACK}:{port}/jobs/{self._client.get_job_id()}"

    def cancel(self) -> None:
        self._client.cancel().result()

    def after(self, events: list[Document], now_ms: int) -> Sizes:
        """Bytes of state by operator when the events have been read and event time stands near `now_ms`."""
        self._read([*events, heartbeat(f"pulse {now_ms}", now_ms)])
        _wait_for(lambda: self._event_time() >= now_ms - 10_000)
        return self._checkpoint()

    def _read(self, events: list[Document]) -> None:
        lines = "".join(f"{line}\n" for line in placed(by_arrival(events)))
        hidden = self._messages / f".{self._files}"
        hidden.write_text(lines, encoding="utf-8")
        hidden.rename(self._messages / f"{self._files}.jsonl")
        self._files += 1

    def _get(self, path: str = "") -> Any:
        try:
            return requests.get(f"{self._url}{path}", timeout=10).json()
        except requests.ConnectionError:
            return {}  # the job is still being started

    def _event_time(self) -> float:
        """The watermark that every operator behind an exchange has reached."""
        vertices = [vertex for vertex in self._get().get("vertices", []) if "Source:" not in vertex["name"]]
        found = [self._get(f"/vertices/{vertex['id']}/watermarks") for vertex in vertices]
        return min((float(entry["value"]) for entry, *_ in found), default=-1) if all(found) else -1

    def _checkpoint(self) -> Sizes:
        asked = requests.post(f"{self._url}/checkpoints", json={"checkpointType": "FULL"}, timeout=10).json()
        place = f"/checkpoints/{asked['request-id']}"
        _wait_for(lambda: self._get(place)["status"]["id"] == "COMPLETED")
        details = f"/checkpoints/details/{self._get(place)['operation']['checkpointId']}"
        _wait_for(lambda: "tasks" in self._get(details))  # the server shows a copy, renewed now and then
        tasks = self._get(details)["tasks"]
        return {name: tasks[vertex]["state_size"] for name, vertex in self._operators().items()}

    def _operators(self) -> dict[str, str]:
        nodes = self._get("/plan")["plan"]["nodes"]
        return {
            next((name for name, text in OPERATORS.items() if text in node["description"]), "other"): node[
                "id"
            ]
            for node in nodes
        }


def _options(folder: Path, port: int) -> dict[str, str]:
    return {
        "pipeline.auto-watermark-interval": "0 ms",
        "restart-strategy.type": "none",
        "execution.checkpointing.interval": "1 h",
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "metrics.fetcher.update-interval": "100 ms",
        "web.refresh-interval": "100 ms",
        "rest.address": LOOPBACK,
        "rest.bind-address": LOOPBACK,
        "rest.port": str(port),
    }


def _submit(flink: Flink, messages: Path, options: dict[str, str]) -> JobClient:
    settings = Settings({"parallelism": 1, "scoring": False, "idle_timeout_ms": 0, "dedup_ttl_ms": TTL_MS})
    env = flink.environment(settings, options)
    watched = events_file(messages, settings, **{"source.monitor-interval": "100 ms"})
    env.create_temporary_table("events_json", watched)
    suite.build(env, NO_KAFKA, NO_ELASTICSEARCH, settings)
    inserts = wiring.Inserts(env)
    for view in VIEWS:
        nowhere = TableDescriptor.for_connector("blackhole").schema(columns(env, view)).build()
        inserts.into(f"{view}_out", nowhere, f"SELECT * FROM {view}")
    return inserts.plan().execute().get_job_client()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the job did not come so far within a minute"
        time.sleep(0.05)


def visitors(kind: str) -> list[str]:
    return [f"{kind} {number:03}" for number in range(VISITORS)]


@pytest.fixture(scope="module")
def stages(flink: Flink) -> Iterator[dict[str, Sizes]]:
    """Sizes before anybody came, with carts open, with carts abandoned, and when all of it is over."""
    job = Job(flink)
    leaving, returning, buying = visitors("leaves"), visitors("returns"), visitors("buys")
    carts = [cart(visitor, t(10)) for visitor in leaving + returning]
    pages = [page(visitor, t(11)) for visitor in leaving + returning + buying]
    bought = [purchase(visitor, t(11, ms=1)) for visitor in buying]
    try:
        yield {
            "empty": job.after([], t(0)),
            "open": job.after([*carts, *pages, *bought], t(12)),
            "abandoned": job.after([purchase(visitor, t(50)) for visitor in returning], t(90)),
            "over": job.after([], t(60 * 30)),
            "other ids": _after_the_ttl(job, "other", t(60 * 40)),
            "yet other ids": _after_the_ttl(job, "yet other", t(60 * 60)),
        }
    finally:
        job.cancel()


def _after_the_ttl(job: Job, kind: str, at_ms: int) -> Sizes:
    """As many ids again as there were in all the stages before."""
    time.sleep(1.5 * TTL_MS / 1_000)
    ids = [page(visitor, at_ms, sequence=number) for visitor in visitors(kind) for number in range(7)]
    return job.after(ids, at_ms + t(60 * 2) - t(0))


@pytest.mark.parametrize("operator", ["sessions", "open carts", "ledger"])
def test_windows_are_forgotten_once_they_close(stages: dict[str, Sizes], operator: str) -> None:
    sizes = [stages[stage][operator] for stage in ("empty", "open", "abandoned", "over")]
    assert sizes[1] > sizes[0] + 10 * VISITORS or operator == "ledger" and sizes[1] > sizes[0]
    assert sizes[2] == sizes[3] == sizes[0]


def test_an_abandonment_and_its_answer_leave_less_than_a_kilobyte(stages: dict[str, Sizes]) -> None:
    """By the clock, for the time in which it may be recovered: the plan says so, see test_uids_sql.py."""
    sizes = [stages[stage]["answered waits"] for stage in ("empty", "abandoned", "over", "yet other ids")]
    assert sizes[0] + 10 * VISITORS < sizes[1] < sizes[0] + 2 * VISITORS * 1_000
    assert sizes[3] == sizes[2]


def test_two_offsets_are_kept_for_each_partition(stages: dict[str, Sizes]) -> None:
    """The last one and the one before; a timer of some bytes that forgets them comes and goes."""
    sizes = [sizes["last offsets"] for stage, sizes in stages.items() if stage != "empty"]
    assert max(sizes) - min(sizes) < VISITORS


def test_of_a_device_its_words_are_kept_and_none_of_its_events(stages: dict[str, Sizes]) -> None:
    """Three hundred devices with up to four events; later hundreds have been seen before or are as many again."""
    sizes = [stages[stage]["devices"] for stage in ("empty", "over", "yet other ids")]
    assert 3 * VISITORS * 50 < sizes[1] - sizes[0] < 3 * VISITORS * 200
    assert sizes[2] - sizes[0] < 5 * VISITORS * 200


def test_devices_are_remembered_longer_than_event_ids(stages: dict[str, Sizes]) -> None:
    """The time to live of the job is over for all of these; this operator has its own, visitor_memory_ms."""
    sizes = [stages[stage]["devices"] for stage in ("over", "other ids", "yet other ids")]
    assert sizes[0] + 50 * VISITORS < sizes[1] < sizes[1] + 50 * VISITORS < sizes[2]


def test_event_ids_are_forgotten_after_the_ttl(stages: dict[str, Sizes]) -> None:
    """Not at once: the heap forgets a few old ids with each new one. Kept for ever, they would be three times 700."""
    empty, ids, other_ids = (stages[stage]["event ids"] for stage in ("empty", "over", "yet other ids"))
    assert ids > empty + 10 * VISITORS
    assert other_ids - empty < 2 * (ids - empty)
