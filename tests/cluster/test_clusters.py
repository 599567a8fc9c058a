"""Clusters that were found offline, given to visitors by the real stack: those that the engine gives, all in the index."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from cli.segments import main
from connectors.contracts.model_inputs import CLUSTER, MODELS
from connectors.elasticsearch import indices
from connectors.models.registry import Registry
from jobs.offline import models
from stack.package import ROOT
from stack.runs.dump import documents
from stack.runs.replay import replay
from tests.cluster import expected
from tests.cluster.conftest import CONSOLE, Deployer
from tests.clusters import shop
from tests.engine_runs import lines


def write(path: Path, visitors: int, seed: int) -> Path:
    path.write_bytes(b"\n".join(lines(shop(visitors, seed))))
    return path


def test_the_index_has_each_visitor_s_cluster(deploy: Deployer, tmp_path: Path) -> None:
    root = tmp_path / "models"
    root.mkdir()
    for name in MODELS:
        (root / name).symlink_to(ROOT / "model_artifacts" / name)
    history = write(tmp_path / "history.jsonl", 400, seed=1)
    options = ["--algorithm", "kmeans", "--clusters", "3", "--out", str(tmp_path / "out"), "--publish"]
    fitted = CliRunner().invoke(main, ["fit", "--events", str(history), "--models", str(root), *options])
    assert fitted.exit_code == 0, fitted.output
    version = Registry(root).versions(CLUSTER)[0]
    models.promote(Registry(root), CLUSTER, version)
    deployment = deploy(bounded=True, scoring=True, model_dir=str(root))
    assert replay(deployment, write(tmp_path / "events.jsonl", 300, seed=2), tmp_path / "dump", CONSOLE)
    out = expected.at_the_end(deployment)
    assert not expected.differences(expected.indexed(deployment), expected.newest(out.documents))
    found = [one["scores"][-1] for one in documents(deployment.client, indices.VISITORS.alias)]
    assert len(found) == 300
    assert {(one["model"], one["version"]) for one in found} == {(CLUSTER, version)}
    assert {one["cluster"] for one in found} == {"cluster_1", "cluster_2", "cluster_3"}
