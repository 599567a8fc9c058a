"""What a rule finds in one visitor's whole history, in plain Python over lists: the engine is held to it by tests.

It shares the language of the rules with the engine, and nothing of how the engine remembers: it looks back over all
events for each answer. Answers as if time had ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

from state.rules.language.fields import field
from state.rules.language.model import Absence, Count, Deviation, Dwell, Funnel, Sequence
from tests.evaluation.counts import bursts, count_in_sessions, dwells, first_of_each
from tests.evaluation.documents import holds
from tests.evaluation.histories import Event, History, at
from tests.evaluation.occurrences import Occurrence, by_key
from tests.evaluation.sessions import at_end, deviations
from tests.evaluation.waits import waits


def evaluate(rule: Any, history: History, late: Iterable[Event] = ()) -> list[Occurrence]:
    """Every occurrence, in order of time and version.

    Args:
        rule: one of the classes of state/rules/language/model.py.
        history: the visitor's valid events.
        late: the visitor's late ones; they answer waits and do nothing else.
    """
    if isinstance(rule, Absence) and rule.without and rule.within != "session":
        found = list(waits(rule, history, list(late)))
    else:
        found = list(_KINDS[type(rule)](rule, history))
    return sorted(found, key=lambda one: (one.occurred_at_ms, one.version))


def _count(rule: Count, history: History) -> Iterator[Occurrence]:
    if _is_at_end(rule):
        yield from at_end(rule, history)
    elif rule.within == "session":
        yield from count_in_sessions(rule, history)
    else:
        yield from first_of_each(bursts(rule, history))


def _absence(rule: Absence, history: History) -> Iterator[Occurrence]:
    if rule.within == "session":
        yield from at_end(rule, history)
        return
    sessions = {str(event["event_id"]): one.session_id for one in history.sessions for event in one.events}
    for before, event in pairwise(history.events):
        away_ms = at(event) - at(before)
        if away_ms >= rule.within:
            evidence = {"event_id": event["event_id"], "last_seen_ms": at(before), "away_ms": away_ms}
            session_id = sessions[str(event["event_id"])]
            yield Occurrence(session_id, at(event), evidence, session_id)


def _sequence(rule: Sequence, history: History) -> Iterator[Occurrence]:
    for key, events in steps_by_key(rule, history).items():
        start = 0
        while start < len(events):
            steps = walk(rule, events, start)
            whole = len(steps) == len(rule.steps) and at(events[steps[-1]]) - at(events[start]) <= rule.within
            if whole:
                first, last = events[start], events[steps[-1]]
                evidence: dict[str, Any] = {field(rule.key).leaf: key} if rule.key else {}
                evidence |= {"first_at_ms": at(first), "first_event_id": first["event_id"]}
                yield Occurrence(
                    str(first["event_id"]), at(last), {**evidence, "last_event_id": last["event_id"]}
                )
            start = steps[-1] + 1 if whole else start + 1


def steps_by_key(rule: Sequence, history: History) -> dict[str, list[Event]]:
    """Events that can be a step, by key."""
    return by_key(rule, [event for event in history.events if any(holds(step, event) for step in rule.steps)])


def walk(rule: Sequence, events: list[Event], start: int) -> list[int]:
    """Where the steps that begin here lie, each as early as it can; none when this is no first step."""
    found: list[int] = []
    number = start
    for step in rule.steps:
        while number < len(events) and not holds(step, events[number]):
            if not found:
                return []
            number += 1
        if number == len(events):
            break
        found.append(number)
        number += 1
    return found


_KINDS: dict[type, Callable[[Any, History], Iterator[Occurrence]]] = {
    Count: _count,
    Absence: _absence,
    Sequence: _sequence,
    Dwell: dwells,
    Funnel: at_end,
    Deviation: deviations,
}


def _is_at_end(rule: object) -> bool:
    """Whether a session that is over answers the rule, and nothing else does."""
    if isinstance(rule, Absence):
        return rule.within == "session"
    return isinstance(rule, Funnel) or (isinstance(rule, Count) and rule.at == "session_end")
