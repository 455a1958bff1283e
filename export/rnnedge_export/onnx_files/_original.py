"""The file as it came: the oracle of a conversion.

A file may take any number of sequences, or only as many as its author had; then it is called for groups of that many.
One without a batch axis is called for each sequence by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx

from rnnedge_export.graph.cpu_session import session
from rnnedge_export.onnx_files._failures import failure
from rnnedge_export.onnx_files._ports import FramePort
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused


class Original:
    """A file in onnxruntime, its inputs declared open, nothing else changed. Created once for a conversion."""

    def __init__(self, proto: onnx.ModelProto, ports: Sequence[FramePort], name: str) -> None:
        """Load `proto`; raises `ModelRefused` if onnxruntime refuses it."""
        self.ports, self.name = ports, name
        self.output_names = tuple(value.name for value in proto.graph.output)
        declared = ports[0].dims[ports[0].batch_axis]
        self.declared = 1 if declared is None else declared
        self.declared_length = ports[0].dims[ports[0].time_axis]
        self.time_axis = ports[0].time_axis
        self.single = ports[0].single
        self._batch_axes: Mapping[str, int] | None = dict.fromkeys(self.output_names, 0) if self.single else None
        try:
            self._session = session(proto)
        # onnxruntime has a type of its own for every way to refuse a graph.
        except Exception as error:
            raise ModelRefused(f"{name}: onnxruntime refuses it: {failure(error)}") from error
        for port in self._session.get_outputs():
            if not port.type.startswith("tensor("):
                raise ModelRefused(f"{name}: output {port.name!r}: expected a tensor, found {port.type}")

    def feeds(self, batch: int, time: int) -> dict[str, Array]:
        """Random inputs, the same for the same sizes."""
        rng = np.random.default_rng(batch * 100_003 + time)
        return {port.name: port.frames(batch, time, rng) for port in self.ports}

    def group(self, batch_axes: Mapping[str, int]) -> None:
        """Call it for groups of its own number of sequences; `batch_axes`: where each output has the batch."""
        self._batch_axes = batch_axes

    def fails(self, batch: int, time: int) -> str | None:
        """Why it does not run for these sizes; None where it does."""
        try:
            self.run(self.feeds(batch, time))
        # onnxruntime has a type of its own for every way to fail.
        except Exception as error:
            return failure(error)
        return None

    def run(self, inputs: Mapping[str, Any]) -> list[Array]:
        """Every output for a whole batch of whole sequences."""
        if self._batch_axes is None:
            return self._call(inputs)
        parts = [self._call(group) for group in self._groups(inputs)]
        batch = self._batch_of(inputs)
        axes = [self._batch_axes[name] for name in self.output_names]
        return [
            np.concatenate(pieces, axis).take(range(batch), axis)
            for pieces, axis in zip(zip(*parts, strict=True), axes, strict=True)
        ]

    def _call(self, inputs: Mapping[str, Any]) -> list[Array]:
        """One call, its inputs in the file's own dtypes."""
        feeds = {port.name: np.asarray(inputs[port.name]).astype(port.dtype, copy=False) for port in self.ports}
        if not self.single:
            return [np.asarray(y) for y in self._session.run(None, feeds)]
        return [np.asarray(y)[None] for y in self._session.run(None, {name: x[0] for name, x in feeds.items()})]

    def _batch_of(self, inputs: Mapping[str, Any]) -> int:
        port = self.ports[0]
        return int(inputs[port.name].shape[port.batch_axis])

    def _groups(self, inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The last group is filled up with the last sequence."""
        batch = self._batch_of(inputs)
        for start in range(0, batch, self.declared):
            at = [min(i, batch - 1) for i in range(start, start + self.declared)]
            yield {port.name: inputs[port.name].take(at, port.batch_axis) for port in self.ports}
