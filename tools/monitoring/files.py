"""Which files are made of the table."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stack.package import ROOT
from tools.monitoring import rules
from tools.monitoring.dashboards import dashboards
from tools.monitoring.page import page
from tools.monitoring.saved_objects import ndjson
from tools.monitoring.table import Table, read

FOLDER = ROOT / "deploy" / "monitoring"
_NOTE = "# Made of watched.toml by `python -m tools.monitoring`.\n"


def the_table() -> Table:
    """The table of this checkout."""
    return read((FOLDER / "watched.toml").read_bytes())


def generated() -> dict[Path, str]:
    """Text of every file by its path."""
    table = the_table()
    return {
        FOLDER / "alerts.yml": _yaml(rules.rules(table)),
        FOLDER / "alerts.test.yml": _yaml(rules.promtool_tests(table, "alerts.yml")),
        FOLDER / "kubernetes" / "prometheus-rule.yaml": _yaml(rules.prometheus_rule(table)),
        ROOT / rules.PAGE: page(table),
        FOLDER / "kibana" / "footfall.ndjson": ndjson(),
        **{FOLDER / "grafana" / f"{name}.json": text for name, text in dashboards(table).items()},
    }


def _yaml(document: Any) -> str:
    yaml, out = YAML(typ="safe"), StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # its default is None
    yaml.width = 1_000
    yaml.dump(document, out)
    return _NOTE + out.getvalue()
