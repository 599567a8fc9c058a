"""The naive answer to which segment a visitor is in: the whole story told again for every instant.

It shares no code with the engine: a frequency is a sum over sessions, the time at which it falls is found by
halving, and every millisecond at which anything may change is looked at. It reads the YAML itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from decimal import Decimal, localcontext
from math import exp, fsum
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

Event = dict[str, Any]
Story = list[tuple[int, str, str]]  # at, segment before, segment from then on
_UNITS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
GAP, MOST = 30 * 60_000, 32
FOREVER = 1 << 60


def read(path: Path) -> dict[str, Any]:
    """The file with every span in milliseconds."""
    return _spans(YAML(typ="safe").load(path.read_text()))


def _spans(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _spans(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_spans(value) for value in node]
    if isinstance(node, str) and node[:1].isdigit():
        number, unit = node.split() if " " in node else (node.rstrip("dhmins"), node.lstrip("0123456789"))
        return int(number) * _UNITS[unit]
    return node


class Teller:
    """One visitor's events, each once; `exactly` sums in thirty digits."""

    def __init__(self, definition: dict[str, Any], events: Iterable[Event], exactly: bool = False) -> None:
        self.definition, self.exactly = definition, exactly
        self.events = sorted(
            events, key=lambda one: (one["event_time_ms"], one.get("sequence", 0), one["event_id"])
        )
        self.seen: list[int] = []
        self.starts: list[int] = []
        self.bought: list[tuple[int, float]] = []
        self.orders: set[str] = set()
        self.segment, self.since = "", 0
        self.story: Story = []

    def tell(self, until: int) -> Story:
        """All moves up to and with an instant."""
        for event in self.events:
            at = event["event_time_ms"]
            if at > until:
                break
            self._time_passes(at - 1)
            self._take(event)
            self._look(at)
        self._time_passes(until)
        return self.story

    def _take(self, event: Event) -> None:
        at = event["event_time_ms"]
        # A stretch without a gap is cut every full day.
        if not self.seen or at - self.seen[-1] > GAP or at >= self.starts_day() + _UNITS["d"]:
            self.starts.append(at)
        self.seen.append(at)
        order = event.get("order", {})
        if event["event_type"] == "purchase" and order.get("order_id") not in self.orders - {None}:
            self.orders.add(order.get("order_id"))
            self.bought.append((at, order.get("revenue") or 0.0))

    def starts_day(self) -> int:
        """When the full day began in which the stretch without a gap is."""
        first = self.seen[-1]
        for earlier in reversed(self.seen):
            if first - earlier > GAP:
                break
            first = earlier
        return first + (self.seen[-1] - first) // _UNITS["d"] * _UNITS["d"]

    def _time_passes(self, until: int) -> None:
        """Looks at every millisecond at which a bound may be crossed, in order."""
        if not self.seen:
            return
        after = self.seen[-1]
        edges = self._edges(after, until)
        while edges:
            at = min(edges)
            self._look(at)
            edges = {one for one in edges | self._ends_of_minimum_stays() if at < one <= until}

    def _edges(self, after: int, until: int) -> set[int]:
        edges = self._ends_of_minimum_stays()
        for one in self.definition["segments"]:
            for condition in (*_listed(one["enter"]), *_listed(one.get("stay"))):
                for measure, bounds in condition.items():
                    for edge in bounds.values():
                        edges |= self._crossings(measure, edge, after, until)
        return {one for one in edges if after < one <= until}

    def _ends_of_minimum_stays(self) -> set[int]:
        return {self.since + one.get("minimum_stay", 0) for one in self.definition["segments"]}

    def _crossings(self, measure: str, edge: float, after: int, until: int) -> set[int]:
        if measure == "recency":
            return {self.seen[-1] + int(edge)}
        if measure == "age":
            return {self.seen[0] + int(edge)}
        if measure == "since_purchase":
            return {self.bought[-1][0] + int(edge)} if self.bought else set()
        if measure != "frequency" or not self._value("frequency", until) < edge <= self._value(
            "frequency", after
        ):
            return set()
        low, high = after, until
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._value("frequency", middle) >= edge else (low, middle)
        return {high}

    def _value(self, measure: str, at: int) -> Any:
        if measure == "frequency":
            return self._frequency(at)
        if measure == "since_purchase":
            return at - self.bought[-1][0] if self.bought else FOREVER
        found = {
            "recency": at - self.seen[-1],
            "age": at - self.seen[0],
            "sessions": len(self.starts),
            "purchases": len(self.bought),
            "revenue": sum(revenue for _, revenue in self.bought),
        }
        return found[measure]

    def _frequency(self, at: int) -> Any:
        starts, decay = self.starts[-MOST:], int(self.definition["decay"])
        if not self.exactly:
            return fsum(exp((start - at) / decay) for start in starts)
        with localcontext() as context:
            context.prec = 30
            return sum((Decimal(start - at) / decay).exp() for start in starts)

    def _holds(self, conditions: Any, at: int) -> bool:
        return any(
            all(
                bounds.get("at_least", -1) <= (value := self._value(measure, at))
                and ("below" not in bounds or value < bounds["below"])
                for measure, bounds in condition.items()
            )
            for condition in _listed(conditions)
        )

    def _look(self, at: int) -> None:
        for one in self.definition["segments"]:
            stays = one["name"] == self.segment and (
                at < self.since + one.get("minimum_stay", 0) or self._holds(one.get("stay"), at)
            )
            if stays or self._holds(one["enter"], at):
                break
        else:
            one = {"name": ""}
        if one["name"] != self.segment:
            self.story.append((at, self.segment, one["name"]))
            self.segment, self.since = one["name"], at


def _listed(conditions: Any) -> list[Any]:
    return conditions if isinstance(conditions, list) else [conditions] if conditions else []


def segment_at(story: Story, instant: int) -> str:
    """The segment at an instant, of a story told beyond it."""
    number = bisect_right([at for at, _, _ in story], instant)
    return story[number - 1][2] if number else ""
