"""Runs the demo's server; `scripts/demo` starts it beside the stack."""

from __future__ import annotations

from pathlib import Path

import click

from services import identity
from services.demo.happening import READ
from services.demo.inbox import Addresses
from services.demo.proxy import Proxy
from services.demo.site import Facts, Site
from services.feed import KafkaFeed
from services.reporting import CONTEXT, reported_failures
from services.running import server

_LOOKBACK_MS, _DRAIN_MS = 3_600_000, 1_000


@click.command(context_settings=CONTEXT)
@click.option("--port", type=int, required=True, help="Of the page.")
@click.option("--smtp-port", type=int, required=True, help="Of the inbox.")
@click.option("--kafka", required=True, help="host:port of the brokers.")
@click.option("--collector", required=True, help="Address of scripts/collect.")
@click.option("--api", required=True, help="Address of scripts/serve.")
@click.option("--addresses", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.option("--web", type=click.Path(exists=True, path_type=Path), required=True, help="Folder web/.")
@click.option("--cart-timeout-ms", type=int, required=True)
@click.option("--bound-ms", type=int, required=True)
def main(
    port: int,
    smtp_port: int,
    kafka: str,
    collector: str,
    api: str,
    addresses: Path,
    web: Path,
    cart_timeout_ms: int,
    bound_ms: int,
) -> None:
    """Serve the page of the demonstration on loopback until SIGTERM or Ctrl-C."""
    with reported_failures():
        site = Site(
            web,
            KafkaFeed(kafka, "", READ, _LOOKBACK_MS),
            (Proxy(collector), Proxy(api)),
            Addresses(addresses),
            identity.read_key(""),
            Facts(cart_timeout_ms, bound_ms),
            smtp_port,
        )
        server(site.app(), "127.0.0.1", port, _DRAIN_MS, "127.0.0.1", lambda: None).run()


if __name__ == "__main__":
    main(prog_name="services.demo.serve")
