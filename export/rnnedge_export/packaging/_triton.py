"""Triton: a model repository whose sequence batcher holds the states, for clients that send frames and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge_export.packaging._calls import CallRunner
from rnnedge_export.packaging._network import Network, Proof, Runner
from rnnedge_export.packaging._self_contained import Carried, SelfContained, Tensor, self_contained
from rnnedge_export.packaging._triton_batcher import Batcher, Request
from rnnedge_export.packaging._triton_config import data_type, written
from rnnedge_runtime.contract import Array

_BATCH, _SEQUENCES, _IDLE_US = 64, 1024, 60_000_000


class Triton:
    """The kind `triton`."""

    name = "triton"
    summary = "Triton: a model repository with a sequence batcher and implicit states"

    def write(self, network: Network, folder: Path) -> str | None:
        """NAME/config.pbtxt, NAME/1/model.onnx."""
        graph = self_contained(network)
        version = folder / network.name / "1"
        version.mkdir(parents=True)
        (version / "model.onnx").write_bytes(graph.model)
        text = written(_config(network.name, graph))
        (folder / network.name / "config.pbtxt").write_text(text, encoding="utf-8")
        if graph.batched:
            return None
        if network.apart:
            return "one sequence a call: the network's mask of the beginning has no batch axis"
        return "one sequence a call: sequences of one batch disturb each other, as a frame number that they share does"

    def open(self, network: Network, folder: Path) -> tuple[str, Runner]:
        """In an emulator of the sequence batcher, next to another sequence of the same batch."""
        from rnnedge_runtime.engines.onnx_runtime import onnxruntime

        sequence = _Sequence(Batcher(folder / network.name))
        runner = CallRunner(network.contract, self_contained(network), sequence.call, sequence.begin)
        return f"an emulator of Triton's sequence batcher on onnxruntime {onnxruntime.__version__}", runner

    def finish(self, network: Network, folder: Path, proof: Proof) -> None:
        """Nothing."""


class _Sequence:
    """Sequence 1 of a batcher; sequence 2 begins later, begins again now and then, and gets other frames."""

    def __init__(self, batcher: Batcher) -> None:
        self._batcher, self._start, self._calls = batcher, True, 0

    def begin(self) -> None:
        self._start = True

    def call(self, arrays: dict[str, Array]) -> Mapping[str, Array]:
        start, self._start = self._start, False
        if not self._batcher.batching:
            return self._batcher.infer([Request(1, start, arrays)])[0]
        requests = [Request(1, start, {name: array[0] for name, array in arrays.items()})]
        if self._calls % 3:
            other = {name: _other(array[0]) for name, array in arrays.items()}
            requests.insert(0, Request(2, self._calls % 64 == 1, other))
        self._calls += 1
        found = self._batcher.infer(requests)[-1]
        return {name: array[None] for name, array in found.items()}


def _other(array: Array) -> Array:
    """Frames that the network takes, and that are others where they are no names of rows."""
    return np.negative(array) if array.dtype.kind == "f" else array


def _config(name: str, graph: SelfContained) -> dict[str, Any]:
    # A batch is an axis of any size to Triton, or none that it knows of: then its 1 is one of the dims.
    batch = () if graph.batched else (1,)
    return {
        "name": name,
        "backend": "onnxruntime",
        "max_batch_size": _BATCH if graph.batched else 0,
        "input": [_tensor(one, batch) for one in graph.inputs],
        "output": [_tensor(one, batch) for one in graph.outputs],
        "sequence_batching": {
            "max_sequence_idle_microseconds": _IDLE_US,
            "oldest": {"max_candidate_sequences": _SEQUENCES},
            "state": [_state(one, batch) for one in graph.states],
        },
    }


def _tensor(one: Tensor, batch: tuple[int, ...]) -> dict[str, Any]:
    return {"name": one.name, "data_type": data_type(one.dtype), "dims": [*batch, *one.shape]}


def _state(one: Carried, batch: tuple[int, ...]) -> dict[str, Any]:
    kind = {"data_type": data_type(one.dtype), "dims": [*batch, *one.shape]}
    initial = {**kind, "zero_data": True, "name": f"zeros of {one.input}"}
    return {"input_name": one.input, "output_name": one.output, **kind, "initial_state": [initial]}
