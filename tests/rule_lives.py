"""One visitor with a pack of rules and nothing else: what the rules find, and what they remember."""

from __future__ import annotations

from typing import Any

import orjson

from state.events import Event, read_event
from state.rules.kinds.base import Finding
from state.visitor import Session, Visitor
from tests.rule_stories import pack
from tests.words import Document, t


class Life:
    """One visitor with a pack, one session for all; settles what is due before each event."""

    def __init__(self, *rules: Any, bounded: bool = False) -> None:
        self.pack = pack(*rules, bounded=bounded)
        self.visitor, self.found = Visitor("v"), list[Finding]()
        self.session = Session("s", t(0), t(0), b"")

    def take(self, *documents: Document) -> None:
        for document in documents:
            one = event_of(document)
            self.pack.on_due(self.visitor, one.at, self.found.append)
            previous_at, self.visitor.last_at = self.visitor.last_at, one.at
            self.pack.on_event(self.visitor, self.session, one, previous_at, self.found.append)

    def late(self, *documents: Document) -> None:
        for document in documents:
            self.pack.on_late(self.visitor, event_of(document), self.found.append)

    def settle(self, now: int) -> None:
        self.pack.on_due(self.visitor, now, self.found.append)
        self.pack.forget(self.visitor, now)

    def moments(self) -> list[tuple[str, int]]:
        return [(one.status, one.occurred_at) for one in self.found]

    def is_empty(self) -> bool:
        return not (self.visitor.waits or self.visitor.unanswered or self.visitor.rules)


def event_of(document: Document) -> Event:
    found = read_event(orjson.dumps(document))
    assert isinstance(found, Event)
    return found
