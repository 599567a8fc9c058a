"""`scripts/submit`: one job onto a running Flink cluster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click
from elastic_transport import TransportError
from elasticsearch import ApiError

from cli.options import CONTEXT, embedded_addresses, embedded_settings, failures_told, settings_options
from connectors.elasticsearch.admin import create_indices
from connectors.errors import IndexUnavailable
from connectors.kafka.admin import create_topics
from connectors.wording import plainly
from jobs import ends
from jobs.settings import Settings, load
from stack import jars
from stack.console import new_console
from stack.embedded import DEFAULT_WORKDIR
from stack.fetching import RichProgress
from stack.flink_remote import RemoteFlink
from stack.package import pack
from stack.ports import LOOPBACK
from stack.runs.assignments import arguments

JOBS = ("adapt", "ingest", "visitors", "triggers", "index", "archive", "audit", "suite")
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
    refuses, 2 an option or a setting is no good.
    """
    with failures_told():
        addresses = {} if rest_url else embedded_addresses()
        settings = load(settings_file, assignments, {} if rest_url else embedded_settings())
        if parallelism:
            settings = settings.replace(parallelism=parallelism)
        _warn_of_secrets(settings)
        if prepare:
            create_ends(settings, prepare)
        url = rest_url or addresses.get("flink", DEFAULT_URL)
        flags = ["-n"] if drops_state else []
        click.echo(_submit(job, url, settings, python or _python_at(url), from_savepoint, flags))


def _python_at(url: str) -> str:
    """The default interpreter of the workers.

    >>> _python_at("http://flink.example:8081")
    'python3'
    """
    return sys.executable if urlsplit(url).hostname in (LOOPBACK, "localhost") else "python3"


def _warn_of_secrets(settings: Settings) -> None:
    if settings.elasticsearch_api_key:
        click.echo(
            "elasticsearch_api_key does not travel with the job: set elasticsearch_api_key_file, or "
            "FOOTFALL_ELASTICSEARCH_API_KEY where the TaskManagers run",
            err=True,
        )


def create_ends(settings: Settings, copies: int) -> None:
    """Creates the topics and indices that are missing.

    Raises:
        EndUnavailable: Kafka or Elasticsearch does not answer, or refuses.
    """
    create_topics(ends.kafka("submit", settings).client_properties(), replication=copies)
    try:
        create_indices(ends.elasticsearch(settings).client(), replicas=copies - 1)
    except (ApiError, TransportError) as error:
        raise IndexUnavailable(
            f"indices cannot be created at {settings.elasticsearch_url}: {plainly(error)}",
            "check elasticsearch_url and the API key's rights",
        ) from error


def _submit(
    job: str, url: str, settings: Settings, python: str, from_savepoint: str | None, flags: Sequence[str]
) -> str:
    folder = (DEFAULT_WORKDIR / f"submit-{job}").resolve()
    with RichProgress(new_console()) as progress:
        connectors = jars.fetch("flink", None, progress)
        connectors += jars.fetch("lake", None, progress) if settings.archive_dir else []
    flink = RemoteFlink(url, connectors, folder, python)
    flink.prepare()
    return flink.run(
        f"jobs.{job}",
        pack(folder / "suite.zip"),
        arguments(settings),
        parallelism=settings.parallelism,
        from_savepoint=from_savepoint,
        flags=flags,
    )


if __name__ == "__main__":
    main(prog_name="scripts/submit")
