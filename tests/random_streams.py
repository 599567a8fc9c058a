"""Small random streams that like the edges: gaps at the limits, ties, copies, arrivals at the bound. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.words import DAY, HOUR, MINUTE, Document, event, t

BOUND, GAP, TIMEOUT, RECOVERY = 2_000, 30 * MINUTE, 30 * MINUTE, DAY
LIMITS = (GAP, TIMEOUT + RECOVERY, RECOVERY, BOUND)
TYPES = ("page_view", "add_to_cart", "add_to_cart", "add_to_cart", "purchase", "remove_from_cart", "custom:x")
STEPS = (0, 0, 1, MINUTE, 10 * MINUTE, 20 * MINUTE, 3 * HOUR)
MOST_EVENTS = 14
DUPLICATES = 0.1


def stream(seed: int) -> list[Document]:
    """The events of one to three visitors of their own, copies included, none later than the bound."""
    chance = random.Random(seed)
    visitors = [f"{seed}-{name}" for name in "abc"[: chance.randint(1, 3)]]
    return [event for visitor in visitors for event in _arrivals(chance, _history(chance, visitor))]


def _history(chance: random.Random, visitor: str) -> Iterator[Document]:
    at_ms, sequence = t(0) + _step(chance), 0
    for _ in range(chance.randint(1, MOST_EVENTS)):
        yield event(visitor, chance.choice(TYPES), at_ms, sequence=sequence)
        step = _step(chance)
        at_ms, sequence = at_ms + step, sequence + 1 if step == 0 else 0


def _step(chance: random.Random) -> int:
    """As often at a limit, give or take a millisecond, as anywhere else."""
    if chance.random() < 0.5:
        return chance.choice(LIMITS) + chance.randint(-1, 1)
    return chance.choice(STEPS)


def _arrivals(chance: random.Random, history: Iterator[Document]) -> Iterator[Document]:
    for found in history:
        copies = 2 if chance.random() < DUPLICATES else 1
        for _ in range(copies):
            yield found | {"received_at_ms": found["event_time_ms"] + _delay(chance)}


def _delay(chance: random.Random) -> int:
    return chance.choice((0, 1, BOUND - 1, BOUND, chance.randint(0, BOUND)))
