"""The example receiver of triggers, against a real SMTP server on loopback."""

from __future__ import annotations

import smtplib
import sqlite3
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from examples.send_mail import Mailer, in_file, through
from stack.ports import LOOPBACK, free_ports
from tests.inbox import Inbox, smtp_server

NOW = 1_700_000_000_000


@pytest.fixture
def server() -> Iterator[tuple[Inbox, int]]:
    with smtp_server() as found:
        yield found


def trigger(number: int, status: str = "due", **more: Any) -> dict[str, Any]:
    fields = {
        "trigger_id": f"{number:032}",
        "visitor_id": "anna",
        "action": "send_cart_offer",
        "status": status,
        "due_at_ms": NOW,
        "expires_at_ms": NOW + 1_000,
    }
    return {**fields, **more}


def mailer(folder: Path, send: Callable[[EmailMessage], None]) -> Mailer:
    return Mailer(folder / "sent.sqlite", {"anna": "anna@example.com"}.get, send, "shop@example.com")


def test_an_abandoned_cart_becomes_one_mail(tmp_path: Path, server: tuple[Inbox, int]) -> None:
    inbox, port = server
    receiver = mailer(tmp_path, through(LOOPBACK, port))
    receiver.take(trigger(1))
    receiver.take(trigger(1))
    assert (receiver.send_due(NOW - 1), receiver.send_due(NOW), receiver.send_due(NOW)) == (0, 1, 0)
    (mail,) = inbox.mails
    assert (mail["To"], mail["Subject"]) == ("anna@example.com", "Your cart is waiting")
    assert mail["Message-ID"] == f"<{1:032}@footfall>"


def test_a_trigger_that_comes_again_after_a_restart_is_not_sent_again(
    tmp_path: Path, server: tuple[Inbox, int]
) -> None:
    inbox, port = server
    for _ in range(2):
        receiver = mailer(tmp_path, through(LOOPBACK, port))
        receiver.take(trigger(1))
        receiver.send_due(NOW)
    assert len(inbox.mails) == 1


def test_what_is_cancelled_before_it_is_due_is_not_sent(tmp_path: Path, server: tuple[Inbox, int]) -> None:
    inbox, port = server
    receiver = mailer(tmp_path, through(LOOPBACK, port))
    receiver.take(trigger(1))
    receiver.take(trigger(1, "cancelled"))
    receiver.take(trigger(2, "cancelled"))
    receiver.take(trigger(2))  # the copy of a due one behind its cancellation
    receiver.take(trigger(3, "suppressed"))
    assert receiver.send_due(NOW) == 0 and inbox.mails == []


def test_what_was_read_is_noted_with_how_far_that_is_both_or_neither(tmp_path: Path) -> None:
    def never(_message: EmailMessage) -> None:
        pytest.fail("nothing is due")

    receiver = mailer(tmp_path, never)
    receiver.take_read(0, [trigger(1)], 5)
    with pytest.raises(KeyError):
        receiver.take_read(0, [trigger(2), {}], 7)
    receiver.take_read(1, [], 3)
    again = mailer(tmp_path, never)
    assert again.offsets() == {0: 5, 1: 3} and again.send_due(NOW - 1) == 0
    (known,) = sqlite3.connect(tmp_path / "sent.sqlite").execute("SELECT trigger_id FROM triggers")
    assert known == (f"{1:032}",)


@pytest.mark.parametrize("odd", [{"visitor_id": "nobody"}, {"expires_at_ms": NOW}, {"action": "unheard_of"}])
def test_what_cannot_or_may_not_be_sent_is_passed_over(tmp_path: Path, odd: dict[str, Any]) -> None:
    def never(_message: EmailMessage) -> None:
        pytest.fail("nothing may be sent")

    receiver = mailer(tmp_path, never)
    receiver.take(trigger(1, **odd))
    assert receiver.send_due(NOW) == 0


def test_a_server_that_is_away_gets_the_mail_later(tmp_path: Path, server: tuple[Inbox, int]) -> None:
    inbox, port = server
    (nobody,) = free_ports(1)
    away = mailer(tmp_path, through(LOOPBACK, nobody))
    away.take(trigger(1))
    with pytest.raises(ConnectionRefusedError):
        away.send_due(NOW)
    assert mailer(tmp_path, through(LOOPBACK, port)).send_due(NOW) == 1
    assert len(inbox.mails) == 1


def test_a_mail_that_may_have_been_taken_is_reported_and_not_repeated(tmp_path: Path) -> None:
    def breaks_off(_message: EmailMessage) -> None:
        raise smtplib.SMTPServerDisconnected("in the middle")

    receiver = mailer(tmp_path, breaks_off)
    receiver.take(trigger(1))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        receiver.send_due(NOW)
    assert mailer(tmp_path, breaks_off).unsure() == [f"{1:032}"]
    assert mailer(tmp_path, breaks_off).send_due(NOW) == 0


def test_addresses_are_looked_up_when_they_are_needed(tmp_path: Path) -> None:
    file = tmp_path / "addresses.csv"
    file.write_text("anna,anna@example.com\n", encoding="utf-8")
    address_of = in_file(file)
    assert (address_of("anna"), address_of("ben")) == ("anna@example.com", None)
    file.write_text("ben,ben@example.com\n", encoding="utf-8")
    assert (address_of("anna"), address_of("ben")) == (None, "ben@example.com")
