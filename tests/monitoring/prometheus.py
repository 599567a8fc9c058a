"""The Prometheus that the tests ask: the one on this machine; on CI Debian's is installed when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "prometheus")
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
