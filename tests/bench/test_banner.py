"""How long after a cart's due time its banner is in a real page, and how long after the purchase it is gone.

FOOTFALL_BENCH_CARTS sizes it. Four visitors at a time, each a fresh profile of one Chromium with two tabs.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from jobs.settings import Settings
from stack.embedded import EmbeddedStack
from stack.runs.demo import DEMO_SETTINGS, Demo
from stack.runs.deploy import Deployment
from tests.bench import figures
from tests.browser.conftest import chromium as chromium
from tests.shopper import BANNER, Shopper

CARTS, AT_A_TIME = figures.number("CARTS", 50), 4
CART_MS, PATIENCE_MS = 5_000, 60_000
WHAT = (
    "banner comes",
    "banner comes in the other tab",
    "banner goes",
    "banner goes in the other tab",
)


def test_from_the_due_time_to_the_banner(chromium: Browser, tmp_path: Path) -> None:
    settings = Settings.of({**DEMO_SETTINGS, "cart_timeout_ms": CART_MS})
    with EmbeddedStack(tmp_path, slots=2, console=figures.CONSOLE, quick=True) as stack:
        deployment = Deployment(stack, settings, tmp_path)
        deployment.prepare()
        demo = Demo(deployment, tmp_path / "demo")
        with demo.running():
            _round(chromium, demo.url, -1)  # warm
            rounds = [_round(chromium, demo.url, number) for number in range(-(-CARTS // AT_A_TIME))]
    found = {what: [late[what] for one in rounds for late in one] for what in WHAT}
    rows = [[name, len(late), *(f"{value:,.0f}" for value in _cuts(late))] for name, late in found.items()]
    bound = (
        f"{settings.out_of_orderness_ms} ms of out-of-orderness and heartbeats included: {demo.bound_ms} ms"
    )
    figures.show(f"ms from due time, and from purchase; {bound}", ["", "carts", "p50", "p99", "max"], rows)
    figures.write(
        "demo", bound_ms=demo.bound_ms, **{name.replace(" ", "_"): late for name, late in found.items()}
    )
    assert min(found["banner comes"]) >= 0 and min(found["banner comes in the other tab"]) >= 0


def _cuts(late: list[int]) -> tuple[float, float, int]:
    cuts = statistics.quantiles(late, n=100, method="inclusive")
    return cuts[49], cuts[98], max(late)


def _round(chromium: Browser, url: str, number: int) -> list[dict[str, int]]:
    """How late the banner came and went in both tabs of each of some visitors, milliseconds."""
    contexts = [chromium.new_context() for _ in range(AT_A_TIME)]
    shoppers = [Shopper(one, url, f"v{number}-{n}@shop.example") for n, one in enumerate(contexts)]
    tabs = [(one.page, one.tab()) for one in shoppers]
    for one in shoppers:
        one.fill()
    _all(tabs, 1)
    due_ms = [one.at_ms("add_to_cart") + CART_MS for one in shoppers]
    came = [[one.shown_at_ms(True, tab) for tab in two] for one, two in zip(shoppers, tabs, strict=True)]
    for one in shoppers:
        one.buy()
    _all(tabs, 0)
    bought_ms = [one.at_ms("purchase") for one in shoppers]
    gone = [[one.shown_at_ms(False, tab) for tab in two] for one, two in zip(shoppers, tabs, strict=True)]
    for context in contexts:
        context.close()
    return [
        dict(zip(WHAT, (*(at - due for at in shown), *(at - bought for at in hidden)), strict=True))
        for shown, due, hidden, bought in zip(came, due_ms, gone, bought_ms, strict=True)
    ]


def _all(tabs: list[tuple[Page, Page]], banners: int) -> None:
    """Waits until every tab shows so many."""
    for two in tabs:
        for tab in two:
            expect(tab.locator(BANNER)).to_have_count(banners, timeout=PATIENCE_MS)
