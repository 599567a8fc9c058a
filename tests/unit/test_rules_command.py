"""`scripts/rules`: rules are tried on timelines and on files of events, and explained, on the engine that the jobs run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from cli import rules
from jobs.offline.rules import explain as rules_explain
from jobs.offline.rules.scenarios import read
from jobs.offline.rules.trial import judge, signals_by_arrival
from jobs.settings import Settings
from state.rules.kinds.base import MOST_KEYS
from state.rules.language.loading import SHIPPED, Loaded, load
from state.rules.pack import Pack
from state.vocabulary import NAMES
from tests.random_histories import history
from tests.rule_lives import Life
from tests.unit.test_rules import CART, DEVIATION, DWELL, FUNNEL, INTEREST, SEQUENCE, SUM, WAIT
from tests.words import cart, page, purchase, t

SCENARIOS = Path(__file__).parents[1] / "scenarios"
PACK = load([SHIPPED])

# ------------------------------------------------------------------------------------------------- trying


def test_every_scenario_of_the_pack_comes_true() -> None:
    scenarios = read(SCENARIOS / "pack.yaml")
    number, complaints = judge(scenarios, Settings())
    assert number == 4 * len(scenarios)
    assert [(one.scenario.scenario, one.variant, text) for one, text in complaints] == []


def test_every_rule_of_the_pack_has_its_scenarios() -> None:
    expected = {one.kind for scenario in read(SCENARIOS / "pack.yaml") for one in scenario.expect}
    assert expected == {one.rule.signal_kind for one in PACK}


WRONG = """\
scenario: wrong on both counts
events: [{at: 0 s, type: page_view}]
expect: [{kind: cart_abandoned}]
never: [bounce]
"""


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(rules.main, [str(word) for word in words])


def test_a_failing_scenario_is_reported(tmp_path: Path) -> None:
    found = tmp_path / "wrong.yaml"
    found.write_text(WRONG)
    result = invoke("test", found)
    assert result.exit_code == 1
    assert "wrong on both counts (as written): missing: cart_abandoned (active) of anna" in result.stdout
    assert "should not be there: bounce (active) of anna at 30 min" in result.stdout
    assert "1 scenarios, 4 runs, 8 complaints" in result.stderr
    assert invoke("test", SCENARIOS / "pack.yaml").exit_code == 0


def test_scenarios_run_against_the_rules_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "wait.yaml").write_text(WAIT)
    found = tmp_path / "scenario.yaml"
    found.write_text(
        "scenario: nobody looks\nevents: [{at: 0 s, type: search}]\nexpect: [{kind: wait, at: 10 min}]\nnever: [bounce]\n"
    )
    assert invoke("test", found, "--rules", tmp_path / "rules").exit_code == 0
    assert invoke("test", found).exit_code == 1
    (tmp_path / "rules" / "bad.yaml").write_text(WAIT.replace("10 min", "10"))
    result = invoke("test", found, "--rules", tmp_path / "rules")
    assert (result.exit_code, "bad.yaml:7: within" in result.stderr) == (2, True)


def test_no_virtual_machine_is_started_to_try_a_rule() -> None:
    code = (
        "import sys, jobs.offline.rules.trial, jobs.offline.rules.explain; sys.exit('pyflink' in sys.modules)"
    )
    assert subprocess.call([sys.executable, "-c", code]) == 0


def test_events_of_a_file_are_tried(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    events = [one for seed in range(9) for one in history(seed)]
    file.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in events))
    result = invoke("try", file)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert f"{len(events)} events, {len(found)} changes of signals" in result.stderr
    assert [one["occurred_at_ms"] for one in found] == sorted(one["occurred_at_ms"] for one in found)
    only = invoke("try", file, "--rule", "bounce")
    kinds = [json.loads(line)["kind"] for line in only.stdout.splitlines()]
    assert kinds == ["bounce"] * sum(one["kind"] == "bounce" for one in found)
    assert invoke("try", tmp_path / "none.jsonl").exit_code == 2


@pytest.mark.parametrize(("late_ms", "statuses"), [(0, []), (2_000, []), (2_001, ["active", "retracted"])])
def test_an_event_is_late_behind_the_bound(late_ms: int, statuses: list[str]) -> None:
    """The purchase lies in the last millisecond of the wait; what another visitor did moves event time on."""
    at = t(30)
    other = {**page(at + late_ms), "visitor_id": "w"}
    events = [cart(t(0)), other, purchase(at), {**page(t(90)), "visitor_id": "w"}]
    found = [
        one["status"]
        for one in signals_by_arrival(events, Settings())
        if one["visitor_id"] == "v" and one["kind"] == "cart_abandoned"
    ]
    assert found == statuses


# ---------------------------------------------------------------------------------------------- explaining


def explained(*names: str) -> list[dict[str, Any]]:
    chosen = [one.rule for one in PACK if not names or one.rule.name in names]
    return rules_explain.explain(Pack.compile(chosen, 1_800_000))


def test_what_a_rule_keeps_waits_for_and_costs() -> None:
    (hesitation,) = explained("checkout_hesitation")
    assert hesitation["reached_by"] == ["checkout_start", "checkout_step", "purchase"]
    assert hesitation["fires"] == (
        "10 min after a session's first checkout, when no purchase came; "
        "a purchase up to 1 d later recovers it; one that comes up to 1 d too late takes it back"
    )
    kept = [(one["what"], one["of"], one["at_most"], one["kept_ms"]) for one in hesitation["keeps"]]
    assert kept == [
        ("the open wait", "visitor", 1, 600_000), ("unanswered waits", "visitor", 100, 173_400_000),
        ("late answers", "visitor", 20, 87_000_000), ("when its first event came", "session", 1, None),
    ]  # fmt: skip


@pytest.mark.parametrize("one", PACK, ids=lambda one: one.rule.name)
def test_what_is_explained_is_what_is_kept(one: Loaded) -> None:
    """What a rule remembers after anything may happen is of where it is said to be, and nothing else."""
    (shown,) = rules_explain.explain(Pack.compile([one.rule], 1_800_000))
    said = {kept["of"] for kept in shown["keeps"]}
    found = set()
    for seed in range(40):
        life = Life(one.rule)
        life.session.first_category = "a"
        life.take(*history(seed))
        life.pack.on_session_end(life.visitor, life.session, life.found.append)
        found |= {"visitor"} if life.visitor.rules or life.visitor.waits or life.visitor.unanswered else set()
        found |= {"session"} if life.session.rules else set()
    assert found == said
    assert all(1 <= kept["at_most"] <= max(MOST_KEYS, 10_000) for kept in shown["keeps"])


@pytest.mark.parametrize("one", PACK, ids=lambda one: one.rule.name)
def test_a_rule_is_explained_in_words_and_as_a_table(one: Loaded) -> None:
    result = invoke("explain", "--rule", one.rule.name)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{one.rule.name} {one.rule.version}: {one.rule.kind}, signals of kind")
    (found,) = explained(one.rule.name)
    assert f"fires {found['fires']}" in result.stdout
    table = [line for line in result.stdout.splitlines() if line.startswith(f"{one.rule.name}  ")]
    assert len(table) == len(found["keeps"])
    (as_json,) = map(json.loads, invoke("explain", "--rule", one.rule.name, "--json").stdout.splitlines())
    assert as_json == found
    assert set(found["reached_by"]) <= set(NAMES)


def test_the_whole_pack_is_explained_and_another_folder(tmp_path: Path) -> None:
    result = invoke("explain")
    assert all(f"{one.rule.name} {one.rule.version}: " in result.stdout for one in PACK)
    for number, text in enumerate(
        (INTEREST, WAIT, FUNNEL, DEVIATION, DWELL, SEQUENCE.replace("steps\n", "order\n", 1), CART, SUM)
    ):
        (tmp_path / f"{number}.yaml").write_text(text)
    result = invoke("explain", tmp_path)
    assert result.exit_code == 0
    assert "left 1: absence" in result.stdout and "a cart that is empty is not waited for" in result.stdout
    refused_ = invoke("explain", tmp_path, "--rule", "nobody")
    assert (refused_.exit_code, "no rule 'nobody' here; there are" in refused_.stderr) == (2, True)


def test_rules_are_validated_and_listed(tmp_path: Path) -> None:
    assert f"{len(PACK)} rules are good" in invoke("validate").stderr
    listed = invoke("list").stdout
    assert all(one.rule.name in listed for one in PACK)
    (tmp_path / "bad.yaml").write_text(CART.replace("cart: true", "cart: true\nsince: first"))
    result = invoke("validate", tmp_path)
    assert (result.exit_code, "bad.yaml:5: cart: needs" in result.stderr) == (2, True)
