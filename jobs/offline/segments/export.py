"""ONNX: one graph from the raw features to the cluster and how clearly, checked against the fitted one."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from connectors.contracts.model_manifest import CLUSTER_NAME, INPUT_NAME, OUTPUT_NAME
from connectors.errors import ModelRefused
from jobs.offline.segments.cores import Cores
from jobs.offline.segments.scaling import Scaling
from jobs.offline.training.examples import Floats
from jobs.offline.training.export import OPSETS, PARITY
from udfs.model_runtime import check_graph, open_session

_IR_VERSION = 8  # of opset 17
OUTPUTS = (OUTPUT_NAME, CLUSTER_NAME)


def to_graph(scaling: Scaling, cores: Cores) -> bytes:
    """The ONNX file: `features` float32[n, columns] -> `score` float32[n], `cluster` int64[n].

    Within it numbers have double precision: a square of differences loses too many digits of single.
    """
    columns = len(scaling.names)
    nodes, constants = [*_scaled(), *_distances(), *_nearest(cores)], _constants(scaling, cores)
    graph = helper.make_graph(
        [_node(*step) for step in nodes],
        "clusters",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, [None, columns])],
        [
            helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, [None]),
            helper.make_tensor_value_info(CLUSTER_NAME, TensorProto.INT64, [None]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSETS[""])]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="footfall")
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString(deterministic=True))


_Step = tuple[str, list[str], list[str], dict[str, Any]]


def _node(operator: str, taken: list[str], given: list[str], attributes: dict[str, Any]) -> Any:
    return helper.make_node(operator, taken, given, given[0], **attributes)


def _constants(scaling: Scaling, cores: Cores) -> dict[str, Any]:
    ends = np.cumsum(cores.counts)
    return {
        "one": 1.0, "zero": 0.0, "minus_two": -2.0, "two": np.array([2], np.int64),
        "is_logged": scaling.logged, "mean": scaling.mean, "deviation": scaling.deviation,
        "cores": cores.points.T, "core_squares": (cores.points**2).sum(axis=1),
        "axis": np.array([1], np.int64), "first": np.array([0], np.int64), "second": np.array([1], np.int64),
        "parts": np.diff(ends, prepend=0).astype(np.int64), "flat": np.array([-1], np.int64),
    }  # fmt: skip


def _scaled() -> list[_Step]:
    """As `Scaling.points`."""
    return [
        ("Cast", [INPUT_NAME], ["wide"], {"to": TensorProto.DOUBLE}),
        ("Add", ["wide", "one"], ["and_one"], {}),
        ("Log", ["and_one"], ["logarithm"], {}),
        ("Where", ["is_logged", "logarithm", "wide"], ["chosen"], {}),
        ("Sub", ["chosen", "mean"], ["centred"], {}),
        ("Div", ["centred", "deviation"], ["points"], {}),
    ]


def _distances() -> list[_Step]:
    """|p - c|² = |p|² - 2 p·c + |c|², never below zero."""
    return [
        ("Mul", ["points", "points"], ["squares"], {}),
        ("ReduceSum", ["squares", "axis"], ["square"], {"keepdims": 1}),
        ("MatMul", ["points", "cores"], ["products"], {}),
        ("Mul", ["products", "minus_two"], ["doubled"], {}),
        ("Add", ["doubled", "square"], ["without"], {}),
        ("Add", ["without", "core_squares"], ["rough"], {}),
        ("Max", ["rough", "zero"], ["squared"], {}),
        ("Sqrt", ["squared"], ["distances"], {}),
    ]


def _nearest(cores: Cores) -> list[_Step]:
    """As `Cores.assign`: the nearest core of each cluster, of these the two nearest."""
    numbers = range(len(cores.counts))
    parts, least = [f"part_{number}" for number in numbers], [f"least_{number}" for number in numbers]
    return [
        ("Split", ["distances", "parts"], parts, {"axis": 1}),
        *(("ReduceMin", [part], [one], {"axes": [1]}) for part, one in zip(parts, least, strict=True)),
        ("Concat", least, ["nearest"], {"axis": 1}),
        ("TopK", ["nearest", "two"], ["two_nearest", "two_numbers"], {"axis": 1, "largest": 0, "sorted": 1}),
        ("Gather", ["two_nearest", "first"], ["mine"], {"axis": 1}),
        ("Gather", ["two_nearest", "second"], ["next"], {"axis": 1}),
        ("Div", ["mine", "next"], ["ratio"], {}),
        ("Sub", ["one", "ratio"], ["clear"], {}),
        ("Reshape", ["clear", "flat"], ["clear_flat"], {}),
        ("Cast", ["clear_flat"], [OUTPUT_NAME], {"to": TensorProto.FLOAT}),
        ("Gather", ["two_numbers", "first"], ["number"], {"axis": 1}),
        ("Reshape", ["number", "flat"], [CLUSTER_NAME], {}),
    ]


def parity(scaling: Scaling, cores: Cores, graph: bytes, rows: Floats) -> float:
    """The greatest difference of scores between the graph and the fitted clusters.

    Args:
        scaling: the fitted one.
        cores: the fitted ones.
        graph: what it became.
        rows: in the order of `OFFERED`.

    Raises:
        ModelRefused: it is above PARITY, or a visitor who is not on a border is in another cluster.
    """
    check_graph(graph, len(scaling.names), "export", OUTPUTS)
    taken = {INPUT_NAME: np.ascontiguousarray(scaling.columns(rows))}
    scores, numbers = open_session(graph, "export").run(list(OUTPUTS), taken)
    labels, clearly = cores.assign(scaling.points(rows))
    worst = float(np.abs(scores.astype(np.float64) - clearly).max())
    others = int(((numbers != labels) & (clearly > PARITY)).sum())
    if others or not worst < PARITY:
        raise ModelRefused(
            f"export: the graph differs from the fitted clusters by {worst:.2g}, {PARITY} is allowed; "
            f"{others:,} visitors are in another cluster"
        )
    return worst
