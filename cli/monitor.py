"""The commands of `scripts/models` that look at models at work: drift, quality, compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.options import embedded_addresses, reported_failures
from connectors.contracts import topics
from connectors.errors import BadInput
from connectors.kafka.topic_reader import read_topic
from connectors.models.registry import Registry
from jobs.offline.models import live_manifest
from jobs.offline.times import stamp
from jobs.offline.training.events import read_events
from jobs.offline.training.monitor import HOUR_MS, ScoreLog, comparison, drift, lines_of, quality, read_log
from jobs.offline.training.rows import Moments

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _scores_of(command: _Command) -> _Command:
    file = click.option(
        "--scores", "file", type=click.Path(path_type=Path),
        help="JSON lines of footfall.scores; without it the topic of a running scripts/run is read.",
    )  # fmt: skip
    return click.argument("name")(file(command))


_WINDOW = click.option(
    "--window-hours", default=1.0, show_default=True, type=click.FloatRange(0.01), help="Of event time."
)


@click.command("drift")
@_scores_of
@_WINDOW
@click.pass_obj
def show_drift(registry: Registry, name: str, file: Path | None, window_hours: float) -> None:
    """Compare what NAME sees with what it was trained on. Exit status 1 when a window alarms."""
    with reported_failures():
        manifest = live_manifest(registry, name)
        found = drift(_log(file, name), manifest, int(window_hours * HOUR_MS))
    for window in found:
        worst = ", ".join(f"{one} {window.indices[one]:.2f}" for one in window.alarms[:5])
        score = window.indices.get("score", float("nan"))
        click.echo(f"{stamp(window.from_ms)}  {window.rows:7,} rows  score {score:.3f}  {worst or 'stable'}")
    click.get_current_context().exit(1 if any(window.alarms for window in found) else 0)


@click.command("quality")
@_scores_of
@_WINDOW
@click.option(
    "--events",
    type=click.Path(path_type=Path),
    required=True,
    help="Events that give the labels: a lake, or JSON lines.",
)
@click.option("--every", default=5, show_default=True, help="As the setting score_every_events.")
@click.option("--horizon-hours", default=72.0, show_default=True, help="Of churn.")
@click.pass_obj
def show_quality(
    registry: Registry,
    name: str,
    file: Path | None,
    window_hours: float,
    events: Path,
    every: int,
    horizon_hours: float,
) -> None:
    """Judge the scores of NAME whose labels are known by now, by window and version."""
    with reported_failures():
        moments = Moments(every=every, horizon_ms=int(horizon_hours * HOUR_MS))
        manifest = live_manifest(registry, name)
        window_ms = int(window_hours * HOUR_MS)
        found = quality(_log(file, name), name, read_events(events), moments, manifest, window_ms)
    for window in found:
        shown = "  ".join(
            f"{metric} {window.metrics[metric]:.3f}"
            for metric in ("auc", "average_precision", "calibration_error")
            if metric in window.metrics
        )
        head = f"{stamp(window.from_ms)}  {window.version}  {window.rows:6,} rows, {window.positives:5,} true"
        click.echo(f"{head}  {shown or 'one label only'}")


@click.command("compare")
@_scores_of
@click.pass_obj
def show_comparison(registry: Registry, name: str, file: Path | None) -> None:
    """Compare the shadowing version of NAME with the live one, on the moments that both scored."""
    with reported_failures():
        found = comparison(_log(file, name), live_manifest(registry, name))
    for what, value in found.items():
        click.echo(f"{what.replace('_', ' '):24} {value:,.4f}")
    if not found:
        click.echo("nothing was scored by two versions; scripts/models shadow sets one up")


def _log(file: Path | None, name: str) -> ScoreLog:
    return read_log(lines_of(file) if file else _messages(), name)


def _messages() -> Iterator[bytes]:
    addresses = embedded_addresses()
    if "kafka" not in addresses:
        raise BadInput(
            "no scripts/run is running here", "give --scores FILE with the lines of footfall.scores"
        )
    properties = {"bootstrap.servers": addresses["kafka"]}
    yield from (message.value for message in read_topic(properties, topics.SCORES.name))
