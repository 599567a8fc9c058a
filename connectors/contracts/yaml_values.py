"""What a YAML document that knows its lines stands for, as plain Python values. Pure."""

from __future__ import annotations

from typing import Any


def plain(node: Any) -> Any:
    """The node as plain values; a YAML alias or a tag's object is what it stands for, a moment its text.

    >>> plain({1: [True, None, 2.5, "a"]})
    {'1': [True, None, 2.5, 'a']}
    """
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)
