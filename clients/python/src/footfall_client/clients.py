"""The two clients: the same methods, one waits and one awaits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Self

import httpx

from footfall_client import calls
from footfall_client.calls import Call, Events
from footfall_client.errors import Unavailable
from footfall_client.models import Change, Decision, Signal, Snapshot, Visitor

_SILENT_S = 45.0  # a stream is pinged every 15 s: one that is silent for so long is dead


def _options(url: str, secret: str, timeout_s: float) -> dict[str, Any]:
    return {"base_url": url, "headers": {"authorization": f"Bearer {secret}"}, "timeout": timeout_s}


class Client:
    """Waits for its answers.

    Every method raises `Refused` (401, 403), `Unavailable` (no answer in time, 429, 5xx) or `FootfallError`.
    """

    def __init__(self, url: str, secret: str, timeout_s: float = 1.0) -> None:
        """Connects with the first question.

        Args:
            url: of the API.
            secret: a server's key, or a visitor's token.
            timeout_s: longest wait for an answer.
        """
        self._http = httpx.Client(**_options(url, secret, timeout_s))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes connections."""
        self._http.close()

    def decide(
        self,
        slots: Iterable[str],
        *,
        visitor_id: str | None = None,
        language: str = "en",
        unit: str | None = None,
        events: Mapping[str, Any] | None = None,
        explain: bool = False,
    ) -> Decision:
        """What is shown in the slots; without `visitor_id` to the token's own visitor."""
        asked = {"visitor_id": visitor_id, "language": language, "unit": unit, "events": events}
        return Decision.read(self._ask(calls.decide(slots, explain=explain, **asked)))

    def visitor(self, visitor_id: str, *, explain: bool = False) -> Visitor:
        """What is known of a visitor."""
        return Visitor.read(self._ask(calls.visitor(visitor_id, explain=explain)))

    def signals(self, visitor_id: str) -> list[Signal]:
        """What is so for a visitor now: the active ones."""
        return [one for one in self.visitor(visitor_id).signals if one.status == "active"]

    def related(self, item_id: str) -> list[Mapping[str, Any]]:
        """Items that go with an item; none where nothing was computed."""
        return list(self._ask(calls.related(item_id))["related"])

    def token(self, visitor_id: str, lifetime_s: int = 600) -> str:
        """A token for a visitor's browser; needs a server's key."""
        return str(self._ask(calls.token(visitor_id, lifetime_s))["token"])

    def listen(self, visitor_id: str | None = None) -> Iterator[Snapshot | Change]:
        """Everything that changes, for ever; comes back by itself when the connection ends.

        Raises:
            Refused: the secret is no longer valid.
        """
        events = Events()
        while True:
            with suppress(httpx.TransportError, Unavailable):
                yield from self._stream(visitor_id, events)
            time.sleep(events.wait_s())

    def _stream(self, visitor_id: str | None, events: Events) -> Iterator[Snapshot | Change]:
        params = {} if visitor_id is None else {"visitor_id": visitor_id}
        silent = httpx.Timeout(5.0, read=_SILENT_S)
        with self._http.stream(
            "GET", "/v1/stream", params=params, headers=events.headers(), timeout=silent
        ) as response:
            if not response.is_success:
                response.read()
                calls.answer(response)
            for line in response.iter_lines():
                if (change := events.line(line)) is not None:
                    yield change

    def _ask(self, call: Call) -> Any:
        try:
            response = self._http.request(call.method, call.path, json=call.json, params=call.params)
        except httpx.TransportError as error:
            raise Unavailable(0, f"no answer: {error!r}") from error
        return calls.answer(response)


class AsyncClient:
    """Awaits its answers; otherwise `Client`."""

    def __init__(self, url: str, secret: str, timeout_s: float = 1.0) -> None:
        """Connects with the first question.

        Args:
            url: of the API.
            secret: a server's key, or a visitor's token.
            timeout_s: longest wait for an answer.
        """
        self._http = httpx.AsyncClient(**_options(url, secret, timeout_s))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes connections."""
        await self._http.aclose()

    async def decide(
        self,
        slots: Iterable[str],
        *,
        visitor_id: str | None = None,
        language: str = "en",
        unit: str | None = None,
        events: Mapping[str, Any] | None = None,
        explain: bool = False,
    ) -> Decision:
        """What is shown in the slots; without `visitor_id` to the token's own visitor."""
        asked = {"visitor_id": visitor_id, "language": language, "unit": unit, "events": events}
        return Decision.read(await self._ask(calls.decide(slots, explain=explain, **asked)))

    async def visitor(self, visitor_id: str, *, explain: bool = False) -> Visitor:
        """What is known of a visitor."""
        return Visitor.read(await self._ask(calls.visitor(visitor_id, explain=explain)))

    async def signals(self, visitor_id: str) -> list[Signal]:
        """What is so for a visitor now: the active ones."""
        return [one for one in (await self.visitor(visitor_id)).signals if one.status == "active"]

    async def related(self, item_id: str) -> list[Mapping[str, Any]]:
        """Items that go with an item; none where nothing was computed."""
        return list((await self._ask(calls.related(item_id)))["related"])

    async def token(self, visitor_id: str, lifetime_s: int = 600) -> str:
        """A token for a visitor's browser; needs a server's key."""
        return str((await self._ask(calls.token(visitor_id, lifetime_s)))["token"])

    async def listen(self, visitor_id: str | None = None) -> AsyncIterator[Snapshot | Change]:
        """Everything that changes, for ever; comes back by itself when the connection ends.

        Raises:
            Refused: the secret is no longer valid.
        """
        events = Events()
        while True:
            with suppress(httpx.TransportError, Unavailable):
                async for change in self._stream(visitor_id, events):
                    yield change
            await asyncio.sleep(events.wait_s())

    async def _stream(self, visitor_id: str | None, events: Events) -> AsyncIterator[Snapshot | Change]:
        params = {} if visitor_id is None else {"visitor_id": visitor_id}
        silent = httpx.Timeout(5.0, read=_SILENT_S)
        async with self._http.stream(
            "GET", "/v1/stream", params=params, headers=events.headers(), timeout=silent
        ) as response:
            if not response.is_success:
                await response.aread()
                calls.answer(response)
            async for line in response.aiter_lines():
                if (change := events.line(line)) is not None:
                    yield change

    async def _ask(self, call: Call) -> Any:
        try:
            response = await self._http.request(call.method, call.path, json=call.json, params=call.params)
        except httpx.TransportError as error:
            raise Unavailable(0, f"no answer: {error!r}") from error
        return calls.answer(response)
