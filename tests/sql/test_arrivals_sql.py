"""What becomes of a message, by when and how it comes in: each is in exactly one place, and the ledger knows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import orjson

from connectors.contracts.events import validate_event
from connectors.contracts.messages import read_written
from connectors.contracts.rejected import REASONS, Reject, Rejected
from connectors.contracts.signals import Signal
from stack.shop.poison import POISON
from tests.sql.story import BROKEN, LATE, day
from tests.sql.tables import Answers, Message
from tests.words import Document

WITHHELD = ("no_consent", "bot_quarantined")


def of(story: Answers, kind: str) -> list[Document]:
    return [read_written(document.body) for document in story.documents if document.kind == kind]


def seen(story: Answers, kind: str) -> set[str]:
    """Visitors with a document of the kind."""
    return {document.key for document in story.documents if document.kind == kind}


def test_late_is_what_is_behind_by_more_than_the_bound(story: Answers) -> None:
    late, in_session = seen(story, "late"), seen(story, "session")
    assert {"too far", "regret", "behind the pulse", "late copy", "overtaken"} <= late
    assert {"ahead", "at the bound", "further ahead", "not late", "five minutes ahead"} <= in_session
    assert not {"at the bound", "not late"} & late and not {"too far", "behind the pulse"} & in_session


def test_a_late_event_is_kept_unchanged_with_its_position(
    story: Answers, story_messages: list[Message]
) -> None:
    (found,) = [one for one in of(story, "late") if one["event_id"] == LATE["event_id"]]
    (position,) = [one.position for one in story_messages if one.value == orjson.dumps(LATE)]
    assert {name: found[name] for name in LATE} == LATE
    assert found["source"] == {
        "topic": position.topic, "partition": position.partition, "offset": position.offset, "timestamp_ms": position.timestamp_ms,
    }  # fmt: skip


def test_a_late_purchase_takes_the_abandoned_cart_back(story: Answers) -> None:
    signals = [Signal.model_validate(one) for one in of(story, "signal") if one["visitor_id"] == "regret"]
    carts = sorted((one for one in signals if one.kind == "cart_abandoned"), key=lambda one: one.version)
    assert [one.status for one in carts] == ["active", "retracted"]
    assert carts[0].occurred_at_ms == day(3, 30 * 60_000)
    (session,) = [one for one in of(story, "session") if one["visitor_id"] == "regret"]
    assert (session["events"], session["counts"]["purchase"]) == (1, 0)


def test_a_stamp_of_the_future_is_refused_and_moves_nothing(story: Answers) -> None:
    reasons = [one["reason"] for one in of(story, "rejected") if _payload_of(one, "seven minutes ahead")]
    assert reasons == ["future_timestamp"]


def _payload_of(letter: Document, visitor: str) -> bool:
    return visitor.encode() in (Rejected.model_validate(letter).payload() or b"")


def test_copies_count_once(story: Answers) -> None:
    sessions = {one["visitor_id"]: one["events"] for one in of(story, "session")}
    assert sessions["thrice"] == sessions["late copy"] == sessions["again"] == 1
    assert sessions["one"] == sessions["other"] == 1  # another device's id is another event


def test_heartbeats_belong_to_no_visitor(story: Answers) -> None:
    assert not {"pulse", "late pulse"} & {document.key for document in story.documents}
    beats = [row for row in story.ledger if row["verdict"] == "heartbeat"]
    assert sum(row["events"] for row in beats if row["arrived_in_ms"] < day(BROKEN)) == 2


def letters(story: Answers) -> dict[tuple[int, int], Rejected]:
    found = [Rejected.model_validate(one) for one in of(story, "rejected")]
    return {(one.partition, one.offset): one for one in found}


def test_every_reason_has_a_letter_with_the_bytes_that_came(
    story: Answers, story_messages: list[Message]
) -> None:
    values = {(one.position.partition, one.position.offset): one for one in story_messages}
    found = letters(story)
    assert len(found) == len(of(story, "rejected")), "a letter of a message is written once"
    assert {one.reason for one in found.values()} == set(REASONS)
    for position, letter in found.items():
        if letter.reason in WITHHELD:
            assert letter.payload() is None
            continue
        value, at_ms = values[position].value, values[position].position.timestamp_ms
        verdict = validate_event(value, at_ms)
        assert isinstance(verdict, Reject)
        assert (letter.payload(), letter.timestamp_ms, letter.reason) == (value, at_ms, verdict.reason)


def test_the_job_refuses_what_the_contract_refuses(story: Answers, story_messages: list[Message]) -> None:
    found = letters(story)
    for value, position in story_messages:
        letter, verdict = (
            found.get((position.partition, position.offset)),
            validate_event(value, position.timestamp_ms),
        )
        assert (letter is not None and letter.reason not in WITHHELD) == isinstance(verdict, Reject), value
    assert sum(row.reason is not None for row in POISON) > 40


def test_an_event_is_in_the_slice_of_its_time(story: Answers) -> None:
    """Flink finds the time of a message on its own: in its text, as the reader of the contract does."""
    for row in story.verdicts:
        if row["verdict"] != "heartbeat":
            ends_at_ms = round(datetime.fromisoformat(row["ts"]).timestamp() * 1_000)
            assert ends_at_ms // 300_000 * 300_000 == row["window_start_ms"]


def test_every_message_goes_to_exactly_one_topic(story: Answers, story_messages: list[Message]) -> None:
    """For each five minutes of arrival and each partition: read = valid + duplicate + late + rejected + heartbeat."""
    read, found = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for message in story_messages:
        read[message.position.partition, message.position.timestamp_ms // 300_000] += 1
    for row in story.ledger:
        found[row["source_partition"], row["arrived_in_ms"] // 300_000] += row["events"]
    for late in of(story, "late"):
        found[late["source"]["partition"], late["source"]["timestamp_ms"] // 300_000] += 1
    for letter in of(story, "rejected"):
        found[letter["partition"], letter["timestamp_ms"] // 300_000] += 1
    assert found == read
