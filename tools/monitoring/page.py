"""docs/operations/alerts.md: every alert, what it means, what to do, when it fired. Pure."""

from __future__ import annotations

import textwrap

from tools.monitoring.table import Table, Watched

_HEAD = """\
# Alerts

<!-- Written by `python -m tools.monitoring`; a test compares. -->

One section for each alert of `deploy/monitoring/alerts.yml`, by [dashboard](monitoring.md). `page`
wakes somebody, `warn` waits for the morning. A value on the threshold does not fire. Where an alert was made
to fire by a real fault, its section says how, and after how long."""


def page(table: Table) -> str:
    """Text of the page."""
    return "\n\n".join([_HEAD, *map(_section, table.watched)]) + "\n"


def _section(row: Watched) -> str:
    # PromQL takes a line break behind a brace.
    asked = textwrap.wrap(
        row.expression.replace("{cause=~", "{ cause=~"), 110, break_long_words=False, break_on_hyphens=False
    )
    parts = [
        f"## {row.alert}",
        _wrapped(row.means),
        "```promql\n" + "\n".join(asked) + "\n```",
        _wrapped(f"For {row.for_}, {row.severity}. {row.do}"),
        f"Runbook: [{row.page.split('#')[0]}]({row.page}).",
    ]
    if row.fired:
        parts.append(_wrapped(f"Fired: {row.fired}"))
    return "\n\n".join(parts)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 124, break_long_words=False, break_on_hyphens=False)
