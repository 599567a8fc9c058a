"""The collector: `POST /c` takes a tracker's batches and answers what Kafka acknowledged, never more."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connectors.errors import BrokerUnavailable
from services import batches, identity, web
from services.limits import RateLimit
from services.records import Writer
from services.reporting import Seldom
from services.scripts import SHIPPED, Scripts
from services.settings import CollectorSettings

_LOG = logging.getLogger(__name__)
_RETRY_AFTER_S = (1, 5)  # drawn, so that all trackers do not come back at once


@dataclass(frozen=True)
class _Meters:
    """What is counted."""

    registry: CollectorRegistry
    answers: Counter
    events: Counter
    refused: Counter
    waiting: Gauge
    acknowledged_s: Histogram


def _meters() -> _Meters:
    registry = CollectorRegistry()
    return _Meters(
        registry,
        Counter("collector_batches", "Batches by status of the answer", ["status"], registry=registry),
        Counter("collector_events", "Events that Kafka acknowledged", registry=registry),
        Counter(
            "collector_refused",
            "Dead letters that Kafka acknowledged, by reason",
            ["reason"],
            registry=registry,
        ),
        Gauge("collector_waiting", "Batches that wait for Kafka", registry=registry),
        Histogram("collector_ack_seconds", "From a batch's last byte to Kafka's word", registry=registry),
    )


class Collector:
    """The application's parts and its answers."""

    def __init__(
        self, settings: CollectorSettings, broker: Writer, key: bytes, now: Callable[[], float] = time.time
    ) -> None:
        """Puts it together.

        Args:
            settings: of the collector.
            broker: where records go.
            key: signs the cookie.
            now: the wall clock, seconds.
        """
        self._settings, self._broker, self._key, self._now = settings, broker, key, now
        self._limit = RateLimit(settings.rate_per_s, settings.rate_burst)
        self._origins = settings.origins()
        self._meters, self._seldom = _meters(), Seldom()
        self._scripts = Scripts(Path(settings.scripts_dir) if settings.scripts_dir else SHIPPED)
        self._ends = False

    def end(self) -> None:
        """The service is to end: it is not ready any more."""
        self._ends = True

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/c", self._collect, methods=["POST"]),
            Route("/{name:str}.js", self._script),
            Route("/healthz", self._health),
            Route("/readyz", self._readiness),
            Route("/metrics", lambda _: web.metrics_of(self._meters.registry)),
        ]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=self._origins,
            allow_methods=["POST"],
            allow_headers=["content-type"],
            allow_credentials=True,
            expose_headers=["retry-after"],
        )
        bounded = Middleware(RequestBodyLimitMiddleware, max_body_size=self._settings.max_body_bytes)
        return Starlette(routes=routes, middleware=[cors, bounded], lifespan=self._life)

    @asynccontextmanager
    async def _life(self, _app: Starlette) -> AsyncIterator[None]:
        await self._broker.start()
        yield
        await self._broker.close()

    async def _collect(self, request: Request) -> Response:
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            response = Response(status_code=499)
        self._meters.answers.labels(response.status_code).inc()
        return response

    async def _answer(self, request: Request) -> Response:
        if not web.may_call(request, self._origins):
            return PlainTextResponse("this page is none of allowed_origins", 403)
        if not self._limit.takes(web.address_of(request), time.monotonic()):
            return self._later(429)
        body = await request.body()
        document = batches.parsed(body)
        if batches.is_too_long(document):
            return PlainTextResponse(f"at most {batches.MAX_EVENTS} events are taken", 413)
        return await self._taken(request, body, document)

    async def _taken(self, request: Request, body: bytes, document: object) -> Response:
        """The batch is read; a browser without an id gets one with the answer, if it may be stored."""
        known = identity.device_of(request.cookies.get(self._settings.cookie_name), self._key)
        now_ms = int(self._now() * 1000)
        seed, withdraws = batches.seed_of(document), batches.withdraws(document)
        if not batches.wants_id(document):
            return await self._written(batches.read(body, now_ms))
        if known is None and seed is None and (withdraws or not batches.may_act(document)):
            return await self._written(batches.without_visitor(body, now_ms))
        device = known or identity.minted(seed, self._key)
        response = await self._written(batches.read(batches.with_id(body, device), now_ms))
        if not withdraws and known is None:
            self._set_cookie(response, device)
        elif withdraws and response.status_code == 204:
            response.delete_cookie(self._settings.cookie_name, httponly=True, samesite="lax")
        return response

    async def _written(self, batch: batches.Batch) -> Response:
        began = time.monotonic()
        try:
            with self._meters.waiting.track_inprogress():
                await self._broker.send(batch.records)
        except BrokerUnavailable as error:
            if self._seldom.says(began):
                _LOG.warning("batches are to be sent again: %s", error)
            return self._later(503)
        self._meters.acknowledged_s.observe(time.monotonic() - began)
        self._meters.events.inc(batch.events)
        for reason in batch.refused:
            self._meters.refused.labels(reason).inc()
        return Response(status_code=204)

    def _later(self, status: int) -> Response:
        wait_s = random.randint(*_RETRY_AFTER_S)  # noqa: S311 no secret
        return Response(status_code=status, headers={"retry-after": str(wait_s)})

    def _set_cookie(self, response: Response, device: str) -> None:
        """Also with a 503: the batch that is sent again is then the same device's."""
        response.set_cookie(
            self._settings.cookie_name,
            identity.signed(device, self._key),
            max_age=self._settings.cookie_max_age_s,
            httponly=True,
            samesite="lax",
            secure=self._settings.cookie_secure,
        )

    async def _script(self, request: Request) -> Response:
        return self._scripts.answer(request)

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("alive")

    async def _readiness(self, _request: Request) -> Response:
        if self._ends:
            return PlainTextResponse("ending", 503)
        return PlainTextResponse("ready") if self._broker.ready else PlainTextResponse("Kafka is away", 503)
