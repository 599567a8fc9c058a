"""Exchanges that move no row: which are taken out of a plan, and which must stay."""

from __future__ import annotations

from typing import Any

import pytest

from state.exchanges import drop_exchanges

VISITOR, TS, NUMBER = 0, 1, 2
ARRIVAL = {"type": "TIMESTAMP_WITH_LOCAL_TIME_ZONE", "kind": "PROCTIME"}
EVENT_TIME = {"type": "TIMESTAMP_WITH_LOCAL_TIME_ZONE", "kind": "ROWTIME"}


def over(number: int, keys: list[int], order: int = TS, frame: str = "UNBOUNDED_PRECEDING") -> dict[str, Any]:
    group = {"orderBy": {"fields": [{"index": order}]}, "lowerBound": {"kind": frame}}
    return node(number, "over-aggregate", overSpec={"partition": {"fields": keys}, "groups": [group]})


def exchange(number: int, keys: list[int], time: dict[str, str] = ARRIVAL) -> dict[str, Any]:
    fields = [{"fieldType": "BIGINT"}, {"fieldType": time}, {"fieldType": "BIGINT"}]
    wanted = {"requiredDistribution": {"type": "HASH", "keys": keys}}
    return node(number, "exchange", inputProperties=[wanted], outputType={"fields": fields})


def calc(number: int, *columns: int | None) -> dict[str, Any]:
    return node(
        number,
        "calc",
        projection=[
            {"kind": "CALL"} if column is None else {"kind": "INPUT_REF", "inputIndex": column}
            for column in columns
        ],
    )


def node(number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "type": f"stream-exec-{kind}_1", "description": f"{kind} {number}", **more}


def chain(*nodes: dict[str, Any]) -> dict[str, Any]:
    numbers = [one["id"] for one in nodes]
    edges = [
        {"source": one, "target": next_one, "shuffle": {"type": "HASH"}}
        for one, next_one in zip(numbers, numbers[1:], strict=False)
    ]
    return {"nodes": list(nodes), "edges": edges}


def test_between_two_operators_of_one_key_rows_are_handed_over() -> None:
    plan = chain(over(1, [2]), calc(2, 2, 1, None), exchange(3, [VISITOR]), over(4, [VISITOR]))
    assert drop_exchanges(plan) == ["exchange 3"]
    assert [one["id"] for one in plan["nodes"]] == [1, 2, 4]
    assert [(edge["source"], edge["target"]) for edge in plan["edges"]] == [(1, 2), (2, 4)]
    assert plan["edges"][-1]["shuffle"] == {"type": "FORWARD"}


def test_a_sorter_hands_over_too_and_a_window_takes() -> None:
    rank = node(1, "window-rank", partitionSpec={"fields": [VISITOR]})
    plan = chain(rank, exchange(2, [VISITOR], EVENT_TIME), node(3, "window-aggregate"))
    assert drop_exchanges(plan) == ["exchange 2"]


def in_windows(number: int) -> dict[str, Any]:
    return node(number, "window-table-function")


def test_a_function_that_names_a_rows_windows_hands_it_on() -> None:
    narrow = calc(2, 0, 1) | {"outputType": {"fields": ["visitor_id", "ts"]}}
    plan = chain(over(1, [0]), narrow, in_windows(3), calc(4, 0, 1), exchange(5, [0]), over(6, [0]))
    assert drop_exchanges(plan) == ["exchange 5"]


STAY = {
    "a window as key": [
        over(1, [0]) | {"outputType": {"fields": ["visitor_id", "ts"]}},
        in_windows(2),
        exchange(3, [2]),
        over(4, [2]),
    ],
    "other keys": [over(1, [NUMBER]), exchange(2, [VISITOR]), over(3, [VISITOR])],
    "keys in another order": [over(1, [0, 2]), exchange(2, [2, 0]), over(3, [2, 0])],
    "a key that was changed on the way": [over(1, [0]), calc(2, None, 1), exchange(3, [0]), over(4, [0])],
    "one that puts rows aside": [over(1, [0]), exchange(2, [0], EVENT_TIME), over(3, [0])],
    "one that keeps the last rows": [over(1, [0]), exchange(2, [0]), over(3, [0], frame="PRECEDING")],
    "a source, whose rows are anywhere": [node(1, "table-source-scan"), exchange(2, [0]), over(3, [0])],
    "a join": [over(1, [0]), exchange(2, [0]), node(3, "join")],
}


@pytest.mark.parametrize("nodes", STAY.values(), ids=STAY)
def test_every_other_exchange_stays(nodes: list[dict[str, Any]]) -> None:
    plan = chain(*nodes)
    assert drop_exchanges(plan) == []
    assert len(plan["nodes"]) == len(nodes)


def test_rows_of_a_union_may_come_from_anywhere() -> None:
    plan = chain(over(1, [0]), node(2, "union"), exchange(3, [0]), over(4, [0]))
    assert drop_exchanges(plan) == []
