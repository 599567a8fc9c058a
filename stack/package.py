"""Packs the Python code that a Flink cluster needs into one zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("jobs", "state", "udfs", "connectors", "model_artifacts")
_SUFFIXES = {".py", ".sql", ".yaml", ".json", ".jsonl", ".onnx"}


def pack(target: Path) -> Path:
    """Writes the zip; equal sources give equal bytes.

    Args:
        target: the file to write.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_sources()):
            archive.writestr(zipfile.ZipInfo(str(path.relative_to(ROOT))), path.read_bytes())
    return target


def _sources() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in _SUFFIXES and "__pycache__" not in path.parts
    ]
