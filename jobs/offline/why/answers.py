"""Why a rule fired for a visitor, or why it did not: the first reason that holds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from jobs.offline.times import utc
from jobs.offline.why.engine import Life, lived
from jobs.offline.why.facts import HELD_BACK, Document, Event, Facts, Reason, at
from jobs.offline.why.misses import miss
from state.rules.language.model import Absence

_USUAL_MS = 5_000  # what an answer may take on its way, beyond the bound, before it is to be wondered at


@dataclass(frozen=True)
class Answer:
    """One thing to know about one rule.

    Attributes:
        rule: its name.
        version: of the rule: of the one that fired, else of the active one.
        fired: whether there is a signal.
        reason: one word for programs: the signal's status, or why there is none.
        message: a sentence for people.
        at_ms: event time that it is about, epoch milliseconds; None when it is about none.
        facts: evidence of the signal, or the numbers of the sentence.
        notes: what else is to be known.
    """

    rule: str
    version: int
    fired: bool
    reason: Reason
    message: str
    at_ms: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_document(self) -> Document:
        """As JSON takes it."""
        return {**asdict(self), "notes": list(self.notes)}


def explain(rule: Any, facts: Facts) -> list[Answer]:
    """Why there is nothing of late, then every signal of the rule and what is on its way, newest first.

    Args:
        rule: one of the classes of state/rules/language/model.py, as it is active.
        facts: what is known of the visitor.
    """
    signals = [one for one in facts.signals if (one.get("rule") or {}).get("name") == rule.name]
    answers = [_fired(rule, signal, facts) for signal in signals]
    known, life = {signal["signal_id"] for signal in signals}, lived(rule, facts)
    newest = {signal["signal_id"]: signal for signal in life.signals}
    answers += [_not_there(rule, signal, facts) for name, signal in newest.items() if name not in known]
    answers.sort(key=lambda one: -(one.at_ms or 0))
    return [*_lately(rule, life, facts, answers), *answers] if answers else [_not_fired(rule, life, facts)]


def _lately(rule: Any, life: Life, facts: Facts, answers: list[Answer]) -> list[Answer]:
    """Why there is nothing of the newest session, when the answers are older and it can be judged alone."""
    newest = life.stretches[-1] if life.stretches else None
    alone = rule.within == "session" or (isinstance(rule, Absence) and rule.without is not None)
    if not alone or newest is None or (answers[0].at_ms or 0) >= newest.session.started_at:
        return []
    ids = {event.event_id for event in newest.events}
    latest = replace(facts, events=tuple(one for one in facts.events if one["event_id"] in ids), shared=())
    again = lived(rule, replace(latest, late=()))
    if again.signals:
        return []
    found = _not_fired(rule, again, latest)
    return [replace(found, message=f"in the newest session, {found.message}")]


def others(rules: Iterable[Any], facts: Facts) -> list[Answer]:
    """Signals that none of the rules finds: of models, of ingest, of rules that are not active any more."""
    names = {rule.name for rule in rules}
    found = [one for one in facts.signals if (one.get("rule") or {}).get("name") not in names]
    return [_fired(None, signal, facts) for signal in found]


# ------------------------------------------------------------------------------------------- there is one


def _fired(rule: Any | None, signal: Document, facts: Facts) -> Answer:
    origin = signal.get("rule") or signal.get("model") or {}
    evidence = ", ".join(f"{name}={_shown(name, value)}" for name, value in signal["evidence"].items())
    at_ms = int(signal["occurred_at_ms"])
    message = f"{signal['status']} since {_when(at_ms, facts)}: {evidence}"
    if signal["status"] != "active":
        changed = f"{signal['status']} at {utc(int(signal['version']))}"
        message = f"{changed}, was active since {_when(at_ms, facts)}: {evidence}"
    version = int(origin["version"]) if str(origin.get("version", "")).isdigit() else 0
    name = str(origin.get("name") or signal["kind"])
    notes = tuple(_notes(rule, version, signal, facts))
    return Answer(name, version, True, signal["status"], message, at_ms, dict(signal), notes)


def _notes(rule: Any | None, version: int, signal: Document, facts: Facts) -> Iterator[str]:
    if int(signal["expires_at_ms"]) <= facts.now_ms:
        yield f"expired at {_when(int(signal['expires_at_ms']), facts)}: it is not acted on any more"
    if rule is not None and version < rule.version:
        yield f"found by version {version}; version {rule.version} is active now"
    if rule is not None and version > rule.version:
        yield f"found by version {version}, which was taken back; version {rule.version} is active now"
    for trigger in (one for one in facts.triggers if one["signal_id"] == signal["signal_id"]):
        reason = f": {trigger['reason']}" if trigger.get("reason") else ""
        due = f", due at {utc(int(trigger['due_at_ms']))}" if trigger["status"] == "due" else ""
        yield f"{trigger['action']} {trigger['status']}{reason}{due}"


# ------------------------------------------------------------------------------------ there should be one


def _not_there(rule: Any, signal: Document, facts: Facts) -> Answer:
    """By the visitor's events there is, or will be, a signal that the index does not have."""
    at_ms = int(signal["occurred_at_ms"])
    ids = {"evidence": signal["evidence"], "signal_id": signal["signal_id"]}
    evidence = ", ".join(f"{name}={_shown(name, value)}" for name, value in signal["evidence"].items())
    reason, message = _why_not_there(rule, at_ms, facts)
    return Answer(rule.name, rule.version, False, reason, f"{message} ({evidence})", at_ms, ids)


def _why_not_there(rule: Any, at_ms: int, facts: Facts) -> tuple[Reason, str]:
    began_ms = facts.rule_changes.get((rule.name, rule.version), 0)
    if began_ms > at_ms:
        began = f"version {rule.version} began at {_when(began_ms, facts)}"
        return "rule_started_later", f"{began}, later than it would have fired at {utc(at_ms)}"
    if facts.running is None:
        return "not_running", f"due at {_when(at_ms, facts)}, but no job that runs rules answers"
    running = facts.running.rules.get(rule.name) if facts.running.rules else rule.version
    if running != rule.version and not facts.follows:
        runs = f"version {running}" if running else "none of its versions"
        due = f"would have fired at {_when(at_ms, facts)}"
        where = "name the folder that it follows with --set rules_dir=…, or submit it anew"
        return "rule_not_running", f"{due}, but the job was submitted with {runs}: {where}"
    if facts.watermark_ms is None or facts.watermark_ms < at_ms:
        return _pending(at_ms, facts)
    return "not_in_index", (
        f"true since {_when(at_ms, facts)} by the events, but the index has no such signal: run scripts/audit"
    )


def _pending(at_ms: int, facts: Facts) -> tuple[Reason, str]:
    """Event time has not come so far: because it is too early, or because something holds it back."""
    if at_ms + facts.bound_ms + _USUAL_MS > facts.now_ms:
        return "pending", f"timer pending until {_when(at_ms, facts)}"
    return "watermark_held", f"timer pending until {_when(at_ms, facts)}; {event_time(facts)}"


def event_time(facts: Facts) -> str:
    """How far event time has come, and what holds it back."""
    if facts.running is None:
        return "no job that runs rules answers"
    time = facts.running.time
    if time.watermark_ms is None:
        return "event time has not begun: every partition needs an event or must be idle"
    by = f"partition {time.partition}" if time.partition else time.task
    return f"event time stands at {_when(time.watermark_ms, facts)}, held by {by}"


# ------------------------------------------------------------------------------------------ there is none


def _not_fired(rule: Any, life: Life, facts: Facts) -> Answer:
    for find in (_late, _held_back, _rejected):
        if (answer := find(rule, facts)) is not None:
            return answer
    if not facts.events and facts.users:
        user, since_ms = max(facts.users.items(), key=lambda item: item[1])
        message = (
            f"the visitor is a device that is user {user} since {_when(since_ms, facts)}: ask for {user}"
        )
        return Answer(
            rule.name, rule.version, False, "other_visitor", message, since_ms, {"users": dict(facts.users)}
        )
    found = miss(life)
    message, watermark = found.message, facts.watermark_ms
    if found.open_until_ms is not None and (watermark is None or watermark < found.open_until_ms):
        message += f"; still possible until {_when(found.open_until_ms, facts)}"
    return Answer(rule.name, rule.version, False, found.reason, message, found.open_until_ms, found.facts)


def _late(rule: Any, facts: Facts) -> Answer | None:
    def described(event: Event) -> str:
        return f"{_named(event)} came late{lateness(event, facts.bound_ms)}"

    return _with_them(rule, facts, "late", facts.late, described)


def _held_back(rule: Any, facts: Facts) -> Answer | None:
    held = {one.where: one for one in facts.refused if one.reason in HELD_BACK and one.event}
    by_id = {str(one.event["event_id"]): one for one in held.values() if one.event}

    def described(event: Event) -> str:
        return f"{_named(event)} is held back: {by_id[str(event['event_id'])].reason}"

    return _with_them(rule, facts, "held_back", [one.event for one in held.values() if one.event], described)


def _rejected(rule: Any, facts: Facts) -> Answer | None:
    refused = [one for one in facts.refused if one.reason not in HELD_BACK and one.event]
    by_id = {str(one.event["event_id"]): one for one in refused if one.event}

    def described(event: Event) -> str:
        letter = by_id[str(event["event_id"])]
        return f"{_named(event)} was rejected: {letter.reason}, {letter.detail}"

    return _with_them(rule, facts, "rejected", [one.event for one in refused if one.event], described)


def _with_them(
    rule: Any, facts: Facts, reason: Reason, events: Iterable[Event], described: Callable[[Event], str]
) -> Answer | None:
    """With these events it would have fired: one of them alone, or all of them together."""
    them = list(events)
    for chosen in [*([event] for event in them), them]:
        found = (
            [one for one in lived(rule, facts, chosen).signals if one["status"] == "active"] if chosen else []
        )
        if found:
            at_ms, culprits = int(found[0]["occurred_at_ms"]), "; ".join(map(described, chosen[:3]))
            message = f"{culprits}; else it would have fired for {utc(at_ms)}"
            ids = {"event_ids": [event["event_id"] for event in chosen], "evidence": found[0]["evidence"]}
            return Answer(rule.name, rule.version, False, reason, message, at_ms, ids)
    return None


def lateness(event: Event, bound_ms: int) -> str:
    """By how much an event was late, as far as its arrival tells.

    >>> lateness({"event_time_ms": 0, "source": {"timestamp_ms": 42_000}}, 2_000)
    ' by 40 s'
    """
    arrived_ms = int((event.get("source") or {}).get("timestamp_ms") or 0)
    late_ms = arrived_ms - at(event) - bound_ms
    return f" by {late_ms / 1000:g} s" if late_ms > 0 else ""


def _named(event: Event) -> str:
    return f"{event['event_type']} {event['event_id']} of {utc(at(event))}"


def _when(at_ms: int, facts: Facts) -> str:
    return f"{utc(at_ms)} UTC ({ago(at_ms, facts.now_ms)})"


def ago(at_ms: int, now_ms: int) -> str:
    """A time relative to now.

    >>> ago(0, 90_000), ago(7_200_000, 0), ago(5, 5)
    ('1 min 30 s ago', 'in 2 h', 'now')
    """
    units = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))
    left, parts = abs(now_ms - at_ms), []
    for name, size in units:
        if left >= size:
            parts.append(f"{left // size} {name}")
            left %= size
    span = " ".join(parts[:2])
    if not span:
        return "now"
    return f"{span} ago" if at_ms < now_ms else f"in {span}"


def _shown(name: str, value: Any) -> str:
    return utc(value) if name.endswith("_at_ms") and isinstance(value, int) else str(value)
