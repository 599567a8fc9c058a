"""promtool takes the rules; each alert fires in its case and stays quiet in its other one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.monitoring.prometheus import required
from tools.monitoring.files import FOLDER


@pytest.fixture(scope="module")
def promtool() -> str:
    return required("promtool")


def run(promtool: str, *words: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *words], cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_rules_are_rules(promtool: str) -> None:
    done = run(promtool, "check", "rules", "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_and_stays_quiet(promtool: str) -> None:
    done = run(promtool, "test", "rules", "alerts.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_cannot_fire_fails_its_case(promtool: str, tmp_path: Path) -> None:
    rules = (FOLDER / "alerts.yml").read_text("utf-8")
    (tmp_path / "alerts.yml").write_text(
        rules.replace("(footfall_lag_seconds) > 60", "(footfall_lag_seconds) > 600")
    )
    (tmp_path / "alerts.test.yml").write_text((FOLDER / "alerts.test.yml").read_text("utf-8"))
    done = run(promtool, "test", "rules", "alerts.test.yml", folder=tmp_path)
    assert done.returncode != 0 and "FootfallLag" in done.stderr + done.stdout
