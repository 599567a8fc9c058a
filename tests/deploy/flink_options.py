"""The options that Flink knows, read out of the class files of its jars: no JVM, no list of ours that could rot.

An option is declared as `ConfigOptions.key("a.b").durationType()…`; in a class file that is a constant's load,
right behind it the call of `key`, and most often the call that says the type.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from stack.flink_client import flink_home

_DECLARES = b"org/apache/flink/configuration/ConfigOptions"
_UTF8, _STRING, _METHOD = 1, 8, 10
# Bytes of an entry of the constant pool by its tag, the tag among them (Java virtual machine specification, 4.4).
_SIZES = {
    3: 5,
    4: 5,
    5: 9,
    6: 9,
    7: 3,
    8: 3,
    9: 5,
    10: 5,
    11: 5,
    12: 5,
    15: 4,
    16: 3,
    17: 5,
    18: 5,
    19: 3,
    20: 3,
}
_LOAD, _CALL_STATIC, _CALL = rb"(?:\x12(.)|\x13(..))", b"\xb8", rb"(?:\xb6(..))?"


@cache
def known_options() -> dict[str, str]:
    """Type by key (`durationType`; empty where the declaration does not say it at once)."""
    home = flink_home()
    jars = [*(home / "lib").glob("flink-*.jar"), *(home / "opt").glob("flink-python-*.jar")]
    return dict(option for jar in jars for option in _of_jar(jar))


def _of_jar(jar: Path) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("org/apache/flink/") and "Option" in name and name.endswith(".class"):
                data = archive.read(name)
                if _DECLARES in data:
                    yield from _of_class(data)


def _of_class(data: bytes) -> Iterable[tuple[str, str]]:
    pool, end = _constants(data)
    keys = [index for index in pool if _method(pool, index) == (_DECLARES.decode(), "key")]
    for key in keys:
        # Ahead only: a byte before may look like a load itself, and must not swallow the real one.
        declared = rb"(?=" + _LOAD + re.escape(_CALL_STATIC + struct.pack(">H", key)) + _CALL + rb")"
        for short, long, of_type in re.findall(declared, data[end:], re.DOTALL):
            tag, value = pool.get(_number(short or long), (0, b""))
            if tag == _STRING:
                yield _text(pool, _number(value)), _method(pool, _number(of_type))[1] if of_type else ""


def _constants(data: bytes) -> tuple[dict[int, tuple[int, bytes]], int]:
    """The constant pool by index, and where it ends."""
    pool: dict[int, tuple[int, bytes]] = {}
    count, at, index = _number(data[8:10]), 10, 1
    while index < count:
        tag = data[at]
        size = 3 + _number(data[at + 1 : at + 3]) if tag == _UTF8 else _SIZES[tag]
        pool[index] = tag, data[at + (3 if tag == _UTF8 else 1) : at + size]
        at, index = at + size, index + (2 if tag in (5, 6) else 1)  # long and double take two places
    return pool, at


def _method(pool: dict[int, tuple[int, bytes]], index: int) -> tuple[str, str]:
    """Class and name of a method; empty for whatever else is at the place."""
    tag, value = pool.get(index, (0, b""))
    if tag != _METHOD:
        return "", ""
    owner, described = pool[_number(value[:2])][1], pool[_number(value[2:])][1]
    return _text(pool, _number(owner)), _text(pool, _number(described[:2]))


def _text(pool: dict[int, tuple[int, bytes]], index: int) -> str:
    return pool[index][1].decode("utf-8", "replace")


def _number(two: bytes) -> int:
    return int.from_bytes(two, "big")
