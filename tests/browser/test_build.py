"""The sources: typed, tested, and what the committed bundles are made of."""

from __future__ import annotations

from pathlib import Path

from tests.browser.node import WEB, required, run


def test_types() -> None:
    run(required(), "run", "check")


def test_units() -> None:
    run(required(), "test")


def test_the_bundles_are_what_the_sources_give(tmp_path: Path) -> None:
    run(required(), "run", "build", "--", "--out", str(tmp_path))
    fresh = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in (WEB / "dist").iterdir()}
    assert committed == fresh, "run `npm run build` in web/ and commit web/dist/"
