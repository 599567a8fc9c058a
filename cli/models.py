"""`scripts/models`: the registry: what there is, whether it is sound, which version is live."""

from __future__ import annotations

from pathlib import Path

import click

from cli.models_verify import verify
from cli.monitor import show_comparison, show_drift, show_quality
from cli.options import CONTEXT, reported_failures
from cli.watch import show_watch
from connectors.contracts.model_inputs import OFFERED
from connectors.errors import ModelRefused
from connectors.models.registry import LIVE, SHADOW, Pointer, Registry
from jobs.offline import models
from jobs.offline.models_shown import described, facts_of

_NAME = click.argument("name")
_VERSION = click.argument("version")


@click.group(context_settings=CONTEXT)
@click.option(
    "--models", "folder", type=click.Path(path_type=Path), default=Path("model_artifacts"), show_default=True,
    help="The registry's folder; running workers follow the one that the setting model_dir names.",
)  # fmt: skip
@click.pass_context
def main(context: click.Context, folder: Path) -> None:
    """Show and change the model registry. Exit status: 0 done, 2 refused, with the reason."""
    context.obj = Registry(folder)


@main.command("list")
@click.pass_obj
def show_all(registry: Registry) -> None:
    """List every version of every model."""
    for name in registry.names():
        roles = {role: registry.pointer(name, role) for role in (LIVE, SHADOW)}
        for version in registry.versions(name):
            held = [role for role, pointer in roles.items() if pointer and pointer.version == version]
            click.echo(f"{name}  {version}  {facts_of(registry, name, version)}  {' '.join(held)}".rstrip())


@main.command()
@_NAME
@click.argument("version", required=False)
@click.pass_obj
def show(registry: Registry, name: str, version: str | None) -> None:
    """Show a version's manifest in words; without VERSION, the live one's."""
    with reported_failures():
        pointer = registry.pointer(name)
        chosen = version or (pointer.version if pointer else None)
        if chosen is None:
            raise ModelRefused(f"{name}: no version is live", "scripts/models list shows what there is")
        for line in described(registry.any_manifest(name, chosen), pointer):
            click.echo(line)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.pass_obj
def publish(registry: Registry, folder: Path) -> None:
    """Add the version in FOLDER, as scripts/train or scripts/recommend wrote it. It is not live by that."""
    with reported_failures():
        manifest = models.publish(registry, folder)
        click.echo(f"{manifest.name} {manifest.version}")


@main.command()
@_NAME
@_VERSION
@click.option("--note", default="", help="Why; kept in the pointer.")
@click.pass_obj
def promote(registry: Registry, name: str, version: str, note: str) -> None:
    """Make VERSION live. Running workers follow between two batches, within 5 seconds."""
    with reported_failures():
        models.verify(registry, name, version, OFFERED)
        _show(name, models.promote(registry, name, version, note=note))


@main.command()
@_NAME
@click.option("--note", default="", help="Why; kept in the pointer.")
@click.pass_obj
def rollback(registry: Registry, name: str, note: str) -> None:
    """Make the version live that was live before."""
    with reported_failures():
        _show(name, models.rollback(registry, name, note=note))


@main.command()
@_NAME
@click.argument("version", required=False)
@click.option("--off", is_flag=True, help="No version shadows any more.")
@click.pass_obj
def shadow(registry: Registry, name: str, version: str | None, off: bool) -> None:
    """Let VERSION score beside the live one; its scores go into an index of their own."""
    if off == (version is not None):
        raise click.UsageError("give a VERSION, or --off")
    with reported_failures():
        if version is None:
            registry.clear(name)
            click.echo(f"{name}: nothing shadows")
            return
        models.verify(registry, name, version, OFFERED)
        _show(name, models.promote(registry, name, version, SHADOW))


for _command in (show_drift, show_quality, show_comparison, show_watch, verify):
    main.add_command(_command)


def _show(name: str, pointer: Pointer) -> None:
    click.echo(f"{name} {pointer.version}; before: {', '.join(pointer.previous) or 'none'}")


if __name__ == "__main__":
    main(prog_name="scripts/models")
