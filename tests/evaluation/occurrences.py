"""What a rule finds in a history: occurrences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connectors.contracts.signals import SignalStatus
from tests.evaluation.documents import holds, text
from tests.evaluation.histories import Event


@dataclass(frozen=True)
class Occurrence:
    """A change of a signal that the rule finds.

    Attributes:
        anchor: what it hangs on, part of the signal's id.
        occurred_at_ms: event time at which it becomes true.
        evidence: as the signal has it.
        session_id: of the session that it is about, when it is about one.
        status: of the signal.
        version: of the signal; the time at which it becomes true unless it is said otherwise.
    """

    anchor: str
    occurred_at_ms: int
    evidence: dict[str, Any]
    session_id: str | None = None
    status: SignalStatus = "active"
    version: int = -1

    def __post_init__(self) -> None:
        """A version that is not given is the time at which it became true."""
        if self.version < 0:
            object.__setattr__(self, "version", self.occurred_at_ms)


def key_of(rule: Any, event: Event) -> str | None:
    """The value that the rule counts apart, '' for a rule without a key; None when the event has none."""
    return text(rule.key, event) if rule.key else ""


def by_key(rule: Any, events: Iterable[Event]) -> dict[str, list[Event]]:
    """Events by the rule's key; those without one are left out."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if (key := key_of(rule, event)) is not None:
            found[key].append(event)
    return found


def passing(where: Any, events: Iterable[Event]) -> list[Event]:
    """Those that pass the filter."""
    return [event for event in events if holds(where, event)]
