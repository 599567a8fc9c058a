"""What the doctor can find, most harmful first: one table for the command, the page and the tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_PAGES = "docs/operations/"


class Cause(NamedTuple):
    """One thing that can be wrong: what it means, what to do, and the page about it."""

    meaning: str
    action: str
    page: str


CAUSES: dict[str, Cause] = {
    "kafka_unreachable": Cause(
        "no broker answers: nothing is read and nothing written",
        "bring the brokers back, check kafka_bootstrap_servers; jobs go on by themselves",
        "kafka.md",
    ),
    "flink_unreachable": Cause(
        "Flink's JobManager does not answer", "check its process and --rest-url", "start-and-stop.md"
    ),
    "index_unreachable": Cause(
        "Elasticsearch does not answer: documents wait in the job",
        "bring it back; nothing is lost meanwhile",
        "elasticsearch.md",
    ),
    "no_workers": Cause(
        "Flink has no TaskManager", "start TaskManagers; jobs restart by themselves", "start-and-stop.md"
    ),
    "job_missing": Cause(
        "no suite or visitors job runs: no signal is made",
        "submit it, from its last savepoint or checkpoint",
        "restore.md",
    ),
    "job_failing": Cause(
        "a job fails and is restarted, or has failed for good",
        "read the exception; end its cause; a job that has failed is started from its last checkpoint",
        "restore.md",
    ),
    "ledger_difference": Cause(
        "messages were read and nothing became of them, or more than was read",
        "keep the topics; follow the runbook",
        "unbalanced-ledger.md",
    ),
    "topic_missing": Cause(
        "a topic that the jobs use is missing",
        "scripts/submit with --prepare COPIES makes what is missing",
        "kafka.md",
    ),
    "partition_offline": Cause(
        "a partition has no leader, or fewer replicas in step than it has", "check the brokers", "kafka.md"
    ),
    "index_red": Cause(
        "a primary shard is not there", "check the nodes of Elasticsearch", "elasticsearch.md"
    ),
    "index_blocked": Cause(
        "an index takes no writes: a block, as of a full disk",
        "make room; take the block away",
        "elasticsearch.md",
    ),
    "index_missing": Cause(
        "an alias that the jobs write to is missing",
        "scripts/submit with --prepare COPIES makes what is missing",
        "elasticsearch.md",
    ),
    "mapping_drift": Cause(
        "an index does not have the mapping of this version: documents are refused or cannot be searched",
        "put the version's index beside it, fill it, cut over",
        "elasticsearch.md",
    ),
    "index_refuses": Cause(
        "Elasticsearch has refused documents for good",
        "read the reasons in footfall.index.failures",
        "elasticsearch.md",
    ),
    "checkpoints_failing": Cause(
        "checkpoints fail or take too long: after a failure much is read again",
        "see what holds a batch or the storage",
        "restore.md",
    ),
    "late_dropped": Cause(
        "a window of slices dropped rows, which READ must set apart before",
        "report it with the job's plan",
        "kafka.md",
    ),
    "version_misfit": Cause(
        "what runs is not of this version",
        "use the command of the version that runs, or upgrade",
        "start-and-stop.md",
    ),
    "rules_refused": Cause(
        "a worker does not take the pack of rules: the old one goes on",
        "scripts/rules validate; the worker's log has the reason",
        "models.md",
    ),
    "model_refused": Cause(
        "a worker does not take the live model: the version before goes on",
        "scripts/models verify; the worker's log has the reason",
        "models.md",
    ),
    "clock_skew": Cause(
        "a server's clock differs from this one", "check the time service of both", "kafka.md"
    ),
    "watermark_held": Cause(
        "event time stands still or is far behind: no absence is noticed",
        "the named partition or task holds it back",
        "kafka.md",
    ),
    "no_input": Cause("nothing comes into the raw topic", "check collectors and trackers", "kafka.md"),
    "lag": Cause(
        "a job is behind its topic", "more parallelism, up to the cores and to buckets", "start-and-stop.md"
    ),
    "back_pressure": Cause(
        "tasks wait for a slower one behind them", "the named task is the slow one", "start-and-stop.md"
    ),
    "collecting": Cause(
        "a TaskManager collects garbage much of the time: state fills its heap",
        "start from a savepoint on RocksDB, or with more memory",
        "start-and-stop.md",
    ),
    "many_rejected": Cause(
        "many messages are dead letters",
        "tell the sender reason and field; scripts/replay-rejected mends",
        "dead-letters.md",
    ),
    "many_late": Cause(
        "many events come behind the watermark",
        "check senders' clocks and batches, or raise out_of_orderness_ms",
        "kafka.md",
    ),
    "skewed_partitions": Cause(
        "most messages come into one partition", "producers choose a key that spreads", "kafka.md"
    ),
}


@dataclass(frozen=True)
class Finding:
    """One cause that was found: its name in `CAUSES`, where, and what was seen."""

    cause: str
    where: str
    seen: str

    def to_document(self) -> dict[str, str]:
        """As JSON takes it, with what it means and what to do.

        >>> Finding("no_input", "footfall.events.raw", "nothing for 70 s").to_document()["page"]
        'docs/operations/kafka.md'
        """
        meaning, action, page = CAUSES[self.cause]
        return {
            "cause": self.cause,
            "where": self.where,
            "seen": self.seen,
            "meaning": meaning,
            "action": action,
            "page": _PAGES + page,
        }


CLOCK_MS = 5_000  # that clocks may differ by


def skewed(where: str, clock_ms: int, now_ms: int) -> Iterator[Finding]:
    """Whether a server's clock is far from this machine's."""
    ahead_ms = clock_ms - now_ms
    if abs(ahead_ms) > CLOCK_MS:
        yield Finding("clock_skew", where, f"{ahead_ms / 1000:+.0f} s from this machine's clock")


_HARM = {cause: place for place, cause in enumerate(CAUSES)}


def by_harm(findings: list[Finding]) -> list[Finding]:
    """The findings, the most harmful first.

    >>> [one.cause for one in by_harm([Finding("lag", "", ""), Finding("job_missing", "", "")])]
    ['job_missing', 'lag']
    """
    return sorted(findings, key=lambda one: (_HARM[one.cause], one.where))
