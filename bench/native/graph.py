"""Step files of the example networks, and onnxruntime's session over one as it is used without rnnedge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import nn

from bench.native.library import Compiled, Runner
from examples.networks import NETWORKS, small
from rnnedge_export.session import ExportOptions
from rnnedge_export.sources import of_module
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines.onnx_runtime import onnxruntime


@dataclass(frozen=True)
class Network:
    """An example network as a sealed file in step form."""

    name: str
    data: bytes
    real: bool


def step_file(module: nn.Module, example: object, **options: object) -> bytes:
    """Without export's own proofs: its results are compared here."""
    axis = options.pop("time_axis", 1)
    with of_module(module, example, time_axis=axis, say=lambda _: None) as session:  # type: ignore[arg-type]
        return session.candidate(ExportOptions("step", **options), "network.onnx").stamped()  # type: ignore[arg-type]


def networks() -> Iterator[Network]:
    """The eight real ones, then the small ones of every kind."""
    for name, case in NETWORKS.items():
        module, example = case.build()
        yield Network(
            name, step_file(module, example, time_axis=case.time_axis, frame_rate_hz=case.frame_rate_hz), True
        )
    for name in small.NETWORKS:
        module, example = small.build(name)
        yield Network(name, step_file(module, example), False)


def session(data: bytes) -> onnxruntime.InferenceSession:
    """On one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


class Reference:
    """onnxruntime over the same step graph with everything bound once, two sets of states used in turn."""

    def __init__(self, library: Compiled, data: bytes) -> None:
        """Begin from the initial states."""
        self._session = session(data)
        program = library.source.programs[0]
        runner = Runner(library)
        self.inputs = {name: array.copy() for name, array in runner.inputs.items()}
        self.outputs = {name: array.copy() for name, array in runner.outputs.items()}
        held = [s.state for s in program.states]
        initial = {name: array.copy() for name, array in runner.states().items()}
        self.sets = [initial, {name: array.copy() for name, array in initial.items()}]
        self._bindings = []
        for before, after in (self.sets, self.sets[::-1]):
            binding = self._session.io_binding()
            for name, array in {**self.inputs, **before}.items():
                binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
            for name, array in {**self.outputs, **{s.output: after[s.input] for s in held}}.items():
                binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
            self._bindings.append(binding)
        self._turn = 0

    def step(self) -> None:
        """Run once; the states go on."""
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn ^= 1

    @property
    def states(self) -> dict[str, Array]:
        """What the next step starts from; may be written."""
        return self.sets[self._turn]


def frames(runner: Runner, count: int, seed: int = 0) -> list[dict[str, Array]]:
    """Random inputs for so many steps: normal numbers, small whole ones, no gaps."""
    rng = np.random.default_rng(seed)

    def one(array: Array) -> Array:
        if array.dtype == np.float32:
            return rng.standard_normal(array.shape, np.float32)
        return np.ones_like(array) if array.dtype == np.bool_ else rng.integers(0, 3, array.shape).astype(array.dtype)

    return [{name: one(array) for name, array in runner.inputs.items()} for _ in range(count)]
