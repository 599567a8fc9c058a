"""ONNX: one graph from the raw columns to the calibrated probability, checked against the native model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxmltools
from onnx import TensorProto, helper
from onnxmltools.convert.common.data_types import FloatTensorType as TreeInput
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression

from connectors.contracts.model_manifest import INPUT_NAME, OUTPUT_NAME
from connectors.errors import ModelRefused
from jobs.offline.training.candidates import Candidate, Probabilities
from jobs.offline.training.examples import Bools, Examples, Floats
from udfs.model_runtime import Matrix, check_graph, open_session

OPSETS = {"": 17, "ai.onnx.ml": 3}
_CLIP = (1e-7, 1 - 1e-6)
PARITY = 1e-5
PARITY_ROWS = 10_000


@dataclass(frozen=True)
class Calibrated:
    """A candidate and the straight line on its log-odds that makes its scores probabilities (Platt, 1999).

    Attributes:
        candidate: the fitted model.
        slope: of the line.
        offset: of the line.
    """

    candidate: Candidate
    slope: float
    offset: float

    def predict(self, rows: Floats) -> Probabilities:
        """Calibrated probabilities, in double precision."""
        return np.asarray(
            1 / (1 + np.exp(-(self.slope * log_odds(self.candidate.predict(rows)) + self.offset)))
        )


def log_odds(probabilities: Probabilities) -> Probabilities:
    """log(p / (1 - p)), with p kept off 0 and 1."""
    clipped = np.clip(probabilities, *_CLIP)
    return np.asarray(np.log(clipped) - np.log(1 - clipped))


def calibrate(candidate: Candidate, valid: Examples) -> Calibrated:
    """Fits the line on rows that the model was not fitted on; a falling line is not taken."""
    odds = log_odds(candidate.predict(valid.features)).reshape(-1, 1)
    line = LogisticRegression(C=1e4).fit(odds, valid.labels)
    slope = float(line.coef_[0, 0])
    return (
        Calibrated(candidate, slope, float(line.intercept_[0]))
        if slope > 0
        else Calibrated(candidate, 1.0, 0.0)
    )


def to_graph(model: Calibrated, columns: int) -> bytes:
    """The ONNX file: `features` float32[n, columns] -> `score` float32[n]. Missing values must be filled."""
    proto = _converted(model.candidate, columns)
    # The converters write down the oldest operators that they need; the nodes added here need these.
    del proto.opset_import[:]
    proto.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in OPSETS.items())
    if model.candidate.is_logged:
        _put_before(proto.graph)
    _put_after(proto.graph, model.slope, model.offset)
    proto.producer_name, proto.producer_version, proto.doc_string = "footfall", "", ""
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString(deterministic=True))


def _converted(candidate: Candidate, columns: int) -> Any:
    if candidate.algorithm == "lightgbm":
        taken = [(INPUT_NAME, TreeInput([None, columns]))]
        return onnxmltools.convert_lightgbm(candidate.native, "model", taken, target_opset=15, zipmap=False)
    options = {id(candidate.native): {"zipmap": False}}
    taken = [(INPUT_NAME, FloatTensorType([None, columns]))]
    return to_onnx(candidate.native, initial_types=taken, options=options, target_opset=OPSETS)


def _put_before(graph: Any) -> None:
    """sign(x) * log(1 + |x|), as in `prepared`."""
    for node in graph.node:
        node.input[:] = ["logged" if name == INPUT_NAME else name for name in node.input]
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    graph.initializer.append(one)
    first = [
        helper.make_node("Abs", [INPUT_NAME], ["size"], "size"),
        helper.make_node("Add", ["size", "one"], ["size_and_one"], "size_and_one"),
        helper.make_node("Log", ["size_and_one"], ["log_size"], "log_size"),
        helper.make_node("Sign", [INPUT_NAME], ["sign"], "sign"),
        helper.make_node("Mul", ["sign", "log_size"], ["logged"], "logged"),
    ]
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend(first + rest)


def _put_after(graph: Any, slope: float, offset: float) -> None:
    """The calibration of `Calibrated.predict`, on the second column of the probabilities."""
    numbers = {"low": _CLIP[0], "high": _CLIP[1], "whole": 1.0, "slope": slope, "offset": offset}
    for name, value in numbers.items():
        graph.initializer.append(helper.make_tensor(f"score_{name}", TensorProto.FLOAT, [], [value]))
    graph.initializer.append(helper.make_tensor("score_column", TensorProto.INT64, [], [1]))
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Gather", ["probabilities", "score_column"], "raw", {"axis": 1}),
        ("Clip", ["raw", "score_low", "score_high"], "clipped", {}),
        ("Sub", ["score_whole", "clipped"], "rest", {}),
        ("Log", ["clipped"], "log_clipped", {}),
        ("Log", ["rest"], "log_rest", {}),
        ("Sub", ["log_clipped", "log_rest"], "odds", {}),
        ("Mul", ["odds", "score_slope"], "scaled", {}),
        ("Add", ["scaled", "score_offset"], "moved", {}),
        ("Sigmoid", ["moved"], OUTPUT_NAME, {}),
    ]
    for operator, taken, given, attributes in steps:
        graph.node.append(helper.make_node(operator, taken, [given], f"score_{given}", **attributes))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [None]))


def parity(model: Calibrated, graph: bytes, rows: Floats) -> float:
    """The greatest difference between the graph and the native model.

    Raises:
        ModelRefused: it is above PARITY.
    """
    columns = rows.shape[1]
    check_graph(graph, columns, "export")
    filled: Matrix = np.where(np.isnan(rows), model.candidate.missing, rows).astype(np.float32)
    came = open_session(graph, "export").run([OUTPUT_NAME], {INPUT_NAME: filled})[0]
    worst = float(np.abs(came.astype(np.float64) - model.predict(rows)).max())
    if not worst < PARITY:
        raise ModelRefused(
            f"export: the graph differs from the native model by {worst:.2g}; {PARITY} is allowed"
        )
    return worst


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def best_threshold(scores: Probabilities, labels: Bools) -> float:
    """The score from which on calling rows positive has the greatest F1; a tie goes to the higher one."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + labels.sum())
    # Equal scores cannot be distinguished: only the last of each run is a possible cut.
    ends = np.append(np.diff(scores[order]) != 0, True)
    return float(scores[order][np.argmax(np.where(ends, f1, -1))])
