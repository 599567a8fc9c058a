"""Dead letters again: which are chosen, what becomes of each, and writing them to the topic of re-entry.

Bounded by the ends that the topic has at the start. A letter is sent in one transaction with the mark that it
was sent, and the marks are kept for ever: a second run, also years later, sends nothing again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from connectors.adapters import Adapted, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts import topics
from connectors.contracts.rejected import Rejected
from connectors.errors import BrokerUnavailable
from connectors.kafka.topic_reader import read_topic
from connectors.kafka.writer import Writer
from connectors.wording import plainly
from jobs.offline.fixing import Fix

GROUP = "footfall-replay-rejected"
_CHUNK = 500  # letters a transaction
_WAIT_S = 30.0


@dataclass(frozen=True)
class Choice:
    """Which letters; what is empty does not restrict. Times are those of the refused records, epoch ms."""

    reasons: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    adapters: frozenset[str] = frozenset()
    since_ms: int = 0
    until_ms: int = 2**63

    def takes(self, letter: Rejected) -> bool:
        """Whether the letter is one of them."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.fields or letter.field in self.fields)
            and (not self.adapters or letter.adapter in self.adapters)
            and self.since_ms <= letter.timestamp_ms < self.until_ms
        )


@dataclass(frozen=True)
class Mended:
    """A letter whose events the contract now takes."""

    letter_id: str
    events: tuple[Adapted, ...]


@dataclass
class Report:
    """What would happen, or has happened; numbers of letters but `events` and `late`."""

    letters: int = 0
    not_chosen: int = 0
    already_replayed: int = 0
    from_reentry: int = 0
    still_refused: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    events: int = 0
    late: int = 0
    sent: bool = False

    def to_document(self) -> dict[str, Any]:
        """As JSON takes it."""
        counts = {name: dict(sorted(getattr(self, name).items())) for name in ("still_refused", "accepted")}
        return {**vars(self), **counts}


def letters(properties: Mapping[str, str]) -> Iterator[tuple[str, Rejected]]:
    """Every letter once, up to the ends found at the start; one that was written twice is one letter."""
    seen = set()
    for message in read_topic(properties, topics.EVENTS_REJECTED.name):
        letter_id = (message.key or b"").decode()
        if letter_id not in seen:
            seen.add(letter_id)
            yield letter_id, Rejected.model_validate_json(message.value)


def replayed(properties: Mapping[str, str]) -> set[str]:
    """Ids of the letters that were sent again, by any run ever."""
    return {(message.key or b"").decode() for message in read_topic(properties, topics.REPLAYED.name)}


def mend(
    found: Iterable[tuple[str, Rejected]],
    done: set[str],
    choice: Choice,
    fix: Fix,
    report: Report,
    late_ms: int,
) -> Iterator[Mended]:
    """The letters that can be sent; the report gets what becomes of every one.

    Args:
        found: all letters.
        done: ids of those that were sent already.
        choice: which of them.
        fix: what is done to their bytes first.
        report: is filled in.
        late_ms: an event before this time will be late for what runs now.
    """
    for letter_id, letter in found:
        report.letters += 1
        if not choice.takes(letter):
            report.not_chosen += 1
        elif letter.topic == topics.EVENTS_REENTRY.name:
            report.from_reentry += 1  # or a letter that ingest refuses again would go round for ever
        elif letter_id in done:
            report.already_replayed += 1
        elif (mended := _mended(letter_id, letter, fix, report)) is not None:
            report.accepted[letter.reason] += 1
            report.events += len(mended.events)
            report.late += sum(event.event_time_ms < late_ms for event in mended.events)
            yield mended


def _mended(letter_id: str, letter: Rejected, fix: Fix, report: Report) -> Mended | None:
    payload, now_ms = letter.payload(), int(time.time() * 1000)
    if payload is not None:
        payload = fix.mended(payload, letter.adapter, letter_id)
    record = RecordMetadata(
        letter.topic, letter.partition, letter.offset, now_ms, letter.timestamp_ms or None
    )
    results = tuple(adapt(payload, letter.adapter, record, letter.index or 0))
    made = tuple(one for one in results if isinstance(one, Adapted))
    if len(made) == len(results):
        return Mended(letter_id, made)
    verdict = next(one.verdict for one in results if not isinstance(one, Adapted))
    report.still_refused[" ".join(filter(None, (verdict.reason, verdict.field)))] += 1
    return None


class Sender:
    """Writes events and marks in one transaction; a second sender puts the first out of work."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        """Takes the transactional id.

        Raises:
            BrokerUnavailable: the broker does not answer.
        """
        largest = topics.EVENTS_REENTRY.max_message_bytes
        self._writer = Writer(properties, GROUP, max_request_size=largest)

    def send(self, mended: Iterable[Mended]) -> None:
        """Writes all of it, some hundred letters a transaction.

        Raises:
            BrokerUnavailable: a transaction failed; what was not written is sent by the next run.
        """
        letters = iter(mended)
        while chunk := list(islice(letters, _CHUNK)):
            try:
                self._writer.begin()
                for letter in chunk:
                    self._write(letter)
                self._writer.commit(_WAIT_S)
            except BrokerUnavailable as error:
                raise BrokerUnavailable(
                    f"letters could not be sent: {plainly(error)}",
                    "run again (another run at the same time takes over)",
                ) from error

    def close(self) -> None:
        """Ends it."""
        self._writer.close()

    def _write(self, letter: Mended) -> None:
        for event in letter.events:
            self._writer.write(topics.EVENTS_REENTRY.name, event.document, event.visitor_id)
        # No more than when: the marks are kept for ever, so they must not tell of a visitor.
        mark = {"schema": "replayed/1", "replayed_at_ms": int(time.time() * 1000)}
        self._writer.write(topics.REPLAYED.name, orjson.dumps(mark), letter.letter_id)
