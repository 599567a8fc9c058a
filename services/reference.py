"""Writes the page of the services' settings: docs/services.md. Run `python -m services.reference`."""

from __future__ import annotations

from pathlib import Path

from pydantic.fields import FieldInfo

from services.settings import CollectorSettings

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """\
# Settings of the services

<!-- Written by `python -m services.reference`; a test compares. -->

`scripts/collect` runs the [collector](collector.md). The unit is in the name: `_ms` is milliseconds. Later
ones win:

1. the default,
2. a TOML file of `name = value` lines: `--settings FILE`,
3. the environment: `FOOTFALL_` and the name in capitals, `FOOTFALL_ACK_MS=2000`,
4. the command line: `--set ack_ms=2000`, as often as needed.

Secrets are no settings: they are read from a file that a setting names, or from the environment, and never
printed."""
_TABLE = "| setting | default | what it is |\n|---|---|---|"


def pages() -> dict[Path, str]:
    """Text of every generated file by its path."""
    return {ROOT / "docs" / "services.md": settings_page()}


def settings_page() -> str:
    """The tables of settings: what both have, then each one's own."""
    return "\n\n".join([_HEAD, "## The collector", _table(CollectorSettings.model_fields)]) + "\n"


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
