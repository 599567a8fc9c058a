"""A real SMTP server that keeps the mails that it is given; the addresses of visitors, for who sends them."""

from __future__ import annotations

import asyncio
import csv
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from time import time
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

_KEPT = 200
_TAKEN = "250 taken"


class Inbox:
    """Mails, the newest last."""

    def __init__(self) -> None:
        self.mails: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self.taken = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """A mail came; named as aiosmtpd calls it."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        body = mail.get_body(("plain",))
        self.mails.append(
            {
                "to": str(mail["To"]),
                "from": str(mail["From"]),
                "subject": str(mail["Subject"]),
                "trigger_id": str(mail["Message-ID"]).strip("<>").partition("@")[0],
                "text": body.get_content().strip() if body else "",
                "at_ms": round(time() * 1000),
            }
        )
        self.taken += 1
        return _TAKEN

    def to(self, address: str) -> list[dict[str, Any]]:
        """Mails to an address, the newest first."""
        return [mail for mail in reversed(self.mails) if mail["to"] == address]

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Takes mails as long as the block lasts; gives the port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, loop=loop), host, port)
        async with server:
            yield server.sockets[0].getsockname()[1]


class Addresses:
    """The e-mail address of each visitor who gave one, in the file that `examples/send_mail.py` reads."""

    def __init__(self, file: Path) -> None:
        """Begins with an empty file."""
        self._file, self._known = file, dict[str, str]()
        self._write()

    def know(self, ids: Iterable[str], address: str) -> None:
        """These ids are somebody with this address; an empty address forgets them."""
        known = {name: value for name, value in self._known.items() if name not in (ids := set(ids))}
        if address:
            known |= dict.fromkeys(ids, address)
        if known != self._known:
            self._known = known
            self._write()

    def _write(self) -> None:
        """In one step: a reader never sees half of it."""
        fresh = self._file.with_suffix(".new")
        with fresh.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(self._known.items())
        fresh.replace(self._file)
