"""Makes documents of what rules find, for the visitor at hand."""

from __future__ import annotations

from collections.abc import Callable

from state.logic import Out
from state.options import Options
from state.rules.kinds.base import Finding
from state.visitors.documents import signal_document


class Signals:
    """Where findings go. It is turned to a visitor before its rules are called.

    Args:
        options: whether signals are wanted.
        now_ms: the wall clock, epoch milliseconds.
    """

    def __init__(self, options: Options, now_ms: Callable[[], int]) -> None:
        self._is_wanted, self.now_ms = "signal" in options.emits, now_ms
        self._visitor_id, self._device, self._out = "", "", Out()

    def of(self, visitor_id: str, device: str, out: Out) -> Signals:
        """Turns to a visitor, and to its device where that has another id."""
        self._visitor_id, self._device, self._out = visitor_id, device, out
        return self

    def emit(self, found: Finding) -> None:
        """Writes a finding of the visitor at hand."""
        if self._is_wanted:
            name, document = signal_document(self._visitor_id, self._device, found, self.now_ms())
            self._out.add("signal", self._visitor_id, name, found.version, document)
