"""A file next to what its user would do otherwise: PyTorch, TorchScript, a plain export and `session.run`.

All of them compute the same frames one at a time, state carried, one thread, in turns, so that a busy moment of the
machine meets everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree

from rnnedge.baselines._frame_steps import Step, eager, one_torch_thread, plain_export, torchscript
from rnnedge.sources import load_source
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.measure import percentile, sample_calls, side_by_side
from rnnedge_runtime.model import Model
from rnnedge_runtime.temporary import temporary_folder

OURS = "rnnedge"


def measure_baseline(model: Model, source: str) -> list[dict[str, Any]]:
    """Rows of `name`, `p50_us`, `p99_us` and `times`, how many times as long as ours; ours is the first.

    Raises `ModelRefused` where the source cannot be run frame by frame: that takes `forward(x, state) -> (y, state)`;
    and where it has other outputs than the file.
    """
    loaded = load_source(source)
    frame = sample_calls(model)[0]
    if isinstance(frame, dict):
        raise ModelRefused(f"{source}: expected a file of one input to compare it with, found {', '.join(frame)}")
    state, shape = _state(loaded.module, frame, source)
    ours = model.run(frame)
    # Times of two things that compute something else say nothing.
    if not isinstance(ours, dict) and ours.shape[1:] != shape:
        raise ModelRefused(
            f"{source}: expected the network that {model.name} was made from, with outputs {ours.shape[1:]} a frame, "
            f"found one with {shape}"
        )
    calls: dict[str, Callable[[], object]] = {OURS: partial(model.with_context().stream().push, frame)}
    with temporary_folder("baseline") as folder, one_torch_thread():
        for name, step in _steps(loaded.module, state, frame, folder / "plain.onnx"):
            calls[name] = partial(step, frame)
        times = side_by_side(calls)
    median = percentile(times[OURS], 50)
    return [
        {"name": name, "p50_us": percentile(t, 50), "p99_us": percentile(t, 99), "times": percentile(t, 50) / median}
        for name, t in times.items()
    ]


def _steps(module: torch.nn.Module, state: Any, frame: Array, path: Path) -> Iterator[tuple[str, Step]]:
    yield "PyTorch eager", eager(module, state)
    yield "TorchScript", torchscript(module, state)
    yield "torch.onnx.export and session.run", plain_export(module, state, frame.shape[1:], path, len(frame))


def _state(module: torch.nn.Module, frame: Array, source: str) -> tuple[Any, tuple[int, ...]]:
    """The zero state of a module that takes and gives one, and the shape of its output for a frame."""
    module.eval()
    try:
        with torch.no_grad():
            _, state = module(torch.from_numpy(frame[None]))
            still = _pytree.tree_map(torch.zeros_like, state)
            y, _ = module(torch.from_numpy(frame[None]), still)
            shape = tuple(y.shape[2:])
    # A user's forward can raise anything.
    except Exception as error:
        raise ModelRefused(
            f"{source}: cannot be timed frame by frame: expected forward(x, state) that returns (y, state), found "
            f"{type(error).__name__} when it is called so; without a state in and out, all of it is computed again"
        ) from error
    return still, shape
