"""Patterns by trying everything, and paths of events by going through them one by one. Shares no code with jobs/offline/paths."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

Pattern = tuple[Any, ...]


def patterns_in(sequence: Sequence[Any], max_length: int, max_gap: int | None) -> set[Pattern]:
    """Every pattern of one sequence: all choices of rising positions with at most so many others in between."""
    found: set[Pattern] = set()
    chosen = [[at] for at in range(len(sequence))]
    while chosen:
        positions = chosen.pop()
        found.add(tuple(sequence[at] for at in positions))
        if len(positions) < max_length:
            last = positions[-1]
            chosen += [
                [*positions, at]
                for at in range(last + 1, len(sequence))
                if max_gap is None or at - last - 1 <= max_gap
            ]
    return found


def having(
    sequences: Iterable[Sequence[Any]], max_length: int, max_gap: int | None
) -> dict[Pattern, frozenset[int]]:
    """The sequences that have each pattern."""
    found: dict[Pattern, set[int]] = defaultdict(set)
    for number, sequence in enumerate(sequences):
        for pattern in patterns_in(sequence, max_length, max_gap):
            found[pattern].add(number)
    return {pattern: frozenset(numbers) for pattern, numbers in found.items()}


def frequent(
    sequences: Sequence[Sequence[Any]], support: int, max_length: int, max_gap: int | None
) -> dict[Pattern, int]:
    """Patterns with the number of sequences that have them, where these are enough."""
    counts = {pattern: len(numbers) for pattern, numbers in having(sequences, max_length, max_gap).items()}
    return {pattern: count for pattern, count in counts.items() if count >= support}


def is_part(short: Pattern, long: Pattern, max_gap: int | None) -> bool:
    """Whether whatever has the long pattern has the short one for sure."""
    if max_gap is None:
        rest = iter(long)
        return all(step in rest for step in short)
    return any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))


def closed(
    sequences: Sequence[Sequence[Any]], support: int, max_length: int, max_gap: int | None
) -> set[Pattern]:
    """Frequent patterns for which no longer one that has them is in the very same sequences."""
    found = having(sequences, max_length, max_gap)
    found = {pattern: numbers for pattern, numbers in found.items() if len(numbers) >= support}
    return {
        one
        for one, numbers in found.items()
        if not any(
            len(other) > len(one) and numbers == others and is_part(one, other, max_gap)
            for other, others in found.items()
        )
    }


def paths(events: Iterable[dict[str, Any]], gap_ms: int, repeats: bool) -> list[list[str]]:
    """Steps of each session, in no order of sessions; events may come doubled and in any order."""
    by_visitor: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for event in events:
        by_visitor[event["visitor_id"]].setdefault(event["event_id"], event)
    found = []
    for mine in by_visitor.values():
        rows = sorted(
            mine.values(), key=lambda one: (one["event_time_ms"], one.get("sequence", 0), one["event_id"])
        )
        last_ms: int | None = None
        for row in rows:
            if last_ms is None or row["event_time_ms"] - last_ms > gap_ms:
                found.append(list[str]())
            if repeats or not found[-1] or found[-1][-1] != row["event_type"]:
                found[-1].append(row["event_type"])
            last_ms = row["event_time_ms"]
    return found
