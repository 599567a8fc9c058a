"""The registry and the loader: what may go live, and everything that may not."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.errors import ModelRefused
from connectors.models import files
from connectors.models.files import GOLDEN, GRAPH, MANIFEST
from connectors.models.registry import SHADOW, Registry
from jobs.offline import models as roles
from tests import models
from tests.models import NAMES, graph
from udfs.model_runtime import load, load_pointed


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "registry")


def published(registry, tmp_path, bias):
    manifest = models.write(tmp_path / "built", bias=bias)
    return roles.publish(registry, tmp_path / "built" / manifest.version)


def test_a_sound_version_scores_as_its_golden_rows_say(tmp_path):
    manifest = models.write(tmp_path)
    model = load(tmp_path / manifest.version, NAMES)
    rows = np.array([[3, 1], [np.nan, 2]], np.float32)
    assert np.allclose(model.score(rows), models.score_of(np.nan_to_num(rows), (0.1, 0.5), -1.0), atol=1e-6)
    assert np.isnan(rows[1, 0]), "the caller's rows stay as they are"
    assert model.score(rows[:0]).shape == (0,)


REFUSED = {
    "another input": ({"content": graph((0.1, 0.5), -1.0, input="other")}, "must take"),
    "another output": ({"content": graph((0.1, 0.5), -1.0, output="other")}, "must give"),
    "more columns": ({"content": graph((0.1, 0.5, 0.0), -1.0)}, "must take"),
    "operators of its own": (
        {"content": graph((0.1, 0.5), -1.0, domain="elsewhere")},
        "not of the ONNX standard",
    ),
    "external data": ({"content": graph((0.1, 0.5), -1.0, external=True)}, "lies in another file"),
    "no graph": ({"content": b"what"}, "no ONNX graph"),
    "NaN": ({"content": graph((0.1, 0.5), -1.0, operator="Log")}, "no probability"),
    "no probability": ({"content": graph((0.1, 0.5), -1.0, operator="Relu")}, "no probability"),
    "other golden rows": ({"golden": [{"features": [0, 0], "score": 0.9}]}, "golden rows differ"),
    "golden rows of another width": ({"golden": [{"features": [0], "score": 0.9}]}, "cannot be scored"),
    "no golden rows": ({"golden": []}, "at least one row"),
    "an unknown feature": ({"names": ("events", "count_add_to_carts")}, "no feature of this job"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_load(tmp_path, case):
    changes, words = REFUSED[case]
    manifest = models.write(tmp_path, **changes)
    with pytest.raises(ModelRefused, match=words):
        load(tmp_path / manifest.version, NAMES)


@pytest.mark.parametrize("file", [GRAPH, MANIFEST, GOLDEN])
def test_a_missing_file_is_refused(tmp_path, file):
    folder = tmp_path / models.write(tmp_path).version
    (folder / file).unlink()
    with pytest.raises(ModelRefused, match="cannot be read"):
        load(folder)


@pytest.mark.parametrize("file", [GRAPH, GOLDEN])
def test_a_changed_file_is_refused(tmp_path, file):
    folder = tmp_path / models.write(tmp_path).version
    (folder / file).write_bytes((folder / file).read_bytes() + b"\n")
    with pytest.raises(ModelRefused, match="changed after publishing"):
        load(folder)


def test_a_link_is_refused(tmp_path):
    folder = tmp_path / models.write(tmp_path).version
    (folder / GRAPH).rename(tmp_path / "elsewhere.onnx")
    (folder / GRAPH).symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(ModelRefused, match="a link"):
        load(folder)


def test_an_oversized_graph_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / models.write(tmp_path).version
    monkeypatch.setattr(files, "MAX_GRAPH_BYTES", 10)
    with pytest.raises(ModelRefused, match="at most 10 bytes"):
        load(folder)


def test_a_manifest_that_does_not_fit_is_refused(tmp_path):
    folder = tmp_path / models.write(tmp_path).version
    text = (folder / MANIFEST).read_text()
    for wrong in ('"threshold": 1.5', '"threshold": 0.5, "surprise": 1', '"threshold": NaN'):
        (folder / MANIFEST).write_text(
            text.replace('"threshold":0.5', wrong).replace('"threshold": 0.5', wrong)
        )
        with pytest.raises(ModelRefused, match=MANIFEST):
            load(folder)


def test_promote_and_roll_back(registry, tmp_path):
    first, second, third = (published(registry, tmp_path, bias) for bias in (-1.0, -2.0, -3.0))
    assert registry.names() == ["purchase_intent"]
    assert registry.versions(first.name) == sorted((first.version, second.version, third.version))
    assert registry.pointer(first.name) is None and registry.stamp(first.name) == 0
    stamps = set()
    for version in (first, second, third):
        roles.promote(registry, first.name, version.version)
        stamps.add(registry.stamp(first.name))
    assert len(stamps) == 3
    assert registry.pointer(first.name).previous == (second.version, first.version)
    assert roles.rollback(registry, first.name).version == second.version
    assert roles.rollback(registry, first.name).version == first.version
    with pytest.raises(ModelRefused, match="no version was live before"):
        roles.rollback(registry, first.name)
    assert load_pointed(registry, first.name, registry.pointer(first.name), NAMES).manifest == first


def test_the_shadow_is_a_role_of_its_own(registry, tmp_path):
    first, second = (published(registry, tmp_path, bias) for bias in (-1.0, -2.0))
    roles.promote(registry, first.name, first.version)
    roles.promote(registry, first.name, second.version, SHADOW)
    assert registry.pointer(first.name).version == first.version
    assert registry.pointer(first.name, SHADOW).version == second.version
    registry.clear(first.name)
    assert registry.pointer(first.name, SHADOW) is None


def test_versions_never_change(registry, tmp_path):
    manifest = published(registry, tmp_path, -1.0)
    assert published(registry, tmp_path, -1.0) == manifest, "the same again is no change"
    folder = tmp_path / "built" / manifest.version
    (folder / MANIFEST).write_text(manifest.model_copy(update={"fallback": 0.2}).to_json())
    with pytest.raises(ModelRefused, match="never change"):
        roles.publish(registry, folder)


def test_a_wrong_version_is_not_promoted(registry, tmp_path):
    manifest = published(registry, tmp_path, -1.0)
    (registry.root / manifest.name / manifest.version / GRAPH).write_bytes(b"other")
    with pytest.raises(ModelRefused):
        roles.promote(registry, manifest.name, manifest.version)
    with pytest.raises(ModelRefused, match="is no version"):
        roles.promote(registry, manifest.name, "../../etc")
    assert registry.pointer(manifest.name) is None


def test_a_broken_pointer_says_so(registry, tmp_path):
    manifest = published(registry, tmp_path, -1.0)
    (registry.root / manifest.name / "live.json").write_text("{")
    with pytest.raises(ModelRefused, match="is no pointer"):
        registry.pointer(manifest.name)
