"""Brings the suite onto an embedded stack: topics, indices, the package, the submission."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from connectors.elasticsearch.admin import create_indices, drop_indices
from connectors.elasticsearch.indices import SIGNALS
from connectors.errors import IndexUnavailable
from connectors.kafka.admin import create_topics, drop_topics
from connectors.wording import plainly
from jobs import ends
from jobs.ends import elasticsearch
from jobs.settings import Settings
from stack.embedded import EmbeddedStack
from stack.package import ROOT, pack
from stack.runs.assignments import arguments


class Deployment:
    """A running stack with Footfall's topics and indices; submits jobs to it."""

    def __init__(self, stack: EmbeddedStack, settings: Settings, workdir: Path) -> None:
        self.stack = stack
        self.settings = settings.replace(
            kafka_bootstrap_servers=stack.kafka.bootstrap_servers, elasticsearch_url=stack.elasticsearch.url
        )
        self.kafka_properties = {"bootstrap.servers": stack.kafka.bootstrap_servers}
        self.client: Elasticsearch = elasticsearch(self.settings).client()
        self._package = workdir / "suite.zip"

    def prepare(self) -> None:
        """Creates topics and indices and packs the code."""
        create_topics(self.kafka_properties, keep_all=True)
        # A bounded run is searched when it is over; until then a refresh is of no use.
        create_indices(self.client, replicas=0, refresh_ms=30_000 if self.settings.bounded else 1_000)
        if not self.settings.bounded:
            self._show_signals_quickly()
        pack(self._package)

    def _show_signals_quickly(self) -> None:
        # Only the index that is waited for: each refresh leaves a small segment to be merged.
        self.client.indices.put_settings(index=SIGNALS.alias, settings={"index.refresh_interval": "250ms"})

    def submit(self, job: str = "suite", from_savepoint: str | None = None, flags: Iterable[str] = ()) -> str:
        """Submits `jobs.<job>`; returns the job's id. Flags are those of `flink run`."""
        return self.stack.flink.run(
            f"jobs.{job}",
            self._package,
            arguments(self.settings),
            parallelism=self.settings.parallelism,
            from_savepoint=from_savepoint,
            flags=tuple(flags),
        )


def drop_all(properties: Mapping[str, str], client: Elasticsearch) -> None:
    """Deletes Footfall's topics and indices with all they hold; for tests and throw-away stacks only.

    Raises:
        BrokerUnavailable: the topics are still there after half a minute.
    """
    drop_topics(properties)
    drop_indices(client)


def create_ends(settings: Settings, copies: int) -> None:
    """Creates the topics and indices that are missing.

    Raises:
        EndUnavailable: Kafka or Elasticsearch does not answer, or refuses.
    """
    create_topics(ends.kafka("submit", settings).client_properties(), replication=copies)
    try:
        create_indices(ends.elasticsearch(settings).client(), replicas=copies - 1)
    except (ApiError, TransportError) as error:
        raise IndexUnavailable(
            f"indices cannot be created at {settings.elasticsearch_url}: {plainly(error)}",
            "check elasticsearch_url and the API key's rights",
        ) from error


def fill_registry(folder: Path) -> bool:
    """Puts the shipped models into a registry that has none; says whether it did."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(path.name != "lost+found" for path in folder.iterdir()):  # a fresh volume has that one
        return False
    for model in (ROOT / "model_artifacts").iterdir():
        if model.is_dir() and not model.name.startswith("__"):
            shutil.copytree(model, folder / model.name)
    return True
