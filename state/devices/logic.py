"""DEVICES: refuses what is no event, drops second copies, says whose an event is; a device at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from connectors.contracts.canaries import is_canary
from connectors.contracts.pseudonyms import pseudonym
from connectors.contracts.rejected import Reject
from state.checksum import id_hash
from state.devices import guests
from state.devices.device import CODEC, Device
from state.devices.identity import device_of, identified, listen, visitor_of
from state.devices.judged import ORDINARY, Judged, bucket_of, order_of, pack_judged
from state.documents import NOWHERE, event_document, position_id, refused_letter
from state.events import Event, read_event
from state.logic import Logic, Out, SourcePosition
from state.options import DAY_MS, MINUTE_MS, Options
from state.vocabulary import HEARTBEAT

_PACK = 1_000  # events of a pack: a large slice that is taken in pieces is read pack by pack
_IDS = 2_000  # of the newest events that are remembered: a bot must not fill the state


class Read(NamedTuple):
    """An event and where it was read."""

    at: int
    event: Event
    position: SourcePosition


class DevicesLogic(Logic[Device, Read]):
    """Judges the events of devices; what it passes goes to the bucket of its visitor.

    Args:
        options: caps, spans and switches.
        buckets: of VISITORS.
        key: makes pseudonyms of ids; None leaves them as they are.
    """

    codec = CODEC

    def __init__(self, options: Options, buckets: int, key: bytes | None = None) -> None:
        self._options, self._buckets, self._key = options, buckets, key
        self._memory_ms = options.memory_ms(has_bought=False)
        self._judged: dict[int, list[Judged]] = defaultdict(list)
        self._late: dict[int, list[Judged]] = defaultdict(list)

    def items(
        self, values: Sequence[bytes | None], positions: Sequence[SourcePosition] | None, late: bool, out: Out
    ) -> list[Read]:
        """The events; a message that is none becomes a dead letter, a heartbeat is counted."""
        found = []
        for value, position in zip(values, positions or repeat(NOWHERE), strict=False):
            event = read_event(value, None if positions is None else position[3])
            if isinstance(event, Reject):
                self._refuse(event, value, position, out)
            elif event.kind == HEARTBEAT:
                out.count("heartbeat", position, event.event_time_ms, id_hash(event.event_id))
            else:
                found.append(Read(event.event_time_ms, self._hidden(event), position))
        return found

    def _refuse(self, verdict: Reject, value: bytes | None, position: SourcePosition, out: Out) -> None:
        if "rejected" in self._options.emits:
            name, letter = position_id(position), refused_letter(verdict, value, position, self._options)
            out.add("rejected", name, name, position[3], letter)

    def _hidden(self, event: Event) -> Event:
        """The event with pseudonyms for ids, where there is a key."""
        key = self._key
        if key is not None and not is_canary(event.visitor_id):
            event.visitor_id = pseudonym(event.visitor_id, key)
            event.anonymous_id = pseudonym(event.anonymous_id, key) if event.anonymous_id else None
            event.user_id = pseudonym(event.user_id, key) if event.user_id else None
        return event

    def order(self, item: Read) -> tuple[int, int, str]:
        """By time, sequence and id."""
        return order_of(item.event)

    def entity_id(self, item: Read) -> str:
        """The device."""
        return device_of(item.event)

    def new(self, entity_id: str) -> Device:
        """A device that was not seen before."""
        return Device()

    def take(self, entity: Device, item: Read, out: Out) -> None:
        """Judges an event and hands it on; a second copy is counted and dropped."""
        event = item.event
        if self._is_copy(entity, event):
            out.count("duplicate", item.position, item.at, id_hash(event.event_id))
            return
        _count(entity, item.at)
        device_id = device_of(event)
        is_new_user = listen(entity, event)
        judged = Judged(
            visitor_of(entity, device_id, event),
            device_id,
            item.at,
            event,
            item.position,
            ORDINARY,
            entity.consent,
            entity.in_minute,
            entity.in_day,
            entity.users_no if identified(event) else 0,
        )
        if is_new_user or event.kind in guests.SHARED_TYPES:
            for shared in guests.shared(entity, judged, is_new_user, self._options):
                self._pass_on(shared)
        self._pass_on(judged)

    def _pass_on(self, judged: Judged) -> None:
        self._judged[bucket_of(judged.visitor_id, self._buckets)].append(judged)

    def _is_copy(self, device: Device, event: Event) -> bool:
        ids = device.ids
        if event.event_id in ids:
            return True
        at, oldest = event.event_time_ms, event.event_time_ms - self._options.dedup_ttl_ms
        ids[event.event_id] = at
        while ids and (ids[first := next(iter(ids))] < oldest or len(ids) > _IDS):
            del ids[first]
        return False

    def take_late(self, entity: Device, item: Read, out: Out) -> None:
        """Hands on what came behind the watermark: it may take something back, and changes nothing here."""
        event, device_id = item.event, device_of(item.event)
        visitor_id = visitor_of(entity, device_id, event)
        if "late" in self._options.emits:
            document = event_document(event, visitor_id, item.position)
            out.add("late", visitor_id, position_id(item.position), item.at, document)
        judged = Judged(visitor_id, device_id, item.at, event, item.position, consent=entity.consent)
        self._late[bucket_of(visitor_id, self._buckets)].append(judged)

    def end_slice(self, out: Out) -> None:
        """What was judged goes out, in packs for each bucket of visitors."""
        for kind, gathered in (("judged", self._judged), ("judged_late", self._late)):
            for bucket, items in gathered.items():
                for first in range(0, len(items), _PACK):
                    pack = items[first : first + _PACK]
                    out.add(kind, str(bucket), "", pack[-1].at, pack_judged(pack))
            gathered.clear()

    def settle(self, entity: Device, now: int, out: Out) -> None:
        """Forgets ids that are too old to be looked up, and what a guest did long ago."""
        if entity.last_at + self._options.dedup_ttl_ms < now:
            entity.ids.clear()
        guests.forget(entity, now)

    def next_due(self, entity: Device) -> int:
        """When the ids or the guest's events are of no use, then when the whole device is."""
        due = entity.last_at + (self._options.dedup_ttl_ms if entity.ids else self._memory_ms)
        return min(due, guests.due(entity)) if entity.guest else due

    def is_over(self, entity: Device, now: int) -> bool:
        """Whether the device has been silent for so long."""
        return entity.last_at + self._memory_ms < now


def _count(device: Device, at: int) -> None:
    """Counts the event in its minute and in its day of the clock (UTC)."""
    minute, day = at // MINUTE_MS, at // DAY_MS
    device.in_minute = device.in_minute + 1 if minute == device.minute else 1
    device.in_day = device.in_day + 1 if day == device.day else 1
    device.minute, device.day, device.last_at = minute, day, at
