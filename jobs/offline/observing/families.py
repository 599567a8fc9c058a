"""What a look at the servers says, as metrics. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric

from jobs.offline.doctor.causes import CAUSES, Finding
from jobs.offline.doctor.examination import Facts
from jobs.offline.doctor.flink import Cluster, Job
from jobs.offline.doctor.index import Indices
from jobs.offline.doctor.kafka import Traffic
from jobs.offline.prometheus import counter, gauge


def families(facts: Facts, findings: Iterable[Finding]) -> list[Metric]:
    """All of them; of a server that does not answer, only that it does not."""
    return [
        gauge(
            "footfall_up",
            "Whether the server answers.",
            [({"server": name}, not isinstance(of, Finding)) for name, of in vars(facts).items()],
        ),
        _findings(findings),
        *([] if isinstance(facts.kafka, Finding) else of_kafka(facts.kafka)),
        *([] if isinstance(facts.flink, Finding) else of_flink(facts.flink)),
        *([] if isinstance(facts.index, Finding) else of_index(facts.index)),
    ]


def _findings(findings: Iterable[Finding]) -> Metric:
    counts = Counter(one.cause for one in findings)
    samples = [({"cause": cause}, counts[cause]) for cause in CAUSES]
    return gauge("footfall_findings", "What scripts/doctor finds, by cause.", samples)


def of_kafka(traffic: Traffic) -> Iterator[Metric]:
    """Input, lag, and how many records topics have had."""
    if traffic.newest_ms is not None:
        seconds = max(0.0, (traffic.now_ms - traffic.newest_ms) / 1000)
        yield gauge("footfall_input_age_seconds", "Age of the raw topic's newest message.", [({}, seconds)])
    yield gauge(
        "footfall_lag_seconds",
        "Age of the next message that the group has to take; 0 at the end.",
        [({"group": group}, seconds) for group, seconds in sorted(traffic.lag_s.items())],
    )
    yield counter(
        "footfall_messages",
        "Records that the topic has ever had.",
        [({"topic": topic}, count) for topic, count in sorted(traffic.ends.items())],
    )


def of_flink(cluster: Cluster) -> Iterator[Metric]:
    """Event time and checkpoints of each job."""
    running = [job for job in cluster.jobs if job.state == "RUNNING"]
    yield gauge(
        "footfall_watermark_age_seconds",
        "How far the job's watermark is behind the clock; not of a job that has none yet.",
        [
            ({"job": job.name}, (cluster.now_ms - job.event_time[0]) / 1000)
            for job in running
            if job.event_time[0] is not None
        ],
    )
    done = [(job, found) for job in running if (found := _last_checkpoint(job))]
    yield gauge(
        "footfall_checkpoint_age_seconds",
        "Since the last checkpoint was complete.",
        [({"job": job.name}, (cluster.now_ms - at) / 1000) for job, (at, _) in done],
    )
    yield gauge(
        "footfall_checkpoint_bytes",
        "State in the last complete checkpoint.",
        [({"job": job.name}, size) for job, (_, size) in done],
    )


def _last_checkpoint(job: Job) -> tuple[int, int] | None:
    """(when it was complete in epoch milliseconds, bytes of state); None before the first."""
    last = job.checkpoints.get("latest", {}).get("completed")
    return (int(last["latest_ack_timestamp"]), int(last.get("state_size", 0))) if last else None


def of_index(indices: Indices) -> Iterator[Metric]:
    """The ledger; nothing of an installation in which job audit has written none."""
    if indices.ledger_ms is None:
        return
    difference = sum(abs(row["difference"]) for row in indices.windows)
    yield gauge(
        "footfall_ledger_difference",
        "Messages that settled windows of the ledger lack, or have too many.",
        [({}, difference)],
    )
    age_s = (indices.now_ms - indices.ledger_ms) / 1000
    yield gauge("footfall_ledger_age_seconds", "Since the ledger's newest window began.", [({}, age_s)])
