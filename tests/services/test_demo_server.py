"""The demo's server: what it keeps, what it hands on, what it refuses."""

from __future__ import annotations

import csv
import json
import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.contracts import topics
from services import identity
from services.demo.happening import Happening
from services.demo.inbox import Addresses
from services.demo.proxy import Proxy
from services.demo.site import Facts, Site
from tests.services.conftest import KEY, Running, running
from tests.services.played import PlayedFeed

COOKIE = identity.signed("d-1", KEY)


def record(topic: topics.Topic, **members: Any) -> tuple[str, bytes]:
    return topic.name, json.dumps({"visitor_id": "d-1", **members}).encode()


def test_the_newest_of_a_signal_and_a_trigger_counts_in_any_order() -> None:
    seen = Happening()
    signals = [
        record(topics.SIGNALS, signal_id="s", version=n, status=status)
        for n, status in enumerate(("active", "recovered"))
    ]
    triggers = [record(topics.TRIGGERS, trigger_id="t", status=status) for status in ("due", "cancelled")]
    for message in (*signals, signals[0], *triggers, triggers[0]):
        seen.take([message])
    found = seen.of({"d-1"})
    assert [one["status"] for one in found["signals"] + found["triggers"]] == ["recovered", "cancelled"]
    assert seen.of({"d-2"}) == {"events": [], "signals": [], "triggers": []}


def test_heartbeats_are_no_events() -> None:
    seen = Happening()
    seen.take(
        [record(topics.EVENTS_RAW, event_type="heartbeat"), record(topics.EVENTS_RAW, event_type="search")]
    )
    assert [one["event_type"] for one in seen.of({"d-1"})["events"]] == ["search"]


def test_addresses_are_written_for_the_mailer(tmp_path: Path) -> None:
    file = tmp_path / "addresses.csv"
    addresses = Addresses(file)
    assert file.read_text() == ""
    addresses.know({"d-1"}, "a,b@shop.example")
    addresses.know({"d-2"}, "c@shop.example")
    addresses.know({"d-1"}, "")
    addresses.know({"d-3"}, 'quoted"@shop.example')
    assert dict(csv.reader(file.read_text().splitlines())) == {
        "d-2": "c@shop.example",
        "d-3": 'quoted"@shop.example',
    }


async def _echo(request: Request) -> JSONResponse:
    answer = JSONResponse(
        {"path": request.url.path, "query": request.url.query, "body": (await request.body()).decode()}, 202
    )
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Running, int]]:
    """The site before a service that echoes and one that is away; the inbox's port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    echo = Starlette(routes=[Route("/c", _echo, methods=["POST"])])
    for name in ("demo", "dist"):
        (tmp_path / name).mkdir()
    with running(echo) as behind:
        proxies = (Proxy(behind.url), Proxy("http://127.0.0.1:1"))
        made = Site(tmp_path, PlayedFeed(), proxies, Addresses(tmp_path / "a.csv"), KEY, Facts(1, 1), port)
        with running(made.app()) as page:
            yield page, port


def test_requests_are_handed_on_and_answers_back_as_they_are(site: tuple[Running, int]) -> None:
    url = site[0].url
    answer = httpx.post(f"{url}/c?x=1", content=b"text")
    assert answer.status_code == 202
    assert answer.json() == {"path": "/c", "query": "x=1", "body": "text"}
    assert dict(answer.cookies) == {"a": "1", "b": "2"}
    assert httpx.get(f"{url}/v1/stream").status_code == 502


def test_a_mail_is_shown_in_its_own_inbox(site: tuple[Running, int]) -> None:
    page, port = site
    message = EmailMessage()
    message["To"], message["From"], message["Subject"] = "ada@shop.example", "s@shop.example", "Grüße"
    message["Message-ID"] = "<t-1@footfall>"
    message.set_content("Hallo")
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
        server.send_message(message)
    with httpx.Client(base_url=page.url, cookies={"footfall_id": COOKIE}) as client:
        client.post("/demo/me", json={"email": "ada@shop.example"})
        state = client.get("/demo/state").json()
        assert [(mail["subject"], mail["trigger_id"], mail["text"]) for mail in state["mails"]] == [
            ("Grüße", "t-1", "Hallo")
        ]
        assert state["visitor"] == {"device": "d-1", "user": None, "email": "ada@shop.example"}
        assert client.get("/demo/state", params={"seen": state["seen"]}).status_code == 204


def test_another_page_may_not_name_the_visitor(site: tuple[Running, int]) -> None:
    headers = {"origin": "http://elsewhere.example"}
    answer = httpx.post(f"{site[0].url}/demo/me", json={"email": "a@shop.example"}, headers=headers)
    assert answer.status_code == 403 and not answer.cookies
    forged = {"footfall_id": "d-1.00"}
    assert httpx.get(f"{site[0].url}/demo/state", cookies=forged).json()["visitor"]["device"] is None
