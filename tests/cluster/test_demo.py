"""The demo on the real stack, in a real browser: a cart, a banner, a mail, a purchase; nothing is played."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from stack.runs.demo import DEMO_SETTINGS, Demo
from tests.browser.conftest import chromium as chromium
from tests.cluster.conftest import Deployer
from tests.shopper import BANNER, Shopper

CART_MS = 6_000
# Time enough to buy before the mail is due, on a machine that has other things to do.
DELAY_MS = 25_000
# What a loaded machine may take on top of the bound; how long it takes indeed: tests/bench/test_banner.py
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def demo(deploy_once: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    shipped = Path(str(DEMO_SETTINGS["actions_file"])).read_text(encoding="utf-8")
    assert "delay_ms: 15000" in shipped
    actions = folder / "actions.yaml"
    actions.write_text(shipped.replace("delay_ms: 15000", f"delay_ms: {DELAY_MS}"), encoding="utf-8")
    deployment = deploy_once(**{**DEMO_SETTINGS, "cart_timeout_ms": CART_MS, "actions_file": str(actions)})
    found = Demo(deployment, folder)
    with found.running():
        yield found
        found.require_all()


@pytest.fixture
def shoppers(chromium: Browser, demo: Demo, request: pytest.FixtureRequest) -> Iterator[list[Shopper]]:
    """Three visitors, each with a profile and an address of its own."""
    contexts = [chromium.new_context() for _ in range(3)]
    yield [Shopper(one, demo.url, f"v{n}.{request.node.name}@shop.example") for n, one in enumerate(contexts)]
    for one in contexts:
        one.close()


def test_a_banner_and_a_mail_come_and_a_purchase_takes_both_back(demo: Demo, shoppers: list[Shopper]) -> None:
    leaves, buys_late, buys_at_once = shoppers
    tabs = [buys_late.page, buys_late.tab()]
    for one in shoppers:
        one.fill()
    buys_at_once.buy()
    wait_ms = CART_MS + demo.bound_ms + PATIENCE_S * 1000
    for tab in (*tabs, leaves.page):
        expect(tab.locator(BANNER)).to_have_text("Your cart is waiting", timeout=wait_ms)
    due_ms = buys_late.at_ms("add_to_cart") + CART_MS
    for tab in tabs:
        assert 0 <= buys_late.shown_at_ms(True, tab) - due_ms <= demo.bound_ms + PATIENCE_S * 1000
    buys_late.mail_state("due", PATIENCE_S)
    buys_late.buy()
    for tab in tabs:
        expect(tab.locator(BANNER)).to_have_count(0, timeout=demo.bound_ms + PATIENCE_S * 1000)
    buys_late.mail_state("cancelled", PATIENCE_S)
    # Who goes gets the mail; by then those of the others would have been sent, too.
    leaves.mail_state("sent", DELAY_MS / 1000 + PATIENCE_S)
    expect(leaves.page.locator(BANNER)).to_be_visible()
    assert [one.mails() for one in shoppers] == [["Your cart is waiting"], [], []]
    abandoned = [
        [row["status"] for row in one.state()["signals"] if row["kind"] == "cart_abandoned"]
        for one in shoppers
    ]
    assert abandoned == [["active"], ["recovered"], []]


def test_the_page_ends_soon(demo: Demo) -> None:
    began = time.monotonic()
    demo.processes["page"].stop()
    assert time.monotonic() - began < 5
    demo.processes["page"] = demo.processes["page"].start_again()
