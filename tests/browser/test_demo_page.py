"""The page of `scripts/demo` on its real server, collector and API; only Kafka and Elasticsearch are played."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from connectors.contracts.topics import SIGNALS, TRIGGERS, TRIGGERS_SUPPRESSED
from examples.send_mail import through
from stack.environments import in_services
from stack.package import ROOT
from stack.ports import LOOPBACK, free_ports

BANNER = "footfall-slot[filled] b"
EVENTS, SIGNAL, MAIL = "#events li", "#signals .card", "#inbox .card"
SIGNAL_ID, TRIGGER_ID = "0" * 32, "1" * 32
# What a page may not ask of another host: the demo works without the internet.
OURS = (f"http://{LOOPBACK}:", "data:")


class Served:
    """The running demo: its page, and documents for it."""

    def __init__(self, process: subprocess.Popen[str], smtp_port: int, addresses: Path) -> None:
        assert process.stdout
        self._process, self._smtp_port, self._addresses = process, smtp_port, addresses
        self.url = process.stdout.readline().strip()
        assert self.url, "the demo ended before it began; see standard error"

    def say(self, topic: str, value: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"topic": topic, "value": value}) + "\n")
        self._process.stdin.flush()

    def signal(self, visitor: str, status: str, cart_event: str) -> None:
        now_ms = int(time.time() * 1000)
        evidence = {
            "last_cart_event_id": cart_event,
            "last_cart_at_ms": now_ms - 20_000,
            "cart_events": 2,
            "value": 19.0,
            "value_band": "0-50",
        }
        if status == "recovered":
            evidence |= {"purchase_event_id": "e-p", "purchase_at_ms": now_ms + 7_000}
        document = {
            "signal_id": SIGNAL_ID, "kind": "cart_abandoned", "visitor_id": visitor, "status": status,
            "occurred_at_ms": now_ms, "detected_at_ms": now_ms, "expires_at_ms": now_ms + 600_000,
            "version": now_ms, "rule": {"name": "cart_abandoned", "version": 2}, "evidence": evidence, "context": {},
        }  # fmt: skip
        self.say(SIGNALS.name, document)

    def trigger(self, visitor: str, status: str, reason: str | None = None) -> None:
        topic = TRIGGERS_SUPPRESSED if status == "suppressed" else TRIGGERS
        due_ms = int(time.time() * 1000) + 15_000
        document = {
            "trigger_id": TRIGGER_ID,
            "visitor_id": visitor,
            "status": status,
            "reason": reason,
            "due_at_ms": due_ms,
        }
        self.say(topic.name, document)

    def mail(self, to: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = (
            "shop@footfall.example",
            to,
            "Your cart is waiting",
        )
        message["Message-ID"] = f"<{TRIGGER_ID}@footfall>"
        message.set_content("It is still there.")
        through(LOOPBACK, self._smtp_port)(message)

    def address_of(self, visitor: str) -> str | None:
        rows = [line.split(",") for line in self._addresses.read_text("utf-8").splitlines()]
        return dict(rows).get(visitor)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Served]:
    (smtp_port,), addresses = free_ports(1), tmp_path / "addresses.csv"
    command = in_services("tests.browser.demo_served", str(ROOT / "web"), str(smtp_port), str(addresses))
    where = {**os.environ, "FOOTFALL_ROOT": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, text=True, env=where, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Served(process, smtp_port, addresses)
        finally:
            process.kill()


def opened(context: BrowserContext, demo: Served, email: str = "ada@shop.example") -> Page:
    """A page whose visitor has agreed."""
    page = context.new_page()
    page.goto(demo.url)
    page.fill("#consent input", email)
    page.click("#yes")
    expect(page.locator("#address")).to_have_text(f"of {email}")
    return page


def device_of(page: Page) -> str:
    """Its id, once it is known."""
    expect(page.locator("#device")).to_have_attribute("title", re.compile("^d-"))
    return page.locator("#device").get_attribute("title") or ""


def fill(page: Page) -> str:
    """Puts tea into the cart; gives the event's id."""
    page.click("[data-add=sencha]")
    row = page.locator(EVENTS, has_text="add_to_cart").first
    expect(row).to_be_visible()
    return str(row.get_attribute("data-id"))


def test_before_a_word_nothing_is_sent(context: BrowserContext, demo: Served) -> None:
    page = context.new_page()
    page.goto(demo.url)
    page.click("[data-add=assam]")
    expect(page.locator("#count")).to_have_text("1")
    page.click("#no")
    expect(page.locator("#consent")).to_be_hidden()
    expect(page.locator("#events")).to_contain_text("Nothing yet")
    assert [one["name"] for one in context.cookies()] == []


def test_a_cart_a_banner_a_mail_and_a_purchase(context: BrowserContext, demo: Served) -> None:
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = opened(context, demo)
    device, cart = device_of(page), fill(page)
    expect(page.locator("#clock")).to_contain_text("abandoned in")
    demo.signal(device, "active", cart)
    demo.trigger(device, "due")
    expect(page.locator(BANNER)).to_have_text("Your cart is waiting")
    expect(page.locator(SIGNAL)).to_contain_text(
        "2 things worth €19.00 were put into the cart; no purchase within 20 s"
    )
    expect(page.locator(MAIL)).to_contain_text(re.compile(r"falls due in \d+ s"))
    page.hover(SIGNAL)
    expect(page.locator(f"{EVENTS}.marked")).to_have_attribute("data-id", cart)
    page.click("footfall-slot a")
    page.click("text=Check out")
    page.click("#buy")
    expect(page.locator(EVENTS, has_text="purchase")).to_be_visible()
    demo.signal(device, "recovered", cart)
    demo.trigger(device, "cancelled", "no_longer_active")
    expect(page.locator(BANNER)).to_have_count(0)
    expect(page.locator(f"{SIGNAL}[data-status=recovered]")).to_contain_text("Then, 7.0 s later, one came.")
    expect(page.locator(MAIL)).to_contain_text("No mail: the signal was taken back.")
    assert [url for url in asked if not url.startswith(OURS)] == []


def test_a_mail_that_came_is_shown_once(context: BrowserContext, demo: Served) -> None:
    page = opened(context, demo, "bea@shop.example")
    device = device_of(page)
    demo.trigger(device, "due")
    expect(page.locator(f"{MAIL}[data-state=due]")).to_be_visible()
    assert demo.address_of(device) == "bea@shop.example"
    demo.mail("bea@shop.example")
    demo.mail("carl@shop.example")
    expect(page.locator(f"{MAIL}[data-state=sent]")).to_contain_text("Your cart is waiting")
    expect(page.locator(MAIL)).to_have_count(1)


def test_signing_in_makes_the_user_and_starting_over_a_new_visitor(
    context: BrowserContext, demo: Served
) -> None:
    page = opened(context, demo)
    device = device_of(page)
    page.click("#who")
    page.click("#enter")
    expect(page.locator(EVENTS, has_text="identify")).to_be_visible()
    expect(page.locator("#device")).to_have_attribute("title", re.compile("^u-"))
    user = page.locator("#device").get_attribute("title") or ""
    demo.signal(user, "active", "e-1")
    expect(page.locator(BANNER)).to_be_visible()
    page.click("#again")
    expect(page.locator("#consent")).to_be_visible()
    expect(page.locator("#signals")).to_contain_text("None yet")
    assert demo.address_of(user) is None
    page.click("#yes")
    assert device_of(page) != device
    expect(page.locator(BANNER)).to_have_count(0)


def test_all_of_it_is_reached_by_keyboard_and_named(context: BrowserContext, demo: Served) -> None:
    page = opened(context, demo)
    page.keyboard.press("Tab")
    page.focus("[data-add=sencha]")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_attribute("aria-label", "1 item")
    page.focus("nav [href='/cart']")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Your cart")
    assert page.evaluate("() => document.activeElement.id") == "view"
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, section')].filter((one) =>
            !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || one.textContent.trim()
              || one.labels?.length)).map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert [page.get_attribute(f"#{one}", "aria-live") for one in ("signals", "inbox")] == [
        "polite",
        "polite",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes(scheme: Any, chromium: Browser, demo: Served) -> None:
    context = chromium.new_context(color_scheme=scheme)
    page = opened(context, demo)
    device = device_of(page)
    demo.signal(device, "active", fill(page))
    for shown in (BANNER, SIGNAL):  # they come by ways of their own
        expect(page.locator(shown)).to_be_visible()
    pairs = page.evaluate(CONTRASTS)
    context.close()
    assert {name: round(ratio, 1) for name, ratio in pairs.items() if ratio < 4.5} == {}


# The contrast of texts to what is behind them, by the formula of WCAG 2.
CONTRASTS = """() => {
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (colour) => colour.slice(0, 3).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
    const behind = (one) => {
        for (; one; one = one.parentElement) {
            const colour = rgb(getComputedStyle(one).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const found = {};
    for (const name of ['h1', 'footfall-slot b', 'footfall-slot a', '#signals .state', '#signals p', '#events b', '#events span',
        'dt', '.none', '.goods button', '.goods small', '.steps li', '[aria-current=step]', '.foot', '#clock-words', '.count']) {
        const one = document.querySelector(name);
        const [a, b] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
        found[name] = (a + 0.05) / (b + 0.05);
    }
    return found;
}"""
