"""OpenVINO on the plain export: tensors bound once, two requests whose states are each other's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.peers.problem import Problem, Step
from rnnedge_runtime.contract import Array


def load(problem: Problem, path: Path, precision: str | None = None) -> Step:
    """`precision` is its hint for inference, such as "f32"; None leaves the choice to it."""
    import openvino

    config = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": "1"}
    if precision:
        config["INFERENCE_PRECISION_HINT"] = precision
    compiled = openvino.Core().compile_model(str(path), "CPU", config)
    size = problem.case.hidden_size
    x, y = np.zeros((1, 1, problem.case.input_size), np.float32), np.zeros((1, 1, size), np.float32)
    sets = [[np.zeros((1, 1, size), np.float32) for _ in range(problem.states)] for _ in range(2)]
    # The requests do not own what they are bound to.
    requests, bound = [], []
    for before, after in (sets, sets[::-1]):
        request = compiled.create_infer_request()
        for put, arrays in ((request.set_input_tensor, [x, *before]), (request.set_output_tensor, [y, *after])):
            for index, array in enumerate(arrays):
                tensor = openvino.Tensor(array, shared_memory=True)
                put(index, tensor)
                bound.append(tensor)
        requests.append(request)
    turn = 0

    def step(frame: Array, _bound: object = bound) -> Array:
        nonlocal turn
        x[...] = frame
        requests[turn].infer(share_inputs=True, share_outputs=True)
        turn ^= 1
        return y

    return step
