"""A shop whose products go together by plan: each visitor stays within one group of products."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import orjson

DAY_MS = 86_400_000
START_MS = 1_700_006_400_000  # a midnight, UTC


def events(
    days: int = 9,
    groups: int = 12,
    of_group: int = 8,
    sessions_a_day: int = 60,
    strays: float = 0.02,
    seed: int = 1,
) -> Iterator[dict[str, object]]:
    """Sessions of four or five products of one group, a stray one seldom; in the order of time by session."""
    rng = random.Random(seed)
    number = 0
    for session in range(days * sessions_a_day):
        group, at = rng.randrange(groups), START_MS + session * DAY_MS // sessions_a_day
        visitor = f"v{rng.randrange(groups * 15):03}"
        for product in rng.sample(range(of_group), rng.choice((4, 5))):
            at += rng.randrange(5_000, 60_000)
            belongs = group if rng.random() >= strays else rng.randrange(groups)
            number += 1
            yield {
                "schema": "event/1",
                "event_id": f"e{number}",
                "event_type": "product_view",
                "event_time_ms": at,
                "visitor_id": visitor,
                "product": {"product_id": f"g{belongs:02}-{product}"},
            }


def write(path: Path, **how: object) -> Path:
    """The shop's events as JSON lines."""
    found = sorted(events(**how), key=lambda event: event["event_time_ms"])  # type: ignore[arg-type, return-value]
    path.write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in found))
    return path
