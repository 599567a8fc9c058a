"""The table as rules of Prometheus, as the operator's PrometheusRule, and as promtool's tests. Pure."""

from __future__ import annotations

from typing import Any, get_args

from tools.monitoring.table import Dashboard, Table, Watched

Document = dict[str, Any]
PAGE = "docs/operations/alerts.md"


def rules(table: Table) -> Document:
    """What `rule_files` of Prometheus names."""
    return {"groups": [_group(table, dashboard) for dashboard in get_args(Dashboard)]}


def prometheus_rule(table: Table) -> Document:
    """The same for the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "footfall", "labels": {"app.kubernetes.io/part-of": "footfall"}},
        "spec": rules(table),
    }


def promtool_tests(table: Table, rule_file: str) -> Document:
    """Two cases a row: it fires, and it does not."""
    cases = [_case(row, fires) for row in table.watched for fires in (True, False)]
    return {"rule_files": [rule_file], "evaluation_interval": "1m", "tests": cases}


def _group(table: Table, dashboard: str) -> Document:
    rows = [row for row in table.watched if row.dashboard == dashboard]
    return {"name": f"footfall-{dashboard}", "rules": [_rule(row) for row in rows]}


def _rule(row: Watched) -> Document:
    return {
        "alert": row.alert,
        "expr": row.expression,
        "for": row.for_,
        "labels": {"severity": row.severity, "dashboard": row.dashboard},
        "annotations": {
            "summary": row.means,
            "description": row.do,
            "value": "{{ $value }}",
            "runbook": f"{PAGE}#{row.alert.lower()}",
        },
    }


def _case(row: Watched, fires: bool) -> Document:
    """ALERTS is asked, not the alerts themselves: their labels are the query's own affair."""
    series = row.fires if fires else row.quiet
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{row.alert}",alertstate="firing"}})',
                "eval_time": row.at,
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
        ],
    }
