"""scripts/segments: files are refused with file, line and field; cut-offs of a history; edits over a history."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import orjson
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cli.segments import main
from connectors.errors import BadRule
from jobs.active_rules import active_segments
from jobs.offline.backfill import Arrival, Pace
from jobs.offline.lifecycle.change import backfill
from jobs.offline.rules.change import compare
from jobs.offline.rules.folder import SEGMENTS, RulesFolder
from jobs.settings import Settings
from state.segments.language import schema
from state.segments.language.cutoffs import FILE, read_cutoffs
from state.segments.language.loading import SHIPPED, load
from tests.engine_runs import DAY, HOUR, T0, Document, event, lines
from tests.segment_files import scaled
from tests.unit.test_rules_watch import Group
from udfs.segments import SegmentsWatch, segments_of

LIFECYCLE = (SHIPPED / "lifecycle.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("decay: 28 d", "decay: 28", "6: decay: a span of time is a whole number and its unit"),
        ("decay: 28 d\n", "", "1: decay: required; add it"),
        (
            "{frequency: {at_least: 3}, recency: {below: 14 d}}",
            "{}",
            "11: segments.0.enter.0: one of frequency",
        ),
        (
            "{frequency: {at_least: 3}, ",
            "{frequency: {at_least: 31}, ",
            "segment engaged: frequency is at most 30",
        ),
        (
            "frequency: {at_least: 3}",
            "frequency: {}",
            "11: segments.0.enter.0.frequency: at_least or below is",
        ),
        ("frequency: {at_least: 3}", "visits: {at_least: 3}", "11: segments.0.enter.0.visits: unknown key"),
        ("name: casual", "name: new", "segment new is there twice"),
        ("kind: lifecycle", "kind: circle", "kind: must be one of lifecycle, rfm"),
        ("minimum_stay: 1 d", "minimum_stay: 500 d", "minimum_stay"),
        ("name: lifecycle", "name: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in LIFECYCLE
    file = tmp_path / "lifecycle.yaml"
    file.write_text(LIFECYCLE.replace(old, new, 1), encoding="utf-8")
    found = CliRunner().invoke(main, ["validate", str(file)])
    assert found.exit_code == 2 and str(file) in found.output and said in found.output


def test_the_shipped_files_are_good_and_a_kind_is_there_once(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["validate"])
    assert (found.exit_code, found.output) == (0, "2 files are good: lifecycle 1, rfm 1\n")
    (tmp_path / "other.yaml").write_text(LIFECYCLE, encoding="utf-8")
    with pytest.raises(BadRule, match="is of kind lifecycle already"):
        load([SHIPPED, tmp_path])


@pytest.mark.parametrize("name", ["lifecycle", "rfm"])
def test_the_schema_for_editors_accepts_the_shipped_files(name: str) -> None:
    jsonschema.validate(YAML(typ="safe").load(SHIPPED / f"{name}.yaml"), schema.schema())


def test_the_schema_refuses_what_no_segments_have() -> None:
    good = YAML(typ="safe").load(LIFECYCLE)
    segment = good["segments"][0]
    wrong = (
        {"decay": 28},
        {"segments": [segment]},
        {"segments": [good["segments"][1], {**segment, "enter": {"visits": {"at_least": 3}}}]},
        {"segments": [good["segments"][1], {**segment, "enter": []}]},
        {"kind": "circle"},
        {"mroe": 1},
    )
    for part in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **part}, schema.schema())


def test_the_schema_lies_beside_the_segments() -> None:
    assert schema.PATH.read_text(encoding="utf-8") == schema.text(), (
        "run python -m state.segments.language.schema"
    )


def bought(visitor: str, at: int, revenue: float) -> Document:
    return event(visitor, "purchase", at, order={"order_id": f"{visitor}{at}", "revenue": revenue})


def test_cut_offs_part_the_buyers_into_fifths(tmp_path: Path) -> None:
    orders = [
        bought(f"v{number}", number * DAY + again, 10.0 * number)
        for number in range(10)
        for again in range(1 + number // 5)
    ]
    file, out = tmp_path / "events.jsonl", tmp_path / FILE
    file.write_bytes(b"\n".join(lines([*orders, event("looker", "page_view", 10 * DAY)])))
    found = CliRunner().invoke(main, ["cutoffs", "--events", str(file), "--out", str(out)])
    assert found.exit_code == 0, found.output
    made = read_cutoffs(out)
    assert (made.buyers, made.as_of_ms, made.source) == (10, T0 + 10 * DAY, "events.jsonl")
    assert made.recency_ms == [2 * DAY - 1, 4 * DAY - 1, 6 * DAY, 8 * DAY]
    assert (made.frequency, made.monetary) == ([1, 1, 2, 2], [10.0, 30.0, 100.0, 140.0])


def test_cut_offs_of_too_few_buyers_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(lines([bought("v", 0, 1.0)])))
    found = CliRunner().invoke(main, ["cutoffs", "--events", str(file)])
    assert (
        found.exit_code == 2 and "at least 5 visitors that bought are required, 1 are there" in found.output
    )


def test_an_edit_is_answered_anew_up_to_the_newest_event(tmp_path: Path) -> None:
    visits = [event("a", "page_view", 0), event("a", "page_view", 9 * DAY), event("b", "page_view", 10 * DAY)]
    history = [Arrival(line) for line in lines(visits)]
    before = backfill(iter(history), SHIPPED, Settings(), Pace())
    assert {one["occurred_at_ms"] - T0 for one in before.signals.values()} == {0, 9 * DAY, 10 * DAY}
    assert {who: place["segment"] for who, place in before.places.items()} == {"a": "casual", "b": "new"}
    after = backfill(iter(history), scaled(tmp_path, 2, version=2).parent, Settings(), Pace())
    change = compare(before.signals, after.signals)
    assert change.counts() == {"gained": 2, "lost": 0, "changed": 2, "same": 2}
    assert after.places["a"]["segment_since_ms"] == T0 + 9 * DAY


def test_a_folder_of_segments_keeps_what_it_replaces(tmp_path: Path) -> None:
    folder = RulesFolder(tmp_path / "active", SEGMENTS)
    assert sorted(folder.pack()) == ["lifecycle", "rfm"]
    edited = scaled(tmp_path, 2, version=2)
    new, old = folder.accept(edited)
    folder.put(new, old, ("before", "after"))
    assert folder.pack()["lifecycle"].rule.version == 2
    folder.take_back()
    assert folder.pack()["lifecycle"].rule.version == 1


class Quiet(Group):
    """A group whose gauges may be anything."""

    def __init__(self) -> None:
        super().__init__()
        self.gauges = {}

    def gauge(self, name: str, ask: object) -> None:
        self.gauges[name] = ask


def test_a_worker_follows_the_folder_and_says_how_old_cut_offs_are(tmp_path: Path) -> None:
    folder, group = tmp_path / "active", Quiet()
    RulesFolder(folder, SEGMENTS)
    made = {"schema": "rfm_cutoffs/1", "date": "2023-11-14", "as_of_ms": T0, "buyers": 9, "source": "x"}
    cuts = dict.fromkeys(("recency_ms", "frequency", "monetary"), [1, 2, 3, 4])
    (folder / FILE).write_bytes(orjson.dumps(made | cuts))
    now = [T0 + 2 * DAY]
    watch = SegmentsWatch(active_segments(Settings()), str(folder), group, lambda: now[0])
    assert (group.gauges["cutoffs_age_days"](), group.gauges["cutoffs_stale"]()) == (2, 0)
    now[0] = T0 + 35 * DAY + 1
    assert (group.gauges["cutoffs_age_days"](), group.gauges["cutoffs_stale"]()) == (35, 1)
    logic = type("Logic", (), {"segments": watch.segments})()
    (folder / "lifecycle.yaml").write_text(LIFECYCLE.replace("version: 1", "version: 2"))
    watch.renew(logic)
    assert logic.segments is watch.segments and group.counts == {"renewed": 2}
    (folder / "lifecycle.yaml").write_text("name: [")
    watch.renew(logic)
    assert logic.segments is watch.segments and group.counts == {"renewed": 2, "refused": 1}
    assert segments_of(active_segments(Settings())).valid_until > T0 + HOUR  # without cut-offs nothing is old
