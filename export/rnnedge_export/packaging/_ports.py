"""What of a port or a state decides how a self-contained graph is written."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_runtime.contract import Contract, Dim, Port, State


def alone(contract: Contract) -> bool:
    """Whether a call depends on where its sequence stands in a way that has no batch axis."""
    within = any(folded(state.shape) for state in contract.states)
    return within or any(cursor.kind == "mask" and cursor.clock.delay > 0 for cursor in contract.cursors)


def axes_of(port: Port | State) -> list[int]:
    """The axes of the graph in the order of rule 1."""
    front = [port.batch_axis]
    if isinstance(port, Port) and port.time_axis is not None:
        front.append(port.time_axis)
    return front + [axis for axis in range(len(port.shape)) if axis not in front]


def folded(shape: tuple[Dim, ...]) -> bool:
    """Whether the batch is within another axis, as in "33*batch"."""
    return any(not isinstance(d, int) and "*" in d for d in shape)


def starts_elsewhere(state: State) -> bool:
    """Whether the initial value is other than zero; -0.0 is, too."""
    array = np.asarray(state.initial, state.dtype)
    return not state.context and array.tobytes() != np.zeros_like(array).tobytes()


def tensor_type(dtype: str) -> ir.TensorType:
    return ir.TensorType(ir.DataType.from_numpy(np.dtype(dtype)))
