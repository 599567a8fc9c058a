"""Changing a rule: gained and lost signals, what becomes of the documents, which files are active."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from connectors.contracts import topics
from connectors.elasticsearch import indices
from connectors.errors import BadInput
from connectors.lake import reading as lake
from jobs.offline.backfill import Arrival, Pace
from jobs.offline.rules import change as rule_change
from jobs.offline.rules.change import Signals, backfill, compare, newest, result
from jobs.offline.rules.folder import RulesFolder
from jobs.offline.rules.history import History, history_of
from jobs.offline.rules.scenarios import BEGINNING_MS, VARIANTS, Scenario, read, scenario_runs, stream
from jobs.settings import Settings
from state.rules.language.loading import SHIPPED, BadRule
from tests import datasets
from tests.rule_oracle import answers
from tests.words import Document, cart, event, page, purchase, t

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


def values(history: History) -> list[bytes]:
    return [one.value for one in history()]


def test_history_is_a_file_or_a_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "history.jsonl"
    file.write_bytes(b'{"event_time_ms": 6}\n\n{"event_time_ms": 5}\n')
    assert values(history_of(file, Settings())) == [b'{"event_time_ms": 5}', b'{"event_time_ms": 6}']
    when = 1_700_000_000_000
    came = [b'{"event_time_ms": %d, "received_at_ms": %d}' % (when - late, when) for late in (5, 99)]
    file.write_bytes(b"\n".join(came))
    assert values(history_of(file, Settings())) == came, "as it came in, where the lines say so"
    given = [lake.Message(b'{"event_time_ms": 5}', "v", 9, 5)]
    monkeypatch.setattr(lake, "messages", lambda folder: iter(given))
    assert values(history_of(tmp_path, Settings())) == [b'{"event_time_ms": 5}']
    with pytest.raises(BadInput, match="nothing.jsonl cannot be read"):
        history_of(tmp_path / "nothing.jsonl", Settings())


def test_history_of_topics_is_in_order_of_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    class Read(NamedTuple):
        at: int
        number: int

        @property
        def value(self) -> bytes:
            return b"%d" % self.at

        @property
        def partition(self) -> int:
            return self.number

        @property
        def offset(self) -> int:
            return 3

        @property
        def timestamp(self) -> int:
            return self.at

    found = {topics.EVENTS_RAW.name: [Read(7, 0), Read(5, 1)]}
    monkeypatch.setattr(
        "jobs.offline.rules.history.read_topic", lambda properties, topic: found.get(topic, [])
    )
    history = history_of(None, Settings())
    assert values(history) == values(history) == [b"5", b"7"]
    assert next(history()).position == (topics.EVENTS_RAW.name, 1, 3, 5)


def answered(tmp_path: Path, name: str, events: Iterable[Document], **more: Any) -> tuple[Signals, Pace]:
    folder = tmp_path / "alone"
    folder.mkdir(exist_ok=True)
    shutil.copy(SHIPPED / f"{name}.yaml", folder)
    pace, history = Pace(), [Arrival(orjson.dumps(one)) for one in events]
    return backfill(lambda: history, Settings(rules_dir=str(folder), **more), pace), pace


def test_a_rule_is_answered_anew_over_history(tmp_path: Path) -> None:
    """In order of arrival, copies and all; late is late, and takes back."""
    bought = purchase(t(10))
    events = [
        cart(t(0)),
        cart(t(0)),
        page(t(5), sequence=1),
        page(t(50)),
        bought,
        event("w", "add_to_cart", t(60)),
    ]
    found, pace = answered(tmp_path, "cart_abandoned", events)
    assert sorted((one["visitor_id"], one["status"]) for one in found.values()) == [
        ("v", "retracted"),
        ("w", "active"),
    ]
    assert (pace.events, pace.late, pace.refused, pace.passed_over) == (6, 1, 0, 0)
    assert str(pace).startswith("6 events in ") and str(pace).endswith("a second, 1 late")


def test_a_history_of_no_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no valid event .1 messages are none."):
        answered(tmp_path, "bounce", [{"event_time_ms": 5}])


@pytest.mark.parametrize("stream", datasets.STREAMS)
def test_a_backfill_equals_the_naive_answer(tmp_path: Path, stream: str) -> None:
    """Over real events, shuffled within the bound and some of them twice."""
    datasets.require()
    events = list(datasets.canonical_events(stream, 3_000))
    chance = random.Random(1)
    given = sorted([*events, *events[::7]], key=lambda one: one["event_time_ms"] + chance.randrange(1_900))
    caps = {"bot_events_per_minute": 0, "bot_events_per_day": 0}
    for name in ("category_interest", "bounce", "returning_visitor"):
        found, pace = answered(tmp_path, name, given, **caps)
        shutil.rmtree(tmp_path / "alone")
        mine = Counter((one["visitor_id"], one["status"], one["occurred_at_ms"]) for one in found.values())
        naive = Counter(one[1:4] for one in answers(events).elements() if one[0] == name)
        assert mine == naive and pace.late == 0


def test_irrelevant_visitors_are_skipped_and_only_advance_time(tmp_path: Path) -> None:
    """A guest's cart is the user's, by way of the device; others have none, and still make what follows late."""
    login = event("phone", "identify", t(2), user_id="v")
    given = [
        event("phone", "add_to_cart", t(1)),
        login,
        event("w", "page_view", t(60)),
        page(t(3)),
        page(t(61)),
    ]
    found, pace = answered(tmp_path, "cart_abandoned", given)
    assert [(one["visitor_id"], one["occurred_at_ms"]) for one in found.values()] == [("v", t(31))]
    assert (pace.events, pace.passed_over, pace.late) == (5, 1, 1)


@pytest.mark.parametrize("stream", datasets.STREAMS)
def test_passing_over_changes_nothing(tmp_path: Path, stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.require()
    events = list(datasets.canonical_events(stream, 3_000))
    for name in ("cart_abandoned", "product_revisit", "price_hesitation", "first_purchase"):
        found, _ = answered(tmp_path, name, events)
        with monkeypatch.context() as patch:
            patch.setattr(rule_change, "heard", lambda pack: None)
            whole, pace = answered(tmp_path, name, events)
        shutil.rmtree(tmp_path / "alone")
        assert pace.passed_over == 0 and found.keys() == whole.keys()
        assert compare(found, whole).counts()["same"] == sum(
            one["status"] != "retracted" for one in found.values()
        )


class Index:
    """As much of a client as a sweep needs."""

    def __init__(self, *signals: dict[str, Any]) -> None:
        self.found, self.indices = known(*signals), self

    def get_alias(self, name: str) -> dict[str, Any]:
        return {"now": {}}

    def refresh(self, index: str) -> None:
        pass


def test_signals_of_the_old_version_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = signal("old", 5), signal("new", 5, rule=RULE)
    index, written = Index(old, new, signal("gone", 5, "retracted")), list[dict[str, Any]]()
    hits = [{"_id": key, "_source": one} for key, one in index.found.items()]
    monkeypatch.setattr(rule_change, "scan", lambda *_, **__: hits)
    monkeypatch.setattr(
        rule_change, "streaming_bulk", lambda client, actions, **_: written.extend(actions) or []
    )
    assert rule_change.sweep(index, RULE, lambda version: version < 2) == 1  # type: ignore[arg-type]
    (one,) = written
    assert (one["_id"], one["_source"]["status"], one["version"]) == ("old", "retracted", 6)
    assert one["_index"] == indices.SIGNALS.alias


def test_gains_losses_and_changes() -> None:
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
    assert not list(folder.path.glob("*.new")), "a file comes in one step"
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
    with pytest.raises(BadInput, match="nothing is to be done"):
        folder.accept(shutil.copy(folder.path / "bounce.yaml", folder.path.parent / "again.yaml"))
    taken = edited(folder, "bounce", "name: bounce", "name: hop\nemits: funnel_step")
    with pytest.raises(BadRule, match="signals of kind funnel_step are those of rule funnel_step"):
        folder.accept(taken)
    assert sorted(path.read_text() for path in folder.path.iterdir()) == before


# ---------------------------------------------------------------------------------------------------- scenarios


def scenario(**given: Any) -> Scenario:
    events = [{"at": "0 s", "type": "page_view"}, {"at": "10 s", "type": "search", "late_by": "40 s"}]
    return Scenario.model_validate({"scenario": "told", "events": events, "never": ["bounce"], **given})


def test_a_scenario_runs_in_every_variant_with_its_own_visitors() -> None:
    given = scenario_runs([scenario()])
    assert [one.variant for one in given] == list(VARIANTS)
    events = stream(given, bound_ms=2_000)
    visitors = {event["visitor_id"] for event in events} - {"clock"}
    assert len(visitors) == len(VARIANTS)
    assert [event["received_at_ms"] for event in events] == sorted(
        event["received_at_ms"] for event in events
    )


def test_the_clock_stands_at_each_arrival_so_that_late_is_late() -> None:
    events = stream(scenario_runs([scenario()])[:1], bound_ms=2_000)
    late = next(number for number, event in enumerate(events) if event["event_type"] == "search")
    assert events[late - 1]["event_type"] == "heartbeat"
    assert events[late - 1]["event_time_ms"] == BEGINNING_MS + 50_000


def test_complaints_name_missing_and_unwanted_signals() -> None:
    expect = [{"kind": "cart_abandoned", "at": "30 min"}]
    given = scenario_runs([scenario(expect=expect)])[0]
    bounce = {**signal("a", BEGINNING_MS + 5_000), "kind": "bounce", "visitor_id": given.prefix + "anna"}
    cart = {**bounce, "signal_id": "b", "kind": "cart_abandoned", "occurred_at_ms": BEGINNING_MS + 1_800_000}
    assert len(list(given.complaints([bounce]))) == 2
    assert list(given.complaints([cart])) == []
    assert len(list(given.complaints([{**cart, "occurred_at_ms": BEGINNING_MS}]))) == 2


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("scenario: some\nevents: [{at: 5, type: search}]\nnever: [bounce]\n", "a time is so long after the beginning"),
        ("scenario: some\nevents: [{at: 5 s, type: search}]\n", "needs `expect` or `never`"),
        ("scenario: some\nevents: []\nnever: [bounce]\n", "events"),
        ("scenario: [\n", "no scenarios can be read"),
        ("scenario: some\nevents: [{at: 5 s, type: x}]\nnever: [a]\nexpect: [{kind: a}]\n", "expected and must never"),
    ],
)  # fmt: skip
def test_a_bad_scenario_is_refused(tmp_path: Path, text: str, given: str) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match="some.yaml") as error:
        read(path)
    assert given in str(error.value)
