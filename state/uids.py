"""The names by which a savepoint finds its state again: one row for every operator that remembers. Pure.

Flink names an operator after its place in the job's graph unless it is told a name, so that another sink
would part the state from its owner. Here every operator that keeps state is told a name that says what it
remembers; sources and sinks are named after their tables. The names are a contract with every savepoint:

- a row may get another `kind`, `keys` or `shows` when the SQL changes and the state stays the same;
- a row never gets another name, and a name that was given up is not given to anything else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]
UID_FORMAT = "table.exec.uid.format"
STATE_TTL = "table.exec.state.ttl"


class UnnamedState(Exception):
    """State without a name, or two of one name. Developer action: correct the row in OPERATORS."""


@dataclass(frozen=True)
class Operator:
    """One row: an operator's name and how to know it in a plan.

    Attributes:
        name: `<stage>-<what it remembers>`; Flink adds `_` and the kind to make the uid.
        kinds: what the planner calls it; two kinds when it splits the work.
        keys: the columns that it is partitioned or grouped by.
        shows: a text of its description that no other operator of this kind and these keys has.
        suffix: for operators of which a job has several: what in the description tells them apart, a regular
            expression whose groups are put behind the name.
        lacks: a text that its description does not have, where only that tells it from another.
        memory: the setting that says how long it keeps what is not used, where table.exec.state.ttl, which is
            meant for what a session needs, is too short.
    """

    name: str
    kinds: tuple[str, ...]
    keys: tuple[str, ...]
    shows: str = ""
    suffix: str = ""
    memory: str = ""
    lacks: str = ""

    def is_at(self, node: Node) -> bool:
        """Whether the node of a plan is this operator."""
        return (
            kind(node) in self.kinds
            and _same_keys(_keys(node["description"]), self.keys)
            and self.shows in node["description"]
            and not (self.lacks and self.lacks in node["description"])
        )

    def name_of(self, node: Node) -> str:
        """The node's name: the row's, and what tells the node from others of the same row."""
        found = re.search(self.suffix, node["description"]) if self.suffix else None
        told = [re.sub(r"[^0-9a-z]+", "-", group) for group in found.groups()] if found else []
        return "-".join([self.name, *told])


_WINDOW = ("window-aggregate", "local-window-aggregate", "global-window-aggregate")
_OVER = ("over-aggregate",)
_DEVICE = ("device_id",)
_GROUP = ("group-aggregate", "local-group-aggregate", "global-group-aggregate")
_VISITOR, _RULE_VISITOR = ("visitor_id",), ("rule", "visitor_id")
_FRAME = r"BETWEEN (\d+) PRECEDING"
_STEPS_AND_SPAN = r"S(\d)=AND.*?LAST\(S1[^,]*, 0\), (\d+)\)"
OPERATORS: tuple[Operator, ...] = (
    Operator("ingest-last-offsets", ("over-aggregate",), ("source_topic", "source_partition")),
    Operator("ingest-event-ids", ("over-aggregate",), ("event_id",)),
    Operator("ingest-device-order", ("window-rank",), _DEVICE),
    Operator("ingest-device-words", _OVER, _DEVICE, "COUNT(", lacks="DISTINCT", memory="visitor_memory_ms"),
    Operator("ingest-device-rates", _OVER, _DEVICE, "MAX(", lacks="COUNT(", memory="visitor_memory_ms"),
    Operator("ingest-visitor-order", ("window-rank",), ("canonical_id",)),
    Operator("ingest-visitor-words", _OVER, ("canonical_id",), "MAX(", memory="visitor_memory_ms"),
    Operator("ingest-device-users", _OVER, _DEVICE, "COUNT(DISTINCT", memory="visitor_memory_ms"),
    Operator("ingest-merges", _OVER, ("device_id", "user_id"), memory="visitor_memory_ms"),
    Operator("ingest-last-throttles", _OVER, ("canonical_id",), "LAG("),
    Operator("ingest-ledger", _WINDOW, ("verdict", "source_partition", "arrived_in")),
    Operator("sessions-order", ("window-rank",), _VISITOR),
    Operator(
        "sessions-last-events",
        _OVER,
        _VISITOR,
        "LAG(this_event",
        memory="visitor_memory_ms",
    ),
    Operator("sessions-unbroken", _OVER, _VISITOR, "after_gap, ", memory="visitor_memory_ms"),
    Operator("sessions-began", _OVER, _VISITOR, "visitor_event_no, ", memory="visitor_memory_ms"),
    Operator("sessions-open", _WINDOW, ("visitor_id", "session_id"), "AS started_at_ms"),
    # The same window in a job that asks for nothing of a session but that it ended.
    Operator("sessions-ended", _WINDOW, ("visitor_id", "session_id"), "session_id, start("),
    Operator("features-sessions", _OVER, ("visitor_id", "session_id")),
    Operator("features-ended", _WINDOW, ("visitor_id", "session_id"), "session_id, MAX("),
    Operator("features-visitors", _WINDOW, _VISITOR, "TUMBLE(", lacks="churn"),
    Operator("scoring-raised", _OVER, ("model", "visitor_id"), memory="visitor_memory_ms"),
    Operator("scoring-visitors", _WINDOW, _VISITOR, "churn"),
    Operator("scoring-last-scores", _OVER, _VISITOR, "LAST_VALUE(intent)", memory="visitor_memory_ms"),
    Operator("triggers-histories", _OVER, ("record_key",), "63 PRECEDING", memory="visitor_memory_ms"),
    Operator("sessions-ledger", _WINDOW, ("happened_in",)),
    # Its two readers need different columns, and the planner makes an operator for each.
    Operator("audit-entries", _GROUP, ("entry_id",), "AS arrived_in"),
    Operator("audit-session-entries", _GROUP, ("entry_id",), "AS window_start_ms"),
    Operator("audit-late", _GROUP, ("source_partition", "source_offset")),
    Operator("audit-letters", _GROUP, ("letter_id",)),
    Operator("audit-windows", _GROUP, ("arrived_in", "source_partition")),
    Operator("audit-sessions", _GROUP, ("window_start_ms",)),
    # One for each shape of rule, not for each rule: a row's `rule` says whose it is.
    Operator("patterns-counts", _OVER, ("rule", "visitor_id", "session_id", "rule_key")),
    Operator(
        "patterns-distinct",
        _OVER,
        ("rule", "visitor_id", "occurrence"),
        "COUNT(event_time_ms)",
        memory="rule_memory_ms",
    ),
    Operator(
        "patterns-bursts",
        _OVER,
        ("rule", "visitor_id", "rule_key"),
        "MIN(event_time_ms)",
        suffix=_FRAME,
        memory="rule_memory_ms",
    ),
    Operator("patterns-first-hits", _OVER, ("rule", "visitor_id", "anchor")),
    Operator("patterns-deviations", _OVER, _RULE_VISITOR, "DISTINCT", suffix=_FRAME, memory="rule_memory_ms"),
    Operator("patterns-waits", _WINDOW, _RULE_VISITOR, "AS waits_since_ms", suffix=r"gap=\[(\d+ \w+)\]"),
    Operator("patterns-answers", _OVER, _RULE_VISITOR, "LAG(event_time_ms", memory="answer_memory_ms"),
    Operator("patterns-answered-waits", ("join",), (), "waits_since_ms", memory="answer_memory_ms"),
    Operator(
        "patterns-sequence-events",
        _OVER,
        ("rule", "visitor_id", "rule_key"),
        "LAG(taken",
        suffix=r"LAG\(taken_(\d+)_(\d+), 1\)",
        memory="rule_memory_ms",
    ),
    Operator("patterns-sequences", ("match",), ("rule", "visitor_id", "rule_key"), suffix=_STEPS_AND_SPAN),
)
# What keeps nothing between two checkpoints; every other kind needs a row.
STATELESS = frozenset(
    (
        "calc", "python-calc", "correlate", "python-correlate", "exchange", "union", "values", "expand",
        "drop-update-before", "watermark-assigner", "window-table-function", "mini-batch-assigner",
    )
)  # fmt: skip
_ENDS = {"table-source-scan": ("read", "scanTableSource"), "sink": ("write", "dynamicTableSink")}


def name_operators(
    plan: dict[str, Any], operators: Iterable[Operator] = OPERATORS, ttls: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Names every node of a compiled plan that keeps state, in place; the others keep the planner's numbers.

    Args:
        plan: Flink's compiled plan, as read from its JSON.
        operators: the rows to look in.
        ttls: the values of the settings that rows name as their memory.

    Returns:
        What was named: the name and the kind of the node, joined by `_`, to the planner's description of it.

    Raises:
        UnnamedState: a node that keeps state has no row, or several; or two nodes have the same one.
    """
    rows = tuple(operators)
    stateful = [node for node in plan["nodes"] if kind(node) not in STATELESS]
    found = [(*_name(node, rows), node) for node in stateful]
    named = [(f"{name}_{kind(node)}", node) for name, _, node in found]
    _refuse_shared(uid for uid, _ in named)
    for uid, node in named:
        node.setdefault("configuration", {})[UID_FORMAT] = f"{uid.rpartition('_')[0]}_<transformation>"
    for _, memory, node in found:
        if memory in (ttls or {}):
            _keep_for(node, (ttls or {})[memory])
    return {uid: str(node["description"]) for uid, node in named}


def kind(node: Node) -> str:
    """The planner's word for a node, without its family and version.

    >>> kind({"type": "stream-exec-over-aggregate_1"})
    'over-aggregate'
    """
    return str(node["type"]).removeprefix("stream-exec-").rpartition("_")[0]


def _name(node: Node, rows: Iterable[Operator]) -> tuple[str, str]:
    """The operator's name, and the setting of its memory."""
    names = list(_names(node, rows))
    if len(names) == 1:
        return names[0]
    problem = f"fits several rows ({', '.join(name for name, _ in names)})" if names else "has no row"
    keys = ", ".join(_keys(node["description"])) or "nothing"
    raise UnnamedState(
        f"{kind(node)} keyed by {keys} keeps state and {problem}"
        f" in OPERATORS of state/uids.py; without a name of its own no savepoint can find it again."
        f" The planner describes it as: {node['description']}"
    )


def _names(node: Node, rows: Iterable[Operator]) -> Iterator[tuple[str, str]]:
    if kind(node) in _ENDS:
        verb, field = _ENDS[kind(node)]
        yield f"{verb}-{_table(node[field]['table']['identifier'])}", ""
    else:
        yield from ((row.name_of(node), row.memory) for row in rows if row.is_at(node))


def _table(identifier: str) -> str:
    """The last part of `catalog`.`database`.`table`."""
    return identifier.rpartition(".")[2].strip("`")


def _keys(description: str) -> tuple[str, ...]:
    found = re.search(r"\b(?:groupBy|partitionBy)=\[([^\]]*)\]", description)
    return tuple(key.strip() for key in found[1].split(",")) if found else ()


def _same_keys(found: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether the keys are these; the planner writes one that is an expression as `$7`, and puts it anywhere.

    >>> _same_keys(("visitor_id", "$7"), ("rule", "visitor_id")), _same_keys(("$7",), ("rule", "visitor_id"))
    (True, False)
    """
    named = [key for key in found if not key.startswith("$")]
    if len(named) == len(found):
        return found == wanted
    return len(found) == len(wanted) and set(named) <= set(wanted)


def _keep_for(node: Node, ttl: str) -> None:
    """An operator of two inputs has one written down for each of them; the others ask the configuration."""
    node["configuration"][STATE_TTL] = ttl
    for state in node.get("state", ()):
        state["ttl"] = ttl


def _refuse_shared(uids: Iterable[str]) -> None:
    shared = [uid for uid, times in Counter(uids).items() if times > 1]
    if shared:
        raise UnnamedState(
            f"several operators of the plan would be called {shared[0]}: either the planner no longer shares"
            " a view between its readers (see the plan), or a row of OPERATORS in state/uids.py does not tell"
            " them apart"
        )
