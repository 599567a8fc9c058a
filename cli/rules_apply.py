"""`scripts/rules apply`: applies a new or changed rule."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from cli.options import elasticsearch_ends, embedded_settings, reported_failures, settings_options
from cli.rules_options import (
    dry_run_option,
    folder_option,
    history_option,
    is_lake,
    sweep,
    sweep_option,
    url_option,
)
from jobs.offline.rules.folder import RulesFolder
from jobs.offline.rules.history import history_of
from jobs.settings import load as load_settings
from state.rules.language.loading import Loaded

if TYPE_CHECKING:
    from jobs.offline.rules.change import Change, Signals


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@folder_option
@history_option
@dry_run_option
@sweep_option
@url_option
@settings_options
def apply(
    file: Path,
    folder: Path,
    history: Path | None,
    dry_run: bool,
    seconds: float,
    url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Apply a new or changed rule: check it, run it over history, compare, cut over, sweep.

    Readers of the index see the signals of one version, before and after. The old version's stale signals are
    retracted, those of other rules stay. A running job whose rules_dir is this folder follows it by itself,
    within ten seconds; then the signals that it still made by the old version are retracted, too.
    """
    from jobs.offline.backfill import Pace
    from jobs.offline.rules import change as rule_change

    with reported_failures(), TemporaryDirectory(prefix="footfall-rules-") as alone:
        rules, pace = RulesFolder(folder), Pace()
        new, old = rules.accept(file)
        shutil.copy(new.path, alone)
        settings = load_settings(settings_file, assignments, embedded_settings()).replace(rules_dir=alone)
        events = history_of(history, settings)
        after = rule_change.backfill(events, settings, pace, is_lake(history))
        click.echo(f"ran over {pace}", err=True)
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            name = new.rule.name
            before = rule_change.signals_of(client, rule_change.current(client), name)
            change = rule_change.compare(before, after)
            show(name, old, new, change, before, after)
            if not dry_run:
                ref = {"name": name, "version": new.rule.version}
                indices = rule_change.cut_over(client, name, rule_change.result(before, after, ref))
                rules.put(new, old, indices)
                click.echo(
                    f"cut over to {indices[1]}; back with scripts/rules rollback --folder {folder}", err=True
                )
                sweep(client, ref, lambda version: version < new.rule.version, seconds)


def show(name: str, old: Loaded | None, new: Loaded, change: Change, before: Signals, after: Signals) -> None:
    """Gained and lost signals: counts on standard error, one line a signal on standard output."""
    was = f"version {old.rule.version}" if old else "new"
    counts = ", ".join(f"{count} {kind}" for kind, count in change.counts().items())
    click.echo(f"{name}: {was} -> version {new.rule.version}: {counts}", err=True)
    for kind, keys, known in (
        ("gained", change.gained, after),
        ("lost", change.lost, before),
        ("changed", change.changed, after),
    ):
        for key in sorted(keys):
            click.echo(f"{kind}\t{known[key]['visitor_id']}\t{known[key]['occurred_at_ms']}\t{key}")
