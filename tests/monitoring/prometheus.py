"""The Prometheus that the tests ask: the one on this machine; on CI Debian's is installed when there is none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import requests

from stack.ports import free_ports

INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "prometheus")
SCRAPE_S = 2
HOW = f"no prometheus and promtool on PATH: sudo {' '.join(INSTALL)}"


def required(program: str) -> str:
    """Path of `prometheus` or `promtool`; without it the tests are skipped, and on CI they fail."""
    path = shutil.which(program)
    if path is None and os.environ.get("CI"):
        for command in (("apt-get", "update"), INSTALL):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=240)
        path = shutil.which(program)
        assert path, HOW
    if path is None:
        pytest.skip(HOW)
    return path


class Prometheus:
    """A real one, over rules and targets, in a folder."""

    def __init__(self, folder: Path, rules: str, targets: Iterable[str]) -> None:
        """Starts it; `stop` ends it."""
        (folder / "alerts.yml").write_text(rules, "utf-8")
        (folder / "prometheus.yml").write_text(_configured(targets), "utf-8")
        [port] = free_ports(1)
        self.url, self._log = f"http://127.0.0.1:{port}", (folder / "prometheus.log").open("ab")
        command = [
            required("prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        self._process = subprocess.Popen(command, cwd=folder, stdout=self._log, stderr=self._log)
        while not self._is_ready():
            assert self._process.poll() is None, (folder / "prometheus.log").read_text("utf-8")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series that the query has now."""
        answer = requests.get(f"{self.url}/api/v1/query", {"query": query}, timeout=20).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def firing(self) -> set[str]:
        """Names of the alerts that fire."""
        alerts = requests.get(f"{self.url}/api/v1/alerts", timeout=20).json()["data"]["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


def _configured(targets: Iterable[str]) -> str:
    every = {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"}
    scraped = {"job_name": "footfall", "static_configs": [{"targets": list(targets)}]}
    return json.dumps({"global": every, "rule_files": ["alerts.yml"], "scrape_configs": [scraped]})


def quicker(rules: str, times: int) -> str:
    """The rules with each `for`, window and offset so many times shorter; thresholds stay.

    >>> quicker("expr: rate(x[5m]) > 60 offset 1h\\nfor: 2m", 6)
    'expr: rate(x[50s]) > 60 offset 600s\\nfor: 20s'
    """
    return re.sub(
        r"(\[|offset |for: )(\d+)([mh])",
        lambda found: f"{found[1]}{int(found[2]) * {'m': 60, 'h': 3600}[found[3]] // times}s",
        rules,
    )
