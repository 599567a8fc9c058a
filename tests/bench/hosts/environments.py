"""Environments for hosts that are no part of Footfall: made once, in the cache folder, of pinned versions."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from stack.package import ROOT
from tests.environments import python_of

# What the engine and its models need beside the host; the versions are Footfall's own.
_ENGINE = ("msgspec", "orjson", "numpy", "pydantic", "ruamel.yaml", "onnx", "onnxruntime")


def python_with(host: str, libraries: Collection[str] = _ENGINE) -> Path:
    """The interpreter of an environment with the host (`bytewax==0.21.1`) and what the engine needs.

    Args:
        host: a requirement.
        libraries: names of Footfall's own, installed beside it at Footfall's versions.

    Raises:
        CalledProcessError: pip could not install it.
    """
    return python_of(f"bench/{host.replace('==', '-')}", (host, *_pinned(libraries)))


def _pinned(libraries: Collection[str]) -> list[str]:
    """Libraries at Footfall's versions, but for those that a host pins itself."""
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if line.partition("==")[0] in libraries]
    return [line.partition("==")[0] if line.startswith("pydantic") else line for line in pinned]
