"""`scripts/models watch`: the standing watch over models at work; see jobs/offline/training/watch.py."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import click

from cli.options import embedded_settings, report, reported_failures, settings_options
from connectors.contracts.model_inputs import MODELS, OPTIONAL
from connectors.errors import BrokerUnavailable
from connectors.models.registry import Registry
from jobs import ends
from jobs.offline.times import stamp
from jobs.offline.training.post import Messages, Post, alone_at, from_kafka, trained_auc, watches_of
from jobs.offline.training.watch import Finding
from jobs.settings import load


@click.command("watch")
@click.argument("names", nargs=-1, type=click.Choice([*MODELS, *OPTIONAL]))
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=Path(".footfall/watch"),
    show_default=True, help="Keeps where the watch is, its findings and its page.",
)  # fmt: skip
@click.option("--window-hours", default=1.0, show_default=True, type=click.FloatRange(0.01), help="Of drift.")
@click.option(
    "--quality-hours", default=24.0, show_default=True, type=click.FloatRange(0.01), help="Of quality."
)
@click.option("--horizon-hours", default=72.0, show_default=True, type=float, help="Of churn, as trained.")
@click.option(
    "--metrics", "metrics_file", type=click.Path(path_type=Path, dir_okay=False),
    help="Write numbers for Prometheus, as a text file that its node exporter collects.",
)  # fmt: skip
@click.option("--every", default=30.0, show_default=True, type=click.FloatRange(1), help="Seconds.")
@click.option("--once", is_flag=True, help="Look once; exit status 1 when a window that ended alarms.")
@settings_options
@click.pass_obj
def show_watch(
    registry: Registry,
    names: tuple[str, ...],
    folder: Path,
    window_hours: float,
    quality_hours: float,
    horizon_hours: float,
    metrics_file: Path | None,
    every: float,
    once: bool,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Watch NAMES, or those that every job has: drift of what they see, quality once labels are known.

    Runs until it is stopped; begun again on the same folder it goes on where it was. Give the settings of the
    running jobs, and to each folder one watch.
    """
    with reported_failures(), alone_at(folder):
        settings = load(settings_file, assignments, embedded_settings())
        messages = partial(from_kafka, ends.kafka("models", settings).client_properties())
        hours = (window_hours, quality_hours, horizon_hours)
        post = Post(folder, watches_of(registry, names or MODELS, settings, hours))
        post.open()
        while True:
            alarmed = _round(post, registry, messages, metrics_file, once)
            if once:
                click.get_current_context().exit(int(alarmed))
            time.sleep(every)


def _round(post: Post, registry: Registry, messages: Messages, metrics_file: Path | None, once: bool) -> bool:
    """Looks once; returns whether a window alarms. A broker that is away is waited for, unless once."""
    try:
        found = post.look(messages)
    except BrokerUnavailable as error:
        if once:
            raise
        report(error)
        return False
    for finding in found:
        click.echo(_line(finding))
    post.show(metrics_file, trained_auc(post, registry))
    return any(finding.alarms for finding in found)


def _line(finding: Finding) -> str:
    alarms = ", ".join(finding.alarms[:5])
    head = f"{finding.model} {finding.version} {finding.what} {stamp(finding.from_ms)} {finding.rows:,} rows"
    return f"{head}  {f'ALARM: {alarms}' if alarms else 'stable'}"
