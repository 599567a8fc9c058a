"""A slice that is too large to be objects all at once is taken in pieces: the answers are those of the whole.

It is read through once for the order alone, then a piece at a time, in that order. What a message needs as an
object is many times its bytes; so a flood costs its bytes, its order and one piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from state.bucket import Bucket, read_items, taken
from state.logic import E, I, Out, SourcePosition

PIECE_BYTES = 4 << 20  # of messages that are objects at once
_LETTERS = 1_000  # documents that reading may bring forth before they are handed on


class _Spot(NamedTuple):
    """Where an item of a slice is found again; sorts as the items do.

    Attributes:
        order: the item's sort key.
        value, item: which value, and which of the items in it.
        bytes: the item's share of the value.
    """

    order: tuple[int, int, str]
    value: int
    item: int
    bytes: int


def taken_in_pieces(
    bucket: Bucket[E, I],
    values: Sequence[bytes],
    positions: Sequence[SourcePosition] | None,
    ends_at: int,
    late: bool,
) -> Iterator[Out]:
    """What a handed-over slice leads to; of a slice of more than `PIECE_BYTES` a piece at a time."""
    if late or sum(len(value or b"") for value in values) <= PIECE_BYTES:
        yield taken(bucket, values, positions, ends_at, late)
        return
    spots: list[_Spot] = []
    yield from _surveyed(bucket, values, positions, spots)
    spots.sort()
    for piece in _pieces(spots):
        out = Out()
        bucket.take_part(_items(bucket, values, positions, piece), ends_at, out)
        yield out
    out = Out()
    bucket.take((), ends_at, out)
    yield out


def _surveyed(
    bucket: Bucket[E, I],
    values: Sequence[bytes],
    positions: Sequence[SourcePosition] | None,
    spots: list[_Spot],
) -> Iterator[Out]:
    """Notes where each item lies; gives the documents about values that hold none."""
    logic, out = bucket.logic, Out()
    for number, value in enumerate(values):
        items = read_items(logic, [value], [positions[number]] if positions else None, False, out)
        share = len(value or b"") // max(len(items), 1)
        spots.extend(_Spot(logic.order(item), number, at, share) for at, item in enumerate(items))
        if len(out.documents) >= _LETTERS:
            yield out
            out = Out()
    yield out


def _pieces(spots: list[_Spot]) -> Iterator[list[_Spot]]:
    piece, size = list[_Spot](), 0
    for spot in spots:
        if piece and size + spot.bytes > PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(spot)
        size += spot.bytes
    if piece:
        yield piece


def _items(
    bucket: Bucket[E, I],
    values: Sequence[bytes],
    positions: Sequence[SourcePosition] | None,
    piece: list[_Spot],
) -> list[I]:
    """The items of a piece; a value with several in it is read once."""
    found, read, of = list[I](), list[I](), -1
    for spot in sorted(piece, key=lambda spot: spot[1:]):
        if spot.value != of:
            of, position = spot.value, [positions[spot.value]] if positions else None
            read = read_items(bucket.logic, [values[of]], position, False, Out())
        found.append(read[spot.item])
    return found
