"""`scripts/recommend` from end to end, what is asked of whom and when, the gate, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from cli.recommend import main
from connectors.models.registry import Registry
from connectors.models.tables import LiveTable, load_table
from jobs.offline.recommend import gate
from jobs.offline.recommend.evaluation import NIGHTLY, parts
from jobs.offline.recommend.moments import Live
from jobs.offline.recommend.reading import FROZEN, LIVE, POPULARITY, Reader, valid_events
from jobs.offline.recommend.runs import run
from jobs.offline.training.evaluation import Estimate
from jobs.offline.training.events import Messages, read_events
from tests import planted_shop
from tests.planted_shop import DAY_MS, START_MS

WHO = (LIVE, POPULARITY, NIGHTLY)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return planted_shop.write(tmp_path_factory.mktemp("shop") / "events.jsonl")


def asked(*arguments: object):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def test_what_goes_together_is_found(shop, tmp_path):
    result = asked("evaluate", "--events", shop, "--json", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    told = orjson.loads(result.stdout)
    assert told["recall@20"]["live"] >= 0.9 and told["recall@20"]["nightly"] >= 0.9
    assert told["recall@20"]["popularity"] < 0.5
    for metric in ("recall@20", "map@20"):
        for who in WHO:
            low, high = told[metric][f"{who}_interval"]
            assert low <= told[metric][who] <= high
    assert told["answers"]["live_above_popularity"] is True
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and "live, as served" in page
    written = orjson.loads((tmp_path / "report" / "report.json").read_bytes())
    assert written == told


def test_a_version_is_fitted_published_and_served(shop, tmp_path):
    result = asked("fit", "--events", shop, "--out", tmp_path, "--models", tmp_path / "models")
    assert result.exit_code == 0, result.output
    (folder,) = (one for one in tmp_path.iterdir() if one.name[:2] == "20" or one.name[:8].isdigit())
    manifest, table = load_table(folder)
    assert manifest.metrics["recall@20"] >= 0.9 and not manifest.objections
    assert sum(other[:3] == "g03" for other, _ in table["g03-1"][:7]) == 7, (
        "the others of its group come first"
    )
    assert asked("publish", folder, "--models", tmp_path / "models").exit_code == 0
    live = LiveTable(Registry(tmp_path / "models"))
    assert not live.refresh()
    assert asked("publish", folder, "--models", tmp_path / "models", "--live").exit_code == 0
    assert live.refresh() and live.related("g03-1") == table["g03-1"]


def test_the_same_seed_gives_the_same_bytes(shop, tmp_path):
    for name in ("one", "two"):
        assert (
            asked("fit", "--events", shop, "--out", tmp_path / name, "--models", tmp_path / "m").exit_code
            == 0
        )
    one, two = ({
        path.relative_to(tmp_path / name): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / name).rglob("*") if path.is_file()
    } for name in ("one", "two"))  # fmt: skip
    assert one == two and len(one) == 4


def test_chance_does_not_pass_the_gate(tmp_path):
    shop = planted_shop.write(tmp_path / "events.jsonl", strays=1.0, seed=3)
    result = asked("fit", "--events", shop, "--out", tmp_path / "out", "--models", tmp_path / "models")
    assert result.exit_code == 1 and "is not above popularity's" in result.output
    (folder,) = (one for one in (tmp_path / "out").iterdir() if one.name[:8].isdigit())
    refused = asked("publish", folder, "--models", tmp_path / "models")
    assert refused.exit_code == 2 and "the gate refused it" in refused.output
    assert Registry(tmp_path / "models").names() == []


def test_too_little_says_what_is_needed(tmp_path):
    few = planted_shop.write(tmp_path / "events.jsonl", days=3, sessions_a_day=4, groups=2, of_group=5)
    result = asked("evaluate", "--events", few, "--out", tmp_path)
    assert result.exit_code == 2
    assert "20 items (" in result.output and "50 visitors with 2 items (" in result.output
    assert (
        "50 next products on the days of the test (" in result.output
        and "what to do: give more days" in result.output
    )
    (tmp_path / "none.jsonl").write_bytes(b"{}\n")
    assert asked("evaluate", "--events", tmp_path / "none.jsonl").exit_code == 2
    assert asked("evaluate", "--events", tmp_path / "absent.jsonl").exit_code == 2


def test_a_file_of_another_tracker_and_a_packed_one(shop, tmp_path):
    events = [orjson.loads(line) for line in shop.read_bytes().splitlines()]
    packed = tmp_path / "events.jsonl.gz"
    with gzip.open(packed, "wb") as file:
        file.write(shop.read_bytes())
    sessions = [
        orjson.dumps({"session": int(one["visitor_id"][1:]), "events": [{"aid": 7, "ts": one["event_time_ms"], "type": "clicks"}]})
        for one in events[:50]
    ]  # fmt: skip
    (tmp_path / "otto.jsonl").write_bytes(b"\n".join(sessions))
    assert len(list(read_events(packed).messages())) == len(events)
    assert len(list(read_events(tmp_path / "otto.jsonl", "otto").messages())) == 50
    assert (
        asked(
            "evaluate", "--events", tmp_path / "otto.jsonl", "--adapter", "otto", "--out", tmp_path
        ).exit_code
        == 2
    )


def message(number: int, visitor: str, product: str, at: int, kind: str = "product_view") -> bytes:
    return orjson.dumps({
        "schema": "event/1", "event_id": f"e{number}", "event_type": kind, "event_time_ms": START_MS + at,
        "visitor_id": visitor, "product": {"product_id": product},
    })  # fmt: skip


def read(messages: list[bytes], ask: int = 0, test: int = 0):
    reader = Reader(START_MS + ask, START_MS + test, Live())
    for event in valid_events(Messages(messages)):
        reader.take(event)
    return reader.read()


def test_what_is_asked():
    looks, found = read([
        message(1, "v", "a", 0), message(2, "v", "b", 1_000), message(3, "v", "a", 2_000), message(4, "v", "c", 1_803_000 - 1_000),
        message(5, "v", "d", 1_802_000 + 1_800_001), message(6, "v", "e", 1_802_000 + 1_800_002, "purchase"),
        message(7, "v", "f", 1_802_000 + 1_800_003), message(8, "v", "f", 1_802_000 + 1_800_003),
        message(9, "v", "g", 1_802_000 + 1_800_004, "remove_from_cart"),
    ])  # fmt: skip
    names = looks.names
    came = [
        ([names[item] for item in context], names[answer])
        for context, answer in zip(found.contexts, found.answers, strict=True)
    ]
    # A gap of exactly the session gap goes on; one more begins anew. A purchase is no answer, but is known after.
    assert came == [(["a"], "b"), (["a", "b"], "c"), (["e", "d"], "f")]
    assert names == list("abcdef")


def test_a_second_copy_and_the_order_of_lines_change_nothing():
    lines = [message(number, f"v{number % 3}", f"p{number * 7 % 5}", number * 900) for number in range(60)]
    mixed = [*lines[::-1], *lines[10:30]]
    first, second = read(lines), read(mixed)
    assert first[0].items.tolist() == second[0].items.tolist()
    assert all((first[1].lists[who] == second[1].lists[who]).all() for who in (LIVE, FROZEN, POPULARITY))


def test_no_answer_knows_what_comes_later():
    lines = [
        message(number, f"v{number % 7}", f"p{number * number % 11:02}", number * 180_000)
        for number in range(300)
    ]
    cut = 200
    later = [
        message(number, f"v{number % 5}", f"p{number % 3:02}", number * 180_000) for number in range(cut, 300)
    ]
    (looks, first), (others, second) = (
        read(lines, test=DAY_MS // 4),
        read(lines[:cut] + later, test=DAY_MS // 4),
    )
    known = int((first.at_ms < START_MS + cut * 180_000).sum())
    assert known > 30 and looks.names != others.names
    for who in (LIVE, FROZEN, POPULARITY):
        came, again = named(looks, first.lists[who]), named(others, second.lists[who])
        assert came[:known] == again[:known]


def named(looks, lists) -> list[list[str]]:
    return [[looks.names[item] for item in row if item >= 0] for row in lists.tolist()]


def test_live_lists_are_those_of_the_last_full_minute():
    lines = [
        message(1, "v", "a", 0),
        message(2, "v", "b", 10_000),
        message(3, "w", "a", 59_998),
        message(4, "w", "c", 59_999),
        message(5, "x", "a", 60_000),
        message(6, "x", "c", 60_001),
    ]
    looks, found = read(lines)
    shown = named(looks, found.lists[LIVE])
    assert shown[:2] == [[], []], "what the first minute tells is not known before its end"
    assert set(shown[2]) == {"b", "c"}, "both pairs are of the minute before"
    assert found.lists[FROZEN].tolist() == found.lists[POPULARITY].tolist(), "there was no night in between"


def test_parts_are_whole_days_where_there_are_three():
    assert parts(0, 14 * DAY_MS - 1, None) == (6 * DAY_MS, 9 * DAY_MS)
    assert parts(0, 14 * DAY_MS - 1, 5) == (6 * DAY_MS, 9 * DAY_MS)
    assert parts(0, 899_999, None) == (400_000, 600_000)


def test_the_gate_compares_with_the_method_of_the_live_version(shop):
    judged = run(read_events(shop), None, 1, lambda _: None, with_live=False).judged
    assert gate.objections(judged, judged.chosen) == [] and LIVE not in judged.shown_by
    better = {**judged.shown_by, "als": {**judged.shown_by["als"], "map@20": Estimate(0.99, 0.98, 1.0)}}
    (said,) = gate.objections(replace(judged, shown_by=better), "als")
    assert "below that of the live version's method als" in said


def test_intervals_are_of_visitors_and_not_of_questions(shop):
    judged = run(read_events(shop), None, 1, lambda _: None, with_live=False).judged
    one = judged.shown_by[POPULARITY]["recall@20"]
    p, n = one.value, judged.counts["questions"]
    assert one.high - one.low > 2 * 1.96 * np.sqrt(p * (1 - p) / n) * 0.9
