"""What is known of a visitor when somebody asks why: events, signals, how far event time has come. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from connectors.events import VISITOR_ID_MAX_LENGTH
from state.rules.histories import Event, History, Spans, at, place

Document = dict[str, Any]
# Why there is a signal, then why there is none: docs/operations/why.md explains each.
Reason = Literal[
    "active", "recovered", "retracted", "expired",
    "pending", "watermark_held", "rule_started_later", "rule_not_running", "not_running", "not_in_index",
    "late", "held_back", "rejected", "other_visitor",
    "count", "steps", "dwell", "sessions", "values", "silence", "answered", "no_such_event", "no_events",
]  # fmt: skip
HELD_BACK = ("no_consent", "bot_quarantined")
_IDENTIFYING = ("identify", "custom:login", "purchase")
_WORDS = ("granted", "denied", "erased")
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
        rules: version of each rule by name; empty when the job does not say.
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
        events: valid events of the visitor.
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
        spans: what ends a session.
    """

    visitor: str
    now_ms: int
    events: tuple[Event, ...] = ()
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
    spans: Spans = field(default_factory=Spans)

    @cached_property
    def history(self) -> History:
        """The visitor's valid events, in sessions."""
        return History(self.visitor, self.events, self.spans)

    @property
    def watermark_ms(self) -> int | None:
        """How far event time has come; None when that is not known."""
        return self.running.time.watermark_ms if self.running else None


def belonging(events: Iterable[Event], visitor: str) -> list[Event]:
    """Of the events of a visitor's devices those that are the visitor's, as ingest tells whose an event is.

    >>> login = {"event_type": "identify", "event_time_ms": 5, "visitor_id": "d", "user_id": "u"}
    >>> later = {"event_type": "page_view", "event_time_ms": 6, "visitor_id": "d"}
    >>> [event["event_type"] for event in belonging([later, login], "u")]
    ['identify', 'page_view']
    """
    found = sorted(events, key=place)
    words = [(_device(event), place(event), *_said(event)) for event in found]
    return [event for event in found if _canonical(event, words) == visitor]


def _device(event: Event) -> str:
    return str(event.get("anonymous_id") or event["visitor_id"])


def _said(event: Event) -> tuple[str | None, str | None]:
    """The user that the event names for its device, and its word on consent."""
    user = _user(event) if event["event_type"] in _IDENTIFYING else None
    status = (event.get("properties") or {}).get("status") if event["event_type"] == "consent" else None
    return user, status if status in _WORDS else None


def _user(event: Event) -> str | None:
    user = event.get("user_id")
    return str(user) if user is not None and 1 <= len(str(user)) <= VISITOR_ID_MAX_LENGTH else None


def _canonical(event: Event, words: list[tuple[str, tuple[int, int], str | None, str | None]]) -> str:
    if user := _user(event):
        return user
    device, visitor = _device(event), str(event["visitor_id"])
    if visitor != device:
        return visitor
    # What one millisecond brings does not depend on the order in which it came: events_remembered.sql.
    mine = [word for word in words if word[0] == device and word[1][0] <= at(event)]
    identity = max(((where, user) for _, where, user, _ in mine if user), default=None)
    consent = max(((where, said) for _, where, _, said in mine if said), default=None)
    withdrawn = any(said not in (None, "granted") for *_, said in mine)
    if identity is None or (withdrawn and consent and identity <= consent):
        return visitor
    return identity[1]


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


def versions_of(told: str) -> dict[str, int]:
    """The versions of the rules that a running job tells.

    >>> versions_of("bounce/1 cart_abandoned/7")
    {'bounce': 1, 'cart_abandoned': 7}
    """
    pairs = (rule.partition("/") for rule in told.split())
    return {name: int(version) for name, _, version in pairs}
