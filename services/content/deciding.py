"""What is shown in a slot, and why: a pure function of snapshot, content, arms and time.

So a line of the log of decisions can be decided again, and leads to the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from connectors.contracts.experiments import HELD_OUT, HOLDOUT, Arms
from services.content.items import Candidate, Shelf, chosen
from services.content.loading import Content
from services.content.model import Condition, Piece, Slot, Texts, Value
from services.view import Fact

Reason = Literal[
    "signal", "segment", "score", "always", "default", "not_exposed", "unknown_visitor", "unknown_slot"
]
Why = Literal["not_yet", "over", "not_called", "forbidden", "capped", "held_out", "other_arm", "no_items"]
PAUSED = "suggestions_paused"  # the kind of signal that leaves a visitor in peace


class Snapshot(Struct, frozen=True, omit_defaults=True):
    """What is known of a visitor at a moment.

    Attributes:
        visitor_id: whose.
        signals: that have not expired.
        segment: of the visitor's document.
        scores: newest score by model.
        shown: moments at which a content was decided for, by content, epoch milliseconds.
        known: whether anything is known of the visitor.
        shelf: items that may be shown; None where no slot asks for them.
    """

    visitor_id: str
    signals: tuple[Fact, ...] = ()
    segment: str | None = None
    scores: dict[str, float] = {}
    shown: dict[str, list[int]] = {}
    known: bool = True
    shelf: Shelf | None = None


class Because(Struct, frozen=True, omit_defaults=True):
    """What called for a content."""

    signal_id: str | None = None
    kind: str | None = None
    segment: str | None = None
    model: str | None = None
    score: float | None = None


class Answer(Struct, frozen=True, omit_defaults=True):
    """What is shown in one slot.

    Attributes:
        slot: which.
        reason: why this; `default`, `not_exposed` and `unknown_…` are the slot's own default, or nothing.
        content: the content's name; None for a default.
        fields: what the page fills in; empty where nothing is shown.
        because: what called for it.
        passed_over: contents that came before it in order, and why they were not taken.
        items: what the slot shows beside the fields, the best first.
        exposed: experiments on whose arm the answer hung, and the arm; None for a visitor outside.
    """

    slot: str
    reason: Reason
    content: str | None = None
    fields: dict[str, Value] = {}
    because: Because | None = None
    passed_over: dict[str, Why] = {}
    exposed: dict[str, str | None] = {}
    items: tuple[Candidate, ...] = ()


def decide(
    snapshot: Snapshot, content: Content, arms: Arms, now_ms: int, slots: Iterable[str], language: str
) -> list[Answer]:
    """An answer for each slot, in the order in which they were asked for.

    Args:
        snapshot: the visitor.
        content: all that may be shown.
        arms: the visitor's arms.
        now_ms: the moment, epoch milliseconds.
        slots: names; one that is not known gets nothing and a reason.
        language: as a browser says it, `de-AT`; the nearest that there is is taken.
    """
    return [_answer(snapshot, content, arms, now_ms, name, language) for name in slots]


def _answer(
    snapshot: Snapshot, content: Content, arms: Arms, now_ms: int, name: str, language: str
) -> Answer:
    slot = content.slots.get(name)
    if slot is None:
        return Answer(name, "unknown_slot")
    passed: dict[str, Why] = {}
    items = _items(slot, snapshot, now_ms)
    hung_on: dict[str, str | None] = {}
    for piece in content.pieces[name]:
        called = _called(piece, snapshot)
        why = _why_not(piece, snapshot, now_ms, called)
        if why is None and slot.items is not None and not items:
            why = "no_items"
        if why is None and HOLDOUT in arms:
            hung_on[HOLDOUT] = arms[HOLDOUT]
            why = "held_out" if arms[HOLDOUT] == HELD_OUT else None
        if why is None and piece.experiment is not None:
            arm = hung_on[piece.experiment.experiment] = arms.get(piece.experiment.experiment)
            why = None if arm == piece.experiment.arm else "other_arm"
        if why is None and called is not None:
            reason, because = called
            fields = _in(language, piece.texts)
            return Answer(name, reason, piece.name, fields, because, passed, hung_on, items)
        passed[piece.name] = why or "not_called"
    default = _default(name, slot, snapshot, language, passed, hung_on)
    return msgspec.structs.replace(default, items=items) if default.fields else default


def _items(slot: Slot, snapshot: Snapshot, now_ms: int) -> tuple[Candidate, ...]:
    """What the slot shows of the visitor's shelf; nothing while suggestions are paused."""
    paused = any(one.kind == PAUSED and one.status == "active" for one in snapshot.signals)
    if slot.items is None or snapshot.shelf is None or paused:
        return ()
    return chosen(snapshot.shelf, slot.items, now_ms)


def exposed(answer: Answer) -> dict[str, str]:
    """The arms that the answer hung on; without experiments in which the visitor takes no part."""
    return {name: arm for name, arm in answer.exposed.items() if arm is not None}


def withdrawn(answers: list[Answer], content: Content, language: str) -> list[Answer]:
    """The answers with defaults where they hung on an arm: its exposure was not acknowledged."""
    return [
        Answer(
            one.slot, "not_exposed", None, _default_fields(content.slots[one.slot], language), None,
            one.passed_over, one.exposed,
        )
        if exposed(one)
        else one
        for one in answers
    ]  # fmt: skip


def _default_fields(slot: Slot, language: str) -> dict[str, Value]:
    return _in(language, slot.default) if slot.default else {}


def _default(
    name: str,
    slot: Slot,
    snapshot: Snapshot,
    language: str,
    passed: dict[str, Why],
    exposed: dict[str, str | None],
) -> Answer:
    reason: Reason = "default" if snapshot.known else "unknown_visitor"
    return Answer(name, reason, None, _default_fields(slot, language), None, passed, exposed)


def _why_not(piece: Piece, snapshot: Snapshot, now_ms: int, called: object) -> Why | None:
    if not piece.is_of(now_ms):
        return "over" if piece.ends is not None and now_ms >= piece.ends.timestamp() * 1000 else "not_yet"
    if called is None:
        return "not_called"
    if piece.unless is not None and _met(piece.unless, snapshot) is not None:
        return "forbidden"
    return "capped" if _is_capped(piece, snapshot, now_ms) else None


def _called(piece: Piece, snapshot: Snapshot) -> tuple[Reason, Because | None] | None:
    return ("always", None) if piece.when is None else _met(piece.when, snapshot)


def _met(condition: Condition, snapshot: Snapshot) -> tuple[Reason, Because] | None:
    """What meets the condition first: signal before segment before score; None when a group is not met."""
    found: list[tuple[Reason, Because]] = []
    if condition.signals is not None:
        fact = next((one for one in snapshot.signals if _calls(one, condition.signals)), None)
        if fact is None:
            return None
        found.append(("signal", Because(signal_id=fact.signal_id, kind=fact.kind)))
    if condition.segments is not None:
        if snapshot.segment not in condition.segments:
            return None
        found.append(("segment", Because(segment=snapshot.segment)))
    for model, bounds in (condition.scores or {}).items():
        score = snapshot.scores.get(model)
        if score is None or not bounds.hold(score):
            return None
        found.append(("score", Because(model=model, score=score)))
    return found[0]


def _calls(fact: Fact, kinds: list[str]) -> bool:
    """Signals of visitors that denied consent call for nothing."""
    return fact.status == "active" and fact.kind in kinds and not fact.denied


def _is_capped(piece: Piece, snapshot: Snapshot, now_ms: int) -> bool:
    if piece.cap is None:
        return False
    since_ms = now_ms - piece.cap.within_ms
    return sum(at_ms > since_ms for at_ms in snapshot.shown.get(piece.name, ())) >= piece.cap.times


def _in(language: str, texts: Texts) -> dict[str, Value]:
    """The fields in the language, else in the language without its country, else in the first.

    >>> _in("de-AT", {"en": {"headline": "Hi"}, "de": {"headline": "Servus"}})
    {'headline': 'Servus'}
    """
    known: Mapping[str, Any] = texts
    wanted = (language, language.partition("-")[0], next(iter(texts)))
    return dict(next(known[one] for one in wanted if one in known))
