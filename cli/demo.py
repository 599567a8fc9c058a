"""`scripts/demo`: a shop's page over the whole of Footfall, on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.options import CONTEXT, reported_failures, settings_options
from jobs.settings import load
from stack.console import new_console
from stack.runs.demo import DEMO_SETTINGS, run_demo
from stack.runs.interrupts import STATUS


@click.command(context_settings=CONTEXT)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8_070, show_default=True,
    help="Of the page, on loopback; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--workdir", type=click.Path(path_type=Path), default=Path(".footfall"), show_default=True,
    help="Logs, data and generated configuration of the stack.",
)  # fmt: skip
@settings_options
def main(port: int, workdir: Path, settings_file: Path | None, assignments: tuple[str, ...]) -> None:
    """Open a small shop and watch what Footfall makes of its visitor, until Ctrl-C.

    Real Kafka, Flink and Elasticsearch, the suite, triggers, the collector, the API and a mailer on loopback;
    the address of the page is printed. Fill a cart and wait: a banner comes and a mail falls due. Buy: the
    banner goes, the mail is cancelled. Exit status: 130 ended by Ctrl-C, 1 something failed, 2 an option is
    invalid.
    """
    console = new_console()
    try:
        with reported_failures():
            run_demo(console, load(settings_file, assignments, dict(DEMO_SETTINGS)), workdir, port)
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        sys.exit(STATUS)


if __name__ == "__main__":
    main(prog_name="scripts/demo")
