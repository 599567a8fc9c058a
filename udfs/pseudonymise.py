"""Ids become pseudonyms at the door: one call a batch and id column."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pyflink.table import DataTypes, ScalarFunction
from pyflink.table.udf import udf

from connectors.pseudonyms import KeyPlace, pseudonym


class Pseudonymise(ScalarFunction):  # type: ignore[misc]
    """(id) -> its pseudonym; NULL stays NULL."""

    def __init__(self, place: KeyPlace) -> None:
        self._place = place

    def open(self, function_context: Any) -> None:
        """Reads the key; without one the job does not start."""
        self._key = self._place.read()

    def eval(self, ids: pd.Series) -> pd.Series:
        """Hashes one batch."""
        return pd.Series(
            [None if found is None else pseudonym(found, self._key) for found in ids], dtype=object
        )


def pseudonymise(place: KeyPlace) -> Any:
    """The function as Flink registers it."""
    return udf(
        Pseudonymise(place),
        input_types=[DataTypes.STRING()],
        result_type=DataTypes.STRING(),
        func_type="pandas",
    )
