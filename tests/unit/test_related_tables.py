"""Tables of related items in the registry: published, promoted, followed, and everything that is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.models import main
from connectors.contracts.table_manifest import Fit, TableManifest
from connectors.errors import ModelRefused
from connectors.models import files
from connectors.models.files import MANIFEST, TABLE, read_manifest
from connectors.models.registry import LIVE, SHADOW, Registry
from connectors.models.tables import RELATED, LiveTable, load_table, to_lines
from jobs.offline import models
from tests import models as built_models

CUPS = [("mug", [("cup", 0.5), ("pot", 0.25)]), ("cup", [("mug", 0.5)])]


def written(folder: Path, table=CUPS, content: bytes | None = None) -> Path:
    content = to_lines(table) if content is None else content
    sha256 = hashlib.sha256(content).hexdigest()
    fit = Fit(from_ms=0, to_ms=5, events=9, visitors=3, items=3, algorithm="item_cosine", seed=1)
    manifest = TableManifest(
        name=RELATED, version=f"20260102-{sha256[:8]}", sha256=sha256, training=fit, metrics={"recall@20": 0.5}, code_version="0",
    )  # fmt: skip
    target = folder / manifest.version
    target.mkdir(parents=True)
    (target / TABLE).write_bytes(content)
    (target / MANIFEST).write_text(manifest.to_json())
    return target


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def test_what_was_written_is_read(tmp_path):
    manifest, table = load_table(written(tmp_path))
    assert table == {"mug": (("cup", 0.5), ("pot", 0.25)), "cup": (("mug", 0.5),)}
    assert manifest.metrics == {"recall@20": 0.5}


def test_a_reader_follows_what_is_promoted_and_rolled_back(registry, tmp_path):
    live = LiveTable(registry)
    assert not live.refresh() and live.related("mug") == ()
    first = models.publish(registry, written(tmp_path))
    second = models.publish(registry, written(tmp_path, [("mug", [("pan", 1.0)])]))
    assert models.publish(registry, tmp_path / first.version) == first, "the same again changes nothing"
    models.promote(registry, RELATED, first.version)
    assert live.refresh() and live.version == first.version and live.related("cup") == (("mug", 0.5),)
    models.promote(registry, RELATED, second.version)
    assert live.refresh() and live.related("mug") == (("pan", 1.0),) and live.related("cup") == ()
    assert not live.refresh()
    models.rollback(registry, RELATED)
    assert live.refresh() and live.version == first.version
    registry.clear(RELATED, LIVE)
    assert live.refresh() and live.version is None and live.related("mug") == ()


def test_a_version_that_is_not_sound_leaves_the_one_before(registry, tmp_path):
    live = LiveTable(registry)
    first = models.publish(registry, written(tmp_path))
    second = models.publish(registry, written(tmp_path, [("mug", [("pan", 1.0)])]))
    models.promote(registry, RELATED, first.version)
    live.refresh()
    models.promote(registry, RELATED, second.version)
    (registry.root / RELATED / second.version / TABLE).write_bytes(b"")
    with pytest.raises(ModelRefused, match="changed after publishing"):
        live.refresh()
    assert live.version == first.version and live.related("cup") == (("mug", 0.5),)
    assert not live.refresh(), "it is said once, until the pointer changes"


def test_the_pointer_means_one_table(registry, tmp_path):
    first = models.publish(registry, written(tmp_path))
    second = models.publish(registry, written(tmp_path, [("mug", [("pan", 1.0)])]))
    registry.point(RELATED, LIVE, second.model_copy(update={"version": first.version}), (), "")
    with pytest.raises(ModelRefused, match="another table"):
        LiveTable(registry).refresh()
    with pytest.raises(ModelRefused, match="another version"):
        models.verify_role(registry, RELATED, LIVE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "at least one"),
        (b"[]\n", "no item's"),
        (b'{"item_id":"a"}\n', "no item's"),
        (b'{"item_id":"a","related":[["b","x"]]}\n', "no item's"),
        (to_lines([("a", []), ("a", [])]), "each item once"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused(registry, tmp_path, content, words):
    folder = written(tmp_path, content=content)
    with pytest.raises(ModelRefused, match=words):
        models.publish(registry, folder)
    assert registry.versions(RELATED) == []


def test_files_are_held_to_the_manifest(tmp_path, monkeypatch):
    folder = written(tmp_path)
    monkeypatch.setattr(files, "MAX_TABLE_BYTES", 10)
    with pytest.raises(ModelRefused, match="at most 10 bytes"):
        load_table(folder)
    monkeypatch.undo()
    (folder / TABLE).rename(tmp_path / "elsewhere")
    (folder / TABLE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelRefused, match="a link"):
        load_table(folder)
    (folder / TABLE).unlink()
    with pytest.raises(ModelRefused, match="cannot be read"):
        load_table(folder)
    (folder / MANIFEST).write_text((folder / MANIFEST).read_text().replace('"events": 9', '"events": 0'))
    with pytest.raises(ModelRefused, match="events"):
        load_table(folder)


def test_models_and_tables_are_not_mixed_up(registry, tmp_path):
    table, model = written(tmp_path), tmp_path / built_models.write(tmp_path).version
    with pytest.raises(ModelRefused, match="schema"):
        read_manifest(table)
    with pytest.raises(ModelRefused, match="a model came"):
        load_table(model)
    manifest = models.publish(registry, table)
    with pytest.raises(ModelRefused, match="does not shadow"):
        models.promote(registry, RELATED, manifest.version, SHADOW)


def test_the_command_shows_both(registry, tmp_path):
    model = models.publish(registry, tmp_path / built_models.write(tmp_path).version)
    table = models.publish(registry, written(tmp_path))
    models.promote(registry, RELATED, table.version)
    ask = ["--models", str(registry.root)]
    listed = CliRunner().invoke(main, [*ask, "list"]).output.splitlines()
    assert [line.split()[:2] for line in listed] == sorted(
        [[model.name, model.version], [RELATED, table.version]]
    )
    assert listed[1].endswith("item_cosine  recall@20 0.500  live")
    shown = CliRunner().invoke(main, [*ask, "show", RELATED]).output
    assert "item_cosine, of 3 items, 3 visitors" in shown and "live since" in shown
    verified = CliRunner().invoke(main, [*ask, "verify", RELATED])
    assert verified.exit_code == 0 and verified.output.splitlines() == [
        f"{RELATED} {table.version} is sound",
        f"{RELATED} live is sound",
    ]
    (registry.root / RELATED / table.version / TABLE).write_bytes(b"")
    refused = CliRunner().invoke(main, [*ask, "verify", RELATED])
    assert refused.exit_code == 2 and "2 of 2 checks failed" in refused.output
