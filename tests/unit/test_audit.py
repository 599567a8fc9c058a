"""The audit's arithmetic: what is missing, what is old, and that order does not matter."""

from __future__ import annotations

import json
import random

import pytest

from connectors.elasticsearch.indices import AUDIT
from jobs.offline.audit.sums import HOUR_MS, hash_code, newest, signal_windows

START_MS = 1_699_999_200_000


def signal(name: str, version: int = 1, hour: int = 0, kind: str = "cart_abandoned") -> bytes:
    at_ms = START_MS + hour * HOUR_MS + len(name)
    return json.dumps({"signal_id": name, "version": version, "kind": kind, "occurred_at_ms": at_ms}).encode()


RECORDS = [signal("a"), signal("b"), signal("b", 2), signal("c", hour=1), signal("d", kind="other")]


def test_nothing_is_missing_when_the_index_holds_the_newest() -> None:
    windows = signal_windows(newest(RECORDS), {"a": 1, "b": 2, "c": 1, "d": 1})
    assert [(window.kind, window.hour_ms - START_MS, window.in_topic) for window in windows] == [
        ("cart_abandoned", 0, 2),
        ("other", 0, 1),
        ("cart_abandoned", HOUR_MS, 1),
    ]
    assert all(
        window.difference == 0 and window.topic_checksum == window.index_checksum for window in windows
    )


@pytest.mark.parametrize(
    ("index", "missing"),
    [({"a": 1, "b": 1, "c": 1, "d": 1}, ["b"]), ({"b": 2, "c": 1}, ["a", "d"]), ({}, ["a", "b", "d", "c"])],
)
def test_an_old_version_counts_as_missing(index: dict[str, int], missing: list[str]) -> None:
    windows = signal_windows(newest(RECORDS), index)
    assert [key for window in windows for key in window.missing] == missing
    assert sum(window.difference for window in windows) == len(missing)


def test_what_only_the_index_holds_is_not_judged() -> None:
    windows = signal_windows(newest(RECORDS), {"a": 1, "b": 2, "c": 1, "d": 1, "older than the topic": 9})
    assert {window.difference for window in windows} == {0}


def test_the_order_of_the_records_does_not_matter() -> None:
    shuffled = random.Random(1).sample(RECORDS, len(RECORDS))
    assert signal_windows(newest(shuffled), {}) == signal_windows(newest(RECORDS), {})


def test_a_window_fits_the_mapping() -> None:
    (window, *_) = signal_windows(newest(RECORDS), {})
    document = window.to_document(7)
    assert set(document) <= set(AUDIT.properties)
    assert document["difference"] == 2 and document["version"] == 7


def test_the_smallest_hash_stays_negative() -> None:
    assert hash_code("polygenelubricants") == -2_147_483_648  # known for having this one
