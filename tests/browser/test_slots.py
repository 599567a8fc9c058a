"""Content in the page's slots: it comes, it leaves, and one stream serves all pages of a browser."""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.browser.shop import TRACKED, Site

SCRIPTS = f'{TRACKED}<script async src="/slots.js"></script>'
BANNER = """<footfall-slot slot="cart_banner"><template>
    <p><b data-field="headline"></b> <a data-href="link" data-field="button"></a></p>
</template></footfall-slot>"""
FIELDS = {"headline": "Your cart is waiting", "button": "Go to your cart", "link": "/cart"}
BOLD = "footfall-slot b"


@pytest.fixture(autouse=True)
def _content(site: Site) -> None:
    site.contents["cart_banner"] = ("cart_abandoned", FIELDS)
    site.pages["/"] = f"<!doctype html><html lang=en><body>{SCRIPTS}{BANNER}"


def opened(context: BrowserContext, site: Site) -> Page:
    """A tab with the slot."""
    page = context.new_page()
    page.goto(site.url())
    page.wait_for_function("() => window.footfallSlots && window.footfall")
    return page


def streaming(site: Site, count: int = 1) -> None:
    """Waits until so many streams are open, and no more."""
    site.wait(lambda: [one.is_open for one in site.streams].count(True) == count, f"{count} open streams")


def connections(site: Site) -> int:
    return site.asked.count("/v1/stream")


def test_a_banner_comes_and_leaves(context: BrowserContext, site: Site) -> None:
    page = opened(context, site)
    streaming(site)
    expect(page.locator(BOLD)).to_have_count(0)
    site.signal("s-1", "cart_abandoned")
    expect(page.locator(BOLD)).to_have_text(FIELDS["headline"])
    expect(page.locator("footfall-slot a")).to_have_attribute("href", "/cart")
    site.signal("s-1", "cart_abandoned", "recovered", 2)
    expect(page.locator(BOLD)).to_have_count(0)
    expect(page.locator("footfall-slot p")).to_have_count(0)
    assert connections(site) == 1


def test_a_signal_that_is_so_already_shows_at_once(context: BrowserContext, site: Site) -> None:
    site.signal("s-1", "cart_abandoned")
    page = opened(context, site)
    expect(page.locator(BOLD)).to_have_text(FIELDS["headline"])


def test_fields_are_texts_and_links_lead_to_pages(context: BrowserContext, site: Site) -> None:
    evil = {
        "headline": "<img src=x onerror='window.evil=1'>",
        "button": "Go",
        "link": "javascript:window.evil=1",
    }
    site.contents["cart_banner"] = ("cart_abandoned", evil)
    site.signal("s-1", "cart_abandoned")
    page = opened(context, site)
    expect(page.locator(BOLD)).to_have_text(evil["headline"])
    assert page.locator("footfall-slot img").count() == 0
    assert page.locator("footfall-slot a").get_attribute("href") is None


def test_what_has_expired_leaves_without_a_word_of_the_server(context: BrowserContext, site: Site) -> None:
    site.signal("s-1", "cart_abandoned", lives_s=4)
    page = opened(context, site)
    expect(page.locator(BOLD)).to_be_visible()
    expect(page.locator(BOLD)).to_have_count(0, timeout=15_000)


def test_an_ended_signal_leaves_while_the_api_is_away(context: BrowserContext, site: Site) -> None:
    site.signal("s-1", "cart_abandoned")
    page = opened(context, site)
    expect(page.locator(BOLD)).to_be_visible()
    site.change(decides=False)
    site.signal("s-1", "cart_abandoned", "recovered", 2)
    expect(page.locator(BOLD)).to_have_count(0)
    site.signal("s-2", "cart_abandoned")
    site.change(decides=True)
    expect(page.locator(BOLD)).to_be_visible()


def test_two_tabs_have_one_stream(context: BrowserContext, site: Site) -> None:
    one = opened(context, site)
    streaming(site)
    other = opened(context, site)
    site.signal("s-1", "cart_abandoned")
    for page in (one, other):
        expect(page.locator(BOLD)).to_have_text(FIELDS["headline"])
    late = opened(context, site)
    expect(late.locator(BOLD)).to_have_text(FIELDS["headline"])
    site.signal("s-1", "cart_abandoned", "retracted", 2)
    for page in (one, other, late):
        expect(page.locator(BOLD)).to_have_count(0)
    assert connections(site) == 1


@pytest.mark.parametrize("way", ["closed", "killed", "left"])
def test_another_tab_takes_over(way: str, context: BrowserContext, site: Site) -> None:
    one = opened(context, site)
    streaming(site)
    other = opened(context, site)
    site.signal("s-1", "cart_abandoned")
    expect(other.locator(BOLD)).to_be_visible()
    if way == "closed":
        one.close()
    elif way == "left":
        site.pages["/away"] = "away"
        one.goto(site.url("/away"))
    else:
        with suppress(Error):
            one.goto("chrome://crash", timeout=2_000)
    site.wait(lambda: len(site.streams) == 2, "a second stream")
    assert site.streams[1].last_event_id == "s-1:1"
    site.signal("s-1", "cart_abandoned", "recovered", 2)
    expect(other.locator(BOLD)).to_have_count(0)


def test_a_stream_that_ends_is_opened_again_where_it_was(context: BrowserContext, site: Site) -> None:
    page = opened(context, site)
    streaming(site)
    site.signal("s-1", "cart_abandoned")
    expect(page.locator(BOLD)).to_be_visible()
    site.refuse_streams = 1
    site.streams[0].end()
    site.wait(lambda: len(site.streams) == 2, "a second stream, after a 503")
    assert (connections(site), site.streams[1].last_event_id) == (3, "s-1:1")
    site.signal("s-1", "cart_abandoned", "recovered", 2)
    expect(page.locator(BOLD)).to_have_count(0)


def test_without_consent_the_api_is_not_called_and_a_denial_empties(
    context: BrowserContext, site: Site
) -> None:
    site.pages["/"] = site.pages["/"].replace(' data-consent="granted"', "")
    site.signal("s-1", "cart_abandoned")
    page = opened(context, site)
    page.evaluate("() => new Promise((done) => setTimeout(done, 300))")
    assert site.asked == []
    page.evaluate("() => footfall.consent('granted')")
    expect(page.locator(BOLD)).to_be_visible()
    page.evaluate("() => footfall.consent('denied')")
    expect(page.locator(BOLD)).to_have_count(0)
    streaming(site, 0)


def test_a_slot_that_comes_later_is_filled(context: BrowserContext, site: Site) -> None:
    site.contents["hero"] = ("cart_abandoned", {"headline": "Hello"})
    site.signal("s-1", "cart_abandoned")
    page = opened(context, site)
    expect(page.locator(BOLD)).to_be_visible()
    page.evaluate(
        """() => document.body.insertAdjacentHTML('beforeend',
            '<footfall-slot slot="hero"><template><i data-field="headline"></i></template></footfall-slot>')"""
    )
    expect(page.locator("footfall-slot i")).to_have_text("Hello")


def test_views_and_clicks_are_sent(context: BrowserContext, site: Site) -> None:
    site.signal("s-1", "cart_abandoned")
    page = opened(context, site)
    site.wait_for("view_promotion")
    page.click(BOLD)
    told = [e for e in site.wait_for("select_promotion") if "promotion" in e["name"]]
    assert [e["name"] for e in told] == ["view_promotion", "select_promotion"]
    assert told[0]["properties"] == {"promotion_id": "cart_banner_content", "creative_slot": "cart_banner"}


def test_a_page_that_comes_back_from_the_cache_hears_again(context: BrowserContext, site: Site) -> None:
    page = opened(context, site)
    streaming(site)
    site.pages["/away"] = "away"
    page.evaluate("() => addEventListener('pageshow', (shown) => { window.persisted = shown.persisted; })")
    page.goto(site.url("/away"))
    streaming(site, 0)
    page.evaluate("() => history.back()")
    page.wait_for_function("() => window.persisted")
    streaming(site)
    site.signal("s-1", "cart_abandoned")
    expect(page.locator(BOLD)).to_be_visible()
