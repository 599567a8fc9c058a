"""Dead letters: the verdict on a refused message, and its letter."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from connectors.rejected import Rejected
from connectors.reread import Record
from connectors.topics import MAX_RAW_MESSAGE_BYTES
from udfs.fetch_rejected import FetchRejected, letter, verdict_of

GOOD = {"schema": "event/1", "event_id": "e", "event_type": "search", "event_time_ms": 5, "visitor_id": "v"}
AT_MS = 1_700_000_000_000


def record(value: bytes | None, offset: int = 7) -> Record:
    return Record("footfall.events.raw", 2, offset, AT_MS, value)


def event(**changes: object) -> bytes:
    return orjson.dumps({**GOOD, **changes})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_utf8"),
        (b"[1]", "not_an_object"),
        (b" " * 1_000_001, "oversized"),
    ],
)
def test_an_unparsable_message_has_the_references_reason(value: bytes | None, reason: str) -> None:
    assert verdict_of("unparsable", record(value)).reason == reason


@pytest.mark.parametrize("value", [event(), event(event_type="buy")])
def test_what_only_the_jobs_reader_cannot_read_is_not_json(value: bytes) -> None:
    verdict = verdict_of("unparsable", record(value))
    assert (verdict.reason, verdict.field) == ("not_json", None)
    assert "the job's JSON reader" in verdict.detail


def test_the_reference_says_more_than_the_job() -> None:
    verdict = verdict_of("out_of_range:event_type", record(event(event_type="buy")))
    assert (verdict.reason, verdict.field) == ("out_of_range", "event_type")
    assert "'buy' came" in verdict.detail


def test_the_jobs_word_stands_where_the_reference_would_accept() -> None:
    verdict = verdict_of("wrong_type:event_id", record(event()))
    assert (verdict.reason, verdict.field) == ("wrong_type", "event_id")


def test_a_stamp_in_the_future_is_judged_by_the_records_own_time() -> None:
    late = event(event_time_ms=AT_MS + 300_001)
    assert verdict_of("future_timestamp:event_time_ms", record(late)).reason == "future_timestamp"


@pytest.mark.parametrize("value", [None, b"", b"\xff\x00{", event(event_type="buy")])
def test_a_letter_has_the_bytes_as_they_came(value: bytes | None) -> None:
    letter_id, text = letter("unparsable", record(value), "0.1.0")
    document = Rejected.model_validate_json(text)
    assert letter_id == "footfall.events.raw:2:7"
    assert document.payload() == value
    assert (document.partition, document.offset, document.timestamp_ms) == (2, 7, AT_MS)


def test_a_message_that_no_letter_can_hold_is_named_by_its_place() -> None:
    _, text = letter("oversized:", record(b" " * (MAX_RAW_MESSAGE_BYTES + 1)), "0.1.0")
    document = Rejected.model_validate_json(text)
    assert (document.reason, document.payload_base64) == ("oversized", None)
    assert "the raw topic has the message at this place" in document.detail


class FakeReader:
    """Gives the records of a list instead of the broker's."""

    def __init__(self, *records: Record) -> None:
        self._records = records

    def read(self, lane: str, topic: str, partition: int, first: int, last: int) -> Iterator[Record]:
        yield from (each for each in self._records if first <= each.offset <= last)


class FakeCounter:
    """Counts as Flink's counter does."""

    count = 0

    def inc(self) -> None:
        self.count += 1


def fetch(reader: FakeReader, *arguments: Any) -> tuple[list[int], int]:
    """Offsets of the letters, and what the counter says."""
    function = FetchRejected({}, "0.1.0")
    function._readers, function._rejected = reader, FakeCounter()
    letters = [orjson.loads(text) for _, text in function.eval("footfall.events.raw", 2, *arguments)]
    return [each["offset"] for each in letters], function._rejected.count


def test_a_gap_gives_a_letter_for_each_of_its_messages() -> None:
    reader = FakeReader(record(b"{", 4), record(b"[", 5), record(b"x", 6))
    assert fetch(reader, 4, 5, "unparsable") == ([4, 5], 2)


def test_a_past_that_looks_like_a_gap_gives_no_letters_for_its_good_events() -> None:
    reader = FakeReader(record(event(), 0), record(b"{", 1), record(event(), 2))
    assert fetch(reader, 0, 2, "unparsable") == ([1], 1)


def test_letters_keep_their_payload_apart_from_their_place() -> None:
    _, text = letter("unparsable", record(b"{"), "0.1.0")
    assert orjson.loads(text)["payload_base64"] == base64.b64encode(b"{").decode()
