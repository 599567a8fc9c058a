"""The demo's server: pages, the proxy, who the visitor is, and what there is to show of it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from services import identity, tokens, web
from services.demo.happening import Happening
from services.demo.inbox import Addresses, Inbox
from services.demo.proxy import Proxy
from services.feed import Feed

PAGES = ("/", "/product/{id}", "/cart", "/checkout", "/thanks", "/sign-in", "/new", "/help", "/delivery")
_EMAIL, _USER, _DEVICE = "shop_email", "shop_user", "footfall_id"
_LONGEST_ADDRESS = 200
_TOKEN_S = 600


@dataclass(frozen=True)
class Facts:
    """What the page says about the run.

    Attributes:
        cart_timeout_ms: from the last add_to_cart to the abandonment.
        bound_ms: from then to the moment when the engine knows.
    """

    cart_timeout_ms: int
    bound_ms: int


@dataclass(frozen=True)
class Visitor:
    """Who asks: the device of the collector's cookie, the user who signed in, the address that was given."""

    device: str | None
    user: str | None
    email: str

    @property
    def ids(self) -> set[str]:
        """All its names."""
        return {name for name in (self.device, self.user) if name}


class Site:
    """The routes over their parts."""

    def __init__(
        self,
        folder: Path,
        feed: Feed,
        proxies: tuple[Proxy, Proxy],
        addresses: Addresses,
        key: bytes,
        facts: Facts,
        smtp_port: int,
    ) -> None:
        """Nothing is connected yet.

        Args:
            folder: of `demo/` and `dist/`.
            feed: brings what topics hold.
            proxies: to the collector and to the API.
            addresses: of visitors.
            key: that signs cookies and tokens.
            facts: for the page.
            smtp_port: of the inbox; 0 takes a free one.
        """
        self._folder, self._feed, self._addresses, self._key = folder, feed, addresses, key
        self._collector, self._api = proxies
        self._facts, self._smtp_port = facts, smtp_port
        self.happening, self.inbox = Happening(), Inbox()

    def app(self) -> Starlette:
        """The application."""
        routes = [
            *(Route(path, self.page) for path in PAGES),
            Route("/c", self.to_collector, methods=["POST", "OPTIONS"]),
            Route("/v1/{path:path}", self.to_api, methods=["GET", "POST", "OPTIONS"]),
            Route("/demo/tokens", self.token, methods=["POST"]),
            Route("/demo/me", self.me, methods=["POST"]),
            Route("/demo/state", self.state),
            Mount("/shop", StaticFiles(directory=self._folder / "demo")),
            Mount("/", StaticFiles(directory=self._folder / "dist")),
        ]
        return Starlette(routes=routes, lifespan=self._life)

    @asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        for proxy in (self._collector, self._api):
            await proxy.start()
        await self._feed.start(self.happening.take)
        async with self.inbox.listening("127.0.0.1", self._smtp_port):
            yield
        for proxy in (self._collector, self._api):
            await proxy.close()
        await self._feed.close()

    async def to_collector(self, request: Request) -> Response:
        """The tracker's batches."""
        return await self._collector.forward(request)

    async def to_api(self, request: Request) -> Response:
        """Decisions, and the stream of changes."""
        return await self._api.forward(request)

    async def page(self, _: Request) -> Response:
        """Every page of the shop is one file."""
        return FileResponse(self._folder / "demo" / "index.html", headers={"cache-control": "no-cache"})

    async def token(self, request: Request) -> Response:
        """The visitor's token: of the user who signed in, else of the device, from the API."""
        visitor = self._visitor(request)
        if visitor.user is None:
            return await self._api.forward(request, "/v1/tokens")
        now_s = int(time.time())
        made = tokens.issued(visitor.user, self._key, now_s, _TOKEN_S)
        expires_at_ms = (now_s + _TOKEN_S) * 1000
        return _json({"token": made, "visitor_id": visitor.user, "expires_at_ms": expires_at_ms})

    async def me(self, request: Request) -> Response:
        """The visitor gives an address, signs in or out, or is forgotten (all empty)."""
        if not web.may_call(request, []):
            return _json({"error": "another's page"}, 403)
        sent = orjson.loads(await request.body())
        email = str(sent.get("email") or "")[:_LONGEST_ADDRESS]
        user = _user_of(email) if email and sent.get("signed_in") else None
        if not email:
            self._addresses.know(self._visitor(request).ids, "")
        answer = _json({"email": email, "user_id": user})
        for name, value in ((_EMAIL, email), (_USER, user)):
            if value:
                answer.set_cookie(name, quote(value), httponly=True, samesite="lax")
            else:
                answer.delete_cookie(name)
        return answer

    async def state(self, request: Request) -> Response:
        """What there is to show; 204 when nothing is new since `seen`."""
        visitor = self._visitor(request)
        if visitor.email:
            self._addresses.know(visitor.ids, visitor.email)
        whom = ".".join([*sorted(visitor.ids), visitor.email])
        seen = f"{self.happening.version}.{self.inbox.taken}.{whom}"
        if request.query_params.get("seen") == seen:
            return Response(status_code=204)
        return _json(
            {
                "seen": seen,
                "now_ms": round(time.time() * 1000),
                "facts": asdict(self._facts),
                "visitor": asdict(visitor),
                **self.happening.of(visitor.ids),
                "mails": self.inbox.to(visitor.email) if visitor.email else [],
            }
        )

    def _visitor(self, request: Request) -> Visitor:
        cookies = request.cookies
        device = identity.device_of(cookies.get(_DEVICE), self._key)
        return Visitor(device, cookies.get(_USER), unquote(cookies.get(_EMAIL, "")))


def _user_of(email: str) -> str:
    """An account's id, which shows no address.

    >>> _user_of("Ada@shop.example") == _user_of("ada@shop.example")
    True
    """
    return "u-" + hashlib.sha256(email.strip().lower().encode()).hexdigest()[:12]


def _json(document: dict[str, Any], status: int = 200) -> Response:
    quiet = {"cache-control": "no-store"}
    return Response(orjson.dumps(document), status, quiet, media_type="application/json")
