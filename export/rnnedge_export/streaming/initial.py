"""The values of carried states before the first frame, found by evaluating the offline graph.

Patterns that build a zero or learned initial state differ from module to module; what they compute does not. The
values are evaluated for different inputs, lengths and batch sizes: where the results agree, the state starts from
that constant; where they do not, it depends on the data, which no stream can know before its first frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime

from rnnedge_export.streaming.facts import Carried, Facts
from rnnedge_export.streaming.lengths import Lengths
from rnnedge_runtime.contract import Array


def initial_values(model: ir.Model, carried: list[Carried], facts: Facts, lengths: Lengths) -> list[float | Array]:
    """For each state a fill value, or an array with batch 1; raises `ModelRefused` where it depends on the data."""
    names = [_value_name(state) for state in carried]
    wanted = sorted({name for name in names if name})
    runs = (
        [dict(zip(wanted, found, strict=True)) for found in _evaluate(model, wanted, lengths.totals)] if wanted else []
    )
    return [_constant_of(state, name, runs, facts) if name else 0.0 for state, name in zip(carried, names, strict=True)]


def _value_name(state: Carried) -> str | None:
    value = state.node.inputs[state.read] if state.read < len(state.node.inputs) else None
    return None if value is None else value.name


def _evaluate(model: ir.Model, wanted: list[str], totals: tuple[int, ...]) -> list[list[Array]]:
    """The wanted values for (batch 1, short), (batch 1, longer, other data) and (batch 2)."""
    part = model.clone()
    values = {v.name: v for node in part.graph for v in node.outputs} | dict(part.graph.initializers)
    del part.graph.outputs[:]
    for name in wanted:
        node = ir.Node("", "Identity", [values[name]])
        node.outputs[0].name = f"{name}_initial"
        node.outputs[0].type = values[name].type
        part.graph.append(node)
        part.graph.outputs.append(node.outputs[0])
    ir.passes.common.RemoveUnusedNodesPass()(part)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session: Any = onnxruntime.InferenceSession(
        ir.to_proto(part).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (port,) = session.get_inputs()
    results = []
    for batch, time, fill in ((1, totals[1], 0), (1, totals[3], 1), (2, totals[2], 1)):
        shape = [{"batch": batch, "time": time}.get(d, d) for d in port.shape]
        dtype = np.int64 if "int64" in port.type else np.float32
        results.append(session.run(None, {port.name: np.full(shape, fill, dtype)}))
    return results


def _constant_of(state: Carried, name: str, runs: list[dict[str, Array]], facts: Facts) -> float | Array:
    first, second, double = (run[name] for run in runs)
    if first.size and all((run[name] == first.flat[0]).all() for run in runs):
        return float(first.flat[0])
    same = first.shape == second.shape and np.array_equal(first, second)
    wide = [a in (1, b) for a, b in zip(first.shape, double.shape, strict=True)]
    if not same or not all(wide) or not np.array_equal(np.broadcast_to(first, double.shape), double):
        facts.refuse(
            state.node,
            "its initial state depends on the input, its length or the batch size",
            "start from zeros or a learned constant",
        )
    return first
