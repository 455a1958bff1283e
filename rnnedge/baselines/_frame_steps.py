"""How recurrent networks are run frame by frame without rnnedge: the contenders that its figures stand next to.

Each is a function that computes one frame, carries the state to the next, and returns the output as numpy.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree

from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.engines.optimizers import leave_out

Step = Callable[[Array], Array]


def eager(module: nn.Module, state: Any) -> Step:
    """PyTorch itself under `inference_mode`: `module(x, state) -> (y, state)`, frames (1, features) float32."""
    module.eval()
    held = [state]

    def step(frame: Array) -> Array:
        with torch.inference_mode():
            y, held[0] = module(torch.from_numpy(frame[None]), held[0])
        found: Array = y.numpy()
        return found

    return step


def torchscript(module: nn.Module, state: Any) -> Step:
    """The module traced and frozen by TorchScript: `module(x, state) -> (y, state)`, frames (1, features) float32.

    The first call traces, so control flow that depends on data is fixed to what that frame takes; the calls after it
    specialise and optimise. All of them belong to the warm-up of a measurement. Raises what `torch.jit` raises.
    """
    module.eval()
    held = [state]
    traced: list[Callable[..., Any]] = []
    # Without annotations of its own.
    trace: Any = torch.jit.trace

    def step(frame: Array) -> Array:
        x = torch.from_numpy(frame[None])
        with torch.inference_mode():
            if not traced:
                with _quiet():
                    traced.append(torch.jit.freeze(trace(module, (x, _apart(held[0])))))
            y, held[0] = traced[0](x, held[0])
        found: Array = y.numpy()
        return found

    return step


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """PyTorch computes on one thread inside, as the others do; more only cost it time on a single frame."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def plain_export(
    module: nn.Module, state: Any, features: int | tuple[int, ...], path: str | os.PathLike[str], frames: int = 1
) -> Step:
    """`torch.onnx.export` with the states as arguments, run by `session.run` with numpy states, one thread.

    What its tutorial shows, with the session options that suit a single small call: no spinning, no thread pool.
    """
    module.eval()
    frame_shape = features if isinstance(features, tuple) else (features,)
    example = (torch.zeros(1, frames, *frame_shape), _apart(state))
    with _quiet():
        torch.onnx.export(module, example, os.fspath(path), dynamo=True, external_data=False, verbose=False)
    return session_run(path, state)


def session_run(path: str | os.PathLike[str], state: Any) -> Step:
    """`session.run` on a file of `plain_export`: a frame and the states in, the output and the next states out."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    leave_out(options)
    session = onnxruntime.InferenceSession(Path(path).read_bytes(), options, providers=["CPUExecutionProvider"])
    x_name, *state_names = [port.name for port in session.get_inputs()]
    held = [leaf.detach().numpy().copy() for leaf in _pytree.tree_leaves(state)]

    def step(frame: Array) -> Array:
        y, *held[:] = session.run(None, {x_name: frame[None], **dict(zip(state_names, held, strict=True))})
        found: Array = y
        return found

    return step


def _apart(state: Any) -> Any:
    """The same values in tensors of their own: torch takes one tensor in two places, as (zero, zero), for one input."""
    return _pytree.tree_map(torch.clone, state)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """torch.onnx reports its progress on stdout and warns of its internals in two ways; torch.jit warns of its age."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
