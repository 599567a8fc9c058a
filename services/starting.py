"""Puts the services together from their settings, and runs them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from starlette.types import ASGIApp

from connectors.contracts import topics
from connectors.contracts.pseudonyms import pseudonym
from connectors.keys import KeySource
from services import identity
from services.api import READ, Api
from services.broker import Broker
from services.collector import Collector
from services.content.folder import ContentFolder
from services.content.loading import BadContent
from services.experiments import ExperimentsFolder
from services.feed import KafkaFeed
from services.index import ElasticIndex
from services.running import server
from services.settings import ApiSettings, CollectorSettings
from services.tokens import ServiceKeys

WRITTEN = (topics.EVENTS_RAW.name, topics.EVENTS_REJECTED.name)


def run_collector(file: Path | None = None, assignments: tuple[str, ...] = ()) -> None:
    """Runs the collector until a signal comes.

    Raises:
        SettingError: a setting is invalid.
    """
    _log()
    settings = CollectorSettings.read(file, assignments)
    collector = Collector(settings, _broker(settings), identity.read_key(settings.key_file))
    _run(settings, collector.app(), collector)


def run_api(file: Path | None = None, assignments: tuple[str, ...] = ()) -> None:
    """Runs the API until a signal comes.

    Raises:
        SettingError: a setting is invalid.
        BadContent: the content is invalid.
    """
    _log()
    settings = ApiSettings.read(file, assignments)
    api = api_of(settings)
    _run(settings, api.app(), api)


def api_of(settings: ApiSettings) -> Api:
    """The API with its real ends; nothing is connected yet."""
    servers, properties = settings.kafka_bootstrap_servers, settings.kafka_properties_file
    return Api(
        settings,
        KafkaFeed(servers, properties, READ, settings.view_lookback_ms),
        ElasticIndex(
            settings.elasticsearch_url, settings.elasticsearch_api_key_file, settings.elasticsearch_ca_file
        ),
        _broker(settings, (*WRITTEN, topics.EXPOSURES.name) if settings.experiments_dir else WRITTEN),
        ContentFolder(settings.content_dir, settings.content_poll_ms),
        identity.read_key(settings.key_file),
        ServiceKeys(settings.service_keys_file),
        name_of=_names(settings),
    )


def _names(settings: ApiSettings) -> Callable[[str], str]:
    """How visitors are called in topics and indices."""
    if not settings.pseudonymise:
        return str
    key = KeySource(settings.pseudonym_key_file).read()
    return lambda visitor_id: pseudonym(visitor_id, key)


def check_content(file: Path | None = None, assignments: tuple[str, ...] = ()) -> str:
    """A word on the content and the experiments.

    Raises:
        BadInput: one of them is invalid, or a content names an arm that there is not; the message says which.
    """
    settings = ApiSettings.read(file, assignments)
    content = ContentFolder(settings.content_dir).content
    running = ExperimentsFolder(settings.experiments_dir).current
    pieces = [piece for slot in content.pieces.values() for piece in slot]
    arms = {f"{one.name} {arm}" for one in running.experiments for arm in one.arms}
    for piece in pieces:
        if piece.experiment and f"{piece.experiment.experiment} {piece.experiment.arm}" not in arms:
            raise BadContent(
                f"content {piece.name}: experiment: one of {', '.join(sorted(arms)) or 'none'}"
                f" is required, {piece.experiment.experiment} {piece.experiment.arm} came"
            )
    counted = f"{len(content.slots)} slots, {len(pieces)} contents, version {content.version}"
    return f"{counted}; {len(running.experiments)} experiments"


def _run(settings: ApiSettings | CollectorSettings, app: ASGIApp, service: Api | Collector) -> None:
    allowed = settings.forwarded_allow_ips
    server(app, settings.host, settings.port, settings.drain_ms, allowed, service.end).run()


def _broker(settings: ApiSettings | CollectorSettings, written: tuple[str, ...] = WRITTEN) -> Broker:
    return Broker(
        settings.kafka_bootstrap_servers,
        settings.kafka_properties_file,
        written,
        settings.ack_ms,
        settings.max_pending,
    )


def _log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("kafka", "elastic_transport"):  # they repeat themselves; `ready` and the answers say it
        logging.getLogger(name).setLevel(logging.ERROR)
