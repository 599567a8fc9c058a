"""One real stack for the level. Its servers are shared; topics and indices are made anew for each deployment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from connectors.elasticsearch import indices
from connectors.flink.rest import TERMINAL_STATES
from jobs.settings import Settings
from stack.embedded import EmbeddedStack
from stack.kafka import Secured
from stack.package import ROOT
from stack.runs.deploy import Deployment, drop_all
from stack.runs.dump import documents
from stack.runs.run_settings import REPLAY_SETTINGS

CONSOLE = Console(stderr=True)
Document = dict[str, Any]
Deploy = Callable[..., Deployment]
USERS = {"footfall": "a-password-of-the-test"}  # of the listener with TLS and SASL
SLOTS = 6  # for as many jobs of one worker each
ROCKSDB = ("-Dstate.backend.type=rocksdb", "-Dexecution.checkpointing.incremental=true")
_FLINK = {
    # Checkpoints follow each other quickly: a fault falls between two of them and not before the first.
    "execution.checkpointing.interval": "1 s",
    "execution.checkpointing.min-pause": "500 ms",
    # Room for a job with RocksDB, whose caches lie there.
    "taskmanager.memory.managed.size": "768m",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start servers of their own come before those that share some: never more than one whole stack."""
    items.sort(key=lambda item: "stack" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a broker on loopback, signed by itself; its key is in the file beside it."""
    folder = tmp_path_factory.mktemp("certificate")
    asked = (
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=footfall",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    )
    written = ("-keyout", folder / "key.pem", "-out", folder / "certificate.pem", "-days", "2")
    subprocess.run(["openssl", "req", "-x509", *asked, *written], check=True, capture_output=True)
    texts = [(folder / name).read_text("utf-8") for name in ("key.pem", "certificate.pem")]
    (folder / "keystore.pem").write_text("".join(texts), "utf-8")
    return folder / "certificate.pem"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[EmbeddedStack]:
    folder = tmp_path_factory.mktemp("stack")
    secured = Secured(certificate.with_name("keystore.pem"), USERS)
    with EmbeddedStack(
        folder, slots=SLOTS, console=CONSOLE, flink_overrides=_FLINK, lake=True, quick=True, secured=secured
    ) as running:
        yield running
    wait_until(lambda: not processes_of(folder), 5, "nothing of the stack is left")


class Deployer:
    """Deploys with the given settings on empty topics and indices."""

    def __init__(self, stack: EmbeddedStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._made: list[Deployment] = []

    def __call__(self, **settings: Any) -> Deployment:
        """A deployment; models are seconds of each start, so a test that is about them asks for them."""
        paces = REPLAY_SETTINGS if settings.get("bounded") else {}
        deployment = self.beside(Settings.of({"scoring": False, **paces, **settings}))
        drop_all(deployment.kafka_properties, deployment.client)
        deployment.prepare()
        return deployment

    def beside(self, settings: Settings) -> Deployment:
        """Another deployment on the topics and indices that are there."""
        deployment = Deployment(self._stack, settings, self._folder)
        self._made.append(deployment)
        return deployment

    def close(self) -> None:
        """Leaves no job running."""
        for job, state in self._stack.flink.jobs().items():
            if state not in TERMINAL_STATES:
                self._stack.flink.cancel(job)
        for deployment in self._made:
            deployment.client.close()


@pytest.fixture
def deploy(stack: EmbeddedStack, tmp_path: Path) -> Iterator[Deployer]:
    """For one test."""
    deployer = Deployer(stack, tmp_path)
    yield deployer
    deployer.close()


@pytest.fixture(scope="module")
def deploy_once(stack: EmbeddedStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """For a file of tests about one deployment."""
    deployer = Deployer(stack, tmp_path_factory.mktemp("deployment"))
    yield deployer
    deployer.close()


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Polls until the condition holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(0.2)


def workers_of(folder: Path) -> list[psutil.Process]:
    """The Python workers of the stack that works in a folder."""
    return [one for one in processes_of(folder) if any("beam_boot" in part for part in _words(one))]


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every process whose arguments or environment name the folder."""
    found = (one for one in psutil.process_iter() if one.pid != os.getpid())
    return [one for one in found if str(folder) in "\n".join([*_words(one), *_environment(one)])]


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def _environment(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return list(process.environ().values())
    return []


def abandoned_carts(deployment: Deployment) -> list[Document]:
    """The signals of one rule; the others of the pack have their say on the same events."""
    found = documents(deployment.client, indices.SIGNALS.alias)
    return [one for one in found if one["kind"] == "cart_abandoned"]


def why(deployment: Deployment, *arguments: str) -> Document:
    """What `scripts/why` says about a visitor, and of one rule."""
    settings = deployment.settings
    ends = [
        f"kafka_bootstrap_servers={settings.kafka_bootstrap_servers}",
        f"elasticsearch_url={settings.elasticsearch_url}",
    ]
    sets = [word for end in ends for word in ("--set", end)]
    command = ["scripts/why", *arguments, "--json", *sets, "--rest-url", deployment.stack.flink.rest_url]
    environment = {**os.environ, "FOOTFALL_VENV": sys.prefix}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    found: Document = json.loads(result.stdout)
    return found


def read_lines(path: Path) -> list[Document]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
