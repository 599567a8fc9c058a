"""Counting and dwelling over a history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from state.rules.language.fields import field
from state.rules.language.model import Count, Dwell
from tests.evaluation.documents import text
from tests.evaluation.histories import Event, History, Session, at
from tests.evaluation.occurrences import Occurrence, by_key, passing


def count_in_sessions(rule: Count, history: History) -> Iterator[Occurrence]:
    """The event that brings a session's count of a key to the threshold."""
    for session in history.sessions:
        for key, events in by_key(rule, passing(rule.where, session.events)).items():
            if len(events) >= rule.least:
                yield _hit(rule, _anchor(session, key), key, events[: rule.least], session.session_id)


def counted_in_span(rule: Count, history: History) -> dict[str, list[Event]]:
    """The events that count within a span, by key: of each `distinct` value the first."""
    events, seen = passing(rule.where, history.events), set()
    if rule.distinct:
        firsts = []
        for event in events:
            value = text(rule.distinct, event) or str(event["event_id"])
            if value not in seen:
                firsts.append(event)
            seen.add(value)
        events = firsts
    return by_key(rule, events)


def bursts(rule: Count, history: History) -> Iterator[Occurrence]:
    """Every event that comes with enough others within the span before it, or with none."""
    before, within_ms = max(rule.least, 2) - 1, int(rule.within)
    sessions = {str(event["event_id"]): one for one in history.sessions for event in one.events}
    for key, events in counted_in_span(rule, history).items():
        for number in range(len(events)):
            latest = events[max(0, number - before) : number + 1]
            full = len(latest) > before and at(latest[-1]) - at(latest[0]) <= within_ms
            if full != (rule.exactly is None):
                continue
            event_id, session = str(latest[-1]["event_id"]), None
            anchor = (text(rule.distinct, latest[-1]) or event_id) if rule.distinct else event_id
            if rule.once == "session":
                session = sessions[event_id]
                anchor = session.session_id + (f"/{key}" if rule.key else "")
            yield _hit(rule, anchor, key, latest, session.session_id if session else None)


def dwells(rule: Dwell, history: History) -> Iterator[Occurrence]:
    """The first event that is far enough from the first of its session and key."""
    for session in history.sessions:
        for key, events in by_key(rule, passing(rule.where, session.events)).items():
            for number, event in enumerate(events):
                if at(event) - at(events[0]) >= rule.at_least:
                    counted = events[: number + 1]
                    yield _hit(rule, _anchor(session, key), key, counted, session.session_id)
                    break


def first_of_each(found: Iterator[Occurrence]) -> Iterator[Occurrence]:
    """Of what has one anchor, the first."""
    seen = set()
    for one in sorted(found, key=lambda one: one.occurred_at_ms):
        if one.anchor not in seen:
            yield one
        seen.add(one.anchor)


def _anchor(session: Session, key: str) -> str:
    return session.session_id + (f"/{key}" if key else "")


def _hit(rule: Any, anchor: str, key: str, counted: list[Event], session_id: str | None) -> Occurrence:
    evidence: dict[str, Any] = {field(rule.key).leaf: key} if rule.key and key else {}
    evidence |= {"count": len(counted), "first_at_ms": at(counted[0]), "event_id": counted[-1]["event_id"]}
    return Occurrence(anchor, at(counted[-1]), evidence, session_id)
