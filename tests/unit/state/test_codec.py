"""State as bytes: what every release wrote is read for ever, what a newer one wrote is refused by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from connectors.errors import StateTooNew
from state.checksum import id_hash
from state.codec import Codec
from state.devices.device import CODEC as DEVICES
from state.devices.device import Device
from state.devices.judged import Judged
from state.events import Event
from state.logic import SourcePosition
from state.visitor import Admission, Asked, Membership, Moment, Score, Session, Stay, Visitor, Wait
from state.visitors.ingest import CODEC as ADMISSIONS
from state.visitors.logic import CODEC as VISITORS

EVENT = Event("e", 14, "add_to_cart", 5, "d", sequence=2, product_json=b'{"price":1}')
DEVICE = Device(
    5, 1, 2, 3, 4, {"e": 5}, (5, 0, "u"), (4, 1, "granted"), True, ["u"], 1,
    [Judged("d", "d", 5, EVENT, SourcePosition("raw", 0, 7, 6), consent=(4, 1, "granted"), in_minute=2, in_day=4)], 5,
)  # fmt: skip
MOMENT = Moment(5, "s", "e", 1, "add_to_cart", 1, [14], b"\x00\x00\x80?", "tv", None, None, "/", "/", 0)
VISITOR = Visitor(
    "v", 1, 5, 3, 2, 1, 4, 1.5, 1, 2, "e", "add_to_cart", b'{"device":"tv"}',
    Session("s", 1, 5, b"{}", 9, 1, counts={14: 1}, kinds=[14], categories={"c"}, rules={"r/1": 1}),
    {"r/1": Wait(9, 5, "e", "s", 1, 2.5, b"{}", False, [1])}, {"r/1": [Wait(4, 3, "d", None)]}, {"q/1": {"a": 1}},
    Admission((4, 1, "granted"), 3, ["d"], 5), {"m": Score("1", 0.5, 5)}, {"m": "s"}, [Asked("m", 5, "s", 9, MOMENT)], 7, MOMENT,
)  # fmt: skip

AT = 1_700_000_000_000
IN_A_SEGMENT = Visitor(
    "v", segments=Membership([AT], AT, 12_345_678, 0, {"lifecycle": Stay("new", AT)}, AT)
)  # fmt: skip


def test_what_is_remembered_comes_back() -> None:
    assert DEVICES.decode(DEVICES.encode(DEVICE)) == DEVICE
    assert VISITORS.decode(VISITORS.encode(VISITOR)) == VISITOR
    assert ADMISSIONS.decode(ADMISSIONS.encode(VISITOR.admission)) == VISITOR.admission


# Bytes that a release wrote. They stay when another version is added; none of them is ever written anew.
STORED: list[tuple[Codec[Any], str, Any]] = [
    (
        DEVICES,
        (
            "019d050102030481a16505930500a175930401a76772616e746564c391a17501919ba164a164059ea1650eab6164645f746f"
            "5f6361727405a164c0c0c0c002c400c40b7b227072696365223a317dc400c40094a372617700070600930401a76772616e74"
            "6564020400c005"
        ),
        DEVICE,
    ),
    (
        VISITORS,
        (
            "01dc0017a176010503020104cb3ff80000000000000102a165ab6164645f746f5f63617274c40f7b22646576696365223a22"
            "7476227ddc001fa1730105c4027b7d09010000810e01910ec0c0c081a3722f310100000080c091a16390c0c0cb0000000000"
            "0000000000cb0000000000000000cb0000000000000000cb0000000000000000c0c081a3722f31990905a165a17301cb4004"
            "000000000000c4027b7dc2910181a3722f3191990403a164c001c0c400c2c081a3712f3181a1610194930401a76772616e74"
            "65640391a1640581a16d93a131cb3fe00000000000000581a16da1739195a16d05a173099e05a173a16501ab6164645f746f"
            "5f6361727401910ec4040000803fa27476c0c0a12fa12f00079e05a173a16501ab6164645f746f5f6361727401910ec40400"
            "00803fa27476c0c0a12fa12f00"
        ),
        VISITOR,
    ),
    (
        VISITORS,
        (
            "01dc001ba176000000000000cb00000000000000000000a0a0c400c080808094c000900080809000c090a0cb000000000000"
            "00009691cf0000018bcfe56800cf0000018bcfe56800ce00bc614e0081a96c6966656379636c6594a36e6577cf0000018bcf"
            "e56800a000cf0000018bcfe56800"
        ),
        IN_A_SEGMENT,
    ),
    (ADMISSIONS, "0194930401a76772616e7465640391a16405", VISITOR.admission),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "data", "entity"), STORED)
def test_bytes_of_every_version_are_read(codec: Codec[Any], data: str, entity: Any) -> None:
    assert codec.decode(bytes.fromhex(data)) == entity


@pytest.mark.parametrize("codec", [DEVICES, VISITORS, ADMISSIONS])
def test_a_newer_version_is_refused_with_both_named(codec: Codec[Any]) -> None:
    with pytest.raises(StateTooNew, match=r"has version 9, this release reads up to 1; run the release"):
        codec.decode(b"\x09\x90")


class _Now(msgspec.Struct, array_like=True):
    name: str
    number: int
    more: int = 7


def test_older_versions_are_migrated_one_after_the_other() -> None:
    codec = Codec(_Now, 3, {1: lambda old: [old[0].upper()], 2: lambda old: [*old, 5]})
    assert codec.decode(b"\x01" + msgspec.msgpack.encode(["a"])) == _Now("A", 5)
    assert codec.decode(b"\x02" + msgspec.msgpack.encode(["a"])) == _Now("a", 5)
    assert codec.decode(b"\x03" + msgspec.msgpack.encode(["a", 1])) == _Now("a", 1, 7)  # more came later


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", 0), ("a", 97), ("abc", 96354), ("ü", 252), ("😀", 1772899), ("polygenelubricants", -(1 << 31))],
)
def test_the_checksum_is_java_s_without_its_sign(text: str, wanted: int) -> None:
    assert id_hash(text) == wanted


@pytest.mark.parametrize(
    "text", ["0423043652415339154-1470034812-1", "x" * 128, "😀" * 128, "größe\x00", "\u2028" * 5]
)
def test_the_checksum_is_java_s_definition(text: str) -> None:
    assert id_hash(text) == _slowly(text)


def _slowly(text: str) -> int:
    found = 0
    data = text.encode("utf-16-le")
    for position in range(0, len(data), 2):
        found = (31 * found + int.from_bytes(data[position : position + 2], "little")) & 0xFFFFFFFF
    signed = found - (1 << 32) if found >= 1 << 31 else found
    return signed if signed == -(1 << 31) else abs(signed)
