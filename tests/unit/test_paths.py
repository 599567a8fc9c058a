"""`scripts/paths` over files and a lake: sessions as in the stream, what is counted, what is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.paths import main
from jobs.offline.memberships import Lifecycle
from jobs.offline.paths.running import funnel_rule
from jobs.offline.paths.sessions import Sessions, Wanted, sessions_of
from jobs.offline.training.events import Messages
from jobs.settings import Settings
from state.options import Options
from tests import datasets, path_oracle
from tests.engine_runs import DAY, HOUR, MINUTE, T0, event, lines
from tests.lake_files import write_lake
from udfs.rules import compiled

Document = dict[str, Any]
OPTIONS = Options(bounded=True, scoring=False, emits=frozenset())


def sessions(events: Iterable[Document], wanted: Wanted | None = None) -> Sessions:
    funnel = compiled([funnel_rule(Settings(), "funnel_step")], OPTIONS)
    return sessions_of(Messages(lines(events)), OPTIONS, wanted or Wanted(), funnel, Lifecycle())


def paths(found: Sessions) -> list[list[str]]:
    """Steps of each session by name."""
    named = [list[str]() for _ in range(len(found.table))]
    for owner, step in zip(found.owner.tolist(), found.steps.tolist(), strict=True):
        named[owner].append(found.names[step])
    return named


def visit(visitor: str, *types: str, at: int = 0, **more: Any) -> list[Document]:
    return [event(visitor, name, at + number * MINUTE, **more) for number, name in enumerate(types)]


def shop() -> list[Document]:
    """20 buyers, 40 leavers; every buyer searched before the cart, no leaver did."""
    events = []
    for number in range(60):
        buys = number % 3 == 0
        types = (
            ["page_view", "search", "product_view", "add_to_cart", "purchase"]
            if buys
            else ["page_view", "product_view"]
        )
        events += visit(f"v{number}", *types, at=number * HOUR)
    return events


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Any]:
    def called(events: Iterable[Document], *more: str) -> Any:
        file = tmp_path / "events.jsonl"
        file.write_bytes(b"\n".join(lines(events)))
        return CliRunner().invoke(main, ["--events", str(file), *more])

    return called


def figures(found: Any) -> Document:
    assert found.exit_code == 0, found.output
    answer: Document = json.loads(found.stdout)
    return answer


@pytest.mark.parametrize("stream", ["taobao_114users", "rees46_0000_0214"])
@pytest.mark.parametrize("repeats", [False, True])
def test_the_steps_are_those_of_the_real_sessions(stream: str, repeats: bool) -> None:
    events = list(datasets.canonical_events(stream))
    doubled = events + random.Random(1).choices(events, k=len(events) // 20)
    random.Random(2).shuffle(doubled)
    found = sessions(doubled, Wanted(repeats=repeats))
    assert sorted(paths(found)) == sorted(path_oracle.paths(doubled, 30 * MINUTE, repeats))
    assert found.events == len(events)
    begun = {(row[0], row[1]) for row in found.table.select("visitor_id", "started_at_ms").iter_rows()}
    assert begun == {(one[0], one[1]) for one in datasets.truth_sessions(stream)}


def test_a_gap_of_exactly_half_an_hour_ends_no_session() -> None:
    together = [event("v", "search", 0), event("v", "click", 30 * MINUTE)]
    assert paths(sessions(together)) == [["search", "click"]]
    assert paths(sessions([*together[:1], event("v", "click", 30 * MINUTE + 1)])) == [["search"], ["click"]]


def test_a_step_may_have_a_category_or_a_page() -> None:
    events = [
        event("v", "product_view", 0, product={"category": "hats"}, context={"path": "/hats?page=2"}),
        event("v", "product_view", 1, product={"category": "hats"}, context={"path": "/hats/1"}),
        event("v", "scroll", 2),
    ]
    assert paths(sessions(events, Wanted("category"))) == [["product_view hats", "scroll"]]
    by_page = paths(sessions(events, Wanted("page", leave_out=frozenset({"scroll"}))))
    assert by_page == [["product_view /hats", "product_view /hats/1"]]


def test_the_patterns_are_those_of_trying_everything(run: Callable[..., Any]) -> None:
    events = list(datasets.canonical_events("taobao_114users"))
    steps = path_oracle.paths(events, 30 * MINUTE, repeats=False)
    for more, gap in (
        (("--max-gap", "1"), 1),
        (("--any-gap", "--method", "spade", "--max-length", "3"), None),
    ):
        length = 3 if gap is None else 5
        found = figures(
            run(events, "--min-support", "30", "--all-patterns", "--min-length", "1", *more, "--json")
        )
        naive = path_oracle.frequent(steps, 30, length, gap)
        assert {tuple(one["steps"]): one["sessions"] for one in found["patterns"]} == naive
        assert len(naive) > 10 and found["min_support"] == {"asked": "30", "sessions": 30}
        kept = figures(run(events, "--min-support", "30", *more, "--json"))
        closed = path_oracle.closed(steps, 30, length, gap)
        assert {tuple(one["steps"]) for one in kept["patterns"]} == {one for one in closed if len(one) > 1}
        assert kept["cut"]["not_closed"] == len(naive) - len(closed)
        assert kept["cut"]["too_short"] == sum(len(one) == 1 for one in closed)
        assert kept["cut"]["at_max_length"] == sum(len(one) == length for one in naive)


def test_buyers_are_compared_with_leavers_before_the_purchase(run: Callable[..., Any]) -> None:
    more = visit("v0", "page_view", "product_view", at=90 * HOUR)  # a buyer's other session is no leaver's
    again = visit("v1", "page_view", at=91 * HOUR)  # a leaver counts once
    found = figures(run([*shop(), *more, *again], "--json"))["contrast"]
    assert (found["buyers"], found["leavers"], found["goal"]) == (20, 40, "purchase")
    by_steps = {tuple(one["steps"]): one for one in found["patterns"]}
    assert not any("purchase" in steps for steps in by_steps)
    searched = by_steps["page_view", "search", "product_view", "add_to_cart"]
    assert (searched["buyers"], searched["leavers"], searched["lift"]) == (20, 0, None)
    assert searched["p_holm"] < 1e-6 and searched["low"] > 1


def test_where_sessions_drop_off(run: Callable[..., Any]) -> None:
    found = figures(run([*shop(), *visit("w", "page_view")], "--json"))["funnel"]
    assert [(one["step"], one["sessions"], one["dropped"]) for one in found] == [
        ("view", 60, 1), ("cart", 20, 40), ("checkout", 20, 0), ("purchase", 20, 0),
    ] * 2  # fmt: skip
    assert {one["segment"] for one in found} == {"all", "new"}
    assert [one["share"] for one in found[:4]] == pytest.approx([60 / 61, 1 / 3, 1, 1])


def test_another_goal_and_funnel_may_be_given(run: Callable[..., Any], tmp_path: Path) -> None:
    head = "name: search_funnel\nversion: 1\ndescription: Who searches after a product.\nkind: funnel\nwithin: session\nexpires: 7 d\nsteps:\n"
    steps = "".join(
        f"- {{name: {name}, where: {{event_type: {name}}}}}\n" for name in ("product_view", "search")
    )
    (tmp_path / "f.yaml").write_text(head + steps)
    folder = ("--set", f"rules_dir={tmp_path}", "--funnel", "search_funnel", "--goal", "search", "--json")
    found = figures(run(shop(), *folder))
    assert [(one["step"], one["sessions"]) for one in found["funnel"] if one["segment"] == "all"] == [
        ("product_view", 60),
        ("search", 20),
    ]
    assert found["contrast"]["goal"] == "search" and found["contrast"]["buyers"] == 20


def test_what_is_shown_says_what_was_cut(run: Callable[..., Any], tmp_path: Path) -> None:
    found = run(shop(), "--top", "2", "--out", str(tmp_path / "out"))
    assert found.exit_code == 0 and "60 sessions of 60 visitors, 180 steps" in found.stdout
    assert "not shown, as --top says" in found.stdout and "said as well by a longer one" in found.stdout
    assert "20 buyers before their purchase against 40 leavers" in found.stdout
    page = (tmp_path / "out" / "report.html").read_text()
    assert "More often by buyers" in page and page.count("data:image/png;base64,") == 2
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report == figures(run(shop(), "--json"))
    assert (tmp_path / "out" / "matrix.png").stat().st_size > 1_000


def test_the_session_gap_is_the_setting(run: Callable[..., Any]) -> None:
    longer = figures(run(shop(), "--set", f"session_gap_ms={MINUTE - 1}", "--json"))
    assert longer["sessions"] == longer["events"] == 180


def test_a_lake_says_the_same_as_a_file(run: Callable[..., Any], tmp_path: Path) -> None:
    lake = write_lake(tmp_path / "lake", shop())
    assert figures(run(shop(), "--json", "--events", str(lake))) == figures(run(shop(), "--json"))


def test_another_trackers_file_is_adapted(tmp_path: Path) -> None:
    file = datasets.require() / "payloads" / "otto_20_sessions.jsonl.gz"
    found = CliRunner().invoke(
        main, ["--events", str(file), "--adapter", "otto", "--min-support", "0.5", "--json"]
    )
    assert figures(found)["visitors"] == 20
    bare = CliRunner().invoke(main, ["--events", str(file)])
    assert bare.exit_code == 2 and "no valid event" in bare.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--goal", "buy"), "'buy' is no event type"),
        (("--leave-out", "custom:"), "'custom:' is no event type"),
        (("--leave-out", "purchase"), "the goal purchase is left out"),
        (("--min-support", "1.5"), "--min-support must be a share of the sessions"),
        (("--min-support", "0"), "'0' came"),
        (("--min-support", "lots"), "'lots' came"),
        (("--funnel", "cart"), "one of the funnels funnel_step is required, 'cart' came"),
        (
            ("--segment", "vip"),
            "one of the segments engaged, new, casual, at_risk, lapsed is required, 'vip' came",
        ),
        (("--segment", "lapsed"), "at least 10 sessions of segment lapsed are required, 0 came"),
        (("--segments", "absent.yaml"), "absent.yaml"),
        (("--most", "3"), "more than 3 patterns are in 3 sessions or more"),
        (("--set", "session_gap=5"), "session_gap"),
        (("--events", "absent.jsonl"), "absent.jsonl cannot be read"),
    ],
)
def test_invalid_input_is_refused_with_what_is_needed(
    run: Callable[..., Any], more: tuple[str, ...], message: str
) -> None:
    found = run(shop(), *more)
    assert found.exit_code == 2 and message in found.stderr and "what to do: " in found.stderr


def test_too_little_is_refused_and_a_small_group_is_not_compared(run: Callable[..., Any]) -> None:
    nothing = run([])
    assert nothing.exit_code == 2 and "no valid event came" in nothing.stderr
    few = run(visit("v", "page_view"))
    assert few.exit_code == 2 and "at least 10 sessions are required, 1 came" in few.stderr
    nine = [one for one in shop() if int(one["visitor_id"][1:]) < 27]
    found = figures(run(nine, "--json"))
    assert found["contrast"] is None and "9 visitors reached purchase and 18 did not" in found["no_contrast"]
    assert "no contrast: 9 visitors" in run(nine).stdout


def test_listed_patterns_are_the_commonest_first(run: Callable[..., Any]) -> None:
    counts = [one["sessions"] for one in figures(run(shop(), "--json"))["patterns"]]
    assert all(one >= other for one, other in pairwise(counts)) and counts


def test_sessions_of_a_segment_are_those_that_began_in_it(run: Callable[..., Any]) -> None:
    """Who comes back after 20 days of silence was lapsed, and is casual from the event on with which it is back."""
    back = [
        one
        for number in range(30)
        for one in visit(f"v{number}", "search", "click", at=20 * DAY + number * HOUR)
    ]
    table = sessions([*shop(), *back]).table
    moves = {
        (row[0], row[1] // HOUR): row[2]
        for row in table.select("visitor_id", "started_at_ms", "segment").iter_rows()
    }
    assert [moves[f"v{number}", T0 // HOUR + number] for number in range(60)] == ["new"] * 60
    later = {moves[f"v{number}", T0 // HOUR + 20 * 24 + number] for number in range(30)}
    assert "new" not in later and None not in later
    name = sorted(map(str, later))[0]
    found = figures(run([*shop(), *back], "--segment", name, "--min-support", "2", "--json"))
    assert found["segment"] == name and found["sessions"] == list(table["segment"]).count(name) >= 10
    assert {tuple(one["steps"]) for one in found["patterns"]} == {("search", "click")}
    assert {one["segment"] for one in found["funnel"]} == {"all", "new", *later}
