"""What is remembered of a device. New members go to the end and have a default: see state/codec.py."""

from __future__ import annotations

from msgspec import Struct

from state.codec import Codec
from state.devices.judged import Judged
from state.visitor import Word


class Device(Struct, array_like=True, gc=False, omit_defaults=True):
    """All of a device.

    Attributes:
        last_at: of the last event, epoch milliseconds.
        minute, in_minute, day, in_day: the last event's minute and day of the clock, and the events in them.
        ids: event time by event id, the oldest first; for the time that a second copy is looked for.
        identity: the last user that it was identified with; consent: the last consent status.
        withdrawn: whether a word was ever other than granted.
        users: the users that it has had, the newest ones; users_no: how many.
        guest: what its visitor did as a guest and a rule may wait for, the oldest first.
        guest_at: of the last such event.
    """

    last_at: int = 0
    minute: int = 0
    in_minute: int = 0
    day: int = 0
    in_day: int = 0
    ids: dict[str, int] = {}
    identity: Word | None = None
    consent: Word | None = None
    withdrawn: bool = False
    users: list[str] = []
    users_no: int = 0
    guest: list[Judged] = []
    guest_at: int = 0


CODEC = Codec(Device, version=1)
