"""A file as its pushes show it, without the end of a sequence: what has no `finish` has to give the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from rnnedge_export.codegen._file_oracle import FileOracle, example_of
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.reference import Reference
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream


class Pushes(FileOracle):
    """Whole calls of one sequence through a file; of summaries the one of every call, along time."""

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """A sequence at a time."""
        every = [super(Pushes, self).__call__(*(x[k : k + 1] for x in inputs)) for k in range(len(inputs[0]))]
        return tuple(torch.cat(found) for found in zip(*every, strict=True))

    def streamed(self, stream: Stream, frames: Mapping[str, Array]) -> dict[str, Array]:
        """As `FileOracle.streamed`."""
        unit, length = stream.contract.unit, len(next(iter(frames.values())))
        parts = []
        for start in range(0, length, unit):
            parts.append(pushed(stream, {name: array[start : start + unit] for name, array in frames.items()}))
        return joined(parts)

    def shaped(self, array: Array, batch: int, per_frame: bool) -> Array:
        """As `FileOracle.shaped`."""
        return super().shaped(array, batch, True)


def pushes_of(model: Model) -> Reference:
    """The file as what packages and bindings are compared with."""
    contract = model.contract
    unit = contract.unit * (1 + contract.warmup)
    return Reference(Pushes(model), example_of(contract), Lengths(contract.unit, contract.unit), unit)


def pushed(stream: Stream, call: Mapping[str, Array]) -> dict[str, Array]:
    """Frames of one call, (time, ...) by output; of a summary the latest, (1, ...)."""
    contract = stream.contract
    frames = named(contract, stream.push(dict(call) if len(call) > 1 else next(iter(call.values()))))
    ports = contract.outputs
    return {
        port.name: frames[port.name]
        if port.per_frame
        else np.array(stream.outputs[port.name]).reshape(1, *map(int, port.frame_shape))
        for port in ports
    }


def joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Of all calls, along time."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
