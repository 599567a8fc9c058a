"""The report of a defect of the engine: the event's position and what was being done; never whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.contracts.errors import EngineDefect, FootfallError
from state.documents import position_id
from state.logic import Logic, Out, SourcePosition

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def raise_defect(error: Exception, logic: Logic[Any, Any], culprit: object) -> None:
    """Raises the report of an error; returns where it is not one of the logic's own.

    Args:
        error: that was raised.
        logic: at work.
        culprit: the item that was being taken, or the entity that was being settled, if there was one.

    Raises:
        EngineDefect: the logic raised the error.
    """
    verb = _verb(error, logic)
    if verb is not None:
        raise _defect(error, logic, verb, *_named(culprit)) from error


def raise_unread(
    error: Exception,
    logic: Logic[Any, Any],
    values: Sequence[bytes],
    positions: Sequence[SourcePosition] | None,
) -> None:
    """The same of values that could not be read: they are read again one by one, to find out which.

    Raises:
        EngineDefect: the logic raised the error.
    """
    if _verb(error, logic) is None:
        return
    for value, position in zip(values, positions or (), strict=False):
        try:
            logic.items([value], [position], False, Out())
        except Exception:
            raise _defect(error, logic, "items", f"{len(value)} bytes", position_id(position)) from error
    raise _defect(error, logic, "items", f"{len(values)} values", "") from error


def _verb(error: Exception, logic: Logic[Any, Any]) -> str | None:
    """The logic's method that the error came through; None for what is foreseen or not the logic's."""
    if isinstance(error, (FootfallError, MemoryError)):
        return None
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_locals.get("self") is logic:
            return frame.f_code.co_name
        trace = trace.tb_next
    return None


def _named(culprit: object) -> tuple[str, str]:
    """The event in words, and what finds it again: its source position, else its id."""
    event, position = getattr(culprit, "event", None), getattr(culprit, "position", None)
    if event is None:
        last_id = getattr(culprit, "last_event_id", "")
        return (f"what is due after event {last_id}" if last_id else "what is due"), last_id
    moment = _BEGINNING + timedelta(milliseconds=event.event_time_ms)
    event_text = f"{event.event_type} {event.event_id} of {moment:%Y-%m-%d %H:%M:%S} UTC"
    return event_text, position_id(position) if position and position[0] else event.event_id


def _defect(error: Exception, logic: Logic[Any, Any], verb: str, event_text: str, name: str) -> EngineDefect:
    at = f" ({name})" if name and name not in event_text else ""
    message = (
        f"a defect: {type(logic).__name__}.{verb} failed with {type(error).__name__} at {event_text}{at}"
    )
    if not name:
        return EngineDefect(message, "raise an issue with this trace")
    return EngineDefect(
        message, f"replay it with `scripts/why --slice {name}`; raise an issue with what it prints"
    )
