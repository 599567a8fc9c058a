"""Changing a rule: who gains and who loses, what becomes of the documents, which files are active."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.rule_change import compare, newest, result
from cli.rule_history import history_of
from cli.rules_folder import RulesFolder
from cli.scenarios import BEGINNING_MS, VARIANTS, Scenario, read, stream, tellings
from connectors import lake
from connectors.errors import BadInput
from jobs.settings import Settings
from state.rules.pack import SHIPPED, BadRule

RULE = {"name": "bounce", "version": 2}


def signal(
    key: str, at: int, status: str = "active", version: int | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "signal_id": key, "occurred_at_ms": at, "status": status, "version": at if version is None else version,
        "rule": {"name": "bounce", "version": 1}, "evidence": {}, **more,
    }  # fmt: skip


def known(*signals: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return newest(signals)


def test_history_is_a_file_or_a_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text('{"event_time_ms": 5, "received_at_ms": 7}\n{"event_time_ms": 6}\n')
    assert [one["received_at_ms"] for one in history_of(file, Settings())] == [7, 7]
    file.write_text("no event\n")
    with pytest.raises(BadInput, match=r"history.jsonl:1: not an event"):
        list(history_of(file, Settings()))
    told = [lake.Message(b'{"event_time_ms": 5}', "v", 9, 5)]
    monkeypatch.setattr(lake, "messages", lambda folder: iter(told))
    assert list(history_of(tmp_path, Settings())) == [{"event_time_ms": 5, "received_at_ms": 9}]


def test_who_gains_who_loses_and_what_changes() -> None:
    before = known(
        signal("same", 5), signal("lost", 5), signal("moved", 5), signal("was taken back", 5, "retracted")
    )
    after = known(
        signal("same", 5, detected_at_ms=9), signal("moved", 4), signal("new", 6), signal("was taken back", 7)
    )
    change = compare(before, after)
    assert change.counts() == {"gained": 2, "lost": 1, "changed": 1, "same": 1}
    assert (change.lost, change.changed) == (frozenset(["lost"]), frozenset(["moved"]))


def test_what_is_lost_is_retracted_and_nothing_rolls_back() -> None:
    before = known(
        signal("lost", 5), signal("moved", 5), signal("same", 5), signal("gone before", 5, "retracted")
    )
    after = known(signal("moved", 4), signal("same", 5), signal("new", 6))
    documents = {one["signal_id"]: one for one in result(before, after, RULE)}
    assert set(documents) == set(before) | set(after)
    lost = documents["lost"]
    assert (lost["status"], lost["version"], lost["rule"]) == ("retracted", 6, RULE)
    assert lost["evidence"] == {"retracted_by_rule_version": 2}
    # True a millisecond earlier than before, and still newer than what it replaces.
    assert (documents["moved"]["occurred_at_ms"], documents["moved"]["version"]) == (4, 6)
    assert documents["same"] == after["same"] and documents["gone before"] == before["gone before"]


@pytest.fixture
def folder(tmp_path: Path) -> RulesFolder:
    return RulesFolder(tmp_path / "active")


def edited(folder: RulesFolder, name: str, old: str, new: str) -> Path:
    target = folder.path.parent / f"{name}-new.yaml"
    text = (folder.path / f"{name}.yaml").read_text()
    assert old in text
    target.write_text(text.replace(old, new))
    return target


def test_a_new_folder_holds_the_shipped_pack(folder: RulesFolder) -> None:
    assert set(folder.pack()) == {path.stem for path in SHIPPED.glob("*.yaml")}


def test_a_change_and_the_way_back(folder: RulesFolder) -> None:
    file = edited(folder, "category_interest", "version: 1", "version: 2")
    file.write_text(file.read_text().replace("more_than: 3", "more_than: 5"))
    new, old = folder.accept(file)
    assert old is not None and (old.rule.version, new.rule.version) == (1, 2)
    folder.put(new, old, ("index-1", "index-2"))
    assert folder.pack()["category_interest"].rule.more_than == 5
    assert (folder.last().index_before, folder.last().index) == ("index-1", "index-2")
    folder.take_back()
    assert folder.pack()["category_interest"].rule.more_than == 3
    with pytest.raises(BadInput, match="no change to go back on"):
        folder.last()


def test_a_rule_is_retired_and_comes_back(folder: RulesFolder) -> None:
    folder.put(None, folder.pack()["bounce"], ("index-1", "index-2"))
    assert "bounce" not in folder.pack()
    folder.take_back()
    assert "bounce" in folder.pack()


def test_what_may_not_be_applied_changes_nothing(folder: RulesFolder) -> None:
    before = sorted(path.read_text() for path in folder.path.iterdir())
    same_version = edited(folder, "category_interest", "more_than: 3", "more_than: 5")
    with pytest.raises(BadRule, match="a change needs version 2 or more"):
        folder.accept(same_version)
    with pytest.raises(BadInput, match="nothing to do"):
        folder.accept(shutil.copy(folder.path / "bounce.yaml", folder.path.parent / "again.yaml"))
    taken = edited(folder, "bounce", "name: bounce", "name: hop\nemits: funnel_step")
    with pytest.raises(BadRule, match="signals of kind funnel_step are those of rule funnel_step"):
        folder.accept(taken)
    assert sorted(path.read_text() for path in folder.path.iterdir()) == before


# ---------------------------------------------------------------------------------------------------- scenarios


def scenario(**told: Any) -> Scenario:
    events = [{"at": "0 s", "type": "page_view"}, {"at": "10 s", "type": "search", "late_by": "40 s"}]
    return Scenario.model_validate({"scenario": "told", "events": events, "never": ["bounce"], **told})


def test_a_scenario_is_told_in_every_variant_to_visitors_of_its_own() -> None:
    told = tellings([scenario()])
    assert [one.variant for one in told] == list(VARIANTS)
    events = stream(told, bound_ms=2_000)
    visitors = {event["visitor_id"] for event in events} - {"clock"}
    assert len(visitors) == len(VARIANTS)
    assert [event["received_at_ms"] for event in events] == sorted(
        event["received_at_ms"] for event in events
    )


def test_the_clock_stands_at_each_arrival_so_that_late_is_late() -> None:
    events = stream(tellings([scenario()])[:1], bound_ms=2_000)
    late = next(number for number, event in enumerate(events) if event["event_type"] == "search")
    assert events[late - 1]["event_type"] == "heartbeat"
    assert events[late - 1]["event_time_ms"] == BEGINNING_MS + 50_000


def test_complaints_tell_what_is_missing_and_what_should_not_be_there() -> None:
    expect = [{"kind": "cart_abandoned", "at": "30 min"}]
    told = tellings([scenario(expect=expect)])[0]
    bounce = {**signal("a", BEGINNING_MS + 5_000), "kind": "bounce", "visitor_id": told.prefix + "anna"}
    cart = {**bounce, "signal_id": "b", "kind": "cart_abandoned", "occurred_at_ms": BEGINNING_MS + 1_800_000}
    assert len(list(told.complaints([bounce]))) == 2
    assert list(told.complaints([cart])) == []
    assert len(list(told.complaints([{**cart, "occurred_at_ms": BEGINNING_MS}]))) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scenario: some\nevents: [{at: 5, type: search}]\nnever: [bounce]\n", "a time is so long after the beginning"),
        ("scenario: some\nevents: [{at: 5 s, type: search}]\n", "needs `expect` or `never`"),
        ("scenario: some\nevents: []\nnever: [bounce]\n", "events"),
        ("scenario: [\n", "no scenarios can be read"),
        ("scenario: some\nevents: [{at: 5 s, type: x}]\nnever: [a]\nexpect: [{kind: a}]\n", "expected and must never"),
    ],
)  # fmt: skip
def test_a_bad_scenario_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match="some.yaml") as error:
        read(path)
    assert told in str(error.value)
