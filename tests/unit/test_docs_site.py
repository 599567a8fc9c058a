"""The site shows every page that the index of the documentation lists, in its order."""

from __future__ import annotations

import json
from pathlib import Path

from stack.package import ROOT
from tools.docs import sections, settings, staged

INDEX = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")


def listed() -> list[str]:
    return [
        path
        for section in sections(INDEX)
        for pages in section.values()
        for page in pages
        for path in page.values()
    ]


def test_every_row_of_the_index_is_an_entry_that_exists() -> None:
    rows = [line for line in INDEX.splitlines() if line.startswith("| [")]
    assert len(rows) <= len(listed())
    assert [path for path in listed() if not (ROOT / path.partition("#")[0]).is_file()] == []


def test_the_four_kinds_of_pages_are_its_sections() -> None:
    assert [name for section in sections(INDEX) for name in section] == [
        "Tutorials",
        "How-to",
        "Reference",
        "Concepts",
    ]


def test_pages_lie_beside_their_settings_as_they_lie_in_the_checkout(tmp_path: Path) -> None:
    config = staged(tmp_path / "site")
    assert json.loads(config.read_text(encoding="utf-8")) == settings()
    for path in ("README.md", "docs/live.svg", *listed()):
        assert (config.parent / "pages" / path).read_bytes() == (ROOT / path).read_bytes()
    assert not (config.parent / "pages" / "tests").exists()
