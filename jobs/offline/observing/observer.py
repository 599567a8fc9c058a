"""Looks at the servers again and again, and gives Prometheus what it saw."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from connectors.contracts import topics
from connectors.errors import FootfallError
from connectors.kafka.client import consumer
from connectors.kafka.writer import Writer
from connectors.wording import plainly
from jobs import ends
from jobs.offline.doctor.examination import Facts, judge, look
from jobs.offline.observing.canary import KIND, Canary
from jobs.offline.observing.families import families
from jobs.offline.searchable import Searchable
from jobs.settings import Settings

_LOG = logging.getLogger(__name__)
_TICK_S, _ANSWER_S = 1.0, 5.0
_SECONDS = (0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1_800)
_FAILURES = (ApiError, TransportError, KafkaError, FootfallError)


class Observer(Collector):
    """What was last seen of an installation. Each part goes on where another cannot.

    Attributes:
        registry: what Prometheus reads.
    """

    def __init__(
        self, rest_url: str, settings: Settings, look_s: float, canary_s: float, wait_ms: int | None = None
    ) -> None:
        """Connects to nothing yet.

        Args:
            rest_url: of Flink.
            settings: of the jobs.
            look_s: between two looks at the servers.
            canary_s: between two carts; 0 leaves none.
            wait_ms: how long a cart is left before it is abandoned; None is the setting's.
        """
        self._rest_url, self._settings, self._look_s = rest_url, settings, look_s
        self._properties = ends.kafka("observe", settings).client_properties()
        self._families: list[Metric] = []
        self._canary = Canary(self._leave_cart, wait_ms or settings.cart_timeout_ms, round(canary_s * 1000))
        self._leaves_carts = canary_s > 0
        self._searchable: Searchable | None = None
        self._letters: KafkaConsumer | None = None
        self._writer: Writer | None = None
        self.registry = CollectorRegistry()
        self._open_metrics()

    def _open_metrics(self) -> None:
        registry = self.registry
        registry.register(self)
        self._rejected = Counter(
            "footfall_rejected", "Dead letters since the observer began.", ["reason"], registry=registry
        )
        self._latency = Histogram(
            "footfall_searchable_seconds",
            "From a change's event time to a search that shows it.",
            ["kind"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._failed = Counter(
            "footfall_observer_failures", "Looks that failed.", ["part"], registry=registry
        )
        if self._leaves_carts:
            self._open_canary()

    def _open_canary(self) -> None:
        canary = self._canary
        asked: dict[str, tuple[str, Callable[[], float]]] = {
            "overdue_seconds": ("Since the oldest cart that waits was due.", self._overdue_s),
            "seconds": ("From the last due time to its being found.", lambda: (canary.delay_ms or 0) / 1000),
            "sent": ("Carts that were left.", lambda: canary.sent),
            "arrived": ("Carts whose signal was found.", lambda: canary.arrived),
            "lost": ("Carts whose signal did not come, though a later one's did.", lambda: canary.lost),
        }  # fmt: skip
        for name, (says, ask) in asked.items():
            Gauge(f"footfall_canary_{name}", says, registry=self.registry).set_function(ask)

    def _overdue_s(self) -> float:
        return self._canary.overdue_s(_now_ms())

    def collect(self) -> list[Metric]:
        """What the last look at the servers saw."""
        return self._families

    def run(self, over: Event) -> None:
        """Looks until it is over; what was not foreseen ends it, so that its absence is noticed."""
        with ThreadPoolExecutor(1, "observer-tick") as pool:
            ticking = pool.submit(self._tick_until, over)
            try:
                while True:
                    self.look()
                    if over.wait(self._look_s) or ticking.done():
                        break
            finally:
                over.set()
            ticking.result()
        self._close()

    def look(self) -> None:
        """One look at the servers."""
        with self._counted("look"):
            facts: Facts = look(self._rest_url, self._settings)
            self._families = families(facts, judge(facts, self._settings))

    def _tick_until(self, over: Event) -> None:
        while not over.wait(_TICK_S):
            self.tick()

    def tick(self) -> None:
        """What is looked at more often: dead letters, what is searchable, the canary."""
        with self._counted("letters"):
            self._count_letters()
        with self._counted("searchable"):
            self._count_searchable()
        if self._leaves_carts:
            with self._counted("canary"):
                self._canary.tick(_now_ms())

    def _count_letters(self) -> None:
        if self._letters is None:
            self._letters = _at_the_end(self._properties, topics.EVENTS_REJECTED.name)
        for records in self._letters.poll(0).values():
            for record in records:
                self._rejected.labels(orjson.loads(record.value)["reason"]).inc()

    def _count_searchable(self) -> None:
        if self._searchable is None:
            found = Searchable(ends.elasticsearch(self._settings).client())
            found.skip()
            self._searchable = found
        for change in self._searchable.changes():
            now_ms = _now_ms()
            self._latency.labels(change["kind"]).observe((now_ms - change["version"]) / 1000)
            if change["kind"] == KIND:
                self._canary.found(change["visitor_id"], now_ms)

    def _leave_cart(self, visitor: str, event: bytes) -> None:
        if self._writer is None:
            self._writer = Writer(self._properties, max_block_ms=_ANSWER_S * 1000)
        self._writer.write(topics.EVENTS_RAW.name, event, visitor)
        self._writer.flush(_ANSWER_S)

    @contextmanager
    def _counted(self, part: str) -> Iterator[None]:
        """A failure is counted and told; the part is tried again next time."""
        try:
            yield
        except _FAILURES as error:
            self._failed.labels(part).inc()
            _LOG.warning("%s: %s", part, plainly(error))

    def _close(self) -> None:
        for one in (self._letters, self._writer):
            if one is not None:
                with suppress(KafkaError):
                    one.close()


def _at_the_end(properties: Any, topic: str) -> KafkaConsumer:
    client = consumer(properties)
    partitions = [TopicPartition(topic, one) for one in client.partitions_for_topic(topic) or ()]
    client.assign(partitions)
    for partition, offset in client.end_offsets(partitions).items():
        client.seek(partition, offset)
    return client


def _now_ms() -> int:
    return int(time.time() * 1000)
