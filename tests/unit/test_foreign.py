"""Files of foreign messages, and the books over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.adapters import AUTO, Adapted, adapt
from connectors.adapters.adapter import RecordMetadata
from connectors.contracts import topics
from connectors.files import messages
from jobs.offline import foreign_ledger as foreign
from tests.unit.adapter_samples import GA4_ROW, OTTO
from tests.unit.test_ledger import FakeMessage

FOREIGN = topics.EVENTS_FOREIGN.name


def test_files_are_read_by_their_kind(tmp_path: Path) -> None:
    for name, text in (
        ("a.csv", 'a,b\n1,"x\ny"\n2,z\n'),
        ("a.json", '{\n"a": 1\n}\n'),
        ("a.jsonl", "{}\n\n[1]\n"),
    ):
        (tmp_path / name).write_text(text)
    rows = list(messages.messages_of(tmp_path / "a.csv"))
    assert [(line, orjson.loads(row)) for line, row in rows] == [
        (3, {"a": "1", "b": "x\ny"}),
        (4, {"a": "2", "b": "z"}),
    ]
    assert [orjson.loads(message) for _, message in messages.messages_of(tmp_path / "a.json")] == [{"a": 1}]
    assert list(messages.messages_of(tmp_path / "a.jsonl")) == [(1, b"{}"), (3, b"[1]")]


class Foreign(FakeMessage):
    def __init__(self, value: bytes, **more: Any) -> None:
        super().__init__(value, **more)
        self.headers = [("received_at_ms", b"unknown")]


def books(
    monkeypatch: pytest.MonkeyPatch, messages: list[bytes], made: list[Any], letters: list[dict[str, Any]]
) -> foreign.ForeignLedger:
    def read_topic(_properties: Any, topic: str) -> Any:
        if topic == FOREIGN:
            return [Foreign(value, offset=offset) for offset, value in enumerate(messages)]
        sources = [
            {"topic": FOREIGN, "partition": 0, "offset": offset, "index": index} for offset, index in made
        ]
        return [FakeMessage(orjson.dumps({"source": source})) for source in sources]

    monkeypatch.setattr(foreign, "read_topic", read_topic)
    return foreign.foreign_ledger({}, {str(number): letter for number, letter in enumerate(letters)})


def test_every_event_of_every_message_is_accounted_for(monkeypatch: pytest.MonkeyPatch) -> None:
    message, refusal = orjson.dumps(OTTO), {"topic": FOREIGN, "partition": 0, "reason": "not_json"}
    whole = books(monkeypatch, [message, b"{"], [(0, 0), (0, 1)], [{**refusal, "offset": 1}])
    assert (whole.messages, whole.events, whole.rejected, whole.unaccounted) == (2, 2, {"not_json": 1}, [])
    lost = books(monkeypatch, [message, b"{"], [(0, 0)], [{**refusal, "offset": 0, "index": 1}])
    assert lost.unaccounted == [(0, 1, 0)]
    assert books(monkeypatch, [message], [(0, 1), (0, 1)], []).unaccounted == [(0, 0, 0)]


def test_what_a_tracker_sends_by_itself_is_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [orjson.dumps({**GA4_ROW, "event_name": name}) for name in ("session_start", "page_view")]
    records = [RecordMetadata(FOREIGN, 0, offset, 1_800_000_000_000, None) for offset in range(2)]
    landed = [
        one.document
        for message, record in zip(messages, records, strict=True)
        for one in adapt(message, AUTO, record)
        if isinstance(one, Adapted)
    ]

    def read_topic(_properties: Any, topic: str) -> Any:
        if topic == FOREIGN:
            return [Foreign(value, offset=offset) for offset, value in enumerate(messages)]
        return [FakeMessage(value) for value in landed]

    monkeypatch.setattr(foreign, "read_topic", read_topic)
    ledger = foreign.foreign_ledger({}, {})
    assert (ledger.messages, ledger.events, ledger.automatic, ledger.unaccounted) == (2, 1, 1, [])


def test_a_garbled_header_is_no_adapter() -> None:
    assert foreign._events_in(orjson.dumps(OTTO), {"adapter": b"\xff"}) == 1
    assert foreign._events_in(orjson.dumps(OTTO), {"adapter": AUTO.encode()}) == 2


def test_an_event_with_a_number_beyond_doubles_is_found_again() -> None:
    message = orjson.dumps({**OTTO, "events": [{**OTTO["events"][0], "big": 0}]}).replace(
        b'"big":0', b'"big":' + b"1" * 400
    )
    (made,) = adapt(message, AUTO, RecordMetadata(FOREIGN, 0, 7, 1_800_000_000_000, None))
    assert isinstance(made, Adapted)
    assert (foreign.source_of(made.document) or {})["offset"] == 7
