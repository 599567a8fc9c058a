"""`scripts/experiment` over files: who is compared, what is counted, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.experiment import main
from connectors.contracts.experiments import Experiment
from tests.lake_files import write_lake

HOUR, NOW = 3_600_000, 1_700_000_000_000
PLAN = "holdout: {version: 1, share: 0.5}\nexperiments: [{name: colours, version: 2, arms: {control: 1, red: 1}}]"
ONE = Experiment(name="colours", version=2, arms={"control": 1, "red": 1})
Document = dict[str, Any]


def exposure(visitor: str, arm: str, at_ms: int = NOW, **members: Any) -> Document:
    told = {"experiment": "colours", "version": 2, "plan": ONE.plan, "unit": f"d-{visitor}", "slot": "s"}
    return {
        **told,
        "visitor_id": visitor,
        "arm": arm,
        "exposed_at_ms": at_ms,
        "content_version": "c",
        **members,
    }


def purchase(
    visitor: str, revenue: float | None, at_ms: int = NOW + HOUR, order: str = "", **members: Any
) -> Document:
    block = {
        "order_id": order or f"o-{visitor}-{at_ms}",
        "revenue": revenue,
        "currency": members.pop("currency", "EUR"),
    }
    told = {"schema": "event/1", "event_id": f"e-{visitor}-{at_ms}-{order}", "event_type": "purchase"}
    return {**told, "event_time_ms": at_ms, "visitor_id": visitor, "order": block, **members}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "a.yaml").write_text(PLAN)

    def called(exposures: list[Document], events: list[Document], *more: str, name: str = "colours") -> Any:
        for file, lines in (("exposures", exposures), ("events", events)):
            (tmp_path / file).write_text("\n".join(map(json.dumps, lines)))
        places = {"--experiments": "plan", "--exposures": "exposures", "--events": "events"}
        given = [part for option, file in places.items() for part in (option, str(tmp_path / file))]
        return CliRunner().invoke(main, ["analyse", name, *given, *more])

    return called


def shop(size: int = 200) -> tuple[list[Document], list[Document]]:
    """As many in each arm; every fifth of control buys for 9 to 11, every fourth of red."""
    people = [(f"{arm}-{number}", arm, number) for arm in ("control", "red") for number in range(size)]
    exposed = [exposure(name, arm, NOW + number) for name, arm, number in people]
    buys = {"control": 5, "red": 4}
    return exposed, [
        purchase(name, 9.0 + number % 3) for name, arm, number in people if number % buys[arm] == 0
    ]


def figures(told: Any) -> Document:
    assert told.exit_code == 0, told.output
    found: Document = json.loads(told.stdout)
    return found


def test_the_figures_are_those_of_the_files(run: Callable[..., Any], tmp_path: Path) -> None:
    exposed, bought = shop()
    noise = [
        purchase("control-1", 99.0, NOW - HOUR),  # before the exposure: a covariate
        purchase(
            "control-0", 10.0, NOW + 2 * HOUR, order=f"o-control-0-{NOW + HOUR}"
        ),  # of an order that is there
        purchase("red-0", 5.0, NOW + 2 * HOUR, currency="USD"),  # an order, without revenue in euros
        purchase("somebody else", 10.0),
    ]
    found = figures(run(exposed, bought + noise, "--json", "--out", str(tmp_path / "out")))
    assert (found["units"], found["visitors"]) == ({"control": 200, "red": 200},) * 2
    assert (found["currency"], found["other_currencies"], found["crossed"]) == ("EUR", 1, 0)
    by_metric = {one["metric"]: one for one in found["estimates"]}
    assert by_metric["conversion"]["effect"] == pytest.approx(0.05, abs=0.002)  # CUPED moves it a little
    prices = [9.0 + number % 3 for number in range(0, 200, 4)]
    assert by_metric["order_value"]["treatment"] == pytest.approx(sum(prices) / len(prices))
    assert by_metric["orders"]["treatment"] * 200 == pytest.approx(51, abs=0.5)
    assert "colours version 2" in (tmp_path / "out" / "report.html").read_text()
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == found


def test_signing_in_keeps_one_visitor_and_two_arms_are_crossed(run: Callable[..., Any]) -> None:
    exposed, bought = shop()
    exposed += [exposure("a-1", "red"), exposure("a-2", "red"), exposure("a-2", "control", NOW + 1)]
    bought += [purchase("user-7", 10.0, anonymous_id="a-1", user_id="user-7")]
    found = figures(run(exposed, bought, "--json"))
    assert (found["visitors"], found["crossed"]) == ({"control": 200, "red": 201}, 1)
    (orders,) = [one for one in found["estimates"] if one["metric"] == "orders"]
    assert orders["treatment"] * 201 == pytest.approx(51, abs=0.5)


def test_the_first_exposure_counts(run: Callable[..., Any]) -> None:
    exposed, bought = shop()
    again = [exposure(one["visitor_id"], one["arm"], NOW + 9 * HOUR) for one in exposed]
    both, once = (figures(run(lines, bought, "--json")) for lines in (again + exposed, exposed))
    same(both, once)
    assert both["visitors"] == once["visitors"] and both["until_ms"] == NOW + 9 * HOUR


def same(one: Document, other: Document) -> None:
    """The estimates are equal but for the order in which numbers are added up."""
    for left, right in zip(one["estimates"], other["estimates"], strict=True):
        assert (left.pop("arm"), left.pop("metric")) == (right.pop("arm"), right.pop("metric"))
        assert left == pytest.approx(right, rel=1e-9, abs=1e-12)


def test_units_that_are_not_split_by_their_weights_are_an_alarm(run: Callable[..., Any]) -> None:
    exposed, bought = shop(400)
    told = run([one for one in exposed if one["arm"] == "red" or one["exposed_at_ms"] % 2], bought)
    assert told.exit_code == 1 and "trust no figure" in told.stdout


def test_triggers_are_exposures_too(run: Callable[..., Any]) -> None:
    exposed, bought = shop()
    triggers = [
        {
            "trigger_id": "t", "visitor_id": one["visitor_id"], "decided_at_ms": one["exposed_at_ms"],
            "status": "due" if one["arm"] == "red" else "suppressed", "reason": None if one["arm"] == "red" else "holdout",
            "variant": f"holdout/1/open,colours/2/{one['arm']}",
        }
        for one in exposed
    ]  # fmt: skip
    cancelled = [{**triggers[0], "visitor_id": "x", "status": "cancelled", "reason": "outranked"}]
    other = [{**triggers[0], "visitor_id": "x", "reason": "capped", "variant": None}]
    found = figures(run(triggers + cancelled + other, bought, "--json"))
    assert found["visitors"] == {"control": 200, "red": 200}


def test_the_lake_keeps_experiments_as_they_ran(run: Callable[..., Any], tmp_path: Path) -> None:
    exposed, bought = shop()
    write_lake(tmp_path / "lake", bought)
    lake, plan = ("--events", str(tmp_path / "lake")), tmp_path / "plan" / "a.yaml"
    now = run(exposed, bought, "--json", *lake)
    plan.write_text(
        PLAN.replace("version: 2, arms: {control: 1, red: 1}", "version: 3, arms: {control: 1, blue: 1}")
    )
    told = run(exposed, bought, "--json", *lake)
    assert told.exit_code == 2 and "no exposure of colours version 3" in told.stderr
    before = run(exposed, bought, "--json", "--version", "2", *lake)
    same(figures(before), figures(now))
    told = run(exposed, bought, "--version", "1", *lake)
    assert told.exit_code == 2 and "of colours that were kept (2, 3) is required, 1 came" in told.stderr
    plan.write_text(PLAN.replace("red: 1", "red: 2"))
    told = run(exposed, bought, *lake)
    assert told.exit_code == 2 and "version 2 has other arms, weights or layer already" in told.stderr


def test_the_holdout_is_analysed_like_an_experiment(run: Callable[..., Any]) -> None:
    exposed, bought = shop()
    arms = {"control": "held_out", "red": "open"}
    held = [
        {**one, "experiment": "holdout", "version": 1, "plan": "", "arm": arms[one["arm"]]} for one in exposed
    ]
    found = figures(run(held, bought, "--json", name="holdout"))
    assert (found["control"], found["units"]) == ("held_out", {"held_out": 200, "open": 200})


@pytest.mark.parametrize(
    ("changed", "name", "told"),
    [
        ({"plan": "0" * 12}, "colours", "had other arms, weights or layer"),
        ({"arm": "blue"}, "colours", "had other arms"),
        ({"version": 1}, "colours", "no exposure of colours version 2 came"),
        ({}, "sizes", "one of the experiments colours, holdout is required, 'sizes' came"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    run: Callable[..., Any], changed: Document, name: str, told: str
) -> None:
    exposed, bought = shop(20)
    found = run([{**one, **changed} for one in exposed], bought, name=name)
    assert found.exit_code == 2 and told in found.stderr


def test_experiments_are_listed_and_planned(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(PLAN)
    told = CliRunner().invoke(main, ["list", "--experiments", str(tmp_path)])
    assert (
        told.output
        == f"holdout 1  50.0% of all units\ncolours 2  control:1 red:1  ramp 100%  plan {ONE.plan}\n"
    )
    told = CliRunner().invoke(main, ["power", "--mean", "0.05", "--uplift", "0.05", "--json"])
    assert json.loads(told.output)["units"] == 238_606
    assert CliRunner().invoke(main, ["power", "--mean", "5", "--uplift", "0.05"]).exit_code == 2


def test_orders_that_all_cost_the_same_have_no_interval(run: Callable[..., Any]) -> None:
    exposed, bought = shop()
    alike = [purchase(one["visitor_id"], 10.1) for one in bought]
    found = figures(run(exposed, alike, "--json"))
    assert [one["metric"] for one in found["estimates"]] == ["conversion", "orders", "revenue"]


def test_a_lake_says_the_same_as_a_file(run: Callable[..., Any], tmp_path: Path) -> None:
    exposed, bought = shop()
    exposed.append(exposure("a-1", "red"))
    bought.append(purchase("user-7", 10.0, anonymous_id="a-1", user_id="user-7"))
    link = {**bought[0], "event_id": "view", "event_type": "page_view", "anonymous_id": "a-2", "order": None}
    lake = write_lake(tmp_path / "lake", [*bought, link])
    of_lake = figures(run(exposed, bought, "--json", "--events", str(lake)))
    same(of_lake, figures(run(exposed, bought, "--json")))
    assert of_lake["visitors"] == {"control": 200, "red": 201}
