"""Writes docs/services.md and services/openapi.json: `python -m services.reference`."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic.fields import FieldInfo

from services.api import openapi
from services.settings import ApiSettings, CollectorSettings

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """\
# Settings of the services

<!-- Written by `python -m services.reference`; a test compares. -->

`scripts/collect` runs the [collector](collector.md), `scripts/serve` the [API](api.md). The unit is in the
name: `_ms` is milliseconds. Later ones win:

1. the default,
2. a TOML file of `name = value` lines: `--settings FILE`,
3. the environment: `FOOTFALL_` and the name in capitals, `FOOTFALL_ACK_MS=2000`,
4. the command line: `--set ack_ms=2000`, as often as needed.

Secrets are no settings: they are read from a file that a setting names, or from the environment, and never
printed."""
_TABLE = "| setting | default | what it is |\n|---|---|---|"


def pages() -> dict[Path, str]:
    """Text of every generated file by its path."""
    contract = json.dumps(openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return {ROOT / "docs" / "services.md": settings_page(), ROOT / "services" / "openapi.json": contract}


def settings_page() -> str:
    """The tables of settings: what both have, then each one's own."""
    collector, api = CollectorSettings.model_fields, ApiSettings.model_fields
    both = {name: field for name, field in collector.items() if name in api and name != "port"}
    parts = [_HEAD, "## Both", _table(both)]
    for title, fields in (("The collector", collector), ("The API", api)):
        parts += [f"## {title}", _table({name: one for name, one in fields.items() if name not in both})]
    return "\n\n".join(parts) + "\n"


def _table(fields: dict[str, FieldInfo]) -> str:
    return "\n".join([_TABLE, *(_row(name, field) for name, field in fields.items())])


def _row(name: str, field: FieldInfo) -> str:
    """One row.

    >>> _row("port", CollectorSettings.model_fields["port"])
    '| `port` | `8080` | port to listen on |'
    """
    default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"| `{name}` | {f'`{default}`' if default else '–'} | {field.description} |"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
