"""A web site around a network: what its modules for JavaScript have to know of the contract, and its files."""

from __future__ import annotations

import base64
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge_export.codegen._ir.step_program import StepPort, StepState
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._source import Source
from rnnedge_export.codegen.render import site
from rnnedge_runtime.atomic import write_text
from rnnedge_runtime.clock import Clock
from rnnedge_runtime.contract import Contract, Cursor, Port
from rnnedge_runtime.golden_tolerance import allowed_errors
from rnnedge_runtime.scores import scores_of_port
from rnnedge_runtime.state_buffers import shape_of

_DESCRIBED = ("unit", "least", "grain", "warmup", "precision", "lookahead")


def write_site(source: Source, folder: Path) -> list[Path]:
    """Write every file but the modules of WebAssembly and the weights."""
    texts = site(source.name, web_contract(source))
    return [write_text(folder / name, text) for name, text in sorted(texts.items())]


def web_contract(source: Source) -> dict[str, Any]:
    """What NAME.contract.json says: the contract of the file, in the arrays of the compiled step."""
    contract, program = source.contract, source.programs[0]
    ports = {port.name: port for port in (*program.inputs, *program.outputs)}
    return {
        "name": source.name,
        "digest": source.digest,
        "source": contract.provenance.get("weights_sha256") or contract.provenance.get("source_sha256", ""),
        "weightBytes": len(source.weights or b""),
        **{key: getattr(contract, key) for key in _DESCRIBED},
        "frameRateHz": contract.frame_rate_hz,
        "labels": list(contract.labels),
        "inputs": [_port(contract, port, ports[port.name]) for port in contract.inputs],
        "outputs": [_port(contract, port, ports[port.name]) for port in contract.outputs],
        "cursors": [_cursor(contract, cursor) for cursor in contract.cursors],
        # All inputs of the compiled step, in its order.
        "arguments": [{"name": port.name, "dtype": port.dtype, "bytes": port.bytes} for port in program.inputs],
        "states": [_state(one) for one in program.states],
        "golden": _golden(contract),
    }


def _port(contract: Contract, port: Port, compiled: StepPort) -> dict[str, Any]:
    """`frames` of a call, of `size` numbers each; `outer` of these are in front of the time axis."""
    frames = port.clock.frames(contract.unit) if port.per_frame else 1
    front = [d for i, d in enumerate(compiled.shape[: port.time_axis or 0]) if i != port.batch_axis]
    return {
        "name": port.name,
        "dtype": port.dtype,
        "shape": list(port.frame_shape),
        "size": prod(int(d) for d in port.frame_shape),
        "frames": frames,
        "outer": prod(front),
        "bytes": compiled.bytes,
        "perFrame": port.per_frame,
        "clock": _clock(port.clock),
        "range": _range(port.range),
        "scores": scores_of_port(contract, port),
    }


def _range(within: tuple[int, int] | None) -> list[int] | None:
    """The first and the last number, as far as JavaScript has it exactly."""
    return list(within) if within and max(map(abs, within)) < 2**53 else None


def _cursor(contract: Contract, cursor: Cursor) -> dict[str, Any]:
    frames = cursor.clock.frames(contract.unit)
    return {"name": cursor.name, "kind": cursor.kind, "frames": frames, "clock": _clock(cursor.clock)}


def _clock(clock: Clock) -> dict[str, Any]:
    rate = [clock.rate.numerator, clock.rate.denominator]
    return {"rate": rate, "delay": clock.delay, "length": [list(step) for step in clock.length]}


def _state(one: StepState) -> dict[str, Any]:
    state = one.state
    return {
        "name": state.input,
        "dtype": state.dtype,
        "shape": list(shape_of(state.shape, 1, 1)),
        "bytes": one.view.index.size * np.dtype(state.dtype).itemsize,
        "warmup": state.warmup,
        "context": state.context,
        "range": _range(state.range),
        "finite": bool(np.isfinite(state.initial).all()),
    }


def _golden(contract: Contract) -> dict[str, Any] | None:
    """The recorded sample, and how far each number of a replay may be from it; base64 of little-endian arrays."""
    golden = contract.golden
    if golden is None:
        return None
    allowed = {n: allowed_errors(a, golden.tolerance, contract.precision) for n, a in golden.outputs.items()}
    sides = {"inputs": golden.inputs, "outputs": golden.outputs, "allowed": allowed}
    return {side: {name: _encoded(array) for name, array in arrays.items()} for side, arrays in sides.items()}


def _encoded(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()).decode()
