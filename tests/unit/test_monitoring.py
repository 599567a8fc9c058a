"""The table of what is watched is whole, the files made of it are fresh, and its metrics are metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from connectors.elasticsearch.indices import INDICES
from stack.package import ROOT
from tools.monitoring import saved_objects
from tools.monitoring.dashboards import dashboards
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


def test_each_panel_of_the_dashboards_asks_what_its_row_says() -> None:
    asked = []
    for name, text in dashboards(TABLE).items():
        shown = json.loads(text)
        assert shown["uid"] == f"footfall-{name}" and shown["templating"]["list"][0]["type"] == "datasource"
        asked += [
            (name, panel["title"], panel["targets"][0]["expr"], panel["fieldConfig"]["defaults"]["unit"])
            for panel in shown["panels"]
        ]
        assert {panel["datasource"]["uid"] for panel in shown["panels"]} == {"${datasource}"}
    rows = [
        (one.dashboard, one.title, one.metric, one.unit.replace("bool", "bool_yes_no"))
        for one in (*TABLE.watched, *TABLE.panel)
    ]
    assert sorted(asked) == sorted(rows)


@pytest.mark.parametrize("row", TABLE.watched, ids=lambda row: row.name)
def test_the_threshold_of_an_alert_is_the_line_of_its_panel(row: Watched) -> None:
    panels = json.loads(dashboards(TABLE)[row.dashboard])["panels"]
    (panel,) = [one for one in panels if one["title"] == row.title]
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, row.above if row.above is not None else row.below]
    assert steps[1]["color"] == ("red" if row.above is not None else "green")


def fields(properties: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every field of a mapping that can be searched, dotted."""
    for name, one in properties.items():
        if "properties" in one:
            yield from fields(one["properties"], f"{path}{name}.")
        elif one.get("type") in {"keyword", "date", "long", "integer", "double"}:
            yield f"{path}{name}"


SAVED = [json.loads(line) for line in saved_objects.ndjson().splitlines()]
OF = {index.alias: set(fields(index.properties)) for index in INDICES}


def test_each_index_has_its_data_view_and_its_time_is_a_date_of_the_mapping() -> None:
    views = {one["id"]: one["attributes"] for one in SAVED if one["type"] == "index-pattern"}
    assert views.keys() == OF.keys()
    for alias, field in saved_objects.TIMES.items():
        (index,) = [one for one in INDICES if one.alias == alias]
        assert views[alias]["timeFieldName"] == field and index.properties[field]["type"] == "date"


def test_the_board_of_signals_asks_for_fields_of_the_mapping_alone() -> None:
    asked = {column for one in SAVED if one["type"] == "search" for column in one["attributes"]["columns"]}
    for one in SAVED:
        if one["type"] == "visualization":
            aggregations = json.loads(one["attributes"]["visState"])["aggs"]
            asked |= {each["params"]["field"] for each in aggregations if "field" in each["params"]}
    assert {"kind", "rule.name", "occurred_at_ms"} <= asked <= OF["footfall-signals"]


def test_a_saved_object_refers_to_one_before_it() -> None:
    before: set[tuple[str, str]] = set()
    for one in SAVED:
        assert {(each["type"], each["id"]) for each in one["references"]} <= before
        assert (one["type"], one["id"]) not in before
        before.add((one["type"], one["id"]))
    assert SAVED[-1]["type"] == "dashboard" and len(SAVED[-1]["references"]) == 4
