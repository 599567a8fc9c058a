"""What both services answer alike: whose page may call, from which address, metrics."""

from __future__ import annotations

from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response


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
