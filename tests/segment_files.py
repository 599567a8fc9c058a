"""Files of segments with their spans scaled, and the segments of the engine that are made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from state.rules.language.spans import UNITS_MS, text_of
from state.segments.definition import compiled
from state.segments.language.cutoffs import Cutoffs
from state.segments.language.loading import SHIPPED, load
from state.segments.membership import Segments

LIFECYCLE = SHIPPED / "lifecycle.yaml"


def scaled(folder: Path, part: int, **changes: Any) -> Path:
    """The shipped lifecycle with every span a part of what it is."""
    document = YAML(typ="safe").load(LIFECYCLE.read_text(encoding="utf-8"))
    document = {**_scaled(document, part), **changes}
    path = folder / "lifecycle.yaml"
    with path.open("w", encoding="utf-8") as out:
        YAML(typ="safe").dump(document, out)
    return path


def _scaled(node: Any, part: int) -> Any:
    if isinstance(node, dict):
        return {key: _scaled(value, part) for key, value in node.items()}
    if isinstance(node, list):
        return [_scaled(value, part) for value in node]
    if isinstance(node, str) and len(words := node.split()) == 2 and words[1] in UNITS_MS:
        return text_of(int(words[0]) * UNITS_MS[words[1]] // part)
    return node


def segments_of(*paths: Path, cutoffs: Cutoffs | None = None) -> Segments:
    """What is at work of files; of the shipped ones where none is given."""
    made = (compiled(one.rule, cutoffs) for one in load(paths or [SHIPPED]))
    return Segments([one for one in made if one is not None])
