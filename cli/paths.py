"""`scripts/paths`: which ways visitors take, what buyers do that leavers do not, where sessions drop off."""

from __future__ import annotations

from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from cli.options import CONTEXT, reported_failures, settings_options
from connectors.adapters import ADAPTERS, AUTO
from jobs.offline.paths import report
from jobs.offline.paths.analysis import METHODS, Answer, Question
from jobs.offline.paths.running import Run, answer
from jobs.offline.paths.sequences import Limits
from jobs.offline.paths.sessions import STEPS, Wanted
from jobs.offline.training.events import CANONICAL
from jobs.settings import load
from stack.console import new_console, progress


@click.command(context_settings=CONTEXT)
@click.option("--events", "path", type=click.Path(path_type=Path), required=True,
              help="The lake's folder, or JSON lines of events, plain or .gz.")  # fmt: skip
@click.option("--adapter", type=click.Choice(list(dict.fromkeys([CANONICAL, *ADAPTERS, AUTO]))),
              default=CANONICAL, show_default=True, help="What the lines of the file are.")  # fmt: skip
@click.option("--steps", type=click.Choice(list(STEPS)), default="type", show_default=True,
              help="What a step is: the event's type, or with its category or page.")  # fmt: skip
@click.option("--leave-out", multiple=True, metavar="TYPE", help="An event type that is no step; repeatable.")
@click.option("--repeats", is_flag=True, help="A step that follows itself counts again.")
@click.option("--goal", default="purchase", show_default=True, help="Event type that makes a buyer.")
@click.option("--funnel", default="funnel_step", show_default=True, help="A rule of the kind funnel.")
@click.option("--segment", metavar="NAME", help="Only sessions that began in this segment.")
@click.option("--segments", "lifecycle", type=click.Path(path_type=Path),
              help="Folder or file of the segments. Default: the shipped ones.")  # fmt: skip
@click.option("--min-support", "support", default="0.05", show_default=True,
              help="Sessions that must have a pattern: a share (0.05, 5%) or a number (50).")  # fmt: skip
@click.option("--min-length", "shortest", type=click.IntRange(1), default=2, show_default=True,
              help="Steps of a listed pattern, at least.")  # fmt: skip
@click.option("--max-length", type=click.IntRange(1, 20), default=5, show_default=True,
              help="Steps of a pattern, at most.")  # fmt: skip
@click.option("--max-gap", type=click.IntRange(0), default=2, show_default=True,
              help="Other steps between two of a pattern, at most; 0: none.")  # fmt: skip
@click.option("--any-gap", is_flag=True, help="Any number of other steps between two of a pattern.")
@click.option("--all-patterns", is_flag=True, help="Those, too, that a longer one says as well.")
@click.option("--most", type=click.IntRange(1), default=100_000, show_default=True,
              help="More patterns than this are refused.")  # fmt: skip
@click.option("--method", type=click.Choice(list(METHODS)), default="prefixspan", show_default=True,
              help="Both find the same.")  # fmt: skip
@click.option("--top", type=click.IntRange(1), default=report.TOP, show_default=True,
              help="Rows of a table that is shown; JSON has all.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for report.html, its pictures, report.json."
)
@click.option("--json", "as_json", is_flag=True, help="All figures as one JSON object.")
@settings_options
def main(
    path: Path, adapter: str, steps: str, leave_out: tuple[str, ...], repeats: bool, goal: str, funnel: str,
    segment: str | None, lifecycle: Path | None,
    support: str, shortest: int, max_length: int, max_gap: int, any_gap: bool, all_patterns: bool, most: int,
    method: str, top: int, out: Path | None, as_json: bool, settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:  # fmt: skip
    """Find frequent paths, compare buyers with leavers, say where sessions drop off (docs/paths.md).

    Exit status: 0, 2 the input or an option is invalid, or there is too little of it.
    """
    console = new_console()
    with reported_failures():
        limits = Limits(1, max_length, None if any_gap else max_gap, most)
        question = Question(support, limits, method, shortest, all_patterns)
        wanted = Wanted(steps, goal, frozenset(leave_out), repeats)
        run = Run(
            path, adapter, wanted, question, funnel, load(settings_file, assignments), lifecycle, segment
        )
        found = answer(run, lambda what: progress(console, what, None))
        if out:
            console.print(f"report: {report.write(found, out, top)}")
    if as_json:
        click.echo(orjson.dumps(found.to_document()).decode())
    else:
        _show(new_console(stderr=False), found, top)


def _show(console: Console, found: Answer, top: int) -> None:
    for line in report.summary(found, top):
        console.print(line)
    _table(console, report.PATTERNS, report.patterns(found, top))
    console.print(report.contrast_line(found))
    for of_buyers in (True, False):
        rows = report.differences(found, top, of_buyers=of_buyers)
        if rows:
            console.print(f"more often by {'buyers' if of_buyers else 'leavers'}:")
            _table(console, report.DIFFERENCES, rows)
    _table(console, report.FUNNEL, report.funnel(found))


def _table(console: Console, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main(prog_name="scripts/paths")
