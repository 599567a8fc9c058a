"""`scripts/submit`: one job onto a running Flink cluster."""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import CONTEXT, embedded_addresses, embedded_settings, reported_failures, settings_options
from jobs.settings import Settings, load
from stack.ports import LOOPBACK
from stack.runs.deploy import create_ends
from stack.runs.submission import python_at, submit

JOBS = ("adapt", "ingest", "visitors", "triggers", "index", "archive", "audit", "recommendations", "suite")
DEFAULT_URL = f"http://{LOOPBACK}:8081"


@click.command(context_settings=CONTEXT)
@click.argument("job", type=click.Choice(JOBS))
@click.option(
    "--rest-url",
    help=f"The cluster's REST address. Default: that of a running scripts/run, else {DEFAULT_URL}.",
)
@click.option("--parallelism", type=click.IntRange(1, 64), help="Of every operator; wins over the setting.")
@click.option(
    "--from-savepoint", metavar="PATH", help="Savepoint or checkpoint to start from, as the cluster sees it."
)
@click.option(
    "--allow-non-restored-state",
    "drops_state",
    is_flag=True,
    help="Start although the savepoint has state of operators that the job no longer has.",
)
@click.option(
    "--python", help="Interpreter of the Python workers. Default: this one on this machine, else python3."
)
@click.option(
    "--prepare",
    type=click.IntRange(1, 9),
    metavar="COPIES",
    help="First create the topics and indices that are missing, each with so many copies of its data.",
)
@settings_options
def main(
    job: str,
    rest_url: str | None,
    parallelism: int | None,
    from_savepoint: str | None,
    drops_state: bool,
    python: str | None,
    prepare: int | None,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Submit JOB to a running Flink cluster and print the job's id.

    The code travels with the job. The cluster needs the Kafka connector in its lib/ and, on every
    TaskManager, a Python that has requirements.txt. Exit status: 0 submitted, 1 Flink does not answer or
    refuses, 2 an option or a setting is invalid.
    """
    with reported_failures():
        addresses = {} if rest_url else embedded_addresses()
        settings = load(settings_file, assignments, {} if rest_url else embedded_settings())
        if parallelism:
            settings = settings.replace(parallelism=parallelism)
        _warn_of_secrets(settings)
        if prepare:
            create_ends(settings, prepare)
        url = rest_url or addresses.get("flink", DEFAULT_URL)
        flags = ["-n"] if drops_state else []
        click.echo(submit(job, url, settings, python or python_at(url), from_savepoint, flags))


def _warn_of_secrets(settings: Settings) -> None:
    if settings.elasticsearch_api_key:
        click.echo(
            "elasticsearch_api_key does not travel with the job: set elasticsearch_api_key_file, or "
            "FOOTFALL_ELASTICSEARCH_API_KEY where the TaskManagers run",
            err=True,
        )


if __name__ == "__main__":
    main(prog_name="scripts/submit")
