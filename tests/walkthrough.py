"""The steps of a page: files that it has the reader write, commands, and what they print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stack.package import ROOT

_FENCE = re.compile(r"(?:^`([\w./-]+)`\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Command:
    """A command of a page, without its comment, and the lines that the page shows after it."""

    words: list[str]
    shown: list[str] = field(default_factory=list)


@dataclass
class Written:
    """A file of a page."""

    name: str
    text: str


def steps(page: str) -> Iterator[Written | Command]:
    """What a reader of the page does, in order.

    A block below a line with nothing but a name in backticks is a file; blocks of `sh` are commands; a block of
    `text` is what the last command prints.
    """
    last: Command | None = None
    for name, kind, text in _FENCE.findall((ROOT / page).read_text(encoding="utf-8")):
        if name:
            yield Written(name, text)
        elif kind == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    last = Command(words)
                    yield last
        elif kind == "text" and last is not None:
            last.shown += text.splitlines()


def write(step: Written, folder: Path) -> None:
    """Writes the file into the folder."""
    path = folder / step.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(step.text, encoding="utf-8")
