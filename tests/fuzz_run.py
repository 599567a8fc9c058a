"""A run of mutated messages through a deployed job: what was sent, what became of each, what it cost."""

from __future__ import annotations

import contextlib
import random
import threading
import time
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import psutil
from kafka.admin import ConfigResource, ConfigResourceType

from connectors.contracts import topics
from connectors.contracts.events import validate_event
from connectors.contracts.rejected import Reject, Rejected
from connectors.kafka.client import administrator
from connectors.kafka.topic_reader import end_offsets, read_topic
from jobs.offline.ledger import Ledger, read_ledger
from stack.runs.deploy import Deployment
from stack.runs.feed import Feeder
from stack.shop.poison import POISON
from tests import fuzz

STEP_MS = 20  # of event time from message to message: sessions close and windows end all the way through
LARGEST_BYTES = 11_000_000
Letters = dict[str, dict[str, Any]]


@dataclass
class Sent:
    """What was sent, by the number of the message, from 1."""

    kinds: list[str] = field(default_factory=lambda: [""])
    verdicts: list[str] = field(default_factory=lambda: [""])  # the reference's reason, or ""
    digests: array[int] = field(default_factory=lambda: array("L", [0]))

    def add(self, kind: str, value: bytes, at_ms: int) -> int:
        """Notes a message; returns its number."""
        verdict = validate_event(value, at_ms)
        self.kinds.append(kind.partition("+")[0])
        self.verdicts.append(verdict.reason if isinstance(verdict, Reject) else "")
        self.digests.append(zlib.crc32(value))
        return len(self.kinds) - 1


@dataclass
class Peak:
    """Highest resident memory of the TaskManager's JVM and of all its Python workers, bytes."""

    jvm: int = 0
    python: int = 0
    workers: int = 0

    def sample(self, taskmanager: int) -> None:
        """Looks once; `taskmanager` is the process id of the group's first."""
        jvm, python = 0, []
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(taskmanager)
            for process in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    memory = process.memory_info().rss
                    if process.name() == "java":
                        jvm += memory
                    else:
                        python.append(memory)
        self.jvm, self.python = max(self.jvm, jvm), max(self.python, sum(python))
        self.workers = max(self.workers, len(python))


@contextlib.contextmanager
def memory_of(deployment: Deployment) -> Iterator[Peak]:
    """Samples twice a second."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            peak.sample(deployment.stack.flink.taskmanager.pid or 0)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def allow_bytes(deployment: Deployment, topic: topics.Topic, most: int) -> None:
    """Lets the topic take larger messages, as an operator might who means well."""
    changed = ConfigResource(ConfigResourceType.TOPIC, topic.name, {"max.message.bytes": str(most)})
    with administrator(deployment.kafka_properties) as admin:
        admin.alter_configs([changed])


class Fuzzer:
    """Feeds a deployment whose job runs; nobody else may write to its raw topic."""

    def __init__(self, deployment: Deployment, seed: int, most: int, megabytes: float = 0.0) -> None:
        """Sends nothing yet.

        Args:
            deployment: where the job runs.
            seed: of the messages.
            most: how many messages there will be at most.
            megabytes: share of messages of about a megabyte.
        """
        self._deployment, self.sent = deployment, Sent()
        self._feeder = Feeder(deployment.kafka_properties, max_bytes=LARGEST_BYTES)
        self._now_ms = int(time.time() * 1000) - most * STEP_MS - 3_600_000
        self._made = fuzz.messages(seed, lambda: self._now_ms, megabytes)

    def feed(self, count: int, enormous: int = 0) -> None:
        """Sends so many as fast as the broker takes them, and then so many of ten megabytes."""
        for number in range(1, count + 1):
            self._send(*next(self._made))
            if number % 5_000 == 0:
                self._beat(0)
        for number in range(enormous):
            rng = random.Random(number)  # noqa: S311 - test data, not a secret
            event = fuzz.good_event(rng, f"enormous-{number}", self._now_ms)
            self._send("ten_megabytes", fuzz.megabytes(rng, event, 10_000_000))
        self._feeder.flush()

    def feed_specimens(self) -> None:
        """Sends one of each kind of `stack/shop/poison.py`."""
        for number, row in enumerate(POISON):
            event = fuzz.good_event(random.Random(number), f"specimen-{row.kind}", self._now_ms)  # noqa: S311
            if (value := row.make(event)) is not None:
                self._send(f"specimen {row.kind}", value)

    def _send(self, kind: str, value: bytes) -> None:
        self._feeder.send(value, None, self.sent.add(kind, value, self._now_ms), self._now_ms)
        self._now_ms += STEP_MS

    def _beat(self, ahead_ms: int) -> None:
        self._now_ms += ahead_ms
        self._feeder.heartbeat(self._now_ms, f"beat-{time.time_ns()}", self._now_ms)

    def settled(self, deadline_s: float) -> tuple[Ledger, Letters]:
        """Moves event time on until the ledger balances; the last one, balanced or not, and the letters."""
        deadline = time.monotonic() + deadline_s
        while True:
            self._quiet_down()
            letters = self.letters()
            ledger = read_ledger(self._deployment.kafka_properties, letters)
            if ledger.balanced or time.monotonic() > deadline:
                return ledger, letters

    def _quiet_down(self) -> None:
        """Heartbeats, until no more letters come for some seconds."""
        before = -1
        while (now := self._letters_end()) != before:
            before = now
            for _ in range(8):
                self._beat(60_000)
                self._feeder.flush()
                time.sleep(0.5)

    def _letters_end(self) -> int:
        return end_offsets(self._deployment.kafka_properties, topics.EVENTS_REJECTED.name)[0]

    def letters(self) -> Letters:
        """The dead letters without their bytes, which are compared with what was sent."""
        found: Letters = {}
        for message in read_topic(self._deployment.kafka_properties, topics.EVENTS_REJECTED.name):
            document = orjson.loads(message.value)
            self._compare(document)
            found[message.key.decode()] = {
                name: document[name] for name in ("topic", "partition", "offset", "timestamp_ms", "reason")
            }
        return found

    def _compare(self, document: dict[str, Any]) -> None:
        payload = Rejected.model_validate(document).payload()
        if document["reason"] in ("no_consent", "bot_quarantined") or payload is None:
            return
        number = self._feeder.line_of(document["partition"], document["offset"])
        assert number, f"a letter of a message that was not sent: {document}"
        assert zlib.crc32(payload) == self.sent.digests[number], f"other bytes than were sent: {document}"

    def surprises(self, letters: Letters) -> Counter[str]:
        """kind: the reference's reason against the job's, where these differ; a visitor may be held back."""
        refused = {
            self._feeder.line_of(row["partition"], row["offset"]): row["reason"] for row in letters.values()
        }
        found = Counter[str]()
        for number in range(1, len(self.sent.kinds)):
            verdict, reason = self.sent.verdicts[number], refused.get(number, "")
            if reason != verdict and (verdict or reason not in ("no_consent", "bot_quarantined")):
                found[f"{self.sent.kinds[number]}: {verdict or 'valid'} against {reason or 'valid'}"] += 1
        return found
