"""Records the pictures of docs/demo.md from a running `scripts/demo`. `python -m tools.record_demo`."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from stack.package import ROOT
from tools.options import CONTEXT

PICTURES = ROOT / "docs" / "pictures"
_SIZE = {"width": 1180, "height": 740}
_COLOURS = 240
_LATE_MS = 60_000
_BANNER, _SIGNAL = "footfall-slot[filled]", "#signals .card[data-kind=cart_abandoned]"


@dataclass
class Film:
    """Pictures of a page, each with how long it is shown."""

    page: Page
    frames: list[tuple[Image.Image, int]] = field(default_factory=list)

    def shoot(self, ms: int) -> None:
        """Takes one."""
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.frames.append((picture, ms))

    def _sheet(self) -> Image.Image:
        """All frames in one picture, small: every colour that is used."""
        small = [one.reduce(4) for one, _ in self.frames]
        sheet = Image.new("RGB", (small[0].width, small[0].height * len(small)))
        for number, one in enumerate(small):
            sheet.paste(one, (0, number * one.height))
        return sheet

    def write(self, file: Path) -> None:
        """All of them as a GIF with one palette."""
        palette = self._sheet().quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        frames = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one, _ in self.frames]
        durations = [ms for _, ms in self.frames]
        frames[0].save(
            file, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True
        )


def _act(page: Page, film: Film, still: Path) -> None:
    """A cart, the wait, the banner, the purchase."""
    film.shoot(1_200)
    page.click("#yes")
    page.wait_for_timeout(900)
    for tea in ("sencha", "chai"):
        page.click(f"[data-add={tea}]")
        page.wait_for_timeout(900)
        film.shoot(700)
    while not page.locator(_BANNER).count():
        page.wait_for_timeout(4_000)
        film.shoot(350)
    expect(page.locator(_SIGNAL)).to_be_visible(timeout=_LATE_MS)
    expect(page.locator("#inbox .card")).to_be_visible(timeout=_LATE_MS)
    page.hover(_SIGNAL)
    page.wait_for_timeout(500)
    film.shoot(2_500)
    _picture(page, still)
    page.click("nav [href='/cart']")
    page.click("text=Check out")
    page.wait_for_timeout(600)
    film.shoot(1_000)
    page.click("#buy")
    page.wait_for_timeout(700)
    film.shoot(700)
    expect(page.locator(_BANNER)).to_have_count(0, timeout=_LATE_MS)
    expect(page.locator("#inbox .card[data-state=cancelled]")).to_be_visible(timeout=_LATE_MS)
    page.wait_for_timeout(600)
    film.shoot(3_500)


def _picture(page: Page, file: Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


@click.command(context_settings=CONTEXT)
@click.option("--url", default="http://127.0.0.1:8070", show_default=True, help="Of the running demo.")
@click.option("--chromium", default="chromium", show_default=True, help="The browser.")
def main(url: str, chromium: str) -> None:
    """Play the demonstration in a browser and write docs/pictures/demo.png and demo.gif; about a minute."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = shutil.which(chromium)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": _SIZE["width"], "height": _SIZE["height"]})
        page.goto(url)
        page.wait_for_timeout(1_000)
        film = Film(page)
        _act(page, film, PICTURES / "demo.png")
        browser.close()
    film.write(PICTURES / "demo.gif")
    for file in sorted(PICTURES.glob("demo.*")):
        click.echo(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(prog_name="tools.record_demo")
