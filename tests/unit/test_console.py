"""What a command writes where nobody looks at a terminal: whole lines, and few of them."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from stack.console import Lines, new_console, progress


def test_a_pipe_gets_whole_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    text, table = "[red]word " * 100, Table("a", box=None, pad_edge=False)
    table.add_row(text.strip())
    for stderr in (True, False):
        out = new_console(stderr)
        out.print(text)
        out.print(table)
    assert [part.count("\n") for part in capsys.readouterr()] == [3, 3]


def test_a_pipe_gets_text_without_markup_and_colours(capsys: pytest.CaptureFixture[str]) -> None:
    new_console().print("[red]7 of [/x]", style="red")
    assert capsys.readouterr().err == "[red]7 of [/x]\n"


@pytest.mark.parametrize(
    ("total", "written"),
    [
        (
            1000,
            [
                "feeding: 110 of 1,000 at 10/s, about 89 s left",
                "feeding: all 1,000, waiting for the end",
            ],
        ),
        (None, ["feeding: 110 at 10/s", "feeding: 1,000 at 40/s"]),
    ],
)
def test_without_a_terminal_a_line_is_written_every_ten_seconds(
    total: int | None, written: list[str]
) -> None:
    now, file = [0.0], io.StringIO()
    lines = Lines(Console(file=file, width=200), "feeding", total, lambda: now[0])
    for now[0], done in ((1.0, 10), (9.9, 99), (11.0, 110), (20.9, 900), (25.0, 1000)):  # noqa: B007, B020
        lines.update(done)
    assert file.getvalue().splitlines() == written


def test_what_has_not_begun_has_no_end() -> None:
    now, file = [0.0], io.StringIO()
    lines = Lines(Console(file=file, width=200), "reading", 7, lambda: now[0])
    now[0] = 10.0
    lines.update(0)
    assert file.getvalue() == "reading: 0 of 7 at 0/s\n"


def test_a_terminal_has_a_bar_with_rate_and_remaining_time() -> None:
    file = io.StringIO()
    with progress(Console(file=file, force_terminal=True, width=120), "feeding", 200) as update:
        for done in (50, 100):
            update(done)
    assert "feeding" in file.getvalue() and "/s" in file.getvalue() and "/200" in file.getvalue()


def test_what_is_quick_is_not_worth_a_line() -> None:
    file = io.StringIO()
    with progress(Console(file=file), "feeding", 200) as update:
        update(200)
    assert file.getvalue() == ""
