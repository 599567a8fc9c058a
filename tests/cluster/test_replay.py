"""Real streams through the real broker, cluster and index: equal to the truth and to the engine, the ledger balanced."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from cli import audit
from connectors.contracts.rejected import Rejected
from connectors.contracts.segments import ENTERED, LEFT
from connectors.contracts.sessions import Session
from connectors.contracts.signals import Signal
from connectors.elasticsearch import indices
from jobs.offline.audit import books as audit_books
from stack.runs.deploy import Deployment
from stack.runs.dump import documents
from stack.runs.replay import replay
from state.rules.language.loading import SHIPPED
from tests import datasets
from tests.cluster import expected
from tests.cluster.conftest import CONSOLE, Deployer, Document, read_lines
from tests.rule_oracle import answers
from tests.rule_stories import PLAIN_CART

PLAIN = PLAIN_CART.stem  # the rule of the truth files: a cart without what is in it
ARRIVALS = {"shuffle_within_ms": 1_500, "duplicate_share": 0.05, "poison_share": 0.01}


class Run:
    """A stream, shuffled, with doubles and poison, and what the stack made of it."""

    def __init__(self, deployment: Deployment, stream: str, folder: Path) -> None:
        self.deployment, self.stream, self.folder = deployment, stream, folder
        self.file = folder / "events.jsonl"
        self.counts = datasets.write_canonical(stream, self.file, seed=4, **ARRIVALS)
        self.balanced = replay(deployment, self.file, folder, CONSOLE)
        self.ledger = json.loads((folder / "ledger.json").read_text())
        (self.job,) = [job for job, state in deployment.stack.flink.jobs().items() if state == "FINISHED"][:1]

    def lines(self, name: str) -> list[Document]:
        """Lines of a file of the dump, without what poison that looks good has done."""
        return [row for row in read_lines(self.folder / name) if row.get("visitor_id") != "poison"]

    def assert_truth(self) -> None:
        """Sessions and abandoned carts are those of the truth files."""
        sessions = {
            (row["visitor_id"], row["started_at_ms"], row["ended_at_ms"], row["events"])
            for row in self.lines("sessions.jsonl")
        }
        plain = {(row["visitor_id"], row["occurred_at_ms"]) for row in self._signals(PLAIN)}
        assert sessions == datasets.truth_sessions(self.stream)
        assert plain == {(visitor, at) for visitor, _, at in datasets.truth_abandonments(self.stream)}

    def assert_oracle(self) -> None:
        """Signals of rules are the naive answers. Of each the index holds the newest version."""
        naive = {(kind, who, at) for kind, who, _, at, _ in answers(datasets.canonical_events(self.stream))}
        found = [
            row for row in self._signals() if "rule" in row and row["kind"] not in (PLAIN, ENTERED, LEFT)
        ]
        assert {(row["kind"], row["visitor_id"], row["occurred_at_ms"]) for row in found} == naive

    def assert_engine(self) -> None:
        """Every document of the index, and every dead letter, is the engine's, by id and content."""
        out = expected.at_the_end(self.deployment)
        assert not expected.differences(expected.indexed(self.deployment), expected.newest(out.documents))
        letters = {row.id: orjson.loads(row.body) for row in out.documents if row.kind == "rejected"}
        dumped = {
            f"{row['topic']}:{row['partition']}:{row['offset']}": row for row in self.lines("rejected.jsonl")
        }
        assert {key: {**row, "line": None} for key, row in dumped.items()} == {
            key: {**row, "line": None} for key, row in letters.items()
        }

    def assert_accounted(self) -> None:
        """Everything is in exactly one place, and what is rejected is kept with its bytes."""
        assert self.balanced
        assert self.ledger["valid"] == self.counts.events and self.ledger["late"] == 0
        assert self.ledger["duplicate"] == self.counts.duplicates
        assert self.ledger["rejected_total"] == self.counts.poison.total()
        lines = self.file.read_bytes().split(b"\n")
        letters = [Rejected.model_validate(row) for row in read_lines(self.folder / "rejected.jsonl")]
        assert len({letter.line for letter in letters}) == len(letters) == self.counts.poison.total()
        assert all(letter.line and letter.payload() == lines[letter.line - 1] for letter in letters)

    def _signals(self, kind: str | None = None) -> list[Document]:
        return [row for row in self.lines("signals.jsonl") if kind in (None, row["kind"])]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped pack, and beside it the rule of the truth files."""
    folder = tmp_path_factory.mktemp("rules")
    for path in (*SHIPPED.glob("*.yaml"), PLAIN_CART):
        shutil.copy(path, folder)
    return folder


def test_two_weeks_of_a_shop_are_the_truth(deploy: Deployer, rules: Path, tmp_path: Path) -> None:
    run = Run(deploy(bounded=True, rules_dir=str(rules)), "ga360_20160801_20160814", tmp_path)
    run.assert_accounted()
    run.assert_truth()
    run.assert_oracle()
    run.assert_engine()


@pytest.fixture(scope="module")
def small(deploy_once: Deployer, rules: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A smaller one with models and a lake."""
    folder = tmp_path_factory.mktemp("small")
    deployment = deploy_once(
        bounded=True, scoring=True, rules_dir=str(rules), archive_dir=str(folder / "lake")
    )
    return Run(deployment, "retailrocket_sample", folder)


def test_five_months_of_another_are_the_truth(small: Run) -> None:
    small.assert_accounted()
    small.assert_truth()
    small.assert_oracle()


def test_with_models_every_document_is_the_engines(small: Run) -> None:
    small.assert_engine()
    assert small.deployment.stack.flink.restarts(small.job) == 0


def test_documents_keep_the_contract(small: Run) -> None:
    signals = [Signal.model_validate(row) for row in small.lines("signals.jsonl")]
    assert {one.model is None for one in signals} == {True, False}
    assert [Session.model_validate(row) for row in small.lines("sessions.jsonl")]


def test_the_books_balance_and_deleted_signals_come_back(small: Run, tmp_path: Path) -> None:
    """The job `audit` over the finished run, and what its command says, finds and mends."""
    deployment, lake = small.deployment, str(small.folder / "lake")
    client = deployment.client
    deployment.stack.flink.wait_job(deployment.submit("audit"), {"FINISHED"}, 300)
    client.indices.refresh(index=indices.AUDIT.alias)
    ingest = audit_books.windows(client, "ingest")
    assert {row["difference"] for row in ingest} == {0}
    assert sum(row["read"] for row in ingest) == small.counts.lines
    found = _audit(deployment, "--lake", lake, "--metrics", str(tmp_path / "audit.prom"))
    assert found.exit_code == 0, found.output
    assert "everything balances" in found.output and "as the ledger has them" in found.output
    assert 'unbalanced_windows{audit="ingest"} 0' in (tmp_path / "audit.prom").read_text()

    whole = _signals(deployment)
    client.indices.put_settings(index=indices.SIGNALS.name, settings={"index.gc_deletes": "0ms"})
    gone = sorted(whole)[:: len(whole) // 5][:5]
    for key in gone:
        client.delete(index=indices.SIGNALS.alias, id=key)
    found = _audit(deployment, "--missing")
    assert found.exit_code == 1
    assert sorted(line for line in found.output.splitlines() if line in whole) == gone
    found = _audit(deployment, "--repair", "--dry-run")
    assert found.exit_code == 1 and all(key in found.output for key in gone)
    assert set(_signals(deployment)) == set(whole) - set(gone)
    for _ in range(2):
        assert _audit(deployment, "--repair").exit_code == 0
        assert _signals(deployment) == whole
    rows = audit_books.windows(client, "signals")
    assert sum(row["in_topic"] for row in rows) == sum(row["in_index"] for row in rows) == len(whole)


def _audit(deployment: Deployment, *arguments: str) -> Result:
    settings = deployment.settings
    sets = ["--set", f"kafka_bootstrap_servers={settings.kafka_bootstrap_servers}"]
    sets += ["--set", f"elasticsearch_url={settings.elasticsearch_url}"]
    return CliRunner().invoke(audit.main, [*sets, *arguments], catch_exceptions=False)


def _signals(deployment: Deployment) -> dict[str, Document]:
    return {row["signal_id"]: row for row in documents(deployment.client, indices.SIGNALS.alias)}


def test_a_replay_of_the_lake_gives_the_same(small: Run, deploy: Deployer, tmp_path: Path) -> None:
    """By id and content; the lake has the events once, and none of the poison."""
    was = small.deployment.settings
    deployment = deploy(bounded=True, scoring=was.scoring, rules_dir=was.rules_dir)
    assert replay(deployment, small.folder / "lake", tmp_path, CONSOLE)
    for name in ("signals.jsonl", "sessions.jsonl"):
        assert expected.plain(read_lines(tmp_path / name)) == expected.plain(read_lines(small.folder / name))
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    assert (ledger["valid"], ledger["rejected_total"], ledger["duplicate"]) == (small.counts.events, 0, 0)
