"""What VISITORS asks of a pack of rules; `state.rules` has the real one."""

from __future__ import annotations

from typing import Protocol

from state.events import Event
from state.logic import NEVER
from state.rules.kinds.base import Emit
from state.visitor import Session, Visitor


class Rules(Protocol):
    """A compiled pack. What its rules remember hangs in the visitor and in the session."""

    def on_event(
        self, visitor: Visitor, session: Session, event: Event, previous_at: int, emit: Emit
    ) -> None:
        """An event of the visitor; `previous_at` is that of the one before, 0 where there is none."""

    def on_late(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """An event behind the watermark."""

    def on_session_end(self, visitor: Visitor, session: Session, emit: Emit) -> None:
        """The session is over."""

    def on_due(self, visitor: Visitor, now: int, emit: Emit) -> None:
        """Does what is due before `now`, in order of time."""

    def next_due(self, visitor: Visitor) -> int:
        """When something is due next of `waits` and `unanswered`; NEVER if nothing is."""

    def forget(self, visitor: Visitor, now: int) -> None:
        """Drops what no rule can need."""

    def carry(self, visitor: Visitor, event: Event, session_id: str, now: int) -> None:
        """A guest's earlier event, shared with the user."""

    def echo(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """The user's event, shared with the guest of the same device."""

    def release(self, visitor: Visitor) -> None:
        """The guest's open waits are the user's from now on."""


class NoRules:
    """A pack without a rule."""

    def on_event(
        self, visitor: Visitor, session: Session, event: Event, previous_at: int, emit: Emit
    ) -> None:
        """Nothing."""

    def on_late(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """Nothing."""

    def on_session_end(self, visitor: Visitor, session: Session, emit: Emit) -> None:
        """Nothing."""

    def on_due(self, visitor: Visitor, now: int, emit: Emit) -> None:
        """Nothing."""

    def next_due(self, visitor: Visitor) -> int:
        """Never."""
        return NEVER

    def forget(self, visitor: Visitor, now: int) -> None:
        """Nothing."""

    def carry(self, visitor: Visitor, event: Event, session_id: str, now: int) -> None:
        """Nothing."""

    def echo(self, visitor: Visitor, event: Event, emit: Emit) -> None:
        """Nothing."""

    def release(self, visitor: Visitor) -> None:
        """Nothing."""
