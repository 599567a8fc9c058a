"""A crowd of any size: everybody comes on the first day and again on the second, in another order."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.engine_run import Slice

DAY_MS = 86_400_000
START_MS = 1_700_000_000_000 // DAY_MS * DAY_MS
_STEP = 7_919  # a prime: number * step % visitors meets everybody once, far from each other
_EVENTS_OF_A_SLICE = 10_000
_EVENT = (
    '{"schema":"event/1","event_id":"%s-%08d-%d","event_type":"%s","event_time_ms":%d,"visitor_id":"v-%08d",'
    '"context":{"device":"mobile","country":"DE","channel":"Direct","path":"/p/%d"},'
    '"product":{"product_id":"p-%d","category":"c-%d","price":19.99,"quantity":1}}'
)


def visits(visitors: int, day: int, first: int = 0, last: int | None = None) -> Iterator[bytes]:
    """Two events of each visitor of the day, in order of time: a look at a product, and it goes into the cart."""
    step = 1 if day == 0 or visitors % _STEP == 0 else _STEP
    for index in range(first, visitors if last is None else last):
        number = index * step % visitors
        at = START_MS + day * DAY_MS + index * DAY_MS // visitors
        for what, kind in enumerate(("product_view", "add_to_cart")):
            values = (day, number, what, kind, at + what, number, number % 500, number % 5_000, number % 40)
            yield (_EVENT % values).encode()


def slices(visitors: int, days: int = 2) -> Iterator[Slice]:
    """All of them, in slices of the same number of events whatever the size of the crowd."""
    each = _EVENTS_OF_A_SLICE // 2
    for day in range(days):
        for first in range(0, visitors, each):
            last = min(first + each, visitors)
            ends_at = START_MS + day * DAY_MS + last * DAY_MS // visitors
            yield ends_at, list(visits(visitors, day, first, last))
