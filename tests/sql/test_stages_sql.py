"""Ingest and visitors as jobs of their own, one behind the other, say what the suite says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import orjson
import pytest

from connectors.contracts import topics
from jobs import ingest, visitors
from jobs.settings import Settings
from state.logic import Document, SourcePosition
from tests import datasets
from tests.sql.engine import answered, counted, counted_by, plain
from tests.sql.tables import (
    Flink,
    Message,
    Row,
    collect,
    document_of,
    file_ends,
    messages_file,
    messages_of,
)
from tests.words import MINUTE, event, t

SLICE_MS = 1_000


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    """A real stream in order, and a guest who signs in, a denial, a flood: what ingest alone decides."""
    datasets.require()
    values = [orjson.dumps(one) for one in datasets.canonical_events("rees46_0000_0214")]
    guest = [
        event("d", "page_view", t(0)),
        event("d", "identify", t(1), user_id="u"),
        event("d", "page_view", t(2)),
        event("no", "consent", t(3), properties={"status": "denied"}),
        event("no", "page_view", t(4)),
        event("regret", "add_to_cart", t(4)),
        *(event("flood", "page_view", t(5, ms=number)) for number in range(320)),
    ]
    return messages_of([*values, *map(orjson.dumps, guest)])


@pytest.fixture(scope="module")
def ingested(flink: Flink, messages: list[Message]) -> dict[str, list[Row]]:
    """What ingest on its own makes of the messages."""
    settings = Settings(bounded=True, slice_ms=SLICE_MS)
    env, folder = flink.environment(settings), flink.new_folder()
    env.create_temporary_table("messages", messages_file(messages, folder / "messages.jsonl", settings))
    ingest.build(env, settings)
    return collect(env, {view: folder / view for view in ("documents", "verdicts")})


@pytest.fixture(scope="module")
def documents(ingested: dict[str, list[Row]]) -> list[Document]:
    return [document_of(row) for row in ingested["documents"]]


def of(documents: Iterable[Document], *kinds: str) -> list[Document]:
    return [document for document in documents if document.kind in kinds]


def test_ingest_alone_judges_as_the_engine_does(
    ingested: dict[str, list[Row]], documents: list[Document], messages: list[Message]
) -> None:
    engine = answered(messages, slice_ms=SLICE_MS)
    assert counted(ingested["verdicts"]) == counted_by(engine)
    own = ("visitor_merged", "bot_suspected")
    wanted = [one for one in engine.documents if one.kind in ("rejected", "alias")]
    wanted += [one for one in of(engine.documents, "signal") if orjson.loads(one.body)["kind"] in own]
    assert plain(of(documents, "rejected", "alias", "signal")) == plain(wanted)
    assert {orjson.loads(one.body)["reason"] for one in of(documents, "rejected")} == {
        "no_consent",
        "bot_quarantined",
    }


def test_a_valid_event_is_the_message_under_its_canonical_visitor(
    documents: list[Document], messages: list[Message]
) -> None:
    valid = {one.id: one for one in of(documents, "valid")}
    assert {one.key for one in valid.values()} >= {"d", "u"} and valid[
        f"d/page_view/{2 * MINUTE}/0"
    ].key == "u"
    for value, position in messages:
        if (found := valid.get(orjson.loads(value)["event_id"])) is not None:
            document, came = orjson.loads(found.body), orjson.loads(value) | {"visitor_id": found.key}
            assert document.pop("source")["offset"] == position.offset
            came.pop("source", None)
            assert {name: document[name] for name in came} == came


@pytest.fixture(scope="module")
def alone(flink: Flink, documents: list[Document]) -> list[Document]:
    """What visitors on its own makes of the valid events, as out of order as ingest may write them, and of a late one."""
    settings = Settings(bounded=True, slice_ms=SLICE_MS, scoring=False)
    env, folder = flink.environment(settings), flink.new_folder()
    chance = random.Random(3)
    valid = sorted(of(documents, "valid"), key=lambda one: one.version + chance.randrange(SLICE_MS))
    found = [Message(one.body, SourcePosition("valid", 0, at, one.version)) for at, one in enumerate(valid)]
    apart = settings.replace(out_of_orderness_ms=settings.out_of_orderness_ms + SLICE_MS)
    env.create_temporary_table("messages", messages_file(found, folder / "messages.jsonl", apart))
    ends = file_ends(folder)
    ends.fill(topics.EVENTS_LATE, [("regret", orjson.dumps(event("regret", "purchase", t(10))))])
    env.create_temporary_table("late_read", ends.document_source(topics.EVENTS_LATE, "event_time_ms"))
    visitors.build_alone(env, settings)
    return [document_of(row) for row in collect(env, {"documents": folder / "documents"})["documents"]]


def test_visitors_alone_agrees_with_the_suite(alone: list[Document], messages: list[Message]) -> None:
    engine = answered(messages, slice_ms=SLICE_MS).documents
    own = of(engine, "session", "features", "visitor", "segment")
    own += [
        one
        for one in of(engine, "signal")
        if orjson.loads(one.body)["kind"] not in ("visitor_merged", "bot_suspected")
    ]
    found = plain(one for one in alone if '"retracted"' not in one.body.decode() and not _lacks_device(one))
    wanted = plain(one for one in own if not _lacks_device(one))
    assert found - wanted == wanted - found == Counter()
    assert len(of(alone, "session")) > 400


def _lacks_device(one: Document) -> bool:
    """A signal of a user whose tracker gives no anonymous_id: the valid event names the user and no device."""
    return one.key == "u" and one.kind == "signal"


def test_a_late_event_retracts_a_signal_of_visitors_alone(alone: list[Document]) -> None:
    signals = [orjson.loads(one.body) for one in of(alone, "signal") if one.key == "regret"]
    carts = sorted(
        (one for one in signals if one["kind"] == "cart_abandoned"), key=lambda one: one["version"]
    )
    assert [one["status"] for one in carts] == ["active", "retracted"]
