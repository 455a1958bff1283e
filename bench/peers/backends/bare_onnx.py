"""The least that onnxruntime needs: one native operator, everything bound once, two sets of states used in turn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array

# Gates as torch stacks them -> as ONNX does: i f g o -> i o f c, r z n -> z r h.
_GATES = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}


def write(problem: Problem, path: Path) -> None:
    """A graph of one LSTM or GRU node with its states as inputs and outputs."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    case, names = problem.case, ("h", "c")[: problem.states]

    def stacked(*kinds: str) -> Array:
        order = _GATES[case.cell]
        parts = (np.split(problem.weights[f"{kind}_l0"], len(order)) for kind in kinds)
        return np.concatenate([rows[gate] for rows in parts for gate in order])[None]

    def port(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    constants = {"W": stacked("weight_ih"), "R": stacked("weight_hh"), "B": stacked("bias_ih", "bias_hh")}
    options = {"linear_before_reset": 1} if case.cell == "GRU" else {}
    node = helper.make_node(
        case.cell, ["x", *constants, "", *names], ["y", *(f"{n}_next" for n in names)],
        hidden_size=case.hidden_size, **options,
    )  # fmt: skip
    graph = helper.make_graph(
        [node],
        "bare",
        [port("x", 1, 1, case.input_size), *(port(n, 1, 1, case.hidden_size) for n in names)],
        [port("y", 1, 1, 1, case.hidden_size), *(port(f"{n}_next", 1, 1, case.hidden_size) for n in names)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def load(problem: Problem, path: Path) -> Step:
    """Copies the frame into the bound buffer and runs; the output is read where onnxruntime left it."""
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    size = problem.case.hidden_size
    x, y = np.zeros((1, 1, problem.case.input_size), np.float32), np.zeros((1, 1, 1, size), np.float32)
    names = ("h", "c")[: problem.states]
    sets = [{name: np.zeros((1, 1, size), np.float32) for name in names} for _ in range(2)]
    bindings = []
    for before, after in (sets, sets[::-1]):
        binding = session.io_binding()
        for name, array in {"x": x, **before}.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        for name, array in {"y": y, **{f"{n}_next": a for n, a in after.items()}}.items():
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        bindings.append(binding)
    run, turn = session.run_with_iobinding, 0

    def step(frame: Array) -> Array:
        nonlocal turn
        x[...] = frame
        run(bindings[turn])
        turn ^= 1
        return y

    return step
