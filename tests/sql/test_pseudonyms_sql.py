"""Ids as pseudonyms from the door on: nothing behind it knows a name, and everything still belongs together."""

from __future__ import annotations

from pathlib import Path

import orjson

from connectors.pseudonyms import SMALLEST_KEY, pseudonym
from tests.sql.tables import Flink
from tests.sql.vocabulary import by_arrival, event, page, placed, t

KEY = b"0123456789abcdef" * (SMALLEST_KEY // 16)
VIEWS = [
    "events_valid",
    "session_documents",
    "signal_documents",
    "alias_documents",
    "ledger",
]


def test_no_name_comes_through_the_door(flink: Flink, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY)
    events = [
        page("Anna-device", t(0)),
        event("Anna-device", "identify", t(1), user_id="Anna-user"),
        page("other", t(1), visitor_id="Anna-user", anonymous_id="Anna-phone", user_id="Anna-user"),
        page("Anna-device", t(2)),
        page("Bert-device", t(60)),
    ]
    rows = flink.run(
        placed(by_arrival(events)), VIEWS, pseudonymise=True, pseudonym_key_file=str(tmp_path / "key")
    )
    text = orjson.dumps(
        [
            {key: value for key, value in row.items() if key not in ("event_id", "document")}
            for view in VIEWS
            for row in rows[view]
        ]
    ).decode()
    assert "Anna-" not in text and "Bert-" not in text
    device, user = pseudonym("Anna-device", KEY), pseudonym("Anna-user", KEY)
    found = sorted((row["event_time_ms"], row["visitor_id"]) for row in rows["events_valid"])
    assert found[:4] == sorted([(t(0), device), (t(1), user), (t(1), user), (t(2), user)])
    documents = [row["document"] for view in VIEWS for row in rows[view] if "document" in row]
    assert documents and not [one for one in documents if '"visitor_id":"hmac:' not in one]
