"""What a rule keeps, waits for and costs, in words and as a table: read off the rule as it works."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from jobs.offline.times import span
from state.rules.kinds.absence import EndAbsence, ReturnKind, WaitKind
from state.rules.kinds.base import Kept, Kind, SessionEndKind
from state.rules.kinds.cart import CartKind
from state.rules.kinds.count import SessionCount, SpanCount
from state.rules.kinds.dwell import DwellKind
from state.rules.kinds.sequence import SequenceKind
from state.rules.pack import Pack
from state.vocabulary import NAMES

Document = dict[str, Any]


def explain(pack: Pack) -> list[Document]:
    """Each rule of the pack, as JSON takes it."""
    return [_explained(kind) for kind in pack.kinds.values()]


def _explained(kind: Kind) -> Document:
    return {
        "rule": kind.ref.name,
        "version": kind.ref.version,
        "kind": kind.rule.kind,
        "signals": kind.ref.kind,
        "reached_by": reached_by(kind),
        "fires": fires(kind),
        "keeps": [_kept(one) for one in kind.keeps()],
    }


def reached_by(kind: Kind) -> list[str]:
    """Names of the event types that the rule is called for."""
    if isinstance(kind, ReturnKind):
        return list(NAMES)
    return [NAMES[number] for number in sorted(kind.hears)]


def fires(kind: Kind) -> str:
    """When it speaks, and what it waits for, in words."""
    return "; ".join(_fires(kind))


def _fires(kind: Kind) -> Iterator[str]:
    if isinstance(kind, WaitKind):
        yield from _waits(kind)
    elif isinstance(kind, ReturnKind):
        yield f"at the first event after {span(kind.away_ms)} without any"
    elif isinstance(kind, SessionEndKind):
        answered = " without an answer" if isinstance(kind, EndAbsence) else ""
        yield f"when a session{answered} is over, {span(kind.spans.session_gap_ms)} after its last event"
    elif isinstance(kind, SequenceKind):
        yield f"at the last of {len(kind.steps)} steps, at most {span(kind.within)} after the first"
    else:
        yield _at_event(kind)


def _at_event(kind: Kind) -> str:
    if isinstance(kind, SessionCount):
        return f"at number {kind.least} of a session"
    if isinstance(kind, DwellKind):
        return f"at one that comes {span(kind.least_ms)} or more after the first of its session"
    if isinstance(kind, SpanCount):
        others = "none" if kind.wants_none else f"{kind.others} others" if kind.others > 1 else "another one"
        return f"at one with {others} in the {span(kind.within)} before it"
    raise NotImplementedError(type(kind).__name__)


def _waits(kind: WaitKind) -> Iterator[str]:
    start, answer = kind.rule.start_noun, kind.rule.answer_noun
    since = f"a session's first {start}" if kind.since_first else f"the last {start}"
    yield f"{span(kind.wait_ms)} after {since}, when no {answer} came"
    if isinstance(kind, CartKind):
        yield "a cart that is empty is not waited for"
    if kind.recovered_ms:
        yield f"a {answer} up to {span(kind.recovered_ms)} later recovers it"
    yield f"one that comes up to {span(kind.spans.late_ms)} too late takes it back"


def _kept(one: Kept) -> Document:
    found = {"what": one.what, "of": one.of, "for_each": one.each or None, "at_most": one.at_most}
    return {**found, "kept_ms": one.kept_ms}


def lines(rule: Document) -> Iterator[str]:
    """The rule in words."""
    yield f"{rule['rule']} {rule['version']}: {rule['kind']}, signals of kind {rule['signals']}"
    types = rule["reached_by"]
    named = "every type of event" if len(types) == len(NAMES) else ", ".join(types)
    yield f"  reached by {named or 'no event: the counts of sessions say all'}"
    yield f"  fires {rule['fires']}"
    if not rule["keeps"]:
        yield "  keeps nothing of its own"


def table(rules: Iterable[Document]) -> Table:
    """What the rules keep."""
    found = Table("rule", "keeps", "for each", "of the", "at most", "for", box=None, pad_edge=False)
    for one in rules:
        for kept in one["keeps"]:
            until = "the session" if kept["kept_ms"] is None else span(kept["kept_ms"])
            row = (
                one["rule"],
                kept["what"],
                kept["for_each"] or "",
                kept["of"],
                f"{kept['at_most']:,}",
                until,
            )
            found.add_row(*row)
    return found
