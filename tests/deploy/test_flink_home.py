"""The Flink of an image has what the manifests and Flink's Kubernetes client look for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stack.flink_home import PARTS, lay_out
from tests.deploy.manifests import OVERLAYS, of_kind


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image") / "flink"
    jars = {part: folder.parent / f"{part}.jar" for part in PARTS}
    for jar in jars.values():
        jar.touch()
    lay_out(folder, {part: [jar] for part, jar in jars.items()})
    return folder


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_jar_of_a_job_is_there(home: Path, overlay: str) -> None:
    for one in of_kind(overlay, "FlinkDeployment"):
        place = one["spec"]["job"]["jarURI"].removeprefix("local:///opt/flink/")
        assert (home / place).is_file()


def test_flink_finds_python_in_a_folder_of_its_own(home: Path) -> None:
    """It walks through opt without following a link to a folder."""
    assert not (home / "opt").is_symlink()
    assert len(list((home / "opt").glob("flink-python-*.jar"))) == 1


def test_scripts_jars_and_plugins_are_where_flink_looks(home: Path) -> None:
    for script in ("kubernetes-jobmanager.sh", "kubernetes-taskmanager.sh", "standalone-job.sh"):
        assert os.access(home / "bin" / script, os.X_OK)
    names = {path.name for path in (home / "lib").iterdir()}
    assert {"flink.jar", "lake.jar"} < names and any(name.startswith("flink-dist-") for name in names)
    assert (home / "plugins" / "s3" / "s3.jar").is_symlink()
    assert list((home / "plugins" / "metrics-prometheus").glob("*.jar"))
    assert (home / "conf" / "config.yaml").is_file()
