"""The naive answer to what goes with what: every pair of every session gone through again, decayed backwards.

Written for reading and not for speed, sharing no code with the jobs, whose answers must equal these. Events may come
in any order and twice; all of them are valid.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Event = dict[str, Any]
Told = tuple[float, float]  # cosine, log-likelihood ratio
WEIGHTS = {
    "page_view": 1,
    "product_view": 1,
    "product_click": 1,
    "custom:favourite": 1,
    "add_to_cart": 1,
    "purchase": 1,
}
DAY_MS = 86_400_000
GAP_MS, TAU_MS, MEMORY_MS = 1_800_000, 7 * DAY_MS, 14 * DAY_MS


class Answers:
    """All pairs of a stream: for each ordered pair of items when they met, and what that counted."""

    def __init__(self, events: Iterable[Event], tau_ms: int = TAU_MS, memory_ms: int = MEMORY_MS) -> None:
        self.tau_ms, self.memory_ms = tau_ms, memory_ms
        self.met: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        self.touched: dict[str, set[int]] = defaultdict(set)
        unique = {event["event_id"]: event for event in events}
        by_visitor = defaultdict(list)
        for event in unique.values():
            by_visitor[str(event["visitor_id"])].append(event)
        for own in by_visitor.values():
            own.sort(key=lambda event: (event["event_time_ms"], event.get("sequence", 0), event["event_id"]))
            for session in _sessions(own):
                self._pair(session)

    def _pair(self, session: list[Event]) -> None:
        before: list[str] = []
        counted = 0
        for event in session:
            products = products_of(event)
            for one in products:
                self.touched[one].add(event["event_time_ms"])
            weight = WEIGHTS.get(event["event_type"], 0)
            if not products or not weight or counted >= 200:
                continue
            counted += 1
            for one in products:
                for other in products:
                    if one != other:
                        self._meet(one, other, event["event_time_ms"], weight)
                for other in before[-5:]:
                    if other not in products and products != before[-1:]:
                        self._meet(one, other, event["event_time_ms"], weight)
                        self._meet(other, one, event["event_time_ms"], weight)
            before = [one for one in before if one not in products] + products

    def _meet(self, one: str, other: str, at: int, weight: float) -> None:
        self.met[one, other].append((at, weight))
        self.touched[one].add(at)

    def related(self, now: int) -> dict[str, dict[str, Told]]:
        """For every item all that goes with it after `now`, with both scores."""
        pairs = {
            pair: self._sum(met, now, self._since(sorted(at for at, _ in met), now))
            for pair, met in self.met.items()
        }
        totals: dict[str, float] = defaultdict(float)
        whole = 0.0
        for (one, _), met in self.met.items():
            totals[one] += self._sum(met, now, self._since(sorted(self.touched[one]), now))
            whole += self._sum(met, now, 0)
        found: dict[str, dict[str, Told]] = defaultdict(dict)
        for (one, other), pair in pairs.items():
            if pair:
                found[one][other] = (
                    pair / math.sqrt(totals[one] * totals[other]),
                    ratio(pair, totals[one], totals[other], whole, self._clock(one, now)),
                )
        return dict(found)

    def _clock(self, one: str, now: int) -> float:
        """A ratio counts events as of the item's own last one."""
        last = max(at for at in self.touched[one] if at <= now)
        return math.exp((now - last) / self.tau_ms)

    def _since(self, times: list[int], now: int) -> int:
        """From when on it counts: behind the last silence of more than the memory; never, in such a silence."""
        since = 0
        for before, after in zip(times, [*times[1:], now + 1], strict=True):
            if before <= now < after and now + 1 - before > self.memory_ms:
                return now + 1
            if after <= now and after - before > self.memory_ms:
                since = after
        return since

    def _sum(self, met: list[tuple[int, float]], now: int, since: int) -> float:
        return math.fsum(
            weight * math.exp((at - now) / self.tau_ms) for at, weight in met if since <= at <= now
        )


def ratio(pair: float, one: float, other: float, whole: float, clock: float) -> float:
    """Dunning's ratio as the textbook has it: twice the sum of k ln(k N / (row column))."""
    cells = {(0, 0): pair, (0, 1): one - pair, (1, 0): other - pair, (1, 1): whole - one - other + pair}
    rows, columns = {0: one, 1: whole - one}, {0: other, 1: whole - other}
    found = 0.0
    for (row, column), cell in cells.items():
        if cell > 1e-12 * whole:
            found += cell * math.log(cell * whole / (rows[row] * columns[column]))
    sign = 1 if pair * whole > one * other else -1
    return sign * abs(2 * found) * clock


def products_of(event: Event) -> list[str]:
    """The products of an event, each once: one, or those of a cart or an order."""
    if event["event_type"] in ("product_list_view", "refund"):
        return []
    first = (event.get("product") or {}).get("product_id")
    found = [str(first)] if first else []
    if event["event_type"] in ("add_to_cart", "purchase"):
        properties = event.get("properties") or {}
        found += [name for name in properties.get("product_skus", "").split("|") if name]
        found += [row["item_id"] for row in properties.get("items", [])]
    return list(dict.fromkeys(found))[:20]


def _sessions(events: list[Event]) -> list[list[Event]]:
    found: list[list[Event]] = []
    for event in events:
        if not found or event["event_time_ms"] - found[-1][-1]["event_time_ms"] > GAP_MS:
            found.append([])
        found[-1].append(event)
    return found
