"""The bundles that are committed: small, by themselves, and of nobody's machine."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from stack.package import ROOT

DIST = ROOT / "web" / "dist"
# Bytes, gzipped: what a page loads of each.
LIMITS = {"t.js": 3_500, "slots.js": 3_300, "react.js": 400, "vue.js": 400}


@pytest.mark.parametrize("name", LIMITS)
def test_a_bundle_is_small(name: str) -> None:
    assert 0 < len(gzip.compress((DIST / name).read_bytes(), 9)) <= LIMITS[name]


def test_every_bundle_has_a_limit() -> None:
    assert {path.name for path in DIST.iterdir()} == set(LIMITS)


@pytest.mark.parametrize("name", LIMITS)
def test_a_bundle_loads_nothing_from_elsewhere(name: str) -> None:
    assert not re.search(
        r"https?://|sourceMappingURL|\beval\(|innerHTML", (DIST / name).read_text(encoding="utf-8")
    )


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / "web/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: row for name, row in lock["packages"].items() if name}
    assert packages and not [name for name, row in packages.items() if "resolved" in row]
    assert not [name for name, row in packages.items() if not row.get("dev")]  # nothing is needed at run time


def test_nothing_is_asked_for_but_to_build() -> None:
    package = json.loads((ROOT / "web/package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in package
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["devDependencies"].values())
