"""Files that are valid protobuf with a valid seal, and something else than they say: a function of a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from rnnedge_runtime.checksum import seal
from rnnedge_runtime.untrusted.operator_table import operators

_INTEGERS = (0, 1, 2, 3, 7, -1, -2, 16, 255, 65536, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 40, (1 << 62), -(1 << 63))
_FLOATS = (0.0, -1.0, 1e-45, 1e38, float("inf"), float("-inf"), float("nan"))
_OTHERS = ("If", "Loop", "NonZero", "Einsum", "EyeLike", "OneHot", "TopK", "RandomNormal", "EPContext", "QuickGelu", "")
_JSON = (None, True, 0, 1, -1, 3, 1e9, 1e308, 1 << 40, -(1 << 63), "", "time", "batch", "999999999*batch", "x", [], {},
         [[]], [0, 0, 0], ["time", "batch", 1 << 33], {"dtype": "float32", "shape": [1 << 40], "data": ""})  # fmt: skip

Rng = random.Random


def structural(files: Sequence[bytes], seed: int) -> tuple[bytes, bytes]:
    """A sealed file with one to four changes to its graph, tensors, metadata or contract, and what it was made of."""
    rng = random.Random(f"structural {seed}")
    original = rng.choice(files)
    model = onnx.ModelProto.FromString(original)
    del model.metadata_props[-1]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(_CHANGES)(model, rng)
    return seal(model.SerializeToString()), original


def _graphs(model: onnx.ModelProto) -> list[onnx.GraphProto]:
    """The graph and those within it."""

    def within(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    yield from within(attribute.g)

    return list(within(model.graph))


def _node(model: onnx.ModelProto, rng: Rng) -> onnx.NodeProto:
    nodes = [node for graph in _graphs(model) for node in graph.node] or [model.graph.node.add()]
    return rng.choice(nodes)


def _tensor(model: onnx.ModelProto, rng: Rng) -> onnx.TensorProto:
    return rng.choice(list(model.graph.initializer) or [model.graph.initializer.add()])


def _names(model: onnx.ModelProto) -> list[str]:
    return [name for graph in _graphs(model) for node in graph.node for name in (*node.input, *node.output)] or ["x"]


def _operator(model: onnx.ModelProto, rng: Rng) -> None:
    _node(model, rng).op_type = rng.choice((*sorted(operators()), *_OTHERS))


def _domain(model: onnx.ModelProto, rng: Rng) -> None:
    _node(model, rng).domain = rng.choice(("ai.onnx", "com.microsoft", "ai.onnx.ml", "x"))


def _attribute(model: onnx.ModelProto, rng: Rng) -> None:
    node = _node(model, rng)
    if not node.attribute or rng.random() < 0.3:
        names = (
            "axis axes perm hidden_size keepdims num_scan_inputs scan_input_axes direction pads strides mode to".split()
        )
        value = rng.choice((rng.choice(_INTEGERS), [rng.choice(_INTEGERS), 1], 0.5, "reverse", "same_upper"))
        node.attribute.append(helper.make_attribute(rng.choice(names), value))
        return
    attribute = rng.choice(list(node.attribute))
    change = rng.randrange(5)
    if change == 0:
        node.attribute.remove(attribute)
    elif change == 1:
        attribute.type = rng.randrange(15)
    elif attribute.ints:
        attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(_INTEGERS)
    elif attribute.HasField("i"):
        attribute.i = rng.choice(_INTEGERS)
    elif attribute.HasField("f"):
        attribute.f = rng.choice(_FLOATS)
    elif attribute.HasField("s"):
        attribute.s = rng.choice((b"reverse", b"bidirectional", b"", b"\xff\xfe", b"Tanh"))


def _dims(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _tensor(model, rng)
    if tensor.dims and rng.random() < 0.7:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(_INTEGERS)
    else:
        tensor.dims.insert(0, rng.choice(_INTEGERS))


def _reshaped(model: onnx.ModelProto, rng: Rng) -> None:
    """The same bytes under other dims, so that only the kernels can notice."""
    tensor = _tensor(model, rng)
    size = int(np.prod(list(tensor.dims)))
    divisor = rng.choice([d for d in range(1, min(size, 64) + 1) if size % d == 0] or [1])
    tensor.ClearField("dims")
    tensor.dims.extend(rng.choice(([size], [divisor, size // divisor], [size // divisor, divisor], [1, size, 1])))


def _values(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _tensor(model, rng)
    dtype = {1: "<f4", 7: "<i8", 6: "<i4"}.get(tensor.data_type)
    if dtype is None or not tensor.raw_data or len(tensor.raw_data) % np.dtype(dtype).itemsize:
        return
    values = np.frombuffer(tensor.raw_data, dtype).copy()
    place = rng.randrange(values.size)
    low, high = -(1 << (8 * values.itemsize - 1)), (1 << (8 * values.itemsize - 1)) - 1
    values[place] = rng.choice(_FLOATS) if dtype == "<f4" else min(max(rng.choice(_INTEGERS), low), high)
    tensor.raw_data = values.tobytes()


def _data_type(model: onnx.ModelProto, rng: Rng) -> None:
    _tensor(model, rng).data_type = rng.randrange(24)


def _data(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _tensor(model, rng)
    tensor.raw_data = rng.choice((b"", tensor.raw_data[:-1], tensor.raw_data * 2, b"\x00"))


def _external(model: onnx.ModelProto, rng: Rng) -> None:
    tensor = _tensor(model, rng)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", rng.choice(("../x", "/dev/zero", "x"))
    if rng.random() < 0.5:
        tensor.ClearField("raw_data")


def _drop(model: onnx.ModelProto, rng: Rng) -> None:
    graph = rng.choice(_graphs(model))
    field = rng.choice((graph.node, graph.initializer, graph.input, graph.output, graph.value_info))
    if field:
        del field[rng.randrange(len(field))]


def _double(model: onnx.ModelProto, rng: Rng) -> None:
    graph = rng.choice(_graphs(model))
    field: Any = rng.choice((graph.node, graph.initializer, graph.input, graph.output))
    if field:
        field.add().CopyFrom(rng.choice(list(field)))


def _shuffle(model: onnx.ModelProto, rng: Rng) -> None:
    graph = rng.choice(_graphs(model))
    nodes = list(graph.node)
    rng.shuffle(nodes)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    graph.ClearField("node")
    graph.node.extend(copies)


def _wires(model: onnx.ModelProto, rng: Rng) -> None:
    node = _node(model, rng)
    side = rng.choice((node.input, node.output))
    if len(side) > 1 and rng.random() < 0.4:
        i, j = rng.randrange(len(side)), rng.randrange(len(side))
        side[i], side[j] = side[j], side[i]
    elif side and rng.random() < 0.6:
        side[rng.randrange(len(side))] = rng.choice((*_names(model), "", "nowhere"))
    elif side and rng.random() < 0.5:
        del side[rng.randrange(len(side))]
    else:
        side.append(rng.choice(_names(model)))


def _value_info(model: onnx.ModelProto, rng: Rng) -> None:
    graph = rng.choice(_graphs(model))
    values = [*graph.input, *graph.output, *graph.value_info]
    if not values:
        return
    value = rng.choice(values).type.tensor_type
    if value.shape.dim and rng.random() < 0.7:
        dim = rng.choice(list(value.shape.dim))
        if rng.random() < 0.5:
            dim.dim_value = rng.choice(_INTEGERS)
        else:
            dim.dim_param = rng.choice(("batch", "time", "", "z"))
    elif rng.random() < 0.5:
        value.elem_type = rng.randrange(24)
    else:
        value.shape.dim.add().dim_value = rng.choice(_INTEGERS)


def _model(model: onnx.ModelProto, rng: Rng) -> None:
    change = rng.randrange(5)
    if change == 0:
        model.ir_version = rng.choice(_INTEGERS)
    elif change == 1 and model.opset_import:
        model.opset_import[0].version = rng.choice((1, 7, 11, 13, 14, 18, 21, 22, 99, -1))
    elif change == 2:
        model.opset_import.append(helper.make_opsetid(rng.choice(("com.microsoft", "", "x")), 1))
    elif change == 3:
        model.producer_name = rng.choice(("ORTM", "xxORTM", "", "rnnedge"))
    else:
        model.functions.add().name = "f"


def _metadata(model: onnx.ModelProto, rng: Rng) -> None:
    entries = model.metadata_props
    change = rng.randrange(4)
    if change == 0 and entries:
        del entries[rng.randrange(len(entries))]
    elif change == 1 and entries:
        entries.add().CopyFrom(rng.choice(list(entries)))
    elif change == 2:
        entry = entries.add()
        entry.key, entry.value = "ort_config", '{"session_options": {"enable_profiling": 1}}'
    elif entries:
        entry = rng.choice(list(entries))
        entry.value = rng.choice(("", "{", "[" * 5000, "null", "1" * 5000, entry.value[: len(entry.value) // 2]))


def _promise(model: onnx.ModelProto, rng: Rng) -> None:
    """One value somewhere in the JSON of the contract or the golden sample is another one, or is gone."""
    key = rng.choice(("rnnedge.contract", "rnnedge.contract", "rnnedge.golden"))
    for entry in model.metadata_props:
        if entry.key == key:
            try:
                fields = json.loads(entry.value)
            except (ValueError, RecursionError):
                return
            holder, place = rng.choice(list(_places(fields)) or [(None, None)])
            if holder is None:
                return
            if rng.random() < 0.2:
                del holder[place]
            else:
                holder[place] = rng.choice((*_JSON, holder[place], [holder[place]]))
            entry.value = json.dumps(fields)


def _places(fields: Any) -> Iterator[tuple[Any, Any]]:
    items = fields.items() if isinstance(fields, dict) else enumerate(fields) if isinstance(fields, list) else ()
    for place, value in list(items):
        yield fields, place
        yield from _places(value)


_CHANGES: tuple[Callable[[onnx.ModelProto, Rng], None], ...] = (
    _operator, _operator, _domain, _attribute, _attribute, _dims, _reshaped, _values, _data_type, _data, _external,
    _drop, _double, _shuffle, _wires, _wires, _value_info, _model, _metadata, _promise, _promise, _promise,
)  # fmt: skip
