"""A rule changes over real history, in one command each: applied, and taken back; readers see one version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from connectors.elasticsearch import indices
from jobs.offline.rules.folder import RulesFolder
from stack.package import ROOT
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from stack.runs.feed import Feeder
from stack.runs.replay import feed_file
from state.rules.language.loading import SHIPPED
from tests import datasets
from tests.cluster.conftest import CONSOLE, wait_until, why
from tests.oracle import session_parts
from tests.rule_oracle import VIEWS, _get, _nth, _of

Deploy = Callable[..., Deployment]
STREAM = os.environ.get("FOOTFALL_HISTORY", "taobao_114users")  # any real stream


def interests(least: int) -> set[tuple[str, int, str]]:
    """(visitor, time, category) of each category's n-th view in a session."""
    return {
        (part.visitor_id, at, str(category))
        for part in session_parts(datasets.canonical_events(STREAM))
        for category, at in _nth(
            _of(part.events, *VIEWS), lambda event: _get(event, "product", "category"), least
        )
    }


def rules(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.rules", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def signals_of(deployment: Deployment, status: str) -> set[tuple[str, int, str]]:
    """What readers of the alias see of the rule."""
    return {
        (one["visitor_id"], one["occurred_at_ms"], one["evidence"]["category"])
        for one in documents(deployment.client, indices.SIGNALS.alias)
        if one["kind"] == "category_interest" and one["status"] == status
    }


@pytest.fixture
def history(tmp_path: Path) -> Path:
    datasets.write_canonical(
        STREAM, tmp_path / "history.jsonl", shuffle_within_ms=1_500, duplicate_share=0.02
    )
    return tmp_path / "history.jsonl"


def test_a_rule_is_changed_and_the_change_taken_back(deploy: Deploy, history: Path, tmp_path: Path) -> None:
    deployment, folder = deploy(), tmp_path / "rules"
    where = "--folder", folder, "--sweep-after", 0, "--url", deployment.settings.elasticsearch_url
    first = rules("apply", _version(tmp_path, 2, 3), *where, "--history", history)
    assert first.returncode == 0, first.stderr
    assert signals_of(deployment, "active") == interests(4)
    other = {
        **documents(deployment.client, indices.SIGNALS.alias)[0],
        "signal_id": "0" * 32,
        "kind": "bounce",
    }
    other["rule"] = {"name": "bounce", "version": 1}
    _index(deployment, other)
    # Once over a file, once over what the raw topic keeps of the same events.
    feed_file(deployment, history, CONSOLE)
    kafka = f"kafka_bootstrap_servers={deployment.settings.kafka_bootstrap_servers}"
    second = rules("apply", _version(tmp_path, 3, 5), *where, "--set", kafka)
    assert second.returncode == 0, second.stderr
    gained, lost = interests(6) - interests(4), interests(4) - interests(6)
    assert signals_of(deployment, "active") == interests(6)
    # An interest that comes two views later is the same signal, changed; one that does not come is taken back.
    anchors = {(visitor, category) for visitor, _, category in interests(6)}
    assert len(signals_of(deployment, "retracted")) < len(lost)
    assert "changed" in second.stdout and "lost" in second.stdout and gained and anchors
    assert other in documents(deployment.client, indices.SIGNALS.alias)
    back = rules("rollback", *where)
    assert back.returncode == 0, back.stderr
    assert signals_of(deployment, "active") == interests(4) and signals_of(deployment, "retracted") == set()
    assert other in documents(deployment.client, indices.SIGNALS.alias)


def test_a_running_job_follows_the_folder_without_a_restart(
    deploy: Deploy, history: Path, tmp_path: Path
) -> None:
    """Half of the history by the old version, then the change, then who comes in anew is judged by the new one."""
    folder = tmp_path / "rules"
    RulesFolder(folder)
    caps = {"bot_events_per_minute": 0, "bot_events_per_day": 0}
    deployment = deploy(rules_dir=str(folder), slice_ms=1_000, **caps)
    job = deployment.submit()
    feed_file(deployment, history, CONSOLE)
    wait_until(
        lambda: signals_of(deployment, "active") >= interests(4), 120, "signals of the shipped version"
    )
    kafka = f"kafka_bootstrap_servers={deployment.settings.kafka_bootstrap_servers}"
    where = "--folder", folder, "--url", deployment.settings.elasticsearch_url
    changed = rules("apply", _version(tmp_path, 2, 5), *where, "--set", kafka)
    assert changed.returncode == 0, changed.stderr
    assert "a second" in changed.stderr and "swept: 0 signals" in changed.stderr
    assert signals_of(deployment, "active") == interests(6)
    newcomers, feeder = count(), Feeder(deployment.kafka_properties)

    def is_followed() -> bool:
        """A worker looks at the folder when there is something to do, and every two seconds at most."""
        _views(feeder, f"newcomer-{next(newcomers)}")
        return bool(_newcomers(deployment, version=2))

    wait_until(is_followed, 60, "a signal of the new version")
    assert deployment.stack.flink.jobs()[job] == "RUNNING"
    (newcomer, *_) = _newcomers(deployment, version=2)
    answer = why(deployment, newcomer, "category_interest")
    assert answer["answers"][0]["version"] == 2


def _views(feeder: Feeder, visitor: str) -> None:
    """Six views of one category; the sixth is more than five."""
    now_ms = time.time_ns() // 1_000_000
    for number in range(6):
        event = {"schema": "event/1", "event_id": f"view {number}", "event_type": "product_view"}
        event |= {"visitor_id": visitor, "product": {"category": "hats", "product_id": "p"}}
        feeder.send(json.dumps({**event, "event_time_ms": now_ms + number}).encode(), visitor)
    feeder.heartbeat(now_ms + 1_000, f"beat of {visitor}")  # nobody who comes after it is late
    feeder.flush()


def _newcomers(deployment: Deployment, version: int) -> list[str]:
    """Visitors for whom a version of the rule fired, each at its sixth view."""
    found = [
        one
        for one in documents(deployment.client, indices.SIGNALS.alias)
        if one["visitor_id"].startswith("newcomer") and one["kind"] == "category_interest"
    ]
    assert all(one["evidence"]["count"] == 6 for one in found if one["rule"]["version"] == 2)
    return [one["visitor_id"] for one in found if one["rule"]["version"] == version]


def test_a_bad_rule_touches_nothing(deploy: Deploy, history: Path, tmp_path: Path) -> None:
    deployment = deploy()
    bad = _version(tmp_path, 2, 3)
    bad.write_text(bad.read_text().replace("product.category: {", "product.categry: {"))
    where = "--folder", tmp_path / "rules", "--url", deployment.settings.elasticsearch_url
    refused = rules("apply", bad, *where, "--history", history)
    assert refused.returncode == 2 and f"{bad}:" in refused.stderr and "product.categry" in refused.stderr
    assert list(deployment.client.indices.get_alias(name=indices.SIGNALS.alias)) == [indices.SIGNALS.name]


def _version(folder: Path, version: int, more_than: int) -> Path:
    text = (SHIPPED / "category_interest.yaml").read_text()
    path = folder / f"interest-{version}.yaml"
    path.write_text(
        text.replace("version: 1", f"version: {version}").replace(
            "more_than: 3", f"more_than: {more_than}\ncap: {{at_most: {version}, within: 7 d}}"
        )
    )
    return path


def _index(deployment: Deployment, document: dict[str, object]) -> None:
    deployment.client.index(
        index=indices.SIGNALS.alias, id=str(document["signal_id"]), document=document, refresh=True
    )
