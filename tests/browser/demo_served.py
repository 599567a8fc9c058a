"""The demo's server with the real collector and API, only Kafka and Elasticsearch played. Of the services' environment.

Its first line says the ports of page and inbox. A line that comes in is a document of a topic: `{"topic": …, "value": …}`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from connectors.contracts.topics import SIGNALS
from services.collector import Collector
from services.demo.inbox import Addresses
from services.demo.proxy import Proxy
from services.demo.site import Facts, Site
from services.records import Record
from services.settings import CollectorSettings
from tests.services.conftest import KEY, PlayedBroker, running, wait_until
from tests.services.played import Played, PlayedFeed

PLENTY = {"rate_per_s": 1e6, "rate_burst": 10**6, "cookie_secure": False}
FACTS = Facts(cart_timeout_ms=20_000, bound_ms=2_500)


class Publishing(PlayedBroker):
    """Hands what was written to the page."""

    def __init__(self, feed: Handed) -> None:
        super().__init__()
        self._feed = feed

    async def send(self, records: Sequence[Record]) -> None:
        await super().send(records)
        self._feed.hand_over([(record.topic, record.value) for record in records])


class Handed(PlayedFeed):
    """A feed of records as they are."""

    def hand_over(self, messages: Sequence[tuple[str, bytes]]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._take, messages)


def main(web: str, smtp_port: str, addresses: str) -> None:
    """Serves until standard input ends."""
    played, feed = Played(), Handed()
    played.api.now = time.time
    settings = CollectorSettings(**PLENTY)  # type: ignore[arg-type]
    collector = Collector(settings, Publishing(feed), KEY)
    with ExitStack() as stack:
        behind = [
            stack.enter_context(running(app, end))
            for app, end in ((collector.app(), collector.end), (played.api.app(), played.api.end))
        ]
        proxies = (Proxy(behind[0].url), Proxy(behind[1].url))
        site = Site(Path(web), feed, proxies, Addresses(Path(addresses)), KEY, FACTS, int(smtp_port))
        page = stack.enter_context(running(site.app()))
        wait_until(lambda: feed._loop, "the page's feed")
        print(page.url, flush=True)
        for line in sys.stdin:
            said = json.loads(line)
            feed.send(said["value"], topic=said["topic"])
            if said["topic"] == SIGNALS.name:
                played.feed.send(said["value"])


if __name__ == "__main__":
    main(*sys.argv[1:])
