"""`scripts/segments fit` from a file to a version that an engine gives visitors; what is refused, and its status."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner, Result

from cli.segments import main
from connectors.contracts.model_inputs import CLUSTER
from connectors.models.registry import SHADOW, Registry
from jobs.offline import models
from jobs.offline.segments.judging import jaccard
from jobs.offline.training.events import read_events
from stack.package import ROOT
from tests.clusters import GROUPS, shop
from tests.engine_runs import documents, lines
from tests.engine_runs import run as run_engine
from tests.lake_files import write_lake
from udfs.models import batched, opened

Document = dict[str, Any]
KMEANS = ("--algorithm", "kmeans", "--json")
THREE = (*KMEANS, "--clusters", "3")


def fit(events: Path, folder: Path, *more: str) -> Result:
    places = ["--events", str(events), "--out", str(folder / "out"), "--models", str(folder / "models")]
    return CliRunner().invoke(main, ["fit", *places, *more])


def figures(result: Result, status: int = 0) -> Document:
    assert result.exit_code == status, result.output
    found: Document = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines(shop(400)))))
    return path


@pytest.fixture(scope="module")
def fitted(events: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Document]:
    folder = tmp_path_factory.mktemp("fit")
    return folder, figures(fit(events, folder, *THREE, "--publish"))


def test_groups_are_found_described_and_published(fitted: tuple[Path, Document]) -> None:
    folder, found = fitted
    assert (found["algorithm"], found["clusters"], found["visitors"]) == ("kmeans", 3, 400)
    assert found["silhouette"] > 0.5 > found["silhouette_shuffled"] and found["davies_bouldin"] < 1
    assert [round(one["share"], 1) for one in found["groups"]] == [0.5, 0.3, 0.2]
    assert "More: " in found["groups"][2]["description"]
    registry = Registry(folder / "models")
    assert registry.versions(CLUSTER) == [found["version"]] and registry.pointer(CLUSTER) is None
    report = folder / "out" / "report"
    assert json.loads((report / "report.json").read_text()) == found
    assert (report / "report.html").read_text().count("<img") == 3


def test_the_same_seed_gives_the_same_bytes(
    fitted: tuple[Path, Document], events: Path, tmp_path: Path
) -> None:
    folder, found = fitted
    figures(fit(events, tmp_path, *THREE))
    for name in ("model.onnx", "manifest.json", "golden.jsonl"):
        one, other = (place / "out" / found["version"] / name for place in (folder, tmp_path))
        assert one.read_bytes() == other.read_bytes()


def test_the_engine_gives_each_visitor_the_cluster_of_its_group(
    fitted: tuple[Path, Document], tmp_path: Path
) -> None:
    folder, found = fitted
    root = tmp_path / "models"
    for name in ("purchase_intent", "churn_risk"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(ROOT / "model_artifacts" / name)
    (root / CLUSTER).symlink_to(folder / "models" / CLUSTER)
    models.promote(Registry(root), CLUSTER, found["version"])
    others = shop(150, seed=2)
    for values in (lines(others), lines(others)[::-1]):
        out = run_engine(values, scorer=batched(opened(str(root))))
        scores = [one for one in documents(out, "score") if one["kind"] == CLUSTER]
        groups = np.array(
            [[one.__name__ for one in GROUPS].index(s["visitor_id"].split("-")[0]) for s in scores]
        )
        clusters = np.array([int(s["evidence"]["cluster"][-1]) - 1 for s in scores])
        assert len(scores) == 150 and jaccard(groups, clusters).max(axis=1).min() > 0.95
        newest = {
            one["visitor_id"]: one for one in sorted(documents(out, "visitor"), key=lambda d: d["version"])
        }
        scored = {name: one["scores"][-1] for name, one in newest.items()}
        assert {(one["model"], one["version"]) for one in scored.values()} == {(CLUSTER, found["version"])}
        assert all(scored[s["visitor_id"]]["cluster"] == s["evidence"]["cluster"] for s in scores)


def test_names_follow_the_live_version(fitted: tuple[Path, Document], events: Path, tmp_path: Path) -> None:
    folder, found = fitted
    registry = Registry(tmp_path / "models")
    models.publish(registry, folder / "out" / found["version"])
    models.promote(registry, CLUSTER, found["version"])
    other = tmp_path / "later.jsonl"
    other.write_bytes(b"\n".join(lines(shop(400, seed=5, shares=(0.2, 0.3, 0.5)))))
    later = figures(fit(other, tmp_path, *THREE, "--publish"))
    assert [one["name"] for one in later["groups"]] == ["cluster_3", "cluster_2", "cluster_1"]
    assert later["kept"] == 3 and later["rand_before"] > 0.95
    models.promote(registry, CLUSTER, later["version"], SHADOW)


def test_a_lake_is_history_too(tmp_path: Path) -> None:
    lake = write_lake(tmp_path / "lake", shop(250))
    found = figures(fit(lake, tmp_path, *KMEANS, "--clusters", "2"))
    assert (found["clusters"], found["visitors"]) == (2, 250)


def test_what_passes_no_gate_is_refused_with_status_1(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines(shop(300, shares=(0.88, 0.1, 0.02)))))
    found = figures(fit(path, tmp_path, *KMEANS, "--clusters", "4", "--publish"), status=1)
    assert found["objections"] and Registry(tmp_path / "models").names() == []


@pytest.mark.parametrize(
    ("visitors", "more", "words"),
    [
        (199, (), "199 visitors are too few to look for groups: at least 200 are required"),
        (200, ("--clusters", "3", "--algorithm", "hdbscan"), "no way finds clusters"),
        (200, ("--adapter", "otto"), "no valid event in"),
    ],
)
def test_wrong_input_ends_with_status_2(
    tmp_path: Path, visitors: int, more: tuple[str, ...], words: str
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines(shop(visitors))))
    result = fit(path, tmp_path, "--json", *more)
    assert result.exit_code == 2 and result.stdout == "", result.output
    assert words in " ".join(result.stderr.split()), result.stderr


def test_a_file_of_another_tracker_is_read_by_its_adapter(tmp_path: Path) -> None:
    path = tmp_path / "otto.jsonl"
    session = {"session": 7, "events": [{"aid": 1, "ts": 1_659_304_800_025, "type": "carts"}]}
    path.write_bytes(orjson.dumps(session))
    for adapter in ("otto", "auto"):
        ((at, event),) = read_events(path, adapter).messages()
        assert (at, orjson.loads(event)["event_type"]) == (1_659_304_800_025, "add_to_cart")
