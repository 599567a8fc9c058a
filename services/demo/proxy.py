"""One address for the page, the collector and the API, as a shop's proxy has it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

_OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length", "date"}
)
_NO_LIMIT = aiohttp.ClientTimeout(total=None, sock_connect=5)


class Proxy:
    """Hands requests on to one service and its answers back, streams as they come."""

    def __init__(self, target: str) -> None:
        """Of the service, without a slash at the end."""
        self._target = target

    async def start(self) -> None:
        """In the event loop that serves."""
        jar = aiohttp.DummyCookieJar()
        self._session = aiohttp.ClientSession(timeout=_NO_LIMIT, auto_decompress=False, cookie_jar=jar)

    async def close(self) -> None:
        """Ends what is still open."""
        await self._session.close()

    async def forward(self, request: Request, path: str = "") -> Response:
        """The service's answer, to another path where one is given; 502 where it does not answer."""
        url = f"{self._target}{path or request.url.path}"
        url += f"?{request.url.query}" if request.url.query else ""
        headers = {k: v for k, v in request.headers.items() if k not in _OF_THE_CONNECTION}
        try:
            answer = await self._session.request(
                request.method, url, headers=headers, data=await request.body()
            )
        except (aiohttp.ClientError, OSError):
            return PlainTextResponse("the service does not answer", 502)
        back = StreamingResponse(_body(answer), answer.status)
        back.raw_headers = [
            (k.lower(), v) for k, v in answer.raw_headers if k.decode().lower() not in _OF_THE_CONNECTION
        ]
        return back


async def _body(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for part in answer.content.iter_any():
            yield part
    except aiohttp.ClientError:
        return  # the service has gone: the reader asks again
    finally:
        answer.close()
