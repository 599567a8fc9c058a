"""`scripts/observe`: metrics of what Flink does not know of itself, and a canary."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path
from threading import Event

import click
from prometheus_client import start_http_server

from cli.options import CONTEXT, embedded_addresses, embedded_settings, reported_failures, settings_options
from connectors.errors import BadInput
from jobs.offline.observing.observer import Observer
from jobs.settings import load


@click.command(context_settings=CONTEXT)
@click.option(
    "--rest-url", metavar="URL", help="Flink's REST interface; default: that of a running scripts/run."
)
@click.option("--port", type=click.IntRange(1, 65_535), default=9_270, show_default=True, help="Of /metrics.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--every", type=click.FloatRange(1), default=15.0, show_default=True,
    help="Seconds between two looks at the servers; a look takes three or more.",
)  # fmt: skip
@click.option(
    "--canary-every", type=click.FloatRange(0), default=60.0, show_default=True,
    help="Seconds between two carts that a synthetic visitor leaves; 0 leaves none and writes nothing.",
)  # fmt: skip
@settings_options
def main(
    rest_url: str | None,
    port: int,
    host: str,
    every: float,
    canary_every: float,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Look at Flink, Kafka and Elasticsearch again and again, and serve what was seen to Prometheus.

    Serves lag and watermark in seconds, the ledger, dead letters by reason, the time until signals are
    searchable, what scripts/doctor finds; and whether the carts of a synthetic visitor are noticed. Runs
    until Ctrl-C. Exit status: 0 stopped, 2 the port is taken, or an option or a setting is invalid.
    """
    _log()
    with reported_failures():
        settings = load(settings_file, assignments, embedded_settings())
        flink = rest_url or embedded_addresses().get("flink", "http://127.0.0.1:8081")
        observer = Observer(flink, settings, every, canary_every)
        try:
            start_http_server(port, host, observer.registry)
        except OSError as error:
            raise BadInput(
                f"port {port} of {host}: {error.strerror}", "choose another with --port"
            ) from error
    # Nothing has to be closed, and a client that looks for a broker would hold the end for ten seconds.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    click.echo(f"http://{host}:{port}/metrics")
    observer.run(Event())


def _log() -> None:
    """One line a failed look; the libraries tell each attempt to connect."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    for library in ("kafka", "elastic_transport"):
        logger = logging.getLogger(library)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())


if __name__ == "__main__":
    main(prog_name="scripts/observe")
