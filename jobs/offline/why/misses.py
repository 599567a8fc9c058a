"""How far a rule came that did not fire: the last attempt, and what was missing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.offline.times import span, utc
from jobs.offline.why.engine import Life, Stretch
from jobs.offline.why.facts import Reason
from state.events import Event
from state.rules.kinds.absence import EndAbsence, ReturnKind, WaitKind
from state.rules.kinds.base import Kind, events_of, short
from state.rules.kinds.cart import CartKind
from state.rules.kinds.count import EndCount, EndSum, SessionCount, SpanCount
from state.rules.kinds.deviation import DeviationKind
from state.rules.kinds.dwell import DwellKind
from state.rules.kinds.funnel import FunnelKind
from state.rules.kinds.money import total
from state.rules.kinds.sequence import SequenceKind
from state.rules.language.fields import field as event_field
from state.rules.language.spans import text_of


@dataclass(frozen=True)
class Miss:
    """Why a rule did not fire.

    Attributes:
        reason: one word for programs.
        message: a sentence for people.
        open_until_ms: until when, in event time, this attempt can still come true; None when it is over.
        facts: the numbers of the sentence.
    """

    reason: Reason
    message: str
    open_until_ms: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def miss(life: Life) -> Miss:
    """The last attempt of a rule that found nothing."""
    if not life.stretches:
        return Miss("no_events", "there is no valid event of the visitor in the topics")
    find: Callable[[Any, Life], Miss | None] = _KINDS[type(life.kind)]
    return find(life.kind, life) or _nothing(life)


def _nothing(life: Life) -> Miss:
    """No event that the rule could begin with."""
    rule, seen = life.kind.rule, len(life.events)
    where = next(iter(rule.filters().values()), None)
    types = where.event_types() if where else None
    typed = [event for event in life.events if types is None or event.event_type in types]
    facts = {"events": seen, "of_type": len(typed)}
    if where is None:
        return Miss("no_such_event", f"of {seen} events none is a view with product.category", facts=facts)
    if not typed:
        wanted = " or ".join(sorted(types or ()))
        return Miss("no_such_event", f"of {seen} events none is of type {wanted}", facts=facts)
    holds, key = where.compiled(rule.currencies).holds, getattr(rule, "key", None)
    passed = [event for event in typed if holds(event)]
    if passed and key:
        return Miss(
            "no_such_event", f"none of {len(passed)} events that pass its filter has {key}", facts=facts
        )
    failed = [name for name in sorted(where.field_names()) if name != "event_type"]
    shown = ", ".join(f"{name} = {event_field(name).text_reader()(typed[-1])!r}" for name in failed)
    message = f"none of {len(typed)} events of its type passes the filter; of the last one {shown}"
    return Miss("no_such_event", message, facts=facts)


def _count(kind: SessionCount, life: Life) -> Miss | None:
    for stretch in reversed(life.stretches):
        counts: dict[str, list[int]] = stretch.session.rules.get(kind.key, {})
        if counts:
            key = max(counts, key=lambda one: counts[one])
            count, named = counts[key][0], _named(kind, stretch, key)
            facts = {**_key(kind, named), "count": count, "needed": kind.least, **_of(stretch)}
            message = (
                f"count {count} of {kind.least}{_of_key(kind, named)} in the session since {_at(stretch)}"
            )
            return Miss("count", message, _over_ms(stretch, life), facts)
    return None


def _named(kind: SessionCount | DwellKind, stretch: Stretch, key: str) -> str:
    """A key as it is in events: what is long is remembered by its hash."""
    values = (kind.by.read(event) for event in _heard(kind, stretch))
    return next((value for value in values if value is not None and short(value) == key), key)


def _heard(kind: SessionCount | DwellKind, stretch: Stretch) -> Iterator[Event]:
    """Events that pass the filter."""
    for event in stretch.events:
        if event.kind in kind.hears and (kind.test is None or kind.test(event)):
            yield event


def _count_in_span(kind: SpanCount, life: Life) -> Miss | None:
    if not life.bursts:
        return None
    best = max(life.bursts, key=lambda one: (one.events, one.last_ms))
    facts = {
        **_key(kind, best.key),
        "count": best.events,
        "needed": kind.rule.least,
        "last_at_ms": best.last_ms,
    }
    message = (
        f"count {best.events} of {kind.rule.least}{_of_key(kind, best.key)} within {text_of(kind.within)}"
    )
    return Miss("count", f"{message}, up to {utc(best.last_ms)}", best.first_ms + kind.within, facts)


def _count_at_end(kind: EndCount, life: Life) -> Miss | None:
    stretch = life.stretches[-1]
    count, asked = events_of(kind.kinds, stretch.session), "exactly" if kind.exactly else "at least"
    message = f"count {count}, {asked} {kind.least} is asked for, in the session since {_at(stretch)}"
    facts = {"count": count, "needed": kind.least, **_of(stretch)}
    return Miss("count", message, _over_ms(stretch, life) if count < kind.least else None, facts)


def _sum(kind: EndSum, life: Life) -> Miss | None:
    for stretch in reversed(life.stretches):
        amount = total(stretch.session.rules.get(kind.key, ({},))[0])
        if amount is not None:
            message = f"{kind.name} {amount:g} of {kind.least} in the session since {_at(stretch)}"
            facts = {kind.name: amount, "needed": kind.least, **_of(stretch)}
            return Miss("count", message, _over_ms(stretch, life), facts)
    return None


def _waited(kind: WaitKind, life: Life) -> Miss | None:
    if not life.ended:
        return None
    ended = life.ended[-1]
    start_type = life.type_of(ended.start_id)
    return _answered((start_type, ended.start_id, ended.start_at), ended.answer)


def _answered(start: tuple[str, str, int], answer: Event) -> Miss:
    start_type, start_id, start_at = start
    message = (
        f"{answer.event_type} {answer.event_id} at {utc(answer.at)} ended the wait that"
        f" {start_type} {start_id} at {utc(start_at)} began"
    )
    facts = {"start_event_id": start_id, "start_at_ms": start_at}
    facts |= {"answer_event_id": answer.event_id, "answer_at_ms": answer.at}
    return Miss("answered", message, None, facts)


def _answered_in_session(kind: EndAbsence, life: Life) -> Miss | None:
    for stretch in reversed(life.stretches):
        begun = [one for one in stretch.events if kind.kinds is None or one.kind in kind.kinds]
        answers = [one for one in stretch.events if one.kind in kind.without]
        if begun and answers:
            last = begun[-1]
            return _answered((last.event_type, last.event_id, last.at), answers[-1])
    return None


def _silence(kind: ReturnKind, life: Life) -> Miss:
    longest = max(life.silences, default=None)
    lasted_ms, until_ms = longest or (0, life.events[-1].at)
    message = f"the longest silence lasted {_long(lasted_ms)} of {_long(kind.away_ms)}, until {utc(until_ms)}"
    facts = {"silence_ms": lasted_ms, "needed_ms": kind.away_ms, "until_ms": until_ms}
    return Miss("silence", message, facts=facts)


def _sequence(kind: SequenceKind, life: Life) -> Miss | None:
    if not life.walks:
        return None
    best, needed = max(life.walks, key=lambda one: (one.steps, one.first_ms, -one.last_ms)), len(kind.steps)
    facts = {**_key(kind, best.key), "steps": best.steps, "needed": needed, "first_at_ms": best.first_ms}
    if best.steps == needed:
        span_ms = best.last_ms - best.first_ms
        message = (
            f"all {needed} steps{_of_key(kind, best.key)}, but in {_long(span_ms)}, not {_long(kind.within)}"
        )
        return Miss("steps", message, facts={**facts, "span_ms": span_ms})
    message = f"{best.steps} of {needed} steps{_of_key(kind, best.key)}, the last at {utc(best.last_ms)}"
    return Miss("steps", message, best.first_ms + kind.within, facts)


def _dwell(kind: DwellKind, life: Life) -> Miss | None:
    for stretch in reversed(life.stretches):
        since: dict[str, list[int]] = stretch.session.rules.get(kind.key, {})
        spans = {
            value: event.at - since[short(value)][0]
            for event in _heard(kind, stretch)
            if (value := kind.by.read(event)) is not None and short(value) in since
        }
        if spans:
            key = max(spans, key=spans.__getitem__)
            lasted = f"{_long(spans[key])} of {_long(kind.least_ms)}"
            facts = {**_key(kind, key), "dwell_ms": spans[key], "needed_ms": kind.least_ms, **_of(stretch)}
            message = f"{lasted}{_of_key(kind, key)} in the session since {_at(stretch)}"
            return Miss("dwell", message, _over_ms(stretch, life), facts)
    return None


def _funnel(kind: FunnelKind, life: Life) -> Miss:
    message = f"of {len(life.events)} events none belongs to a step ({', '.join(kind.names)})"
    return Miss("no_such_event", message, facts={"events": len(life.events), "sessions": len(life.stretches)})


def _deviation(kind: DeviationKind, life: Life) -> Miss | None:
    began: list[tuple[int, str]] = life.visitor.rules.get(kind.key, [])
    if not began:
        return None
    values = [value for _, value in began]
    span_ms, different = began[-1][0] - began[0][0], len(set(values))
    facts = {"sessions": len(began), "different": different, "needed": kind.distinct, "span_ms": span_ms}
    message = f"the last {len(began)} sessions began with {', '.join(values)}"
    if len(began) < kind.sessions:
        return Miss(
            "sessions", f"{len(began)} of {kind.sessions} sessions that began with a category", facts=facts
        )
    if different < kind.distinct:
        return Miss("values", f"{message}: {different} different, {kind.distinct} are asked for", facts=facts)
    return Miss(
        "values", f"{message}, but in {_long(span_ms)}; {_long(kind.within)} are allowed", facts=facts
    )


def _over_ms(stretch: Stretch, life: Life) -> int:
    return stretch.session.last_at + life.kind.spans.session_gap_ms


def _key(kind: Kind, key: str) -> dict[str, str]:
    return {"key": key} if kind.rule.key else {}


def _of_key(kind: Kind, key: str) -> str:
    return f" for {kind.rule.key} = {key!r}" if kind.rule.key else ""


def _of(stretch: Stretch) -> dict[str, Any]:
    return {"session_id": stretch.session.id, "session_started_at_ms": stretch.session.started_at}


def _at(stretch: Stretch) -> str:
    return utc(stretch.session.started_at)


def _long(milliseconds: int) -> str:
    return span(milliseconds, units=2)


_KINDS: dict[type[Kind], Any] = {
    SessionCount: _count,
    SpanCount: _count_in_span,
    EndCount: _count_at_end,
    EndSum: _sum,
    WaitKind: _waited,
    CartKind: _waited,
    EndAbsence: _answered_in_session,
    ReturnKind: _silence,
    SequenceKind: _sequence,
    DwellKind: _dwell,
    FunnelKind: _funnel,
    DeviationKind: _deviation,
}
