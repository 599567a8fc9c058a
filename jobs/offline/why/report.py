"""The answers in words: a document for programs, lines for people."""

from __future__ import annotations

from typing import Any

from connectors.errors import BadInput
from jobs.offline.times import utc
from jobs.offline.why.answers import Answer, ago, event_time
from jobs.offline.why.facts import Document, Facts

_SHOWN = 3  # answers about one rule, the newest
_INDENT = " " * 30


def chosen_rules(pack: list[Any], name: str | None) -> list[Any]:
    """The rule of that name or of that kind of signal, or all of them.

    Raises:
        BadInput: there is none.
    """
    found = [rule for rule in pack if name in (None, rule.name, rule.signal_kind)]
    if not found:
        known = ", ".join(rule.name for rule in pack)
        raise BadInput(f"no active rule is called {name!r}; there are: {known}")
    return found


def document(pack: list[Any], facts: Facts, answers: list[Answer]) -> Document:
    """The answer for programs."""
    job = facts.running
    return {
        "visitor": facts.visitor,
        "asked_at_ms": facts.now_ms,
        "events": len(facts.events),
        "late": [event["event_id"] for event in facts.late],
        "refused": [
            {"reason": one.reason, "detail": one.detail, "where": one.where} for one in facts.refused
        ],
        "unaccounted": facts.unaccounted,
        "watermark_ms": facts.watermark_ms,
        "held_by": {"task": job.time.task, "partition": job.time.partition} if job else None,
        "rules_submitted": dict(job.rules) if job else {},
        "rules_active": {rule.name: rule.version for rule in pack},
        "rules_followed": facts.follows,
        "answers": [answer.to_document() for answer in answers],
    }


def headlines(pack: list[Any], facts: Facts) -> list[str]:
    """What is known of the visitor."""
    events = facts.events
    last = f", the last {_when(int(events[-1]['event_time_ms']), facts)}" if events else ""
    found = [f"visitor {facts.visitor}: {len(events)} valid events{last}"]
    if facts.known and not events:
        found.append(
            f"last seen {_when(int(facts.known['last_seen_ms']), facts)}; the topics no longer have it"
        )
    if facts.late:
        found.append(
            f"{len(facts.late)} late: " + ", ".join(str(event["event_id"]) for event in facts.late[:5])
        )
    found += [f"{reason}: {count}" for reason, count in _reasons(facts).items()]
    if facts.unaccounted:
        found.append(f"{facts.unaccounted} messages of its windows are not accounted for: run scripts/audit")
    return [*found, event_time(facts), *_started(pack, facts)]


def _reasons(facts: Facts) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in facts.refused:
        reason = f"{one.reason} ({one.detail})"
        found[reason] = found.get(reason, 0) + 1
    return found


def _started(pack: list[Any], facts: Facts) -> list[str]:
    """Since when the job runs, and which rules are not those that it was submitted with."""
    job = facts.running
    if job is None:
        return []
    found = [f"{job.job} runs since {_when(job.started_at_ms, facts)}"]
    now = {rule.name: rule.version for rule in pack}
    changed = [
        f"{name} {job.rules.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted({*job.rules, *now})
        if job.rules and job.rules.get(name) != now.get(name)
    ]
    if changed:
        follows = "its folder has by now, which it follows" if facts.follows else "the pack here has"
        found.append(f"versions that it was submitted with -> {follows}: {', '.join(changed)}")
    return found


def _when(at_ms: int, facts: Facts) -> str:
    return f"{utc(at_ms)} UTC ({ago(at_ms, facts.now_ms)})"


def lines(answers: list[Answer]) -> list[str]:
    """A line for each answer and one for each of its notes, the newest answers of a rule alone."""
    found, seen = [], dict.fromkeys((answer.rule for answer in answers), 0)
    for answer in answers:
        seen[answer.rule] += 1
        if seen[answer.rule] > _SHOWN:
            continue
        verdict = "fired" if answer.fired else "not fired"
        found.append(f"{answer.rule:<28}  {verdict}: {answer.message}")
        found += [f"{_INDENT}{note}" for note in answer.notes]
    more = {rule: count - _SHOWN for rule, count in seen.items() if count > _SHOWN}
    return [*found, *(f"{rule:<28}  and {count} earlier (--json has all)" for rule, count in more.items())]
