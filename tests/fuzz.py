"""Mutated messages: good events with one thing or several broken, seeded, without end.

`stack/shop/poison.py` has one specimen of each kind of bad message; this makes a million that differ. Nobody knows
what should become of each, so a run over them asserts what has to be so for all: nothing restarts, each
message is in exactly one place, a dead letter has the bytes that were sent.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Event = dict[str, Any]
Mutate = Callable[[random.Random, Event], bytes]

VISITORS = 20_000
_TYPES = (
    "page_view", "product_view", "search", "add_to_cart", "remove_from_cart", "checkout_start", "purchase",
    "identify", "consent", "custom:login", "scroll",
)  # fmt: skip
_FIELDS = (
    "schema", "event_id", "event_type", "event_time_ms", "received_at_ms", "visitor_id", "anonymous_id",
    "user_id", "session_hint", "context", "product", "order", "properties", "sequence", "source",
)  # fmt: skip
_LEAVES = (
    ("context", "device"), ("context", "country"), ("context", "path"), ("product", "product_id"),
    ("product", "category"), ("product", "price"), ("product", "quantity"), ("order", "order_id"),
    ("order", "revenue"), ("properties", "status"), ("properties", "query"),
)  # fmt: skip
_TEXTS = tuple((name, None) for name in ("event_id", "visitor_id", "anonymous_id", "user_id", "session_hint"))
_WRONG: tuple[Any, ...] = (
    None, True, False, 0, -1, 4.5, 1e308, -0.0, 10**18, 10**19, "", " ", "x", "null", "true", "0x10", "1e3",
    "５", "\x00", "\u2028", "a\tb\nc", "{", "[", '{"a":1}', "[1]", [], {}, [1], [[]], {"a": 1}, {"": None},
    [None, {"b": [2]}],
)  # fmt: skip
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig", "utf-7")
_ENDS = (b"}", b"]", b",", b" {}", b"\n", b" 1", b"garbage", b"//", b"\x00", b"\n\n{", b"/* */", b"\xff")
_CONSTANTS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "undefined",
    "None",
    "+1",
    "01",
    ".5",
    "1.",
    "1e",
    "0x1F",
)


def messages(seed: int, now_ms: Callable[[], int], large: float = 0.0) -> Iterator[tuple[str, bytes]]:
    """(names of the mutations, value of the record) without end.

    Args:
        seed: the same seed and times give the same messages.
        now_ms: the time at which the next event happens, epoch milliseconds.
        large: share of messages that get a value of a megabyte and more.

    >>> name, value = next(messages(7, lambda: 1_700_000_000_000))
    >>> set(name.split("+")) <= set(MUTATIONS)
    True
    """
    rng = random.Random(seed)  # noqa: S311 - test data, not a secret
    names = list(MUTATIONS)
    number = 0
    while True:
        number += 1
        event = good_event(rng, f"fuzz-{seed}-{number}", now_ms())
        if rng.random() < large:
            yield "megabytes", megabytes(rng, event)
            continue
        name = rng.choice(names)
        value = MUTATIONS[name](rng, event)
        if rng.random() < 0.1:  # bytes broken on top of whatever is broken already
            second = rng.choice(_OF_BYTES)
            name, value = f"{name}+{second}", _BYTES[second](rng, value)
        yield name, value


def good_event(rng: random.Random, event_id: str, now_ms: int) -> Event:
    """An event that nothing is wrong with."""
    visitor, kind = f"visitor-{rng.randrange(VISITORS)}", rng.choice(_TYPES)
    event: Event = {
        "schema": "event/1",
        "event_id": event_id,
        "event_type": kind,
        "event_time_ms": now_ms,
        "visitor_id": visitor,
        "anonymous_id": visitor,
        "sequence": rng.randrange(10),
        "context": {"device": rng.choice(("mobile", "desktop")), "country": "DE", "path": "/shoes/söckchen"},
        "product": {
            "product_id": f"p-{rng.randrange(500)}",
            "category": "shoes",
            "price": 19.9,
            "quantity": 1,
        },
        "properties": {"query": "grün", "status": rng.choice(("granted", "granted", "denied"))},
    }
    if kind in ("identify", "custom:login", "purchase"):
        event["user_id"] = f"user-{rng.randrange(VISITORS)}"
    if kind == "purchase":
        event["order"] = {"order_id": f"o-{event_id}", "revenue": 19.9, "currency": "EUR"}
    return event


def megabytes(rng: random.Random, event: Event, size: int = 0) -> bytes:
    """The event with one text of so many characters, or of 0.9 to 1.9 million."""
    size = size or rng.randrange(900_000, 1_900_000)
    path = rng.choice((*_TEXTS, *_LEAVES, ("unknown", None), ("properties", "blob")))
    return _dump(_put(event, path, rng.choice("x☃\\\x01") * (size // rng.choice((1, 1, 6)))))[: size + 4_000]


def _dump(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _put(event: Event, path: tuple[str, str | None], value: Any) -> Event:
    block, leaf = path
    if leaf is None:
        return event | {block: value}
    return event | {block: {**event.get(block, {}), leaf: value}}


def _any_path(rng: random.Random) -> tuple[str, str | None]:
    return rng.choice((*((name, None) for name in _FIELDS), *_LEAVES))


def _written(rng: random.Random, event: Event, raw: bytes, paths: Any = None) -> bytes:
    """The event with `raw` written as it is instead of a value."""
    path = rng.choice(paths) if paths else _any_path(rng)
    return _dump(_put(event, path, "@@")).replace(b'"@@"', raw, 1)


def _none(rng: random.Random, event: Event) -> bytes:
    return _dump(event)


def _wrong_type(rng: random.Random, event: Event) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        event = _put(event, _any_path(rng), rng.choice(_WRONG)) if _is_whole(event) else event
    return _dump(event)


def _is_whole(event: Event) -> bool:
    blocks = ("context", "product", "order", "properties")
    return all(isinstance(event.get(name, {}), dict) for name in blocks)


def _missing(rng: random.Random, event: Event) -> bytes:
    gone = rng.sample(_FIELDS, rng.choice((1, 1, 2, 8)))
    return _dump({name: value for name, value in event.items() if name not in gone})


def _huge_number(rng: random.Random, event: Event) -> bytes:
    digits = "".join(rng.choices("0123456789", k=rng.choice((17, 18, 19, 20, 25, 310, 999, 1_001, 5_000))))
    number = (
        rng.choice(("", "-"))
        + "1"
        + digits
        + rng.choice(("", "", ".5", "e5", "e-400", "e400", "E+999999999"))
    )
    return _written(rng, event, number.encode())


def _constant(rng: random.Random, event: Event) -> bytes:
    return _written(rng, event, rng.choice(_CONSTANTS).encode())


def _deep(rng: random.Random, event: Event) -> bytes:
    levels = rng.choice((5, 25, 100, 900, 990, 1_000, 1_001, 3_000, 20_000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    return _written(rng, event, opening * levels + b"1" + closing * rng.choice((levels, levels, levels - 1)))


def _duplicate_key(rng: random.Random, event: Event) -> bytes:
    member = _dump({rng.choice(_FIELDS): rng.choice((*_WRONG, event["event_id"], event["event_time_ms"]))})
    whole = _dump(event)
    return whole[:-1] + b"," + member[1:] if rng.random() < 0.5 else member[:-1] + b"," + whole[1:]


def _surrogate(rng: random.Random, event: Event) -> bytes:
    half = rng.choice(
        (rb"\ud83d", rb"\ude00", rb"\ud83d\ud83d", rb"\ude00\ud83d", b"\xed\xa0\xbd", rb"\ud83d\u0041")
    )
    return _written(rng, event, b'"cut ' + half + b'"', (*_TEXTS, *_LEAVES))


def _escape(rng: random.Random, event: Event) -> bytes:
    odd = rng.choice(
        (rb"\u0000", rb"\u00", rb"\x41", rb"\'", rb"\/", rb"\ud83d\ude00", rb"\uFFFE", b"\\", rb"\U0001F600")
    )
    return _written(rng, event, b'"odd ' + odd + b'"', (*_TEXTS, *_LEAVES))


def _control(rng: random.Random, event: Event) -> bytes:
    return _written(rng, event, b'"a' + bytes([rng.randrange(32)]) + b'b"', (*_TEXTS, *_LEAVES))


def _array(rng: random.Random, event: Event) -> bytes:
    return _dump(rng.choice(([], [1], [None], [[event]], [[]], ["x", 2.5], [{}], [[{}], {}])))


def _scalar(rng: random.Random, event: Event) -> bytes:
    return _dump(rng.choice(_WRONG))


def _encoding(rng: random.Random, event: Event) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode(rng.choice(_ENCODINGS))


def _long_text(rng: random.Random, event: Event) -> bytes:
    size = rng.choice((127, 128, 129, 255, 256, 257, 1_000, 9_000, 33_000, 70_000))
    return _dump(_put(event, rng.choice((*_TEXTS, *_LEAVES)), rng.choice("xä☃😀") * size))


def _clock(rng: random.Random, event: Event) -> bytes:
    shift = rng.choice((-(2**63), -(10**13), -(10**9), -3_600_000, -5_000, 1_000, 400_000, 10**11, 2**63))
    return _dump(event | {"event_time_ms": event["event_time_ms"] + shift})


def _written_apart(rng: random.Random, event: Event) -> bytes:
    return json.dumps(event, indent=rng.choice((None, 1, "\t")), ensure_ascii=rng.random() < 0.5).encode()


def _cut(rng: random.Random, value: bytes) -> bytes:
    return value[: rng.randrange(len(value) + 1)]


def _flip(rng: random.Random, value: bytes) -> bytes:
    broken = bytearray(value or b"\x00")
    for _ in range(rng.choice((1, 1, 2, 10))):
        broken[rng.randrange(len(broken))] = rng.randrange(256)
    return bytes(broken)


def _insert(rng: random.Random, value: bytes) -> bytes:
    at, what = (
        rng.randrange(len(value) + 1),
        rng.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80", b"\x00")),
    )
    return value[:at] + what + value[at:]


def _end(rng: random.Random, value: bytes) -> bytes:
    return value + rng.choice(_ENDS) if rng.random() < 0.8 else rng.choice(_ENDS) + value


def _shift(rng: random.Random, value: bytes) -> bytes:
    """A piece of it moved elsewhere."""
    first, second, third = sorted(rng.randrange(len(value) + 1) for _ in range(3))
    return value[:first] + value[second:third] + value[first:second] + value[third:]


def _noise(rng: random.Random, value: bytes) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 2, 50, 500)))


_BYTES: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "truncated": _cut,
    "flipped": _flip,
    "bad_utf8": _insert,
    "trailing": _end,
    "shifted": _shift,
    "noise": _noise,
}
_OF_BYTES = list(_BYTES)


def _of_bytes(break_it: Callable[[random.Random, bytes], bytes]) -> Mutate:
    return lambda rng, event: break_it(rng, _dump(event))


MUTATIONS: dict[str, Mutate] = {
    "none": _none,
    "wrong_type": _wrong_type,
    "missing": _missing,
    "huge_number": _huge_number,
    "not_a_number": _constant,
    "deep_nesting": _deep,
    "duplicate_key": _duplicate_key,
    "lone_surrogate": _surrogate,
    "escape": _escape,
    "control_character": _control,
    "array": _array,
    "scalar": _scalar,
    "encoding": _encoding,
    "long_text": _long_text,
    "clock": _clock,
    "written_apart": _written_apart,
    **{name: _of_bytes(break_it) for name, break_it in _BYTES.items()},
}
