"""The Chromium that the tests drive: the one on this machine; on CI Debian's is installed when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = ("apt-get", "install", "-y", "chromium")
HOW = f"no Chromium on PATH ({', '.join(NAMES)}): sudo {' '.join(INSTALL)}, or set FOOTFALL_CHROMIUM to its path"


def found() -> str | None:
    """Path of a Chromium, FOOTFALL_CHROMIUM first."""
    asked = os.environ.get("FOOTFALL_CHROMIUM")
    return shutil.which(asked) if asked else next(filter(None, map(shutil.which, NAMES)), None)


def required() -> str:
    """Path of a Chromium; without one the tests are skipped, and on CI they fail."""
    path = found()
    if path is None and os.environ.get("CI"):
        for command in (("apt-get", "update"), INSTALL):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=240)
        path = found()
        assert path, HOW
    if path is None:
        pytest.skip(HOW)
    return path
