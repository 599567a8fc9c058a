"""What the processes of a host tell: lines of a file each, read when all is over."""

from __future__ import annotations

import json
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from state.logic import Document, Out


class Report:
    """One process's file: how many events it has taken by when, carts, sessions, its memory."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._next, self.taken, self._sessions = 0.0, 0, 0
        self._carts: list[tuple[str, int, str]] = []

    def take(self, events: int) -> None:
        """Counts events; says so once a second."""
        self.taken += events
        now = time.time()
        if now >= self._next:
            self._next = now + 1
            self._say("look", [now, self.taken])

    def documents(self, out: Out) -> list[Document]:
        """The documents that came out; carts and sessions are noted."""
        for document in out.documents:
            if document.kind == "session":
                self._sessions += 1
            elif document.kind == "signal":
                told = json.loads(document.body)
                if told["kind"] == "cart_abandoned":
                    self._carts.append((told["visitor_id"], told["occurred_at_ms"], told["status"]))
        return out.documents

    def bucket_is_over(self) -> None:
        """Says what this process has found by now."""
        self._say("look", [time.time(), self.taken])
        mib = getrusage(RUSAGE_SELF).ru_maxrss // 1024
        self._say("found", {"carts": self._carts, "sessions": self._sessions, "mib": mib})
        self._carts, self._sessions = [], 0

    def _say(self, what: str, value: Any) -> None:
        self._file.write(json.dumps([what, value]) + "\n")


def read(paths: list[Path]) -> dict[str, list[list[Any]]]:
    """By what was said, all of it, a list a process."""
    found: dict[str, list[list[Any]]] = {"look": [], "found": []}
    for path in paths:
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        for what, told in found.items():
            told.append([value for name, value in lines if name == what])
    return found
