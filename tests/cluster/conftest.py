"""One real stack for the level: servers are shared, topics and indices are made anew for each test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.deploy import Deployment
from cli.dump import documents
from cli.package import ROOT
from connectors import indices
from connectors.admin import drop_all
from jobs.settings import Settings
from stack.embedded import EmbeddedStack

CONSOLE = Console(stderr=True)
Document = dict[str, Any]


# A file each and not all of the level: every job leaves classes behind in a TaskManager that runs job after job,
# and after some ten of them its metaspace is full.
@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    # Checkpoints follow each other quickly: a fault falls between two of them and not before the first.
    overrides = {"execution.checkpointing.interval": "2 s", "execution.checkpointing.min-pause": "500 ms"}
    with EmbeddedStack(
        tmp_path_factory.mktemp("stack"),
        slots=2,
        console=CONSOLE,
        flink_overrides=overrides,
        lake=True,
        quick=True,
    ) as running:
        yield running


@pytest.fixture
def deploy(stack: EmbeddedStack, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """Makes a deployment with the given settings on empty topics and indices; leaves no job running."""
    made: list[Deployment] = []

    def make(**settings: Any) -> Deployment:
        # Models are seconds of each start: a test that is about them asks for them. Two instances of each operator, whose
        # rows and watermarks have to meet, are asked for where streams come shuffled or with poison, and where parts are killed.
        chosen = Settings({"scoring": False, **settings})
        deployment = Deployment(stack, chosen, tmp_path)
        drop_all(deployment.kafka_properties, deployment.client)
        deployment.prepare()
        made.append(deployment)
        return deployment

    yield make
    for job, state in stack.flink.jobs().items():
        if state not in ("FINISHED", "FAILED", "CANCELED"):
            stack.flink.cancel(job)
    for deployment in made:
        deployment.client.close()


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> None:
    """Polls until the condition holds."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        time.sleep(0.2)


def abandoned_carts(deployment: Deployment) -> list[Document]:
    """The signals of one rule; the others of the pack have their say on the same events."""
    found = documents(deployment.client, indices.SIGNALS.alias)
    return [one for one in found if one["kind"] == "cart_abandoned"]


def why(deployment: Deployment, *arguments: str) -> Document:
    """What `scripts/why` says about a visitor, and of one rule."""
    settings = deployment.settings
    ends = [f"{name}={settings[name]}" for name in ("kafka_bootstrap_servers", "elasticsearch_url")]
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
