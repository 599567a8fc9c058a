"""A slice that is too large at once is taken in pieces: the answers are the same, and only a piece is objects."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from state import pieces
from state.bucket import Bucket, Counts, DictStore, taken
from state.devices.judged import unpack_judged
from state.devices.logic import DevicesLogic
from state.logic import Logic, Out, SourcePosition
from state.options import Options
from state.pieces import taken_in_pieces
from state.rules.language.loading import SHIPPED, load
from state.rules.pack import Pack
from state.visitors.logic import VisitorsLogic

NOON = 1_700_000_000_000 // 86_400_000 * 86_400_000 + 43_200_000
HOUR_MS = 3_600_000
OPTIONS = Options(bot_events_per_minute=40)
Answers = tuple[list[tuple[object, ...]], Counter[tuple[object, ...]], dict[str, bytes]]


def message(number: int, at: int, visitor: str, kind: str = "product_view", sequence: int = 0) -> bytes:
    return (
        b'{"schema":"event/1","event_id":"e-%07d","event_type":"%s","event_time_ms":%d,"visitor_id":"%s",'
        b'"sequence":%d,"product":{"product_id":"p","category":"c","price":5}}'
        % (number, kind.encode(), at, visitor.encode(), sequence)
    )


def stream(count: int) -> list[bytes]:
    """One visitor floods a millisecond, others come and go, some messages are none, some come twice."""
    chance = random.Random(7)
    kinds = ["product_view", "add_to_cart", "purchase", "heartbeat"]
    found = [message(number, NOON + 500_000, "flood", sequence=-number % 7) for number in range(count // 2)]
    for number in range(count // 2, count):
        at = NOON + chance.randrange(HOUR_MS)
        found.append(message(number, at, f"v-{chance.randrange(9)}", chance.choice(kinds)))
    found += [*chance.sample(found, 20), b"no event", b"{}", *[b"\xff" * 50] * 5]
    chance.shuffle(found)
    return found


def devices() -> Bucket[object, object]:
    return _bucket(DevicesLogic(OPTIONS, buckets=1))


def visitors() -> Bucket[object, object]:
    pack = Pack.compile([one.rule for one in load([SHIPPED])], OPTIONS.session_gap_ms)
    return _bucket(VisitorsLogic(OPTIONS, pack, None, lambda: 0))


def _bucket(logic: Logic[object, object]) -> Bucket[object, object]:
    return Bucket(0, logic, DictStore(), {}, Counts())


def positions(count: int) -> list[SourcePosition]:
    return [SourcePosition("raw", 0, offset, NOON + HOUR_MS) for offset in range(count)]


def answers(bucket: Bucket[object, object], outs: Sequence[Out]) -> Answers:
    """What came out (refusals first, whenever they came), the counts, and what is remembered."""
    documents = [tuple(one) for out in outs for one in out.documents if one.kind != "judged"]
    counts = Counter[tuple[object, ...]]()
    for out in outs:
        for key, (events, checksum) in out.counts.items():
            counts[*key, "events"] += events
            counts[*key, "checksum"] += checksum
    return documents, counts, dict(bucket.store.items())


def packs(outs: Sequence[Out]) -> list[bytes]:
    return [one.body for out in outs for one in out.documents if one.kind == "judged"]


def through(values: list[bytes]) -> tuple[Answers, Answers, list[Out]]:
    """Both stages over a slice; the last are the outs of DEVICES."""
    first, second, found = devices(), visitors(), positions(len(values))
    outs = list(taken_in_pieces(first, values, found, NOON + HOUR_MS, late=False))
    more = list(taken_in_pieces(second, packs(outs), None, NOON + HOUR_MS, late=False))
    return answers(first, outs), answers(second, more), outs


@pytest.mark.parametrize("piece", [1, 5_000, 40_000])
def test_the_answers_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    values = stream(900)
    whole = through(values)
    assert len(whole[2]) == 1
    monkeypatch.setattr(pieces, "PIECE_BYTES", piece)
    found = through(values)
    assert len(found[2]) > 4
    assert found[:2] == whole[:2]


def test_what_fits_is_one_piece_and_a_byte_more_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    values = stream(100)
    size = sum(map(len, values))
    monkeypatch.setattr(pieces, "PIECE_BYTES", size)
    assert len(through(values)[2]) == 1
    monkeypatch.setattr(pieces, "PIECE_BYTES", size - 1)
    assert len(through(values)[2]) > 1


def test_a_message_that_is_larger_than_a_piece_is_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 10)
    (valid, counts, _), _, outs = through([message(1, NOON, "a"), message(2, NOON, "b")])
    assert (valid, counts, len(packs(outs))) == ([], Counter(), 2)


def test_a_slice_of_refusals_alone_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 10)
    bucket = devices()
    outs = list(taken_in_pieces(bucket, [b"no event"] * 2_500, positions(2_500), NOON + 1, late=False))
    assert [len(out.documents) for out in outs] == [1_000, 1_000, 500, 0]
    assert bucket.now == NOON + 1


def test_what_comes_late_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE_BYTES", 10)
    found = list(taken_in_pieces(devices(), [message(1, NOON, "a")], positions(1), 0, late=True))
    assert [one.kind for out in found for one in out.documents] == ["late", "judged_late"]


def test_only_a_piece_lies_in_memory_as_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [message(number, NOON, "flood") for number in range(2_000)]
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100 * len(values[0]))
    bucket, most = devices(), 0
    logic = bucket.logic
    held = logic._judged  # type: ignore[attr-defined]

    whole = logic.end_slice

    def end_slice(out: Out) -> None:
        nonlocal most
        most = max(most, sum(map(len, held.values())))
        whole(out)

    monkeypatch.setattr(logic, "end_slice", end_slice)
    for _ in taken_in_pieces(bucket, values, positions(2_000), NOON + 1, late=False):
        pass
    assert most == 100


def test_a_pack_is_bounded_so_that_no_row_is_as_large_as_its_slice() -> None:
    bucket = devices()
    values = [message(number, NOON, "v") for number in range(2_500)]
    out = taken(bucket, values, positions(2_500), NOON + 1, late=False)
    assert [len(unpack_judged([pack])) for pack in packs([out])] == [1_000, 1_000, 500]
