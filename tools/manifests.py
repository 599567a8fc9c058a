"""Writes Flink's options of deploy/kubernetes/ from flink-conf/: `python -m tools.manifests`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from stack.flink_config import SOURCE, load, merge
from stack.package import ROOT

TARGET = ROOT / "deploy" / "kubernetes" / "base" / "job" / "flink-configuration.yaml"
LAYERS = ("config", "production", "kubernetes")
_MEMORY = "{}.memory.process.size"
_NOTE = "# Written by `python -m tools.manifests` from flink-conf/; a test compares.\n"


def main() -> None:
    """Writes the file."""
    with TARGET.open("w", encoding="utf-8") as stream:
        stream.write(_NOTE)
        _yaml().dump(patch(options()), stream)


def options() -> dict[str, str]:
    """The options of flink-conf/ as the operator takes them: one text by full key.

    >>> options()["state.backend.type"], "rest.address" in options()
    ('rocksdb', False)
    """
    tree: dict[str, Any] = {}
    for layer in LAYERS:
        merge(tree, load(SOURCE / f"{layer}.yaml"))
    return dict(leaves(tree))


def patch(found: dict[str, str]) -> dict[str, Any]:
    """The options as a patch of a FlinkDeployment; the size of a process is the operator's to set."""
    sizes = {role: found[_MEMORY.format(role.lower())] for role in ("jobManager", "taskManager")}
    rest = {
        key: value for key, value in found.items() if key not in map(_MEMORY.format, map(str.lower, sizes))
    }
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": "footfall"},
        "spec": {
            **{role: {"resource": {"memory": size}} for role, size in sizes.items()},
            "flinkConfiguration": {key: DoubleQuotedScalarString(rest[key]) for key in sorted(rest)},
        },
    }


def leaves(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Full key and value of every option; without those that are taken away."""
    for name, value in tree.items():
        key = f"{above}{name}"
        if isinstance(value, dict):
            yield from leaves(value, f"{key}.")
        elif value is not None:
            yield key, str(value).lower() if isinstance(value, bool) else str(value)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 1_000_000
    return yaml


if __name__ == "__main__":
    main()
