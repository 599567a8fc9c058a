"""The bundles against the real collector and API; only Kafka and Elasticsearch are played."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from stack.environments import in_services
from stack.package import ROOT
from tests.browser.shop import DEADLINE_S, DIST
from tests.browser.test_pages import snippets

BANNER = "footfall-slot b"
MADE_S = 300.0  # the services' environment is made when it is missing


class Services:
    """The running services: what they have written, and signals for them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self.events: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()
        port = self._lines.get(timeout=MADE_S)
        assert port, "the services ended before they began; see standard error"
        self.url = f"http://127.0.0.1:{int(port)}/"

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def wait_for(self, event_type: str) -> dict[str, Any]:
        """The first event of the type that was written."""
        end = time.monotonic() + DEADLINE_S
        while not (found := [one for one in self.events if one["event_type"] == event_type]):
            topic, document = json.loads(self._lines.get(timeout=max(0.01, end - time.monotonic())))
            assert topic == "footfall.events.raw", document
            self.events.append(document)
        return found[0]

    def signal(self, visitor_id: str, status: str, version: int) -> None:
        """An abandoned cart of the visitor's."""
        now_ms = int(time.time() * 1000)
        document = {
            "signal_id": "0" * 32, "kind": "cart_abandoned", "visitor_id": visitor_id, "status": status,
            "occurred_at_ms": now_ms, "detected_at_ms": now_ms, "expires_at_ms": now_ms + 600_000,
            "version": now_ms + version, "rule": {"name": "cart_abandoned", "version": 2}, "evidence": {}, "context": {},
        }  # fmt: skip
        assert self._process.stdin
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    page = tmp_path / "page.html"
    page.write_text(snippets("docs/in-the-page.md"), encoding="utf-8")
    command = in_services("tests.browser.served", str(DIST), str(page))
    where = {**os.environ, "FOOTFALL_ROOT": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, text=True, env=where, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Services(process)
        finally:
            process.kill()


def opened(context: BrowserContext, services: Services) -> Page:
    page = context.new_page()
    page.goto(services.url)
    page.wait_for_function("() => window.footfall && window.footfallSlots")
    return page


def test_a_purchase_takes_the_banner_away_in_both_tabs(context: BrowserContext, services: Services) -> None:
    page = opened(context, services)
    page.evaluate("() => footfall.consent('granted')")
    device = services.wait_for("page_view")["anonymous_id"]
    assert services.wait_for("consent")["properties"] == {"status": "granted"}
    other = opened(context, services)
    other.evaluate(
        """() => dataLayer.push({event: 'add_to_cart', ecommerce: {currency: 'EUR',
            items: [{item_id: 'p-7', price: 4.5, quantity: 2}]}})"""
    )
    cart = services.wait_for("add_to_cart")
    assert cart["anonymous_id"] == device
    assert cart["product"] == {"product_id": "p-7", "price": 4.5, "quantity": 2, "currency": "EUR"}
    services.signal(device, "active", 1)
    for tab in (page, other):
        expect(tab.locator(BANNER)).to_have_text("Your cart is waiting")
    services.signal(device, "recovered", 2)
    for tab in (page, other):
        expect(tab.locator(BANNER)).to_have_count(0)
    assert {one["anonymous_id"] for one in services.events} == {device}


def test_a_denial_takes_the_cookie_and_the_stream_away(context: BrowserContext, services: Services) -> None:
    page = opened(context, services)
    assert context.cookies() == []
    page.evaluate("() => footfall.consent('granted')")
    device = services.wait_for("consent")["anonymous_id"]
    services.signal(device, "active", 1)
    expect(page.locator(BANNER)).to_be_visible()
    services.events.clear()
    page.evaluate("() => footfall.consent('denied')")
    assert services.wait_for("consent")["properties"] == {"status": "denied"}
    expect(page.locator(BANNER)).to_have_count(0)
    assert context.cookies() == [] and page.evaluate("() => Object.keys(localStorage)") == []
