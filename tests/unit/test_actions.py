"""The table of actions: what is refused, and quiet hours by the clock of their zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import BadInput
from jobs.active_rules import active_segments
from jobs.settings import Settings
from jobs.triggers import table_of
from state.triggers import actions
from state.triggers.actions import QuietHours

HOUR = 3_600_000
NOON = 1_700_049_600_000  # 2023-11-15T12:00:00Z
NIGHT = {"zone": "Europe/Berlin", "start": "21:00", "end": "08:00", "policy": "defer"}


@pytest.mark.parametrize(
    ("zone", "at_ms", "ends_at_ms"),
    [
        # The night of 26 March 2023 has an hour less, that of 29 October one more: 22:00 to 08:00 local time.
        ("Europe/Berlin", 1_679_778_000_000, 1_679_778_000_000 + 9 * HOUR),
        ("Europe/Berlin", 1_698_523_200_000, 1_698_523_200_000 + 11 * HOUR),
        (
            "Asia/Kolkata",
            1_700_065_800_000,
            1_700_065_800_000 + 10 * HOUR,
        ),  # 22:00 at half an hour past UTC's
    ],
)
def test_quiet_hours_are_those_of_the_zones_clock(zone: str, at_ms: int, ends_at_ms: int) -> None:
    assert QuietHours.model_validate({**NIGHT, "zone": zone}).ends_at_ms(at_ms) == ends_at_ms


def test_quiet_hours_begin_and_end_to_the_minute() -> None:
    day = QuietHours.model_validate({**NIGHT, "zone": "UTC", "start": "12:00", "end": "13:00"})
    assert [day.ends_at_ms(NOON + shift) is None for shift in (-1, 0, HOUR - 1, HOUR)] == [
        True,
        False,
        False,
        True,
    ]


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    night = QuietHours.model_validate({**NIGHT, "end": "02:30"})
    first, second = 1_698_538_200_000, 1_698_541_800_000  # 02:10 in summer time and 02:10 in winter time
    first_end, second_end = night.ends_at_ms(first), night.ends_at_ms(second)
    assert (first_end, second_end) == (first + HOUR // 3, second + HOUR // 3)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("version: 1\nactions: []", "actions"),
        (
            "version: 1\nactions: [{kind: a, action: b, step: c, priority: 0, cap: {triggers: 1, within_ms: 1}}]",
            "priority",
        ),
        (
            "version: 1\nquiet_hours: {zone: Mars/Olympus, start: '21:00', end: '08:00', policy: defer}",
            "zone",
        ),
        ("version: 1\nunheard_of: 1\nactions: []", "unheard_of"),
        ("a: [", "YAML"),
    ],
)
def test_a_table_with_a_mistake_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "actions.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=named):
        actions.load(path)


ROW = "  - {{kind: {kind}, where: {where}, action: b, step: c, priority: 1, cap: {{triggers: 1, within_ms: 1}}}}\n"


@pytest.mark.parametrize(
    ("kind", "where", "told"),
    [
        (
            "cart_abandoned",
            "{segment: x}",
            "where: one of the kinds segment_entered, segment_left is required",
        ),
        ("segment_entered", "{}", "where.segment: required"),
        ("segment_entered", "{segment: []}", "where.segment: .*at least 1 item"),
        ("segment_entered", "{segment: [At Risk]}", "where.segment.0: .*'At Risk' came"),
        ("segment_left", "{segment: 5}", "where.segment: .*5 came"),
        ("segment_left", "{segment: x, rfm: y}", "where.rfm: unknown key"),
        ("segment_left", "[x]", "where: .*came"),
        (
            "segment_left",
            "{segment: [new, gone]}",
            "where.segment: one of new, at_risk is required, 'gone' came",
        ),
    ],
)
def test_what_a_row_is_about_is_checked_with_file_line_and_field(
    tmp_path: Path, kind: str, where: str, told: str
) -> None:
    path = tmp_path / "actions.yaml"
    path.write_text(f"version: 1\nactions:\n{ROW.format(kind=kind, where=where)}")
    with pytest.raises(BadInput, match=rf"actions\.yaml:3: actions\.0\.{told}"):
        actions.load(path, ["new", "at_risk"])


def test_a_row_is_about_one_segment_or_several(tmp_path: Path) -> None:
    path = tmp_path / "actions.yaml"
    rows = (
        ROW.format(kind="segment_entered", where=where) for where in ("{segment: a}", "{segment: [a, b]}")
    )
    for row, wanted in zip(rows, (("a",), ("a", "b")), strict=True):
        path.write_text(f"version: 1\nactions:\n{row}")
        (found,) = actions.load(path).actions
        assert found.where is not None and found.where.segment == wanted


def test_an_own_table_is_about_segments_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "actions.yaml"
    path.write_text(f"version: 1\nactions:\n{ROW.format(kind='segment_entered', where='{segment: lapsd}')}")
    with pytest.raises(
        BadInput, match="one of engaged, new, casual, at_risk, lapsed is required, 'lapsd' came"
    ):
        table_of(Settings(actions_file=str(path)))


def test_the_shipped_rows_are_about_shipped_segments() -> None:
    names = {one.name for rule in active_segments(Settings()).rules for one in rule.segments}
    assert {name for row in actions.load().actions if row.where for name in row.where.segment} <= names


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        actions.load(tmp_path / "none.yaml")


def test_the_shipped_table_is_right() -> None:
    assert {row.kind for row in actions.load().actions} >= {"cart_abandoned", "checkout_hesitation"}
