"""Which files the checkout has."""

from __future__ import annotations

import subprocess

from stack.package import ROOT


def tracked(*patterns: str) -> list[str]:
    """Paths of tracked and of new files, relative to the checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.splitlines() if (ROOT / path).is_file()]
