"""Shipped rules under other names, for packs of any size."""

from __future__ import annotations

from pathlib import Path

from state.rules.language.loading import Loaded


def write_rule(folder: Path, one: Loaded, suffix: str = "") -> str:
    """Writes the rule into the folder, with the suffix behind its name; gives that name."""
    name = one.rule.name + suffix
    text = one.path.read_text("utf-8").replace(f"name: {one.rule.name}\n", f"name: {name}\n")
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    return name
