"""Writes the pages of docs/ that only repeat the code: cli.md, settings.md … `python -m tools.reference`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from cli import (
    audit,
    demo,
    doctor,
    erase,
    experiment,
    heartbeat,
    merge,
    models,
    observe,
    paths,
    prepare,
    recommend,
    replay_rejected,
    rules,
    run,
    segments,
    signals,
    submit,
    train,
    why,
)
from connectors.adapters import ADAPTERS
from connectors.adapters.mapping import Field
from jobs.setting_errors import required
from jobs.settings import GROUPS, SettingsGroup
from services import collect, serve
from stack.package import ROOT
from stack.runs.run_settings import LIVE_SETTINGS, REPLAY_SETTINGS
from tools import docs, lint, test

COMMANDS: dict[str, click.Command] = {
    "scripts/run": run.main,
    "scripts/demo": demo.main,
    "scripts/test": test.main,
    "scripts/lint": lint.main,
    "scripts/docs": docs.main,
    "scripts/submit": submit.main,
    "scripts/prepare": prepare.main,
    "scripts/signals": signals.main,
    "scripts/why": why.main,
    "scripts/rules": rules.main,
    "scripts/segments": segments.main,
    "scripts/train": train.main,
    "scripts/models": models.main,
    "scripts/recommend": recommend.main,
    "scripts/experiment": experiment.main,
    "scripts/paths": paths.main,
    "scripts/erase": erase.main,
    "scripts/merge": merge.main,
    "scripts/audit": audit.main,
    "scripts/doctor": doctor.main,
    "scripts/heartbeat": heartbeat.main,
    "scripts/observe": observe.main,
    "scripts/replay-rejected": replay_rejected.main,
    "scripts/collect": collect.main,
    "scripts/serve": serve.main,
}
_WIDTH = 100
_NOTE = "<!-- Written by `python -m tools.reference`; a test compares. -->"


def pages() -> dict[Path, str]:
    """Text of every generated page by its path."""
    docs = ROOT / "docs"
    return {
        docs / "cli.md": cli_page(),
        docs / "settings.md": settings_page(),
        docs / "adapter-fields.md": adapters_page(),
    }


def cli_page() -> str:
    """What `--help` of each command says."""
    parts = ["# Command line", _NOTE, _CLI_INTRODUCTION]
    for name, command in COMMANDS.items():
        parts += [f"## {name}", f"```text\n{help_of(name, command)}\n```"]
    return "\n\n".join(parts) + "\n"


def help_of(name: str, command: click.Command) -> str:
    """The help text at a fixed width."""
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, info_name=name, **settings)
    return command.get_help(context)


def settings_page() -> str:
    """The table of settings, and how they are given."""
    tables = map(_group_table, GROUPS)
    return "\n\n".join(["# Settings", _NOTE, _SETTINGS_INTRODUCTION, *tables, *_notes()]) + "\n"


def _group_table(group: type[SettingsGroup]) -> str:
    title = (group.__doc__ or "").rstrip(".")
    rows = [setting_row(name, field) for name, field in group.model_fields.items()]
    return "\n".join([f"## {title}", "", *_SETTING_HEAD, *rows])


def setting_row(name: str, field: FieldInfo) -> str:
    """One row of a table.

    >>> setting_row("bounded", FieldInfo(annotation=bool, default=False, description="read to the end"))
    '| `bounded` | `false` | true or false | read to the end |'
    """
    default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"| `{name}` | {f'`{default}`' if default else '–'} | {required(field)} | {field.description} |"


def adapters_page() -> str:
    """What becomes of whose field, adapter by adapter: the tables that run."""
    parts = ["# Fields of the adapters", _NOTE, _ADAPTERS_INTRODUCTION]
    for adapter in sorted(ADAPTERS.values(), key=lambda each: each.name):
        parts += [f"## {adapter.name}", f"{adapter.help[0].upper()}{adapter.help[1:]}."]
        fields = [*map(field_row, adapter.shared), *map(field_row, adapter.fields)]
        types = [f"| `{theirs}` | `{ours}` |" for theirs, ours in adapter.types.items()]
        for head, rows in ((_FIELD_HEAD, fields), (_TYPE_HEAD, types)):
            if rows:
                parts.append("\n".join([*head, *rows]))
    return "\n\n".join(parts) + "\n"


def field_row(row: Field) -> str:
    """One row of an adapter's table."""
    return f"| `{row.theirs}` | `{row.ours}` | {'yes' if row.keep else ''} |"


def _notes() -> Iterable[str]:
    yield "## Defaults of scripts/run"
    yield _RUN.format(live=_listed(LIVE_SETTINGS), replay=_listed(REPLAY_SETTINGS))
    yield _SECRETS


def _listed(settings: Mapping[str, int]) -> str:
    return ", ".join(f"`{name}` = {value:,}" for name, value in settings.items())


_CLI_INTRODUCTION = """\
Every command sets up the Python environment first if it is missing (`.venv`, or the one that `FOOTFALL_VENV`
names). Words for people go to standard error, answers to standard output."""
_SETTINGS_INTRODUCTION = """\
Every job takes the same settings. The unit is in the name: `_ms` is milliseconds. Later ones win:

1. the default,
2. a TOML file of `name = value` lines: `--settings FILE`,
3. the environment: `FOOTFALL_` and the name in capitals, `FOOTFALL_SESSION_GAP_MS=60000`,
4. the command line: `--set session_gap_ms=60000`, as often as needed.

A name that is not in the tables, or a value that does not fit its row, is refused with exit status 2. The
message names the setting, where it came from, what it must be, what came, and for a misspelt name the nearest
one. Of variables that begin with `FOOTFALL_` only those are refused whose name is nearly a setting's.

A secret comes from the environment, or from the file that its `_file` names. In a file of settings or on the
command line it is refused."""
_SETTING_HEAD = ("| setting | default | must be | what it is |", "|---|---|---|---|")
_FIELD_HEAD = ("| theirs | ours | stays in `properties` too |", "|---|---|---|")
_TYPE_HEAD = ("| what happened, theirs | `event_type` |", "|---|---|")
_ADAPTERS_INTRODUCTION = """\
The rows are tried from the top; of several rows for one target the first with a value counts. What no row has
taken stays under `properties`, with the names it came with. A text that stands for no value is none.
`clock.*` are the times that `event_time_ms` is made of, `ordering.*` what `sequence` is made of; a name that
nobody knows becomes `custom:<name>`. How messages are read: [adapters](adapters.md)."""
_RUN = """\
`scripts/run` has other defaults: live, so that a demonstration shows something soon,
{live};
with `--replay`, where only the end counts, {replay}."""
_SECRETS = """\
## Files and secrets

`kafka_properties_file` is read where the job is submitted. The files of Elasticsearch are read where the
Python workers run: give a path that exists on every TaskManager. The API key itself never travels with a job;
without a key file the workers read `FOOTFALL_ELASTICSEARCH_API_KEY` from their own environment."""


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
