"""A receiver of triggers: writes to visitors by e-mail, each trigger once. An example to start from.

    python examples/send_mail.py --kafka 127.0.0.1:9092 --smtp 127.0.0.1:25 \
        --sender shop@example.com --addresses addresses.csv --ledger sent.sqlite

`addresses.csv` has the lines `visitor_id,address`; it is read for each mail, so it may change. What is due
later waits; what is cancelled before is
not sent. The ledger remembers every trigger, so that one that comes again is not sent again. A trigger is
noted as `sending` before and as `sent` after the server took the mail; one that is found in `sending` at the
start may have been sent: it is reported, not repeated.

One ledger has one mailer, which reads all partitions. How far it has read is in the ledger too, noted with
what was read, and not with a consumer group: a group would hold the partitions of a killed mailer until its
session is over, 45 seconds in which no mail is sent.
"""

from __future__ import annotations

import csv
import json
import smtplib
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import click
from kafka import KafkaConsumer, TopicPartition

TOPIC = "footfall.triggers"
TEXTS = {
    "send_cart_offer": ("Your cart is waiting", "You left something in your cart. It is still there.\n"),
    "offer_help": ("Can we help?", "You were about to order. Is anything unclear?\n"),
}
Trigger = Mapping[str, Any]


class Mailer:
    """Sends what is due, once.

    Args:
        ledger: SQLite file of what was dealt with.
        address_of: gives a visitor's e-mail address, None when there is none.
        send: hands a message to the mail server; raises when that does not take it.
        sender: the From address.
    """

    def __init__(
        self,
        ledger: Path | str,
        address_of: Callable[[str], str | None],
        send: Callable[[EmailMessage], None],
        sender: str,
    ) -> None:
        self._ledger = sqlite3.connect(ledger, isolation_level=None)
        self._ledger.execute(
            "CREATE TABLE IF NOT EXISTS triggers"
            " (trigger_id TEXT PRIMARY KEY, state TEXT NOT NULL, due_at_ms INTEGER, document TEXT)"
        )
        self._ledger.execute(
            "CREATE TABLE IF NOT EXISTS offsets (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL)"
        )
        self._address_of, self._send, self._sender = address_of, send, sender

    def offsets(self) -> dict[int, int]:
        """The next offset of each partition that was read from."""
        return dict(self._ledger.execute("SELECT partition, next FROM offsets"))

    def take_read(self, partition: int, triggers: Iterable[Trigger], next_offset: int) -> None:
        """Notes what was read of a partition and how far that is, both or neither."""
        with self._ledger:  # commits, or rolls back
            self._ledger.execute("BEGIN")
            for trigger in triggers:
                self.take(trigger)
            self._ledger.execute("REPLACE INTO offsets VALUES (?, ?)", (partition, next_offset))

    def take(self, trigger: Trigger) -> None:
        """Notes a trigger, or that it is cancelled; a copy changes nothing."""
        if trigger["status"] == "due":
            self._ledger.execute(
                "INSERT OR IGNORE INTO triggers VALUES (?, 'waiting', ?, ?)",
                (trigger["trigger_id"], trigger["due_at_ms"], json.dumps(trigger)),
            )
        elif trigger["status"] == "cancelled":
            self._ledger.execute(
                "INSERT INTO triggers VALUES (?, 'cancelled', NULL, NULL) ON CONFLICT (trigger_id)"
                " DO UPDATE SET state = 'cancelled' WHERE state = 'waiting'",
                (trigger["trigger_id"],),
            )

    def send_due(self, now_ms: int) -> int:
        """Sends what is due by now and has not expired; gives how many."""
        rows = self._ledger.execute(
            "SELECT document FROM triggers WHERE state = 'waiting' AND due_at_ms <= ? ORDER BY due_at_ms",
            (now_ms,),
        ).fetchall()
        return sum(self._send_one(json.loads(document), now_ms) for (document,) in rows)

    def unsure(self) -> list[str]:
        """Triggers that were being sent when the receiver was stopped: sent or not is unknown."""
        return [
            row[0] for row in self._ledger.execute("SELECT trigger_id FROM triggers WHERE state = 'sending'")
        ]

    def _send_one(self, trigger: Trigger, now_ms: int) -> bool:
        address, text = self._address_of(trigger["visitor_id"]), TEXTS.get(trigger["action"])
        if address is None or text is None or trigger["expires_at_ms"] <= now_ms:
            self._note(trigger, "passed over")
            return False
        self._note(trigger, "sending")
        try:
            self._send(_message(trigger, address, self._sender, text))
        except smtplib.SMTPServerDisconnected:
            raise  # it may have been taken: the trigger stays in `sending`
        except (smtplib.SMTPException, OSError):
            self._note(trigger, "waiting")
            raise
        self._note(trigger, "sent")
        return True

    def _note(self, trigger: Trigger, state: str) -> None:
        self._ledger.execute(
            "UPDATE triggers SET state = ? WHERE trigger_id = ?", (state, trigger["trigger_id"])
        )


def _message(trigger: Trigger, address: str, sender: str, text: tuple[str, str]) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, address, text[0]
    # The same trigger has the same id at the receiver's side too.
    message["Message-ID"] = f"<{trigger['trigger_id']}@footfall>"
    message.set_content(text[1])
    return message


def in_file(addresses: Path) -> Callable[[str], str | None]:
    """Looks visitors up in a file of the lines `visitor_id,address`, as it is at that moment."""

    def address_of(visitor_id: str) -> str | None:
        with addresses.open(encoding="utf-8", newline="") as file:
            return dict(csv.reader(file)).get(visitor_id)

    return address_of


def through(host: str, port: int) -> Callable[[EmailMessage], None]:
    """Sends through an SMTP server, a connection a message."""

    def send(message: EmailMessage) -> None:
        with smtplib.SMTP(host, port, timeout=30) as server:
            server.send_message(message)

    return send


def assign(consumer: KafkaConsumer, offsets: Mapping[int, int]) -> None:
    """Gives the consumer all partitions, each from its offset, or from its beginning."""
    partitions = [TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC) or ()]
    if not partitions:
        raise click.ClickException(f"there is no topic {TOPIC}; start job triggers first")
    consumer.assign(partitions)
    for one in partitions:
        if one.partition in offsets:
            consumer.seek(one, offsets[one.partition])


def receive(mailer: Mailer, consumer: KafkaConsumer, until: Callable[[], bool]) -> None:
    """Takes triggers and sends what is due until told to stop."""
    while not until():
        for partition, messages in consumer.poll(1_000).items():
            triggers = [json.loads(message.value) for message in messages]
            mailer.take_read(partition.partition, triggers, messages[-1].offset + 1)
        mailer.send_due(round(time.time() * 1000))


@click.command()
@click.option("--kafka", required=True, help="host:port of the brokers")
@click.option("--smtp", required=True, help="host:port of the mail server")
@click.option("--sender", required=True, help="From address")
@click.option("--addresses", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--ledger", default="sent.sqlite", type=click.Path(path_type=Path))
def main(kafka: str, smtp: str, sender: str, addresses: Path, ledger: Path) -> None:
    """Sends the e-mails of footfall.triggers."""
    host, _, port = smtp.rpartition(":")
    mailer = Mailer(ledger, in_file(addresses), through(host, int(port)), sender)
    for trigger_id in mailer.unsure():
        click.echo(f"trigger {trigger_id} may have been sent when the last run was stopped", err=True)
    consumer = KafkaConsumer(
        bootstrap_servers=kafka,
        group_id=None,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    assign(consumer, mailer.offsets())
    try:
        receive(mailer, consumer, lambda: False)
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
