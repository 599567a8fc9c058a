"""Kibana's saved objects: a data view of each index, and a board of signals. Pure."""

from __future__ import annotations

import json
from typing import Any

from connectors.elasticsearch.indices import INDICES, SIGNALS, Index

Object = dict[str, Any]
# The time of a document, by index; the others are looked at as they are.
TIMES = {
    "footfall-signals": "occurred_at_ms",
    "footfall-sessions": "ended_at_ms",
    "footfall-visitors": "last_seen_ms",
    "footfall-audit": "window_start_ms",
    "footfall-shadow-scores": "scored_at_ms",
}
_COLUMNS = ["kind", "status", "visitor_id", "score", "detected_at_ms"]
_CHARTS = {"kind": "Signals by kind", "status": "Signals by status", "rule.name": "Signals by rule"}
_MIGRATED = "8.19.0"
_DATA = "kibanaSavedObjectMeta.searchSourceJSON.index"


def ndjson() -> str:
    """The file that Kibana's import takes."""
    return "".join(json.dumps(one, sort_keys=True) + "\n" for one in saved_objects())


def saved_objects() -> list[Object]:
    """Data views first: the rest refers to them."""
    charts = [_chart(field, title) for field, title in _CHARTS.items()]
    return [*map(_data_view, INDICES), _search(), *charts, _board([*charts, _search()])]


def _object(kind: str, name: str, attributes: Object, references: list[Object]) -> Object:
    return {
        "id": name,
        "type": kind,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": _MIGRATED,
    }


def _data_view(index: Index) -> Object:
    attributes = {"title": index.alias, "name": index.alias}
    if index.alias in TIMES:
        attributes["timeFieldName"] = TIMES[index.alias]
    return _object("index-pattern", index.alias, attributes, [])


def _of_signals() -> list[Object]:
    return [{"id": SIGNALS.alias, "name": _DATA, "type": "index-pattern"}]


def _source() -> Object:
    asked = {"query": {"query": "", "language": "kuery"}, "filter": [], "indexRefName": _DATA}
    return {"searchSourceJSON": json.dumps(asked)}


def _search() -> Object:
    attributes = {
        "title": "Signals",
        "columns": _COLUMNS,
        "sort": [[TIMES[SIGNALS.alias], "desc"]],
        "kibanaSavedObjectMeta": _source(),
    }
    return _object("search", "footfall-signals-list", attributes, _of_signals())


def _chart(field: str, title: str) -> Object:
    """Counts over time, a colour for each value of the field."""
    time = {"field": TIMES[SIGNALS.alias], "interval": "auto", "min_doc_count": 1}
    split = {"field": field, "size": 10, "order": "desc", "orderBy": "1"}
    state = {
        "title": title,
        "type": "histogram",
        "params": {"type": "histogram", "addLegend": True, "addTooltip": True},
        "aggs": [
            {"id": "1", "enabled": True, "type": "count", "schema": "metric", "params": {}},
            {"id": "2", "enabled": True, "type": "date_histogram", "schema": "segment", "params": time},
            {"id": "3", "enabled": True, "type": "terms", "schema": "group", "params": split},
        ],
    }
    attributes = {
        "title": title,
        "visState": json.dumps(state),
        "uiStateJSON": "{}",
        "kibanaSavedObjectMeta": _source(),
    }
    return _object("visualization", f"footfall-{field.replace('.', '-')}", attributes, _of_signals())


def _board(shown: list[Object]) -> Object:
    """Two panels a row, 24 of 48 columns each."""
    panels = [
        {
            "panelIndex": str(number),
            "panelRefName": f"panel_{number}",
            "gridData": {"x": number % 2 * 24, "y": number // 2 * 15, "w": 24, "h": 15, "i": str(number)},
            "embeddableConfig": {},
        }
        for number in range(len(shown))
    ]
    attributes = {
        "title": "Footfall: signals",
        "panelsJSON": json.dumps(panels),
        "optionsJSON": json.dumps({"useMargins": True}),
        "timeRestore": False,
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": json.dumps({"query": {"query": "", "language": "kuery"}, "filter": []})
        },
    }
    references = [
        {"id": one["id"], "name": f"panel_{number}", "type": one["type"]} for number, one in enumerate(shown)
    ]
    return _object("dashboard", "footfall-signals-board", attributes, references)
