"""The benchmarks' events, and what the right answers to them are.

Events in order of time without duplicates, poison or late ones, so that a host that cares for none of these
can give the same answers. The real stream where it is at hand, else the generated shop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from stack.shop.shop import Shop
from tests import cart_oracle, datasets, oracle

STREAM = "ga360_20160801_20160814"
_SHOP_START_MS, _SHOP_EVENTS = 1_700_000_000_000, 200_000
_SHOP_EVENTS_PER_SECOND = 0.5  # of event time: a day holds 43,000, so sessions close all the way through
_IDS = ("event_id", "visitor_id", "anonymous_id", "user_id")
Document = dict[str, Any]
Found = Counter[tuple[Any, ...]]


@dataclass(frozen=True)
class Truth:
    """The naive oracles' answers.

    Attributes:
        sessions: how many.
        carts: (visitor_id, fires_at_ms, status) of every abandoned cart.
        plain_carts: the same where no removal empties a cart: the rule's first version.
    """

    sessions: int
    carts: Found = field(repr=False)
    plain_carts: Found = field(repr=False)


@dataclass(frozen=True)
class Work:
    """A file of canonical events, one a line, and the truth about it."""

    source: str
    copies: int
    path: Path
    events: int
    truth: Truth

    def messages(self) -> Iterator[bytes]:
        """The events as they go into the raw topic."""
        with self.path.open("rb") as lines:
            for line in lines:
                yield line.rstrip(b"\n")


def make(folder: Path, copies: int, most: int | None = None) -> Work:
    """Writes the stream with so many copies of each event beside each other.

    Args:
        folder: for the file.
        copies: 1 is the stream as it is.
        most: no more events than so many of the stream.
    """
    source, events = _source(most)
    names = [f"~{copy}" for copy in range(copies)]
    path = folder / f"{source}-{copies}.jsonl"
    with path.open("wb", buffering=1 << 20) as out:
        for event in events:
            out.writelines(_copy(event, name) for name in names)
    return Work(source, copies, path, len(events) * copies, _truth(events, names))


def _source(most: int | None) -> tuple[str, list[Document]]:
    if (datasets.data_root() / "truth" / "truth.json").is_file():
        return STREAM, list(datasets.canonical_events(STREAM, most))
    return "shop", list(islice(_shop_events(), most or _SHOP_EVENTS))


def _shop_events() -> Iterator[Document]:
    shop = Shop(seed=1, events_per_second=_SHOP_EVENTS_PER_SECOND, start_ms=_SHOP_START_MS, noisy=False)
    return (orjson.loads(value) for _, _, value in shop if value is not None)


def _copy(event: Document, name: str) -> bytes:
    """The event as somebody else's; it came in when it happened."""
    ids = {key: event[key] + name for key in _IDS if event.get(key) is not None}
    more = {"received_at_ms": event["event_time_ms"], **ids}
    return orjson.dumps({**event, **more}, option=orjson.OPT_APPEND_NEWLINE)


def _truth(events: list[Document], names: list[str]) -> Truth:
    """The oracles, once, for all copies; that they are right about the real stream is held by tests/unit."""
    carts = _by_visitor(cart_oracle.abandonments(events), names)
    return Truth(
        len(oracle.sessions(events)) * len(names), carts, _by_visitor(oracle.abandonments(events), names)
    )


def _by_visitor(abandonments: Iterable[Any], names: list[str]) -> Found:
    found: Found = Counter()
    for one in abandonments:
        for name in names:
            found[one.visitor_id + name, one.fires_at_ms, "active"] += 1
            if one.recovered_at_ms is not None:
                found[one.visitor_id + name, one.fires_at_ms, "recovered"] += 1
    return found
