"""Flink's options in the manifests: from flink-conf/ alone, options that there are, values of their types."""

from __future__ import annotations

import re

import pytest

from stack.flink_config import SOURCE
from tests.deploy.flink_options import known_options
from tests.deploy.manifests import OVERLAYS, Manifest, documents, name_of, of_kind
from tools import manifests

# Read in the operator's own documentation: its jars are in no package, so nothing else can tell.
OF_THE_OPERATOR = {
    "kubernetes.operator.job.restart.failed": "booleanType",
    "job.autoscaler.enabled": "booleanType",
}
# A reporter's options stand under its name: metrics.reporter.prom.port.
REPORTER = re.compile(r"metrics\.reporter\.(\w+)\.(.+)")
OF_A_REPORTER = {"factory.class": "stringType", "port": "stringType"}
_UNIT = r"\s*(ms|millis|s|sec|min|m|h|d|)"
SHAPES = {
    "booleanType": "true|false",
    "intType": r"-?\d+",
    "longType": r"-?\d+",
    "doubleType": r"-?\d+(\.\d+)?",
    "floatType": r"-?\d+(\.\d+)?",
    "durationType": rf"\d+{_UNIT}",
    "memoryType": r"\d+\s*(b|k|kb|m|mb|g|gb)",
    "mapType": r"[^:,]+:[^,]+(,[^:,]+:[^,]+)*",
}


def problems(options: dict[str, object]) -> list[str]:
    """Options that there are not, and values that are none of their type."""
    found = []
    for key, value in options.items():
        reporter = REPORTER.fullmatch(key)
        kind = OF_A_REPORTER.get(reporter[2]) if reporter else (known_options() | OF_THE_OPERATOR).get(key)
        if kind is None:
            found.append(f"{key}: Flink has no such option")
        elif not re.fullmatch(SHAPES.get(kind, ".+"), str(value)):
            found.append(f"{key}: {kind} is required, {value!r} came")
    return found


def jobs_of(overlay: str) -> dict[str, Manifest]:
    return {name_of(one): one["spec"] for one in of_kind(overlay, "FlinkDeployment")}


def test_flink_knows_a_thousand_options() -> None:
    known = known_options()
    assert len(known) > 900
    assert known["execution.checkpointing.interval"] == "durationType"
    assert known["taskmanager.numberOfTaskSlots"] == "intType"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_option_is_one_of_flinks(overlay: str) -> None:
    found = {name: problems(spec["flinkConfiguration"]) for name, spec in jobs_of(overlay).items()}
    assert found == dict.fromkeys(found, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"execution.checkpointing.intervall": "30 s"},
        {"state.backend": "rocksdb"},  # renamed in Flink 2
        {"execution.checkpointing.interval": "often"},
        {"metrics.reporter.prom.ports": "9249"},
    ],
)
def test_an_option_that_does_not_exist_is_found(wrong: dict[str, object]) -> None:
    assert len(problems(wrong)) == 1


@pytest.mark.parametrize("layer", manifests.LAYERS)
def test_so_is_every_option_of_a_file(layer: str) -> None:
    tree = manifests.load(SOURCE / f"{layer}.yaml")
    assert problems(dict(manifests.leaves(tree))) == []


def test_the_file_is_what_flink_conf_says() -> None:
    [written] = documents(manifests.TARGET.read_text("utf-8"))
    assert written == manifests.patch(manifests.options())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_must_hold_of_every_job(overlay: str) -> None:
    for name, spec in jobs_of(overlay).items():
        options = spec["flinkConfiguration"]
        assert spec["job"]["upgradeMode"] == "savepoint", name
        assert options["high-availability.type"] == "kubernetes", name
        assert options["state.backend.type"] == "rocksdb", name
        assert options["execution.checkpointing.incremental"] == "true", name
        assert (
            options["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"
        )
        assert 1 <= int(options["restart-strategy.exponential-delay.attempts-before-reset-backoff"]) <= 20
        assert options["job.autoscaler.enabled"] == "false", name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_must_outlive_a_pod_is_in_object_storage(overlay: str) -> None:
    for spec in jobs_of(overlay).values():
        for key in (
            "high-availability.storageDir",
            "execution.checkpointing.dir",
            "execution.checkpointing.savepoint-dir",
        ):
            assert spec["flinkConfiguration"][key].startswith("s3://")


def test_installations_do_not_share_a_folder() -> None:
    used = {
        overlay: {
            value
            for spec in jobs_of(overlay).values()
            for value in spec["flinkConfiguration"].values()
            if "://" in value
        }
        for overlay in OVERLAYS
    }
    assert not used["development"] & used["production"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_taskmanager_has_a_core_for_each_slot_and_room_for_its_workers(overlay: str) -> None:
    for name, spec in jobs_of(overlay).items():
        slots = int(spec["flinkConfiguration"]["taskmanager.numberOfTaskSlots"])
        assert spec["taskManager"]["resource"]["cpu"] >= min(slots, spec["job"]["parallelism"]), name
        assert mebibytes(spec["flinkConfiguration"]["taskmanager.memory.task.off-heap.size"]) >= 600 * slots
        assert mebibytes(spec["taskManager"]["resource"]["memory"]) > 2_900


def mebibytes(text: str) -> int:
    assert text.endswith("m"), text
    return int(text[:-1])
