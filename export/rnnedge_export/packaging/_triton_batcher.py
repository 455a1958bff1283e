"""What Triton's sequence batcher does with a model repository, in this process, on onnxruntime.

The strategy "oldest": each batch has at most one request of a sequence, and `max_batch_size` requests at most. The
state of a sequence is what config.pbtxt says at its start, and then what the model gave for it. Requests carry the dims
of the configuration: without the batch, or, where `max_batch_size` is 0, the whole shape of the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnedge_export.packaging._triton_config import numpy_type, read
from rnnedge_runtime.contract import Array

_LEAST_IDLE_US = 1_000_000


@dataclass(frozen=True)
class Request:
    """One inference of a sequence: Triton's correlation ID, whether the sequence begins, and the inputs."""

    sequence: int
    start: bool
    inputs: Mapping[str, Array]


class Batcher:
    """The version 1 of a model in a repository."""

    def __init__(self, model: Path) -> None:
        """`model`: the folder with config.pbtxt."""
        from rnnedge_runtime.engines.onnx_runtime import onnxruntime
        from rnnedge_runtime.engines.optimizers import leave_out

        self.config = read((model / "config.pbtxt").read_text(encoding="utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        leave_out(options)
        file = model / "1" / "model.onnx"
        self._session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
        self._states: dict[int, dict[str, Array]] = {}
        self.batching = self.config.max_batch_size > 0
        self._check_words(model.name)
        self._check_dims()

    def infer(self, requests: Sequence[Request]) -> list[dict[str, Array]]:
        """The outputs of each request; raises `ValueError` for what the server refuses."""
        most = self.config.max_batch_size or 1
        if len({one.sequence for one in requests}) < len(requests) or len(requests) > most:
            raise ValueError("one request of a sequence, and no more than max_batch_size, make a batch")
        for one in requests:
            if one.start:
                self._begin(one.sequence)
            elif one.sequence not in self._states:
                raise ValueError(f"sequence {one.sequence} has not begun; its first request says start")
        feeds = {port.name: self._stacked([self._checked(one, port) for one in requests]) for port in self.config.input}
        states = self.config.sequence_batching.state
        for state in states:
            kept = [self._states[one.sequence][state.input_name] for one in requests]
            feeds[state.input_name] = self._stacked(kept)
        names = [port.name for port in self.config.output] + [state.output_name for state in states]
        found = dict(zip(names, self._session.run(names, feeds), strict=True))
        for row, one in enumerate(requests):
            self._states[one.sequence] = {
                state.input_name: self._row(found[state.output_name], row) for state in states
            }
        ports = self.config.output
        return [{port.name: self._row(found[port.name], row) for port in ports} for row in range(len(requests))]

    def _begin(self, sequence: int) -> None:
        self._states[sequence] = self._initial()
        most = self.config.sequence_batching.oldest.max_candidate_sequences
        if len(self._states) > most:
            raise ValueError(f"sequence {sequence}: waits until another one ends, there are {most} at once")

    def _stacked(self, arrays: list[Array]) -> Array:
        return np.stack(arrays) if self.batching else arrays[0]

    def _row(self, array: Array, row: int) -> Array:
        found: Array = array[row] if self.batching else array
        return found

    def _check_words(self, folder: str) -> None:
        """Raise `ValueError` where the server would run something else, or end a sequence between two frames."""
        idle = self.config.sequence_batching.max_sequence_idle_microseconds
        if self.config.name != folder or self.config.backend != "onnxruntime" or idle < _LEAST_IDLE_US:
            raise ValueError(
                f"config.pbtxt: expected {folder} of onnxruntime, kept for a second at least, found "
                f"{self.config.name} of {self.config.backend}, kept for {idle} microseconds"
            )

    def _check_dims(self) -> None:
        """Raise `ValueError` where the server refuses the model: shapes are dims, after a batch of any size."""
        shapes = {port.name: port.shape for port in (*self._session.get_inputs(), *self._session.get_outputs())}
        states = self.config.sequence_batching.state
        dims = {port.name: list(port.dims) for port in (*self.config.input, *self.config.output)}
        dims |= {name: list(state.dims) for state in states for name in (state.input_name, state.output_name)}
        for name, sizes in dims.items():
            free = [size for size in shapes[name][:1] if self.batching and not isinstance(size, int)]
            if not sizes or shapes[name] != [*free, *sizes] or len(free) != self.batching:
                raise ValueError(f"{name}: expected the dims of {shapes[name]}, found {sizes}")

    def _initial(self) -> dict[str, Array]:
        found = {}
        for state in self.config.sequence_batching.state:
            (initial,) = state.initial_state
            if not initial.zero_data:
                raise ValueError(f"initial state {initial.name!r}: expected zero_data")
            found[state.input_name] = np.zeros(tuple(initial.dims), numpy_type(initial.data_type))
        return found

    def _checked(self, request: Request, port: object) -> Array:
        name, dims, dtype = port.name, tuple(port.dims), numpy_type(port.data_type)  # type: ignore[attr-defined]
        array = np.asarray(request.inputs[name])
        if array.shape != dims or array.dtype != dtype:
            raise ValueError(f"{name}: expected {dtype} {dims}, found {array.dtype} {array.shape}")
        return array
