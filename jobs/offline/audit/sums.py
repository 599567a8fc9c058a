"""The audit's own arithmetic: signals in their topic against the index, and events against the lake. Pure."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from prometheus_client.core import Metric

from jobs.offline.prometheus import gauge

Document = dict[str, Any]
WINDOW_MS = 300_000  # of the ledger
HOUR_MS = 3_600_000
_SMALLEST = -(2**31)


@dataclass(frozen=True)
class SignalWindow:
    """The signals of one kind that occurred in one hour: what the topic says, and what of it the index holds.

    Attributes:
        kind: of the signals.
        hour_ms: when the hour began, epoch milliseconds.
        in_topic: signals, each in its newest version.
        in_index: those of them that the index holds in this version or a newer one.
        topic_checksum: order-free sum over ids and versions in the topic.
        index_checksum: the same over what the index holds of them.
        missing: ids that the index lacks, or holds in an older version.
    """

    kind: str
    hour_ms: int
    in_topic: int
    in_index: int
    topic_checksum: int
    index_checksum: int
    missing: tuple[str, ...]

    @property
    def difference(self) -> int:
        """How many are missing or old; 0 is balanced."""
        return self.in_topic - self.in_index

    def to_document(self, version: int) -> Document:
        """The document of the audit's index; `version` grows from one audit to the next."""
        return {
            "audit_id": f"signals/{self.kind}/{self.hour_ms // HOUR_MS}",
            "audit": "signals",
            "window_start_ms": self.hour_ms,
            "kind": self.kind,
            "in_topic": self.in_topic,
            "in_index": self.in_index,
            "topic_checksum": self.topic_checksum,
            "index_checksum": self.index_checksum,
            "difference": self.difference,
            "checksum_difference": self.topic_checksum - self.index_checksum,
            "version": version,
        }


def newest(values: Iterable[bytes]) -> dict[str, Document]:
    """The signals in their newest version, by id, out of the records of their topic.

    >>> newest([b'{"signal_id": "a", "version": 2}', b'{"signal_id": "a", "version": 1}'])["a"]["version"]
    2
    """
    found: dict[str, Document] = {}
    for value in values:
        document = orjson.loads(value)
        known = found.get(document["signal_id"])
        if known is None or document["version"] >= known["version"]:
            found[document["signal_id"]] = document
    return found


def signal_windows(topic: Mapping[str, Document], index: Mapping[str, int]) -> list[SignalWindow]:
    """Every kind and hour of the topic against the index, in the order of time.

    What only the index holds is older than the topic's retention and not judged.

    Args:
        topic: newest documents by id.
        index: versions by id.
    """
    groups: defaultdict[tuple[int, str], list[Document]] = defaultdict(list)
    for document in topic.values():
        hour_ms = document["occurred_at_ms"] // HOUR_MS * HOUR_MS
        groups[hour_ms, document["kind"]].append(document)
    return [_window(kind, hour_ms, groups[hour_ms, kind], index) for hour_ms, kind in sorted(groups)]


def _window(kind: str, hour_ms: int, signals: list[Document], index: Mapping[str, int]) -> SignalWindow:
    versions = {signal["signal_id"]: int(signal["version"]) for signal in signals}
    held = {key: index[key] for key, version in versions.items() if index.get(key, -1) >= version}
    return SignalWindow(
        kind=kind,
        hour_ms=hour_ms,
        in_topic=len(versions),
        in_index=len(held),
        topic_checksum=checksum(versions),
        index_checksum=checksum(held),
        missing=tuple(sorted(versions.keys() - held.keys())),
    )


def checksum(versions: Mapping[str, int]) -> int:
    """Order-free sum of the CRC-32 of `id:version`.

    >>> checksum({"a": 1, "b": 2}) == checksum({"b": 2, "a": 1}) != checksum({"a": 2, "b": 1})
    True
    """
    return sum(zlib.crc32(f"{key}:{version}".encode()) for key, version in versions.items())


def hash_code(text: str) -> int:
    """What HASH_CODE of Flink SQL gives: Java's hash of a string (UTF-16 units, 32 bits) without its sign.

    >>> hash_code("footfall"), hash_code(""), hash_code("zażółć")
    (394788073, 0, 701064989)
    """
    units = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + (high << 8 | low)) & 0xFFFFFFFF
    signed = value - (value >> 31 << 32)
    return signed if signed == _SMALLEST else abs(signed)  # as Java has it: the smallest has no opposite


def metrics(windows: Iterable[Document], signals: Iterable[SignalWindow]) -> list[Metric]:
    """What the audit counts, for Prometheus.

    >>> [one.name for one in metrics([{"audit": "ingest", "difference": 3}], [])]
    ['footfall_audit_unbalanced_windows', 'footfall_audit_missing_signals']
    """
    listed = list(signals)
    unbalanced = dict.fromkeys(("ingest", "signals"), 0)
    for window in windows:
        unbalanced[window["audit"]] += window["difference"] != 0
    unbalanced["signals"] = sum(window.difference != 0 for window in listed)
    missing = sum(len(window.missing) for window in listed)
    return [
        gauge(
            "footfall_audit_unbalanced_windows",
            "Windows of the audit that do not balance.",
            [({"audit": audit}, count) for audit, count in unbalanced.items()],
        ),
        gauge(
            "footfall_audit_missing_signals",
            "Signals that the index lacks or holds in an older version.",
            [({}, missing)],
        ),
    ]
