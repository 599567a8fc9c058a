"""Puts the services together from their settings, and runs them."""

from __future__ import annotations

import logging
from pathlib import Path

from connectors.contracts import topics
from services import identity
from services.broker import Broker
from services.collector import Collector
from services.running import server
from services.settings import CollectorSettings

WRITTEN = (topics.EVENTS_RAW.name, topics.EVENTS_REJECTED.name)


def run_collector(file: Path | None = None, assignments: tuple[str, ...] = ()) -> None:
    """Runs the collector until a signal comes.

    Raises:
        SettingError: a setting is no good.
    """
    _log()
    settings = CollectorSettings.read(file, assignments)
    key = identity.read_key(settings.key_file)
    collector = Collector(settings, _broker(settings), key)
    server(
        collector.app(),
        settings.host,
        settings.port,
        settings.drain_ms,
        settings.forwarded_allow_ips,
        collector.end,
    ).run()


def _broker(settings: CollectorSettings) -> Broker:
    return Broker(
        settings.kafka_bootstrap_servers,
        settings.kafka_properties_file,
        WRITTEN,
        settings.ack_ms,
        settings.max_pending,
    )


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.ERROR)  # it repeats itself; `ready` and the answers say it
