"""Messages that hurt: every kind of malformed or hostile record a clickstream has been seen to carry.

The generated shop mixes them in, tests feed them on purpose. Each kind knows what the contract's reference
validation (`connectors.contracts.events.validate_event`) says about it, so that it need not be guessed what
should become of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from connectors.contracts.events import (
    EVENT_ID_MAX_LENGTH,
    EVENT_TIME_MAX_MS,
    SEQUENCE_MAX,
    VISITOR_ID_MAX_LENGTH,
)
from connectors.contracts.rejected import Reason

YEAR_2099_MS = 4_070_908_800_000
_SIX_MINUTES_MS = 360_000
_DEEP = 20_000

Event = dict[str, Any]


@dataclass(frozen=True)
class Poison:
    """One kind.

    Attributes:
        kind: its name.
        reason: why the reference refuses it; None for what looks hostile and has to be taken.
        make: the record's value from an otherwise good event; None is a record without a value.
        fits_line: whether it can be a line of a JSON lines file that is judged at some later time.
    """

    kind: str
    reason: Reason | None
    make: Callable[[Event], bytes | None]
    fits_line: bool = True


def poison(seed: int, now_ms: int) -> Iterator[tuple[str, bytes | None]]:
    """All kinds without end, each once a round, in another order each round.

    Args:
        seed: the same seed and time give the same messages.
        now_ms: the time at which the messages are sent, epoch milliseconds.

    >>> kind, value = next(poison(seed=1, now_ms=1_700_000_000_000))
    >>> kind in KINDS
    True
    """
    shuffled = Shuffled(seed)
    while True:
        yield shuffled.next(now_ms)


def line_poison(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """So many (kind, line) of the kinds that fit a line and are refused; no line holds a newline."""
    shuffled = Shuffled(seed, tuple(row for row in POISON if row.fits_line and row.reason))
    for _ in range(count):
        kind, line = shuffled.next(0)
        if line is not None:
            yield kind, line


class Shuffled:
    """The kinds in rounds of random order, for a caller whose clock moves on."""

    def __init__(self, seed: int, kinds: tuple[Poison, ...] | None = None) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - a generated shop, not a secret
        self._kinds = POISON if kinds is None else kinds
        self._round: list[Poison] = []
        self._made = 0
        self._tag = f"{self._rng.getrandbits(32):08x}"

    def next(self, now_ms: int) -> tuple[str, bytes | None]:
        """The next kind and its message as sent at now_ms (epoch milliseconds)."""
        if not self._round:
            self._round = self._rng.sample(self._kinds, len(self._kinds))
        row = self._round.pop()
        self._made += 1
        return row.kind, row.make(_good(f"poison-{self._tag}-{self._made}", now_ms))


def _good(event_id: str, now_ms: int) -> Event:
    return {
        "schema": "event/1",
        "event_id": event_id,
        "event_type": "page_view",
        "event_time_ms": now_ms,
        "visitor_id": "poison",
        "context": {"device": "mobile"},
    }


def _json(event: Event) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


def _set(**changes: Any) -> Callable[[Event], bytes]:
    return lambda event: _json(event | changes)


def _without(name: str) -> Callable[[Event], bytes]:
    return lambda event: _json({key: value for key, value in event.items() if key != name})


def _add(raw: bytes) -> Callable[[Event], bytes]:
    """The event with a further member, written as it is."""
    return lambda event: _json(event)[:-1] + b"," + raw + b"}"


def _future(ahead_ms: int) -> Callable[[Event], bytes]:
    return lambda event: _json(event | {"event_time_ms": event["event_time_ms"] + ahead_ms})


def _time_as(raw: bytes) -> Callable[[Event], bytes]:
    return lambda event: _json(event | {"event_time_ms": "@"}).replace(b'"@"', raw)


POISON: tuple[Poison, ...] = (
    # bytes
    Poison("null_value", "not_json", lambda event: None, fits_line=False),
    Poison("empty_value", "not_json", lambda event: b"", fits_line=False),
    Poison("invalid_utf8", "not_utf8", _add(b'"title":"\xff\xfe caf\xe9"')),
    Poison("overlong_utf8", "not_utf8", _add(b'"title":"\xc0\xaf"')),
    Poison("utf8_surrogate", "not_utf8", _add(b'"title":"cut \xed\xa0\xbd"')),
    Poison(
        "utf16",
        "not_utf8",
        lambda event: b"\xff\xfe" + _json(event).decode().encode("utf-16-le"),
    ),
    Poison("utf8_bom", "not_json", lambda event: b"\xef\xbb\xbf" + _json(event)),
    # JSON
    Poison("truncated_json", "not_json", lambda event: _json(event)[:-9]),
    Poison("trailing_garbage", "not_json", lambda event: _json(event) + b"}garbage"),
    Poison("two_objects", "not_json", lambda event: _json(event) + b" " + _json(event)),
    Poison("nan", "not_json", _add(b'"score":NaN')),
    Poison("infinity", "not_json", _add(b'"score":-Infinity')),
    Poison("control_character", "not_json", _add(b'"title":"ring\x07\x01"')),
    Poison("deep_nesting", "not_json", _add(b'"deep":' + b'{"a":[' * (_DEEP // 2) + b"]}" * (_DEEP // 2))),
    Poison("lone_surrogate", None, _add(b'"title":"cut emoji \\ud83d"')),
    Poison("duplicate_keys", None, _add(b'"event_type":"search","context":{"device":"desktop"}')),
    Poison("huge_property", None, _add(b'"score":1e400')),
    # not an object
    Poison("json_scalar", "not_an_object", lambda event: b"42"),
    Poison("json_string", "not_an_object", lambda event: b'"page_view"'),
    Poison("json_null", "not_an_object", lambda event: b"null"),
    Poison("array_root", "not_an_object", lambda event: b"[" + _json(event) + b"]"),
    Poison("array_of_scalars", "not_an_object", lambda event: b"[1,2]"),
    # the contract
    Poison("unknown_schema", "unknown_schema", _set(schema="event/99")),
    Poison("missing_schema", "missing_field", _without("schema")),
    Poison("missing_event_id", "missing_field", _without("event_id")),
    Poison("missing_event_type", "missing_field", _without("event_type")),
    Poison("missing_event_time", "missing_field", _without("event_time_ms")),
    Poison("missing_visitor_id", "missing_field", _without("visitor_id")),
    Poison("null_visitor_id", "missing_field", _set(visitor_id=None)),
    Poison("event_id_object", "wrong_type", _set(event_id={"id": 1})),
    Poison("event_id_boolean", "wrong_type", _set(event_id=True)),
    Poison("event_type_array", "wrong_type", _set(event_type=["page_view"])),
    Poison("visitor_id_array", "wrong_type", _set(visitor_id=["v"])),
    Poison("event_time_text", "wrong_type", _set(event_time_ms="yesterday")),
    Poison("event_time_fraction", "wrong_type", _time_as(b"1700000000000.5")),
    Poison("event_time_1e400", "wrong_type", _time_as(b"1e400")),
    Poison("event_time_boolean", "wrong_type", _set(event_time_ms=True)),
    Poison("sequence_text", "wrong_type", _set(sequence="first")),
    Poison("event_id_empty", "out_of_range", _set(event_id="")),
    Poison("event_id_long", "out_of_range", _set(event_id="x" * (EVENT_ID_MAX_LENGTH + 1))),
    Poison("visitor_id_empty", "out_of_range", _set(visitor_id="")),
    Poison("visitor_id_long", "out_of_range", _set(visitor_id="x" * (VISITOR_ID_MAX_LENGTH + 1))),
    Poison("event_type_unknown", "out_of_range", _set(event_type="page-view")),
    Poison("custom_without_name", "out_of_range", _set(event_type="custom:")),
    Poison("event_time_negative", "out_of_range", _set(event_time_ms=-1)),
    Poison("event_time_after_2100", "out_of_range", _set(event_time_ms=EVENT_TIME_MAX_MS + 1)),
    Poison("sequence_large", "out_of_range", _set(sequence=SEQUENCE_MAX + 1)),
    # clocks
    Poison("year_2099", "future_timestamp", _set(event_time_ms=YEAR_2099_MS)),
    Poison("six_minutes_ahead", "future_timestamp", _future(_SIX_MINUTES_MS), fits_line=False),
    Poison("year_1970", None, _set(event_time_ms=0)),
)
KINDS: dict[str, Poison] = {row.kind: row for row in POISON}
