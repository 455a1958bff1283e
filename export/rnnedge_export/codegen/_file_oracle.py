"""A file run by onnxruntime, in the place of a source: what compiled code of it has to compute."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch

from rnnedge_export.capture import Example
from rnnedge_export.capture.example_numbers import Numbers
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.reference import Reference
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream


class FileOracle:
    """Whole sequences through a file, (batch, time, ...) in and out; a summary has no time."""

    def __init__(self, model: Model) -> None:
        """`model` is loaded with a provider of onnxruntime."""
        self._model, self.name = model, model.name
        self._rows: Mapping[str, torch.Tensor] = {}
        self.input_names = tuple(port.name for port in model.contract.inputs)
        self.output_names = tuple(port.name for port in model.contract.outputs)

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Every output for a batch of whole sequences."""
        frames = {name: x.numpy() for name, x in zip(self.input_names, inputs, strict=True)}
        batch = len(inputs[0])
        given = {name: array[0] for name, array in frames.items()} if batch == 1 else frames
        contexts = {s.input: s.batch_axis for s in self._model.contract.contexts}
        rows = {
            name: array.numpy().take(np.arange(batch) % array.shape[contexts[name]], axis=contexts[name])
            for name, array in self._rows.items()
        }
        found = self.streamed(self._model.stream(batch, context=rows), given)
        return tuple(torch.from_numpy(self.shaped(found[p.name], batch, p.per_frame)) for p in self._outputs)

    def with_context(self, rows: Mapping[str, torch.Tensor]) -> FileOracle:
        """The same, with these values per sequence."""
        other = copy.copy(self)
        other._rows = {**self._rows, **rows}
        return other

    @property
    def _outputs(self) -> tuple[Port, ...]:
        return self._model.contract.outputs

    def streamed(self, stream: Stream, frames: Mapping[str, Array]) -> dict[str, Array]:
        """What a stream makes of a whole sequence, or of a batch of them."""
        return stream_all(stream, dict(frames))

    def shaped(self, array: Array, batch: int, per_frame: bool) -> Array:
        """(batch, time, ...) of what `streamed` gave; a summary has no time."""
        whole = array[None] if batch == 1 else array
        return np.ascontiguousarray(whole if per_frame else whole[:, 0])


def reference_of(model: Model) -> Reference:
    """The file as what another one is compared with; it takes any batch."""
    contract = model.contract
    return Reference(FileOracle(model), example_of(contract), Lengths(contract.least, contract.grain), contract.unit)


def example_of(contract: Contract) -> Example:
    """Frames that a file takes."""
    tensors = tuple(_example(contract, port) for port in contract.inputs)
    return Example(tensors, 0, 1, numbers=tuple(map(_numbers, tensors)))


def _numbers(sample: torch.Tensor) -> Numbers:
    """A file that takes no numbers below 0 was given none."""
    return Numbers(0.0) if bool((sample >= 0).all()) else Numbers()


def _example(contract: Contract, port: Port) -> torch.Tensor:
    """Tokens are those of the golden sample, 0 and 1 if there is none."""
    golden = contract.golden
    if golden is not None:
        return torch.from_numpy(golden.inputs[port.name][None].copy())
    shape = (1, 2, *(int(d) for d in port.frame_shape))
    floats = port.dtype.startswith("float")
    return torch.from_numpy(np.zeros(shape, port.dtype) if floats else np.indices(shape)[1].astype(port.dtype))
