"""The mailer against a real broker and a real mail server: killed, it goes on at once, and writes nothing twice."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from connectors.contracts import topics
from connectors.contracts.signals import trigger_id
from connectors.kafka.admin import create_topics
from connectors.kafka.writer import Writer
from stack.embedded import EmbeddedStack
from stack.package import ROOT
from stack.ports import LOOPBACK
from tests.cluster.conftest import wait_until
from tests.inbox import Inbox, smtp_server

# Python starts, the broker answers, a poll is over; a consumer group would take the session's 45 s on top.
SOON_S = 15.0


class Post:
    """The mailer between a broker and an inbox."""

    def __init__(
        self, kafka: str, inbox: Inbox, smtp_port: int, folder: Path, visitors: Sequence[str] = ("anna",)
    ) -> None:
        self._kafka, self._inbox, self._folder = kafka, inbox, folder
        self._smtp = f"{LOOPBACK}:{smtp_port}"
        lines = "".join(f"{name},{name}@shop.example\n" for name in visitors)
        (folder / "addresses.csv").write_text(lines, encoding="utf-8")

    @contextmanager
    def mailer(self) -> Iterator[subprocess.Popen[bytes]]:
        """The mailer as its command runs it; killed at the end as a crash would."""
        command = (
            *(sys.executable, "-m", "examples.send_mail", "--kafka", self._kafka, "--smtp", self._smtp),
            *("--sender", "shop@shop.example", "--addresses", str(self._folder / "addresses.csv")),
            *("--ledger", str(self._folder / "sent.sqlite")),
        )
        with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ)) as process:
            try:
                yield process
            finally:
                process.kill()

    def ask(self, number: int, in_s: float = 0.0, status: str = "due") -> None:
        """A trigger for Anna, due so long from now."""
        now_ms = round(time.time() * 1000)
        document = {
            "trigger_id": name_of(number), "signal_id": f"{number:032x}", "visitor_id": "anna",
            "action": "send_cart_offer", "status": status, "decided_at_ms": now_ms,
            "due_at_ms": now_ms + round(in_s * 1000), "expires_at_ms": now_ms + 600_000, "payload": {},
        }  # fmt: skip
        with closing(Writer({"bootstrap.servers": self._kafka})) as writer:
            writer.write(topics.TRIGGERS.name, json.dumps(document).encode(), "anna")
            writer.flush()

    def sent(self) -> list[str]:
        """The triggers of the mails that came, in their order."""
        return [str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in self._inbox.mails]

    def recipients(self) -> list[str]:
        """Who got a mail; one who got two is there twice."""
        return sorted(str(mail["To"]).partition("@")[0] for mail in self._inbox.mails)

    def state(self, number: int) -> str | None:
        """What the ledger says of a trigger."""
        if not (self._folder / "sent.sqlite").exists():
            return None
        with closing(sqlite3.connect(self._folder / "sent.sqlite")) as ledger:
            try:
                asked = "SELECT state FROM triggers WHERE trigger_id = ?"
                found = ledger.execute(asked, (name_of(number),)).fetchone()
            except sqlite3.OperationalError:  # no table yet
                return None
        return None if found is None else str(found[0])


def name_of(number: int) -> str:
    return trigger_id(f"{number:032x}", "send_cart_offer")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedStack(tmp_path_factory.mktemp("kafka"), parts=("kafka",)) as stack:
        create_topics({"bootstrap.servers": stack.kafka.bootstrap_servers})
        yield stack.kafka.bootstrap_servers


def test_a_killed_mailer_goes_on_within_seconds_and_writes_each_mail_once(kafka: str, tmp_path: Path) -> None:
    with smtp_server() as (inbox, port):
        post = Post(kafka, inbox, port, tmp_path)
        with post.mailer():
            post.ask(1)
            wait_until(lambda: post.state(1) == "sent", 60, "the first mail is sent")
            post.ask(2, in_s=3_600)
            post.ask(3, in_s=3.0)
            wait_until(lambda: post.state(3) == "waiting", 30, "the third waits")
        post.ask(4)  # nobody reads it
        with post.mailer():
            began = time.monotonic()
            wait_until(lambda: post.state(4) == "sent" and post.state(3) == "sent", SOON_S, "both are sent")
            print(f"sent {time.monotonic() - began:.1f} s after the restart")
            post.ask(2, status="cancelled")
            wait_until(lambda: post.state(2) == "cancelled", SOON_S, "the second is cancelled")
    assert sorted(post.sent()) == sorted(map(name_of, (1, 3, 4)))
