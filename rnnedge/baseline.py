"""A file beside what its user would do otherwise: PyTorch, TorchScript, a plain export and `session.run`.

All of them compute the same frames one at a time, state carried, one thread, in turns, so that a busy moment of the
machine meets everybody.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree

from rnnedge.peers import Step, eager, one_torch_thread, plain_export, torchscript
from rnnedge.sources import load_source
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.measure import percentile, sample_calls, side_by_side
from rnnedge_runtime.model import Model

OURS = "rnnedge"


def measure_baseline(model: Model, source: str) -> list[dict[str, Any]]:
    """Rows of `name`, `p50_us`, `p99_us` and `times`, how many times as long as ours; ours is the first.

    Raises `ModelRefused` where the source cannot be run frame by frame: that takes `forward(x, state) -> (y, state)`.
    """
    loaded = load_source(source)
    frame = next(iter(_arrays(sample_calls(model)[0])))
    state = _state(loaded.module, frame, source)
    calls: dict[str, Callable[[], object]] = {OURS: partial(model.stream().push, frame)}
    with tempfile.TemporaryDirectory(prefix="rnnedge-baseline-") as folder, one_torch_thread():
        for name, step in _steps(loaded.module, state, frame, Path(folder) / "plain.onnx"):
            calls[name] = partial(step, frame)
        times = side_by_side(calls)
    median = percentile(times[OURS], 50)
    return [
        {"name": name, "p50_us": percentile(t, 50), "p99_us": percentile(t, 99), "times": percentile(t, 50) / median}
        for name, t in times.items()
    ]


def _steps(module: torch.nn.Module, state: Any, frame: np.ndarray[Any, Any], path: Path) -> Iterator[tuple[str, Step]]:
    yield "PyTorch eager", eager(module, state)
    yield "TorchScript", torchscript(module, state)
    yield "torch.onnx.export and session.run", plain_export(module, state, frame.shape[1:], path, len(frame))


def _state(module: torch.nn.Module, frame: np.ndarray[Any, Any], source: str) -> Any:
    """The zero state of a module that takes and gives one."""
    module.eval()
    try:
        with torch.no_grad():
            _, state = module(torch.from_numpy(frame[None]))
            still = _pytree.tree_map(torch.zeros_like, state)
            module(torch.from_numpy(frame[None]), still)
    # A user's forward can raise anything.
    except Exception as error:
        raise ModelRefused(
            f"{source}: cannot be timed frame by frame: expected forward(x, state) to return (y, state), and it fails "
            f"so ({type(error).__name__}); without a state in and out it streams only by computing everything again"
        ) from error
    return still


def _arrays(frames: Any) -> list[np.ndarray[Any, Any]]:
    return list(frames.values()) if isinstance(frames, dict) else [frames]
