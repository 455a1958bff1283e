"""What onnxruntime makes of random frames, step by step: what compiled code is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.sample import random_numbers

FRAMES = 200
# Precisions that round states to levels.
LEVELS = ("int8", "int4")


@dataclass(frozen=True, eq=False)
class Recording:
    """What every step got and gave, (steps, numbers) for each port of the C function, from onnxruntime.

    `before`: snapshots in front of every step, where numbers are rounded to levels: there a state that is 1e-7 apart
    may round to the next level, so that steps can only be compared from equal states.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    before: tuple[bytes, ...] = ()

    def given(self) -> bytes:
        """All inputs of the first step, then those of the second, and so on."""
        return b"".join(row.tobytes() for rows in zip(*self.inputs, strict=True) for row in rows)


def by_graph(contract: Contract, views: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a stream, (time, ...), with their axes as the graph has them, and so the numbers as C has them."""
    found = dict(views)
    for port in (*contract.inputs, *contract.outputs):
        if port.name in views and port.time_axis is not None:
            found[port.name] = np.moveaxis(views[port.name][None], (0, 1), (port.batch_axis, port.time_axis))
    return found


def record(data: bytes, built: Built, frames: int = FRAMES, seed: int = 0) -> Recording:
    """Stream random frames of the sealed file `data` through onnxruntime, step by step from the beginning."""
    stream = load_bytes(data, trust="local").stream()
    program = built.source.programs[0]
    rng = np.random.default_rng(seed)
    inputs: list[list[Array]] = [[] for _ in program.inputs]
    outputs: list[list[Array]] = [[] for _ in program.outputs]
    before = []
    for _ in range(frames):
        if built.source.contract.precision in LEVELS:
            before.append(stream.snapshot())
        for name, array in stream.inputs.items():
            floats = array.dtype.kind == "f"
            drawn = (
                random_numbers(stream.contract, name, array.shape, rng) if floats else rng.integers(0, 2, array.shape)
            )
            array[...] = drawn
        stream.step()
        # The graph's own arrays, cursors among them.
        given = by_graph(stream.contract, stream.inputs) | stream.runner.cursors
        for port, kept in zip(program.inputs, inputs, strict=True):
            kept.append(np.array(given[port.name]).ravel())
        found = by_graph(stream.contract, stream.outputs)
        for port, kept in zip(program.outputs, outputs, strict=True):
            kept.append(np.array(found[port.name]).ravel())
    return Recording(tuple(map(np.array, inputs)), tuple(map(np.array, outputs)), tuple(before))
