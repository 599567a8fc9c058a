"""A visitor of the demo's page in a real browser, and when the banner came and went for it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

BANNER = "footfall-slot[filled] b"
# When a slot was filled or emptied and the browser has drawn it, milliseconds.
_WATCHED = """addEventListener('footfall:slot', ({ target }) => requestAnimationFrame(() => setTimeout(() => {
    (window.shown ||= []).push([Date.now(), target.hasAttribute('filled')]); })), true);"""


class Shopper:
    """One visitor with its own profile.

    Attributes:
        page: the first tab.
    """

    def __init__(self, context: BrowserContext, url: str, email: str) -> None:
        """Opens the page and agrees."""
        self._context, self._url = context, url
        context.add_init_script(_WATCHED)
        self.page = self.tab()
        self.page.fill("#consent input", email)
        self.page.click("#yes")
        # Consent is told before the cart: an event of before would not be sent with an address.
        expect(self.page.locator("#address")).to_have_text(f"of {email}")

    def tab(self) -> Page:
        """Another tab."""
        page = self._context.new_page()
        page.goto(self._url)
        page.wait_for_function("() => window.footfall && window.footfallSlots")
        return page

    def fill(self) -> None:
        """Puts tea into the cart, and waits until that has arrived."""
        self.page.click("[data-add=sencha]")
        self._arrived("add_to_cart")

    def buy(self) -> None:
        """Goes to the checkout and buys."""
        self.page.click("nav [href='/cart']")
        self.page.click("text=Check out")
        self.page.click("#buy")
        self._arrived("purchase")

    def at_ms(self, event_type: str) -> int:
        """Event time of its newest event of a type."""
        return next(
            int(one["event_time_ms"]) for one in self.state()["events"] if one["event_type"] == event_type
        )

    def state(self) -> dict[str, Any]:
        """What the demo's server knows of it."""
        found: dict[str, Any] = self.page.evaluate("async () => (await fetch('/demo/state')).json()")
        return found

    def shown_at_ms(self, filled: bool, page: Page | None = None) -> int:
        """When a tab's slot was last filled, or emptied; it may have to be drawn yet."""
        tab = page or self.page
        tab.wait_for_function(
            "filled => (window.shown || []).some(([, isFilled]) => isFilled === filled)", arg=filled
        )
        rows = tab.evaluate("() => window.shown")
        return max(at for at, is_filled in rows if is_filled == filled)

    def mails(self) -> list[str]:
        """Subjects of the mails that it has got."""
        return [mail["subject"] for mail in self.state()["mails"]]

    def mail_state(self, state: str, within_s: float) -> None:
        """Waits until the only trigger is in this state: due, cancelled, sent."""
        expect(self.page.locator(f"#inbox .card[data-state={state}]")).to_have_count(
            1, timeout=within_s * 1000
        )

    def _arrived(self, event_type: str) -> None:
        expect(self.page.locator("#events li", has_text=event_type).first).to_be_visible(timeout=20_000)
