"""The words of the project, and the measures of its pages. `python -m tools.words`, part of scripts/lint."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from stack.package import ROOT

WORDS = ROOT / "tools" / "words.toml"
ENDINGS = ("*.py", "*.sql", "*.md", "*.yaml", "*.ts", "*.html", "scripts/*")
MAX_LINE = 130  # of a page, outside of tables and code
MAX_CELL = 200  # of a table; a row cannot be broken into lines
_CANNOT_BREAK = re.compile(r"\.jaas\.config=|^\{.*\}$")  # one setting, one message a line


class Word(NamedTuple):
    """A word that is not used, what is used instead, and the endings of files it is looked for in."""

    pattern: re.Pattern[str]
    use: str
    only: tuple[str, ...]


def words(path: Path = WORDS) -> list[Word]:
    """The list, in the order of the file.

    Raises:
        KeyError: an entry has no `not` or no `use`.
    """
    with path.open("rb") as file:
        entries = tomllib.load(file)["word"]
    return [Word(_pattern(one["not"]), one["use"], tuple(one.get("only", ()))) for one in entries]


def _pattern(word: str) -> re.Pattern[str]:
    # A name's parts are words, too.
    return re.compile(rf"(?<![a-z])(?:{word})(?![a-z])", re.IGNORECASE)


def wrong_words(text: str, known: Iterable[Word], ending: str = "") -> Iterator[tuple[int, str]]:
    r"""(line, what is wrong) for each use of a word of the list.

    >>> word = Word(_pattern("whilst"), "while", ())
    >>> list(wrong_words("events come in\nWhilst it runs", [word]))
    [(2, "'Whilst': write while")]
    """
    chosen = [word for word in known if not word.only or ending in word.only]
    for number, line in enumerate(text.splitlines(), 1):
        for word in chosen:
            for found in word.pattern.finditer(line):
                yield number, f"{found.group()!r}: write {word.use}"


def too_wide(page: str) -> Iterator[tuple[int, str]]:
    r"""(line, what is wrong) for each long line and each long table cell of a page.

    >>> list(too_wide("short\n" + "x " * 66))
    [(2, '132 characters, at most 130 in a line')]
    >>> list(too_wide("| a | " + "x" * 201 + " |"))
    [(1, '201 characters, at most 200 in a cell')]
    """
    is_code = False
    for number, line in enumerate(page.splitlines(), 1):
        is_code ^= line.lstrip().startswith("```")
        if is_code and _CANNOT_BREAK.search(line):
            continue
        if line.startswith("|") and not is_code:
            found = [_wide("cell", len(cell), MAX_CELL) for cell in cells(line)]
        else:
            found = [_wide("line", len(line), MAX_LINE)]
        yield from ((number, what) for what in found if what)


def _wide(what: str, size: int, most: int) -> str | None:
    return f"{size} characters, at most {most} in a {what}" if size > most else None


def cells(row: str) -> list[str]:
    r"""The cells of a table's row; an escaped bar is part of a cell.

    >>> cells(r"| a \| b | c |")
    ['a \\| b', 'c']
    """
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


def complaints(root: Path = ROOT) -> Iterator[str]:
    """`file:line: what is wrong` for all files that Git tracks."""
    known = words()
    for path in tracked(root):
        text = (root / path).read_text(encoding="utf-8")
        found = list(wrong_words(text, known, Path(path).suffix))
        found += too_wide(text) if path.endswith(".md") else []
        yield from (f"{path}:{line}: {what}" for line, what in sorted(found))


def tracked(root: Path) -> list[str]:
    """Files that are looked at, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", *ENDINGS], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    return [path for path in listed.splitlines() if (root / path).is_file()]


def main() -> None:
    """Prints what is wrong; exit status 1 when anything is."""
    found = list(complaints())
    click.echo("\n".join([*found, f"{len(found)} words, lines or cells to change (tools/words.toml)"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
