"""Generating a Flink configuration folder: flink-conf/config.yaml with other values filled in, comments kept.

`python -m stack.flink_config OVERLAY OUT_DIR` writes it with OVERLAY.yaml (`production`) laid over it.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

SOURCE = Path(__file__).resolve().parent.parent / "flink-conf"


def write_conf_dir(
    target: Path, values: Mapping[str, object], overlay: str | None = None, without: Collection[str] = ()
) -> None:
    """Write a folder that serves as FLINK_CONF_DIR.

    Args:
        target: folder; made if missing, an existing config.yaml is replaced.
        values: what differs, by full key (`rest.port`).
        overlay: name of a file of flink-conf/ (without .yaml) that is laid over config.yaml first.
        without: full keys that are left out, whole branches too.
    """
    target.mkdir(parents=True, exist_ok=True)
    for logging in SOURCE.glob("log4j*.properties"):
        shutil.copy(logging, target)
    tree = load(SOURCE / "config.yaml")
    if overlay is not None:
        merge(tree, load(SOURCE / f"{overlay}.yaml"))
    for key in without:
        branch, _, leaf = key.rpartition(".")
        (get_value(tree, branch) if branch else tree).pop(leaf)
    for key, value in values.items():
        set_value(tree, key, value)
    with (target / "config.yaml").open("w", encoding="utf-8") as stream:
        _yaml().dump(tree, stream)


def load(path: Path) -> Any:
    """The tree of a YAML file."""
    return _yaml().load(path.read_text("utf-8"))


def set_value(tree: Any, key: str, value: object) -> None:
    """Put a value at a full key, making the levels that are missing."""
    *levels, leaf = key.split(".")
    for level in levels:
        if not isinstance(tree.get(level), dict):
            tree[level] = {}
        tree = tree[level]
    tree[leaf] = value


def get_value(tree: Any, key: str) -> Any:
    """The value at a full key; None when there is none."""
    for level in key.split("."):
        if not isinstance(tree, dict) or level not in tree:
            return None
        tree = tree[level]
    return tree


def merge(tree: Any, overlay: Any) -> None:
    """Lay a tree over another: its leaves win, everything else stays."""
    for key, value in (overlay or {}).items():
        if isinstance(value, dict) and isinstance(tree.get(key), dict):
            merge(tree[key], value)
        else:
            tree[key] = value


def _yaml() -> YAML:
    yaml = YAML()
    # Folding would break the long line of Java options, which Flink's shell scripts read line by line.
    yaml.width = 1_000_000
    return yaml


if __name__ == "__main__":
    write_conf_dir(Path(sys.argv[2]), {}, overlay=sys.argv[1])
