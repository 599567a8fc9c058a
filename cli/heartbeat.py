"""`scripts/heartbeat`: keeps event time going on a cluster of one's own when the shop is quiet."""

from __future__ import annotations

import itertools
import time
from contextlib import closing
from pathlib import Path

import click

from cli.options import CONTEXT, embedded_settings, reported_failures, settings_options
from connectors.contracts import topics
from connectors.kafka.writer import Writer
from jobs import ends
from jobs.settings import load
from stack.runs.feed import heartbeat

WITHIN_S = 10.0


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
    abandoned cart is found in time although no events come any more. Exit status: 0 done, 1 Kafka does not
    answer, 2 an option or a setting is invalid.
    """
    with reported_failures():
        settings = load(settings_file, assignments, embedded_settings())
        properties = ends.kafka("heartbeat", settings).client_properties()
        with closing(Writer(properties, max_block_ms=WITHIN_S * 1000)) as writer:
            for beat in range(count) if count else itertools.count():
                if beat:
                    time.sleep(every)
                send(writer, int(time.time() * 1000) - behind_ms)


def send(writer: Writer, event_time_ms: int) -> int:
    """One heartbeat to each partition; returns how many.

    An id a partition, always the same: ingest remembers ids for a day.

    Raises:
        BrokerUnavailable: the broker does not answer, or the topic is not there.
    """
    sent = 0
    for name in (topics.EVENTS_RAW.name, *topics.EVENTS_RAW.read_with):
        for partition in writer.partitions(name):
            value = heartbeat(event_time_ms, f"heartbeat-{name}-{partition}")
            writer.write(name, value, partition=partition)
            sent += 1
    writer.flush(WITHIN_S)
    return sent


if __name__ == "__main__":
    main(prog_name="scripts/heartbeat")
