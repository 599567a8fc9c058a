"""`scripts/segments apply`: puts edited segments to work."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from cli.options import elasticsearch_ends, embedded_settings, reported_failures, settings_options
from cli.rules_apply import show
from cli.rules_options import (
    dry_run_option,
    history_option,
    is_lake,
    sweep,
    sweep_option,
    url_option,
)
from jobs import ends
from jobs.offline.rules.folder import SEGMENTS, RulesFolder
from jobs.offline.rules.history import history_of
from jobs.settings import load as load_settings
from state.segments.language.cutoffs import FILE


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--folder", required=True, type=click.Path(path_type=Path), help="The active segments (segments_dir)."
)
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
    """Apply an edited file of segments: check, answer anew over history, compare, cut over, sweep.

    As scripts/rules apply does: readers of the index see the signals of one version, before and after. For
    visitors that are in another segment now, topic and visitors' documents are brought up to date. A running
    job whose segments_dir is this folder follows it by itself, within ten seconds.
    """
    from jobs.offline.backfill import Pace
    from jobs.offline.lifecycle import change as segment_change
    from jobs.offline.rules import change as rule_change

    with reported_failures(), TemporaryDirectory(prefix="footfall-segments-") as alone:
        active, pace = RulesFolder(folder, SEGMENTS), Pace()
        new, old = active.accept(file)
        kept = [one.path for one in active.pack().values() if old is None or one.path != old.path]
        for path in (new.path, *kept, *folder.glob(FILE)):
            shutil.copy(path, alone)
        settings = load_settings(settings_file, assignments, embedded_settings())
        events, of_lake = history_of(history, settings)(), is_lake(history)
        after = segment_change.backfill(events, Path(alone), settings, pace, of_lake)
        click.echo(f"answered anew over {pace}", err=True)
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            name, version = new.rule.name, new.rule.version
            found = {key: one for key, one in after.signals.items() if one["rule"]["name"] == name}
            before = rule_change.signals_of(client, rule_change.current(client), name)
            change = rule_change.compare(before, found)
            show(name, old, new, change, before, found)
            if not dry_run:
                ref = {"name": name, "version": version}
                documents = rule_change.result(before, found, ref)
                active.put(new, old, rule_change.cut_over(client, name, documents))
                sweep(client, ref, lambda one: one < version, seconds)
                properties = ends.kafka("segments", settings).client_properties()
                moved = segment_change.moved(properties, after.places)
                segment_change.publish(client, properties, moved)
                click.echo(f"{len(moved)} visitors are in another segment", err=True)
