"""The naive answer to whose an event is and whether it is held back: every event against the whole stream before it.

Written for reading and not for speed, sharing no code with the jobs, whose answers must equal these. Events may come
in any order and twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Word = tuple[int, int, str]  # time, sequence, what was said
MINUTE_MS, DAY_MS = 60_000, 86_400_000


@dataclass(frozen=True)
class Caps:
    """The settings that the answers depend on."""

    consent_required: bool = False
    events_per_minute: int = 300
    events_per_day: int = 5_000
    quarantine_ms: int = 1_800_000


@dataclass
class Answers:
    """By event id: the canonical visitor, and why the event is held back; first links of device and user."""

    visitors: dict[str, str] = field(default_factory=dict)
    withheld: dict[str, str | None] = field(default_factory=dict)
    links: dict[tuple[str, str], int] = field(default_factory=dict)
    throttles: dict[str, list[Event]] = field(default_factory=dict)  # by visitor the events over a cap


def judge(events: Iterable[Event], caps: Caps = Caps()) -> Answers:
    """Every event in the light of all events of the same device or user up to and with it."""
    first = list({event["event_id"]: event for event in events}.values())
    answers = Answers()
    for device, own in _groups(first, {event["event_id"]: device_of(event) for event in first}).items():
        for event in own:
            answers.visitors[event["event_id"]] = _visitor(event, device, own)
    for event in over_caps(first, caps):
        answers.throttles.setdefault(answers.visitors[event["event_id"]], []).append(event)
    for own in _groups(first, answers.visitors).values():
        for event in own:
            known = {one["event_id"] for one in own if not _is_device(one, answers)}
            consent = _consent(event, own, known, first)
            answers.withheld[event["event_id"]] = _reason(event, consent, answers, caps)
    for event in first:
        _link(event, answers)
    return answers


def device_of(event: Event) -> str:
    return str(event.get("anonymous_id") or event["visitor_id"])


def sort_key(event: Event) -> tuple[int, int, str]:
    """The order of events: time, then sequence, then id."""
    return event["event_time_ms"], event.get("sequence", 0), event["event_id"]


def over_caps(events: Iterable[Event], caps: Caps) -> list[Event]:
    """The events that are more than a cap allows in the minute or the day of the clock, of one device."""
    in_minute: Counter[tuple[str, int]] = Counter()
    in_day: Counter[tuple[str, int]] = Counter()
    found = []
    for event in sorted(events, key=sort_key):
        minute = device_of(event), event["event_time_ms"] // MINUTE_MS
        day = device_of(event), event["event_time_ms"] // DAY_MS
        in_minute[minute] += 1
        in_day[day] += 1
        if in_minute[minute] > caps.events_per_minute or in_day[day] > caps.events_per_day:
            found.append(event)
    return found


def _groups(events: list[Event], names: dict[str, str]) -> dict[str, list[Event]]:
    groups: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        groups[names[event["event_id"]]].append(event)
    return groups


def _word(event: Event, text: str) -> Word:
    return event["event_time_ms"], event.get("sequence", 0), text


def _status(event: Event) -> str | None:
    status = event.get("properties", {}).get("status") if event["event_type"] == "consent" else None
    return status if status in ("granted", "denied", "erased") else None


def _words(until: Event, events: Iterable[Event]) -> list[Word]:
    said = [(event, _status(event)) for event in events if sort_key(event) <= sort_key(until)]
    return [_word(event, status) for event, status in said if status]


def _visitor(event: Event, device: str, own: list[Event]) -> str:
    if event.get("user_id"):
        return str(event["user_id"])
    if event["visitor_id"] != device:
        return str(event["visitor_id"])
    known = [
        _word(other, other["user_id"])
        for other in own
        if other["event_type"] != "consent" and other.get("user_id") and sort_key(other) <= sort_key(event)
    ]
    words = _words(event, own)
    withdrawn = any(status != "granted" for *_, status in words)
    if not known or (withdrawn and max(known) <= max(words)):
        return device
    return max(known)[2]


def _consent(event: Event, of_visitor: list[Event], known: set[str], events: list[Event]) -> str | None:
    """The last word on all devices that the visitor has used, as a known user, up to now; else on the device."""
    is_known = event["event_id"] in known
    seen = [other for other in of_visitor if other["event_id"] in known] if is_known else [event]
    words = [
        word
        for other in seen
        if sort_key(other) <= sort_key(event)
        for word in _words(other, (one for one in events if device_of(one) == device_of(other)))
    ]
    return max(words)[2] if words else None


def _is_device(event: Event, answers: Answers) -> bool:
    """Whether nothing but the device is known of the event's visitor."""
    return answers.visitors[event["event_id"]] == device_of(event) and not event.get("user_id")


def _reason(event: Event, consent: str | None, answers: Answers, caps: Caps) -> str | None:
    if event["event_type"] == "consent" and _status(event) != "erased":
        return None
    if consent not in (None, "granted") or (consent is None and caps.consent_required):
        return "no_consent"
    for over in answers.throttles.get(answers.visitors[event["event_id"]], ()):
        is_held = event["event_time_ms"] < over["event_time_ms"] + caps.quarantine_ms
        if sort_key(over) <= sort_key(event) and is_held:
            return "bot_quarantined"
    return None


def _link(event: Event, answers: Answers) -> None:
    user, device, event_id = event.get("user_id"), device_of(event), event["event_id"]
    if event["event_type"] != "consent" and user and user != device and not answers.withheld[event_id]:
        moment = answers.links.get((device, user), event["event_time_ms"])
        answers.links[(device, user)] = min(moment, event["event_time_ms"])
