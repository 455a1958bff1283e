"""Sealed files around a hostile node: attributes, shapes, lengths and types are a function of a seed.

A file is valid protobuf with a valid contract. It gives y = x while the numbers of x are small, and from `LOUD` on what
the node computes, squashed to one number. So a golden sample of small frames is right whatever the node gives, and a
push of loud ones shows it. Lengths and integers that the node gets may be computed from the frames themselves.
"""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import numpy as np
from node_seeds import SEEDS, WIDTH, Rng, Seed, floats, seed
from onnx import TensorProto, helper, numpy_helper

from rnnedge_runtime.checksum import seal as sealed

LOUD = 50.0
_NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, -1, -2, -3, 16, 100, 255, 65536, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 40, 1 << 62,
            -(1 << 31), -(1 << 63))  # fmt: skip
_TEXTS = ("", "reverse", "bidirectional", "SAME_UPPER", "VALID", "Tanh", "Sigmoid", "edge", "wrap", "cubic", "x")
_DTYPES = (TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL,
           TensorProto.UINT8)  # fmt: skip
_NAMES = """axis axes perm hidden_size keepdims batch_dims direction pads strides dilations kernel_shape group mode
    auto_pad output_padding output_shape ceil_mode count_include_pad storage_order num_scan_inputs scan_input_axes
    activations activation_alpha clip layout input_forget linear_before_reset p epsilon alpha beta to start end
    exclusive reverse noop_with_empty_axes num_outputs allowzero num_groups stash_type fmod max min k largest""".split()


class _Graph:
    """The nodes around the one under test; names as `node_seeds` uses them are made when they are read."""

    def __init__(self, rng: Rng) -> None:
        self.rng, self.nodes, self.weights = rng, [], {}  # type: ignore[var-annotated]
        self._made = {"v": "x"}
        self._count = 0

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """One more node; the name of its output."""
        self._count += 1
        self.nodes.append(helper.make_node(operator, inputs, [f"o{self._count}"], **attributes))
        return f"o{self._count}"

    def constant(self, array: np.ndarray) -> str:
        """An initializer."""
        self._count += 1
        self.weights[f"c{self._count}"] = array
        return f"c{self._count}"

    def value(self, name: str) -> str:
        """t: (1, 3, time), s: (time, 1, 3), m: (time, 3), n: an int64 number out of x, i: x as int64, b: as bool."""
        if name not in self._made:
            if name in "ts":
                made = self.add("Transpose", "x", perm=[0, 2, 1] if name == "t" else [1, 0, 2])
            elif name == "m":
                made = self.add("Squeeze", "x", self.constant(np.array([0], np.int64)))
            elif name == "n":
                most = self.add("ReduceMax", "x", keepdims=0)
                made = self.add("Cast", most, to=TensorProto.INT64)
            elif name == "i":
                made = self.add("Cast", "x", to=TensorProto.INT64)
            elif name == "shape":
                made = self.add("Shape", "x")
            else:
                made = self.add("Greater", "x", self.constant(np.float32(0)))
            self._made[name] = made
        return self._made[name]

    def length(self) -> str:
        """int64 (1,): a constant, out of the frames, or the number of frames less some."""
        rng, one = self.rng, self.constant(np.array([-1], np.int64))
        how = rng.randrange(4)
        if how == 0:
            return self.constant(np.array([rng.choice(_NUMBERS)], np.int64))
        if how == 1:
            number = self.add("Reshape", self.value("n"), one)
            return self.add("Sub", number, self.constant(np.array([rng.choice((0, 1, 60, 99, 100))], np.int64)))
        if how == 2:
            frames = self.add("Shape", "x", start=1, end=2)
            return self.add("Sub", frames, self.constant(np.array([rng.choice((0, 1, 2, 16))], np.int64)))
        return self.constant(np.array([0], np.int64))


def mutant(number: int) -> bytes:
    """The file of one seed; one in sixteen is left as it is, so that a loader that refuses everything shows."""
    rng = random.Random(f"node {number}")
    graph = _Graph(rng)
    one = seed(rng.choice(sorted(SEEDS)), rng)
    inputs = []
    for name in one.inputs:
        inputs.append(
            graph.constant(one.constants[name]) if name in one.constants else graph.value(name) if name else ""
        )
    if rng.random() < 0.3 and inputs[0] and inputs[0] not in graph.weights:
        inputs[0] = _behind(graph, inputs[0])
    for _ in range(0 if number % 16 == 0 else rng.choice((1, 1, 1, 2, 3))):
        rng.choice(_CHANGES)(graph, one, inputs)
    node = helper.make_node(one.operator, inputs, [f"n{k}" for k in range(one.outputs)],
                            **{k: v for k, v in one.attributes.items() if v is not None})  # fmt: skip
    graph.nodes.append(node)
    return _file(graph, rng)


def _behind(graph: _Graph, value: str) -> str:
    """The value after an operator that leaves its shape, so that optimizers have something to join."""
    return graph.add(graph.rng.choice(("Relu", "Sigmoid", "Identity", "Neg", "Abs")), value)


def _attribute(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    rng = graph.rng
    own = [name for name, value in one.attributes.items() if name != "body"]
    name = rng.choice(own) if own and rng.random() < 0.75 else rng.choice(_NAMES)
    old = one.attributes.get(name)
    if isinstance(old, list) and isinstance(old[0], int) and rng.random() < 0.7:
        changed = list(old)
        changed[rng.randrange(len(changed))] = rng.choice(_NUMBERS)
        one.attributes[name] = changed
    elif isinstance(old, int) and rng.random() < 0.85:
        one.attributes[name] = rng.choice(_NUMBERS)
    else:
        one.attributes[name] = rng.choice(
            (None, rng.choice(_NUMBERS), rng.choice(_TEXTS), [rng.choice(_NUMBERS) for _ in range(rng.randrange(1, 5))],
             rng.choice((0.0, -1.0, 1e38, 1e-45, float("inf"))), [0.5, -1.0], ["Tanh", "Relu"])
        )  # fmt: skip


def _constant_shape(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    names = [name for name in inputs if name in graph.weights]
    if not names:
        _cut(graph, one, inputs)
        return
    rng, name = graph.rng, graph.rng.choice(names)
    old = graph.weights[name]
    dims = list(old.shape)
    how = rng.randrange(4)
    if how == 0 and dims:
        dims[rng.randrange(len(dims))] = rng.choice((0, 1, 2, 3, 5, 8, 17, 64))
    elif how == 1:
        dims.insert(rng.randrange(len(dims) + 1), rng.choice((0, 1, 2)))
    elif how == 2 and dims:
        del dims[rng.randrange(len(dims))]
    else:
        rng.shuffle(dims)
    size = int(np.prod(dims))
    graph.weights[name] = np.resize(old if old.size else np.zeros(1, old.dtype), size).reshape(dims).astype(old.dtype)


def _constant_values(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    names = [name for name in inputs if name in graph.weights and graph.weights[name].size]
    if not names:
        _attribute(graph, one, inputs)
        return
    name = graph.rng.choice(names)
    array = graph.weights[name].copy()
    if array.dtype.kind in "iu":
        low, high = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        array.flat[graph.rng.randrange(array.size)] = min(max(graph.rng.choice(_NUMBERS), low), high)
    else:
        array.flat[graph.rng.randrange(array.size)] = graph.rng.choice((0.0, -0.0, 1e38, -1e38, 1e-45, -np.inf, 3.5))
    graph.weights[name] = array


def _cut(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    """An input of a length that is computed, possibly none at all."""
    place = graph.rng.randrange(len(inputs))
    if inputs[place]:
        axis = graph.constant(np.array([graph.rng.choice((0, 1, 1, 2, -1))], np.int64))
        start = graph.constant(np.array([0], np.int64))
        inputs[place] = graph.add("Slice", inputs[place], start, graph.length(), axis)


def _type(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    place = graph.rng.randrange(len(inputs))
    kind = graph.rng.choice(_DTYPES)
    for index, name in enumerate(inputs):
        if name and (index == place or graph.rng.random() < 0.7):
            inputs[index] = graph.add("Cast", name, to=kind)


def _computed(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    """A constant of the node is computed from the frames instead."""
    places = [k for k, name in enumerate(inputs) if name in graph.weights]
    if not places:
        _type(graph, one, inputs)
        return
    place = graph.rng.choice(places)
    array = graph.weights[inputs[place]]
    if array.dtype == np.int64 and array.ndim == 1:
        inputs[place] = graph.length()
        return
    factor = graph.add("Cast", graph.value("n"), to=helper.np_dtype_to_tensor_dtype(array.dtype))
    inputs[place] = graph.add("Mul", inputs[place], factor)


def _wider(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    place = graph.rng.randrange(len(inputs))
    if inputs[place]:
        sizes = [graph.rng.choice((0, 1, 1, 2, 5)) for _ in range(3)]
        inputs[place] = graph.add("Tile", inputs[place], graph.constant(np.array(sizes, np.int64)))


def _other_input(graph: _Graph, one: Seed, inputs: list[str]) -> None:
    rng = graph.rng
    how = rng.randrange(4)
    if how == 0 and len(inputs) > 1:
        del inputs[-1]
    elif how == 1:
        inputs.append(rng.choice(("", graph.value("n"), "x")))
    elif how == 2:
        inputs[rng.randrange(len(inputs))] = rng.choice(("", "x", graph.value("t"), graph.value("n"), graph.value("b")))
    else:
        rng.shuffle(inputs)


_CHANGES = (_attribute, _attribute, _attribute, _constant_shape, _constant_shape, _constant_values, _cut, _cut, _type,
            _computed, _wider, _other_input)  # fmt: skip


def _file(graph: _Graph, rng: Rng) -> bytes:
    number = graph.add("Cast", "n0", to=TensorProto.FLOAT)
    # Not by Tanh, which makes a number out of NaN in onnxruntime.
    above = graph.add("Add", graph.add("Abs", number), graph.constant(np.float32(1)))
    squashed = graph.add("ReduceMean", graph.add("Div", number, above), keepdims=0)
    shown = graph.add("Add", "x", squashed)
    loud = graph.add("Greater", "x", graph.constant(np.float32(LOUD)))
    graph.nodes.append(helper.make_node("Where", [loud, shown, "x"], ["y"], name="shown"))
    open_time = rng.random() < 0.5
    shape = ("batch", "time", WIDTH) if open_time else (1, 1, WIDTH)
    for index, node in enumerate(graph.nodes):
        node.name = f"{node.op_type}_{index}"
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name in "xy"]
    weights = [numpy_helper.from_array(np.asarray(array), name) for name, array in graph.weights.items()]
    model = helper.make_model(helper.make_graph(graph.nodes, "g", ports[:1], ports[1:], weights),
                              opset_imports=[helper.make_opsetid("", 20)], ir_version=10)  # fmt: skip
    helper.set_model_props(model, {
        "rnnedge.schema": "1", "rnnedge.contract": json.dumps(_contract(shape, open_time)),
        "rnnedge.golden": json.dumps(_golden(floats(3, WIDTH))),
    })  # fmt: skip
    return sealed(model.SerializeToString())


def _golden(frames: np.ndarray) -> dict[str, Any]:
    array = {"dtype": "float32", "shape": list(frames.shape), "data": base64.b64encode(frames.tobytes()).decode()}
    return {"inputs": {"x": array}, "outputs": {"y": array}, "tolerance": 1e-5}


def _contract(shape: tuple[object, ...], open_time: bool) -> dict[str, Any]:
    clock = {"rate": [1, 1], "delay": 0, "length": []}
    port = {
        "dtype": "float32",
        "shape": list(shape),
        "batch_axis": 0,
        "time_axis": 1,
        "per_frame": True,
        "clock": clock,
    }
    return {
        "inputs": [{"name": "x", **port}], "outputs": [{"name": "y", **port}], "states": [], "opset": 20,
        "form": "native" if open_time else "step", "precision": "float32", "chunk": None if open_time else 1, "hop": 1,
        "grain": 1, "least": 1, "stride": "1", "lookahead": 0, "cursors": [], "frame_rate_hz": None, "labels": [],
        "normalization": None, "provenance": {},
    }  # fmt: skip


def loud_frames(number: int) -> np.ndarray:
    """float32 (64, 3): quiet and loud ones, and those from which lengths of 0, negative and huge ones are computed."""
    rng = np.random.default_rng(number)
    frames = rng.standard_normal((64, WIDTH)).astype(np.float32)
    frames[8:] += rng.choice([0, 100, 60, 61, 99, 1e3, -100], (56, 1)).astype(np.float32)
    frames[60:] *= np.float32(1e15)
    return frames
