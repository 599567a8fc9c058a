"""The table of what is watched. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

Dashboard = Literal["overview", "job", "data-quality", "delivery", "models"]
Unit = Literal["short", "s", "ops", "bytes", "percentunit", "bool"]
_DOES_NOT_COUNT = re.compile(r'"[^"]*"')


class Panel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something to look at.

    Attributes:
        title: of the panel.
        metric: PromQL; legend: of its series; unit: of its values, as Grafana calls it.
        dashboard: where it is shown.
    """

    title: str
    metric: str
    legend: str
    unit: Unit
    dashboard: Dashboard


class Watched(Panel, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something to look at that also alerts. One of above and below is given.

    Attributes:
        name: of the row; `alert` is made of it.
        means: what is wrong when it fires.
        above, below: the threshold; the alert is for values beyond it, not for those on it.
        only_if: PromQL that must hold, too; behind `and`.
        for_: so long the value must be beyond it.
        severity: page wakes somebody, warn waits for the morning.
        do: what to do first; page: which runbook, from docs/operations/, goes on from there.
        fires, quiet: series by which promtool sees that it fires, and that it does not; at: when it looks.
        fired: how it was made to fire on a running stack, and after how long.
    """

    name: str
    means: str
    above: float | None = None
    below: float | None = None
    only_if: str = ""
    for_: str = msgspec.field(name="for")
    severity: Literal["page", "warn"]
    do: str
    page: str
    fires: dict[str, str]
    quiet: dict[str, str]
    at: str = "20m"
    fired: str = ""

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"{self.name}: one of above and below is required")

    @property
    def alert(self) -> str:
        """Name of the alert."""
        return "Footfall" + "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def threshold(self) -> str:
        """The comparison."""
        return f"> {self.above:g}" if self.above is not None else f"< {self.below:g}"

    @property
    def expression(self) -> str:
        """What the alert asks."""
        only_if = f" and {self.only_if}" if self.only_if else ""
        return f"({self.metric}) {self.threshold}{only_if}"


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rows."""

    watched: list[Watched]
    panel: list[Panel]

    def of(self, dashboard: Dashboard) -> list[Panel]:
        """The panels of a dashboard, those that alert first."""
        return [one for one in (*self.watched, *self.panel) if one.dashboard == dashboard]


def read(text: bytes) -> Table:
    """The table that a file has.

    Raises:
        msgspec.ValidationError: it is no table; the message names the row and the field.
    """
    return msgspec.toml.decode(text, type=Table)


def metric_names(expression: str) -> Iterator[str]:
    """Names of metrics in PromQL: ours, Flink's, those of the services.

    >>> list(metric_names('sum(rate(footfall_messages_total{topic="footfall.events.raw"}[5m]))'))
    ['footfall_messages_total']
    """
    yield from re.findall(r"\b(?:footfall|flink|api|collector)_\w+", _DOES_NOT_COUNT.sub("", expression))
