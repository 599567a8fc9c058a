"""Names of operators on plans of a few nodes: who is named, who is refused."""

from __future__ import annotations

from typing import Any

import pytest

from state.uids import OPERATORS, STATELESS, UID_FORMAT, Node, Operator, UnnamedState, kind, name_operators

ROWS = (
    Operator("ingest-ids", ("over-aggregate",), ("event_id",)),
    Operator("sessions-open", ("window-aggregate",), ("visitor_id",), "AS started_at_ms"),
    Operator("patterns-carts", ("window-aggregate",), ("visitor_id",), "AS cart_events"),
)


def node(kind: str, description: str, **fields: Any) -> Node:
    return {"type": f"stream-exec-{kind}_1", "description": description, **fields}


def over(keys: str) -> Node:
    return node("over-aggregate", f"OverAggregate(partitionBy=[{keys}], select=[COUNT(*) AS w0$o0])")


def window(select: str) -> Node:
    return node("window-aggregate", f"WindowAggregate(groupBy=[visitor_id], select=[{select}])")


def sink(table: str) -> Node:
    return node(
        "sink", f"Sink(table=[{table}])", dynamicTableSink={"table": {"identifier": f"`c`.`d`.`{table}`"}}
    )


def source(table: str) -> Node:
    spec = {"table": {"identifier": f"`c`.`d`.`{table}`"}}
    return node("table-source-scan", f"TableSourceScan(table=[[{table}]])", scanTableSource=spec)


def name(*nodes: Node) -> list[str]:
    return list(name_operators({"nodes": list(nodes)}, ROWS))


def test_an_operator_is_known_by_its_kind_and_keys() -> None:
    assert name(over("event_id")) == ["ingest-ids_over-aggregate"]


def test_a_text_tells_operators_of_equal_kind_and_keys_apart() -> None:
    windows = window("COUNT(*) AS cart_events"), window("MIN(t) AS started_at_ms")
    assert name(*windows) == ["patterns-carts_window-aggregate", "sessions-open_window-aggregate"]


def test_sources_and_sinks_are_named_after_their_tables() -> None:
    assert name(source("events"), sink("events")) == ["read-events_table-source-scan", "write-events_sink"]


def test_the_name_goes_into_the_nodes_own_configuration() -> None:
    named, kept = over("event_id"), sink("late")
    kept["configuration"] = {"table.exec.sink.keyed-shuffle": "AUTO"}
    name(named, kept)
    assert named["configuration"] == {UID_FORMAT: "ingest-ids_<transformation>"}
    assert kept["configuration"] == {
        "table.exec.sink.keyed-shuffle": "AUTO",
        UID_FORMAT: "write-late_<transformation>",
    }


def test_a_memory_of_its_own_is_written_to_each_input_of_a_join() -> None:
    join = node("join", "Join(where=[a = b])") | {
        "state": [{"ttl": "1 d", "name": "leftState"}, {"ttl": "1 d"}]
    }
    row = Operator("patterns-pairs", ("join",), (), memory="pair_memory_ms")
    name_operators({"nodes": [join]}, [row], {"pair_memory_ms": "77 ms"})
    assert join["configuration"]["table.exec.state.ttl"] == "77 ms"
    assert join["state"] == [{"ttl": "77 ms", "name": "leftState"}, {"ttl": "77 ms"}]


@pytest.mark.parametrize("stateless", sorted(STATELESS))
def test_what_keeps_no_state_keeps_the_planners_number(stateless: str) -> None:
    calc = node(stateless, "anything")
    assert name(calc) == [] and "configuration" not in calc


@pytest.mark.parametrize(
    ("unknown", "keys"),
    [
        (over("visitor_id"), "visitor_id"),
        (over("event_id, visitor_id"), "event_id, visitor_id"),
        (node("rank", "Rank(partitionBy=[event_id])"), "event_id"),
        (window("COUNT(*) AS pages"), "visitor_id"),
        (node("async-calc", "AsyncCalc(select=[f])"), "nothing"),
    ],
    ids=lambda value: kind(value) if isinstance(value, dict) else value,
)
def test_state_without_a_row_is_refused_with_what_to_do(unknown: Node, keys: str) -> None:
    with pytest.raises(UnnamedState) as refused:
        name(over("event_id"), unknown)
    assert f"{kind(unknown)} keyed by {keys} keeps state and has no row" in str(refused.value)
    assert "state/uids.py" in str(refused.value) and unknown["description"] in str(refused.value)


def test_a_node_that_fits_two_rows_is_refused() -> None:
    with pytest.raises(UnnamedState, match="several rows .sessions-open, patterns-carts"):
        name(window("MIN(t) AS started_at_ms, COUNT(*) AS cart_events"))


@pytest.mark.parametrize("twice", [over("event_id"), sink("late"), source("events")], ids=kind)
def test_two_nodes_never_share_a_name(twice: Node) -> None:
    with pytest.raises(UnnamedState, match="several operators of the plan would be called"):
        name(twice, dict(twice))


def test_a_refused_plan_is_left_as_it_was() -> None:
    first, second = over("event_id"), over("event_id")
    with pytest.raises(UnnamedState):
        name(first, second)
    assert "configuration" not in first


def test_the_tables_names_are_unique_and_start_with_their_stage() -> None:
    names = [row.name for row in OPERATORS]
    assert len(set(names)) == len(names)
    assert {name.partition("-")[0] for name in names} <= {
        "features",
        "triggers",
        "ingest",
        "sessions",
        "patterns",
        "signals",
        "index",
        "audit",
        "scoring",
    }
