"""What is wrong with a file of which nothing is valid: the commonest reason, and one line that has it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from connectors.adapters import AUTO, Adapted, adapt, read
from connectors.adapters.adapter import RecordMetadata
from connectors.adapters.reading import Refused
from connectors.contracts.rejected import Reject
from connectors.errors import BadInput

ANY_RECORD = RecordMetadata("file", 0, 0, 4_102_444_800_000, None)
_SHOWN = 80  # characters of a line
_Fault = tuple[str, str | None]  # reason and field


@dataclass
class Refusals:
    """Verdicts on the messages of a file, with the first message for each reason and field."""

    counts: Counter[_Fault] = field(default_factory=Counter)
    _first: dict[_Fault, tuple[int, bytes, str]] = field(default_factory=dict)

    def add(self, line: int, message: bytes, verdict: Reject) -> None:
        """Counts one verdict; `line` is the message's in the file, from 1."""
        fault = (verdict.reason, verdict.field)
        self.counts[fault] += 1
        self._first.setdefault(fault, (line, message, verdict.detail))

    def summary(self) -> str:
        """The commonest fault and its first line, in words; empty without any verdict.

        >>> found = Refusals()
        >>> found.add(7, b'{"event_id":"e"}', Reject("missing_field", "event_type", "event_type is required"))
        >>> found.summary()
        'missing_field event_type (1 of 1), first in line 7: event_type is required'
        """
        if not self.counts:
            return ""
        (fault, count), *_ = self.counts.most_common(1)
        line, message, detail = self._first[fault]
        named = " ".join(filter(None, fault))
        whole = "" if fault[1] else f"; the line is {_beginning(message)}"
        return f"{named} ({count:,} of {self.counts.total():,}), first in line {line}: {detail}{whole}"

    def other_adapter(self, than: str) -> str | None:
        """The adapter that makes an event of a line at fault; None where no other one does."""
        found = (_adapter_of(message) for _, message, _ in self._first.values())
        return next((name for name in found if name not in (None, than)), None)


def _adapter_of(message: bytes) -> str | None:
    """The adapter that recognises the message and makes an event of it."""
    try:
        name = read(message, AUTO)[1].name
    except Refused:
        return None
    made = any(isinstance(one, Adapted) for one in adapt(message, name, ANY_RECORD))
    return name if made else None


def nothing_valid(path: Path, adapter: str, messages: int, refusals: Refusals) -> BadInput:
    """The message about a file of which an adapter makes no event."""
    if not messages:
        return BadInput(f"{path} holds no valid event in 0 lines", "give a file that has some")
    other = refusals.other_adapter(than=adapter)
    todo = f"give --adapter {other}, which reads it" if other else "correct the lines, or give --adapter"
    summary = f"{path} holds no valid event in {messages:,} lines for adapter {adapter}, most often for"
    return BadInput(f"{summary} {refusals.summary()}", todo)


def _beginning(message: bytes) -> str:
    text = message[:_SHOWN].decode("utf-8", "replace")
    return f"{text!r}{' …' if len(message) > _SHOWN else ''}"
