"""Waits that nothing ended, over a history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from state.rules.language.model import Absence
from tests.evaluation.documents import holds, number
from tests.evaluation.histories import Event, History, at, sort_key
from tests.evaluation.occurrences import Occurrence, passing


def waits(rule: Absence, history: History, late: list[Event]) -> Iterator[Occurrence]:
    """Unanswered waits, their recoveries, and what late answers take back."""
    answers = passing(rule.without, history.events)
    for window in wait_windows(rule, history):
        begun = [event for event, starts in window if starts]
        ends = [event for event, starts in window if not starts]
        if begun and not (ends and sort_key(begun[0 if rule.since == "first" else -1]) <= sort_key(ends[-1])):
            yield from _changes(rule, _unanswered(rule, history, begun), answers, passing(rule.without, late))


def _unanswered(rule: Absence, history: History, begun: list[Event]) -> Occurrence:
    last = max(begun, key=lambda event: (sort_key(event), str(event["event_id"])))
    # Parts of a session that was cut for its size may begin one wait together: the SQL takes the larger id.
    sessions = [_session_of(history, event) for event in begun] if rule.since == "first" else []
    return Occurrence(
        anchor=str(last["event_id"]),
        occurred_at_ms=at(last) + int(rule.within),
        evidence=_wait_evidence(rule, begun, last),
        session_id=max(sessions, default=None),
    )


def _changes(
    rule: Absence, active: Occurrence, answers: list[Event], late: list[Event]
) -> Iterator[Occurrence]:
    """The unanswered wait, and what becomes of it."""
    yield active
    due_ms, recovered_ms = active.occurred_at_ms, rule.recovered_within or 0
    later = next((event for event in answers if at(event) > due_ms), None)
    if rule.recovered_within and later and at(later) <= due_ms + recovered_ms:
        evidence = active.evidence | _answer(rule, later)
        yield replace(active, status="recovered", version=at(later), evidence=evidence)
    for answer in late:
        if due_ms - int(rule.within) <= at(answer) <= due_ms:
            evidence = active.evidence | _answer(rule, answer)
            yield replace(active, status="retracted", version=due_ms + recovered_ms + 1, evidence=evidence)


def wait_windows(rule: Absence, history: History) -> Iterator[list[tuple[Event, bool]]]:
    """Stretches of what starts the wait (true) and what ends it, none further than the wait from the next."""
    window: list[tuple[Event, bool]] = []
    for event, starts in _moves(rule, history):
        if window and at(event) - at(window[-1][0]) > int(rule.within):
            yield window
            window = []
        window.append((event, starts))
    if window:
        yield window


def _moves(rule: Absence, history: History) -> list[tuple[Event, bool]]:
    if rule.since == "last":
        moves = [(event, holds(rule.where, event)) for event in history.events]
        return [(event, starts) for event, starts in moves if starts or _holds(rule.without, event)]
    found = []
    for session in history.sessions:
        begun = passing(rule.where, session.events)
        found += [(event, True) for event in begun if at(event) == at(begun[0])]
    found += [(event, False) for event in passing(rule.without, history.events)]
    return sorted(found, key=lambda move: sort_key(move[0]))


def _holds(where: Any, event: Event) -> bool:
    return where is not None and holds(where, event)


def _wait_evidence(rule: Absence, begun: list[Event], last: Event) -> dict[str, Any]:
    start = f"{rule.since}_{rule.start_noun}"
    evidence = {f"{start}_event_id": last["event_id"], f"{start}_at_ms": at(last)}
    evidence[f"{rule.start_noun}_events"] = len(begun)
    amounts = [amount for event in begun if (amount := _amount(rule, event)) is not None]
    if rule.value and amounts:
        evidence["value"] = round(sum(amounts), 2)
        limits = [0, *rule.value.bands]
        named = zip(limits, rule.value.bands, strict=False)
        bands = [f"{low}-{high}" for low, high in named if sum(amounts) < high]
        evidence["value_band"] = bands[0] if bands else f"{limits[-1]}+"
    return evidence


def _amount(rule: Absence, event: Event) -> float | None:
    if rule.value is None or (price := number(rule.value.price, event)) is None:
        return None
    quantity = number(rule.value.quantity, event) if rule.value.quantity else None
    return price * (1.0 if quantity is None else quantity)


def _answer(rule: Absence, event: Event) -> dict[str, Any]:
    return {f"{rule.answer_noun}_event_id": event["event_id"], f"{rule.answer_noun}_at_ms": at(event)}


def _session_of(history: History, event: Event) -> str:
    return next(one.session_id for one in history.sessions if event in one.events)
