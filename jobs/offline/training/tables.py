"""Plain tables, one row an example: for comparison with public results on such tables."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from connectors.errors import BadInput
from connectors.wording import plainly
from jobs.offline.training.evaluation import single_auc
from jobs.offline.training.examples import Bools, Examples

MAX_CATEGORIES = 20
_TRUE = ("true", "1", "yes")


def read_table(path: Path) -> pl.DataFrame:
    """A CSV table, plain or .gz.

    Raises:
        BadInput: the file cannot be read as one.
    """
    try:
        return pl.read_csv(path, infer_schema_length=100_000)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{path} cannot be read as CSV with a header: {plainly(error)}") from error


def table_examples(
    table: pl.DataFrame, label: str, leave_out: Collection[str], owner: str | None = None
) -> Examples:
    """The table's rows: numbers as they are, texts of few values as one column a value.

    Args:
        table: one row an example.
        label: column that is to be learnt: true/false, 1/0; a number above 0 is true, a null is false.
        leave_out: columns that know the answer, or more than one knows when a score is wanted.
        owner: column whose equal values belong together; None makes each row its own.

    Raises:
        BadInput: a column is not there, or none is left.
    """
    missing = [name for name in (label, owner, *leave_out) if name is not None and name not in table.columns]
    if missing:
        raise BadInput(f"the table has no column {missing[0]!r}; it has {', '.join(table.columns)}")
    features = encoded(table.drop({label, *leave_out, *([owner] if owner else [])}))
    times, rows = np.zeros(len(table), np.int64), np.arange(len(table))
    owners = table[owner].rank("dense").to_numpy() if owner else rows
    return Examples(
        features=features.to_numpy().astype(np.float32),
        names=tuple(features.columns),
        labels=labels_of(table[label]),
        at_ms=times,
        known_ms=times,
        owners=owners.astype(np.int64),
        sessions=rows,
        points=np.full(len(table), "row"),
        last_actions=np.full(len(table), "row"),
    )


def labels_of(column: pl.Series) -> Bools:
    """The label's values as true or false."""
    if column.dtype == pl.String:
        return column.str.to_lowercase().is_in(_TRUE).fill_null(False).to_numpy()
    return (column.cast(pl.Float64) > 0).fill_null(False).to_numpy()


def encoded(table: pl.DataFrame) -> pl.DataFrame:
    """Numbers as float32, texts of at most MAX_CATEGORIES values as columns of 0 and 1, other texts left out.

    >>> encoded(pl.DataFrame({"Visits": [1, 2], "Kind": ["New", "Old"]})).columns
    ['visits', 'kind_new', 'kind_old']
    """
    table = table.with_columns(cs.boolean().cast(pl.Int8))
    few = [name for name in table.select(cs.string()).columns if table[name].n_unique() <= MAX_CATEGORIES]
    wide = table.select(cs.numeric(), *few).to_dummies(few) if few else table.select(cs.numeric())
    if not wide.columns:
        raise BadInput("no column of the table is a number or a text of few values")
    return wide.cast(pl.Float32).rename({name: _plain(name) for name in wide.columns})


def _plain(name: str) -> str:
    text = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    return text if text[0].isalpha() else f"c_{text}"


def column_aucs(table: pl.DataFrame, label: str) -> dict[str, float]:
    """What each column alone is worth, as AUC, the greatest first: the suspects of a leak lead."""
    wide, labels = encoded(table.drop(label)), labels_of(table[label])
    aucs = {name: single_auc(wide[name].to_numpy(), labels) for name in wide.columns}
    return dict(sorted(aucs.items(), key=lambda pair: -pair[1]))
