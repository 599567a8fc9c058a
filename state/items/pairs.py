"""PAIRS: valid events of visitors in; sightings with what the session saw before, and visitors' items out."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from state.devices.identity import GRANTED, consent_status
from state.devices.judged import order_of
from state.events import Event, read_event
from state.items.options import ItemOptions
from state.items.sightings import Product, Sighting, pack_sightings, products_of, weight_of
from state.items.visit import CODEC, Visit
from state.logic import NEVER, Logic, Out, SourcePosition
from state.triggers.signals import Erased, order_in
from state.vocabulary import CONSENT, PURCHASE

BEFORE = 5  # different products that a product event is paired with
MOST_OF_SESSION = 200  # product events: more than that is no person who chooses
_SEEN, _BOUGHT, _LATE = 100, 200, 100
_PACK = 1_000


class PairsLogic(Logic[Visit, Event | Erased]):
    """Follows visitors through their sessions.

    An event that is not behind the visitor's last one is a copy: the topic may hold events twice after a
    failure, and one visitor's lie in it in order.

    Attributes:
        copies: events that were left out for that; for a metric.
    """

    codec = CODEC

    def __init__(self, options: ItemOptions) -> None:
        """Says how long sessions and memories are."""
        self._options, self.copies = options, 0
        self._sighted: list[Sighting] = []

    def items(
        self, values: Sequence[bytes], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[Event | Erased]:
        """The events, and orders to erase."""
        found = map(_read, values) if late else map(read_event, values)
        return [one for one in found if isinstance(one, (Event, Erased))]

    def order(self, item: Event | Erased) -> tuple[int, int, str]:
        """By time, sequence and id."""
        return order_of(item) if isinstance(item, Event) else (item.at, 0, "")

    def entity_id(self, item: Event | Erased) -> str:
        """The visitor."""
        return item.visitor_id

    def new(self, entity_id: str) -> Visit:
        """A visitor that was not seen before."""
        return Visit(entity_id)

    # --------------------------------------------------------------------------------------- an event

    def take(self, entity: Visit, item: Event | Erased, out: Out) -> None:
        """Takes the next event of the visitor."""
        if isinstance(item, Erased):
            _erase(entity, item)
            return
        key = order_of(item)
        if key <= entity.last:
            self.copies += 1
            return
        if item.event_time_ms - entity.last[0] > self._options.session_gap_ms:
            entity.recent, entity.seen, entity.counted = [], [], 0
        entity.last = key
        if item.kind == CONSENT:
            self._listen(entity, item)
        elif found := products_of(item):
            self._see(entity, item, found)
        if entity.seen and item.event_time_ms > entity.ends - self._options.session_gap_ms // 2:
            self._note(entity)  # the document must not take the session for over

    def _see(self, visit: Visit, event: Event, found: list[Product]) -> None:
        names, counts = [product.id for product in found], weight_of(event)
        weight = counts if visit.counted < MOST_OF_SESSION else 0.0
        goes_on = weight and names != visit.recent[-1:]  # look, click and cart of a product are one step
        before = [name for name in visit.recent if name not in names] if goes_on else []
        sighting = Sighting(event.event_time_ms, event.sequence, event.event_id, weight, found, before)
        self._sighted.append(sighting)
        if not counts:
            return
        visit.counted += 1
        for kept, most in ((visit.recent, BEFORE), (visit.latest, BEFORE), (visit.seen, _SEEN)):
            _remember(kept, names, most)
        if event.kind == PURCHASE:
            _remember(visit.bought, names, _BOUGHT)
        self._note(visit)

    def _listen(self, visit: Visit, event: Event) -> None:
        """Of who takes consent back nothing is remembered but which event was the last."""
        if (consent_status(event) or GRANTED) != GRANTED:
            if visit.latest:
                self._note(visit)
            _forget(visit)

    def take_late(self, entity: Visit, item: Event | Erased, out: Out) -> None:
        """Keeps what came behind the watermark until what lies before it in time has been taken, too."""
        if isinstance(item, Erased):
            _erase(entity, item)
        elif order_of(item) > entity.last and len(entity.late) < _LATE:
            entity.late.append(item)
            entity.late.sort(key=order_of)
        else:
            self.copies += 1

    def end_slice(self, out: Out) -> None:
        """What was sighted goes out in packs."""
        for first in range(0, len(self._sighted), _PACK):
            pack = self._sighted[first : first + _PACK]
            out.add("sighted", "", "", pack[-1].at, pack_sightings(pack))
        self._sighted.clear()

    # --------------------------------------------------------------------------------------- time

    def settle(self, entity: Visit, now: int, out: Out) -> None:
        """Takes late events whose time is over; writes the visitor's items."""
        while entity.late and entity.late[0].event_time_ms < now:
            self.take(entity, entity.late.pop(0), out)
        if 0 < entity.due < now:
            entity.due, entity.ends = 0, entity.last[0] + self._options.session_gap_ms
            out.add("visitor_items", entity.id, entity.id, entity.last[0], visit_document(entity))

    def next_due(self, entity: Visit) -> int:
        """The earliest of all that may be due."""
        due = entity.due or self._forgotten_at(entity)
        return min(due, entity.late[0].event_time_ms) if entity.late else due

    def is_over(self, entity: Visit, now: int) -> bool:
        """Whether the visitor has been silent for so long and nothing is pending."""
        return not entity.due and not entity.late and self._forgotten_at(entity) < now

    def _forgotten_at(self, visit: Visit) -> int:
        options = self._options
        if options.bounded:
            return NEVER
        span = options.visitor_memory_ms if visit.bought else options.dedup_ttl_ms
        return visit.last[0] + max(span, options.session_gap_ms)

    def _note(self, visit: Visit) -> None:
        """The visitor's document is written when the step is over."""
        step = self._options.visitor_step_ms
        visit.due = visit.due or (visit.last[0] // step + 1) * step - 1


def visit_document(visit: Visit) -> bytes:
    """What a server must know to show items to the visitor: the newest first."""
    return orjson.dumps(
        {
            "visitor_id": visit.id,
            "items": visit.latest[::-1],
            "seen": visit.seen[::-1],
            "bought": visit.bought[::-1],
            "session_ends_ms": visit.ends,
            "version": visit.last[0],
        }
    )


def _read(value: bytes) -> Event | Erased | None:
    """What came on its own: an event behind the watermark, or the order to forget a visitor."""
    event = read_event(value)
    return event if isinstance(event, Event) else order_in(value)


def _erase(visit: Visit, order: Erased) -> None:
    """Nothing is remembered, and what comes yet of the time before the order counts as taken."""
    _forget(visit)
    visit.late, visit.due, visit.last = [], 0, max(visit.last, (order.erased_at_ms, 0, ""))


def _forget(visit: Visit) -> None:
    """Nothing stays but which event was the last."""
    visit.recent, visit.latest, visit.seen, visit.bought = [], [], [], []


def _remember(names: list[str], more: list[str], most: int) -> None:
    """Puts names to the end of a list of different ones; the oldest go where there are too many."""
    for name in more:
        if name in names:
            names.remove(name)
        names.append(name)
    del names[:-most]
