"""What a model learns from: rows as of a moment, what came after, and the split in time. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from connectors.errors import BadInput

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Rows of a training set, one a moment at which a score is wanted.

    Attributes:
        features: float32, a row an example, NaN for a missing value.
        names: of the columns of `features`.
        labels: what happened after.
        at_ms: event time of the moment, epoch milliseconds.
        known_ms: event time at which the label was known.
        owners: a number for each visitor, so that resampling keeps a visitor's rows together.
        sessions: a number for each session: its rows weigh as one.
        points: why the row was taken: `event`, `cart`, `checkout`, `session_end`; several are joined by `+`.
        last_actions: type of the visitor's last event, for the trivial rule.
    """

    features: Floats
    names: tuple[str, ...]
    labels: Bools
    at_ms: Integers
    known_ms: Integers
    owners: Integers
    sessions: Integers
    points: npt.NDArray[np.str_]
    last_actions: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: Bools) -> Examples:
        """The rows that are chosen."""
        rows = ("features", "labels", "at_ms", "known_ms", "owners", "sessions", "points", "last_actions")
        return replace(self, **{name: getattr(self, name)[chosen] for name in rows})

    def without(self, names: Collection[str]) -> Examples:
        """The rows without some columns."""
        indices = [index for index, name in enumerate(self.names) if name not in names]
        kept = tuple(self.names[index] for index in indices)
        return replace(self, features=self.features[:, indices], names=kept)

    def constant(self) -> list[str]:
        """Names of the columns that have one value, or none, in all rows."""
        lowest, highest = np.nanmin(_padded(self.features), axis=0), np.nanmax(_padded(self.features), axis=0)
        gaps = np.isnan(self.features).any(axis=0) & ~np.isnan(self.features).all(axis=0)
        return [name for name, same in zip(self.names, (lowest >= highest) & ~gaps, strict=True) if same]

    def at(self, point: str) -> Examples:
        """The rows that were taken at a point, maybe among others."""
        return self.where(np.array([point in text.split("+") for text in self.points], dtype=bool))

    @property
    def weights(self) -> Weights:
        """Of the rows, for learning and choosing: else a few long sessions would decide."""
        return _weights(self.sessions)

    @property
    def share(self) -> float:
        """Of positives."""
        return float(self.labels.mean()) if len(self) else 0.0


def _weights(sessions: Integers) -> Weights:
    """The weight of each row: a session weighs as much as any other; 1 on average.

    >>> _weights(np.array([5, 5, 7])).tolist()
    [0.75, 0.75, 1.5]
    """
    _, indices, rows = np.unique(sessions, return_inverse=True, return_counts=True)
    return np.asarray(len(sessions) / len(rows) / rows[indices])


def _padded(features: Floats) -> Floats:
    """The same with a 0 in columns that are all missing."""
    return np.where(np.isnan(features).all(axis=0), np.float32(0), features)


@dataclass(frozen=True)
class Split:
    """Three parts that follow each other in time.

    Attributes:
        train: fits the models.
        valid: chooses between them, stops, calibrates and sets the threshold.
        test: judges, once.
    """

    train: Examples
    valid: Examples
    test: Examples

    def without(self, names: Collection[str]) -> Split:
        """The parts without some columns."""
        return Split(self.train.without(names), self.valid.without(names), self.test.without(names))


def split_in_time(examples: Examples, test_from_ms: int, valid_from_ms: int) -> Split:
    """Cuts by the moment of the row; a row whose label was known only after its part's end is left out.

    Args:
        examples: all rows.
        test_from_ms: the test part begins here, epoch milliseconds.
        valid_from_ms: the validation part begins here.

    Raises:
        BadInput: a part has not both labels.
    """
    is_train = (examples.at_ms < valid_from_ms) & (examples.known_ms <= valid_from_ms)
    is_valid = (examples.at_ms >= valid_from_ms) & (examples.known_ms <= test_from_ms)
    parts = {"training": is_train, "validation": is_valid, "test": examples.at_ms >= test_from_ms}
    cut = {name: examples.where(chosen) for name, chosen in parts.items()}
    for name, part in cut.items():
        if not 0 < part.share < 1:
            raise BadInput(
                f"the {name} part has {len(part)} rows, {int(part.labels.sum())} of them positive: both "
                "labels are required",
                "give more data or another split",
            )
    return Split(*cut.values())


def shuffled_split(examples: Examples, seed: int) -> Split:
    """Three random parts, 60, 15 and 25 %, for plain tables without times; an owner is in one part only."""
    owners = np.unique(examples.owners)
    np.random.default_rng(seed).shuffle(owners)
    cuts = np.split(owners, [int(0.6 * len(owners)), int(0.75 * len(owners))])
    return Split(*(examples.where(np.isin(examples.owners, cut)) for cut in cuts))
