"""Environments for tools that are no part of Footfall: made once, in the cache folder, of pinned versions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path


def python_of(name: str, requirements: Iterable[str]) -> Path:
    """The interpreter of an environment with these packages, which is made when it is missing or has others.

    Args:
        name: its folder below the cache.
        requirements: as pip takes them, `bytewax==0.21.1`.

    Raises:
        CalledProcessError: pip could not install them.
    """
    cache = Path(os.environ.get("FOOTFALL_CACHE_DIR") or Path.home() / ".cache" / "footfall")
    asked = tuple(requirements)
    folder, wanted = cache / name, "\n".join(asked)
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists() or ready.read_text() != wanted:
        print(f"making {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *asked], check=True)
        ready.write_text(wanted)
    return python
