"""What is remembered of a visitor's products. New members go to the end with a default: state/codec.py."""

from __future__ import annotations

from msgspec import Struct

from state.codec import Codec
from state.events import Event


class Visit(Struct, array_like=True, omit_defaults=True):
    """A visitor's session, as far as products matter, and what outlives it.

    Attributes:
        id: the visitor.
        last: sort key of the last event: what is not behind it is a copy, or can be put in order no more.
        recent: the last different products of the session, the oldest first.
        counted: product events of the session.
        latest: the last different products, whatever the session, the oldest first.
        seen: different products of the session.
        bought: different products that were bought, the oldest first.
        late: events that came behind the watermark and wait for those before them.
        due: when the visitor's document is to be written; 0: it says all.
        ends: when the session is over, as the document says.
    """

    id: str
    last: tuple[int, int, str] = (-1, 0, "")
    recent: list[str] = []
    counted: int = 0
    latest: list[str] = []
    seen: list[str] = []
    bought: list[str] = []
    late: list[Event] = []
    due: int = 0
    ends: int = 0


CODEC = Codec(Visit, version=1)
