"""The tracker in a real page: what reaches the collector, whatever becomes of page, tab and collector."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page

from tests.browser.shop import TRACKED, Site

SPACE = '<div style="height: 4000px"></div>'
ASKED = '<script async src="/t.js"></script>'
READY = "() => window.footfall"


def opened(page: Page, site: Site, body: str = "", script: str = TRACKED, path: str = "/") -> Page:
    """The page with the tracker at work."""
    site.pages[path] = f"<!doctype html><body>{script}{body}"
    page.goto(site.url(path))
    page.wait_for_function(READY)
    return page


def stored(page: Page) -> list[str]:
    """Keys of what is kept in the browser."""
    return list(page.evaluate("() => Object.keys(localStorage)"))


def of(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["name"] == name]


def test_before_a_word_nothing_is_stored_or_sent(page: Page, site: Site) -> None:
    opened(page, site, script=ASKED)
    page.evaluate("() => { footfall.track('search'); footfall.flush(); }")
    page.goto(site.url("/"))
    page.wait_for_function(READY)
    assert stored(page) == [] and page.context.cookies() == [] and site.posts == []
    page.evaluate("() => footfall.consent('granted')")
    events = site.wait_for("page_view", "consent")
    assert site.names() == ["page_view", "consent"]  # of this page, not of the one before
    assert events[0]["context"]["path"] == "/"


def test_global_privacy_control_is_obeyed(context: BrowserContext, site: Site) -> None:
    context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    page = opened(context.new_page(), site)
    page.evaluate("() => { footfall.track('search'); footfall.flush(); }")
    page.goto(site.url("/"))
    page.wait_for_function(READY)
    assert stored(page) == [] and site.posts == []


def test_consent_mode_is_heard(page: Page, site: Site) -> None:
    mode = """<script>window.dataLayer = []; function gtag() { dataLayer.push(arguments); }
        gtag('consent', 'default', {analytics_storage: 'denied', ad_storage: 'denied'});</script>"""
    opened(page, site, script=mode + ASKED)
    page.evaluate("() => gtag('consent', 'update', {analytics_storage: 'granted'})")
    site.wait_for("consent")
    assert site.posts[0].batch["context"]["consent"] == "denied"
    page.evaluate("() => gtag('consent', 'update', {analytics_storage: 'denied'})")
    site.wait(lambda: [e for e in of(site.events(), "consent") if e["properties"]["status"] == "denied"])
    assert stored(page) == []


def test_a_denial_in_one_tab_holds_in_the_other(context: BrowserContext, site: Site) -> None:
    one = opened(context.new_page(), site, script=ASKED)
    one.evaluate("() => footfall.consent('granted')")
    site.wait_for("consent")
    other = opened(context.new_page(), site, script=ASKED)
    other.evaluate("() => { addEventListener('footfall:consent', (told) => { window.told = told.detail; }) }")
    one.evaluate("() => footfall.consent('denied')")
    other.wait_for_function("() => window.told === false")
    assert stored(other) == []


def test_events_are_sent_in_batches(page: Page, site: Site) -> None:
    opened(page, site)
    page.evaluate("() => { for (let n = 0; n < 25; n++) dataLayer.push({event: 'view_item', n}); }")
    site.wait(lambda: len(of(site.events(), "view_item")) == 25)
    assert max(len(post.events) for post in site.posts) == 10
    assert [event["properties"]["n"] for event in of(site.events(), "view_item")] == list(range(25))
    (seed,) = {post.batch["device_seed"] for post in site.posts}
    assert len(seed) == 32


def test_a_hidden_page_sends_a_beacon_with_the_same_ids(page: Page, site: Site) -> None:
    site.change(answer=None)
    opened(page, site)
    page.evaluate("() => { footfall.track('search'); footfall.flush(); footfall.track('cart_view'); }")
    site.pages["/away"] = "away"
    page.goto(site.url("/away"))
    site.change(answer=204)
    site.wait(lambda: {post.beacon for post in site.posts} == {True, False}, "a request and a beacon")
    sent = {e["event_id"] for post in site.posts if not post.beacon for e in post.events}
    again = {e["event_id"] for post in site.posts if post.beacon for e in post.events}
    assert sent and sent < again
    assert site.names() and set(site.names()) == {"page_view", "search", "cart_view"}


def test_a_killed_tab_loses_nothing(context: BrowserContext, site: Site) -> None:
    site.change(answer=0)
    page = opened(context.new_page(), site)
    page.evaluate("() => footfall.track('search')")
    watcher = opened(context.new_page(), site, path="/plain", script="<script>window.footfall = 1</script>")
    watcher.wait_for_function("() => JSON.stringify(localStorage).includes('search')")
    with suppress(Error):
        page.goto("chrome://crash", timeout=2_000)
    site.change(answer=204)
    watcher.evaluate("() => localStorage.removeItem('footfall.until')")
    opened(watcher, site)
    site.wait_for("search")
    site.wait(lambda: site.names().count("page_view") == 2)


def test_the_queue_survives_a_reload_and_an_outage(page: Page, site: Site) -> None:
    site.change(answer=503, retry_after="1")
    opened(page, site)
    for n in range(3):
        page.evaluate("(n) => { footfall.track('search', {n}); footfall.flush(); }", n)
        page.reload()
        page.wait_for_function(READY)
    site.wait(lambda: site.posts, "a request")
    site.change(answer=204)
    site.wait(lambda: len(of(site.events(), "search")) == 3 and site.names().count("page_view") == 4)
    page.wait_for_function("() => !Object.keys(localStorage).some((key) => key.includes('queue'))")


def test_retry_after_is_kept(page: Page, site: Site) -> None:
    site.change(answer=503, retry_after="2")
    opened(page, site)
    page.evaluate("() => footfall.flush()")
    site.wait(lambda: len(site.posts) == 1)
    for _ in range(5):
        page.evaluate("() => { footfall.track('search', {at: Math.random()}); footfall.flush(); }")
    site.change(answer=204)
    site.wait(lambda: site.posted())
    assert site.posts[1].at - site.posts[0].at >= 1.9


def test_the_same_fired_twice_is_one(page: Page, site: Site) -> None:
    opened(page, site)
    page.evaluate("() => { for (let n = 0; n < 2; n++) dataLayer.push({event: 'purchase', id: 1}); }")
    page.evaluate("() => dataLayer.push({event: 'refund'})")
    assert [e["name"] for e in site.wait_for("refund")].count("purchase") == 1


def test_an_application_that_never_loads_a_page_has_page_views(page: Page, site: Site) -> None:
    opened(page, site)
    page.evaluate("() => history.pushState({}, '', '/tea')")
    page.evaluate("() => history.replaceState({state: 1}, '', '/tea')")
    page.evaluate("() => history.pushState({}, '', '/tea?page=2#top')")
    page.wait_for_timeout(60)  # the same within 50 ms is one
    page.go_back()
    site.wait(lambda: site.names().count("page_view") == 4, "four page views")
    page.evaluate("() => footfall.track('search')")
    views = of(site.wait_for("search"), "page_view")
    assert [view["context"]["url"] for view in views] == [
        site.url(path) for path in ("/", "/tea", "/tea?page=2", "/tea")
    ]
    assert views[1]["context"]["referrer"] == site.url("/")
    assert of(site.events(), "search")[0]["context"]["path"] == "/tea"


def test_scrolling_is_sent_by_quarters(page: Page, site: Site) -> None:
    opened(page, site, SPACE)
    page.evaluate(
        """async () => {
            for (let y = 0; y <= 4000; y += 10) {
                scrollTo(0, y);
                if (y % 500 === 0) await new Promise((go) => setTimeout(go, 300));
                else if (y % 50 === 0) await new Promise(requestAnimationFrame);
            }
        }"""
    )
    page.evaluate("() => footfall.track('search')")
    depths = [e["properties"]["percent_scrolled"] for e in of(site.wait_for("search"), "scroll")]
    assert depths == sorted(set(depths)) and depths[-1] == 100 and set(depths) <= {25, 50, 75, 100}


def test_every_click_of_an_angry_visitor_is_kept(page: Page, site: Site) -> None:
    opened(page, site, '<button id="buy" type="button">Buy</button>')
    for _ in range(12):
        page.click("#buy", delay=10)
        page.wait_for_timeout(60)  # no hand is faster
    site.wait(lambda: len(of(site.events(), "click")) == 12)
    assert {e["properties"]["element"] for e in of(site.events(), "click")} == {"button#buy"}


def test_a_label_is_one_click(page: Page, site: Site) -> None:
    opened(page, site, '<label id="yes"><input type="checkbox"> Yes</label>')
    page.click("#yes", position={"x": 30, "y": 8})
    page.evaluate("() => footfall.track('search')")
    assert len(of(site.wait_for("search"), "click")) == 1


def test_forms_are_sent_without_their_values(page: Page, site: Site) -> None:
    form = '<form id="sign" onsubmit="return false"><input name="id"><button>Go</button></form>'
    opened(page, site, form)
    page.fill("input", "secret@shop.example")
    page.click("button")
    events = site.wait_for("form_start", "form_submit")
    assert [e["properties"]["form_id"] for e in events if e["name"].startswith("form_")] == ["sign", "sign"]
    assert "secret" not in str([post.batch for post in site.posts])


def test_a_video_sends_start_progress_and_end(page: Page, site: Site) -> None:
    opened(page, site, "<video></video>")
    page.evaluate(
        """() => {
            const video = document.querySelector('video');
            Object.defineProperty(video, 'duration', {value: 40});
            const says = (type, at) => {
                const event = new Event(type);
                Object.defineProperty(event, 'timeStamp', {value: at * 1000});
                Object.defineProperty(video, 'currentTime', {value: at, configurable: true});
                video.dispatchEvent(event);
            };
            says('play', 0);
            for (let at = 1; at <= 39; at += 0.25) says('timeupdate', at);
            says('play', 39);
            says('ended', 40);
        }"""
    )
    events = [e for e in site.wait_for("video_complete") if e["name"].startswith("video_")]
    assert [(e["name"], e["properties"]["video_percent"]) for e in events] == [
        ("video_start", 0), ("video_progress", 25), ("video_progress", 50), ("video_progress", 75), ("video_complete", 100),
    ]  # fmt: skip


def test_the_script_twice_is_one_tracker(page: Page, site: Site) -> None:
    opened(page, site, script=TRACKED * 2)
    page.evaluate("() => footfall.track('search')")
    assert [e["name"] for e in site.wait_for("search")] == ["page_view", "search"]
