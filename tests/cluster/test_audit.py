"""The audit over a real run: the books balance; deleted signals are found, each one, and brought back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import audit, audit_books
from cli.deploy import Deployment
from cli.dump import documents
from cli.replay import replay
from connectors import indices
from tests import datasets
from tests.cluster.conftest import CONSOLE, Document

Deploy = Callable[..., Deployment]
STREAM = "taobao_114users"


@pytest.fixture
def audited(deploy: Deploy, tmp_path: Path) -> tuple[Deployment, datasets.Counts, Path]:
    """A finished run of the suite, with its lake, and of the audit after it."""
    file, folder = tmp_path / "events.jsonl", tmp_path / "lake"
    counts = datasets.write_canonical(
        STREAM, file, shuffle_within_ms=1_500, duplicate_share=0.05, poison_share=0.02, seed=4
    )
    deployment = deploy(bounded=True, archive_dir=str(folder))
    assert replay(deployment, file, tmp_path / "dump", CONSOLE)
    deployment.stack.flink.wait_job(deployment.submit("audit"), {"FINISHED"}, 300)
    deployment.client.indices.refresh(index=indices.AUDIT.alias)
    return deployment, counts, folder


def run(deployment: Deployment, *arguments: str) -> Result:
    sets = [
        f"kafka_bootstrap_servers={deployment.settings.kafka_bootstrap_servers}",
        f"elasticsearch_url={deployment.settings.elasticsearch_url}",
    ]
    return CliRunner().invoke(
        audit.main, [*(part for text in sets for part in ("--set", text)), *arguments], catch_exceptions=False
    )


def signals(deployment: Deployment) -> dict[str, Document]:
    return {row["signal_id"]: row for row in documents(deployment.client, indices.SIGNALS.alias)}


def test_the_books_balance_and_deleted_signals_come_back(
    audited: tuple[Deployment, datasets.Counts, Path], tmp_path: Path
) -> None:
    deployment, counts, folder = audited
    ingest = audit_books.windows(deployment.client, "ingest")
    assert {row["difference"] for row in ingest} == {0}
    assert sum(row["read"] for row in ingest) == counts.lines
    assert sum(row["valid"] + row["late"] + sum(row["rejected"].values()) for row in ingest) >= counts.events
    found = run(deployment, "--lake", str(folder), "--metrics", str(tmp_path / "audit.prom"))
    assert found.exit_code == 0, found.output
    assert "everything balances" in found.output and "as the ledger has them" in found.output
    assert 'unbalanced_windows{audit="ingest"} 0' in (tmp_path / "audit.prom").read_text()

    whole = signals(deployment)
    deployment.client.indices.put_settings(index=indices.SIGNALS.name, settings={"index.gc_deletes": "0ms"})
    gone = sorted(whole)[:: len(whole) // 5][:5]
    for key in gone:
        deployment.client.delete(index=indices.SIGNALS.alias, id=key)
    found = run(deployment, "--missing")
    assert found.exit_code == 1
    assert sorted(line for line in found.output.splitlines() if line in whole) == gone
    found = run(deployment, "--repair", "--dry-run")
    assert found.exit_code == 1
    assert all(key in found.output for key in gone)
    assert set(signals(deployment)) == set(whole) - set(gone)
    for _ in range(2):
        assert run(deployment, "--repair").exit_code == 0
        assert signals(deployment) == whole
    rows = audit_books.windows(deployment.client, "signals")
    assert sum(row["in_topic"] for row in rows) == sum(row["in_index"] for row in rows) == len(whole)
