"""Which part of the engine the processor time goes to: looks at the stack every few milliseconds of it.

A look costs nothing that the parts would notice, where a clock around each call would cost more than the call.
"""

from __future__ import annotations

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from types import FrameType

from stack.package import ROOT

_EVERY_S = 0.002  # the kernel rounds it up to its own tick
# The innermost frame that has a part gives it: what is called from everywhere (JSON helpers, contracts) has none.
_BY_FUNCTION = {
    ("state/devices/judged.py", "pack_judged"): "hand over from DEVICES to VISITORS",
    ("state/devices/judged.py", "unpack_judged"): "hand over from DEVICES to VISITORS",
    ("state/visitors/features.py", "vector"): "vectors",
    ("state/visitors/features.py", "moment_of"): "vectors",
    ("state/visitors/documents.py", "session_document"): "documents: sessions, signals",
    ("state/visitors/documents.py", "signal_document"): "documents: sessions, signals",
    ("state/visitors/documents.py", "visitor_document"): "documents: visitors",
    ("state/visitors/documents.py", "features_document"): "documents: features",
    ("state/visitors/documents.py", "score_document"): "documents: scores",
    ("state/visitors/documents.py", "score_signal"): "documents: scores",
    ("state/events.py", "read_event"): "read and check the message",
}
_BY_FILE = {
    "state/devices/logic.py": "devices",
    "state/devices/identity.py": "devices",
    "state/devices/guests.py": "devices",
    "state/codec.py": "state to bytes and back",
    "state/bucket.py": "buckets: order, due times",
    "state/engine.py": "buckets: order, due times",
    "state/visitors/admission.py": "admission",
    "state/visitors/logic.py": "sessions",
    "state/visitors/sessions.py": "sessions",
    "state/visitors/features.py": "sums of features",
    "state/rules/": "rules",
    "state/visitors/signals.py": "rules",
    "state/visitors/models.py": "models",
    "state/visitors/scoring.py": "models",
}


class Parts:
    """Counts looks by part."""

    def __init__(self) -> None:
        self.looks: Counter[str] = Counter()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Looks as long as the block runs."""
        before = signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        while frame is not None and (part := _part_of(frame)) is None:
            frame = frame.f_back
        if frame is not None:
            self.looks[part] += 1

    def microseconds(self, each_us: float) -> dict[str, float]:
        """What each part takes of so many microseconds, the dearest first."""
        total = self.looks.total() or 1
        return {part: round(each_us * looks / total, 2) for part, looks in self.looks.most_common()}


_ROOT = f"{ROOT}/"


def _part_of(frame: FrameType) -> str | None:
    path = frame.f_code.co_filename.removeprefix(_ROOT)
    if not path.startswith("state/"):
        return None
    found = _BY_FUNCTION.get((path, frame.f_code.co_name)) or _BY_FILE.get(path)
    return found or next((part for start, part in _BY_FILE.items() if path.startswith(start)), None)
