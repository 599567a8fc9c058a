"""`scripts/serve`: runs the API."""

from __future__ import annotations

from pathlib import Path

import click

from services.reporting import CONTEXT, reported_failures


@click.command(context_settings=CONTEXT)
@click.option("--settings", "file", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="One setting; repeatable.")
@click.option("--check", is_flag=True, help="Check the content of content_dir and end.")
def main(file: Path | None, assignments: tuple[str, ...], check: bool) -> None:
    """Answer what to show a visitor and what is known of one, until SIGTERM or Ctrl-C.

    The contract is services/openapi.json. Settings: docs/services.md. Exit status: 0 ended by a signal, or
    the content is right; 2 a setting or a file of content is invalid.
    """
    from services.starting import check_content, run_api

    with reported_failures():
        if check:
            click.echo(check_content(file, assignments))
        else:
            run_api(file, assignments)


if __name__ == "__main__":
    main(prog_name="scripts/serve")
