"""Real streams through the real broker, cluster and index: equal to the truth, the ledger balanced."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cli.deploy import Deployment
from cli.replay import replay
from connectors.rejected import Rejected
from connectors.sessions import Session
from connectors.signals import Signal
from tests import datasets
from tests.cluster.conftest import CONSOLE, Document, read_lines
from tests.rule_oracle import answers

Deploy = Callable[..., Deployment]


def _assert_truth(stream: str, dump: Path) -> None:
    sessions = {
        (row["visitor_id"], row["started_at_ms"], row["ended_at_ms"], row["events"])
        for row in read_lines(dump / "sessions.jsonl")
        if row["visitor_id"] != "poison"
    }
    signals = [row for row in read_lines(dump / "signals.jsonl") if row["visitor_id"] != "poison"]
    abandonments = {
        (row["visitor_id"], row["occurred_at_ms"]) for row in signals if row["kind"] == "cart_abandoned"
    }
    assert sessions == datasets.truth_sessions(stream)
    assert abandonments == {(visitor, fires) for visitor, _, fires in datasets.truth_abandonments(stream)}
    # Of each signal the index holds the newest version: a recovery has taken the place of what it recovers.
    told = {(kind, visitor, at) for kind, visitor, _, at, _ in answers(datasets.canonical_events(stream))}
    rules = [row for row in signals if "rule" in row]
    assert {(row["kind"], row["visitor_id"], row["occurred_at_ms"]) for row in rules} == told


def test_shuffled_and_repeated_arrivals_give_the_truth(deploy: Deploy, tmp_path: Path) -> None:
    stream, file, dump = "ga360_20160801_20160814", tmp_path / "events.jsonl", tmp_path / "dump"
    counts = datasets.write_canonical(stream, file, shuffle_within_ms=1500, duplicate_share=0.05, seed=1)
    assert replay(deploy(bounded=True, parallelism=2), file, dump, CONSOLE)
    _assert_truth(stream, dump)
    ledger = json.loads((dump / "ledger.json").read_text())
    assert ledger["valid"] == counts.events
    assert ledger["duplicate"] == counts.duplicates
    assert ledger["late"] == 0


def test_poison_is_rejected_with_its_bytes_and_changes_nothing(deploy: Deploy, tmp_path: Path) -> None:
    """And the lake of that run, replayed, tells the same by id and content."""
    stream, file, dump = "retailrocket_sample", tmp_path / "events.jsonl", tmp_path / "dump"
    counts = datasets.write_canonical(stream, file, poison_share=0.05, seed=2)
    deployment = deploy(bounded=True, parallelism=2, archive_dir=str(tmp_path / "lake"))
    assert replay(deployment, file, dump, CONSOLE)
    _assert_truth(stream, dump)
    lines = file.read_bytes().split(b"\n")
    letters = [Rejected.model_validate(row) for row in read_lines(dump / "rejected.jsonl")]
    assert len({letter.line for letter in letters}) == len(letters)
    assert all(letter.line and letter.payload() == lines[letter.line - 1] for letter in letters)
    # Everything is in exactly one place.
    ledger = json.loads((dump / "ledger.json").read_text())
    assert ledger["valid"] + ledger["rejected_total"] == counts.lines
    assert ledger["rejected_total"] == counts.poison.total()
    job = next(iter(deployment.stack.flink.jobs()))
    assert deployment.stack.flink.restarts(job) == 0
    again = tmp_path / "again"
    assert replay(deploy(bounded=True), tmp_path / "lake", again, CONSOLE)
    for name in ("signals.jsonl", "sessions.jsonl"):
        assert _told(again / name) == _told(dump / name) != []


def _told(path: Path) -> list[Document]:
    """All but the wall clock at which it was found."""
    rows = [{**row, "detected_at_ms": 0} for row in read_lines(path)]
    return sorted(rows, key=lambda row: (row.get("signal_id", ""), row.get("session_id", "")))


def test_documents_keep_the_contract(deploy: Deploy, tmp_path: Path) -> None:
    file, dump = tmp_path / "events.jsonl", tmp_path / "dump"
    datasets.write_canonical("rees46_0000_0214", file)
    assert replay(deploy(bounded=True, scoring=True), file, dump, CONSOLE)
    _assert_truth("rees46_0000_0214", dump)
    assert [Signal.model_validate(row) for row in read_lines(dump / "signals.jsonl")]
    assert [Session.model_validate(row) for row in read_lines(dump / "sessions.jsonl")]
