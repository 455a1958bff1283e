"""A module of WebAssembly stepped through a recording in Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np

from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._recording import Recording
from rnnedge_export.codegen.render import part
from rnnedge_runtime.errors import VerificationError


def parted(data: bytes, built: Built, steps: int) -> list[Array]:
    """The outputs of every step, one after the other, as one array for each port."""
    ports = built.source.programs[0].outputs
    row = np.dtype([(f"port{k}", np.dtype(port.dtype).newbyteorder("<"), (port.size,)) for k, port in enumerate(ports)])
    rows = np.frombuffer(data, row)
    if len(rows) != steps:
        raise VerificationError(f"{built.source.name}: expected {steps} steps, found {len(rows)}")
    return [rows[f"port{k}"] for k in range(len(ports))]


def in_node(built: Built, recording: Recording, folder: Path) -> list[Array]:
    """Step the module through the recording in Node; the outputs of every step for each port."""
    program = built.source.programs[0]
    assert built.artifact is not None
    plan = {
        "module": str(built.artifact.absolute()),
        "name": built.source.name,
        "inputs": [int(rows[0].nbytes) for rows in recording.inputs],
        "outputs": [port.bytes for port in program.outputs],
        "weights": built.source.weights is not None,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "in.bin").write_bytes(recording.given())
    if built.source.weights is not None:
        (folder / "weights.bin").write_bytes(built.source.weights)
    script = folder / "prove.mjs"
    script.write_text(part(script.name))
    ran = subprocess.run(["node", str(script), str(folder)], capture_output=True, check=False, timeout=600)
    if ran.returncode:
        text = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        raise VerificationError(f"{built.source.name} for wasm32: node: {text[0] if text else ran.returncode}")
    return parted((folder / "out.bin").read_bytes(), built, len(recording.inputs[0]))
