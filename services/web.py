"""What both services answer alike: reading a body within its bound, whose page may call, metrics, health."""

from __future__ import annotations

from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response


class TooLarge(Exception):
    """A body is larger than it may be."""


async def body_of(request: Request, most: int) -> bytes:
    """The request's body.

    Raises:
        TooLarge: it has more than `most` bytes; no more of it than that was kept.
        ClientDisconnect: the other side went away while it sent.
    """
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > most:
        raise TooLarge
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise TooLarge
    return bytes(body)


def may_call(request: Request, origins: list[str]) -> bool:
    """Whether the page that calls is one of ours: of the same host, of the list, or no page at all.

    A browser says `Origin` with every POST; other programs need not.
    """
    origin = request.headers.get("origin")
    return origin is None or origin in origins or urlsplit(origin).netloc == request.headers.get("host")


def metrics_of(registry: CollectorRegistry) -> Response:
    """The metrics as Prometheus reads them."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def address_of(request: Request) -> str:
    """The client's address; behind a proxy that is believed, what the proxy says."""
    return request.client.host if request.client else "unknown"


__all__ = ["ClientDisconnect", "TooLarge", "address_of", "body_of", "may_call", "metrics_of"]
