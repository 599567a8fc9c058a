"""The arguments every job's `main` takes: `--settings FILE` and any number of `--set name=value`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jobs.settings import Settings, load


def settings_from(argv: Sequence[str]) -> Settings:
    """The settings that a job's arguments ask for.

    >>> settings_from(["--set", "session_gap_ms=60000"]).session_gap_ms
    60000
    """
    parser = argparse.ArgumentParser(
        description="A Footfall job; settings come from file, environment and --set."
    )
    parser.add_argument("--settings", type=Path, default=None, help="TOML file of settings")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; repeatable"
    )
    arguments = parser.parse_args(argv)
    return load(arguments.settings, arguments.set)
