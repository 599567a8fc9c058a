"""The table of what is watched is whole, the files made of it are fresh, and its metrics are metrics that there are."""

from __future__ import annotations

import re

import msgspec
import pytest

from stack.package import ROOT
from tools.monitoring.files import FOLDER, generated, the_table
from tools.monitoring.rules import PAGE
from tools.monitoring.table import Watched, read

TABLE = the_table()
_ANCHOR = re.compile(r"[^\w\s-]")


def anchors(page: str) -> set[str]:
    """The headings of a page of operations as a link names them."""
    text = (ROOT / "docs" / "operations" / page).read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {_ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_files_made_of_the_table_are_up_to_date() -> None:
    stale = [str(path) for path, text in generated().items() if path.read_text("utf-8") != text]
    assert stale == [], "run python -m tools.monitoring"


@pytest.mark.parametrize("row", TABLE.watched, ids=lambda row: row.name)
def test_a_row_says_all_that_is_needed_at_three_in_the_morning(row: Watched) -> None:
    assert row.means.endswith(".") and row.do.endswith(".")
    assert re.fullmatch(r"\d+[mhd]", row.for_) and re.fullmatch(r"\d+[mh]", row.at)
    page, _, anchor = row.page.partition("#")
    assert anchor in anchors(page)
    assert row.alert.lower() in anchors(PAGE.removeprefix("docs/operations/"))
    assert row.quiet, "promtool needs series for which it stays quiet"


def test_names_are_given_once() -> None:
    assert len({row.name for row in TABLE.watched}) == len(TABLE.watched)
    assert len({(one.dashboard, one.title) for one in (*TABLE.watched, *TABLE.panel)}) == len(
        TABLE.watched
    ) + len(TABLE.panel)


def test_a_row_without_a_threshold_or_with_a_field_of_its_own_is_refused() -> None:
    text = (FOLDER / "watched.toml").read_bytes()
    with pytest.raises(msgspec.ValidationError, match="one of above and below"):
        read(text.replace(b"above = 60\n", b"", 1))
    with pytest.raises(msgspec.ValidationError, match=r"unknown field `abov`.*watched"):
        read(text.replace(b"above = 60\n", b"abov = 60\n", 1))
