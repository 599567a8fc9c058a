"""`scripts/run`: the suite on the embedded stack, live over a generated shop or over a file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.options import CONTEXT, reported_failures, settings_options
from connectors.adapters import ADAPTERS, AUTO
from connectors.files import messages
from jobs.settings import Settings, Value, load
from stack.console import new_console
from stack.package import ROOT
from stack.runs.demo import OF_THE_PAGE
from stack.runs.feed import require_an_event
from stack.runs.interrupts import STATUS
from stack.runs.replay import CANONICAL
from stack.runs.run_settings import LIVE_SETTINGS, REPLAY_SETTINGS
from stack.runs.start import run_suite

# What `scripts/models promote` changes, so that the workers follow.
_DEFAULTS = {"model_dir": str(ROOT / "model_artifacts")}


@click.command(context_settings=CONTEXT)
@click.option("--seconds", type=click.IntRange(1), help="Live: stop by itself after so many seconds.")
@click.option(
    "--rate", type=click.FloatRange(1, 50_000), default=500.0, show_default=True,
    help="Live: events per second of the generated shop. Above 1,000 Java compiles for speed and not for a "
    "quick start: the first minutes are slow.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Live: seed of the generated shop.")
@click.option(
    "--page", is_flag=True,
    help="Live: serve the page of scripts/demo, too, with all that belongs to it; prints its address.",
)  # fmt: skip
@click.option(
    "--replay", "file", type=click.Path(path_type=Path),
    help="Bounded: a JSON-lines file, plain or .gz, or the folder of a lake; for other adapters also .csv "
    "and .json (one message).",
)  # fmt: skip
@click.option(
    "--adapter", type=click.Choice([CANONICAL, *(name for name in ADAPTERS if name != CANONICAL), AUTO]),
    default="canonical", show_default=True,
    help="Bounded: what the lines of the file are; auto recognises each.",
)  # fmt: skip
@click.option(
    "--dump", "target", type=click.Path(path_type=Path, file_okay=False),
    help="Bounded: folder for signals, sessions, rejected, ledger and summary; items with valid_events.",
)  # fmt: skip
@click.option(
    "--parallelism", type=click.IntRange(1, 64),
    help="Of every operator; wins over the setting. One instance of each keeps two to three cores busy.",
)  # fmt: skip
@click.option(
    "--state-backend", type=click.Choice(["hashmap", "rocksdb"]), default="hashmap", show_default=True,
    help="Where Flink keeps state: on the heap, or on disk for state that outgrows memory.",
)  # fmt: skip
@click.option(
    "--workdir", type=click.Path(path_type=Path), default=Path(".footfall"), show_default=True,
    help="Logs, data and generated configuration of the stack.",
)  # fmt: skip
@settings_options
def main(
    seconds: int | None,
    rate: float,
    seed: int,
    page: bool,
    file: Path | None,
    adapter: str,
    target: Path | None,
    parallelism: int | None,
    state_backend: str,
    workdir: Path,
    settings_file: Path | None,
    assignments: tuple[str, ...],
) -> None:
    """Run Footfall's main job on an embedded stack: real Kafka, Flink and Elasticsearch on loopback ports.

    Without --replay a generated shop feeds it until Ctrl-C, or for --seconds. Exit status: 0 the ledger
    balances, 1 it does not or the run failed, 2 the input or an option is invalid.
    """
    console = new_console()
    try:
        with reported_failures():
            _check(file, target, seconds or page, adapter)
            settings = _settings(bool(file), page, parallelism, settings_file, assignments)
            run_of = (console, settings, workdir, state_backend, file, adapter, target, rate, seed, seconds)
            balanced = run_suite(*run_of, page)
    except KeyboardInterrupt:
        console.print("stopped; nothing is left running")
        sys.exit(STATUS)
    sys.exit(0 if balanced else 1)


def _settings(
    bounded: bool, page: bool, parallelism: int | None, file: Path | None, assignments: tuple[str, ...]
) -> Settings:
    paces = {**LIVE_SETTINGS, **OF_THE_PAGE} if page else REPLAY_SETTINGS if bounded else LIVE_SETTINGS
    defaults: dict[str, Value] = {**_DEFAULTS, **paces}
    settings = load(file, assignments, defaults).replace(bounded=bounded)
    return settings.replace(parallelism=parallelism) if parallelism else settings


def _check(file: Path | None, target: Path | None, of_live: object, adapter: str) -> None:
    if (file is None) != (target is None):
        raise click.UsageError("--replay FILE and --dump DIR go together")
    if file and of_live:
        raise click.UsageError("--seconds and --page are for live runs; --replay ends with its file")
    if file and adapter == CANONICAL:
        require_an_event(file)
    elif file:
        messages.require_an_event(file, adapter)


if __name__ == "__main__":
    main(prog_name="scripts/run")
