"""Frames through a web site's modules in Node, and through onnxruntime."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen.render import part
from rnnedge_runtime.contract import Contract, State
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.state_buffers import shape_of

# How Node says what was thrown, after the place.
_ERROR = re.compile(r"(?:Uncaught )?\w*(Error|Refused)\b")
_SEED, _CUTS, _TIMEOUT_S = 0, 7, 600


def errors_of_site(data: bytes, built: Built, calls: int, folder: Path) -> tuple[list[Array], Array]:
    """Stream random frames of `calls` calls; the outputs of onnxruntime, and the errors of Node.

    An error is relative to the largest value of its output. Node takes the frames in pieces of any length, by the
    module with vectors and by the one without.
    """
    model, contract = load_bytes(data, built.source.name, trust="local"), built.source.contract
    rng = np.random.default_rng(_SEED)
    length = calls * contract.unit
    frames = _frames(contract, length, rng)
    context = {state.input: _row(state) for state in contract.contexts}
    expected = stream_all(model.stream(context=context) if context else model.stream(), frames)
    cuts = sorted(int(cut) for cut in rng.integers(0, length + 1, _CUTS))
    found = _in_node(built, frames, cuts, context, folder)
    errors = [_errors(array, expected[name]) for each in found for name, array in each.items()]
    return list(expected.values()), np.concatenate([*errors, np.zeros(1)])


def _frames(contract: Contract, length: int, rng: np.random.Generator) -> dict[str, Array]:
    frames = {}
    for port in contract.inputs:
        shape = (length, *(int(d) for d in port.frame_shape))
        floats = port.dtype.startswith("float")
        frames[port.name] = (rng.standard_normal(shape) if floats else rng.integers(0, 2, shape)).astype(port.dtype)
    return frames


def _row(state: State) -> Array:
    """The value of the example for one sequence, without the batch axis."""
    whole = np.broadcast_to(np.asarray(state.initial, state.dtype), shape_of(state.shape, 1, 1))
    return whole.squeeze(state.batch_axis)


def _errors(found: Array, expected: Array) -> Array:
    whole = expected.ravel().astype(np.float64)
    if found.size != whole.size:
        return np.full(1, np.inf)
    error: Array = np.abs(found - whole) / max(float(np.abs(whole).max(initial=0.0)), 1e-30)
    return error


def _in_node(
    built: Built, frames: Mapping[str, Array], cuts: list[int], context: Mapping[str, Array], folder: Path
) -> list[dict[str, Array]]:
    """The outputs by name, of the module with vectors and of the one without."""
    assert built.artifact is not None
    (folder / "in.bin").write_bytes(b"".join(array.tobytes() for array in frames.values()))
    plan = {
        "module": built.artifact.absolute().with_suffix(".js").as_uri(),
        "bytes": {name: array.nbytes for name, array in frames.items()},
        "cuts": [0, *cuts, len(next(iter(frames.values())))],
        "context": {name: array.ravel().tolist() for name, array in context.items()},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    script = folder / "prove.mjs"
    script.write_text(part(script.name, "web"))
    ran = subprocess.run(["node", str(script), str(folder)], capture_output=True, check=False, timeout=_TIMEOUT_S)
    if ran.returncode:
        lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        text = next((line for line in lines if _ERROR.match(line)), lines[0] if lines else str(ran.returncode))
        raise VerificationError(f"{built.source.name} for web: node: {text.strip()}")
    said = json.loads((folder / "out.json").read_text())
    return [{name: np.array(values, np.float64) for name, values in each.items()} for each in said]
