"""Kafka's side: topics, partitions, what came in lately, what became of it, how far behind jobs are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.contracts import topics
from jobs.offline.doctor.causes import CLOCK_MS, Finding

SPAN_MS = 10 * 60_000  # what is lately
RAW, REJECTED, LATE = topics.EVENTS_RAW.name, topics.EVENTS_REJECTED.name, topics.EVENTS_LATE.name
FAILURES = topics.INDEX_FAILURES.name
_ENOUGH = 200  # messages; of fewer a share says nothing
_MANY_REJECTED, _MANY_LATE, _SKEWED = 0.05, 0.05, 3.0
_LAG_S, _QUIET_S = 60.0, 60.0


@dataclass
class Traffic:
    """What Kafka says.

    Attributes:
        now_ms: this machine's clock at the look.
        missing: topics that are not there.
        offline: (topic, partition) to what is wrong with it.
        lately: records within `SPAN_MS`, by topic and partition.
        ends: records that each topic has ever had, marks of transactions included.
        newest_ms: time stamp of the raw topic's newest record, None when it has none.
        lag_s: how old the next record is that a group has not taken, by group; 0 when it is at the end.
        reasons: reason and field of a sample of dead letters; failures: reasons of the index.
    """

    now_ms: int
    missing: list[str] = field(default_factory=list)
    offline: dict[tuple[str, int], str] = field(default_factory=dict)
    lately: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    ends: Mapping[str, int] = field(default_factory=dict)
    newest_ms: int | None = None
    lag_s: dict[str, float] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def count(self, topic: str) -> int:
        """Records of the topic lately."""
        return sum(self.lately.get(topic, {}).values())

    def comes_in(self) -> bool:
        """Whether the raw topic has had a record in the last minute."""
        return self.newest_ms is not None and self.now_ms - self.newest_ms < _QUIET_S * 1000


def judge(traffic: Traffic) -> Iterator[Finding]:
    """What is wrong of it."""
    for topic in traffic.missing:
        yield Finding("topic_missing", topic, "it is not there")
    for (topic, partition), seen in traffic.offline.items():
        yield Finding("partition_offline", f"{topic}, partition {partition}", seen)
    for group, seconds in traffic.lag_s.items():
        if seconds > _LAG_S:
            yield Finding("lag", group, f"the next record it has to take is {seconds:.0f} s old")
    yield from _of_input(traffic)
    yield from _of_shares(traffic)
    if traffic.count(FAILURES):
        seen = f"{traffic.count(FAILURES)} within 10 min; {_commonest(traffic.failures)}"
        yield Finding("index_refuses", FAILURES, seen)


def _of_input(traffic: Traffic) -> Iterator[Finding]:
    newest = traffic.newest_ms
    if newest is None:
        yield Finding("no_input", RAW, "it has no record")
        return
    if not traffic.comes_in():
        yield Finding("no_input", RAW, f"nothing for {(traffic.now_ms - newest) / 1000:.0f} s")
    if newest - traffic.now_ms > CLOCK_MS:
        ahead = (newest - traffic.now_ms) / 1000
        yield Finding(
            "clock_skew", f"a producer of {RAW}", f"its newest record is {ahead:.0f} s ahead of this clock"
        )
    counts = traffic.lately.get(RAW, {})
    total, partitions = sum(counts.values()), len(counts)
    for partition, count in counts.items():
        if total >= _ENOUGH and partitions > 1 and count > _SKEWED * (total - count) / (partitions - 1):
            yield Finding("skewed_partitions", f"{RAW}, partition {partition}", f"{count} of {total} records")


def _of_shares(traffic: Traffic) -> Iterator[Finding]:
    read = traffic.count(RAW)
    if read < _ENOUGH:
        return
    for topic, cause, most in ((REJECTED, "many_rejected", _MANY_REJECTED), (LATE, "many_late", _MANY_LATE)):
        share = traffic.count(topic) / read
        if share > most:
            why = f"; {_commonest(traffic.reasons)}" if topic == REJECTED else ""
            yield Finding(cause, topic, f"{share:.0%} of {read} messages within 10 min{why}")


def _commonest(reasons: Counter[str]) -> str:
    return "; ".join(f"{count} of them {reason}" for reason, count in reasons.most_common(2)) or "no sample"
