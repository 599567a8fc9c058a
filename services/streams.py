"""Server-Sent Events of visitors: what is so now, then every change, in memory that does not grow."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from services.view import Fact, View, name_of

_JSON = msgspec.json.Encoder()
_RETRY_MS = (2_000, 8_000)  # drawn, so that all browsers do not come back at once


class Full(Exception):
    """There are as many streams as there may be."""


class _Reader:
    """One open stream: what waits for it."""

    __slots__ = ("ended", "waiting", "wake")

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.wake = asyncio.Event()
        self.ended = False


class Streams:
    """All open streams of a replica."""

    def __init__(self, most: int, backlog: int, ping_ms: int) -> None:
        """No stream yet.

        Args:
            most: streams at a time.
            backlog: changes that wait for one reader; a slower one is ended, and comes back to a snapshot.
            ping_ms: a silent stream gets a comment so often, or a lost client would go unnoticed.
        """
        self._most, self._backlog, self._ping_s = most, backlog, ping_ms / 1000
        self._readers: dict[str, set[_Reader]] = {}
        self.open = 0
        self.cut = 0
        self._ends = False

    def publish(self, visitor_id: str, fact: Fact | None) -> None:
        """Hands a change to the visitor's readers; None: all of the visitor is gone."""
        readers = self._readers.get(visitor_id)
        if not readers:
            return
        event = _snapshot(visitor_id, (), "") if fact is None else _change(fact)
        for reader in readers:
            if len(reader.waiting) >= self._backlog:
                reader.ended = True
                self.cut += 1
            else:
                reader.waiting.append(event)
            reader.wake.set()

    def end(self) -> None:
        """Ends all: a server that is to stop would wait for them."""
        self._ends = True
        for readers in self._readers.values():
            for reader in readers:
                reader.ended = True
                reader.wake.set()

    def opened(self, visitor_id: str, view: View, now_ms: int, last: str | None) -> AsyncIterator[bytes]:
        """A stream; it begins with what is so now, unless `last` says that the reader knows.

        Raises:
            Full: there are as many as there may be.
        """
        if self.open >= self._most or self._ends:
            raise Full
        return self._events(visitor_id, view, last, now_ms)

    async def _events(
        self, visitor_id: str, view: View, last: str | None, now_ms: int
    ) -> AsyncIterator[bytes]:
        reader = _Reader()
        self._readers.setdefault(visitor_id, set()).add(
            reader
        )  # from the same moment on as the snapshot is of
        self.open += 1
        try:
            yield _beginning(visitor_id, view, last, now_ms)
            while not reader.ended or reader.waiting:
                if not reader.waiting and not await self._woken(reader):
                    yield b": ping\n\n"
                    continue
                events = b"".join(reader.waiting)
                reader.waiting.clear()
                if events:
                    yield events
        finally:
            self._close(visitor_id, reader)

    async def _woken(self, reader: _Reader) -> bool:
        reader.wake.clear()
        try:
            async with asyncio.timeout(self._ping_s):
                await reader.wake.wait()
        except TimeoutError:
            return False
        return True

    def _close(self, visitor_id: str, reader: _Reader) -> None:
        self.open -= 1
        readers = self._readers[visitor_id]
        readers.discard(reader)
        if not readers:
            del self._readers[visitor_id]


def _beginning(visitor_id: str, view: View, last: str | None, now_ms: int) -> bytes:
    retry = b"retry: %d\n\n" % random.randint(*_RETRY_MS)  # noqa: S311 no secret
    newest = view.newest(visitor_id)
    if last and last == newest:
        return retry
    active = tuple(one for one in view.of(visitor_id, now_ms) if one.status == "active")
    return retry + _snapshot(visitor_id, active, newest)


def _change(fact: Fact) -> bytes:
    return b"id: %b\nevent: signal\ndata: %b\n\n" % (name_of(fact).encode(), _JSON.encode(fact))


def _snapshot(visitor_id: str, facts: tuple[Fact, ...], newest: str) -> bytes:
    data = _JSON.encode({"visitor_id": visitor_id, "signals": facts})
    return b"id: %b\nevent: snapshot\ndata: %b\n\n" % (newest.encode(), data)
