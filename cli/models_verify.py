"""`scripts/models verify`: every check of a reader."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import starmap

import click

from cli.options import reported_failures
from connectors.contracts.model_inputs import OFFERED
from connectors.errors import ModelRefused
from connectors.models.registry import LIVE, SHADOW, Registry
from jobs.offline import models


@click.command()
@click.argument("name", required=False)
@click.argument("version", required=False)
@click.pass_obj
def verify(registry: Registry, name: str | None, version: str | None) -> None:
    """Do every check of a reader: on one version, or on all (of a model) and on those that have a role."""
    with reported_failures():
        chosen = [name] if name else registry.names()
        checks: list[tuple[str, Callable[[], object]]] = [
            (f"{model} {one}", partial(models.verify, registry, model, one, OFFERED))
            for model in chosen
            for one in ([version] if version else registry.versions(model))
        ]
        if not checks:
            raise ModelRefused(
                f"{name or registry.root}: no version to verify", "publish one (scripts/train --publish)"
            )
        checks += [
            (f"{model} {role}", partial(models.verify_role, registry, model, role, OFFERED))
            for model in chosen
            for role in (LIVE, SHADOW)
            if not version and registry.stamp(model, role)
        ]
        refused = [error for error in starmap(_checked, checks) if error]
        if refused:
            raise ModelRefused(f"{len(refused)} of {len(checks)} checks failed, the first: {refused[0]}")


def _checked(what: str, check: Callable[[], object]) -> ModelRefused | None:
    """Says whether it is sound; returns what is wrong."""
    try:
        check()
    except ModelRefused as error:
        click.echo(f"{what} is REFUSED: {error}")
        return error
    click.echo(f"{what} is sound")
    return None
