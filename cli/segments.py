"""`scripts/segments`: groups of visitors: clusters that are found among them."""

from __future__ import annotations

import click

from cli.options import CONTEXT
from cli.segments_fit import fit


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Find groups of visitors (docs/clusters.md)."""


main.add_command(fit)


if __name__ == "__main__":
    main(prog_name="scripts/segments")
