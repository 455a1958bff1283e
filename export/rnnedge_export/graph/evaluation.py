"""What values of the offline graph come to: run on random input instead of guessing from patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.graph.cpu_session import session
from rnnedge_export.graph.dependence import dependent
from rnnedge_runtime.contract import Array

# What the name of a number that stands for an inner value ends with.
_GIVEN = ".given"
_DTYPES = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(bool)": np.dtype(np.bool_),
}


class Offline:
    """An offline graph with dims "batch" and "time", whose inner values can be asked for by name."""

    def __init__(self, model: ir.Model) -> None:
        """Nothing is computed yet."""
        self._model = model
        self._sessions: dict[tuple[tuple[str, ...], tuple[str, ...]], Any] = {}

    def evaluate(
        self,
        names: Sequence[str],
        batch: int,
        time: int,
        *,
        seed: int | None = None,
        given: Mapping[str, float] | None = None,
    ) -> list[Array]:
        """The named values for `batch` sequences of `time` frames: zeros, or normal numbers where a seed is given.

        Tokens are 0, or 1 with a seed: every vocabulary has those; flags likewise. `given`: inner float32 values by
        name, every number of which is this one instead of what it would come to.
        """
        given = given or {}
        running = self._session(tuple(names), tuple(given))
        rng = None if seed is None else np.random.default_rng(seed)
        feeds: dict[str, Array] = {}
        for port in running.get_inputs():
            if port.name.endswith(_GIVEN):
                feeds[port.name] = np.asarray(given[port.name.removesuffix(_GIVEN)], np.float32)
                continue
            shape = [{"batch": batch, "time": time}.get(d, d) for d in port.shape]
            feeds[port.name] = _numbers(shape, _DTYPES[port.type], rng)
        return list(running.run(None, feeds))

    def products(self, name: str) -> list[str]:
        """The products, of values that the input enters, of which a value is made number by number."""
        values = {v.name: v for node in self._model.graph for v in node.outputs}
        entered = dependent(self._model.graph)
        waiting, seen, found = [values[name]], set[ir.Value](), []
        while waiting:
            value = waiting.pop()
            producer = value.producer()
            if producer is None or value not in entered or value in seen:
                continue
            seen.add(value)
            if producer.op_type == "MatMul":
                found.append(str(value.name))
            else:
                waiting.extend(given for given in producer.inputs if given is not None)
        return found

    def _session(self, names: tuple[str, ...], given: tuple[str, ...]) -> Any:
        if (names, given) not in self._sessions:
            part = self._model.clone()
            values = {v.name: v for node in part.graph for v in node.outputs} | dict(part.graph.initializers)
            for name in given:
                _give(part, values[name])
            del part.graph.outputs[:]
            for name in names:
                node = ir.Node("", "Identity", [values[name]])
                node.outputs[0].name = f"{name}_evaluated"
                node.outputs[0].type = values[name].type
                part.graph.append(node)
                part.graph.outputs.append(node.outputs[0])
            RemoveUnusedNodesPass()(part)
            self._sessions[names, given] = session(ir.to_proto(part))
        return self._sessions[names, given]


def _numbers(shape: Sequence[int], dtype: Any, rng: np.random.Generator | None) -> Array:
    """Zeros; with `rng` normal numbers, or ones of what is counted."""
    if rng is None or dtype.kind != "f":
        return np.full(shape, rng is not None, dtype)
    return rng.standard_normal(shape, np.float32).astype(dtype)


def _give(model: ir.Model, value: ir.Value) -> None:
    """Everybody who reads `value` reads a number of the caller instead, in the same shape."""
    number = ir.Value(name=f"{value.name}{_GIVEN}", type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape([]))
    model.graph.inputs.append(number)
    shape = ir.Node("", "Shape", [value])
    full = ir.Node("", "Expand", [number, shape.outputs[0]])
    for node, suffix in ((shape, "shape"), (full, "full")):
        node.outputs[0].name = f"{value.name}{_GIVEN}_{suffix}"
    readers = [(reader, index) for reader, index in value.uses() if reader is not shape]
    for reader, index in readers:
        reader.replace_input_with(index, full.outputs[0])
    producer = value.producer()
    assert producer is not None
    model.graph.insert_after(producer, [shape, full])
