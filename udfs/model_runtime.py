"""Loading a model version and scoring with it; all that may be wrong is refused before the first row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import orjson

from connectors.contracts.model_manifest import CLUSTER_NAME, INPUT_NAME, OUTPUT_NAME, Manifest
from connectors.errors import ModelRefused
from connectors.models.files import GOLDEN, GRAPH, read_golden, read_graph, read_manifest
from connectors.models.registry import Pointer, Registry
from connectors.wording import plainly

Matrix = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

GOLDEN_TOLERANCE = 1e-5
ALLOWED_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


@dataclass(frozen=True)
class Model:
    """A version that passed every check, with its session of one thread."""

    manifest: Manifest
    session: Any

    def score(self, rows: Matrix) -> Scores:
        """Probability for each row; NaN where the graph gives no number.

        Args:
            rows: float32, one row a request, the manifest's inputs in their order; NaN is a missing value.
        """
        return self.assign(rows)[0]

    def assign(self, rows: Matrix) -> tuple[Scores, Numbers]:
        """The same, and for each row the number of its cluster; no numbers where there are no clusters."""
        if not len(rows):
            return np.empty(0), np.empty(0, np.int64)
        answers = self.session.run(list(self.manifest.outputs), {INPUT_NAME: self._filled(rows)})
        numbers = answers[1] if self.manifest.clusters else np.empty(0, np.int64)
        return np.asarray(answers[0], dtype=np.float64).reshape(-1), numbers

    def _filled(self, rows: Matrix) -> Matrix:
        """The rows with what the manifest says for a missing value, where it says something."""
        filled = np.ascontiguousarray(rows, dtype=np.float32)
        if filled.shape[1] != len(self._missing):
            raise ValueError(f"{len(self._missing)} inputs are required, {filled.shape[1]} came")
        return np.where(np.isnan(filled), self._missing, filled)

    @cached_property
    def _missing(self) -> Matrix:
        """For each input what stands for a missing value; NaN where it stays missing."""
        values = [np.nan if column.missing is None else column.missing for column in self.manifest.inputs]
        return np.array(values, dtype=np.float32)


def load(folder: Traversable | Path, offered: Iterable[str] | None = None) -> Model:
    """The version in a folder.

    Args:
        folder: of one version.
        offered: names of the features that there are; None leaves that check out.

    Raises:
        ModelRefused: a file is missing, linked, too large or not the one of the manifest, the graph uses
            external data, operators outside the standard or other inputs, or golden rows do not come out.
    """
    manifest = read_manifest(folder)
    _check_offered(folder, manifest, offered)
    graph = read_graph(folder, manifest)
    golden = read_golden(folder, manifest)
    check_graph(graph, len(manifest.inputs), str(folder), manifest.outputs)
    model = Model(manifest, open_session(graph, str(folder)))
    _check_golden(folder, model, golden)
    return model


def load_pointed(
    registry: Registry, name: str, pointer: Pointer, offered: Iterable[str] | None = None
) -> Model:
    """The version that a pointer of the registry names, after every check.

    Raises:
        ModelRefused: see `load`; or the version is not the pointer's.
    """
    model = load(registry.folder(name, pointer.version), offered)
    if model.manifest.sha256 != pointer.sha256 or model.manifest.name != name:
        raise ModelRefused(
            f"{name} {pointer.version}: the pointer means another graph", "promote the version again"
        )
    return model


def _check_offered(folder: Traversable | Path, manifest: Manifest, offered: Iterable[str] | None) -> None:
    unknown = [name for name in manifest.names if name not in set(offered)] if offered is not None else []
    if unknown:
        raise ModelRefused(
            f"{folder}: input {unknown[0]} is no feature of this job", "train with its features"
        )


def check_graph(content: bytes, inputs: int, where: str, outputs: tuple[str, ...] = (OUTPUT_NAME,)) -> None:
    """Refuses a graph that reaches outside itself or has another shape.

    Args:
        content: bytes of the ONNX file.
        inputs: number of columns that the input must have.
        where: for the message.
        outputs: names that it must give.

    Raises:
        ModelRefused: external data, an operator or function outside the standard, another input or output.
    """
    try:
        proto = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own exception classes differ by backend
        raise ModelRefused(f"{where}: {GRAPH} is no ONNX graph ({plainly(error)})") from error
    for graph in _graphs(proto.graph):
        _check_nodes(graph, where)
    if proto.functions:
        raise ModelRefused(
            f"{where}: {GRAPH} brings functions of its own", "export it with standard operators only"
        )
    _check_shape(proto.graph, inputs, outputs, where)


def _graphs(graph: Any) -> Iterator[Any]:
    """The graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from _graphs(inner)


def _check_nodes(graph: Any, where: str) -> None:
    for node in graph.node:
        if node.domain not in ALLOWED_DOMAINS:
            raise ModelRefused(f"{where}: operator {node.domain}:{node.op_type} is not of the ONNX standard")
    tensors = [*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)]
    tensors += [attribute.t for node in graph.node for attribute in node.attribute if attribute.HasField("t")]
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelRefused(
                f"{where}: tensor {tensor.name} lies in another file", "export it into the graph"
            )


def _check_shape(graph: Any, inputs: int, outputs: tuple[str, ...], where: str) -> None:
    weights = {tensor.name for tensor in graph.initializer}
    came = [_described(value) for value in graph.input if value.name not in weights]
    wanted = [f"{INPUT_NAME} float32[n, {inputs}]"]
    if came != wanted:
        raise ModelRefused(f"{where}: the graph must take {wanted}, it takes {came}")
    if tuple(value.name for value in graph.output) != outputs:
        raise ModelRefused(f"{where}: the graph must give {' and '.join(map(repr, outputs))} alone")


def _described(value: Any) -> str:
    tensor = value.type.tensor_type
    sizes = [str(size.dim_value) if size.HasField("dim_value") else "n" for size in tensor.shape.dim]
    kind = "float32" if tensor.elem_type == onnx.TensorProto.FLOAT else f"type {tensor.elem_type}"
    return f"{value.name} {kind}[{', '.join(sizes)}]"


def open_session(content: bytes, where: str) -> Any:
    """A session on the CPU with one thread: as many workers run as the machine has room for.

    Raises:
        ModelRefused: onnxruntime does not take the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's classes are private
        raise ModelRefused(f"{where}: onnxruntime refuses the graph: {plainly(error)}") from error


def golden_rows(content: bytes) -> tuple[Matrix, Scores]:
    """Rows and scores of golden.jsonl; a missing value is null.

    >>> rows, scores = golden_rows(b'{"features": [1, null], "score": 0.5}')
    >>> rows.tolist(), scores.tolist()
    ([[1.0, nan]], [0.5])
    """
    lines = [orjson.loads(line) for line in content.splitlines()]
    rows = [[np.nan if value is None else value for value in line["features"]] for line in lines]
    return np.asarray(rows, dtype=np.float32), np.asarray([line["score"] for line in lines], dtype=np.float64)


def golden_numbers(content: bytes) -> list[int]:
    """Numbers of the clusters in golden.jsonl; none where there are no clusters."""
    lines = map(orjson.loads, content.splitlines())
    return [line[CLUSTER_NAME] for line in lines if CLUSTER_NAME in line]


def _check_golden(folder: Traversable | Path, model: Model, content: bytes) -> None:
    try:
        rows, expected = golden_rows(content)
        came, numbers = model.assign(rows)
    except Exception as error:  # whatever the rows or the runtime raise, the version is unfit
        raise ModelRefused(f"{folder}/{GOLDEN}: cannot be scored: {plainly(error)}") from error
    if not len(expected):
        raise ModelRefused(f"{folder}/{GOLDEN}: at least one row is required")
    if not np.isfinite(came).all() or came.min() < 0 or came.max() > 1:
        raise ModelRefused(
            f"{folder}: a golden row's score is no probability", "train it again, promote another version"
        )
    worst = float(np.abs(came - expected).max())
    if worst > GOLDEN_TOLERANCE:
        raise ModelRefused(f"{folder}: golden rows differ by {worst:.2g}, {GOLDEN_TOLERANCE} is allowed")
    if numbers.tolist() != golden_numbers(content):
        raise ModelRefused(f"{folder}: a golden row is in another cluster", "fit the clusters again")
