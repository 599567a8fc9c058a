"""The examples in the contracts' and the shop's docstrings run."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "cli.poison",
    "cli.shop",
    "connectors.events",
    "connectors.indices",
    "connectors.messages",
    "connectors.rejected",
    "connectors.sessions",
    "connectors.signals",
    "connectors.topics",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
