"""The API: what to show a visitor, what is known of one, and a stream of its changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response

from connectors.contracts import topics
from connectors.contracts.decoding import UNREADABLE
from connectors.contracts.experiments import assign
from services import VERSION, tokens, web
from services.api_meters import ApiMeters
from services.api_routes import routes
from services.content.folder import ContentFolder
from services.decisions import Decider
from services.experiments import ExperimentsFolder, Exposures
from services.feed import Feed, Message
from services.index import Index
from services.limits import RateLimit
from services.memberships import Memberships, read_membership
from services.nightly import NightlyTable
from services.records import Writer
from services.settings import ApiSettings
from services.shelves import Shelves
from services.streams import Streams
from services.view import View, read_change, read_order

READ = (topics.SIGNALS.name, topics.SEGMENTS.name, topics.ERASURE_ORDERS.name)
_SWEEP_S = 1.0
_DESCRIPTION = (
    "What to show a visitor, what is known of one, and a stream of its changes. docs/api.md explains it."
)


class Api:
    """The application's parts."""

    def __init__(
        self,
        settings: ApiSettings,
        feed: Feed,
        index: Index,
        broker: Writer,
        content: ContentFolder,
        key: bytes,
        service_keys: tokens.ServiceKeys,
        now: Callable[[], float] = time.time,
        name_of: Callable[[str], str] = str,
    ) -> None:
        """Puts it together.

        Args:
            settings: of the API.
            feed: brings signals and orders to erase.
            index: documents by id.
            broker: where events go that come with a decision.
            content: what may be shown.
            key: signs tokens and cookies.
            service_keys: of other servers.
            now: the wall clock, seconds.
            name_of: a visitor's name in topics and indices: itself, or its pseudonym.
        """
        self.name_of = name_of
        self.settings, self.feed, self.index, self.broker = settings, feed, index, broker
        self.content, self.key, self.service_keys, self.now = content, key, service_keys, now
        self.experiments = ExperimentsFolder(settings.experiments_dir, settings.content_poll_ms)
        self.streams = Streams(settings.max_streams, settings.stream_backlog, settings.stream_ping_ms)
        self.view = View(settings.view_max_signals, self.streams.publish)
        self.memberships = Memberships(settings.view_max_segments)
        self.nightly = NightlyTable(settings.model_dir, settings.content_poll_ms)
        self.shelves = Shelves(index, time.monotonic, settings.item_cache_ms, self.nightly.related)
        self.decider = Decider(
            self.view,
            self.memberships,
            index,
            lambda: content.content,
            lambda unit: assign(self.experiments.current, unit),
            Exposures(broker, lambda: self.experiments.current, settings.remembered_visitors),
            self.shelves,
            settings.decide_deadline_ms,
            settings.remembered_visitors,
        )
        self.limit = RateLimit(settings.rate_per_s, settings.rate_burst)
        self.meters = ApiMeters(self)
        self._ends = False

    @property
    def now_ms(self) -> int:
        """The wall clock, epoch milliseconds."""
        return int(self.now() * 1000)

    def app(self) -> FastAPI:
        """The ASGI application."""
        app = FastAPI(
            title="Footfall",
            version=VERSION,
            description=_DESCRIPTION,
            lifespan=self._life,
            max_body_size=self.settings.max_body_bytes,
            telemetry={"tracing": False, "metrics": False, "logs": False},
            exception_handlers={RequestValidationError: _refused},
        )
        app.include_router(routes(self))
        for path, answer in (
            ("/healthz", self._health),
            ("/readyz", self._readiness),
            ("/metrics", self._metrics),
        ):
            app.add_api_route(path, answer, include_in_schema=False)
        app.add_middleware(
            CORSMiddleware,
            allow_origins=self.settings.origins(),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "last-event-id"],
            allow_credentials=True,
            expose_headers=["retry-after"],
        )
        return app

    @asynccontextmanager
    async def _life(self, _app: FastAPI) -> AsyncIterator[None]:
        await self.broker.start()
        await self.feed.start(self.take)
        followed = (self.content.follow(), self.experiments.follow(), self.nightly.follow())
        chores = [asyncio.create_task(one) for one in (*followed, self._sweep(), self.shelves.warm())]
        yield
        for chore in chores:
            chore.cancel()
        self.shelves.close()
        await self.feed.close()
        await self.broker.close()
        await self.index.close()

    def take(self, messages: Sequence[Message]) -> None:
        """Brings messages of the topics into the view; one that is none of their contract changes nothing."""
        now_ms = self.now_ms
        for topic, value in messages:
            with suppress(*UNREADABLE):
                if topic == topics.ERASURE_ORDERS.name:
                    order = read_order(value)
                    self.view.forget(order)
                    self.decider.forget(order.visitor_id)
                elif topic == topics.SEGMENTS.name:
                    self.memberships.apply(read_membership(value))
                else:
                    self.view.apply(read_change(value), now_ms)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.view.sweep(self.now_ms)

    def end(self) -> None:
        """The service is to end: it is not ready any more, and streams end."""
        self._ends = True
        self.streams.end()

    async def _health(self) -> Response:
        return PlainTextResponse("alive")

    async def _readiness(self) -> Response:
        if self._ends:
            return PlainTextResponse("ending", 503)
        return (
            PlainTextResponse("ready") if self.feed.caught_up else PlainTextResponse("reading signals", 503)
        )

    async def _metrics(self) -> Response:
        return web.metrics_of(self.meters.registry)


async def _refused(_request: Request, error: Exception) -> Response:
    """What is wrong with a request, without what came: not all that is read can be written again."""
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    publish = [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in problems]
    return Response(msgspec.json.encode({"detail": publish}), 422, media_type="application/json")


def openapi() -> dict[str, Any]:
    """The API's contract, made without any server."""
    settings = ApiSettings.read()
    nothing: Any = None
    api = Api(settings, nothing, nothing, nothing, ContentFolder(), b"", tokens.ServiceKeys())
    return api.app().openapi()
