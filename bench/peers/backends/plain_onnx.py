"""What a tutorial of onnxruntime shows: `torch.onnx.export` with states as arguments, and `session.run`."""

from __future__ import annotations

from pathlib import Path

from bench.peers.problem import Problem, Step
from rnnedge.baselines._frame_steps import plain_export, session_run


def write(problem: Problem, path: Path) -> None:
    """The file that OpenVINO and tract read too."""
    plain_export(problem.module(), problem.zero_state(1, 1), problem.case.input_size, path)


def load(problem: Problem, path: Path) -> Step:
    """The session as the tutorial runs it."""
    return session_run(path, problem.zero_state(1, 1))
