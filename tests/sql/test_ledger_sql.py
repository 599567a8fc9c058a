"""The books of ingest: gaps of offsets, and for each partition what was read against what became of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest

from tests.sql.tables import Flink, Row
from tests.sql.vocabulary import DAY, MINUTE, Document, by_arrival, heartbeat, message, page, t

STEP_MS = 10_000
WINDOW_MS = 5 * MINUTE
VIEWS = ["events_on_time", "events_late", "events_refused", "message_gaps", "ledger"]
Entry = tuple[str, int, int, int]  # verdict, partition, start of the window, start of the window of arrival


def on(partition: int, event: Document, lost_before: int = 0, **more: object) -> Document:
    """The event in a partition, behind so many messages that no event can be read from."""
    return {**event, "partition": partition, "lost_before": lost_before, **more}


# Twelve minutes in two partitions: every verdict in each, messages lost at the start, in a row, and in between.
EVENTS = [
    on(0, page("anna", t(0))),
    on(1, page("bert", t(0, ms=500)), lost_before=2),
    on(0, page("anna", t(1)), lost_before=1),
    on(0, {**page("anna", t(1)), "received_at_ms": t(1, ms=1)}),
    on(1, {**page("anna", t(1)), "received_at_ms": t(1, ms=2)}),
    on(1, page("bert", t(2)), lost_before=3),
    on(0, page("carl", t(3), schema="event/9")),
    on(0, heartbeat("pulse", t(4))),
    on(1, page("dora", t(3), delay_ms=90_000)),
    on(0, page("emil", t(5, ms=-1), delay_ms=1_000)),
    on(1, page("emil", t(5))),
    on(1, {**page("emil", t(5)), "received_at_ms": t(5, ms=1_500)}),
    on(0, page("fred", t(7, ms=1_000)), lost_before=1),
    on(0, page("fred", t(7), delay_ms=1_999)),
    on(1, page("gina", t(12), visitor_id="")),
    on(1, page("gina", t(12))),
]
GAPS = {(1, 0, 1), (0, 1, 1), (1, 4, 6), (0, 7, 7)}  # partition, first and last offset


def messages(events: Iterable[Document]) -> list[str]:
    """The lines of the source; what was lost leaves only a hole in the offsets."""
    offsets: dict[int, int] = defaultdict(int)
    lines = []
    for event in events:
        partition, lost = event["partition"], event["lost_before"]
        offsets[partition] += lost
        lines.append(message(event, partition, offsets[partition]))
        offsets[partition] += 1
    return lines


def run(flink: Flink, events: Iterable[Document], bound_ms: int) -> dict[str, list[Row]]:
    """As a live run: the ledger is written at every step."""
    live = {"bounded": False, "idle_timeout_ms": 0, "ledger_step_ms": STEP_MS}
    return flink.run(messages(events), VIEWS, out_of_orderness_ms=bound_ms, **live)


@pytest.fixture(scope="module")
def rows(flink: Flink) -> dict[str, list[Row]]:
    return run(flink, by_arrival(EVENTS), 2_000)


def entry(row: Row) -> Entry:
    return row["verdict"], row["source_partition"], row["window_start_ms"], row["arrived_in_ms"]


def newest(ledger: list[Row]) -> dict[Entry, tuple[int, int]]:
    """The last row of each entry: its count and its checksum."""
    return {entry(row): (row["events"], row["checksum"]) for row in ledger}


def test_the_gaps_are_exactly_the_offsets_that_are_missing(rows: dict[str, list[Row]]) -> None:
    found = [
        (row["source_partition"], row["first_offset"], row["last_offset"]) for row in rows["message_gaps"]
    ]
    assert set(found) == GAPS
    assert len(found) == len(GAPS)


@pytest.mark.parametrize("partition", [0, 1])
def test_every_message_of_a_partition_is_accounted_for(rows: dict[str, list[Row]], partition: int) -> None:
    read = sum(1 + event["lost_before"] for event in EVENTS if event["partition"] == partition)
    counted = sum(count for key, (count, _) in newest(rows["ledger"]).items() if key[1] == partition)
    late = sum(row["source_partition"] == partition for row in rows["events_late"])
    refused = [row for row in rows["events_refused"] if row["source_partition"] == partition]
    rejected = sum(row["last_offset"] - row["first_offset"] + 1 for row in refused)
    assert counted + late + rejected == read


def test_only_what_is_behind_the_bound_is_late(rows: dict[str, list[Row]]) -> None:
    assert [row["visitor_id"] for row in rows["events_late"]] == ["dora"]


def test_the_refused_are_the_gaps_and_what_does_not_fit_the_contract(rows: dict[str, list[Row]]) -> None:
    found = {(row["source_partition"], row["first_offset"], row["refusal"]) for row in rows["events_refused"]}
    gaps = {(partition, first, "unparsable") for partition, first, _ in GAPS}
    assert found == gaps | {(0, 4, "unknown_schema:schema"), (1, 11, "out_of_range:visitor_id")}


def test_the_last_row_of_an_entry_is_complete(rows: dict[str, list[Row]]) -> None:
    counts = {key: count for key, (count, _) in newest(rows["ledger"]).items()}
    assert counts == Counter(map(expected_entry, rows["events_on_time"]))
    assert {key[0] for key in counts} == {"valid", "duplicate", "heartbeat"}


def expected_entry(row: Row) -> Entry:
    verdict = "valid" if row["repeat_no"] == 1 else "duplicate"
    verdict = "heartbeat" if row["event_type"] == "heartbeat" else verdict
    happened, arrived = row["event_time_ms"], row["received_at_ms"]
    window, arrival = happened // WINDOW_MS * WINDOW_MS, arrived // WINDOW_MS * WINDOW_MS
    return verdict, row["source_partition"], window, arrival


def test_an_entry_grows_from_step_to_step(rows: dict[str, list[Row]]) -> None:
    counts: dict[Entry, list[int]] = defaultdict(list)
    for row in rows["ledger"]:
        counts[entry(row)].append(row["events"])
    assert all(written == sorted(written) for written in counts.values())
    assert any(len(set(written)) > 1 for written in counts.values())


def test_the_ids_of_entries_tell_them_apart(rows: dict[str, list[Row]]) -> None:
    assert len({row["entry_id"] for row in rows["ledger"]}) == len(newest(rows["ledger"]))


def test_the_ledger_of_another_order_of_arrival_is_the_same(flink: Flink) -> None:
    """With a bound that makes nothing late; only which of several copies is the valid one may differ."""
    forwards = run(flink, by_arrival(EVENTS), 90 * DAY)
    backwards = run(flink, reversed(by_arrival(EVENTS)), 90 * DAY)
    assert by_place(forwards["ledger"]) == by_place(backwards["ledger"])
    assert by_verdict(forwards["ledger"]) == by_verdict(backwards["ledger"])
    assert by_verdict(forwards["ledger"]).total() == len(EVENTS) - 2


def by_place(ledger: list[Row]) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Count and checksum of each partition and window, whatever the verdict."""
    sums: dict[tuple[int, int, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for (_, *place), (count, checksum) in newest(ledger).items():
        before = sums[tuple(place)]
        sums[tuple(place)] = before[0] + count, before[1] + checksum
    return dict(sums)


def by_verdict(ledger: list[Row]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (verdict, *_), (count, _) in newest(ledger).items():
        counts[verdict] += count
    return counts
