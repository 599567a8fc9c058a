"""`scripts/rules`: rules as files: check them, explain them, try them on a timeline, put them to work."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cli.options import CONTEXT, embedded_settings, failures_told, settings_options
from cli.signals import elasticsearch_ends
from connectors.errors import BadInput
from connectors.files.arrivals import lines_of
from jobs.offline.rules import explain as rules_explain
from jobs.offline.rules import trial as rules_try
from jobs.offline.rules.folder import RulesFolder
from jobs.offline.rules.history import history_of
from jobs.offline.rules.scenarios import read as read_scenarios
from jobs.offline.rules.trial import options_of
from jobs.settings import Settings
from jobs.settings import load as load_settings
from stack.console import new_console
from state.rules.language.spans import text_of
from state.rules.pack import SHIPPED, Loaded, load
from udfs.rules import compiled

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

    from jobs.offline.rules.change import Change, Document, Signals

_folder = click.option(
    "--folder", required=True, type=click.Path(path_type=Path), help="The active rules (setting rules_dir)."
)
_url = click.option("--url", help="Elasticsearch. Default: that of a running scripts/run, else the setting.")
_sweep_after = click.option(
    "--sweep-after", "seconds", default=12.0, show_default=True, type=click.FloatRange(0),
    help="Seconds that a running job is given to follow the folder; 0: none runs.",
)  # fmt: skip
_rules = click.option(
    "--rules",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of the rules; default: the shipped pack.",
)
_paths = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Behavioural rules as data: check, explain, try and apply them.

    A rule is a YAML file; docs/rules.md tells what it may say. PATHS are such files and folders of them;
    without one the shipped pack. Exit status: 0 done, 1 something does not answer, 2 a rule or an option is
    no good.
    """


@main.command()
@_paths
def validate(paths: tuple[Path, ...]) -> None:
    """Check rules: one line for each thing that is wrong, with file, line, field and what to do."""
    with failures_told():
        pack = read(paths)
    click.echo(f"{len(pack)} rules are good: {', '.join(one.rule.name for one in pack)}", err=True)


@main.command()
@_paths
@click.option("--rule", "name", help="Only this rule.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one rule a line.")
@settings_options
def explain(
    paths: tuple[Path, ...],
    name: str | None,
    as_json: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Say what each rule keeps, waits for and costs: which events reach it, its state, for how long."""
    with failures_told():
        rules = [one.rule for one in read(paths)]
        if name and name not in [rule.name for rule in rules]:
            raise BadInput(f"no rule {name!r} here; there are {', '.join(rule.name for rule in rules)}")
        options = options_of(load_settings(settings_file, assignments))
        told = rules_explain.explain(compiled([rule for rule in rules if name in (None, rule.name)], options))
    if as_json:
        click.echo("\n".join(json.dumps(one) for one in told))
    else:
        click.echo("".join("\n".join(rules_explain.lines(one)) + "\n\n" for one in told), nl=False)
        new_console(stderr=False).print(rules_explain.table(told))


@main.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@_rules
@settings_options
def test(
    scenarios: tuple[Path, ...], folder: Path | None, settings_file: Path | None, assignments: tuple[str, ...]
) -> None:
    """Try rules on timelines: YAML files of events, expected signals and signals that must not come.

    Each is told as it is, shuffled within the bound of lateness, and with every event twice, to the engine
    that the jobs run. Exit status: 0 all came true, 1 not all, 2 a rule or a scenario is no good.
    """
    with failures_told():
        told = [scenario for path in scenarios for scenario in read_scenarios(path)]
        number, complaints = rules_try.judge(told, _chosen(folder, settings_file, assignments))
    for one, complaint in complaints:
        click.echo(f"{one.scenario.scenario} ({one.variant}): {complaint}")
    click.echo(f"{len(told)} scenarios, {number} tellings, {len(complaints)} complaints", err=True)
    sys.exit(1 if complaints else 0)


@main.command("try")
@click.argument("events", type=click.Path(path_type=Path))
@_rules
@click.option("--rule", "name", help="Only signals of this rule.")
@settings_options
def try_(
    events: Path,
    folder: Path | None,
    name: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Print the signals that rules find in EVENTS: JSON lines of events, plain or .gz, in any order.

    One signal a line on standard output, counts by rule on standard error. Nothing is written anywhere.
    """
    with failures_told():
        settings = _chosen(folder, settings_file, assignments)
        values = [line for _, line in lines_of(events)]
        found = rules_try.signals_of_values(values, settings)
    counts = Counter((one["rule"]["name"], one["status"]) for one in found)
    for signal in found:
        if name in (None, signal["rule"]["name"]):
            click.echo(json.dumps(signal))
    for (rule, status), count in sorted(counts.items()):
        click.echo(f"{rule} {status}: {count}", err=True)
    click.echo(f"{len(values)} events, {len(found)} changes of signals", err=True)


@main.command("list")
@_paths
def list_(paths: tuple[Path, ...]) -> None:
    """Show rules with their version, kind, bound and meaning."""
    with failures_told():
        pack = read(paths)
    table = Table("rule", "version", "kind", "within", "expires", "meaning", box=None, pad_edge=False)
    for one in pack:
        within = one.rule.within if isinstance(one.rule.within, str) else text_of(one.rule.within)
        row = (one.rule.name, str(one.rule.version), one.rule.kind, within, text_of(one.rule.expires))
        table.add_row(*row, one.rule.description)
    new_console(stderr=False).print(table)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@_folder
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="Events to answer it anew over: JSON lines, plain or .gz, or the folder of a lake. Default: what "
    "the raw topics of Kafka still keep.",
)
@click.option("--dry-run", is_flag=True, help="Only show who gains and who loses.")
@_sweep_after
@_url
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
    """Put a new or changed rule to work: check, answer anew over history, compare, cut over, sweep.

    Readers of the index see the signals of one version, before and after. The old version's stale signals are
    retracted, those of other rules stay. A running job whose rules_dir is this folder follows it by itself,
    within ten seconds; then what it still said by the old version is taken back, too.
    """
    from jobs.offline.backfill import Pace
    from jobs.offline.rules import change as rule_change

    with failures_told(), TemporaryDirectory(prefix="footfall-rules-") as alone:
        rules, pace = RulesFolder(folder), Pace()
        new, old = rules.accept(file)
        shutil.copy(new.path, alone)
        settings = load_settings(settings_file, assignments, embedded_settings()).replace(rules_dir=alone)
        events = history_of(history, settings)
        after = rule_change.backfill(events, settings, pace, _is_lake(history))
        click.echo(f"answered anew over {pace}", err=True)
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            name = new.rule.name
            before = rule_change.signals_of(client, rule_change.current(client), name)
            change = rule_change.compare(before, after)
            _show(name, old, new, change, before, after)
            if not dry_run:
                told = {"name": name, "version": new.rule.version}
                indices = rule_change.cut_over(client, name, rule_change.result(before, after, told))
                rules.put(new, old, indices)
                click.echo(
                    f"cut over to {indices[1]}; back with scripts/rules rollback --folder {folder}", err=True
                )
                _sweep(client, told, lambda version: version < new.rule.version, seconds)


@main.command()
@click.argument("name")
@_folder
@_sweep_after
@_url
@settings_options
def retire(
    name: str,
    folder: Path,
    seconds: float,
    url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Take a rule out of work: its file is put aside, its signals are retracted, for all readers at once."""
    from jobs.offline.rules import change as rule_change

    with failures_told():
        rules = RulesFolder(folder)
        old = rules.pack().get(name)
        if old is None:
            raise BadInput(f"no rule {name!r} in {folder}")
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            before = rule_change.signals_of(client, rule_change.current(client), name)
            told = {"name": name, "version": old.rule.version}
            rules.put(None, old, rule_change.cut_over(client, name, rule_change.result(before, {}, told)))
            _sweep(client, told, lambda version: True, seconds)
    click.echo(f"{name} is retired, {len(before)} signals are retracted", err=True)


@main.command()
@_folder
@_sweep_after
@_url
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

    with failures_told():
        rules = RulesFolder(folder)
        last = rules.last()
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            rule_change.go_back(client, last.index, last.index_before, last.rule)
            rules.take_back()
            version = last.version_before or 0
            told = {"name": last.rule, "version": version}
            _sweep(client, told, lambda found: found > version, seconds)
    click.echo(f"{last.rule} is as it was, readers see {last.index_before}", err=True)


def _sweep(client: Elasticsearch, rule: Document, is_stale: Callable[[int], bool], seconds: float) -> None:
    """Waits until a running job has looked at its folder, and takes back what it said until then."""
    from jobs.offline.rules import change as rule_change

    if seconds:
        time.sleep(seconds)
        found = rule_change.sweep(client, rule, is_stale)
        click.echo(f"swept: {found} signals that the job found meanwhile are retracted", err=True)


def _is_lake(history: Path | None) -> bool:
    return history is not None and history.is_dir()


def _show(
    name: str, old: Loaded | None, new: Loaded, change: Change, before: Signals, after: Signals
) -> None:
    """Who gains and who loses: counts on standard error, one line a signal on standard output."""
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


def read(paths: tuple[Path, ...]) -> list[Loaded]:
    """The rules of files and folders; without one the shipped pack.

    Raises:
        BadRule: a rule is refused.
    """
    return load(paths or (SHIPPED,))


def _chosen(folder: Path | None, settings_file: Path | None, assignments: tuple[str, ...]) -> Settings:
    """The settings, with the folder of the rules."""
    settings = load_settings(settings_file, assignments)
    return settings.replace(rules_dir=str(folder.resolve())) if folder else settings


if __name__ == "__main__":
    main(prog_name="scripts/rules")
