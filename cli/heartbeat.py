"""`scripts/heartbeat`: keeps event time going on a cluster of one's own when the shop is quiet."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import click
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from cli.options import CONTEXT, embedded_settings, failures_told, settings_options
from connectors.contracts import topics
from connectors.errors import BrokerUnavailable
from connectors.wording import plainly
from jobs import ends
from jobs.settings import load
from stack.runs.feed import heartbeat

_WAIT_S = 10.0


@click.command(context_settings=CONTEXT)
@click.option(
    "--every", type=click.FloatRange(0.05), default=1.0, show_default=True, help="Seconds between two."
)
@click.option(
    "--behind-ms",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="So far behind this machine's clock: at least what trackers need to deliver.",
)
@click.option("--count", type=click.IntRange(1), help="Stop after so many; otherwise until Ctrl-C.")
@settings_options
def main(
    every: float,
    behind_ms: int,
    count: int | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Write heartbeats to every partition of footfall.events.raw and of footfall.events.reentry.

    A heartbeat moves event time and nothing else: it is in no session, no count and no lake. With it an
    abandoned cart is found in time although nobody clicks any more. Exit status: 0 done, 1 Kafka does not
    answer, 2 an option or a setting is invalid.
    """
    with failures_told():
        settings = load(settings_file, assignments, embedded_settings())
        properties = ends.kafka("heartbeat", settings).client_properties()
        for beat in range(count) if count else itertools.count():
            if beat:
                time.sleep(every)
            send(properties, int(time.time() * 1000) - behind_ms)


def send(properties: dict[str, str], event_time_ms: int) -> int:
    """One heartbeat to each partition; returns how many.

    An id a partition, always the same: ingest remembers ids for a day.

    Raises:
        BrokerUnavailable: the broker does not answer, or the topic is not there.
    """
    sent = 0
    try:
        admin = AdminClient({**properties, "log_level": 2})
        producer = Producer({**properties, "log_level": 2})
        for name in (topics.EVENTS_RAW.name, *topics.EVENTS_RAW.read_with):
            found = admin.list_topics(name, timeout=_WAIT_S).topics[name]
            if found.error is not None or not found.partitions:
                raise BrokerUnavailable(f"topic {name} does not take heartbeats: {found.error}")
            for partition in found.partitions:
                value = heartbeat(event_time_ms, f"heartbeat-{name}-{partition}")
                producer.produce(name, value=value, partition=partition)
            sent += len(found.partitions)
        unsent = producer.flush(_WAIT_S)
    except KafkaException as error:
        raise BrokerUnavailable(
            f"no broker answers: {plainly(error)}", "check kafka_bootstrap_servers"
        ) from error
    if unsent:
        raise BrokerUnavailable(f"{unsent} heartbeats were not delivered within {_WAIT_S:.0f} s")
    return sent


if __name__ == "__main__":
    main(prog_name="scripts/heartbeat")
