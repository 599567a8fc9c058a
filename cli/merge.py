"""`scripts/merge`: one file an hour in the lake, instead of the many that checkpoints leave."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import CONTEXT, reported_failures
from connectors.lake.merge import erase, merge
from connectors.lake.tables import LAKE_TABLES


@click.command(context_settings=CONTEXT)
@click.argument("lake", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--least-files",
    type=click.IntRange(2),
    default=8,
    show_default=True,
    help="Leave an hour alone that has fewer files.",
)
@click.option("--erase", "visitors", multiple=True, metavar="ID", help="Take out every row of this visitor.")
def main(lake: Path, least_files: int, visitors: tuple[str, ...]) -> None:
    """Merge the small files of a LAKE: one file an hour and table, sorted by time.

    With --erase only the hours of these visitors are rewritten, without them: the lake's part of what
    scripts/erase does elsewhere. Give every id that its receipt names.

    May run beside the job that writes; one merge at a time. What an interrupted merge left, the next one
    finishes. Exit status: 0 done, 2 the folder is no lake.
    """
    with reported_failures():
        for table in LAKE_TABLES:
            if visitors:
                click.echo(f"{table.name}: {erase(lake, table, visitors)} rows erased")
                continue
            done = merge(lake, table, least_files)
            click.echo(
                f"{table.name}: {done.hours} hours, {done.files_before} files into {done.files_after}, "
                f"{done.rows} rows"
            )


if __name__ == "__main__":
    main(prog_name="scripts/merge")
