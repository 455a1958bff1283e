"""The example networks: the library beside onnxruntime on the same step graph, in results and in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from bench.native.bounds import reading
from bench.native.graph import Network, Reference, frames, networks
from bench.native.library import Compiled, Runner, compiled
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import RnnEdgeError
from rnnedge_runtime.measure import percentile, side_by_side

_DIFFERENT = 300


@dataclass(frozen=True)
class Found:
    """What one network gave; `refused` says why it has no figures. Times in microseconds of every call."""

    name: str
    real: bool
    refused: str = ""
    nodes: int = 0
    error: float = 0.0
    frames: int = 0
    build_s: float = 0.0
    native_us: Array | None = None
    onnxruntime_us: Array | None = None
    reading_us: Array | None = None

    @property
    def gain(self) -> float:
        """How many times as long onnxruntime takes, by medians."""
        assert self.native_us is not None and self.onnxruntime_us is not None
        return percentile(self.onnxruntime_us, 50) / percentile(self.native_us, 50)

    @property
    def most(self) -> float:
        """The gain of an engine that reads the weights once and does nothing else."""
        assert self.reading_us is not None and self.onnxruntime_us is not None
        return percentile(self.onnxruntime_us, 50) / percentile(self.reading_us, 50)


def measure(folder: Path, steps: int, rounds: int) -> Iterator[Found]:
    """Every network; only the real ones are timed."""
    for network in networks():
        try:
            library = compiled(network.data, folder / network.name)
        except RnnEdgeError as error:
            yield Found(network.name, network.real, refused=str(error))
            continue
        yield _found(network, library, folder, steps, rounds)


def _found(network: Network, library: Compiled, folder: Path, steps: int, rounds: int) -> Found:
    nodes = len(onnx.load_from_string(network.data).graph.node)
    error = largest_error(library, network.data, steps)
    seconds = library.seconds
    one = Found(network.name, network.real, "", nodes, error, steps, seconds)
    if not network.real:
        return one
    runner, reference = Runner(library), Reference(library, network.data)
    given = frames(runner, 1)[0]
    for name, value in given.items():
        runner.inputs[name][...] = reference.inputs[name][...] = value
    run, call = runner.call
    read = reading(library.source.weight_bytes, folder)
    calls = {"native": lambda: run(call), "onnxruntime": reference.step, "reading": read}
    times = side_by_side(calls, rounds=rounds, calls=30, warmup=5)
    return Found(*(network.name, network.real, "", nodes, error, steps, seconds), *times.values())


def largest_error(library: Compiled, data: bytes, steps: int) -> float:
    """Largest difference of any output over so many chained steps, relative to the range of that output."""
    runner, reference = Runner(library), Reference(library, data)
    held = {s.state.input: s.state.warmup for s in library.source.programs[0].states}
    initial = {name: array.copy() for name, array in reference.states.items()}
    inputs = frames(runner, min(steps, _DIFFERENT))
    worst = dict.fromkeys(runner.outputs, 0.0)
    low, high = dict.fromkeys(worst, np.inf), dict.fromkeys(worst, -np.inf)
    for step in range(steps):
        for name, value in inputs[step % len(inputs)].items():
            runner.inputs[name][...] = reference.inputs[name][...] = value
        runner.step()
        reference.step()
        # The first frames of a state that is warming up do not count, in the runtime neither.
        early = {name: initial[name] for name, warmup in held.items() if step < warmup}
        if early:
            for name, value in early.items():
                reference.states[name][...] = value
            runner.put(early)
        for name, expected in reference.outputs.items():
            if not expected.size:
                continue
            difference = np.abs(runner.outputs[name].astype(np.float64) - expected)
            # A NaN of both is equal; a NaN of one stays, and fails every comparison.
            difference[np.isnan(expected) & np.isnan(runner.outputs[name])] = 0
            worst[name] = float(np.maximum(worst[name], difference.max()))
            low[name], high[name] = min(low[name], float(expected.min())), max(high[name], float(expected.max()))
    spans = {name: max(high[name] - low[name], 1e-30) for name in worst if high[name] >= low[name]}
    return max((worst[name] / span for name, span in spans.items()), default=0.0)
