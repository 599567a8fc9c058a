"""The Flink configuration: what flink-conf/ says, and what is generated from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack import flink_config
from stack.flink_config import SOURCE, get_value, load, merge, write_conf_dir

REQUIRED = {
    "state.backend.type": "hashmap",
    "execution.checkpointing.interval": "10 s",
    "execution.checkpointing.min-pause": "2 s",
    "execution.checkpointing.timeout": "5 min",
    "execution.checkpointing.tolerable-failed-checkpoints": 3,
    "execution.checkpointing.num-retained": 3,
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "restart-strategy.type": "exponential-delay",
    "pipeline.max-parallelism": 128,
    "python.fn-execution.bundle.time": 100,
    "python.fn-execution.bundle.size": 2000,
    "python.fn-execution.arrow.batch.size": 2000,
    "python.metric.enabled": True,
    "taskmanager.numberOfTaskSlots": 4,
}


@pytest.mark.parametrize(("key", "value"), REQUIRED.items())
def test_the_shipped_values(key: str, value: object) -> None:
    assert get_value(load(SOURCE / "config.yaml"), key) == value


@pytest.mark.parametrize("overlay", [None, "production"])
def test_a_poison_pill_ends_a_job(tmp_path: Path, overlay: str | None) -> None:
    write_conf_dir(tmp_path, {}, overlay)
    attempts = get_value(
        load(tmp_path / "config.yaml"), "restart-strategy.exponential-delay.attempts-before-reset-backoff"
    )
    assert 1 <= attempts <= 20


def test_servers_listen_on_loopback_only() -> None:
    tree = load(SOURCE / "config.yaml")
    for key in ("jobmanager.bind-host", "taskmanager.bind-host", "rest.bind-address"):
        assert get_value(tree, key) == "127.0.0.1"


def test_generated_values_replace_shipped_ones_and_the_comments_stay(tmp_path: Path) -> None:
    write_conf_dir(tmp_path, {"rest.port": 12345, "some.new.key": "x"})
    text = (tmp_path / "config.yaml").read_text()
    tree = load(tmp_path / "config.yaml")
    assert get_value(tree, "rest.port") == 12345 and get_value(tree, "some.new.key") == "x"
    assert get_value(tree, "jobmanager.memory.process.size") == "800m"
    assert "# Loopback only" in text
    assert {path.name for path in tmp_path.glob("log4j*")} >= {
        "log4j-console.properties",
        "log4j-cli.properties",
    }


def test_the_java_options_stay_on_one_line(tmp_path: Path) -> None:
    # Flink's shell scripts read the file line by line.
    write_conf_dir(tmp_path, {})
    [line] = [row for row in (tmp_path / "config.yaml").read_text().splitlines() if " all: " in row]
    assert line.endswith("java.util.concurrent.locks=ALL-UNNAMED")


def test_production_is_laid_over(tmp_path: Path) -> None:
    write_conf_dir(tmp_path, {}, overlay="production")
    tree = load(tmp_path / "config.yaml")
    assert get_value(tree, "state.backend.type") == "rocksdb"
    assert get_value(tree, "execution.checkpointing.incremental") is True
    assert get_value(tree, "execution.checkpointing.num-retained") == 3
    assert get_value(tree, "pipeline.max-parallelism") == 128


def test_merge_keeps_what_the_overlay_does_not_name() -> None:
    tree = {"a": {"b": 1, "c": 2}, "d": 3}
    merge(tree, {"a": {"b": 9}, "e": {"f": 1}})
    assert tree == {"a": {"b": 9, "c": 2}, "d": 3, "e": {"f": 1}}
    assert flink_config.get_value(tree, "a.x") is None
