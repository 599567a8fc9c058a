"""The sources: typed, tested, and what the committed bundles are made of. Needs Node, which running Footfall does not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.package import ROOT

WEB = ROOT / "web"
HOW = "needs Node 20 or newer and `npm ci` in web/; nobody else needs them"


@pytest.fixture(scope="module")
def npm() -> str:
    """npm, its packages installed; on CI they are, elsewhere the tests are skipped without them."""
    path = shutil.which("npm")
    on_ci = bool(os.environ.get("CI"))
    if path is None or not ((WEB / "node_modules").is_dir() or on_ci):
        assert not on_ci, HOW
        pytest.skip(HOW)
    if on_ci:
        subprocess.run([path, "ci", "--ignore-scripts"], cwd=WEB, check=True, timeout=240)
    return path


def run(*command: str) -> None:
    """Runs it in web/; what it says goes into the failure."""
    done = subprocess.run(
        command, cwd=WEB, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_types(npm: str) -> None:
    run(npm, "run", "check")


def test_units(npm: str) -> None:
    run(npm, "test")


def test_the_bundles_are_what_the_sources_give(npm: str, tmp_path: Path) -> None:
    run(npm, "run", "build", "--", "--out", str(tmp_path))
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in (WEB / "dist").iterdir()}
    assert committed == fresh, "run `npm run build` in web/ and commit web/dist/"
