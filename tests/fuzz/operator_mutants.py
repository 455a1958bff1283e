"""Files with one more node, whose attributes, shapes, types or numbers are hostile: a function of a seed.

The golden file, and beside it a node of `operator_samples.py` that changes nothing of its outputs. What is hostile
stands in the file, or comes with the first frame above 100, which no frame of the golden sample is: sizes cut to none,
integers at their ends, floats that are not finite. So some files are refused, and others only show what they are in a
push.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from operator_samples import SAMPLES, Sample, kinds_of_attributes

from rnnedge_runtime.checksum import seal

Array = NDArray[Any]
Rng = random.Random
_node = helper.make_node
_INTEGERS = (0, 1, 2, 3, -1, -2, -3, 5, 7, 16, 255, 1 << 20, -(1 << 20), (1 << 31) - 1, 1 << 31, -(1 << 31), 1 << 40,
             1 << 62, -(1 << 63), (1 << 63) - 1)  # fmt: skip
_FLOATS = (0.0, -1.0, 1.0, 0.5, 1e-45, 1e20, 1e38, -1e38, float("inf"), float("-inf"), float("nan"))
_WORDS = ("forward", "reverse", "bidirectional", "SAME_UPPER", "SAME_LOWER", "VALID", "nearest", "linear", "cubic",
          "reflect", "edge", "wrap", "LEFT", "RIGHT", "tanh", "", "align_corners",
          "tf_crop_and_resize", "\u2603")  # fmt: skip
_ACTIVATIONS = ("Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "HardSigmoid", "Elu", "Softsign", "Softplus", "")
_TYPES = ("float32", "float64", "float16", "int8", "uint8", "int32", "int64", "bool")
LOUD = 1000.0


def hostile_operator(files: Sequence[bytes], seed: int) -> tuple[bytes, bytes]:
    """A sealed file with a hostile node, and the file that it was made of."""
    rng = random.Random(f"operator {seed}")
    original = files[0]
    model = onnx.ModelProto.FromString(original)
    del model.metadata_props[-1]
    operator = rng.choice(sorted(SAMPLES))
    _add(model, operator, rng.choice(SAMPLES[operator]), rng)
    return seal(model.SerializeToString()), original


def _add(model: onnx.ModelProto, operator: str, sample: Sample, rng: Rng) -> None:
    attributes, inputs = sample
    if rng.random() < 0.7:
        attributes = _attributes(operator, dict(attributes), rng)
    dtype = rng.choice(_TYPES) if rng.random() < 0.4 else "float32"
    maker = _Maker(model, rng)
    names = ["" if value is None else maker.input(value, dtype, k == 0) for k, value in enumerate(inputs)]
    domain, _, name = operator.rpartition("::")
    outputs = [f"hostile_{k}" for k in range(2 if operator in ("Split", "GRU", "TopK") else 1)]
    maker.nodes.append(_node(name, names, outputs, domain=domain, name="hostile", **attributes))
    maker.finish(outputs)


def _attributes(operator: str, attributes: dict[str, Any], rng: Rng) -> dict[str, Any]:
    """With one or two of another value, or gone."""
    kinds = kinds_of_attributes(operator) or {name: type(value).__name__ for name, value in attributes.items()}
    for name in rng.choices(sorted(kinds), k=rng.choice((1, 1, 2))) if kinds else ():
        integers = _INTEGERS[:12] if rng.random() < 0.7 else _INTEGERS
        kind = kinds[name]
        if kind in ("INT", "int"):
            attributes[name] = rng.choice(integers)
        elif kind in ("FLOAT", "float"):
            attributes[name] = float(rng.choice(_FLOATS))
        elif kind in ("STRING", "str"):
            attributes[name] = rng.choice(_WORDS)
        elif kind in ("INTS", "list"):
            values = list(attributes.get(name) or [1] * rng.choice((1, 2, 3, 4)))
            values[rng.randrange(len(values))] = rng.choice(integers)
            attributes[name] = rng.choice((values, values, values, [*values, 1], values[:-1] or [0]))
        elif kind == "FLOATS":
            attributes[name] = [float(rng.choice(_FLOATS)) for _ in range(rng.choice((1, 2, 7)))]
        elif kind == "STRINGS":
            attributes[name] = [rng.choice(_ACTIVATIONS) for _ in range(rng.choice((1, 2, 3, 6)))]
        if rng.random() < 0.1:
            attributes.pop(name, None)
    return attributes


class _Maker:
    """Adds nodes in front of the hostile one, and those that end in the first output of the file."""

    def __init__(self, model: onnx.ModelProto, rng: Rng) -> None:
        self._graph, self._rng = model.graph, rng
        self.nodes: list[onnx.NodeProto] = []
        self._count = 0
        self._op("ReduceMax", self._graph.input[0].name, to="most", keepdims=0)
        self._op("Greater", "most", self._constant(np.float32(100)), to="is_loud")

    def input(self, value: Any, dtype: str, first: bool) -> str:
        """A constant, or what is harmless until a frame is loud."""
        rng = self._rng
        data = isinstance(value, tuple)
        array = np.linspace(-1, 1, int(np.prod(value))).astype(dtype).reshape(value) if data else np.asarray(value)
        hostile = _numbers(array.dtype, array.shape, rng) if rng.random() < (0.4 if data else 0.5) else array
        sizes = [rng.choice((0, 0, 1, size)) if rng.random() < 0.4 else size for size in array.shape]
        cut = sizes if rng.random() < 0.5 else list(array.shape)
        if not first and rng.random() < 0.4:
            return self._constant(hostile[tuple(slice(size) for size in cut)])
        name = self._op("Where", "is_loud", self._constant(hostile), self._constant(array))
        if cut != list(array.shape):
            ends = self._op("Where", "is_loud", self._constant(np.array(cut)), self._constant(np.array(array.shape)))
            axes = self._constant(np.arange(array.ndim))
            name = self._op("Slice", name, self._constant(np.zeros(array.ndim, np.int64)), ends, axes)
        return self._another_rank(name, array.ndim) if rng.random() < 0.2 else name

    def _another_rank(self, name: str, rank: int) -> str:
        """With one more axis, or a vector, where it is loud; so nobody knows the number of axes before."""
        sizes, more = self._op("Shape", name), self._rng.random() < 0.5
        parts = (sizes, self._constant(np.array([1]))) if more else (self._constant(np.array([-1])), sizes)
        quiet, loud = ((0, rank), (0, rank + 1)) if more else ((1, rank + 1), (0, 1))
        bounds = (
            self._op("Where", "is_loud", self._constant(np.array([b])), self._constant(np.array([a])))
            for a, b in zip(quiet, loud, strict=True)
        )
        return self._op("Reshape", name, self._op("Slice", self._op("Concat", *parts, axis=0), *bounds))

    def finish(self, outputs: Sequence[str]) -> None:
        """Wire the shapes of what the hostile node gives into the output, so that nothing is left out as unused."""
        zero = self._constant(np.float32(0))
        parts = [
            self._op("Mul", self._op("ReduceSum", self._op("Cast", self._op("Shape", name), to_type=TensorProto.FLOAT),
                                     keepdims=0), zero)
            for name in outputs
        ]  # fmt: skip
        last = self._graph.output[0].name
        for node in self._graph.node:
            node.output[:] = ["y_before" if name == last else name for name in node.output]
            node.input[:] = ["y_before" if name == last else name for name in node.input]
        self._op("Sum", "y_before", *parts, to=last)
        self._graph.node.extend(self.nodes)

    def _constant(self, array: Any) -> str:
        self._count += 1
        self._graph.initializer.append(numpy_helper.from_array(np.asarray(array), f"given_{self._count}"))
        return f"given_{self._count}"

    def _op(self, operator: str, *inputs: str, to: str = "", to_type: int = 0, **attributes: Any) -> str:
        self._count += 1
        output = to or f"made_{self._count}"
        more = {**attributes, "to": to_type} if to_type else attributes
        self.nodes.append(_node(operator, inputs, [output], name=f"node_{self._count}", **more))
        return output


def _numbers(dtype: np.dtype[Any], shape: tuple[int, ...], rng: Rng) -> Array:
    count = int(np.prod(shape))
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array([rng.choice(_FLOATS) for _ in range(count)]).astype(dtype).reshape(shape)
    if dtype.kind == "b":
        return np.array([rng.random() < 0.5 for _ in range(count)], bool).reshape(shape)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    values = [min(max(rng.choice((*_INTEGERS, low, high)), low), high) for _ in range(count)]
    return np.array(values, dtype).reshape(shape)
