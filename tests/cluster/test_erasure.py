"""A visitor with two ids is erased in the middle of a session, with a savepoint after it: nothing comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.errors import BadInput
from jobs.offline.erasing import erase, family, remains
from jobs.offline.ledger import read_ledger, read_letters
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from stack.runs.feed import Feeder
from tests.cluster.conftest import Document, wait_until

Deploy = Callable[..., Deployment]
GAP_MS, CART_MS, BOUND_MS = 2_000, 3_000, 500


class Shop:
    """Sends events of a few visitors at times that the test chooses; a record comes in when it happens."""

    def __init__(self, deployment: Deployment) -> None:
        self._feeder, self._count = Feeder(deployment.kafka_properties), 0

    def send(self, kind: str, device: str, at_ms: int, **more: Any) -> None:
        """One event of a device."""
        self._count += 1
        event = {
            "schema": "event/1",
            "event_id": f"{kind}-{self._count}",
            "event_type": kind,
            "event_time_ms": at_ms,
            "visitor_id": device,
            "anonymous_id": device,
            **more,
        }
        self._feeder.send(json.dumps(event).encode(), device, timestamp_ms=at_ms)

    def pass_to(self, at_ms: int) -> None:
        """Event time moves on, behind everything that was sent."""
        self._feeder.heartbeat(at_ms, f"at-{at_ms}", at_ms)
        self._feeder.flush()


def of(deployment: Deployment, index: indices.Index, visitor: str) -> list[Document]:
    return [row for row in documents(deployment.client, index.alias) if row["visitor_id"] == visitor]


def _merges_and_carts(deployment: Deployment, visitor: str) -> list[Document]:
    """The other rules have their say on the same events."""
    kinds = ("visitor_merged", "cart_abandoned")
    return [row for row in of(deployment, indices.SIGNALS, visitor) if row["kind"] in kinds]


@pytest.fixture
def deployment(deploy: Deploy) -> Iterator[Deployment]:
    yield deploy(
        session_gap_ms=GAP_MS, cart_timeout_ms=CART_MS, out_of_orderness_ms=BOUND_MS, idle_timeout_ms=0
    )


def test_an_erased_visitor_stays_away_until_consent_returns(deployment: Deployment) -> None:
    shop, flink = Shop(deployment), deployment.stack.flink
    past_ms = int(time.time() * 1000) - 60_000
    job = deployment.submit()
    for device in ("phone", "kiosk"):
        shop.send("page_view", device, past_ms)
        shop.send("identify", device, past_ms + 1_000, user_id="u")
        shop.send("add_to_cart", device, past_ms + 1_100)
    shop.send("identify", "kiosk", past_ms + 1_200, user_id="other")
    shop.send("page_view", "stays", past_ms)
    shop.pass_to(past_ms + 20_000)
    wait_until(lambda: len(_merges_and_carts(deployment, "u")) == 3, 180, "two merges and an abandonment")
    wait_until(lambda: len(of(deployment, indices.SESSIONS, "u")) == 1, 60, "the user's session")
    wait_until(lambda: len(documents(deployment.client, indices.ALIASES.alias)) == 3, 60, "three aliases")

    _is_found_by_every_name(deployment)
    now_ms = int(time.time() * 1000)
    shop.send("add_to_cart", "phone", now_ms)  # a session and a cart are open when the order comes
    shop.send("add_to_cart", "stays", now_ms)
    receipt = erase(deployment.client, deployment.kafka_properties, "phone", deployment.settings, wait_s=5.0)
    assert (receipt.ids, receipt.shared_ids) == (["u", "phone"], ["kiosk"])
    assert receipt.removed[indices.SIGNALS.alias] >= 3 and receipt.removed[indices.SESSIONS.alias] >= 2
    assert receipt.tombstones == {topics.ALIASES.name: 2, topics.SEGMENTS.name: 2}
    assert all(row["by_ms"] is None or row["by_ms"] > now_ms for row in receipt.expires)

    job = deployment.submit(from_savepoint=flink.savepoint(job, stop=True))
    shop.send("page_view", "phone", receipt.erased_at_ms + 5_000)
    shop.send("identify", "laptop", receipt.erased_at_ms + 6_000, user_id="u")
    shop.send("page_view", "laptop", receipt.erased_at_ms + 7_000)
    shop.send("page_view", "stays", receipt.erased_at_ms + 7_000)
    shop.pass_to(receipt.erased_at_ms + 60_000)
    wait_until(lambda: len(of(deployment, indices.SESSIONS, "stays")) == 3, 180, "the others go on")

    back_ms = receipt.quiet_until_ms + 10_000
    shop.send("consent", "laptop", back_ms, properties={"status": "granted"})
    shop.send("page_view", "laptop", back_ms + 1_000)
    shop.pass_to(back_ms + 60_000)
    wait_until(lambda: bool(of(deployment, indices.SESSIONS, "u")), 120, "the session after consent returned")
    (session,) = of(deployment, indices.SESSIONS, "u")
    assert (session["started_at_ms"], session["events"]) == (back_ms, 2)
    finding = remains(deployment.client, deployment.kafka_properties, ["phone", "laptop"])
    assert finding["documents"] == dict.fromkeys(finding["documents"], 0) and finding["aliases"] == 0
    assert finding["unregistered"] == ["laptop"]
    assert remains(deployment.client, deployment.kafka_properties, ["phone"])["clean"]
    assert of(deployment, indices.SESSIONS, "kiosk") == []
    assert [row["visitor_id"] for row in documents(deployment.client, indices.ALIASES.alias)] == ["other"]
    _balances(deployment)


def _is_found_by_every_name(deployment: Deployment) -> None:
    client = deployment.client
    assert family(client, "u") == family(client, "phone")
    assert set(family(client, "u").all) == {"u", "phone", "kiosk"}
    assert family(client, "nobody").all == ("nobody",)
    with pytest.raises(BadInput, match="device that 2 users have used"):
        family(client, "kiosk")


def _balances(deployment: Deployment) -> None:
    """With what was held back, counted by reason, and no bytes of it kept."""
    kafka = deployment.kafka_properties
    wait_until(lambda: read_ledger(kafka, read_letters(kafka)).balanced, 60, "the ledger balances")
    letters = read_letters(kafka)
    # Two orders to erase, three events of the erased visitor.
    assert [letter["reason"] for letter in letters.values()] == ["no_consent"] * 5
    assert all(letter["payload_base64"] is None for letter in letters.values())
