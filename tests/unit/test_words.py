"""The word list of lint: whole words in any case, in names too; pages are held to their measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.words import MAX_CELL, MAX_LINE, Word, too_wide, words, wrong_words

LIST = """
[[word]]
not = 'whilst|amongst'
use = 'while, among'

[[word]]
not = 'unto'
use = 'to'
only = ['.md']
"""


@pytest.fixture
def known(tmp_path: Path) -> list[Word]:
    path = tmp_path / "words.toml"
    path.write_text(LIST)
    return words(path)


@pytest.mark.parametrize("text", ["Whilst it runs", "def test_amongst_others():", "_AMONGST = 1", "x.whilst"])
def test_a_word_is_found_in_text_and_in_names(known: list[Word], text: str) -> None:
    assert [line for line, _ in wrong_words(text, known)] == [1]


@pytest.mark.parametrize("text", ["meanwhilst", "whilstle", "while it runs"])
def test_parts_of_words_are_not_found(known: list[Word], text: str) -> None:
    assert list(wrong_words(text, known)) == []


def test_a_word_may_be_limited_to_an_ending(known: list[Word]) -> None:
    assert list(wrong_words("unto", known, ".py")) == []
    assert list(wrong_words("unto", known, ".md")) == [(1, "'unto': write to")]


def test_code_blocks_of_a_page_have_no_cells_but_lines() -> None:
    row = f"| {'x' * (MAX_CELL + 1)} |"
    assert [line for line, _ in too_wide(f"{row}\n```\n{row}\n```")] == [1, 3]
    assert list(too_wide("y" * MAX_LINE)) == []


def test_every_entry_of_the_list_has_a_word_to_use() -> None:
    assert all(word.use for word in words())
