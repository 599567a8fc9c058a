"""`scripts/segments`: segments as files, put to work; and clusters that are found among visitors."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import CONTEXT, reported_failures, settings_options
from cli.segments_apply import apply
from cli.segments_fit import fit
from jobs.offline.lifecycle.cutoffs import cutoffs_of
from jobs.offline.rules.history import history_of
from jobs.settings import load as load_settings
from state.segments.language.loading import SHIPPED, load


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Groups of visitors: segments in files (docs/segments.md), clusters that are found (docs/clusters.md).

    Exit status: 0 done, 1 something does not answer, 2 a file or an option is invalid.
    """


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def validate(paths: tuple[Path, ...]) -> None:
    """Check segments: one line for each thing that is wrong, with file, line, field and what to do.

    PATHS are YAML files and folders of them; without one the shipped ones.
    """
    with reported_failures():
        found = load(paths or (SHIPPED,))
    names = ", ".join(f"{one.rule.name} {one.rule.version}" for one in found)
    click.echo(f"{len(found)} files are good: {names}", err=True)


@main.command()
@click.option(
    "--events", required=True, type=click.Path(path_type=Path),
    help="JSON lines, plain or .gz, or the folder of a lake.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: cutoffs.json in the folder of the segments. Default: standard output.",
)  # fmt: skip
@settings_options
def cutoffs(events: Path, out: Path | None, settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Make the cut-offs of RFM: four values of each measure that part the buyers into fifths.

    A running job whose segments_dir holds the file takes it up by itself. Exit status 2: too few have bought.
    """
    with reported_failures():
        settings = load_settings(settings_file, assignments)
        made = cutoffs_of(history_of(events, settings)(), settings, events.name)
        text = made.model_dump_json(by_alias=True, indent=2) + "\n"
        if out is None:
            click.echo(text, nl=False)
        else:
            beside = out.with_suffix(".new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(out)  # in one step: a job that looks meanwhile sees all of it or nothing
    click.echo(f"cut-offs of {made.buyers:,} buyers as of {made.date}", err=True)


for _command in (apply, fit):
    main.add_command(_command)


if __name__ == "__main__":
    main(prog_name="scripts/segments")
