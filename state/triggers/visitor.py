"""What is remembered of a visitor. New members go to the end and have a default: see state/codec.py."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from state.codec import Codec


class Known(Struct, array_like=True, omit_defaults=True):
    """A signal that has not expired.

    Attributes:
        version: the newest that came.
        expires_at: until when it may change.
        decided: whether it has been active, so that everything about it is decided.
        pauses: whether it is of a kind that pauses everything, and active.
    """

    version: int
    expires_at: int
    decided: bool = False
    pauses: bool = False


class Sent(Struct, array_like=True, omit_defaults=True):
    """A trigger that was `due`.

    Attributes:
        signal_id, kind, action, step: what it is about.
        priority, outranks_for: of the action's row when it was sent.
        at: the visitor's time when it was decided; caps and ranks count from here.
        due_at, expires_at, payload: of its document; the payload without the evidence.
        cancelled: it may have been done before that, so it counts for caps; it outranks nothing any more.
        variant: of its document.
    """

    signal_id: str
    kind: str
    action: str
    step: str
    priority: int
    outranks_for: int
    at: int
    due_at: int
    expires_at: int
    payload: dict[str, Any]
    cancelled: bool = False
    variant: str | None = None


class Visitor(Struct, array_like=True, omit_defaults=True):
    """A visitor, as far as something can still hang on it.

    Attributes:
        clock: the newest event time that the visitor's signals have told of: the time at which is decided.
        known: signals that have not expired, by id.
        sent: triggers that a cap, a rank or a cancellation can need, the oldest first.
        bought_at: of the last purchase; -1 where none is known.
        erased_until: nothing of a version up to here leads to anything; -1 without an erasure.
    """

    clock: int = 0
    known: dict[str, Known] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    bought_at: int = -1
    erased_until: int = -1


CODEC = Codec(Visitor, version=1)
