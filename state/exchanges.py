"""Exchanges of a compiled plan that move no row, and the plan without them. Pure.

The planner puts an exchange before every operator that has keys, also where the rows come out of an operator
with the same keys and so are where they belong. Each costs every row its serialisation and a thread's queue.
Without it the two operators are one task that hands rows over as they are.

Only before operators that keep numbers and no rows: what is handed over is one object for all rows (object
reuse), and an operator that puts rows aside until a watermark comes would find the last one in the place of
all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from state.uids import Node, kind

Columns = tuple[int, ...]
_FORWARD = {"shuffle": {"type": "FORWARD"}, "shuffleMode": "PIPELINED"}


def drop_exchanges(plan: dict[str, Any]) -> list[str]:
    """Takes the exchanges that move no row out of a compiled plan, in place.

    Args:
        plan: Flink's compiled plan, as read from its JSON.

    Returns:
        What the planner called those that were taken out.
    """
    nodes = {node["id"]: node for node in plan["nodes"]}
    inputs = Counter(edge["target"] for edge in plan["edges"])
    sources = {edge["target"]: edge["source"] for edge in plan["edges"] if inputs[edge["target"]] == 1}
    dropped = [
        node
        for node in plan["nodes"]
        if kind(node) == "exchange"
        and _moves_nothing(node, nodes, sources)
        and _is_for_numbers(node, plan, nodes)
    ]
    for node in dropped:
        _bypass(plan, node["id"], sources[node["id"]])
    return [str(node["description"]) for node in dropped]


def _bypass(plan: dict[str, Any], exchange: int, source: int) -> None:
    plan["nodes"] = [node for node in plan["nodes"] if node["id"] != exchange]
    plan["edges"] = [edge for edge in plan["edges"] if edge["target"] != exchange]
    for edge in plan["edges"]:
        if edge["source"] == exchange:
            edge.update(_FORWARD, source=source)


def _moves_nothing(exchange: Node, nodes: dict[int, Node], sources: dict[int, int]) -> bool:
    """Whether the rows come from an operator with the same keys, by way of nothing but projections."""
    wanted = exchange["inputProperties"][0]["requiredDistribution"]
    if wanted["type"] != "HASH" or exchange["id"] not in sources:
        return False
    columns: Columns | None = tuple(wanted["keys"])
    node = nodes[sources[exchange["id"]]]
    while columns and kind(node) in _PASS_ON and node["id"] in sources:
        before = nodes[sources[node["id"]]]
        columns = _PASS_ON[kind(node)](node, before, columns)
        node = before
    return columns is not None and columns == _keys(node)


def _before_calc(calc: Node, _: Node, columns: Columns) -> Columns | None:
    """Where the columns are in the projection's input; None if one is not passed on as it is."""
    found = [calc["projection"][column] for column in columns]
    if any(expression["kind"] != "INPUT_REF" for expression in found):
        return None
    return tuple(expression["inputIndex"] for expression in found)


def _before_window(_: Node, before: Node, columns: Columns) -> Columns | None:
    """The same for a function that says which windows a row is in: it adds columns and puts no row aside."""
    width = len(before["outputType"]["fields"])
    return columns if max(columns) < width else None


_PASS_ON: dict[str, Callable[[Node, Node, Columns], Columns | None]] = {
    "calc": _before_calc,
    "window-table-function": _before_window,
}


def _keys(node: Node) -> Columns | None:
    """The columns of its rows that an operator keys its input by; None of those that do not tell."""
    if kind(node) == "over-aggregate":
        return tuple(node["overSpec"]["partition"]["fields"])
    if kind(node) == "window-rank":
        return tuple(node["partitionSpec"]["fields"])
    return None


def _is_for_numbers(exchange: Node, plan: dict[str, Any], nodes: dict[int, Node]) -> bool:
    readers = [nodes[edge["target"]] for edge in plan["edges"] if edge["source"] == exchange["id"]]
    return all(_keeps_numbers(reader, exchange) for reader in readers)


def _keeps_numbers(node: Node, before: Node) -> bool:
    """Whether it aggregates a window's rows, or all rows up to each one in the order in which they come."""
    if kind(node) == "window-aggregate":
        return True
    if kind(node) != "over-aggregate":
        return False
    fields = before["outputType"]["fields"]
    groups = node["overSpec"]["groups"]
    return all(
        group["lowerBound"]["kind"] == "UNBOUNDED_PRECEDING"
        and [_is_arrival(fields[by["index"]]) for by in group["orderBy"]["fields"]] == [True]
        for group in groups
    )


def _is_arrival(field: Node) -> bool:
    kind_of = field["fieldType"]
    return isinstance(kind_of, dict) and kind_of.get("kind") == "PROCTIME"
