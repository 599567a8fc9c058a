"""`scripts/train` from a plain table and from events, with as few trials as there can be."""

from __future__ import annotations

import numpy as np
import orjson
import polars as pl
import pytest
from click.testing import CliRunner

from cli.train import main
from connectors.models.registry import Registry
from stack.package import ROOT
from stack.shop.history import generated_events
from tests import model_traffic
from tests.lake_files import write_lake
from udfs.model_runtime import load_pointed


@pytest.fixture
def run(tmp_path):
    def call(*arguments):
        folders = ["--out", str(tmp_path / "out"), "--models", str(tmp_path / "models")]
        return CliRunner().invoke(main, [*arguments, *folders, "--trials", "1"])

    return call


def table(folder):
    rng = np.random.default_rng(1)
    signal, noise = rng.random(5_000), rng.random(5_000)
    bought = (rng.random(5_000) < signal**2).astype(int)
    frame = pl.DataFrame({"signal": signal, "noise": noise, "leak": bought * 1.0, "bought": bought})
    frame.write_csv(folder / "table.csv")
    return str(folder / "table.csv")


def test_a_table_without_its_leak_passes(run, tmp_path):
    result = run("table", "--table", table(tmp_path), "--label", "bought", "--leave-out", "leak")
    assert result.exit_code == 0, result.output
    assert "column leak alone: AUC 1.000" in result.output
    assert (tmp_path / "out" / "table" / "report" / "report.html").is_file()


def test_a_leak_is_refused_and_nothing_is_published(run, tmp_path):
    result = run("table", "--table", table(tmp_path), "--label", "bought", "--publish")
    assert result.exit_code == 1
    assert "feature leak alone has AUC 1.000" in " ".join(result.output.split())
    assert Registry(tmp_path / "models").names() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["purchase_intent"], "exactly one of"),
        (["table", "--generated", "10000"], "go together"),
        (["purchase_intent", "--events", "nothing.jsonl"], "cannot be read"),
    ],
)
def test_wrong_input_ends_with_status_2(run, arguments, words):
    result = run(*arguments)
    assert result.exit_code == 2 and words in result.output


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """What job archive would have left of the generated shop."""
    events = generated_events(12_000, seed=1)
    documents = (orjson.loads(value) for _, value in events.messages())
    return write_lake(tmp_path_factory.mktemp("lake"), documents), events


def test_from_the_lake_to_a_gated_candidate(run, lake, tmp_path):
    result = run("purchase_intent", "--events", str(lake[0]), "--publish")
    assert result.exit_code in (0, 1), result.output
    kept = Registry(tmp_path / "models").versions("purchase_intent")
    assert bool(kept) == (result.exit_code == 0) != ("refused: " in result.output)
    assert (tmp_path / "out" / "purchase_intent" / "report" / "report.html").is_file()


def test_from_the_log_of_scores(run, lake, tmp_path):
    registry = Registry(ROOT / "model_artifacts")
    model = load_pointed(registry, "purchase_intent", registry.pointer("purchase_intent"))
    log = tmp_path / "scores.jsonl"
    log.write_bytes(b"\n".join(model_traffic.scores(model, lake[1])))
    result = run("purchase_intent", "--events", str(lake[0]), "--scores", str(log))
    assert result.exit_code in (0, 1) and "logged" in result.output, result.output
    alone = run("purchase_intent", "--generated", "12000", "--scores", str(log))
    assert alone.exit_code == 2 and "goes with --events" in alone.output


def test_generated_events_make_a_version(run, tmp_path):
    result = run("purchase_intent", "--generated", "12000", "--publish")
    assert result.exit_code in (0, 1), result.output
    assert "first_cart" in result.output and "last action" in result.output
    version = (
        result.stdout.split()[-1]
        if result.exit_code
        else Registry(tmp_path / "models").versions("purchase_intent")[0]
    )
    assert (tmp_path / "out" / "purchase_intent" / version / "model.onnx").is_file()
