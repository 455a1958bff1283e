"""LiteRT: a step written as a .tflite file by hand, run by XNNPACK.

The fastest of what was tried. Up to 64 units one product over x and h side by side is ahead of two and a sum, and for a
GRU one for r and z beside two for the parts of n; in larger layers these are alike, and one matrix with blocks of zeros
for all of a GRU is behind. Other ways to cut the gates gain nothing. Behind while the call is a part of the time:
`tensor()` asked for its views at every call, a signature runner, and `CompiledModel`, also over two sets of host memory
used in turn. LiteRT's own LSTM operator, which XNNPACK does not take, is behind at every size.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

    from bench.peers.tflite import File, Subgraph


def write(problem: Problem, path: Path, states: str) -> None:
    """`states`: "ports" (inputs x and states, outputs the next states, h the output too) or "variables" (x to h)."""
    from bench.peers.tflite import File

    file, case = File(), problem.case
    graph = file.subgraph()
    x = graph.input(case.input_size)
    if states == "ports":
        graph.outputs(_step(graph, problem, x, [graph.input(case.hidden_size) for _ in range(problem.states)]))
    else:
        graph.do("CALL_ONCE", [], initSubgraphIndex=1)
        handles = [graph.variable(name) for name in "hc"[: problem.states]]
        before = [graph.do("READ_VARIABLE", [handle], case.hidden_size)[0] for handle in handles]
        after = _step(graph, problem, x, before)
        _assign(graph, handles, after)
        graph.outputs(after[:1])
        _zero_first(file, problem)
    path.write_bytes(file.packed())


def load(problem: Problem, path: Path) -> Step:
    """Copies the frame in, invokes, and copies next states over states where the file has them as inputs."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    x, *states = [_memory(interpreter, port["index"]) for port in interpreter.get_input_details()]
    y, *others = [_memory(interpreter, port["index"]) for port in interpreter.get_output_details()]
    for state in states:
        state[...] = 0
    run, pairs = interpreter.invoke, list(zip(states, [y, *others], strict=False))

    def step(frame: Array) -> Array:
        x[...] = frame
        run()
        for before, after in pairs:
            before[...] = after
        return y

    return step


def _step(graph: Subgraph, problem: Problem, x: int, states: Sequence[int]) -> list[int]:
    """The next states, h first."""
    w_ih, w_hh, b_ih, b_hh = (
        problem.weights[f"{kind}_l0"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    of, linear, h = graph.of, graph.linear, states[0]
    both = graph.joined(x, h)
    if len(states) == 2:
        gates = graph.split(linear(both, np.hstack([w_ih, w_hh]), b_ih + b_hh), 4)
        i, f, o = (of("LOGISTIC", gates[gate]) for gate in (0, 1, 3))
        c = of("ADD", of("MUL", f, states[1]), of("MUL", i, of("TANH", gates[2])))
        return [of("MUL", o, of("TANH", c)), c]
    rz, n = slice(0, 2 * problem.case.hidden_size), slice(2 * problem.case.hidden_size, None)
    gates = linear(both, np.hstack([w_ih[rz], w_hh[rz]]), b_ih[rz] + b_hh[rz])
    r, z = graph.split(of("LOGISTIC", gates), 2)
    new = of("TANH", of("ADD", linear(x, w_ih[n], b_ih[n]), of("MUL", r, linear(h, w_hh[n], b_hh[n]))))
    return [of("ADD", new, of("MUL", z, of("SUB", h, new)))]


def _zero_first(file: File, problem: Problem) -> None:
    """XNNPACK's variables hold anything until they are assigned."""
    graph = file.subgraph()
    zeros = graph.constant(np.zeros((1, problem.case.hidden_size), np.float32))
    _assign(graph, [graph.variable(name) for name in "hc"[: problem.states]], [zeros] * problem.states)


def _assign(graph: Subgraph, handles: Sequence[int], values: Sequence[int]) -> None:
    for handle, value in zip(handles, values, strict=True):
        graph.do("ASSIGN_VARIABLE", [handle, value])


def _memory(interpreter: Interpreter, index: int) -> Array:
    """A tensor's own memory, which stays where it is; while a view of LiteRT's exists, it refuses to run."""
    view = interpreter.tensor(index)()
    return np.ctypeslib.as_array((ctypes.c_float * view.size).from_address(view.ctypes.data)).reshape(view.shape)
