"""One story with everything in it that can become of a message: of four partitions, in the order of arrival."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from stack.shop.poison import POISON
from state.logic import SourcePosition
from tests import fuzz
from tests.sql.tables import RAW_TOPIC, Message
from tests.words import BEGINNING, DAY, HOUR, MINUTE, Document, event

BOUND, FUTURE = 2_000, 300_000
MOST_A_DAY = 100  # events of a visitor
BROKEN = 20  # from this day on
PARTITIONS = 4
Arrival = tuple[int, bytes | None]  # when it comes in, epoch milliseconds, and what


def day(number: int, ms: int = 0) -> int:
    """So many days, and so many milliseconds, after the beginning: each part of the story has days of its own."""
    return BEGINNING + number * DAY + ms


def arrivals(*events: Document) -> list[Arrival]:
    """Events as they come in; `received_at_ms` says when."""
    return [(one["received_at_ms"], orjson.dumps(one)) for one in events]


def page(visitor: str, at_ms: int, delay_ms: int = 0, **more: object) -> Document:
    """A view of a page."""
    return event(visitor, "page_view", at_ms, delay_ms, **more)


LATE = page("too far", day(2), BOUND + 2, context={"device": "tv", "consent": "granted"}, properties={"n": 7})
STORY: list[Arrival] = [
    # What is behind by exactly the bound is in time; a millisecond more is late.
    *arrivals(page("ahead", day(1, BOUND)), page("at the bound", day(1), BOUND)),
    *arrivals(page("further ahead", day(2, BOUND + 1)), LATE),
    # An abandoned cart that a late purchase takes back; the late one is in no session.
    *arrivals(event("regret", "add_to_cart", day(3)), page("clock", day(3, 2 * HOUR))),
    *arrivals(event("regret", "purchase", day(3, 10 * MINUTE), 3 * HOUR)),
    # Of one message the watermark has passed everything: it is refused all the same, and a heartbeat counted.
    *arrivals(page("unknown", day(3), 3 * HOUR, schema="event/9")),
    *arrivals(event("late pulse", "heartbeat", day(3), 3 * HOUR)),
    # A heartbeat moves event time on.
    *arrivals(event("pulse", "heartbeat", day(4, BOUND + 1)), page("behind the pulse", day(4), BOUND + 1)),
    # Copies: the first is valid; one that comes late is late.
    *arrivals(*(page("thrice", day(5)) | {"received_at_ms": day(5, ms)} for ms in (0, 5, 1_000))),
    *arrivals(page("late copy", day(6)), page("moving on", day(6, BOUND + 1))),
    *arrivals(page("late copy", day(6)) | {"received_at_ms": day(6, BOUND + 2)}),
    # An id counts once for a device; what was refused does not take it.
    *arrivals(page("one", day(7), event_id="same"), page("other", day(7, 1), event_id="same")),
    *arrivals(page("again", day(8), event_id="again") | {"event_type": "buy"}, page("again", day(8, 5), event_id="again")),
]  # fmt: skip


def stamped(visitor: str, number: int, ahead_ms: int) -> Arrival:
    """A page whose clock is ahead of its record's."""
    return day(number), orjson.dumps(page(visitor, day(number, ahead_ms)))


STORY += [
    stamped("seven minutes ahead", 9, 7 * MINUTE),  # refused, and moves nothing:
    *arrivals(page("not late", day(9, 1))),
    stamped("five minutes ahead", 10, FUTURE),  # accepted, and moves event time:
    *arrivals(page("overtaken", day(10, 10))),
    # Held back: who said no, and who is over the cap of a day.
    *arrivals(
        event("said no", "consent", day(11), properties={"status": "denied"}), page("said no", day(11, 1))
    ),
    *arrivals(*(page("flood", day(12, 1_000 * number)) for number in range(MOST_A_DAY + 2))),
    *arrivals(page("large", day(13), properties={"text": "x" * 1_000_000})),
]


def poison(number: int) -> Iterator[Arrival]:
    """One specimen of every kind of malformed message."""
    for index, row in enumerate(POISON):
        at_ms = day(number, index * 100)
        yield at_ms, row.make(page(f"specimen {index}", at_ms))


def mutated(seed: int, count: int, number: int) -> Iterator[Arrival]:
    """So many broken messages of few visitors, half a second of event time apart."""
    clock = iter(range(day(number), day(number + 30), 500))
    for index, (_, value) in enumerate(islice(fuzz.messages(seed, lambda: next(clock)), count)):
        yield day(number, 500 * index), value.replace(b"visitor-1", b"visitor-")


def in_partitions(arrivals: Iterable[Arrival], seed: int = 1) -> list[Message]:
    """The messages in the order given, in partitions at random."""
    chance, offsets = random.Random(seed), Counter[int]()
    found = []
    for at_ms, value in arrivals:
        partition = chance.randrange(PARTITIONS)
        found.append(Message(value, SourcePosition(RAW_TOPIC, partition, offsets[partition], at_ms)))
        offsets[partition] += 1
    return found
