"""Whose an event is, whether it is held back, and what is said of it: as the naive answer has it."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from connectors.contracts.rejected import Rejected
from connectors.contracts.signals import Signal
from state.engine import Engine
from state.logic import Out, SourcePosition
from state.options import Options
from state.visitors.ingest import AdmissionLogic
from tests import visitor_oracle
from tests.engine_runs import (
    DAY,
    HOUR,
    MINUTE,
    T0,
    Document,
    documents,
    event,
    lines,
    mixed,
    run,
    verdicts,
    written,
)

CAPS = Options(bounded=True, bot_events_per_minute=4, bot_events_per_day=20, bot_quarantine_ms=5 * MINUTE)
TYPES = ["page_view"] * 5 + ["identify", "purchase", "consent", "custom:login"]


def _random_events(seed: int) -> list[Document]:
    chance = random.Random(seed)
    return [_random_event(chance, number) for number in range(150)]


def _random_event(chance: random.Random, number: int) -> Document:
    device, kind = f"a{chance.randrange(4)}", chance.choice(TYPES)
    found = event(
        device, kind, chance.randrange(0, HOUR, 20_000), sequence=chance.randrange(3), anonymous_id=device
    )
    found["event_id"] = f"e{number}"
    if (kind in ("identify", "purchase", "custom:login") and chance.random() < 0.8) or chance.random() < 0.05:
        found["user_id"] = f"u{chance.randrange(3)}"
    if chance.random() < 0.05:
        found["visitor_id"] = f"u{chance.randrange(3)}"
    if kind == "consent":
        found["properties"] = {"status": chance.choice(["granted", "granted", "denied", "maybe", "erased"])}
    return found


def positions(values: list[bytes]) -> list[SourcePosition]:
    return [SourcePosition("raw", 0, offset, T0 + 2 * DAY) for offset in range(len(values))]


@pytest.mark.parametrize("seed", range(60))
def test_random_events_are_judged_as_the_naive_answer_judges_them(seed: int) -> None:
    events = _random_events(seed)
    required = seed % 5 == 0
    caps = visitor_oracle.Caps(required, 4, 20, 5 * MINUTE)
    options = CAPS.replace(consent_required=required)
    values = lines(events)
    random.Random(seed).shuffle(values)
    out = Engine(options, live=0).run(
        values, random.Random(seed).choice((50, 1_000, MINUTE, HOUR)), positions(values)
    )
    wanted = visitor_oracle.judge(events, caps)
    assert_admitted(out, values, wanted)
    links = [one for one in documents(out, "signal") if one["kind"] == "visitor_merged"]
    assert {
        (one["evidence"]["anonymous_id"], one["visitor_id"]): one["occurred_at_ms"] for one in links
    } == wanted.links
    assert len(links) == len(wanted.links)


def assert_admitted(out: Out, values: list[bytes], wanted: visitor_oracle.Answers) -> None:
    valid = {one["event_id"]: one["visitor_id"] for one in documents(out, "valid")}
    letters = {
        orjson.loads(values[one["offset"]])["event_id"]: one["reason"] for one in documents(out, "rejected")
    }
    assert valid == {
        name: visitor for name, visitor in wanted.visitors.items() if wanted.withheld[name] is None
    }
    assert letters == {name: reason for name, reason in wanted.withheld.items() if reason is not None}
    assert verdicts(out)["valid"] == len(valid)


def test_slices_change_nothing_of_it() -> None:
    values = lines(_random_events(1))
    whole = written(run(values, HOUR, options=CAPS))
    for slice_ms in (50, 1_000, MINUTE):
        assert written(run(mixed(values, slice_ms), slice_ms, options=CAPS, live=0)) == whole


def test_a_new_link_is_a_signal_and_an_alias() -> None:
    events = [
        event("d", "identify", 1, user_id="u"),
        event("d", "identify", 2, user_id="w"),
        event("d", "identify", 3, user_id="u"),
    ]
    out = run(lines(events))
    assert [
        (one["anonymous_id"], one["visitor_id"], one["users_of_anonymous_id"])
        for one in documents(out, "alias")
    ] == [("d", "u", 1), ("d", "w", 2)]
    for found in documents(out, "signal"):
        Signal.model_validate(found)


def test_a_flood_is_held_back_and_reported_once() -> None:
    events = [event("d", "page_view", at) for at in range(6)]
    out = run(lines(events), options=CAPS)
    (found,) = [one for one in documents(out, "signal") if one["kind"] == "bot_suspected"]
    assert found["evidence"] == {"events_in_minute": 5, "events_in_day": 5, "held_back_from_ms": T0 + 4}
    assert (verdicts(out)["valid"], len(documents(out, "rejected"))) == (4, 2)


def test_caps_may_be_off() -> None:
    events = [event("d", "page_view", at) for at in range(6)]
    out = run(lines(events), options=Options(bot_events_per_minute=0, bot_events_per_day=0))
    assert verdicts(out) == {"valid": 6}


def test_an_erasure_leaves_nothing_behind() -> None:
    erase = event("d", "consent", 9, properties={"status": "erased"})
    engine = Engine(Options())
    engine.take(lines([event("d", "add_to_cart", 1), event("d", "page_view", 2), erase]), None, T0 + MINUTE)
    found = [document.kind for document in engine.finish().documents]
    assert found == []


def test_refused_messages_become_dead_letters_with_their_bytes() -> None:
    values = [b"{", b'{"schema":"event/2"}', orjson.dumps(event("v", "page_view", 3 * DAY))]
    out = Engine(Options(job_version="9")).take(values, positions(values), T0 + 5 * DAY)
    found = [Rejected.model_validate(one) for one in documents(out, "rejected")]
    assert [one.reason for one in found] == ["not_json", "unknown_schema", "future_timestamp"]
    assert [one.payload() for one in found] == values
    assert [document.id for document in out.documents if document.kind == "rejected"] == [
        "raw:0:0",
        "raw:0:1",
        "raw:0:2",
    ]
    assert {one.job_version for one in found} == {"9"}


def test_dead_letters_may_be_without_bytes_and_words_of_the_message() -> None:
    out = Engine(Options(rejected_payloads=False)).take([b'{"secret'], positions([b""]), T0)
    (found,) = documents(out, "rejected")
    assert found["payload_base64"] is None
    assert found["detail"] == "the message is not kept: rejected_payloads is off"


def test_heartbeats_are_counted_and_go_nowhere() -> None:
    out = run(lines([event("beat", "heartbeat", 1)]))
    assert (verdicts(out), out.documents) == ({"heartbeat": 1}, [])


@pytest.mark.parametrize("copies", [2, 3])
def test_a_second_copy_is_counted_and_dropped_within_the_span(copies: int) -> None:
    first = event("v", "page_view", 0)
    far = [first | {"event_time_ms": T0 + at} for at in (DAY, 2 * DAY + 1)]
    out = run(lines([first] * copies + far))
    assert verdicts(out) == {"duplicate": copies, "valid": 2}  # the one after exactly the span, too


def test_pseudonyms_replace_all_ids() -> None:
    found = event("anna", "identify", 1, anonymous_id="d-1", user_id="u-1")
    out = run(lines([found]), key=b"k" * 32)
    text = b"".join(document.body for document in out.documents if document.kind != "features")
    assert not any(
        name in text.replace(found["event_id"].encode(), b"") for name in (b"anna", b"d-1", b"u-1")
    )
    assert all(one["visitor_id"].startswith("hmac:") for one in documents(out, "valid"))


def test_an_ingest_of_its_own_agrees() -> None:
    values = lines(_random_events(2))
    whole = Engine(CAPS).run(values, MINUTE, positions(values))
    alone = Engine(CAPS)
    alone.visitors_logic = AdmissionLogic(CAPS, lambda: 0)  # type: ignore[assignment]
    for bucket in alone.visitors:
        bucket.logic = alone.visitors_logic
    found = alone.run(values, MINUTE, positions(values))
    kinds = {"valid", "rejected", "signal", "alias"}
    assert written(found) == {key: times for key, times in written(whole).items() if key[0] in kinds}
    assert found.counts == whole.counts


def _valid_documents(events: list[Document]) -> Any:
    return [document.body for document in run(lines(events)).documents if document.kind == "valid"]


def test_visitors_may_read_the_topic_of_valid_events() -> None:
    events = [event("v", kind, at) for at, kind in enumerate(("page_view", "add_to_cart", "purchase"))]
    logic = Engine(Options()).visitors_logic
    items = logic.items(_valid_documents(events), None, False, Out())
    assert [(item.visitor_id, item.event.event_type) for item in items] == [
        ("v", one["event_type"]) for one in events
    ]
