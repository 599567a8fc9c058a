"""What is known of a visitor to say why: events, signals, how far event time has come. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from state.devices.judged import Judged
from state.options import Options

Document = dict[str, Any]
Event = Mapping[str, Any]  # an event's document
# Why there is a signal, then why there is none: docs/operations/why.md explains each.
Reason = Literal[
    "active", "recovered", "retracted", "expired",
    "pending", "watermark_held", "rule_started_later", "rule_not_running", "not_running", "not_in_index",
    "late", "held_back", "rejected", "other_visitor",
    "count", "steps", "dwell", "sessions", "values", "silence", "answered", "no_such_event", "no_events",
]  # fmt: skip
HELD_BACK = ("no_consent", "bot_quarantined")
OPTIONS = Options(bounded=True, scoring=False, emits=frozenset(("signal",)))  # of an engine that explains
_RULE = "rule."  # before the name of each rule, in what a job says of itself
_INDEX_TIME = re.compile(r"-(\d{13})$")


@dataclass(frozen=True)
class Refused:
    """A message of the visitor that was rejected or held back.

    Attributes:
        reason: of the dead letter.
        detail: of the dead letter.
        where: topic:partition:offset.
        event: what it would have been; None when it cannot be read as an event.
    """

    reason: str
    detail: str
    where: str
    event: Event | None


@dataclass(frozen=True)
class EventTime:
    """How far event time has come in the job that runs the rules.

    Attributes:
        watermark_ms: the lowest of all tasks; None before the first.
        task: whose it is, with its subtask.
        partition: of the source, the one that is furthest behind; '' when Flink does not say.
    """

    watermark_ms: int | None
    task: str
    partition: str = ""


@dataclass(frozen=True)
class Running:
    """The job that runs the rules.

    Attributes:
        job: its name.
        started_at_ms: since when.
        rules: version of each rule by name that it was submitted with; empty when the job does not say.
        time: how far event time has come.
    """

    job: str
    started_at_ms: int
    rules: Mapping[str, int]
    time: EventTime


@dataclass(frozen=True)
class Facts:
    """Everything that an answer is made of.

    Attributes:
        visitor: who is asked about.
        now_ms: wall clock.
        events: valid events of the visitor, each once, in order.
        shared: events that its rules share: of a guest that is the visitor, of the user of a device.
        late: those that came after the watermark.
        refused: rejected and held back messages.
        signals: the visitor's, of all kinds, as the index has them.
        triggers: what was decided about them, newest last.
        running: the job; None when Flink does not answer.
        users: the users that the visitor's device has become, with the time.
        rule_changes: when a version of a rule was applied, by (name, version).
        unaccounted: messages that the ledger misses in the windows in which the visitor's events came in.
        known: the document of the visitor's index.
        bound_ms: out_of_orderness_ms.
        options: of the engine: spans, caps and switches of the job.
        follows: whether the active rules are those of a folder, which the job follows.
    """

    visitor: str
    now_ms: int
    events: tuple[Event, ...] = ()
    shared: tuple[Judged, ...] = ()
    late: tuple[Event, ...] = ()
    refused: tuple[Refused, ...] = ()
    signals: tuple[Document, ...] = ()
    triggers: tuple[Document, ...] = ()
    running: Running | None = None
    users: Mapping[str, int] = field(default_factory=dict)
    rule_changes: Mapping[tuple[str, int], int] = field(default_factory=dict)
    unaccounted: int = 0
    known: Document | None = None
    bound_ms: int = 2_000
    options: Options = OPTIONS
    follows: bool = False

    @property
    def watermark_ms(self) -> int | None:
        """How far event time has come; None when that is not known."""
        return self.running.time.watermark_ms if self.running else None


def changes_of(lines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], int]:
    """When each version of a rule was applied, from the log of changes: its index is named after the moment.

    >>> changes_of([{"rule": "bounce", "version": 2, "index": "footfall-signals-v1-1700000000000"}])
    {('bounce', 2): 1700000000000}
    """
    found = {}
    for line in lines:
        moment = _INDEX_TIME.search(str(line.get("index")))
        if moment and line.get("version") is not None:
            found[(str(line["rule"]), int(line["version"]))] = int(moment[1])
    return found


def versions_of(shared: Mapping[str, str]) -> dict[str, int]:
    """The versions of the rules among what a running job says of itself.

    >>> versions_of({"rule.bounce": "1", "session_gap_ms": "1000"})
    {'bounce': 1}
    """
    rules = {name: number for name, number in shared.items() if name.startswith(_RULE)}
    return {name.removeprefix(_RULE): int(number) for name, number in rules.items()}


def at(event: Event) -> int:
    """When it happened, epoch milliseconds."""
    return int(event["event_time_ms"])
