"""`scripts/rules retire` and `rollback`: retire a rule, and take the newest change back."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import elasticsearch_ends, reported_failures, settings_options
from cli.rules_options import (
    folder_option,
    sweep,
    sweep_option,
    url_option,
)
from connectors.errors import BadInput
from jobs.offline.rules.folder import RulesFolder


@click.command()
@click.argument("name")
@folder_option
@sweep_option
@url_option
@settings_options
def retire(
    name: str,
    folder: Path,
    seconds: float,
    url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Retire a rule: its file is put aside, its signals are retracted, for all readers at once."""
    from jobs.offline.rules import change as rule_change

    with reported_failures():
        rules = RulesFolder(folder)
        old = rules.pack().get(name)
        if old is None:
            raise BadInput(f"no rule {name!r} in {folder}")
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            before = rule_change.signals_of(client, rule_change.current(client), name)
            ref = {"name": name, "version": old.rule.version}
            rules.put(None, old, rule_change.cut_over(client, name, rule_change.result(before, {}, ref)))
            sweep(client, ref, lambda version: True, seconds)
    click.echo(f"{name} is retired, {len(before)} signals are retracted", err=True)


@click.command()
@folder_option
@sweep_option
@url_option
@settings_options
def rollback(
    folder: Path,
    seconds: float,
    url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Take back the newest apply or retire: readers see the index before again, the folder its rules."""
    from jobs.offline.rules import change as rule_change

    with reported_failures():
        rules = RulesFolder(folder)
        last = rules.last()
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            rule_change.go_back(client, last.index, last.index_before, last.rule)
            rules.take_back()
            version = last.version_before or 0
            ref = {"name": last.rule, "version": version}
            sweep(client, ref, lambda found: found > version, seconds)
    click.echo(f"{last.rule} is as it was, readers see {last.index_before}", err=True)
