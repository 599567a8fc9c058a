"""What DEVICES hands on to VISITORS: an event, whose it is, and what its device says."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import msgspec
from msgspec import Struct

from state.events import Event
from state.logic import SourcePosition
from state.visitor import Word

Cause = tuple[int, int, str]  # time, sequence and id of an event

ORDINARY = 0  # an event of its visitor
ADMITTED = 1  # the same, and nothing holds it back: it comes from the topic of valid events
CARRIED = 2  # an event of a guest, shared with the user that the guest turned out to be
RELEASED = 3  # for the guest: what it was waiting for is the user's from now on
ECHO = 4  # an event of the user, shared with the guest of the device: it may answer the guest's signal


class Judged(Struct, array_like=True, gc=False):
    """An event on its way to a visitor.

    Attributes:
        visitor_id: whose; device_id: from where.
        at: when it takes effect, epoch milliseconds of event time.
        event: of a RELEASED item, the event that identified the guest.
        position: where it was read.
        role: ORDINARY, ADMITTED, CARRIED, RELEASED or ECHO.
        consent: the device's last word, up to this event.
        in_minute, in_day: events of the device up to this one, in its minute and day of the clock.
        users: of an identification, how many the device has had; else 0.
        cause: of a CARRIED item, the order of the event that identified the guest; it comes with that.
    """

    visitor_id: str
    device_id: str
    at: int
    event: Event
    position: SourcePosition
    role: int = ORDINARY
    consent: Word | None = None
    in_minute: int = 0
    in_day: int = 0
    users: int = 0
    cause: Cause | None = None


def order_of(event: Event) -> Cause:
    """The order of events: time, then sequence, then id."""
    return event.event_time_ms, event.sequence, event.event_id


def bucket_of(name: str, buckets: int) -> int:
    """The bucket of a device or a visitor."""
    return crc32(name.encode()) % buckets


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Judged]).decode


def pack_judged(items: list[Judged]) -> bytes:
    """Items as bytes, for the way between the stages."""
    return _encode(items)


def unpack_judged(values: Iterable[bytes]) -> list[Judged]:
    """The items again, of however many packs."""
    return [item for value in values for item in _decode(value)]
