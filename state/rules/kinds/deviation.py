"""A visitor's last sessions do not agree: what each began with differs from one to the next."""

from __future__ import annotations

from typing import Any

from state.rules.kinds.base import Kept, SessionEndKind, Spans, short
from state.rules.language.model import Deviation
from state.visitor import Session, Visitor


class DeviationKind(SessionEndKind):
    """Fires when a session is over that, with those before it, began with so many different values.

    Remembers of the visitor: of the last so many sessions that began with a value, when and with which.
    """

    def __init__(self, rule: Deviation, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.within, self.sessions, self.distinct = rule.within, rule.sessions, rule.distinct

    def keeps(self) -> list[Kept]:
        """What it remembers."""
        return [Kept("when a session began, and with what", "visitor", self.sessions, self.within)]

    def asked(self, visitor: Visitor, session: Session) -> dict[str, Any] | None:
        """How many different values there are, where there are enough of them, near enough."""
        value = session.first_category
        if value is None:
            return None
        last = visitor.rules.setdefault(self.key, [])
        last.append([session.started_at, short(value)])
        del last[: -self.sessions]
        since_ms, different = last[0][0], len({began_with for _, began_with in last})
        near = session.started_at - since_ms <= self.within
        if len(last) < self.sessions or different < self.distinct or not near:
            return None
        return {"sessions": len(last), "different": different, "since_ms": since_ms, "category": value}

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops sessions that lie too far back to be compared with another one."""
        last = visitor.rules.get(self.key)
        if last is not None and not self.spans.bounded and last[-1][0] + self.within < now:
            del visitor.rules[self.key]
