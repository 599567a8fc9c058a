"""The naive answer: sessions, abandonments and recoveries of a whole stream, one visitor after the other.

Batch Python over canonical events, written for reading and not for speed, sharing no code with the jobs. The
jobs' answers must equal these row by row. Events may come in any order and twice; lateness is not known here.
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SESSION_GAP_MS = 1_800_000
CART_TIMEOUT_MS = 1_800_000
RECOVERY_WINDOW_MS = 86_400_000
MAX_MS = 86_400_000
MAX_EVENTS = 5_000

Event = dict[str, Any]


@dataclass(frozen=True)
class Session:
    """Events of one visitor without a gap of more than SESSION_GAP_MS."""

    visitor_id: str
    started_at_ms: int
    ended_at_ms: int
    events: int
    types: frozenset[tuple[str, int]]  # (event type, how many)

    @property
    def key(self) -> tuple[str, int, int, int]:
        """The shape of `datasets.truth_sessions`."""
        return self.visitor_id, self.started_at_ms, self.ended_at_ms, self.events


@dataclass(frozen=True)
class Abandonment:
    """A cart timer that fired; recovered_at_ms is the first purchase in (fires_at_ms, fires_at_ms + 24 h]."""

    visitor_id: str
    last_cart_ms: int
    fires_at_ms: int
    last_cart_event_id: str
    recovered_at_ms: int | None

    @property
    def key(self) -> tuple[str, int, int]:
        """The shape of `datasets.truth_abandonments`."""
        return self.visitor_id, self.last_cart_ms, self.fires_at_ms


def read_events(path: Path) -> Iterator[Event]:
    """The canonical events of a JSON lines file, plain or .gz; every line must be one."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        yield from map(orjson.loads, lines)


def sessions(events: Iterable[Event], gap_ms: int = SESSION_GAP_MS) -> list[Session]:
    """Every session, in order of visitor and time. A gap of exactly gap_ms does not end a session."""
    return [
        _session(visitor, part)
        for visitor, history in _histories(events).items()
        for part in _split_at_gaps(history, gap_ms)
    ]


@dataclass(frozen=True)
class Part:
    """A session that may have been closed by force; `number` counts the parts of one cut for its size."""

    visitor_id: str
    id_start_ms: int  # first event of part 0: what the id is made of
    number: int
    ends_by_ms: int
    events: list[Event]


def session_parts(
    events: Iterable[Event], gap_ms: int = SESSION_GAP_MS, max_ms: int = MAX_MS, max_events: int = MAX_EVENTS
) -> Iterator[Part]:
    """Unbroken stretches, cut at each full max_ms since their start and after max_events events."""
    for visitor, history in _histories(events).items():
        for stretch in _split_at_gaps(history, gap_ms):
            yield from _cut(visitor, stretch, max_ms, max_events)


def _cut(visitor: str, stretch: list[Event], max_ms: int, max_events: int) -> Iterator[Part]:
    began, days = stretch[0]["event_time_ms"], defaultdict(list)
    for event in stretch:
        days[(event["event_time_ms"] - began) // max_ms].append(event)
    for day, found in days.items():
        parts: dict[int, list[Event]] = defaultdict(list)
        for index, event in enumerate(found):
            parts[index // max_events].append(event)
        for number, part in parts.items():
            yield Part(visitor, found[0]["event_time_ms"], number, began + (day + 1) * max_ms, part)


def abandonments(
    events: Iterable[Event], timeout_ms: int = CART_TIMEOUT_MS, recovery_ms: int = RECOVERY_WINDOW_MS
) -> list[Abandonment]:
    """Every abandonment up to the final watermark, in order of visitor and time.

    An add_to_cart sets the timer to its time + timeout_ms, a purchase clears it. The timer fires when the
    next of these events comes later than the timer (at its very millisecond it is in time), or none is left.
    """
    return [
        found
        for visitor, history in _histories(events).items()
        for found in _fired(visitor, history, timeout_ms, recovery_ms)
    ]


def _histories(events: Iterable[Event]) -> dict[str, list[Event]]:
    by_visitor: dict[str, list[Event]] = defaultdict(list)
    seen: set[str] = set()
    for event in events:
        if event["event_id"] not in seen:
            seen.add(event["event_id"])
            by_visitor[event["visitor_id"]].append(event)
    for history in by_visitor.values():
        history.sort(key=_order)
    return by_visitor


def _order(event: Event) -> tuple[int, int, str]:
    return event["event_time_ms"], event.get("sequence", 0), event["event_id"]


def _split_at_gaps(history: list[Event], gap_ms: int) -> Iterator[list[Event]]:
    part = [history[0]]
    for event in history[1:]:
        if event["event_time_ms"] - part[-1]["event_time_ms"] > gap_ms:
            yield part
            part = []
        part.append(event)
    yield part


def _session(visitor: str, part: list[Event]) -> Session:
    types = Counter(event["event_type"] for event in part)
    started_at_ms, ended_at_ms = part[0]["event_time_ms"], part[-1]["event_time_ms"]
    return Session(visitor, started_at_ms, ended_at_ms, len(part), frozenset(types.items()))


def _fired(visitor: str, history: list[Event], timeout_ms: int, recovery_ms: int) -> Iterator[Abandonment]:
    steps = [event for event in history if event["event_type"] in ("add_to_cart", "purchase")]
    for at, event in enumerate(steps):
        fires_at = event["event_time_ms"] + timeout_ms
        in_time = at + 1 < len(steps) and steps[at + 1]["event_time_ms"] <= fires_at
        if event["event_type"] == "add_to_cart" and not in_time:
            recovered_at = _first_purchase(steps[at + 1 :], fires_at + recovery_ms)
            yield Abandonment(visitor, event["event_time_ms"], fires_at, event["event_id"], recovered_at)


def _first_purchase(later: list[Event], until_ms: int) -> int | None:
    # Whatever comes after a timer that fired is later than the timer, so only the upper end is left to check.
    for event in later:
        if event["event_type"] == "purchase":
            return event["event_time_ms"] if event["event_time_ms"] <= until_ms else None
    return None
