"""Node and the packages that build the bundles: nobody needs them to run Footfall."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

import pytest

from stack.package import ROOT

WEB = ROOT / "web"
HOW = "needs Node 20 or newer and `npm ci` in web/; running Footfall needs neither"


@cache
def npm() -> str | None:
    """Path of npm once the packages are there; None where something is missing. On CI they are installed."""
    path = shutil.which("npm")
    if path and os.environ.get("CI"):
        subprocess.run([path, "ci", "--ignore-scripts"], cwd=WEB, check=True, timeout=240)
    return path if path and (WEB / "node_modules").is_dir() else None


def required() -> str:
    """Path of npm; without it the tests are skipped, and on CI they fail."""
    path = npm()
    if path is None:
        assert not os.environ.get("CI"), HOW
        pytest.skip(HOW)
    return path


def run(*command: str) -> None:
    """Runs it in web/; what it says goes into the failure."""
    done = subprocess.run(
        command, cwd=WEB, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
