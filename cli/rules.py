"""`scripts/rules`: rules as files: check them, see their SQL, try them on a timeline, put them to work."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from cli.options import CONTEXT, embedded_settings, failures_told, settings_options
from cli.rules_folder import RulesFolder
from cli.signals import elasticsearch_ends
from connectors.errors import BadInput
from jobs.settings import load as load_settings
from state.rules.model import KINDS
from state.rules.pack import SHIPPED, Loaded, load
from state.rules.program import Program
from state.rules.spans import text_of

if TYPE_CHECKING:
    from cli.rule_change import Change, Signals

_WIDTH = 140  # of a table that goes to a file or a pipe
_folder = click.option(
    "--folder", required=True, type=click.Path(path_type=Path), help="The active rules (setting rules_dir)."
)
_url = click.option("--url", help="Elasticsearch. Default: that of a running scripts/run, else the setting.")
_paths = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Behavioural rules as data: check, compile, try and apply them.

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


@main.command("compile")
@_paths
@click.option("--rule", "name", help="Only this rule's own statements.")
def compile_(paths: tuple[Path, ...], name: str | None) -> None:
    """Print the SQL views that the rules become, in the order in which they build on each other."""
    with failures_told():
        rules = [one.rule for one in read(paths)]
        if name and name not in [rule.name for rule in rules]:
            raise BadInput(f"no rule {name!r} here; there are {', '.join(rule.name for rule in rules)}")
        chosen = [rule for rule in rules if name in (None, rule.name)]
        views = Program(chosen, load_settings().session_gap_ms).views
    for view in views:
        if not name or view.rules:
            click.echo(f"CREATE TEMPORARY VIEW {view.name} AS\n{view.sql.strip()};\n")


@main.command("explain-sql")
@_paths
@settings_options
def explain_sql(paths: tuple[Path, ...], settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Print Flink's plan of the patterns job with these rules. Starts a JVM; nothing connects or runs."""
    with failures_told():
        read(paths)
        settings = load_settings(settings_file, assignments)
        if paths:
            settings = settings.replace(rules_dir=str(_one_folder(paths)))
        from cli.rules_plan import plan  # here, because it starts a JVM

        click.echo(plan(settings))


@main.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--rules",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of the rules; default: the shipped pack.",
)
@settings_options
def test(
    scenarios: tuple[Path, ...], folder: Path | None, settings_file: Path | None, assignments: tuple[str, ...]
) -> None:
    """Try rules on timelines: YAML files of events, expected signals and signals that must not come.

    All of them run in one job of a Flink inside this process, each as told, shuffled within the bound of
    lateness, and with every event twice. Exit status: 0 all came true, 1 not all, 2 a rule or a scenario is
    no good.
    """
    from cli import local_flink, rules_try  # here, because they start a JVM
    from cli.scenarios import read as read_scenarios

    with failures_told(), TemporaryDirectory(prefix="footfall-rules-") as logs:
        read((folder,) if folder else ())
        told = [scenario for path in scenarios for scenario in read_scenarios(path)]
        settings = load_settings(settings_file, assignments)
        local_flink.prepare(Path(logs))
        chosen = settings.replace(rules_dir=str(folder.resolve())) if folder else settings
        number, complaints = rules_try.judge(told, Path(logs), chosen)
    for one, complaint in complaints:
        click.echo(f"{one.scenario.scenario} ({one.variant}): {complaint}")
    click.echo(f"{len(told)} scenarios, {number} tellings, {len(complaints)} complaints", err=True)
    sys.exit(1 if complaints else 0)


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
    Console(width=None if sys.stdout.isatty() else _WIDTH, markup=False, highlight=False).print(table)


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
@_url
@settings_options
def apply(
    file: Path,
    folder: Path,
    history: Path | None,
    dry_run: bool,
    url: str | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Put a new or changed rule to work: check, answer anew over history, compare, cut over.

    Readers of the index see the signals of one version, before and after. The old version's stale signals are
    retracted, those of other rules stay. Start the job again from a savepoint with this folder as rules_dir:
    the state of other rules carries over.
    """
    from cli import local_flink, rule_change  # here, because they start a JVM
    from cli.rule_history import history_of

    with failures_told(), TemporaryDirectory(prefix="footfall-rules-") as work:
        rules = RulesFolder(folder)
        new, old = rules.accept(file)
        alone, out = Path(work) / "rule", Path(work) / "out"
        for made in (alone, out):
            made.mkdir()
        shutil.copy(new.path, alone)
        local_flink.prepare(Path(work))
        settings = load_settings(settings_file, assignments, embedded_settings()).replace(
            rules_dir=str(alone)
        )
        after = rule_change.backfill(history_of(history, settings), out, settings)
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


@main.command()
@click.argument("name")
@_folder
@_url
@settings_options
def retire(
    name: str, folder: Path, url: str | None, settings_file: Path | None, assignments: tuple[str, ...]
) -> None:
    """Take a rule out of work: its file is put aside, its signals are retracted, for all readers at once."""
    from cli import rule_change

    with failures_told():
        rules = RulesFolder(folder)
        old = rules.pack().get(name)
        if old is None:
            raise BadInput(f"no rule {name!r} in {folder}")
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            before = rule_change.signals_of(client, rule_change.current(client), name)
            told = {"name": name, "version": old.rule.version}
            rules.put(None, old, rule_change.cut_over(client, name, rule_change.result(before, {}, told)))
    click.echo(f"{name} is retired, {len(before)} signals are retracted", err=True)


@main.command()
@_folder
@_url
@settings_options
def rollback(folder: Path, url: str | None, settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Take back the newest apply or retire: readers see the index before again, the folder its rules."""
    from cli import rule_change

    with failures_told():
        rules = RulesFolder(folder)
        last = rules.last()
        with elasticsearch_ends(url, settings_file, assignments).client() as client:
            rule_change.go_back(client, last.index, last.index_before, last.rule)
        rules.take_back()
    click.echo(f"{last.rule} is as it was, readers see {last.index_before}", err=True)


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


def _one_folder(paths: tuple[Path, ...]) -> Path:
    if len(paths) != 1 or not paths[0].is_dir():
        raise BadInput(
            f"a plan is one of a whole pack: give one folder of rules; kinds are {', '.join(KINDS)}"
        )
    return paths[0].resolve()


if __name__ == "__main__":
    main(prog_name="scripts/rules")
