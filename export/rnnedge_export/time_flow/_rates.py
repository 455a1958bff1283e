"""How many frames of each value come per input frame: shapes for two lengths of a call, compared."""

from __future__ import annotations

from fractions import Fraction

import onnx
from onnx import shape_inference

from rnnedge_runtime.contract import BATCH, TIME, Contract

Shapes = dict[str, list[int]]

# Of the shorter call, in the least number of frames that a call takes; enough for every window of the graph.
_CALLS = 64


def rates(proto: onnx.ModelProto, contract: Contract) -> dict[str, Fraction]:
    """Frames per input frame of every value in which exactly one axis grows with the call; none in a fixed chunk."""
    if contract.chunk is not None:
        return {}
    frames = _CALLS * contract.unit
    short, long = (_shapes(proto, n) for n in (frames, 2 * frames))
    found = {}
    for name, shape in short.items():
        grown = [b - a for a, b in zip(shape, long.get(name, []), strict=False) if a != b]
        if len(grown) == 1:
            found[name] = Fraction(grown[0], frames)
    return found


def _shapes(proto: onnx.ModelProto, frames: int) -> Shapes:
    """Shapes of the values that have one in numbers, for a call of `frames` frames of one sequence."""
    asked = onnx.ModelProto()
    asked.CopyFrom(proto)
    del asked.graph.value_info[:]
    for port in asked.graph.input:
        for dim in port.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = _size(dim.dim_param, frames)
    for port in asked.graph.output:
        port.type.tensor_type.ClearField("shape")
    known: Shapes = {}
    try:
        inferred = shape_inference.infer_shapes(asked, data_prop=True).graph
    # Of a graph that onnx cannot follow, no rate is told.
    except (shape_inference.InferenceError, ValueError):
        return known
    for value in (*inferred.value_info, *inferred.output):
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(dim.HasField("dim_value") for dim in dims):
            known[value.name] = [dim.dim_value for dim in dims]
    return known


def _size(dim: str, frames: int) -> int:
    """A dim of a port in numbers: "batch", "time", "4*time", "time/2", "33*batch"."""
    factor, _, rest = dim.rpartition("*")
    base, _, divisor = rest.partition("/")
    size = {BATCH: 1, TIME: frames}.get(base, 1)
    return int(factor or 1) * size // int(divisor or 1)
