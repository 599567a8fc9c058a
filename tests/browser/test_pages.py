"""The snippets of the pages, as a shop would paste them."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from stack.package import ROOT
from tests.browser.shop import Site


def snippets(page: str) -> str:
    """All blocks of HTML of a page, one after the other."""
    found = re.findall(
        r"^```html\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found
    return "<!doctype html><html lang=en><body>" + "\n".join(found)


def test_the_tracker_as_its_page_says(page: Page, site: Site) -> None:
    site.pages["/"] = snippets("docs/tracker.md")
    page.goto(site.url())
    page.wait_for_function("() => window.footfall")
    page.click("text=Yes")
    names = ("page_view", "view_item", "add_to_cart", "Wishlist opened", "identify", "consent")
    events = {event["name"]: event for event in site.wait_for(*names)}
    assert events["identify"]["user_id"] == "u-17"
    assert events["add_to_cart"]["properties"]["product"]["product_id"] == "p-7"
    page.click("text=No")
    site.wait(lambda: [e for e in site.events() if e["properties"].get("status") == "denied"], "the word no")
    assert page.evaluate("() => Object.keys(localStorage)") == []


def test_a_slot_as_its_page_says(page: Page, site: Site) -> None:
    fields = {"headline": "Your cart is waiting", "button": "Go to your cart", "link": "/cart"}
    site.contents["cart_banner"] = ("cart_abandoned", fields)
    site.pages["/"] = snippets("docs/in-the-page.md")
    page.goto(site.url())
    page.wait_for_function("() => window.footfall && window.footfallSlots")
    page.evaluate("() => footfall.consent('granted')")
    before = page.locator("footfall-slot").bounding_box()
    site.signal("s-1", "cart_abandoned")
    expect(page.locator("footfall-slot a")).to_have_attribute("href", "/cart")
    expect(page.locator("footfall-slot[filled] b")).to_have_text(fields["headline"])
    assert before and page.locator("footfall-slot").bounding_box() == before  # nothing moves
    site.signal("s-1", "cart_abandoned", "recovered", 2)
    expect(page.locator("footfall-slot b")).to_have_count(0)
