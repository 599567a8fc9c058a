"""Whose a device's event is, and what the device says of consent: docs/visitors.md."""

from __future__ import annotations

from connectors.contracts.events import VISITOR_ID_MAX_LENGTH
from state.devices.device import Device
from state.events import Event
from state.visitor import Word
from state.vocabulary import CONSENT

GRANTED, DENIED, ERASED = "granted", "denied", "erased"
_NEVER: Word = (-1, 0, "")
_USERS = 200  # that are remembered of a device: one that stands in a shop has very many


def device_of(event: Event) -> str:
    """What the tracker knows the browser by."""
    return event.anonymous_id or event.visitor_id


def other_device(visitor_id: str, device_id: str) -> str:
    """The device where it is not the visitor itself, as it is of a guest; else an empty text."""
    return "" if device_id == visitor_id else device_id


def user_of(event: Event) -> str | None:
    """The user that the event names, if it names one."""
    user = event.user_id
    return user if user and len(user) <= VISITOR_ID_MAX_LENGTH else None


def identified(event: Event) -> str | None:
    """The user that the device's visitor is by this event: the one it names, unless it is a consent event."""
    return None if event.kind == CONSENT else user_of(event)


def consent_status(event: Event) -> str | None:
    """The event's consent status, if it is a consent event."""
    if event.kind != CONSENT:
        return None
    status = event.properties.get("status")
    return status if status in (GRANTED, DENIED, ERASED) else None


def listen(device: Device, event: Event) -> bool:
    """Takes in what the event says of user and consent; whether it names a user that is new here."""
    if event.user_id is None and event.kind != CONSENT:
        return False
    user, status = identified(event), consent_status(event)
    at, sequence = event.event_time_ms, event.sequence
    if status is not None:
        device.consent = max(device.consent or _NEVER, (at, sequence, status))
        if status != GRANTED:
            device.withdrawn, device.guest = True, []
    if user is None:
        return False
    device.identity = max(device.identity or _NEVER, (at, sequence, user))
    if user in device.users:
        return False
    device.users.append(user)
    device.users_no += 1
    del device.users[:-_USERS]
    return True


def visitor_of(device: Device, device_id: str, event: Event) -> str:
    """The canonical visitor: the user when known, else what the tracker says."""
    user = user_of(event)
    if user is not None:
        return user
    if device.identity is None or event.visitor_id != device_id:
        return event.visitor_id
    return device.identity[2] if _is_known(device, device.identity) else event.visitor_id


def _is_known(device: Device, identity: Word) -> bool:
    """After a withdrawal only an identification behind it counts."""
    return not device.withdrawn or device.consent is None or identity > device.consent
