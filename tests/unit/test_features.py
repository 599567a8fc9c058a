"""The table of features: names once, the page shows it as it is, kinds of pages and funnel name real types."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.contracts import features
from connectors.contracts.vocabulary import EVENT_TYPES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "features.md"


def test_every_name_is_there_once() -> None:
    assert len(set(features.NAMES)) == len(features.FEATURES)


def test_the_page_shows_the_table() -> None:
    assert "\n".join(features.markdown_table()) in PAGE.read_text(encoding="utf-8")


def test_the_page_shows_the_texts() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, meaning in features.TEXTS.items():
        assert f"| `{name}` | {meaning} |" in page


def test_kinds_of_pages_and_funnel_are_of_types_that_exist() -> None:
    named = [kind for group in (*features.PAGE_KINDS.values(), *features.FUNNEL) for kind in group]
    assert set(named) <= set(EVENT_TYPES)
    assert all(len(group) for group in features.FUNNEL)


@pytest.mark.parametrize(
    "wrong",
    [{"schema": "features/0"}, {"definitions": 0}, {"values": [1.0]}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_document_of_other_definitions_is_refused(wrong: dict[str, object]) -> None:
    document = {
        "schema": features.SCHEMA,
        "definitions": features.VERSION,
        "values": [0.0] * len(features.NAMES),
    }
    features.check_document(document)
    with pytest.raises(ValueError, match="required|longer|shorter"):
        features.check_document(document | wrong)
