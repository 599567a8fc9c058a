"""`scripts/docs`: the pages as a site, in the order of docs/README.md; a dead link fails the build."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

from stack.environments import in_docs
from stack.package import ROOT
from tools.options import CONTEXT
from tools.tracked import tracked

_WORK = ROOT / ".footfall" / "site"
_INDEX = "docs/README.md"
# Pages as they lie in the checkout, so that their links need not be changed, and the pictures in them.
_SHOWN = ("*.md", "docs/*.svg", "docs/pictures/*")
_LEFT_OUT = ("tests/",)
_SECTION = re.compile(r"^## (.+)$")
_ROW = re.compile(r"^\| .*?\]\(")
_LINK = re.compile(r"\[([^]]+)\]\(([^)#]+)\)")
Section = dict[str, list[dict[str, str]]]


@click.command(context_settings=CONTEXT)
@click.option(
    "--serve", is_flag=True, help="Show the site on loopback, and build it again when a page changes."
)
def main(serve: bool) -> None:
    """Build the site of the documentation into .footfall/site/html.

    Exit status: 0 built, 1 a link or an anchor leads nowhere.
    """
    config = staged(_WORK)
    words = ("serve",) if serve else ("build", "--strict", "--clean")
    command = in_docs("zensical", *words, "--config-file", str(config))
    sys.exit(min(1, subprocess.call(command, cwd=ROOT)))


def staged(work: Path) -> Path:
    """Copies the pages and writes the site's settings beside them; where these lie."""
    shutil.rmtree(work, ignore_errors=True)
    for path in _pages():
        copy = work / "pages" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy)
    config = work / "mkdocs.yml"
    config.write_text(json.dumps(settings(), indent=1), encoding="utf-8")  # JSON is YAML
    return config


def settings() -> dict[str, object]:
    """The site's settings. Nothing of it is fetched from elsewhere: it can be read without a network."""
    return {
        "site_name": "Footfall",
        "site_description": "Behavioural signals of a shop's event stream, within seconds",
        "docs_dir": "pages",
        "site_dir": "html",
        "nav": [{"Footfall": "README.md"}, *sections((ROOT / _INDEX).read_text(encoding="utf-8"))],
        "theme": {
            "font": False,
            "features": ["navigation.indexes", "navigation.top", "content.code.copy", "search.highlight"],
            "palette": [
                _palette("light", "default", "dark", "weather-night"),
                _palette("dark", "slate", "light", "weather-sunny"),
            ],
        },
        "validation": {"invalid_links": True, "invalid_link_anchors": True},
    }


def _palette(name: str, scheme: str, other: str, icon: str) -> dict[str, object]:
    toggle = {"icon": f"material/{icon}", "name": f"Show it {other}"}
    return {"media": f"(prefers-color-scheme: {name})", "scheme": scheme, "toggle": toggle}


def sections(index: str) -> list[Section]:
    r"""The headings of an index of pages, each with the pages of its table.

    >>> sections("## How-to\n| [The lake](lake.md) | keep |\n| [A](a.md) and [B](../b.md#c) | |")
    [{'How-to': [{'The lake': 'docs/lake.md'}, {'A': 'docs/a.md'}]}]
    """
    found: list[Section] = []
    for line in index.splitlines():
        if heading := _SECTION.match(line):
            found.append({heading[1]: []})
        elif found and _ROW.match(line):
            pages = next(iter(found[-1].values()))
            pages += [{title: _from_root(path)} for title, path in _LINK.findall(line.split(" | ")[0])]
    return found


def _from_root(path: str) -> str:
    """A link of the index, as a path in the checkout."""
    return path.removeprefix("../") if path.startswith("../") else f"docs/{path}"


def _pages() -> list[str]:
    return [path for path in tracked(*_SHOWN) if not path.startswith(_LEFT_OUT)]


if __name__ == "__main__":
    main(prog_name="scripts/docs")
