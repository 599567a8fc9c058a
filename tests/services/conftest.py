"""Real servers on loopback, each in a thread; only what is behind them is played where a test wants it alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
import pytest
from starlette.types import ASGIApp

from connectors.errors import BrokerUnavailable
from services.records import Record
from services.running import Server, server

KEY = b"k" * 32
NOW_MS = 1_700_000_000_000


class PlayedBroker:
    """A broker that does what a test says."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.away = False
        self.asked = threading.Event()
        self.released = threading.Event()
        self.released.set()

    @property
    def ready(self) -> bool:
        return not self.away

    async def start(self) -> None:
        pass

    async def send(self, records: Sequence[Record]) -> None:
        self.asked.set()
        while not self.released.is_set():
            await asyncio.sleep(0.01)
        if self.away:
            raise BrokerUnavailable("by the test")
        self.records += records

    async def close(self) -> None:
        pass


class Running:
    """A server in a thread."""

    def __init__(self, app: ASGIApp, ending: Callable[[], None]) -> None:
        self.server: Server = server(app, "127.0.0.1", 0, 10_000, "127.0.0.1", ending)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        wait_until(lambda: self.server.started, "the server listens")
        self.url = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def end(self) -> None:
        """As SIGTERM would; returns at once."""
        self.server.handle_exit(15, None)


@contextmanager
def running(app: ASGIApp, ending: Callable[[], None] = lambda: None) -> Iterator[Running]:
    """The application, served as in production."""
    one = Running(app, ending)
    try:
        yield one
    finally:
        one.end()
        one.thread.join(15)
        assert not one.thread.is_alive()


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = 10.0) -> None:
    """Polls until the condition holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.01)


@pytest.fixture
def broker() -> PlayedBroker:
    return PlayedBroker()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as client:
        yield client
