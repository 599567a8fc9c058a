"""What the planner has made of a job, as operators and not as text."""

from __future__ import annotations

import re
from typing import NamedTuple

_HEAD = "== Optimized Execution Plan =="
_OPERATOR = re.compile(r"^[ :|+-]*([A-Z]\w*)\((.*)\)\s*$", re.MULTILINE)
_TABLE = re.compile(r"table=\[([^\]]+)\]")


class Operator(NamedTuple):
    """A node of the plan: its kind, and what it was given."""

    kind: str
    given: str


def operators(explained: str) -> list[Operator]:
    """The nodes of the optimized execution plan, from the first to the last that is written.

    >>> operators(f"x\\n{_HEAD}\\nSink(table=[a.b.c], fields=[d])\\n+- Calc(select=[Sink(d)])")
    [Operator(kind='Sink', given='table=[a.b.c], fields=[d]'), Operator(kind='Calc', given='select=[Sink(d)]')]
    """
    _, head, plan = explained.partition(_HEAD)
    assert head, explained[:200]
    return [Operator(*found) for found in _OPERATOR.findall(plan)]


def sinks(explained: str) -> list[str]:
    """Names of the tables that are written, in order."""
    found = (_TABLE.search(one.given) for one in operators(explained) if one.kind == "Sink")
    return sorted(one[1].rpartition(".")[2] for one in found if one)
