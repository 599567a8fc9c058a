"""Small models for tests: graphs built by hand, so that every way of being wrong can be built too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from onnx import TensorProto, helper

from connectors.contracts.model_manifest import Input, Manifest, Training
from connectors.models.files import GOLDEN, GRAPH, MANIFEST
from state.drift import distribution

NAMES = ("events", "count_add_to_cart")


def graph(weights: Sequence[float], bias: float = 0.0, operator: str = "Sigmoid", **changes: Any) -> bytes:
    """`operator` of a weighted sum of the columns; changes: input, output, domain, external."""
    taken, given = changes.get("input", "features"), changes.get("output", "score")
    columns = len(weights)
    nodes = [
        helper.make_node("MatMul", [taken, "weights"], ["products"]),
        helper.make_node("Add", ["products", "bias"], ["sum"]),
        helper.make_node(operator, ["sum"], ["column"], domain=changes.get("domain", "")),
        helper.make_node("Reshape", ["column", "shape"], [given]),
    ]
    numbers = [
        helper.make_tensor("weights", TensorProto.FLOAT, [columns, 1], list(weights)),
        helper.make_tensor("bias", TensorProto.FLOAT, [1], [bias]),
        helper.make_tensor("shape", TensorProto.INT64, [1], [-1]),
    ]
    if changes.get("external"):
        numbers[0].ClearField("float_data")
        numbers[0].data_location = TensorProto.EXTERNAL
        numbers[0].external_data.add(key="location", value="../../elsewhere")
    proto = helper.make_model(
        helper.make_graph(
            nodes,
            "model",
            [helper.make_tensor_value_info(taken, TensorProto.FLOAT, [None, columns])],
            [helper.make_tensor_value_info(given, TensorProto.FLOAT, [None])],
            numbers,
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("elsewhere", 1)],
        ir_version=8,
    )
    return bytes(proto.SerializeToString())


def score_of(rows: np.ndarray[Any, Any], weights: Sequence[float], bias: float = 0.0) -> np.ndarray[Any, Any]:
    return np.asarray(1 / (1 + np.exp(-(rows @ np.asarray(weights) + bias))))


def write(
    folder: Path,
    weights: Sequence[float] = (0.1, 0.5),
    bias: float = -1.0,
    *,
    names: Sequence[str] = NAMES,
    name: str = "purchase_intent",
    content: bytes | None = None,
    golden: Sequence[dict[str, Any]] | None = None,
    **fields: Any,
) -> Manifest:
    """Writes a version's folder under `folder`; `content` and `golden` replace what would be right."""
    content = graph(weights, bias) if content is None else content
    rows = np.arange(5.0 * len(names)).reshape(5, len(names))
    right = [
        {"features": row.tolist(), "score": float(score)}
        for row, score in zip(rows, score_of(rows, weights, bias), strict=True)
    ]
    lines = b"".join(orjson.dumps(line) + b"\n" for line in (right if golden is None else golden))
    sha256 = hashlib.sha256(content).hexdigest()
    manifest = Manifest(
        **{
            "schema": "model/1",
            "name": name,
            "version": f"20260101-{sha256[:8]}",
            "sha256": sha256,
            "golden_sha256": hashlib.sha256(lines).hexdigest(),
            "inputs": tuple(Input(name=one, missing=0.0) for one in names),
            "threshold": 0.5,
            "high": 0.8,
            "fallback": 0.1,
            "training": Training(
                from_ms=0, to_ms=1, rows=9, positives=3, label="a test", points=("event",), seed=1,
                algorithm="logistic",
            ),
            "statistics": {one: distribution(rows[:, index]) for index, one in enumerate(names)},
            "importance": {one: 1 / len(names) for one in names},
            "code_version": "0",
            **fields,
        }
    )  # fmt: skip
    target = folder / manifest.version
    target.mkdir(parents=True, exist_ok=True)
    for file, text in ((GRAPH, content), (GOLDEN, lines), (MANIFEST, manifest.to_json().encode())):
        (target / file).write_bytes(text)
    return manifest
