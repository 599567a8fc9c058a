"""The table as dashboards of Grafana: a panel a row, with its threshold as a line."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import GraphTresholdsStyleMode
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

from tools.monitoring.rules import PAGE
from tools.monitoring.table import Dashboard, Panel, Table, Watched

_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_TITLES: dict[Dashboard, str] = {
    "overview": "Footfall: overview",
    "job": "Footfall: jobs",
    "data-quality": "Footfall: data quality",
    "delivery": "Footfall: delivery",
    "models": "Footfall: models",
}
_UNITS = {"bool": "bool_yes_no"}


def dashboards(table: Table) -> dict[str, str]:
    """JSON of each dashboard by its name."""
    return {name: _dashboard(table, name) for name in _TITLES}


def _dashboard(table: Table, name: Dashboard) -> str:
    made = (
        dashboard.Dashboard(_TITLES[name])
        .uid(f"footfall-{name}")
        .tags(["footfall"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
    )
    for panel in table.of(name):
        made = made.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=1).encode(made.build()) + "\n"


def _panel(row: Panel) -> timeseries.Panel:
    query = prometheus.Dataquery().expr(row.metric).legend_format(row.legend).range()
    panel = (
        timeseries.Panel()
        .title(row.title)
        .datasource(_SOURCE)
        .unit(_UNITS.get(row.unit, row.unit))
        .span(12)
        .height(8)
        .with_target(query)
    )
    return _with_threshold(panel, row) if isinstance(row, Watched) else panel


def _with_threshold(panel: timeseries.Panel, row: Watched) -> timeseries.Panel:
    """What is beyond the line is red."""
    at = row.above if row.above is not None else row.below
    beyond, within = ("red", "green") if row.above is not None else ("green", "red")
    steps = [Threshold(value=None, color=within), Threshold(value=at, color=beyond)]
    mode = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    style = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
    told = f"{row.means} {row.do}\n\n{PAGE}#{row.alert.lower()}"
    return panel.thresholds(mode).thresholds_style(style).description(told)
