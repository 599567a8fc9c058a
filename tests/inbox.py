"""A real SMTP server on loopback that keeps what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from stack.ports import LOOPBACK, free_ports


class Inbox(Message):
    """What the server was given."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@contextmanager
def smtp_server() -> Iterator[tuple[Inbox, int]]:
    """The inbox, and the port at which it takes mails."""
    (port,), inbox = free_ports(1), Inbox()
    controller = Controller(inbox, hostname=LOOPBACK, port=port, loop=asyncio.new_event_loop())
    controller.start()
    try:
        yield inbox, port
    finally:
        controller.stop()
