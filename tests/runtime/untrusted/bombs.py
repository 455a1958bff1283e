"""Small files that ask for much memory or time, each sealed, most of them valid ONNX with a valid contract."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rnnedge_runtime.checksum import seal

GOLDEN = Path(__file__).parents[2] / "data" / "golden_gru.onnx"
_node = helper.make_node
MIB = 1 << 20


def model() -> onnx.ModelProto:
    """The golden file, without its seal."""
    proto = onnx.load(GOLDEN)
    del proto.metadata_props[-1]
    return proto


def sealed(proto: onnx.ModelProto) -> bytes:
    """The file as somebody would send it."""
    return seal(proto.SerializeToString())


def with_nodes(nodes: Sequence[onnx.NodeProto], **constants: Any) -> bytes:
    """The golden file, its first output plus a number that `nodes` leave in "bomb" (any shape)."""
    proto = model()
    output = proto.graph.output[0].name
    for node in proto.graph.node:
        node.output[:] = ["y_before" if name == output else name for name in node.output]
        node.input[:] = ["y_before" if name == output else name for name in node.input]
    for name, value in constants.items():
        proto.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    proto.graph.node.extend(nodes)
    proto.graph.node.append(_node("ReduceMax", ["bomb"], ["number"], keepdims=0, name="number"))
    proto.graph.node.append(_node("Add", ["y_before", "number"], [output], name="added"))
    return sealed(proto)


def with_contract(change: Callable[[dict[str, Any]], None], entry: str = "rnnedge.contract") -> bytes:
    """The golden file with another contract."""
    proto = model()
    held = next(e for e in proto.metadata_props if e.key == entry)
    fields = json.loads(held.value)
    change(fields)
    held.value = json.dumps(fields)
    return sealed(proto)


def with_metadata(text: str) -> bytes:
    """The golden file with other text for a contract."""
    proto = model()
    next(e for e in proto.metadata_props if e.key == "rnnedge.contract").value = text
    return sealed(proto)


def filled(size: Sequence[int], name: str = "bomb") -> onnx.NodeProto:
    """ConstantOfShape of a size that is computed, so that no reader of the file sees it."""
    return _node("ConstantOfShape", [f"{name}_size"], [name], name=f"fill_{name}", value=numpy_helper.from_array(
        np.ones(1, np.float32)))  # fmt: skip


def hidden(size: Sequence[int], name: str = "bomb") -> tuple[list[onnx.NodeProto], dict[str, Any]]:
    """A tensor of ones whose size is the product of two constants."""
    nodes = [_node("Mul", [f"{name}_a", f"{name}_b"], [f"{name}_size"], name=f"size_{name}"), filled(size, name)]
    return nodes, {f"{name}_a": np.array(size, np.int64), f"{name}_b": np.ones(len(size), np.int64)}


def _loop() -> bytes:
    body = helper.make_graph(
        [_node("Identity", ["c"], ["d"]), _node("Identity", ["v"], ["w"])], "body",
        [helper.make_tensor_value_info(n, t, []) for n, t in
         (("i", TensorProto.INT64), ("c", TensorProto.BOOL), ("v", TensorProto.FLOAT))],
        [helper.make_tensor_value_info(n, t, []) for n, t in (("d", TensorProto.BOOL), ("w", TensorProto.FLOAT))],
    )  # fmt: skip
    return with_nodes([_node("Loop", ["trips", "go", "start"], ["bomb"], body=body)],
                      trips=np.int64(1 << 62), go=np.bool_(True), start=np.float32(0))  # fmt: skip


def _scan(body_nodes: Sequence[onnx.NodeProto], depth: int = 1) -> onnx.GraphProto:
    nodes = list(body_nodes)
    if depth > 1:
        nodes = [_node("Scan", ["a", "steps"], ["b"], body=_scan(body_nodes, depth - 1), num_scan_inputs=1)]
    return helper.make_graph(
        nodes, "body",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, []), helper.make_tensor_value_info("s", 1, [])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [])],
    )  # fmt: skip


def _scans(depth: int, trips: int) -> bytes:
    nodes, constants = hidden([trips], "steps")
    scan = _node("Scan", ["start", "steps"], ["bomb"], body=_scan([_node("Add", ["a", "s"], ["b"])], depth),
                 num_scan_inputs=1)  # fmt: skip
    return with_nodes([*nodes, scan], start=np.float32(0), **constants)


def _doubled(times: int) -> bytes:
    names = ["x", *(f"twice_{k}" for k in range(times - 1)), "bomb"]
    return with_nodes([_node("Concat", [a, a], [b], axis=0) for a, b in pairwise(names)])


def _outer(size: int) -> bytes:
    nodes, constants = hidden([size, 1], "column")
    more = [_node("Transpose", ["column"], ["row"], perm=[1, 0]), _node("Mul", ["column", "row"], ["bomb"])]
    return with_nodes([*nodes, *more], **constants)


def _products(size: int, times: int) -> bytes:
    nodes, constants = hidden([size, size], "m_0")
    products = [_node("MatMul", [f"m_{k}", f"m_{k}"], [f"m_{k + 1}"]) for k in range(times)]
    return with_nodes([*nodes, *products, _node("Identity", [f"m_{times}"], ["bomb"])], **constants)


def _long_kernel() -> bytes:
    """One call of one kernel that works for a minute; nothing can tell it to stop."""
    signal, a = hidden([1, 1, 4_000_000], "signal")
    kernel, b = hidden([1, 1, 400_000], "kernel")
    return with_nodes([*signal, *kernel, _node("Conv", ["signal", "kernel"], ["bomb"])], **a, **b)


def _dims() -> bytes:
    proto = model()
    proto.graph.initializer[0].dims[:] = [1 << 62]
    return sealed(proto)


def _nodes(count: int) -> bytes:
    proto = model()
    node = _node("Identity", ["x"], ["z"]).SerializeToString()
    entry = b"\x0a" + bytes([len(node)]) + node
    graph = proto.graph.SerializeToString() + entry * count
    return _with_graph(graph)


def _with_graph(graph: bytes) -> bytes:
    proto = model()
    proto.ClearField("graph")
    size, length = len(graph), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return seal(proto.SerializeToString() + b"\x3a" + length + bytes([size]) + graph)


def _deep_ifs(depth: int) -> bytes:
    """Graphs in each other, written by hand: protobuf libraries refuse to."""
    inner = b""
    for _ in range(depth):
        attribute = _message(6, inner)
        inner = _message(1, _message(4, b"If") + _message(5, attribute))
    return _with_graph(inner)


def _message(number: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def _long_golden(fields: dict[str, Any]) -> None:
    """A golden sample of a million frames."""
    for side in ("inputs", "outputs"):
        for array in fields[side].values():
            array["shape"][0] = 1 << 18
            size = int(np.prod(array["shape"]))
            array["data"] = base64.b64encode(np.zeros(size, array["dtype"]).tobytes()).decode()


def _wide_state(contract: dict[str, Any]) -> None:
    contract["states"][0]["shape"] = [1 << 12, "batch", 1 << 22]


def _delay(contract: dict[str, Any]) -> None:
    contract["outputs"][0]["clock"]["delay"] = 1 << 29


def _late(contract: dict[str, Any]) -> None:
    """Within the limits one by one, and still a million calls of one frame until the first output."""
    contract["outputs"][0]["clock"]["delay"] = (1 << 20) - 1


BOMBS: dict[str, Callable[[], bytes]] = {
    "endless loop": _loop,
    "scans in scans": lambda: _scans(30, 8),
    "scan of a million": lambda: _scans(1, 10_000_000),
    "two scans of a million": lambda: _scans(2, 1_000_000),
    "fill": lambda: with_nodes([filled([])], bomb_size=np.array([100_000_000_000], np.int64)),
    "hidden fill": lambda: with_nodes(hidden([1_000_000_000])[0], **hidden([1_000_000_000])[1]),
    "expand": lambda: with_nodes([_node("Expand", ["one", "size"], ["bomb"])], one=np.ones(1, np.float32),
                                 size=np.array([1 << 20, 1 << 20], np.int64)),
    "tile": lambda: with_nodes([_node("Tile", ["one", "size"], ["bomb"])], one=np.ones(1, np.float32),
                               size=np.array([1 << 40], np.int64)),
    "range": lambda: with_nodes([_node("Range", ["a", "b", "c"], ["bomb"])], a=np.float32(0), b=np.float32(1e12),
                                c=np.float32(1)),
    "pad": lambda: with_nodes([_node("Pad", ["one", "size"], ["bomb"])], one=np.ones(1, np.float32),
                              size=np.array([1 << 40, 0], np.int64)),
    "resize": lambda: with_nodes([_node("Resize", ["one", "", "", "size"], ["bomb"])],
                                 one=np.ones((1, 1, 4), np.float32), size=np.array([1, 1, 1 << 40], np.int64)),
    "doubled forty times": lambda: _doubled(40),
    "outer product": lambda: _outer(300_000),
    "products": lambda: _products(1500, 400),
    "long kernel": _long_kernel,
    "dims": _dims,
    "a million nodes": lambda: _nodes(1_000_000),
    "thirty million empty nodes": lambda: _with_graph(b"\x0a\x00" * (31 * MIB)),
    "graphs in graphs": lambda: _deep_ifs(10_000),
    "sixty megabytes of JSON": lambda: with_metadata("[" + "[]," * (20 * MIB) + "0]"),
    "two megabytes of small lists": lambda: with_metadata("[" + "[]," * (MIB * 2 // 3 - 2) + "0]"),
    "deep JSON": lambda: with_metadata("[" * 100_000),
    "wide state": lambda: with_contract(_wide_state),
    "long delay": lambda: with_contract(_delay),
    "late output": lambda: with_contract(_late),
    "long golden sample": lambda: with_contract(_long_golden, "rnnedge.golden"),
}  # fmt: skip
