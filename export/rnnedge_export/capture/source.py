"""A user's module seen as a function of one whole sequence: named inputs in, named outputs out."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_runtime.errors import ModelRefused

# Names under which an optional argument of `forward` is taken to be the state of the streaming convention
# `forward(x, state=None) -> (y, state)`; "hx" is torch.nn's own.
_STATE_ARGUMENTS = {"state", "states", "hx", "h0", "hidden", "hidden_state"}


@dataclass(frozen=True)
class Example:
    """The sequence a module is captured with: (batch, time, ...) in the module's own axis order."""

    tensor: Tensor
    batch_axis: int
    time_axis: int

    def resized(self, batch: int, time: int) -> Tensor:
        """The example repeated and cut to other sizes; its values stay valid inputs (token numbers too)."""
        tensor = self.tensor
        for axis, size in ((self.batch_axis, batch), (self.time_axis, time)):
            repeats = [1] * tensor.dim()
            repeats[axis] = -(-size // tensor.shape[axis])
            tensor = tensor.repeat(repeats).narrow(axis, 0, size)
        return tensor.contiguous()


def read_example(example: object, batch_axis: int, time_axis: int) -> Example:
    """Accept a tensor or a tuple holding one; raise `ModelRefused` for anything a stream cannot be made of."""
    tensors = list(example) if isinstance(example, (tuple, list)) else [example]
    if len(tensors) != 1 or not isinstance(tensors[0], Tensor):
        kinds = ", ".join(type(t).__name__ for t in tensors)
        raise ModelRefused(
            f"example: expected one tensor (batch, time, ...), found ({kinds}); leave states out, they become "
            "explicit by themselves"
        )
    tensor = tensors[0].detach().cpu()
    axes = (batch_axis, time_axis)
    if batch_axis == time_axis or not all(0 <= axis < tensor.dim() for axis in axes):
        raise ModelRefused(
            f"example: expected batch on axis {batch_axis} and time on axis {time_axis}, found shape "
            f"{tuple(tensor.shape)}; add the axis or give batch_axis and time_axis"
        )
    if not tensor.numel():
        raise ModelRefused(f"example: expected at least one frame, found shape {tuple(tensor.shape)}")
    if tensor.dtype not in (torch.float32, torch.int64):
        raise ModelRefused(f"example: expected float32 (or int64 tokens), found {tensor.dtype}; convert it")
    return Example(tensor, batch_axis, time_axis)


class Source(nn.Module):
    """Wraps a module so that calling it gives a flat tuple of outputs, states left out.

    1. One tensor: named "y". A dict: its keys. A named tuple: its fields. A tuple: "y", "y1", "y2", ...
    2. The convention `forward(x, state=None) -> (y, state)`, which torch.nn.RNN/GRU/LSTM follow: the pair's second
       member is the state, which becomes explicit by itself, so it is not an output.
    """

    def __init__(self, module: nn.Module) -> None:
        """Wrap `module`; `output_names` is known after the first call."""
        super().__init__()
        self.module = module
        self.input_name, self._returns_state = _read_signature(module)
        self.output_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What messages call the module."""
        return type(self.module).__name__

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Call the module on whole sequences."""
        named = self._named(self.module(x))
        self.output_names = tuple(named)
        return tuple(named.values())

    def _named(self, result: Any) -> dict[str, Tensor]:
        if self._returns_state and isinstance(result, tuple) and len(result) == 2:
            result = result[0]
        if isinstance(result, Tensor):
            return {"y": result}
        if isinstance(result, Mapping):
            leaves = {str(key): value for key, value in result.items()}
        elif isinstance(result, tuple) and hasattr(result, "_fields"):
            leaves = dict(zip(result._fields, result, strict=True))
        else:
            flat = list(_flatten(result))
            leaves = {f"y{i or ''}": value for i, value in enumerate(flat)}
        for name, value in leaves.items():
            if not isinstance(value, Tensor):
                raise ModelRefused(f"output {name!r}: expected a tensor, found {type(value).__name__}")
        return leaves


def weights_digest(module: nn.Module) -> str:
    """SHA-256 over the names, dtypes, shapes and bytes of a module's parameters and buffers."""
    digest = hashlib.sha256(type(module).__qualname__.encode())
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read_signature(module: nn.Module) -> tuple[str, bool]:
    parameters = [
        p
        for p in inspect.signature(module.forward).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    name = parameters[0].name if parameters else "x"
    optional = parameters[1] if len(parameters) > 1 else None
    return name, optional is not None and optional.default is None and optional.name in _STATE_ARGUMENTS


def _flatten(result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from _flatten(item)
    else:
        yield result
