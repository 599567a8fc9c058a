"""Goes through a history once: looks and questions, and what was to be shown at each question."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from jobs.offline.recommend.blending import filled
from jobs.offline.recommend.history import CONTEXT, NONE, SHOWN, Codes, Looks, Questions
from jobs.offline.recommend.moments import Live, Popularity
from jobs.offline.training.asked import slices
from jobs.offline.training.events import Events
from state.devices.judged import order_of
from state.engine import Engine
from state.events import Event, read_event
from state.items.sightings import Product, products_of, weight_of
from state.options import DAY_MS, Options
from state.vocabulary import PURCHASE

POPULARITY, LIVE, FROZEN = "popularity", "live", "live_of_the_night"
_MOST_OF_SESSION = 200  # different products: who looks at more does not choose
_SWEPT = 50_000  # events between two looks for sessions that are over


def valid_events(events: Events) -> Iterator[Event]:
    """The events that the job of recommendations reads: no duplicates, bots or withheld visitors.

    Those of a file are judged by the engine as a job with default settings does.
    """
    if events.are_judged:
        for _, value in events.messages():
            event = read_event(value)
            if isinstance(event, Event):
                yield event
        return
    engine = Engine(Options(scoring=False, emits=frozenset({"valid"})), buckets=1)
    for values, ends_at in slices(events):
        found = (read_event(document.body) for document in engine.take(values, None, ends_at).documents)
        yield from sorted((event for event in found if isinstance(event, Event)), key=order_of)


@dataclass
class _Session:
    """A visitor's session: the time of its last event, and its different products, the newest last."""

    last_ms: int
    products: list[str] = field(default_factory=list)


class Reader:
    """Takes the events of a history, in the order of time.

    Args:
        ask_from_ms: earlier moments are no questions.
        test_from_ms: from here on the live table is asked, and its lists are kept each 24 hours.
        live: the live table; None asks none.
        session_gap_ms: as in the stream.
    """

    def __init__(
        self,
        ask_from_ms: int,
        test_from_ms: int,
        live: Live | None,
        session_gap_ms: int = Options.session_gap_ms,
    ) -> None:
        self._ask_from_ms, self._night_ms, self._gap_ms = ask_from_ms, test_from_ms, session_gap_ms
        self._test_from_ms, self._live, self._popularity = test_from_ms, live, Popularity(ask_from_ms)
        self._sessions, self._taken = dict[str, _Session](), 0
        self._items, self._visitors = dict[str, int](), dict[str, int]()
        self._looks = (array("i"), array("i"), array("q"))
        self._asked = (array("i"), array("q"), array("i"))
        self._contexts: list[array[int]] = []
        self._seen: list[array[int]] = []
        self._lists = {name: array("i") for name in (POPULARITY, *((LIVE, FROZEN) if live else ()))}

    def take(self, event: Event) -> None:
        """Takes the next event."""
        at = event.event_time_ms
        if self._live and at >= self._night_ms:
            self._live.freeze(self._night_ms, self._items)
            self._night_ms += DAY_MS * ((at - self._night_ms) // DAY_MS + 1)
        session = self._session_of(event)
        products = products_of(event) if weight_of(event) and len(session.products) < _MOST_OF_SESSION else []
        if products and event.kind != PURCHASE:
            self._ask(event, session, products[0].id)
        for product in products:
            self._look(event, session, product)
        if self._live:
            self._live.add(event)

    def _session_of(self, event: Event) -> _Session:
        at, known = event.event_time_ms, self._sessions.get(event.visitor_id)
        self._taken += 1
        if self._taken % _SWEPT == 0:
            self._sessions = {
                who: one for who, one in self._sessions.items() if at - one.last_ms <= self._gap_ms
            }
        if known is None or at - known.last_ms > self._gap_ms:
            known = self._sessions[event.visitor_id] = _Session(at)
        known.last_ms = at
        return known

    def _ask(self, event: Event, session: _Session, answer: str) -> None:
        at, seen = event.event_time_ms, session.products
        if not seen or answer in seen or at < self._ask_from_ms:
            return
        for column, value in zip(self._asked, (self._visitor(event), at, self._item(answer)), strict=True):
            column.append(value)
        context, left_out = seen[: -CONTEXT - 1 : -1], set(seen)
        self._contexts.append(array("i", map(self._item, context)))
        self._seen.append(array("i", map(self._item, seen)))
        popular = self._popularity.top(at, left_out, SHOWN)
        self._note(POPULARITY, popular)
        if self._live is None:
            return
        in_test = at >= self._test_from_ms
        now = self._live.shown(at, context, left_out, SHOWN) if in_test else []
        self._note(LIVE, filled(now, popular, SHOWN))
        self._note(FROZEN, filled(self._live.frozen(context, left_out, SHOWN), popular, SHOWN))

    def _note(self, name: str, shown: Sequence[str]) -> None:
        numbers = [self._item(item) for item in shown]
        self._lists[name].extend(numbers + [NONE] * (SHOWN - len(numbers)))

    def _look(self, event: Event, session: _Session, product: Product) -> None:
        item, at = product.id, event.event_time_ms
        for column, value in zip(self._looks, (self._visitor(event), self._item(item), at), strict=True):
            column.append(value)
        self._popularity.add(item, at)
        if item in session.products:
            session.products.remove(item)
        session.products.append(item)

    def _item(self, name: str) -> int:
        return self._items.setdefault(name, len(self._items))

    def _visitor(self, event: Event) -> int:
        return self._visitors.setdefault(event.visitor_id, len(self._visitors))

    def read(self) -> tuple[Looks, Questions]:
        """All that was taken; items are numbered in the order of their ids now."""
        names = sorted(self._items)
        places = np.full(len(names) + 1, NONE, np.int32)  # the last one, for NONE
        places[[self._items[name] for name in names]] = np.arange(len(names))
        visitors, items, at_ms = self._looks
        looks = Looks(
            _codes(visitors), places[_codes(items)], np.array(at_ms, np.int64), names, len(self._visitors)
        )
        who, when, answers = self._asked
        contexts, seen = (
            [places[list(one)].tolist() for one in many] for many in (self._contexts, self._seen)
        )
        lists = {name: places[_codes(found)].reshape(-1, SHOWN) for name, found in self._lists.items()}
        return looks, Questions(
            _codes(who), np.array(when, np.int64), places[_codes(answers)], contexts, seen, lists
        )


def _codes(column: array[int]) -> Codes:
    return np.array(column, np.int32)
