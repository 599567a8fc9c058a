"""The real collector and API at one address of loopback, only Kafka and Elasticsearch played. Of the services' environment.

Its first line says the port; then each record that was written is a line (topic, value). A line that comes in is a
signal for the API.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from services.collector import Collector
from services.records import Record
from services.running import server
from services.settings import CollectorSettings
from tests.services.conftest import KEY, PlayedBroker
from tests.services.played import Played

PLENTY = {"rate_per_s": 1e6, "rate_burst": 10**6, "cookie_secure": False}


class PrintingBroker(PlayedBroker):
    """Prints what was written."""

    async def send(self, records: Sequence[Record]) -> None:
        await super().send(records)
        for record in records:
            print(json.dumps([record.topic, json.loads(record.value)]), flush=True)


class ByPath:
    """One address for both services and the shop's pages, as a shop's proxy has it."""

    def __init__(self, collector: Starlette, api: ASGIApp, pages: ASGIApp) -> None:
        self._collector, self._api, self._pages = collector, api, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        to = self._collector if path == "/c" else self._api if path.startswith("/v1/") else self._pages
        await to(scope, receive, send)


async def _hear(played: Played) -> None:
    """Hands signals on, until standard input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await asyncio.to_thread(played.feed.send, json.loads(line))


def main(dist: str, page: str) -> None:
    """Serves them until it is killed."""
    played, settings = Played(), CollectorSettings(**PLENTY)  # type: ignore[arg-type]
    played.api.now = time.time
    collector, api = Collector(settings, PrintingBroker(), KEY).app(), played.api.app()
    html = Path(page).read_text(encoding="utf-8")

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with collector.router.lifespan_context(collector), api.router.lifespan_context(api):
            hearing = asyncio.create_task(_hear(played))
            yield
            hearing.cancel()

    shown = Route("/", lambda _: HTMLResponse(html))
    pages = Starlette(routes=[shown, Mount("/", StaticFiles(directory=dist))], lifespan=life)
    one = server(ByPath(collector, api, pages), "127.0.0.1", 0, 1_000, "127.0.0.1", played.api.end)

    async def run() -> None:
        serving = asyncio.create_task(one.serve())
        while not one.started:
            await asyncio.sleep(0.01)
        print(one.servers[0].sockets[0].getsockname()[1], flush=True)
        await serving

    asyncio.run(run())


if __name__ == "__main__":
    main(*sys.argv[1:])
