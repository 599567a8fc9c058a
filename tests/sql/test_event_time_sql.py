"""READ agrees with the engine about a message's time, however it is written."""

from __future__ import annotations

from base64 import b64decode
from datetime import datetime
from typing import Any

from connectors.contracts.rejected import Reject
from jobs import read
from jobs.settings import Settings
from state.events import Event, read_event
from state.logic import SourcePosition
from tests.sql.tables import RAW_TOPIC, Flink, Message, collect, messages_file

SETTINGS = Settings.of({"bounded": True, "parallelism": 1})
AT = 1_700_000_000_000
LARGEST = 4_102_444_800_000  # 2100-01-01T00:00:00Z
# JSON, as it stands in the message.
TIMES = [
    *(
        "1700000000000",
        "1700000000000.0",
        "1.7e12",
        "1.7E+12",
        "17e11",
        "17000000000000e-1",
        '"1700000000000"',
    ),
    *('"001700000000000"', "0", "-0", "-0.0", "0.0", '"0"', '"-0"', "5", "5e0", '"5"', str(LARGEST)),
    # Refused by the contract: seconds of a fraction, words, ISO forms, blanks, what is out of range.
    *(
        "1700000000000.5",
        "1700000000.25",
        '"1700000000000.0"',
        '"1.7e12"',
        '" 1700000000000"',
        '"5\\n"',
        "-1",
    ),
    *("null", "true", "{}", "[]", '""', '"soon"', '"2023-11-14T22:13:20Z"', '"2023-11-14 22:13:20"'),
    *(str(LARGEST + 1), "1e15", "1e18", "1e30", "1e300", "9" * 30, f'"{"9" * 19}"', '"٣"'),
]


def message(offset: int, at: str) -> Message:
    ids = f'"schema":"event/1","event_id":"e-{offset}","event_type":"search","visitor_id":"v"'
    return Message(f'{{{ids},"event_time_ms":{at}}}'.encode(), SourcePosition(RAW_TOPIC, 0, offset, LARGEST))


def as_read(flink: Flink, messages: list[Message]) -> list[dict[str, Any]]:
    """What READ makes of each, in the order of the messages."""
    env, folder = flink.environment(SETTINGS), flink.new_folder()
    env.create_temporary_table("messages", messages_file(messages, folder / "messages.jsonl", SETTINGS))
    read.build(env, SETTINGS)
    rows = collect(env, {"messages_with_lateness": folder / "read"})["messages_with_lateness"]
    found = sorted(rows, key=lambda row: int(row["source_offset"]))
    assert [b64decode(row["payload"]) for row in found] == [one.value for one in messages]
    return found


def engine(one: Message) -> Event | Reject:
    return read_event(one.value, LARGEST)


def test_every_event_has_the_time_that_the_engine_reads(flink: Flink) -> None:
    messages = [message(offset, at) for offset, at in enumerate(TIMES)]
    read_by_engine = [engine(one) for one in messages]
    times = {
        TIMES[offset]: (event.event_time_ms, _epoch_ms(row["ts"]))
        for offset, (event, row) in enumerate(zip(read_by_engine, as_read(flink, messages), strict=True))
        if isinstance(event, Event)
    }
    assert len(times) == 18 and {one for one, _ in times.values()} == {0, 5, AT, LARGEST}
    assert {at: by_sql for at, (_, by_sql) in times.items()} == {
        at: by_engine for at, (by_engine, _) in times.items()
    }


def _epoch_ms(moment: str) -> int:
    """Of a time as Flink writes it into a file."""
    found = datetime.fromisoformat(moment.replace(" ", "T"))
    return round(found.timestamp() * 1000)
