"""rnnedge's native engine: the step form compiled to machine code, called bare, and through `Stream.step`."""

from __future__ import annotations

from pathlib import Path

from bench.peers.backends import ours
from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array


def write(problem: Problem, path: Path) -> None:
    """The layer in step form, and beside it the library that the compiler makes of it."""
    from bench.native.library import compiled

    ours.write(problem, path, "step", "float32")
    compiled(path.read_bytes(), path.with_suffix(".native"))


def bare(problem: Problem, path: Path) -> Step:
    """One call by ctypes with every pointer ready; the frame is checked for finite numbers, in C."""
    from bench.native.library import Runner
    from bench.native.library import found as library

    runner = Runner(library(path.read_bytes(), path.with_suffix(".native")))
    (given,), (found,) = runner.inputs.values(), runner.outputs.values()
    run, call = runner.call

    def step(frame: Array, owner: object = runner) -> Array:
        given[...] = frame
        run(call)
        return found

    return step


def in_place(problem: Problem, path: Path) -> Step:
    """`Stream.step` on the engine that `provider="native"` gives."""
    from rnnedge_runtime import load

    stream = load(path, trust="local", provider="native").stream()
    given, found, run = stream.input, stream.output, stream.step

    def step(frame: Array) -> Array:
        given[...] = frame
        run()
        return found

    return step
