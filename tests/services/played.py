"""Ends of the API that do what a test says, and the API over them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.contracts.topics import ERASURE_ORDERS, SIGNALS
from connectors.errors import IndexUnavailable
from services import tokens
from services.api import Api
from services.content.folder import ContentFolder
from services.feed import Take
from services.settings import ApiSettings
from tests.services.conftest import KEY, NOW_MS, PlayedBroker

SERVICE_KEY = "s" * 30
Document = dict[str, Any]


class PlayedFeed:
    """Hands on what a test sends."""

    def __init__(self) -> None:
        self.caught_up = True
        self._take: Take = lambda messages: None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, take: Take) -> None:
        self._take, self._loop = take, asyncio.get_running_loop()

    async def close(self) -> None:
        pass

    def send(self, *documents: Document, topic: str = SIGNALS.name) -> None:
        """Returns when the view has taken them."""

        async def taken() -> None:
            self._take([(topic, json.dumps(one).encode()) for one in documents])

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(taken(), self._loop).result(10)

    def erase(self, visitor_id: str, quiet_until_ms: int) -> None:
        order = {"visitor_id": visitor_id, "erased_at_ms": 0, "quiet_until_ms": quiet_until_ms}
        self.send(order, topic=ERASURE_ORDERS.name)


class PlayedIndex:
    """Documents in memory; away or slow where a test says so."""

    def __init__(self) -> None:
        self.visitors: dict[str, Document] = {}
        self.documents: dict[str, Document] = {}
        self.items_: dict[str, Document] = {}
        self.shelves: dict[str, Document] = {}
        self.searched = 0
        self.away, self.slow_s, self.asked = False, 0.0, 0

    async def visitor(self, visitor_id: str, *, features: bool = False) -> Document | None:
        await self._ask()
        found = self.visitors.get(visitor_id)
        return found and {k: v for k, v in found.items() if features or k != "features"}

    async def signals(self, signal_ids: Sequence[str]) -> dict[str, Document]:
        await self._ask()
        return {one: self.documents[one] for one in signal_ids if one in self.documents}

    async def item(self, item_id: str) -> Document | None:
        await self._ask()
        return self.items_.get(item_id)

    async def items(self, item_ids: Sequence[str], *, related: bool = False) -> dict[str, Document]:
        await self._ask()
        found = {name: {"item_id": name, **self.items_[name]} for name in item_ids if name in self.items_}
        return {n: {k: v for k, v in one.items() if related or k != "related"} for n, one in found.items()}

    async def visitor_items(self, visitor_id: str) -> Document | None:
        await self._ask()
        return self.shelves.get(visitor_id)

    async def popular(self, category: str | None, most: int) -> list[Document]:
        self.searched += 1
        if self.away:
            raise IndexUnavailable("by the test")
        found = [
            {"item_id": name, **one}
            for name, one in self.items_.items()
            if one.get("available", True) and category in (None, one.get("category"))
        ]
        return sorted(found, key=lambda one: -one.get("popularity", 0.0))[:most]

    async def close(self) -> None:
        pass

    async def _ask(self) -> None:
        self.asked += 1
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self.away:
            raise IndexUnavailable("by the test")


class Keys(tokens.ServiceKeys):
    def __init__(self, *keys: str) -> None:
        import hashlib

        self._hashes = [hashlib.sha256(key.encode()).digest() for key in keys]


class Played:
    """The API and its ends."""

    def __init__(self, **changed: Any) -> None:
        plenty = {"rate_per_s": 1e6, "rate_burst": 10**6, "cookie_secure": False}
        self.feed, self.index, self.broker = PlayedFeed(), PlayedIndex(), PlayedBroker()
        self.now_s = NOW_MS / 1000
        name_of = changed.pop("name_of", str)
        content = ContentFolder(str(changed.pop("content_dir", "")), 100)
        settings = ApiSettings(**{**plenty, **changed})
        self.api = Api(
            settings,
            self.feed,
            self.index,
            self.broker,
            content,
            KEY,
            Keys(SERVICE_KEY),
            now=lambda: self.now_s,
            name_of=name_of,
        )


def signal(number: int = 1, visitor: str = "v-1", **members: Any) -> Document:
    return {
        "signal_id": f"{number:032x}",
        "kind": "cart_abandoned",
        "visitor_id": visitor,
        "occurred_at_ms": NOW_MS - 1_000 + number,
        "detected_at_ms": NOW_MS,
        "expires_at_ms": NOW_MS + 60_000,
        "status": "active",
        "version": NOW_MS,
        "rule": {"name": "cart_abandoned", "version": 2},
        "evidence": {"cart_events": 2},
        "context": {"device": "mobile"},
        **members,
    }


def bearer(visitor: str = "v-1", **changed: Any) -> dict[str, str]:
    claims: Any = {"key": KEY, "now_s": NOW_MS // 1000, "lifetime_s": 600, **changed}
    return {"authorization": f"Bearer {tokens.issued(visitor, **claims)}"}


SERVER = {"authorization": f"Bearer {SERVICE_KEY}"}


def decoded(answer: Any, schema: Any) -> Document:
    """The answer, which must be what the contract says."""
    schema.model_validate(answer.json())
    found: Document = msgspec.json.decode(answer.content)
    return found
