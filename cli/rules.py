"""`scripts/rules`: rules as files: check them, explain them, try them on a timeline, put them to work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cli.options import CONTEXT, reported_failures, settings_options
from cli.rules_apply import apply
from cli.rules_back import retire, rollback
from cli.rules_options import (
    paths_argument,
    read,
)
from cli.rules_trial import test, try_
from connectors.errors import BadInput
from jobs.offline.rules import explain as rules_explain
from jobs.offline.rules.trial import options_of
from jobs.settings import load as load_settings
from stack.console import new_console
from state.rules.language.spans import text_of
from udfs.rules import compiled

if TYPE_CHECKING:
    pass


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Behavioural rules as data: check, explain, try and apply them.

    A rule is a YAML file; docs/rules.md lists its fields. PATHS are such files and folders of them;
    without one the shipped pack. Exit status: 0 done, 1 something does not answer, 2 a rule or an option is
    invalid.
    """


@main.command()
@paths_argument
def validate(paths: tuple[Path, ...]) -> None:
    """Check rules: one line for each thing that is wrong, with file, line, field and what to do."""
    with reported_failures():
        pack = read(paths)
    click.echo(f"{len(pack)} rules are good: {', '.join(one.rule.name for one in pack)}", err=True)


@main.command()
@paths_argument
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
    with reported_failures():
        rules = [one.rule for one in read(paths)]
        if name and name not in [rule.name for rule in rules]:
            raise BadInput(f"no rule {name!r} here; there are {', '.join(rule.name for rule in rules)}")
        options = options_of(load_settings(settings_file, assignments))
        chosen = [rule for rule in rules if name in (None, rule.name)]
        explained = rules_explain.explain(compiled(chosen, options))
    if as_json:
        click.echo("\n".join(json.dumps(one) for one in explained))
    else:
        click.echo("".join("\n".join(rules_explain.lines(one)) + "\n\n" for one in explained), nl=False)
        new_console(stderr=False).print(rules_explain.table(explained))


@main.command("list")
@paths_argument
def list_(paths: tuple[Path, ...]) -> None:
    """Show rules with their version, kind, bound and meaning."""
    with reported_failures():
        pack = read(paths)
    table = Table("rule", "version", "kind", "within", "expires", "meaning", box=None, pad_edge=False)
    for one in pack:
        within = one.rule.within if isinstance(one.rule.within, str) else text_of(one.rule.within)
        row = (one.rule.name, str(one.rule.version), one.rule.kind, within, text_of(one.rule.expires))
        table.add_row(*row, one.rule.description)
    new_console(stderr=False).print(table)


for _command in (test, try_, apply, retire, rollback):
    main.add_command(_command)


if __name__ == "__main__":
    main(prog_name="scripts/rules")
