"""`scripts/why`: why a rule fired for a visitor, or why it did not."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click
import orjson

from cli.options import CONTEXT, embedded_addresses, embedded_settings, failures_told, settings_options
from cli.signals import since_ms
from cli.submit import DEFAULT_URL
from connectors.errors import BadInput
from jobs.active_rules import active_rules
from jobs.offline.times import utc
from jobs.offline.why.answers import Answer, ago, event_time, explain, others
from jobs.offline.why.facts import Document, Facts
from jobs.offline.why.reading import gather, running
from jobs.settings import Settings, load

_SHOWN = 3  # answers about one rule, the newest
_INDENT = " " * 30


@click.command(context_settings=CONTEXT)
@click.argument("visitor", required=False)
@click.argument("rule", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines for people.")
@click.option(
    "--since",
    metavar="SPAN|TIME",
    help="Read of the topics only what came in since: 90s, 15m, 2h, 7d ago, or an ISO 8601 time. "
    "Default: all that they hold.",
)
@click.option(
    "--rest-url", help=f"Flink's REST address. Default: that of a running scripts/run, else {DEFAULT_URL}."
)
@click.option(
    "--slice",
    "place",
    metavar="TOPIC:PARTITION:OFFSET",
    help="Instead of a visitor: replay what a running job could not take, the event that its failure names.",
)
@settings_options
def main(
    visitor: str | None,
    rule: str | None,
    place: str | None,
    as_json: bool,
    since: str | None,
    rest_url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Explain why RULE, or each active rule, fired for VISITOR and on what evidence; or why it did not.

    Reads the visitor's events, late and rejected ones too, from the topics up to their present ends, signals
    from Elasticsearch, decisions about triggers, and how far event time has come from Flink. Numbers like the
    session gap are those that the running job says it works with, unless a setting says otherwise.

    Exit status: 0 with an answer, whatever it is; 1 Kafka or Elasticsearch does not answer; 2 the rule, an
    option or a setting is no good; 3 with --slice: the engine fails here, too.
    """
    if (visitor is None) == (place is None):
        raise click.UsageError("give a VISITOR, or --slice and the place that a failing job names")
    with failures_told():
        began_ms = since_ms(since, datetime.now(UTC)) if since else 0
        job, told = running(rest_url or embedded_addresses().get("flink", DEFAULT_URL))
        settings = settings_of(settings_file, assignments, told)
        if place is not None:
            _replay(place, settings, began_ms)
        assert visitor is not None  # noqa: S101 - for the type checker
        pack = active_rules(settings)
        chosen = chosen_rules(pack, rule)
        facts = gather(settings, visitor, began_ms, job)
        answers = [answer for one in chosen for answer in explain(one, facts)]
        answers += others(pack, facts) if rule is None else []
    if as_json:
        click.echo(orjson.dumps(document(pack, facts, answers)).decode())
    else:
        click.echo("\n".join([*headlines(pack, facts), "", *lines(answers)]))


def _replay(place: str, settings: Settings, since_ms: int) -> NoReturn:
    from jobs.offline.why.slice import replay

    replayed = replay(place, settings, since_ms)
    click.echo("\n".join(replayed.lines()))
    sys.exit(3 if replayed.defect else 0)


def settings_of(file: Path | None, assignments: tuple[str, ...], told: dict[str, str]) -> Settings:
    """The settings; where nothing else is said, numbers are those of the running job."""
    numbers = Settings().numbers()
    job = {name: value for name, value in told.items() if name in numbers}
    return load(file, assignments, {**job, **embedded_settings()})


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
    told = [f"visitor {facts.visitor}: {len(events)} valid events{last}"]
    if facts.known and not events:
        told.append(
            f"last seen {_when(int(facts.known['last_seen_ms']), facts)}; the topics no longer have it"
        )
    if facts.late:
        told.append(
            f"{len(facts.late)} late: " + ", ".join(str(event["event_id"]) for event in facts.late[:5])
        )
    told += [f"{reason}: {count}" for reason, count in _reasons(facts).items()]
    if facts.unaccounted:
        told.append(f"{facts.unaccounted} messages of its windows are not accounted for: run scripts/audit")
    return [*told, event_time(facts), *_started(pack, facts)]


def _reasons(facts: Facts) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in facts.refused:
        said = f"{one.reason} ({one.detail})"
        found[said] = found.get(said, 0) + 1
    return found


def _started(pack: list[Any], facts: Facts) -> list[str]:
    """Since when the job runs, and which rules are not those that it was submitted with."""
    job = facts.running
    if job is None:
        return []
    told = [f"{job.job} runs since {_when(job.started_at_ms, facts)}"]
    now = {rule.name: rule.version for rule in pack}
    changed = [
        f"{name} {job.rules.get(name, 'none')} -> {now.get(name, 'none')}"
        for name in sorted({*job.rules, *now})
        if job.rules and job.rules.get(name) != now.get(name)
    ]
    if changed:
        follows = "its folder has by now, which it follows" if facts.follows else "the pack here has"
        told.append(f"versions that it was submitted with -> {follows}: {', '.join(changed)}")
    return told


def _when(at_ms: int, facts: Facts) -> str:
    return f"{utc(at_ms)} UTC ({ago(at_ms, facts.now_ms)})"


def lines(answers: list[Answer]) -> list[str]:
    """A line for each answer and one for each of its notes, the newest answers of a rule alone."""
    told, seen = [], dict.fromkeys((answer.rule for answer in answers), 0)
    for answer in answers:
        seen[answer.rule] += 1
        if seen[answer.rule] > _SHOWN:
            continue
        verdict = "fired" if answer.fired else "not fired"
        told.append(f"{answer.rule:<28}  {verdict}: {answer.said}")
        told += [f"{_INDENT}{note}" for note in answer.notes]
    more = {rule: count - _SHOWN for rule, count in seen.items() if count > _SHOWN}
    return [*told, *(f"{rule:<28}  and {count} earlier (--json has all)" for rule, count in more.items())]


if __name__ == "__main__":
    main(prog_name="scripts/why")
