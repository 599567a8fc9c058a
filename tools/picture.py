"""Draws docs/live.svg, the picture of the README, from what a real run prints: `python -m tools.picture`."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from stack.package import ROOT
from tools.options import CONTEXT

PICTURE = ROOT / "docs" / "live.svg"
_WIDTH = 100
_ADDRESSES = ("Flink UI", "Elasticsearch", "Kafka", "logs")
_SIGNAL = re.compile(r"^\w+/(active|recovered|retracted) +visitor ")
_STYLES = {"active": "green", "recovered": "cyan", "retracted": "magenta"}


@click.command(context_settings=CONTEXT)
@click.option("--seconds", type=click.IntRange(30), default=110, show_default=True, help="How long to run.")
@click.option(
    "--output",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Draw what an earlier run of so many seconds has printed, instead of running.",
)
def main(seconds: int, output: Path | None) -> None:
    """Draw the README's picture of a live run. Needs what scripts/run needs."""
    printed = output.read_text("utf-8") if output else _run(seconds)
    PICTURE.write_text(drawn(printed, seconds), encoding="utf-8")
    click.echo(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


def _run(seconds: int) -> str:
    command = [str(ROOT / "scripts" / "run"), "--seconds", str(seconds)]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ).stdout


def drawn(printed: str, seconds: int, signals: int = 14) -> str:
    """The picture as SVG: addresses, some signals out of the middle of the run, the summary's main lines."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ scripts/run --seconds {seconds}", style="bold"))
    for line in chosen(printed, signals):
        found = _SIGNAL.match(line)
        style = _STYLES[found[1]] if found else ""
        console.print(Text(line, style=style), no_wrap=True, overflow="ellipsis")
    # A picture that loads nothing: no fonts from the web, no address of its maker.
    return re.sub(
        r"@font-face \{.*?\}\s*|<!-- Generated.*?-->\s*",
        "",
        console.export_svg(title="Footfall", unique_id="footfall"),
        flags=re.DOTALL,
    )


def chosen(printed: str, signals: int) -> list[str]:
    r"""The lines that are shown, each as it was printed; paths of the machine are left out.

    >>> lines = "Kafka  127.0.0.1:9092", "logs  /x", "bounce/active  visitor a  21 ms", '  "late": 3,'
    >>> chosen("\n".join(lines), 5)
    ['Kafka  127.0.0.1:9092', 'bounce/active  visitor a  21 ms', '  "late": 3,']
    """
    lines = printed.splitlines()
    found = [line for line in lines if _SIGNAL.match(line)]
    first = max(0, len(found) // 2 - signals // 2)
    addresses = [line for line in lines if line.startswith(_ADDRESSES[:3])]
    numbers = [line for line in lines if re.match(r' +"(events|valid|duplicate|late|balanced)": ', line)]
    return [*addresses, *found[first : first + signals], *numbers]


if __name__ == "__main__":
    main()
