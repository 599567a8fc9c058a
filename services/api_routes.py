"""The API's routes: who may ask, what is answered."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from starlette.responses import Response, StreamingResponse

from connectors.adapters.adapter import dumped
from connectors.errors import BrokerUnavailable, IndexUnavailable
from services import batches, identity, schemas, tokens, web
from services.streams import Full
from services.tokens import Caller

if TYPE_CHECKING:
    from services.api import Api

_JSON = msgspec.json.Encoder()
_REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"model": schemas.Refusal, "description": "no token, or none of ours"},
    403: {"model": schemas.Refusal, "description": "another visitor's"},
    404: {"model": schemas.Refusal, "description": "no such path"},
    422: {"model": schemas.Refusal, "description": "the request does not fit; detail says where"},
    429: {"model": schemas.Refusal, "description": "this address asks too often"},
}
_WITH_BODY: dict[int | str, dict[str, Any]] = {
    **_REFUSED,
    400: {"model": schemas.Refusal, "description": "the body cannot be read"},
    413: {"model": schemas.Refusal, "description": "the body is too large"},
}
_FULL: dict[int | str, dict[str, Any]] = {
    503: {"model": schemas.Refusal, "description": "too many streams, or signals are still being read"}
}


def routes(api: Api) -> APIRouter:
    """The routes over the API's parts."""
    router = APIRouter(prefix="/v1")
    handlers = _Handlers(api)
    add = router.add_api_route
    add(
        "/decide",
        handlers.decide,
        methods=["POST"],
        response_model=schemas.DecideResponse,
        responses=_WITH_BODY,
    )
    add("/tokens", handlers.token, methods=["POST"], response_model=schemas.Token, responses=_WITH_BODY)
    add("/visitors/{visitor_id:path}", handlers.visitor, response_model=schemas.Visitor, responses=_REFUSED)
    add("/items/{item_id:path}/related", handlers.related, response_model=schemas.Related, responses=_REFUSED)
    add("/stream", handlers.stream, response_class=StreamingResponse, responses={**_REFUSED, **_FULL})
    return router


def _bearer(authorization: Annotated[str | None, Header()] = None) -> str | None:
    scheme, _, secret = (authorization or "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" and secret.strip() else None


Bearer = Annotated[str | None, Depends(_bearer)]


class _Handlers:
    """One method a route."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def _caller(self, request: Request, secret: str | None) -> Caller:
        """Who asks; servers are not limited.

        Raises:
            HTTPException: 401 or 429.
        """
        if secret is not None and self._api.service_keys.have(secret):
            return Caller(None)
        self._limit(request)
        if secret is None:
            raise HTTPException(
                401, "a visitor's token or a server's key is required", {"www-authenticate": "Bearer"}
            )
        longest_s, now_s = self._api.settings.token_max_s, int(self._api.now())
        try:
            return Caller(tokens.visitor_of(secret, self._api.key, now_s, longest_s))
        except tokens.BadToken as error:
            raise HTTPException(401, str(error), {"www-authenticate": "Bearer"}) from error

    def _limit(self, request: Request) -> None:
        if not self._api.limit.takes(web.address_of(request), time.monotonic()):
            raise HTTPException(429, "this address asks too often", {"retry-after": "1"})

    def _device(self, request: Request) -> str | None:
        return identity.device_of(request.cookies.get(self._api.settings.cookie_name), self._api.key)

    async def decide(self, request: Request, asked: schemas.DecideRequest, secret: Bearer) -> Response:
        """Content for each slot, with the reason; unknown slots and visitors get defaults."""
        began = time.monotonic()
        visitor_id = _visitor(self._caller(request, secret), asked.visitor_id)
        device = self._device(request)
        sending = self._sending(asked.events, device or visitor_id)
        name, unit = map(self._api.name_of, (visitor_id, asked.unit or device or visitor_id))
        decision = await self._api.decider.decide(name, unit, asked.slots, asked.language, self._api.now_ms)
        taken = await self._taken(sending, began)
        degraded = decision.degraded if self._api.feed.caught_up else [*decision.degraded, "view"]
        answers = msgspec.to_builtins(decision.answers)
        for answer in answers:
            self._api.meters.decisions.labels(answer["reason"]).inc()
            answer.setdefault("fields", {})
            answer.pop("exposed", None)
            if not asked.explain:
                answer.pop("passed_over", None)
        self._count(degraded)
        self._api.meters.decide_s.observe(time.monotonic() - began)
        return _json(
            visitor_id=visitor_id,
            decided_at_ms=decision.at_ms,
            content_version=decision.content_version,
            slots=answers,
            events=taken,
            degraded=degraded,
        )

    def _sending(
        self, events: dict[str, Any] | None, device: str
    ) -> tuple[batches.Batch, asyncio.Task[None]] | None:
        """Begins to write the events that came along."""
        if events is None:
            return None
        if batches.is_too_long(events):
            raise HTTPException(413, f"at most {batches.MAX_EVENTS} events are taken")
        try:
            body = dumped(events)
        except (TypeError, ValueError) as error:
            raise HTTPException(422, "events: finite numbers and whole characters are required") from error
        if batches.wants_id(events):
            body = batches.with_id(body, device)
        batch = batches.read(body, self._api.now_ms)
        return batch, asyncio.create_task(self._api.broker.send(batch.records))

    async def _taken(
        self, sending: tuple[batches.Batch, asyncio.Task[None]] | None, began: float
    ) -> dict[str, Any] | None:
        """Whether Kafka has acknowledged the events by the deadline; they may arrive all the same."""
        if sending is None:
            return None
        batch, task = sending
        left_s = self._api.settings.decide_deadline_ms / 1000 - (time.monotonic() - began)
        done, _ = await asyncio.wait([task], timeout=max(0.0, left_s))
        task.add_done_callback(_heard)
        acknowledged = bool(done) and not isinstance(task.exception(), BrokerUnavailable)
        return {"acknowledged": acknowledged, "events": batch.events, "refused": batch.refused}

    def _count(self, degraded: list[str]) -> None:
        for part in degraded:
            self._api.meters.degraded.labels(part).inc()

    async def visitor(
        self, request: Request, visitor_id: str, secret: Bearer, explain: Annotated[bool, Query()] = False
    ) -> Response:
        """Signals, scores, segment of a visitor; with explain the evidence of each signal, and features."""
        _visitor(self._caller(request, secret), visitor_id)
        name = self._api.name_of(visitor_id)
        facts = self._api.view.of(name, self._api.now_ms)
        found = await self._api.decider.profile(name, features=explain)
        degraded = {"index"} if found.degraded else set()
        signals = msgspec.to_builtins(facts)
        if explain:
            try:
                documents = await self._api.index.signals([one.signal_id for one in facts])
            except IndexUnavailable:
                documents, degraded = {}, {"index"}
            signals = [{**one, "document": documents.get(one["signal_id"])} for one in signals]
        if not self._api.feed.caught_up:
            degraded.add("view")
        profile = dict(found.profile or {})
        profile.pop("context", None)
        if self._api.memberships.knows(name):
            profile["segment"] = self._api.memberships.of(name)
        known = bool(facts) or found.profile is not None
        shown = {"visitor_id": visitor_id, "known": known, "signals": signals, "degraded": sorted(degraded)}
        return _json(**{**profile, **shown})

    async def related(self, request: Request, item_id: str, secret: Bearer) -> Response:
        """Items that go with an item: of the index, else of the nightly table; none, with the reason."""
        self._caller(request, secret)
        document, reason = None, "not_computed"
        try:
            document = await self._api.index.item(item_id)
        except IndexUnavailable:
            reason = "index_away"
        related = (document or {}).get("related") or []
        if not related and (nightly := self._api.nightly.related(item_id)):
            related = [{"item_id": name, "score": score} for name, score in nightly]
            return _json(item_id=item_id, related=related, reason="nightly")
        if document is None:
            return _json(item_id=item_id, related=[], reason=reason)
        computed = document.get("computed_at_ms")
        return _json(item_id=item_id, related=related, reason="computed", computed_at_ms=computed)

    async def stream(
        self,
        request: Request,
        secret: Bearer,
        visitor_id: Annotated[str | None, Query(max_length=256)] = None,
        token: Annotated[str | None, Query(description="for EventSource, which sends no headers")] = None,
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Server-Sent Events: `snapshot` at first, then `signal` for every change."""
        visitor = self._api.name_of(_visitor(self._caller(request, secret or token), visitor_id))
        retry = {"retry-after": "5"}
        if not self._api.feed.caught_up:
            raise HTTPException(503, "signals are still being read", retry)
        try:
            events = self._api.streams.opened(visitor, self._api.view, self._api.now_ms, last_event_id)
        except Full:
            raise HTTPException(503, "there are too many streams", retry) from None
        quiet = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=quiet)

    async def token(self, request: Request, asked: schemas.TokenRequest, secret: Bearer) -> Response:
        """A short-lived token: a server asks for any visitor, a browser for the device of its cookie."""
        visitor_id = asked.visitor_id
        if secret is None:
            self._limit(request)
            device = self._device(request)
            if device is None or visitor_id not in (None, device):
                raise HTTPException(401, "the collector's cookie or a server's key is required")
            visitor_id = device
        elif self._caller(request, secret).visitor_id is not None or visitor_id is None:
            raise HTTPException(403, "a server's key and a visitor_id are required")
        lifetime_s, now_s = min(asked.lifetime_s, self._api.settings.token_max_s), int(self._api.now())
        made = tokens.issued(visitor_id, self._api.key, now_s, lifetime_s)
        return _json(token=made, visitor_id=visitor_id, expires_at_ms=(now_s + lifetime_s) * 1000)


def _visitor(caller: Caller, asked: str | None) -> str:
    """Of whom the caller wants to know.

    Raises:
        HTTPException: 403 it may not; 422 a server does not say.
    """
    visitor_id = asked if asked is not None else caller.visitor_id
    if visitor_id is None:
        raise HTTPException(422, "visitor_id is required of a server")
    if not caller.may_see(visitor_id):
        raise HTTPException(403, "this token is another visitor's")
    return visitor_id


def _heard(task: asyncio.Task[None]) -> None:
    """Takes note of a failure after the request was answered."""
    if not task.cancelled():
        task.exception()


def _json(**document: Any) -> Response:
    return Response(_JSON.encode(document), media_type="application/json")
