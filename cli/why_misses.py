"""How far a rule came that did not fire: the last attempt, and what was missing. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from cli.options import utc
from cli.why_facts import Reason
from state.rules.at_end import is_at_end
from state.rules.evaluate import steps_by_key, walk
from state.rules.evaluate_counts import counted_in_span
from state.rules.evaluate_sessions import beginnings, session_sum
from state.rules.evaluate_waits import wait_windows
from state.rules.fields import field as event_field
from state.rules.histories import Event, History, Session, at
from state.rules.model import Absence, Count, Deviation, Dwell, Funnel, Sequence
from state.rules.occurrences import by_key, passing
from state.rules.spans import text_of


@dataclass(frozen=True)
class Miss:
    """Why a rule did not fire.

    Attributes:
        reason: one word for programs.
        said: a sentence for people.
        open_until_ms: until when, in event time, this attempt can still come true; None when it is over.
        facts: the numbers of the sentence.
    """

    reason: Reason
    said: str
    open_until_ms: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def miss(rule: Any, history: History) -> Miss:
    """The last attempt of a rule that found nothing in the history."""
    if not history.events:
        return Miss("no_events", "there is no valid event of the visitor in the topics")
    return _KINDS[type(rule)](rule, history) or _nothing(rule, history)


def _nothing(rule: Any, history: History) -> Miss:
    """No event that the rule could begin with."""
    where = next(iter(rule.filters().values()), None)
    seen, types = len(history.events), where.event_types() if where else None
    typed = [event for event in history.events if types is None or event["event_type"] in types]
    facts = {"events": seen, "of_type": len(typed)}
    if where is None:
        return Miss("no_such_event", f"of {seen} events none is a view with product.category", facts=facts)
    if not typed:
        wanted = " or ".join(sorted(types or ()))
        return Miss("no_such_event", f"of {seen} events none is of type {wanted}", facts=facts)
    passed, key = passing(where, typed), getattr(rule, "key", None)
    if passed and key:
        return Miss(
            "no_such_event", f"none of {len(passed)} events that pass its filter has {key}", facts=facts
        )
    last = typed[-1]
    failed = [name for name in sorted(where.field_names()) if name != "event_type"]
    shown = ", ".join(f"{name} = {event_field(name).text(last)!r}" for name in failed)
    said = f"none of {len(typed)} events of its type passes the filter; of the last one {shown}"
    return Miss("no_such_event", said, facts=facts)


def _count(rule: Count, history: History) -> Miss | None:
    if is_at_end(rule):
        return _sum(rule, history) if rule.sum_ else _count_at_end(rule, history)
    if rule.within != "session":
        return _count_in_span(rule, history)
    for session in reversed(history.sessions):
        groups = by_key(rule, passing(rule.where, session.events))
        if groups:
            key, events = max(groups.items(), key=lambda item: (len(item[1]), at(item[1][-1])))
            facts = {**_key(rule, key), "count": len(events), "needed": rule.least, **_of(session)}
            said = (
                f"count {len(events)} of {rule.least}{_told(rule, key)} in the session since {_at(session)}"
            )
            return Miss("count", said, session.ended_at_ms + history.spans.gap_ms, facts)
    return None


def _count_in_span(rule: Count, history: History) -> Miss | None:
    within_ms, best = int(rule.within), None
    for key, events in counted_in_span(rule, history).items():
        for number, event in enumerate(events):
            near = [one for one in events[: number + 1] if at(event) - at(one) <= within_ms]
            if best is None or (len(near), at(event)) > best[:2]:
                best = (len(near), at(event), key, near[0])
    if best is None:
        return None
    count, last_ms, key, first = best
    facts = {**_key(rule, key), "count": count, "needed": rule.least, "last_at_ms": last_ms}
    said = (
        f"count {count} of {rule.least}{_told(rule, key)} within {text_of(within_ms)}, up to {utc(last_ms)}"
    )
    return Miss("count", said, at(first) + within_ms, facts)


def _count_at_end(rule: Count, history: History) -> Miss | None:
    session = history.sessions[-1]
    count, asked = len(passing(rule.where, session.events)), "exactly" if rule.exactly else "at least"
    said = f"count {count}, {asked} {rule.least} is asked for, in the session since {_at(session)}"
    facts = {"count": count, "needed": rule.least, **_of(session)}
    return Miss("count", said, _over_ms(session, history, more=count < rule.least), facts)


def _sum(rule: Count, history: History) -> Miss | None:
    for session in reversed(history.sessions):
        if (total := session_sum(rule, session)) is not None:
            said = f"{rule.sum_} {total:g} of {rule.least} in the session since {_at(session)}"
            facts = {str(rule.sum_): total, "needed": rule.least, **_of(session)}
            return Miss("count", said, _over_ms(session, history), facts)
    return None


def _absence(rule: Absence, history: History) -> Miss | None:
    if rule.without is None:
        return _silence(rule, history)
    if rule.within == "session":
        return _answered_in_session(rule, history)
    for window in reversed(list(wait_windows(rule, history))):
        begun = [event for event, starts in window if starts]
        if begun:
            answer = next(event for event, starts in reversed(window) if not starts)
            return _answered(rule, begun[-1], answer)
    return None


def _answered(rule: Absence, start: Event, answer: Event, open_until_ms: int | None = None) -> Miss:
    said = (
        f"{answer['event_type']} {answer['event_id']} at {utc(at(answer))} ended the wait that"
        f" {start['event_type']} {start['event_id']} at {utc(at(start))} began"
    )
    facts = {"start_event_id": start["event_id"], "start_at_ms": at(start)}
    facts |= {"answer_event_id": answer["event_id"], "answer_at_ms": at(answer)}
    return Miss("answered", said, open_until_ms, facts)


def _answered_in_session(rule: Absence, history: History) -> Miss | None:
    for session in reversed(history.sessions):
        begun = passing(rule.where, session.events)
        if begun:
            return _answered(rule, begun[-1], passing(rule.without, session.events)[-1])
    return None


def _silence(rule: Absence, history: History) -> Miss:
    pairs = ((at(later) - at(earlier), at(later)) for earlier, later in pairwise(history.events))
    longest_ms, until_ms = max(pairs, default=(0, at(history.events[-1])))
    said = (
        f"the longest silence lasted {_long(longest_ms)} of {_long(int(rule.within))}, until {utc(until_ms)}"
    )
    facts = {"silence_ms": longest_ms, "needed_ms": int(rule.within), "until_ms": until_ms}
    return Miss("silence", said, facts=facts)


def _sequence(rule: Sequence, history: History) -> Miss | None:
    tries = [
        ([events[number] for number in found], key)
        for key, events in steps_by_key(rule, history).items()
        for start in range(len(events))
        if (found := walk(rule, events, start))
    ]
    if not tries:
        return None
    steps, key = max(tries, key=lambda one: (len(one[0]), at(one[0][0])))
    facts = {**_key(rule, key), "steps": len(steps), "needed": len(rule.steps), "first_at_ms": at(steps[0])}
    span_ms, until_ms = at(steps[-1]) - at(steps[0]), at(steps[0]) + rule.within
    if len(steps) == len(rule.steps):
        said = f"all {len(steps)} steps{_told(rule, key)}, but in {_long(span_ms)}, not {_long(rule.within)}"
        return Miss("steps", said, facts={**facts, "span_ms": span_ms})
    said = f"{len(steps)} of {len(rule.steps)} steps{_told(rule, key)}, the last at {utc(at(steps[-1]))}"
    return Miss("steps", said, until_ms, facts)


def _dwell(rule: Dwell, history: History) -> Miss | None:
    for session in reversed(history.sessions):
        groups = by_key(rule, passing(rule.where, session.events))
        if groups:
            spans = {key: at(events[-1]) - at(events[0]) for key, events in groups.items()}
            key = max(spans, key=spans.__getitem__)
            lasted = f"{_long(spans[key])} of {_long(rule.at_least)}"
            said = f"{lasted}{_told(rule, key)} in the session since {_at(session)}"
            facts = {**_key(rule, key), "dwell_ms": spans[key], "needed_ms": rule.at_least, **_of(session)}
            return Miss("dwell", said, session.ended_at_ms + history.spans.gap_ms, facts)
    return None


def _funnel(rule: Funnel, history: History) -> Miss:
    names = ", ".join(step.name for step in rule.steps)
    said = f"of {len(history.events)} events none belongs to a step ({names})"
    return Miss(
        "no_such_event", said, facts={"events": len(history.events), "sessions": len(history.sessions)}
    )


def _deviation(rule: Deviation, history: History) -> Miss | None:
    began = beginnings(history)[-rule.sessions :]
    if not began:
        return None
    values = [value for value, _ in began]
    span_ms = began[-1][1].started_at_ms - began[0][1].started_at_ms
    facts = {
        "sessions": len(began),
        "different": len(set(values)),
        "needed": rule.distinct,
        "span_ms": span_ms,
    }
    said = f"the last {len(began)} sessions began with {', '.join(values)}"
    if len(began) < rule.sessions:
        return Miss(
            "sessions", f"{len(began)} of {rule.sessions} sessions that began with a category", facts=facts
        )
    if len(set(values)) < rule.distinct:
        return Miss(
            "values", f"{said}: {len(set(values))} different, {rule.distinct} are asked for", facts=facts
        )
    return Miss("values", f"{said}, but in {_long(span_ms)}; {_long(rule.within)} are allowed", facts=facts)


def _over_ms(session: Session, history: History, more: bool = True) -> int | None:
    return session.ended_at_ms + history.spans.gap_ms if more else None


def _key(rule: Any, key: str) -> dict[str, str]:
    return {"key": key} if rule.key else {}


def _told(rule: Any, key: str) -> str:
    return f" for {rule.key} = {key!r}" if rule.key else ""


def _of(session: Session) -> dict[str, Any]:
    return {"session_id": session.session_id, "session_started_at_ms": session.started_at_ms}


def _at(session: Session) -> str:
    return utc(session.started_at_ms)


def _long(milliseconds: int) -> str:
    """A span to its two largest units.

    >>> _long(90_061_001), _long(15_000), _long(0)
    ('1 d 1 h', '15 s', '0 s')
    """
    units = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))
    found, left = [], milliseconds
    for name, size in units:
        if left >= size:
            found.append(f"{left // size} {name}")
            left %= size
    return " ".join(found[:2]) or (f"{milliseconds} ms" if milliseconds else "0 s")


_KINDS: dict[type, Callable[[Any, History], Miss | None]] = {
    Count: _count,
    Absence: _absence,
    Sequence: _sequence,
    Dwell: _dwell,
    Funnel: _funnel,
    Deviation: _deviation,
}
