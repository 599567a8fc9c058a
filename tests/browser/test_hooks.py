"""The hooks in a page of each framework; the framework is the page's, the bundles hold none."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.node import WEB, required, run
from tests.browser.shop import TRACKED, Site

SLOTS = '<script async src="/slots.js"></script>'


@pytest.mark.parametrize("framework", ["react", "vue"])
@pytest.mark.parametrize("order", ["slots first", "page first"])
def test_a_component_shows_what_is_in_a_slot(
    framework: str, order: str, page: Page, site: Site, tmp_path: Path
) -> None:
    required()
    made = tmp_path / "page.js"
    esbuild = str(WEB / "node_modules" / ".bin" / "esbuild")
    production = '--define:process.env.NODE_ENV="production"'
    run(
        esbuild,
        f"test/pages/{framework}.ts",
        "--bundle",
        production,
        f"--outfile={made}",
        "--log-level=error",
    )
    script = f"<script>{made.read_text(encoding='utf-8')}</script>"
    early, late = (SLOTS.replace("async ", ""), "") if order == "slots first" else ("", SLOTS)
    site.pages["/"] = f"<!doctype html><meta charset=utf-8>{TRACKED}{early}<div id=app></div>{script}{late}"
    site.contents["cart_banner"] = ("cart_abandoned", {"headline": "Your cart is waiting"})
    site.signal("s-1", "cart_abandoned")
    page.goto(site.url())
    expect(page.locator("b")).to_have_text("Your cart is waiting")
    site.signal("s-1", "cart_abandoned", "recovered", 2)
    expect(page.locator("b")).to_have_count(0)
