"""requirements.txt is the frozen answer to requirements.in, and what is installed is what it says."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest

from stack.package import ROOT

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)")


def pins(name: str) -> dict[str, str]:
    """Version by normalised package name; any line that is neither a pin nor a comment fails."""
    found = {}
    for line in (ROOT / name).read_text().splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _PIN.match(text)
        assert match, f"{name}: a line must pin one version with ==, found {line!r}"
        found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found


ASKED, FROZEN = pins("requirements.in"), pins("requirements.txt")


@pytest.mark.parametrize("name", ASKED)
def test_every_version_that_is_asked_for_is_frozen(name: str) -> None:
    assert FROZEN.get(name) == ASKED[name]


def test_the_frozen_file_names_each_package_once() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
    assert len(lines) == len(FROZEN) > len(ASKED)


def test_no_line_says_where_packages_come_from() -> None:
    for name in ("requirements.in", "requirements.txt"):
        assert not re.search(r"^\s*-|://|\bfile:", (ROOT / name).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ASKED)
def test_the_installed_version_is_the_frozen_one(name: str) -> None:
    assert version(name) == FROZEN[name]


@pytest.mark.parametrize(
    ("heading", "name"),
    [("Jobs, commands, tests", "requirements.in"), ("Services", "services/requirements.in")],
)
def test_every_dependency_has_its_reason(heading: str, name: str) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    table = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([A-Za-z0-9._-]+) \| (.*) \|$", table, re.MULTILINE)[1:]
    assert [re.sub(r"[-_.]+", "-", package).lower() for package, _ in rows] == list(pins(name))
    assert all(why.strip() for _, why in rows)
