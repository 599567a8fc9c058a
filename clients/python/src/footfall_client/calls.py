"""Requests and answers, the same for both clients. No I/O."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from footfall_client.errors import FootfallError, Refused, Unavailable
from footfall_client.models import Change, Signal, Snapshot

_FIRST_RETRY_S = 3.0
_LONGEST_RETRY_S = 60.0


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    json: Mapping[str, Any] | None = None
    params: Mapping[str, str] | None = None


def decide(slots: Iterable[str], **asked: Any) -> Call:
    """A decision; what is None is not asked."""
    body = {"slots": list(slots), **{name: value for name, value in asked.items() if value is not None}}
    return Call("POST", "/v1/decide", json=body)


def visitor(visitor_id: str, *, explain: bool) -> Call:
    """What is known of a visitor."""
    return Call("GET", f"/v1/visitors/{quote(visitor_id, safe='')}", params={"explain": str(explain).lower()})


def related(item_id: str) -> Call:
    """Items that go with an item."""
    return Call("GET", f"/v1/items/{quote(item_id, safe='')}/related")


def token(visitor_id: str, lifetime_s: int) -> Call:
    """A visitor's token."""
    return Call("POST", "/v1/tokens", json={"visitor_id": visitor_id, "lifetime_s": lifetime_s})


def answer(response: httpx.Response) -> Any:
    """The JSON of an answer.

    Raises:
        Refused: 401, 403.
        Unavailable: 429, 5xx.
        FootfallError: any other status that is no success.
    """
    if response.is_success:
        return response.json()
    raise failure(response.status_code, _detail(response.text))


def failure(status: int, detail: object) -> FootfallError:
    """The error for a status."""
    if status in (401, 403):
        return Refused(status, detail)
    return Unavailable(status, detail) if status == 429 or status >= 500 else FootfallError(status, detail)


def _detail(text: str) -> object:
    try:
        found = json.loads(text)
    except ValueError:
        return text[:200]
    return found.get("detail", text[:200]) if isinstance(found, dict) else text[:200]


class Events:
    """Reads a stream line by line, remembers the last id, and knows how long to wait before a new try."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.last: str | None = None
        self._retry_s = _FIRST_RETRY_S
        self._failures = 0
        self._event: dict[str, str] = {}

    def headers(self) -> dict[str, str]:
        """Of the next request."""
        return {"accept": "text/event-stream", **({"last-event-id": self.last} if self.last else {})}

    def line(self, line: str) -> Snapshot | Change | None:
        """What a line completes, if it does."""
        if line:
            name, _, value = line.partition(":")
            self._event[name] = value.removeprefix(" ")
            return None
        event, self._event = self._event, {}
        if event.get("retry", "").isdigit():
            self._retry_s = int(event["retry"]) / 1000
        if "data" not in event:
            return None
        self.last, self._failures = event.get("id") or None, 0
        return _read(event.get("event", ""), json.loads(event["data"]))

    def wait_s(self) -> float:
        """Before coming back: longer after each failure, and never the same for all."""
        self._event = {}
        self._failures += 1
        longest = min(_LONGEST_RETRY_S, self._retry_s * 2.0 ** min(self._failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 no secret


def _read(name: str, data: Mapping[str, Any]) -> Snapshot | Change | None:
    if name == "snapshot":
        return Snapshot(data["visitor_id"], [Signal.read(one) for one in data["signals"]])
    return Change(Signal.read(data)) if name == "signal" else None
