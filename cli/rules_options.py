"""What the commands of `scripts/rules` share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobs.settings import Settings
from jobs.settings import load as load_settings
from state.rules.language.loading import SHIPPED, Loaded, load

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from jobs.offline.rules.change import Document

folder_option = click.option(
    "--folder", required=True, type=click.Path(path_type=Path), help="The active rules (setting rules_dir)."
)
url_option = click.option(
    "--url", help="Elasticsearch. Default: that of a running scripts/run, else the setting."
)
sweep_option = click.option(
    "--sweep-after", "seconds", default=12.0, show_default=True, type=click.FloatRange(0),
    help="Seconds that a running job is given to follow the folder; 0: none runs.",
)  # fmt: skip
history_option = click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="Events to answer it anew over: JSON lines, plain or .gz, or the folder of a lake. Default: what "
    "the raw topics of Kafka still keep.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Only show gained and lost signals.")
rules_option = click.option(
    "--rules",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of the rules; default: the shipped pack.",
)
paths_argument = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))


def is_lake(history: Path | None) -> bool:
    """Whether the history is a lake, and neither a file nor the topics."""
    return history is not None and history.is_dir()


def sweep(client: Elasticsearch, rule: Document, is_stale: Callable[[int], bool], seconds: float) -> None:
    """Waits until a running job has looked at its folder, and retracts what it made until then."""
    from jobs.offline.rules import change as rule_change

    if seconds:
        time.sleep(seconds)
        found = rule_change.sweep(client, rule, is_stale)
        click.echo(f"swept: {found} signals that the job found meanwhile are retracted", err=True)


def read(paths: tuple[Path, ...]) -> list[Loaded]:
    """The rules of files and folders; without one the shipped pack.

    Raises:
        BadRule: a rule is refused.
    """
    return load(paths or (SHIPPED,))


def chosen(folder: Path | None, settings_file: Path | None, assignments: tuple[str, ...]) -> Settings:
    """The settings, with the folder of the rules."""
    settings = load_settings(settings_file, assignments)
    return settings.replace(rules_dir=str(folder.resolve())) if folder else settings
