"""The services on the real stack: a batch becomes a signal in the view, a broker that is away loses nothing, and at
rest the view of the API is the index, visitor by visitor."""

from __future__ import annotations

import json
import os
import signal as signals_of_processes
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from connectors.contracts import topics
from connectors.contracts.experiments import Arms, Experiments, assign
from connectors.elasticsearch import indices
from connectors.kafka.topic_reader import read_topic
from stack.environments import in_services
from stack.package import ROOT
from stack.ports import free_ports
from stack.runs.demo import DEMO_SETTINGS
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from stack.runs.feed import Feeder
from stack.runs.live import run_shop
from tests.cluster.conftest import Deployer, Document, wait_until
from tests.cluster.test_mailer import Post
from tests.inbox import smtp_server

SERVICE_KEY = "a-key-of-a-server-for-this-test"
HOUR_MS = 3_600_000
EXPERIMENTS = {
    "holdout": {"version": 1, "share": 0.2},
    "experiments": [
        {
            "name": "offer",
            "version": 1,
            "arms": {"control": 1, "mail": 1},
            "triggers": {"actions": ["send_cart_offer"], "held_out": ["control"]},
        },
        {"name": "note", "version": 1, "arms": {"control": 1, "shown": 1}},
    ],
}
CONTENT = """\
slots:
  cart_banner: {description: above, fields: {headline: text}}
  cart_note: {description: below, fields: {headline: text}}
content:
  - {name: finish_your_cart, slot: cart_banner, priority: 1, when: {signals: [cart_abandoned]}, texts: {en: {headline: Hm}}}
  - name: note
    slot: cart_note
    priority: 1
    experiment: {experiment: note, arm: shown}
    when: {signals: [cart_abandoned]}
    texts: {en: {headline: Still there}}
"""
VISITORS = [f"v-{number}" for number in range(12)]
BUYERS = VISITORS[:6]
ANSWERED = ("signal", "default")  # of the arm that is shown the note, of the control


@contextmanager
def service(module: str, port: int, log: Path, **settings: str) -> Iterator[str]:
    """A service as its command runs it, until SIGTERM, which it must obey."""
    words = [
        word
        for name, value in {"port": str(port), **settings}.items()
        for word in ("--set", f"{name}={value}")
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "FOOTFALL_VENV")},
        "FOOTFALL_VISITOR_KEY": "k" * 40,
        "FOOTFALL_SERVICE_KEYS": f"test={SERVICE_KEY}",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            in_services(module, *words), cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield f"http://127.0.0.1:{port}"
            process.send_signal(signals_of_processes.SIGTERM)
            assert process.wait(30) in (0, -signals_of_processes.SIGTERM), log.read_text()
        finally:
            process.kill()
            process.wait(30)


class Shop:
    """A shop with a collector and an API."""

    def __init__(self, deployment: Deployment, collector: str, api: str) -> None:
        self.deployment, self.collector, self.api = deployment, collector, api
        self.feeder = Feeder(deployment.kafka_properties)
        self.http = requests.Session()
        self.http.headers["authorization"] = f"Bearer {SERVICE_KEY}"
        self.began_ms = int(time.time() * 1000) - 6 * HOUR_MS

    def batch(self, visitor: str, *events: Document) -> Document:
        """A tracker's batch."""
        return {"sent_at_ms": int(time.time() * 1000), "anonymous_id": visitor, "events": list(events)}

    def event(self, name: str, kind: str, hours: float, **more: object) -> Document:
        """One event, so long after the beginning."""
        at_ms = self.began_ms + int(hours * HOUR_MS)
        return {"event_id": name, "event_type": kind, "event_time_ms": at_ms, **more}

    def send(self, batch: Document) -> requests.Response:
        """What the collector answers."""
        return requests.post(f"{self.collector}/c", data=json.dumps(batch), timeout=30)

    def send_until_taken(self, batch: Document) -> None:
        """As a tracker does: the same batch again until it is acknowledged."""
        wait_until(lambda: self.send(batch).status_code == 204, 90, "the batch is acknowledged")

    def pass_to(self, hours: float) -> None:
        """Event time goes on."""
        at_ms = self.began_ms + int(hours * HOUR_MS)
        self.feeder.heartbeat(at_ms, f"beat-{hours}", at_ms)
        self.feeder.flush()

    def decided(self, visitor: str, slot: str = "cart_banner", **more: str) -> Document:
        """What a slot shows."""
        asked = {"visitor_id": visitor, "slots": [slot], **more}
        answer: Document = self.http.post(f"{self.api}/v1/decide", json=asked, timeout=10).json()
        (slot,) = answer["slots"]
        return dict(slot)

    def seen(self, visitor: str) -> dict[str, tuple[str, int]]:
        """Status and version of each signal, as the API tells them."""
        return {one["signal_id"]: (one["status"], one["version"]) for one in self._signals(visitor)}

    def has_cart(self, visitor: str) -> bool:
        """Whether the API knows of an abandoned cart."""
        return any(one["kind"] == "cart_abandoned" for one in self._signals(visitor))

    def _signals(self, visitor: str) -> list[Document]:
        answer = self.http.get(f"{self.api}/v1/visitors/{visitor}", timeout=10)
        return list(answer.json()["signals"])


@pytest.fixture(scope="module")
def shop(deploy_once: Deployer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder, (first, second) = tmp_path_factory.mktemp("services"), free_ports(2)
    for name, text in (("experiments", json.dumps(EXPERIMENTS)), ("content", CONTENT)):
        (folder / name).mkdir()
        (folder / name / "shop.yaml").write_text(text, encoding="utf-8")
    own = {"experiments_dir": str(folder / "experiments"), "actions_file": str(DEMO_SETTINGS["actions_file"])}
    deployment = deploy_once(parallelism=2, idle_timeout_ms=0, **own)
    for job in [deployment.submit(name) for name in ("suite", "triggers")]:
        deployment.stack.flink.wait_tasks_running(job, 180)
    ends = {"kafka_bootstrap_servers": deployment.settings.kafka_bootstrap_servers, "rate_burst": "100000"}
    with (
        service("services.collect", first, folder / "collector.log", ack_ms="3000", **ends) as collector,
        service(
            "services.serve",
            second,
            folder / "api.log",
            elasticsearch_url=deployment.settings.elasticsearch_url,
            experiments_dir=own["experiments_dir"],
            content_dir=str(folder / "content"),
            **ends,
        ) as api,
    ):
        for url in (collector, api):
            wait_until(lambda url=url: is_ready(url), 90, f"{url} is ready")  # type: ignore[misc]
        yield Shop(deployment, collector, api)


def is_ready(url: str) -> bool:
    """Whether a service says so."""
    try:
        return requests.get(f"{url}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_batch_becomes_a_signal_in_the_view(shop: Shop) -> None:
    for number, visitor in enumerate(VISITORS):
        cart = shop.event(f"cart-{number}", "add_to_cart", 0, product={"product_id": "p-1", "price": 5})
        assert shop.send(shop.batch(visitor, cart, {"event_type": "search"})).status_code == 204
    shop.pass_to(1)
    wait_until(lambda: all(map(shop.has_cart, VISITORS)), 120, "every cart is in the view")
    shown = shop.decided(VISITORS[-1])
    assert (shown["reason"], shown["content"]) == ("signal", "finish_your_cart")


def arms_of(unit: str) -> Arms:
    return assign(Experiments.model_validate(EXPERIMENTS), unit)


def test_an_abandoned_cart_is_one_mail_and_none_where_the_device_is_held_out(
    shop: Shop, tmp_path: Path
) -> None:
    wanted = [one for one in VISITORS if arms_of(one).get("offer") == "mail"]
    assert 0 < len(wanted) < len(VISITORS)
    with smtp_server() as (inbox, port):
        post = Post(shop.deployment.settings.kafka_bootstrap_servers, inbox, port, tmp_path, VISITORS)
        for _ in range(2):  # killed in between
            with post.mailer():
                wait_until(lambda: len(inbox.mails) >= len(wanted), 60, "the mails")
                post.ask(1)
                wait_until(lambda: post.state(1) == "passed over", 30, "all triggers are read")
    assert post.recipients() == sorted(wanted)
    suppressed = read_topic(shop.deployment.kafka_properties, topics.TRIGGERS_SUPPRESSED.name)
    held_out = {
        one["visitor_id"]: one["unit"]
        for one in (json.loads(message.value) for message in suppressed)
        if one["reason"] == "holdout" and one["action"] == "send_cart_offer"
    }
    assert held_out == {one: one for one in VISITORS if one not in wanted}


def exposed_units(shop: Shop) -> set[str]:
    """Units of all exposures that Kafka has."""
    found = read_topic(shop.deployment.kafka_properties, topics.EXPOSURES.name)
    return {json.loads(message.value)["unit"] for message in found}


def test_a_broker_that_is_away_is_503_and_nothing_is_lost_when_it_is_back(shop: Shop) -> None:
    kafka, (first, *others) = shop.deployment.stack.kafka, BUYERS
    bought = {
        one: shop.event(f"bought-{one}", "purchase", 1.5, order={"order_id": one, "revenue": 5})
        for one in BUYERS
    }
    assert shop.decided(VISITORS[-1])["reason"] == "signal"
    assert shop.decided(VISITORS[-1], "cart_note", unit="d-before")["reason"] in ANSWERED
    assert {VISITORS[-1], "d-before"} <= exposed_units(shop)
    kafka.kill()
    assert shop.decided(VISITORS[-1], "cart_note", unit="d-during")["reason"] == "not_exposed"
    assert shop.decided(VISITORS[-1], "cart_note", unit="d-before")["reason"] in ANSWERED
    answer = shop.send(shop.batch(first, bought[first]))
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert shop.decided(VISITORS[-1])["reason"] == "signal"  # the view goes on
    kafka.start_again()
    wait_until(
        lambda: shop.decided(VISITORS[-1], "cart_note", unit="d-during")["reason"] in ANSWERED,
        60,
        "the exposure is acknowledged",
    )
    assert "d-during" in exposed_units(shop)
    for visitor in BUYERS:
        shop.send_until_taken(shop.batch(visitor, bought[visitor]))
    assert others
    shop.pass_to(2)
    wait_until(
        lambda: all(_is_recovered(shop, one) for one in BUYERS), 120, "purchases take the banners back"
    )
    assert shop.decided(first)["reason"] == "default"


def _is_recovered(shop: Shop, visitor: str) -> bool:
    return "recovered" in {status for status, _ in shop.seen(visitor).values()}


def test_at_rest_the_view_is_the_index_for_every_visitor(shop: Shop) -> None:
    timeout_ms = shop.deployment.settings.cart_timeout_ms
    run_shop(shop.feeder, rate=100, seed=5, seconds=20, cart_timeout_ms=timeout_ms)
    shop.pass_to(6.9)  # 54 minutes from now: every cart is abandoned, every session is over

    def of_the_index() -> dict[str, dict[str, tuple[str, int]]]:
        found: dict[str, dict[str, tuple[str, int]]] = {visitor: {} for visitor in VISITORS}
        for one in documents(shop.deployment.client, indices.SIGNALS.alias):
            if one["expires_at_ms"] > time.time() * 1000:
                found.setdefault(one["visitor_id"], {})[one["signal_id"]] = (one["status"], one["version"])
        return found

    def is_equal() -> bool:
        wanted = of_the_index()
        return all(wanted[VISITORS[0]]) and {visitor: shop.seen(visitor) for visitor in wanted} == wanted

    wait_until(is_equal, 120, "the view of the API is the index")
    assert len(of_the_index()) >= 100
