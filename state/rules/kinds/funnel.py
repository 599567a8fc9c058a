"""The furthest of several steps that a session came to, and the one before which it dropped off."""

from __future__ import annotations

from typing import Any

from state.rules.kinds.base import SessionEndKind, Spans
from state.rules.language.model import Funnel
from state.visitor import Session, Visitor


class FunnelKind(SessionEndKind):
    """Looks through a session's counts by type when it is over. Remembers nothing of its own."""

    def __init__(self, rule: Funnel, spans: Spans) -> None:
        """Compiles the rule."""
        super().__init__(rule, spans)
        self.names = [step.name for step in rule.steps]
        self.steps = [step.where.compiled().kinds for step in rule.steps]

    def asked(self, visitor: Visitor, session: Session) -> dict[str, Any] | None:
        """The furthest step, with or without those before it."""
        for number in reversed(range(len(self.steps))):
            if not self.steps[number].isdisjoint(session.counts):
                return self._progress(number)
        return None

    def _progress(self, number: int) -> dict[str, Any]:
        progress: dict[str, Any] = {"step": number + 1, "reached": self.names[number]}
        if number + 1 < len(self.names):
            progress["dropped_before"] = self.names[number + 1]
        return {**progress, "steps": len(self.names)}
