"""A guest that signs in is one visitor with the user: the guest's latest events are shared with the user.

A cart that a guest filled is the user's from the first event on that names the user. The guest's open waits
are dropped silently; signals that the guest has already can still be recovered by what the user does on
the same device.
"""

from __future__ import annotations

from collections.abc import Iterator

from state.devices.device import Device
from state.devices.identity import GRANTED
from state.devices.judged import CARRIED, ECHO, RELEASED, Judged, order_of
from state.options import DAY_MS, Options
from state.vocabulary import (
    ADD_TO_CART,
    CART_VIEW,
    CHECKOUT_START,
    CHECKOUT_STEP,
    PURCHASE,
    REMOVE_FROM_CART,
)

CARRIED_MS = DAY_MS  # of a guest's past that is shared
CARRIED_EVENTS = 50  # at most
ECHO_MS = 7 * DAY_MS  # as long as signals are of use
# Types of events that start or answer what rules wait for.
SHARED_TYPES = frozenset((ADD_TO_CART, REMOVE_FROM_CART, CART_VIEW, CHECKOUT_START, CHECKOUT_STEP, PURCHASE))


def shared(device: Device, judged: Judged, is_new_user: bool, options: Options) -> Iterator[Judged]:
    """What else is shared because of an event, before the event itself."""
    is_guest = judged.visitor_id == judged.device_id
    if is_guest:
        if judged.event.kind in SHARED_TYPES and _may_be_kept(judged, options):
            _remember(device, judged)
        return
    if is_new_user and device.guest:
        yield from _handed_over(device, judged)
    if device.guest_at and judged.event.kind in SHARED_TYPES:
        if judged.event.event_time_ms - device.guest_at <= ECHO_MS:
            yield _for_guest(judged, ECHO)
        else:
            device.guest_at = 0


def forget(device: Device, now: int) -> None:
    """Drops events of a guest that are too old to be shared."""
    oldest = now - CARRIED_MS
    device.guest = [item for item in device.guest if item.event.event_time_ms >= oldest]


def due(device: Device) -> int:
    """When the first of what a guest did is to be forgotten."""
    return device.guest[0].at + CARRIED_MS


def _may_be_kept(judged: Judged, options: Options) -> bool:
    """Without consent no past is kept to be linked later."""
    if judged.consent is None:
        return not options.consent_required
    return judged.consent[2] == GRANTED


def _remember(device: Device, judged: Judged) -> None:
    device.guest.append(judged)
    device.guest_at = judged.event.event_time_ms
    del device.guest[:-CARRIED_EVENTS]


def _handed_over(device: Device, judged: Judged) -> Iterator[Judged]:
    cause = order_of(judged.event)
    forget(device, judged.event.event_time_ms)
    for item in device.guest:
        yield Judged(
            judged.visitor_id,
            judged.device_id,
            judged.at,
            item.event,
            item.position,
            CARRIED,
            judged.consent,
            cause=cause,
        )
    yield _for_guest(judged, RELEASED)
    device.guest = []


def _for_guest(judged: Judged, role: int) -> Judged:
    return Judged(
        judged.device_id, judged.device_id, judged.at, judged.event, judged.position, role, judged.consent
    )
