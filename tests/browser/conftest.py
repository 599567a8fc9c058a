"""A real Chromium, a fresh profile and a fresh site for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from tests.browser.chromium import required
from tests.browser.shop import DEADLINE_S, Site, serve

expect.set_options(timeout=DEADLINE_S * 1000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    path = required()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox"],
            ignore_default_args=["--disable-back-forward-cache"],  # visitors have one
        )
        yield browser
        browser.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """The site."""
    made = Site()
    server = serve(made)
    yield made
    made.change(answer=made.answer or 0)
    for stream in made.streams:
        stream.end()
    server.shutdown()
    server.server_close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A profile of its own."""
    made = chromium.new_context()
    yield made
    with suppress(Error):
        made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()
